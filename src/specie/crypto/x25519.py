"""X25519 (RFC 7748); an exchange that gives zero is refused."""

from specie.crypto.core import _core
from specie.kernel.clock import Randomness

PUBLIC_BYTES = 32
SECRET_BYTES = 32

X25519Secret = _core.X25519Secret
"""A private key: `from_bytes(bytes)`, `public()`, `exchange(public)` (WrongLength, WeakKey); opaque."""


def generate_secret(randomness: Randomness) -> X25519Secret:
    """A new private key."""
    return X25519Secret.from_bytes(randomness.bytes(SECRET_BYTES))
