"""Ed25519 (RFC 8032) under the strict rule: no cofactor, S < L, canonical A and R, neither of small order.

Every system verifies through this file, so two of them never disagree on a signature.
"""

from collections.abc import Sequence

from specie.crypto.core import _core
from specie.crypto.errors import SignatureInvalid, WeakKey
from specie.kernel.clock import Randomness

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
SEED_BYTES = 32

SigningKey = _core.SigningKey
"""A private key: `from_seed(seed)`, `public()`, `sign(message)`, `sign_many(messages)`; opaque otherwise."""


def generate_key(randomness: Randomness) -> SigningKey:
    """A new private key."""
    return SigningKey.from_seed(randomness.bytes(SEED_BYTES))


def check_public(public: bytes) -> None:
    """Refuse a public key that must not be registered.

    Raises WeakKey.  Spec: ISSUANCE-3.4.1.
    """
    # SPEC ISSUANCE-3.4.1
    if not _core.ed25519_check_public(public):
        raise WeakKey("the key is not canonical, not on the curve or of small order")


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Refuse a signature that is not valid.

    Raises SignatureInvalid, also for bytes of a wrong length.  Spec: ISSUANCE-3.4.2, ISSUANCE-3.4.3.
    """
    # SPEC ISSUANCE-3.4.2, ISSUANCE-3.4.3
    if _core.ed25519_verify_many([public], [message], [signature]) != b"\x01":
        raise SignatureInvalid("the Ed25519 signature is not valid")


def is_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """What `verify` decides, for a caller who counts good signatures or has a refusal of his own."""
    return _core.ed25519_verify_many([public], [message], [signature]) == b"\x01"


def is_valid_public(public: bytes) -> bool:
    """What `check_public` decides, for a caller who has a refusal of his own."""
    return _core.ed25519_check_public(public)


# SPEC ISSUANCE-3.4.4
def verify_many(publics: Sequence[bytes], messages: Sequence[bytes], signatures: Sequence[bytes]) -> list[bool]:
    """For each item the answer that single verification gives; on all cores, the interpreter lock released.

    The one `verify_` that answers: in a batch the caller decides what an invalid item means. Raises
    WrongLength if the lists differ in length.
    """
    answers = _core.ed25519_verify_many(list(publics), list(messages), list(signatures))
    return [answer == 1 for answer in answers]
