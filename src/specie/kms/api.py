"""What other rooms may ask of keys: nothing else of this room crosses rooms (KMS section 6.6)."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from specie.kms.messages import KeyUri, PayloadKind, PublicKey, Signature

__all__ = ["KeyUri", "Keys", "PayloadKind", "PublicKey", "Signature"]


# SPEC KMS-6.10
@runtime_checkable
class Keys(Protocol):
    """Signs, seals and opens with keys that the caller never sees.

    Every method raises NotFound, and Unreadable or Permissions where keys are files; KmsUnavailable means:
    again.
    """

    async def public_key(self, key: KeyUri) -> PublicKey:
        """What everybody may know of the key."""
        ...

    async def sign(self, key: KeyUri, kind: PayloadKind, payload: bytes, req_id: bytes) -> Signature:
        """A signature over the payload, which is parsed as its kind first. req_id: 16 bytes.

        Raises, in this order: NotFound, WrongUse, PolicyDenied, ReqIdReused.
        """
        ...

    async def sign_many(self, key: KeyUri, items: Sequence[tuple[PayloadKind, bytes, bytes]]) -> Sequence[Signature]:
        """Sign each (kind, payload, req_id), all or none. Raises as `sign` for the first bad item."""
        ...

    async def seal(self, key: KeyUri, plaintext: bytes, aad: bytes) -> bytes:
        """Encrypt under a symmetric key (AES-256-GCM-SIV), bound to `aad`. Raises NotFound, WrongUse."""
        ...

    async def open(self, key: KeyUri, sealed: bytes, aad: bytes) -> bytes:
        """The plaintext. Raises, in this order: NotFound, WrongUse, crypto.OpenFailed."""
        ...
