"""COSE_Sign: an explicit list of signatures, one for each person (ISSUANCE section 3.5).

The body's protected header is exactly {16: typ}, that of each signature exactly {1: alg, 4: kid}.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cbor2 import CBORTag

from specie.crypto.cose.sign1 import AAD_PREFIX, EDDSA, ES256, SIGNATURE_BYTES
from specie.crypto.errors import WrongHeader, WrongLength
from specie.kernel import codec

TAG = 98
TYP_BYTES_MAX = 64

# SPEC ISSUANCE-3.3.5
SIGN_BYTES_MAX = 262_144

SIGNERS_MAX = 64


class Signer(NamedTuple):
    """One person's signature, not yet verified."""

    kid: bytes
    alg: int
    signature: bytes
    tbs: bytes
    """The Sig_structure: what this signature is over."""


class Sign(NamedTuple):
    """A parsed object signed by many."""

    typ: str
    payload: bytes
    signers: tuple[Signer, ...]
    """1 to 64, each with its own kid."""


def to_be_signed_by_many(typ: str, kid: bytes, payload: bytes, alg: int = EDDSA) -> bytes:
    """The Sig_structure ["Signature", body, signer, "dc/1/" || typ, payload] of RFC 9052 section 4.4."""
    return to_be_signed_by_many_prefix(typ, kid, alg) + codec.encode(payload)


def to_be_signed_by_many_prefix(typ: str, kid: bytes, alg: int = EDDSA) -> bytes:
    """The Sig_structure up to its payload: the same for every object of one kind under one key."""
    parts = (codec.encode({16: typ}), codec.encode({1: alg, 4: kid}), AAD_PREFIX + typ.encode())
    return b"\x85\x69Signature" + b"".join(codec.encode(part) for part in parts)


def assemble_sign(typ: str, payload: bytes, signatures: Sequence[tuple[bytes, int, bytes]]) -> bytes:
    """The object, tagged 98, from (kid, alg, signature) of each person, in the order of their kids.

    Raises WrongLength unless there are 1 to 64 signatures of 64 bytes.
    """
    if not 0 < len(signatures) <= SIGNERS_MAX or any(len(one[2]) != SIGNATURE_BYTES for one in signatures):
        raise WrongLength("1 to 64 signatures of 64 bytes")
    rows = [[codec.encode({1: alg, 4: kid}), {}, value] for kid, alg, value in sorted(signatures)]
    return codec.encode(CBORTag(TAG, [codec.encode({16: typ}), {}, payload, rows]))


# SPEC ISSUANCE-3.5.1, ISSUANCE-3.5.2
def parse_sign(data: bytes, *, bytes_max: int = SIGN_BYTES_MAX) -> Sign:
    """Parse one object; no signature is verified.

    Raises, in this order: codec.TooLarge; codec.Malformed and codec.NonCanonical of the object; WrongHeader
    for its shape; the codec's of the body's header, the payload and the signers' headers, WrongHeader for
    these.
    """
    value = codec.decode(data, bytes_max=bytes_max, tags=frozenset({TAG}))
    match value:
        case CBORTag(tag=98, value=[bytes(protected), {**unprotected}, bytes(payload), [_, *_] as rows]) if (
            not unprotected and len(rows) <= SIGNERS_MAX
        ):
            pass
        case _:
            raise WrongHeader("not a COSE_Sign with an empty unprotected header and 1 to 64 signatures")
    header = codec.decode(protected, bytes_max=bytes_max)
    codec.decode(payload, bytes_max=bytes_max)
    match header:
        case {16: str(typ), **rest} if not rest and 0 < len(typ.encode()) <= TYP_BYTES_MAX:
            pass
        case _:
            raise WrongHeader("the protected header is not {16: typ}")
    signers = tuple(_parse_signer(row, typ, payload) for row in rows)
    if len({signer.kid for signer in signers}) != len(signers):
        raise WrongHeader("two signatures have the same kid")
    return Sign(typ, payload, signers)


def _parse_signer(row: object, typ: str, payload: bytes) -> Signer:
    match row:
        case [bytes(protected), {**unprotected}, bytes(signature)] if not unprotected:
            header = codec.decode(protected, bytes_max=len(protected))
        case _:
            raise WrongHeader("a signature is not [protected, {}, bytes]")
    match header:
        case {1: int(alg), 4: bytes(kid), **rest} if not rest and len(kid) == 16 and alg in (EDDSA, ES256):
            pass
        case _:
            raise WrongHeader("a signature's protected header is not {1: alg, 4: kid}")
    if len(signature) != SIGNATURE_BYTES:
        raise WrongHeader("a signature has 64 bytes")
    return Signer(kid, alg, signature, to_be_signed_by_many(typ, kid, payload, alg))
