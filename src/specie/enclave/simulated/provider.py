"""An enclave without hardware: the same interface over one root key of 32 bytes.

The composition keeps that root (a file of mode 0600, or sealed by the key service) and hands it in. Whoever reads it
reads everything that was ever sealed with it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from specie.crypto import ed25519
from specie.crypto.aead import KEY_BYTES, NONCE_BYTES, Aes256GcmSiv, derive_hkdf
from specie.crypto.errors import OpenFailed
from specie.crypto.secret import Secret
from specie.enclave.errors import UnsealFailed
from specie.enclave.messages import Kind, Measurement
from specie.enclave.simulated.quotes import build_quote
from specie.kernel.clock import Clock, Randomness

ROOT_BYTES = 32

_FORMAT = b"PLS1"
_SALT = b"specie/simulated-enclave/1"


class SimulatedEnclave:
    """`api.Enclave` over a root key."""

    kind: Final[Kind] = "simulated"
    assurance: Final = "simulated: whoever runs this machine can read its secrets"

    def __init__(
        self,
        root: Secret,
        *,
        measurement: bytes,
        clock: Clock,
        randomness: Randomness,
        development_root: ed25519.SigningKey | None = None,
        platform: str = "UpToDate",
    ) -> None:
        """root: 32 bytes. measurement: `measure_release` or `measure_package`. development_root: signs the quotes;
        None derives one from `root`, so that this machine vouches for itself. platform: anything but `UpToDate` makes
        quotes that every verifier refuses, for tests of that.

        Raises ValueError for a root or measurement of another length.
        """
        if len(root.reveal()) != ROOT_BYTES or len(measurement) != KEY_BYTES:
            raise ValueError("root and measurement have 32 bytes")
        self._root = root
        self._measurement = measurement
        self._clock = clock
        self._randomness = randomness
        self._platform = platform
        # not bound to the measurement: genesis and parameters name this key, and an upgrade must not change it
        self._key = ed25519.SigningKey.from_seed(self._derive(b"identity"))
        self._quoting = development_root or ed25519.SigningKey.from_seed(self._derive(b"platform"))

    @property
    def public_key(self) -> bytes:
        """Ed25519, 32 bytes."""
        return bytes(self._key.public())

    @property
    def development_root(self) -> bytes:
        """The Ed25519 key that verifiers of its quotes must be configured with."""
        return bytes(self._quoting.public())

    def measurement(self) -> Measurement:
        """What runs here; `kind` says that it is simulated."""
        signer = sha256(self.development_root).digest()
        return Measurement(self.kind, self._measurement, signer, tcb_status=self._platform)

    def quote(self, report_data: bytes) -> bytes:
        """A quote that calls itself simulated. Raises ValueError unless there are 64 bytes."""
        issued_s = self._clock.now_us() // 1_000_000
        return build_quote(self._quoting, self._measurement, report_data, issued_s, self._platform)

    def sign(self, message: bytes) -> bytes:
        """By the key of this enclave."""
        return bytes(self._key.sign(message))

    def seal(self, owner: bytes, label: str, plaintext: bytes) -> bytes:
        """`PLS1` ‖ nonce 12 ‖ ciphertext and tag (AES-256-GCM-SIV)."""
        nonce = self._randomness.bytes(NONCE_BYTES)
        cipher = Aes256GcmSiv(self.sealing_key(owner, label).reveal())
        return _FORMAT + nonce + cipher.seal(nonce, plaintext, _FORMAT + owner + label.encode())

    def unseal(self, owner: bytes, label: str, sealed: bytes) -> bytes:
        """The plaintext of `seal`. Raises UnsealFailed."""
        head = len(_FORMAT)
        nonce, ciphertext = sealed[head : head + NONCE_BYTES], sealed[head + NONCE_BYTES :]
        if sealed[:head] != _FORMAT or len(nonce) != NONCE_BYTES:
            raise UnsealFailed("these are no sealed bytes")
        cipher = Aes256GcmSiv(self.sealing_key(owner, label).reveal())
        try:
            return cipher.open(nonce, ciphertext, _FORMAT + owner + label.encode())
        except OpenFailed as error:
            raise UnsealFailed("sealed by other code, on another machine or for another purpose") from error

    # SPEC KMS-2.1
    def sealing_key(self, owner: bytes, label: str) -> Secret:
        """Bound to root, measurement, owner and label."""
        # the parts are framed: no two different sets of them give one key
        parts = (self._measurement, owner, label.encode())
        return Secret(self._derive(b"seal" + b"".join(len(part).to_bytes(4, "little") + part for part in parts)))

    def _derive(self, info: bytes) -> bytes:
        return derive_hkdf(self._root.reveal(), _SALT, info, KEY_BYTES)

    def __repr__(self) -> str:
        return f"SimulatedEnclave({self.public_key.hex()[:16]}, SIMULATED)"
