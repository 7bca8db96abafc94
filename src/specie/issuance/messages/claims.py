"""An object of this room: claims around a body, in a COSE_Sign1 (one signer) or a COSE_Sign (many).

`Signed` is what a decoded object becomes: the exact bytes stay beside what they say, since hashes and signatures are of
bytes. Nothing here verifies a signature; that is done for many objects at once by the engines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Generic, TypeVar

from specie.crypto import cose
from specie.issuance.errors import Schema
from specie.issuance.messages.wire import BODY_CLAIM, Body, id16, system_id, time_s
from specie.kernel import codec

B = TypeVar("B", bound=Body)

_CLAIM_KEYS = frozenset({1, 3, 4, 5, 6, 7, BODY_CLAIM})
_CLAIMS_NEEDED = frozenset({1, 6, 7, BODY_CLAIM})


@dataclass(frozen=True, slots=True)
class Claims:
    """The registered claims (RFC 8392) that this room uses."""

    iss: str
    """System or person that makes the object."""
    iat: int
    """When, seconds since 1970 by the maker's clock; never believed on its own (ISSUANCE-12.2.2)."""
    cti: bytes
    """16 bytes, UUIDv7: the object's id and its idempotency key."""
    aud: str | None = None
    """The one system it is addressed to."""
    exp: int | None = None
    nbf: int | None = None

    def to_wire(self, body: Body) -> dict[int, Any]:
        """The payload map, keys in the bytewise order of RFC 8949 (-70000 encodes last)."""
        answer: dict[int, Any] = {1: self.iss}
        if self.aud is not None:
            answer[3] = self.aud
        if self.exp is not None:
            answer[4] = self.exp
        if self.nbf is not None:
            answer[5] = self.nbf
        answer[6] = self.iat
        answer[7] = self.cti
        answer[BODY_CLAIM] = body.to_wire()
        return answer


def read_claims(mapping: Any) -> Claims:
    """Check the claims of a decoded payload. Raises Schema."""
    if not isinstance(mapping, dict) or not _CLAIM_KEYS.issuperset(mapping):
        raise Schema("payload is not a map of known claims")
    if not mapping.keys() >= _CLAIMS_NEEDED:
        raise Schema("claims iss, iat, cti and the body are required")
    return Claims(
        system_id(mapping[1]),
        time_s(mapping[6]),
        id16(mapping[7]),
        system_id(mapping[3]) if 3 in mapping else None,
        time_s(mapping[4]) if 4 in mapping else None,
        time_s(mapping[5]) if 5 in mapping else None,
    )


def payload_of(claims: Claims, body: Body) -> bytes:
    """The canonical payload bytes."""
    return codec.encode(claims.to_wire(body))


@dataclass(frozen=True, slots=True)
class Signed(Generic[B]):
    """A decoded object with one signature."""

    typ: str
    kid: bytes
    claims: Claims
    body: B
    data: bytes = field(repr=False)
    """The exact bytes of the whole object."""
    signature: bytes = field(repr=False, default=b"")
    tbs: bytes = field(repr=False, default=b"")
    """The Sig_structure that the signature covers."""
    alg: int = cose.EDDSA
    _hash: bytes = field(repr=False, compare=False, init=False, default=b"")

    @property
    def hash(self) -> bytes:
        """SHA-256 of the whole object: how other objects name it."""
        if not self._hash:
            object.__setattr__(self, "_hash", sha256(self.data).digest())  # asked for five times in one step
        return self._hash


def read_payload(kind: type[B], payload: bytes, *, checked: bool = False) -> tuple[Claims, B]:
    """Decode a payload. checked: the core has found it canonical, as it does when parsing. Raises Schema."""
    try:
        mapping = codec.decode_checked(payload) if checked else codec.decode(payload, bytes_max=2**18)
    except codec.Malformed as error:
        raise Schema(f"payload: {error}") from error
    claims = read_claims(mapping)
    return claims, kind.from_wire(mapping[BODY_CLAIM])  # type: ignore[index]


def tbs_hash(typ: str, kid: bytes, payload: bytes, alg: int = cose.EDDSA) -> bytes:
    """SHA-256 of the bytes to be signed: how a log names an object that its own system makes.

    The leaf commits before the signature exists, so it cannot name the finished object; the finished object gives
    the same hash back through `object_hash`.
    """
    return sha256(cose.to_be_signed(typ, kid, payload, alg)).digest()
