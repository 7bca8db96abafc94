"""BIP-340: Schnorr signatures over secp256k1, for what is signed inside a payment channel (MICROPAY section 0).

Public keys have 32 bytes (x only), messages 32, signatures 64. The work is done by libsecp256k1.
"""

from collections.abc import Sequence

from specie.crypto.core import _core
from specie.crypto.errors import SignatureInvalid

PUBLIC_BYTES = 32
SECRET_BYTES = 32
MESSAGE_BYTES = 32
SIGNATURE_BYTES = 64
RANDOM_BYTES = 32


def derive_public(secret: bytes) -> bytes:
    """The public key of a secret. Raises WrongLength, WeakKey (zero, or not below the order of the group)."""
    return _core.bip340_public(secret)


# SPEC LEDGER-2.9
def sign(secret: bytes, message: bytes, random: bytes) -> bytes:
    """Sign 32 bytes; the nonce depends on the secret, the message and 32 random bytes.

    Raises WrongLength, WeakKey.
    """
    return _core.bip340_sign(secret, message, random)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Refuse a signature that is not valid. Raises SignatureInvalid, also for bytes of a wrong length."""
    if not is_signature(public, message, signature):
        raise SignatureInvalid("the BIP-340 signature is not valid")


def is_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """What `verify` decides, for a caller who has a refusal of his own."""
    return _core.bip340_verify_many([public], [message], [signature]) == b"\x01"


def verify_many(publics: Sequence[bytes], messages: Sequence[bytes], signatures: Sequence[bytes]) -> list[bool]:
    """For each item the answer that single verification gives; on all cores, the interpreter lock released.

    Raises WrongLength if the lists differ in length.
    """
    answers = _core.bip340_verify_many(list(publics), list(messages), list(signatures))
    return [answer == 1 for answer in answers]
