"""ES256 (ECDSA over P-256 with SHA-256): for the tokens of officers only (ISSUANCE-3.3.3).

Public keys are 65 bytes (0x04 || x || y), signatures 64 bytes (r || s), as COSE has them.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from specie.crypto.errors import SignatureInvalid, WeakKey, WrongLength

PUBLIC_BYTES = 65
SIGNATURE_BYTES = 64


def check_public(public: bytes) -> None:
    """Refuse bytes that are not a point of the curve. Raises WeakKey."""
    _decode_public(public)


def _decode_public(public: bytes) -> ec.EllipticCurvePublicKey:
    if len(public) != PUBLIC_BYTES:
        raise WeakKey("an ES256 key has 65 bytes")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except ValueError as error:
        raise WeakKey("the key is not a point of P-256") from error


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Refuse a signature that is not valid. Raises SignatureInvalid, also for a bad key or length."""
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureInvalid("an ES256 signature has 64 bytes")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        _decode_public(public).verify(encode_dss_signature(r, s), message, ec.ECDSA(SHA256()))
    except (InvalidSignature, WeakKey) as error:
        raise SignatureInvalid("the ES256 signature is not valid") from error


def is_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """What `verify` decides, for a caller who counts good signatures or has a refusal of his own."""
    try:
        verify(public, message, signature)
    except SignatureInvalid:
        return False
    return True


class Es256Key:
    """A private key; prints as ***, no pickle. Signatures are deterministic (RFC 6979)."""

    __slots__ = ("_key",)

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def from_bytes(cls, secret: bytes) -> "Es256Key":
        """The key of a 32 byte scalar, big endian. Raises WrongLength, WeakKey."""
        if len(secret) != 32:
            raise WrongLength("an ES256 secret has 32 bytes")
        try:
            return cls(ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))
        except ValueError as error:
            raise WeakKey("the secret is not a scalar of P-256") from error

    def public(self) -> bytes:
        """The 65 byte public key."""
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, message: bytes) -> bytes:
        """The 64 byte signature."""
        der = self._key.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
        r, s = decode_dss_signature(der)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def __repr__(self) -> str:
        return "Es256Key(***)"

    def __reduce__(self) -> str:
        raise TypeError("a private key cannot be pickled")
