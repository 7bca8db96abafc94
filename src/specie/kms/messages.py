"""What names a key and what is known of one."""

import re
from dataclasses import dataclass
from typing import Literal

from specie.kms.errors import BadUri

PayloadKind = Literal["cose", "ledger-op", "channel", "note", "block", "ring", "raw"]
"""How the signer reads a payload: the table of KMS section 6.6; `block` (LEDGER 16.2) is chain id, height, app hash."""

Signature = bytes

KEY_ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9:._-]{0,63}")

_KMS_PATTERN = re.compile(r"kms://([a-z0-9-]{1,32})/([a-z0-9][a-z0-9:._-]{0,63})(?:\?version=([1-9][0-9]{0,8}))?")
_SEAL_PATTERN = re.compile(r"seal:([a-z0-9][a-z0-9:._-]{0,63})")


@dataclass(frozen=True, slots=True)
class KeyUri:
    """The name of a key. Build it with `parse`, `kms` or `file`."""

    scheme: Literal["kms", "file", "seal"]
    name: str
    """Key id, path or label."""
    cluster: str = ""
    """Of kms: the first 16 hex digits of the cluster id, or `local` for a key store on this machine."""
    version: int | None = None
    """Of kms: None is the current one."""

    @classmethod
    def parse(cls, text: str) -> "KeyUri":
        """Read kms://CLUSTER/KEY_ID[?version=N], file:PATH or seal:LABEL. Raises BadUri."""
        if found := _KMS_PATTERN.fullmatch(text):
            version = int(found[3]) if found[3] else None
            return cls("kms", found[2], found[1], version)
        if found := _SEAL_PATTERN.fullmatch(text):
            return cls("seal", found[1])
        path = text.removeprefix("file:")
        if path != text and path and "\0" not in path:
            return cls("file", path)
        raise BadUri("a key URI is kms://CLUSTER/KEY_ID[?version=N], file:PATH or seal:LABEL")

    @classmethod
    def kms(cls, cluster: str, key_id: str) -> "KeyUri":
        """The current version of a key of a cluster. Raises BadUri."""
        return cls.parse(f"kms://{cluster}/{key_id}")

    @classmethod
    def file(cls, path: object) -> "KeyUri":
        """An encrypted key file. Raises BadUri."""
        return cls.parse(f"file:{path}")

    def __str__(self) -> str:
        if self.scheme != "kms":
            return f"{self.scheme}:{self.name}"
        version = f"?version={self.version}" if self.version else ""
        return f"kms://{self.cluster}/{self.name}{version}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What everybody may know of a key."""

    bytes: bytes
    """32 bytes for Ed25519 and X25519, 65 for ES256, none for a symmetric key."""

    algorithm: str
    """`ed25519`, `x25519`, `es256` or `aead`."""

    mode: str
    """`file` here; `replica` or `threshold(t,n,scheme)` in a cluster."""

    assurance: str
    """What keeps the secret, in words: `software` for a file that a passphrase protects."""
