"""HPKE (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, all four modes, three AEADs.

`cryptography` has the single-shot base mode only, so the key schedule is written out here over its ciphers
and the core's X25519; the published vectors of all modes hold it. Names are those of the RFC.
"""

from dataclasses import dataclass, field
from hmac import digest as hmac_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from specie.crypto.errors import OpenFailed, WeakKey, WrongLength
from specie.crypto.x25519 import X25519Secret, generate_secret
from specie.kernel.clock import Randomness

AES_128_GCM = 1
AES_256_GCM = 2
CHACHA20_POLY1305 = 3

_KEY_BYTES = {AES_128_GCM: 16, AES_256_GCM: 32, CHACHA20_POLY1305: 32}
_NONCE_BYTES = 12
_HASH_BYTES = 32
_PSK_BYTES_MIN = 32

_KEM_SUITE = b"KEM\x00\x20"
_MODE_BASE, _MODE_PSK, _MODE_AUTH, _MODE_AUTH_PSK = range(4)


@dataclass(frozen=True, slots=True)
class Psk:
    """A key that both sides already share, and its name."""

    secret: bytes = field(repr=False)
    """32 bytes or more."""
    id: bytes


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac_digest(salt or bytes(_HASH_BYTES), b"HPKE-v1" + suite + label + ikm, "sha256")


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    if not 0 <= size <= 255 * _HASH_BYTES:
        raise WrongLength("HKDF gives at most 8160 bytes")
    labeled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    out, block = b"", b""
    for counter in range(1, -(-size // _HASH_BYTES) + 1):
        block = hmac_digest(prk, block + labeled + bytes([counter]), "sha256")
        out += block
    return out[:size]


class Context:
    """One direction of an exchange: the n-th seal goes with the n-th open. Prints no key, has no pickle."""

    def __init__(self, suite: bytes, aead: int, key: bytes, base_nonce: bytes, exporter: bytes) -> None:
        self._suite = suite
        self._cipher = ChaCha20Poly1305(key) if aead == CHACHA20_POLY1305 else AESGCM(key)
        self._base_nonce = int.from_bytes(base_nonce, "big")
        self._exporter = exporter
        self._sequence = 0

    def _nonce(self) -> bytes:
        if self._sequence >= (1 << (8 * _NONCE_BYTES)) - 1:
            raise WrongLength("the context has sealed all it can")
        return (self._base_nonce ^ self._sequence).to_bytes(_NONCE_BYTES, "big")

    def seal(self, aad: bytes, plaintext: bytes) -> bytes:
        """The next ciphertext."""
        ciphertext = self._cipher.encrypt(self._nonce(), plaintext, aad)
        self._sequence += 1
        return ciphertext

    def open(self, aad: bytes, ciphertext: bytes) -> bytes:
        """The next plaintext. Raises OpenFailed; the context then still waits for the same message."""
        try:
            plaintext = self._cipher.decrypt(self._nonce(), ciphertext, aad)
        except InvalidTag as error:
            raise OpenFailed("the message does not open") from error
        self._sequence += 1
        return plaintext

    def export(self, context: bytes, size: int) -> bytes:
        """A further secret of `size` bytes for this purpose. Raises WrongLength beyond 8160."""
        return _expand(self._suite, self._exporter, b"sec", context, size)

    def __repr__(self) -> str:
        return "Context(***)"

    def __reduce__(self) -> str:
        raise TypeError("an HPKE context cannot be pickled")


def _kem_secret(dh: bytes, kem_context: bytes) -> bytes:
    prk = _extract(_KEM_SUITE, b"", b"eae_prk", dh)
    return _expand(_KEM_SUITE, prk, b"shared_secret", kem_context, _HASH_BYTES)


def _key_schedule(shared: bytes, info: bytes, aead: int, psk: Psk | None, is_auth: bool) -> Context:
    if aead not in _KEY_BYTES:
        raise WrongLength("an AEAD that this suite does not have")
    if psk is not None and (len(psk.secret) < _PSK_BYTES_MIN or not psk.id):
        raise WrongLength("a pre-shared key has 32 bytes or more, and a name")
    suite = b"HPKE\x00\x20\x00\x01" + aead.to_bytes(2, "big")
    mode = (_MODE_AUTH_PSK if is_auth else _MODE_PSK) if psk else (_MODE_AUTH if is_auth else _MODE_BASE)
    psk_id, psk_secret = (psk.id, psk.secret) if psk else (b"", b"")
    context = bytes([mode]) + _extract(suite, b"", b"psk_id_hash", psk_id)
    context += _extract(suite, b"", b"info_hash", info)
    secret = _extract(suite, shared, b"secret", psk_secret)
    key = _expand(suite, secret, b"key", context, _KEY_BYTES[aead])
    base_nonce = _expand(suite, secret, b"base_nonce", context, _NONCE_BYTES)
    return Context(suite, aead, key, base_nonce, _expand(suite, secret, b"exp", context, _HASH_BYTES))


def setup_sender(
    recipient: bytes,
    info: bytes,
    randomness: Randomness,
    *,
    aead: int = CHACHA20_POLY1305,
    psk: Psk | None = None,
    sender: X25519Secret | None = None,
) -> tuple[bytes, Context]:
    """(encapsulated key of 32 bytes, context to seal and export). `sender` makes it an authenticated mode.

    Raises, in this order: WrongLength (keys), WeakKey, WrongLength (algorithm, pre-shared key).
    """
    ephemeral = generate_secret(randomness)
    encapsulated = ephemeral.public()
    dh, kem_context = ephemeral.exchange(recipient), encapsulated + recipient
    if sender is not None:
        dh, kem_context = dh + sender.exchange(recipient), kem_context + sender.public()
    return encapsulated, _key_schedule(_kem_secret(dh, kem_context), info, aead, psk, sender is not None)


def setup_recipient(
    encapsulated: bytes,
    secret: X25519Secret,
    info: bytes,
    *,
    aead: int = CHACHA20_POLY1305,
    psk: Psk | None = None,
    sender: bytes | None = None,
) -> Context:
    """The context to open and export. `sender`, a public key, demands that very sender.

    Raises, in this order: OpenFailed (bad encapsulated or sender key), WrongLength (algorithm, pre-shared
    key).
    """
    try:
        dh, kem_context = secret.exchange(encapsulated), encapsulated + secret.public()
        if sender is not None:
            dh, kem_context = dh + secret.exchange(sender), kem_context + sender
    except (WrongLength, WeakKey) as error:
        raise OpenFailed("the encapsulated key or the sender's key is no good") from error
    return _key_schedule(_kem_secret(dh, kem_context), info, aead, psk, sender is not None)


def seal(recipient: bytes, info: bytes, aad: bytes, plaintext: bytes, randomness: Randomness) -> bytes:
    """One message in base mode with ChaCha20-Poly1305: encapsulated key, then ciphertext."""
    encapsulated, context = setup_sender(recipient, info, randomness)
    return encapsulated + context.seal(aad, plaintext)


def open_sealed(secret: X25519Secret, info: bytes, aad: bytes, sealed: bytes) -> bytes:
    """The plaintext of `seal`. Raises OpenFailed."""
    return setup_recipient(sealed[:32], secret, info).open(aad, sealed[32:])
