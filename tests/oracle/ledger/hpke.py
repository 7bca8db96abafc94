"""HPKE base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20Poly1305: suite 0x01. Source: RFC 9180."""

from __future__ import annotations

import hmac
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

KEM_ID, KDF_ID, AEAD_ID = 0x0020, 0x0001, 0x0003
KEM_SUITE = b"KEM" + KEM_ID.to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (KEM_ID, KDF_ID, AEAD_ID))
ENC = 32


def labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, sha256)


def labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(prk, block + text + bytes([counter]), sha256)
        out, counter = out + block, counter + 1
    return out[:length]


def shared_secret(dh: bytes, enc: bytes, public: bytes) -> bytes:
    prk = labeled_extract(KEM_SUITE, b"", b"eae_prk", dh)
    return labeled_expand(KEM_SUITE, prk, b"shared_secret", enc + public, 32)


class Context:
    """The key schedule of section 5.1, mode 0."""

    def __init__(self, secret: bytes, info: bytes) -> None:
        psk_id, info_hash = (
            labeled_extract(SUITE, b"", b"psk_id_hash", b""),
            labeled_extract(SUITE, b"", b"info_hash", info),
        )
        schedule = b"\x00" + psk_id + info_hash
        prk = labeled_extract(SUITE, secret, b"secret", b"")
        self.key = labeled_expand(SUITE, prk, b"key", schedule, 32)
        self.base_nonce = labeled_expand(SUITE, prk, b"base_nonce", schedule, 12)
        self.exporter_secret = labeled_expand(SUITE, prk, b"exp", schedule, 32)

    def nonce(self, sequence: int) -> bytes:
        return bytes(a ^ b for a, b in zip(self.base_nonce, sequence.to_bytes(12, "big"), strict=True))

    def seal(self, aad: bytes, plaintext: bytes, sequence: int = 0) -> bytes:
        return ChaCha20Poly1305(self.key).encrypt(self.nonce(sequence), plaintext, aad)

    def open(self, aad: bytes, ciphertext: bytes, sequence: int = 0) -> bytes:
        """Raises InvalidTag."""
        return ChaCha20Poly1305(self.key).decrypt(self.nonce(sequence), ciphertext, aad)

    def export(self, context: bytes, length: int) -> bytes:
        return labeled_expand(SUITE, self.exporter_secret, b"sec", context, length)


def sender(public: bytes, info: bytes, ephemeral: bytes) -> tuple[bytes, Context]:
    """(enc, context) with a given ephemeral private key."""
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = private.public_key().public_bytes_raw()
    dh = private.exchange(X25519PublicKey.from_public_bytes(public))
    return enc, Context(shared_secret(dh, enc, public), info)


def receiver(secret: bytes, info: bytes, enc: bytes) -> Context:
    private = X25519PrivateKey.from_private_bytes(secret)
    dh = private.exchange(X25519PublicKey.from_public_bytes(enc))
    return Context(shared_secret(dh, enc, private.public_key().public_bytes_raw()), info)
