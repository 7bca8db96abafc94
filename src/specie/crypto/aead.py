"""Authenticated encryption with associated data, HKDF and scrypt, over `cryptography`.

AES-256-GCM-SIV (RFC 8452) forgives a repeated nonce: it then shows only that two messages were equal.
"""

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from specie.crypto.errors import OpenFailed, WrongLength

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


class _Aead:
    """A cipher under one key; 12 byte nonces, 16 byte tags at the end; prints as ***."""

    __slots__ = ("_cipher",)

    def __init__(self, cipher: _Cipher) -> None:
        self._cipher = cipher

    def seal(self, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
        """Ciphertext and tag. Raises WrongLength for a nonce that has not 12 bytes."""
        if len(nonce) != NONCE_BYTES:
            raise WrongLength("a nonce has 12 bytes")
        return self._cipher.encrypt(nonce, plaintext, aad)

    def open(self, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        """The plaintext. Raises WrongLength for the nonce, then OpenFailed."""
        if len(nonce) != NONCE_BYTES:
            raise WrongLength("a nonce has 12 bytes")
        try:
            return self._cipher.decrypt(nonce, ciphertext, aad)
        except InvalidTag as error:
            raise OpenFailed("the ciphertext does not open under this key and context") from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __reduce__(self) -> str:
        raise TypeError("a cipher with its key cannot be pickled")


class Aes256GcmSiv(_Aead):
    """AES-256-GCM-SIV (RFC 8452)."""

    def __init__(self, key: bytes) -> None:
        super().__init__(AESGCMSIV(_check_key(key)))


class Aes256Gcm(_Aead):
    """AES-256-GCM (NIST SP 800-38D)."""

    def __init__(self, key: bytes) -> None:
        super().__init__(AESGCM(_check_key(key)))


class ChaCha20Poly1305Aead(_Aead):
    """ChaCha20-Poly1305 (RFC 8439)."""

    def __init__(self, key: bytes) -> None:
        super().__init__(ChaCha20Poly1305(_check_key(key)))


def _check_key(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise WrongLength("a key has 32 bytes")
    return key


def derive_hkdf(secret: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """HKDF-SHA-256 (RFC 5869). Raises WrongLength for more than 8160 bytes."""
    if not 0 < size <= 255 * 32:
        raise WrongLength("HKDF gives 1 to 8160 bytes")
    return HKDF(SHA256(), size, salt, info).derive(secret)


def derive_scrypt(passphrase: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    """A 32 byte key from a passphrase (RFC 7914); takes 128 * n * r bytes of memory."""
    return Scrypt(salt, KEY_BYTES, n, r, p).derive(passphrase)
