"""COSE_Encrypt for one recipient: ECDH-ES + HKDF-256 over X25519, content A256GCM or ChaCha20/Poly1305.

    96([ << {1: alg, 16: typ, -70001: cti} >>, {5: nonce}, ciphertext,
         [[ << {1: -25} >>, {4: kid, -1: ephemeral COSE_Key}, h'' ]] ])

The external_aad is "dc/1/" || typ || cti, so the opener must know the cti before he opens: it stands in the
protected header. Source: RFC 9052 section 5, RFC 9053 sections 5.2 and 6.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from specie.crypto.core import STATUS_OK, _core, refusal_of
from specie.crypto.cose.sign1 import OBJECT_BYTES_MAX
from specie.crypto.x25519 import X25519Secret
from specie.kernel.clock import Randomness
from specie.kernel.errors import Refused

A256GCM = 3
CHACHA20_POLY1305 = 24

CREDENTIAL = "dc-cred-sealed"

_RANDOM_BYTES = 44
"""An ephemeral key of 32 bytes and a nonce of 12."""


class SealedHeaders(NamedTuple):
    """What a sealed message says of itself; authentic only once it is opened."""

    typ: str
    cti: bytes
    recipient_kid: bytes
    alg: int


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened message. Who seals is not authenticated: what is inside must be signed."""

    cti: bytes
    """16 bytes, as the header has it; the caller compares it with what is inside."""

    plaintext: bytes = field(repr=False)


# SPEC ISSUANCE-3.6.1
def seal(
    plaintext: bytes,
    recipient: bytes,
    cti: bytes,
    randomness: Randomness,
    content_alg: int = A256GCM,
    *,
    typ: str = CREDENTIAL,
) -> bytes:
    """Seal one message to an X25519 public key.

    Raises, in this order: WrongLength (recipient or cti), WrongHeader (typ or algorithm), WeakKey.
    """
    return seal_many([(plaintext, recipient, cti)], randomness, content_alg, typ=typ)[0]


def seal_many(
    items: Sequence[tuple[bytes, bytes, bytes]],
    randomness: Randomness,
    content_alg: int = A256GCM,
    *,
    typ: str = CREDENTIAL,
) -> list[bytes]:
    """Seal each (plaintext, recipient, cti), on all cores. Raises as `seal` for the first bad item."""
    random = randomness.bytes(_RANDOM_BYTES * len(items))
    return _core.ecdh_es_seal_many(list(items), random, typ, content_alg)


def read_sealed(data: bytes, *, bytes_max: int = OBJECT_BYTES_MAX) -> SealedHeaders:
    """The headers of a sealed message, without opening it: which key is it for?

    Raises, in this order: codec.TooLarge, codec.Malformed, codec.NonCanonical, WrongHeader.
    """
    return SealedHeaders._make(_core.sealed_headers(data, bytes_max))


def open_sealed(
    data: bytes, secret: X25519Secret, *, typ: str = CREDENTIAL, bytes_max: int = OBJECT_BYTES_MAX
) -> Opened:
    """Open one message.

    Raises, in this order: codec.TooLarge, codec.Malformed, codec.NonCanonical, WrongHeader (also for another
    typ), OpenFailed (also for a message to another key).
    """
    answer = open_sealed_many([data], secret, typ=typ, bytes_max=bytes_max)[0]
    if isinstance(answer, Refused):
        raise answer
    return answer


def open_sealed_many(
    datas: Sequence[bytes], secret: X25519Secret, *, typ: str = CREDENTIAL, bytes_max: int = OBJECT_BYTES_MAX
) -> list[Opened | Refused]:
    """Open each message on its own, on all cores; one that does not open has its refusal in its place."""
    return [
        Opened(cti, plaintext) if status == STATUS_OK else refusal_of(status, "the sealed message does not open")
        for status, cti, plaintext in _core.ecdh_es_open_many(list(datas), secret, typ, bytes_max)
    ]
