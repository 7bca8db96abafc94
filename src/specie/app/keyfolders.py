"""Key files of systems and persons below the data folder: one folder and one passphrase for each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from specie.app.config.errors import ValueInvalid
from specie.app.config.model import Config
from specie.app.config.secrets import read_private
from specie.crypto import cose
from specie.crypto.ed25519 import SigningKey
from specie.crypto.es256 import Es256Key
from specie.crypto.secret import Secret
from specie.crypto.x25519 import X25519Secret
from specie.issuance.wallet.hand import Hand
from specie.kernel.clock import Clock, Randomness
from specie.kms.keystore import FileKeystore

SCRYPT_N_DEV = 2**12
SCRYPT_N = 2**15
ALLOWED = {
    "cm:cred": ("dc-cred", "dc-deny", "dc-revoke"),
    "qc:bit": ("dc-bit", "dc-tomb", "dc-used", "dc-deny", "dc-redeem", "dc-supply", "dc-lease"),
    "is:req": ("dc-req", "dc-pres"),
    "is:unit": ("dc-unit", "dc-acct", "dc-minted", "dc-cancel", "op:16"),
    "officer": ("dc-policy", "dc-appr", "dc-pause", "dc-revoke", "dc-clock"),
    "custodian": ("dc-reserve",),
    "root": ("dc-keys", "dc-policy"),
    "owner": ("dc-redreq",),
    "cm:kem": (),
    "qc:kem": (),
}


def scrypt_n(config: Config) -> int:
    """A sandbox opens its key files faster; its passphrases lie beside them anyway."""
    return SCRYPT_N_DEV if config.environment == "dev" else SCRYPT_N


def allowed_of(role: str, system: str, environment: str) -> tuple[str, ...]:
    """What a key of this role may sign, with the enrolment that asks for its admission."""
    if role == "log":
        return (f"note:specie/{environment}/{system}", "dc-enrol")
    return (*ALLOWED[role], "dc-enrol") if role not in ("root", "owner") else ALLOWED[role]


def add_key(store: FileKeystore, algorithm: str, allowed: Sequence[str], randomness: Randomness) -> tuple[bytes, bytes]:
    """A new key file named by its key id. Answers (key id, COSE_Key)."""
    secret = randomness.bytes(32)
    if algorithm == "ed25519":
        public = SigningKey.from_seed(secret).public()
    elif algorithm == "x25519":
        public = X25519Secret.from_bytes(secret).public()
    else:
        public = Es256Key.from_bytes(secret).public()
    key = cose.cose_key(public, algorithm)
    kid = cose.key_id_of(key)
    store.add(kid.hex(), algorithm, allowed, Secret(secret), randomness)
    return kid, key


def write_private(path: Path, data: bytes) -> None:
    """A file of mode 0600 that was not there. Raises FileExistsError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)


@dataclass(frozen=True, slots=True)
class People:
    """The key files of persons below the data folder: one folder and passphrase for each."""

    config: Config
    clock: Clock
    randomness: Randomness

    def folder(self, person: str) -> Path:
        return self.config.data_dir / "people" / person

    def store(self, person: str) -> FileKeystore:
        folder = self.folder(person)
        return FileKeystore(
            folder / "keys", Secret(read_private(folder / "passphrase")), scrypt_n=scrypt_n(self.config)
        )

    def make(self, person: str, role: str, algorithm: str = "ed25519") -> tuple[bytes, bytes]:
        """A person's key. Answers (key id, COSE_Key)."""
        folder = self.folder(person)
        if not (folder / "passphrase").exists():
            write_private(folder / "passphrase", secrets.token_urlsafe(24).encode() + b"\n")
        return add_key(
            self.store(person), algorithm, allowed_of(role, person, self.config.environment), self.randomness
        )

    def make_named(self, person: str, name: str, algorithm: str, allowed: Sequence[str]) -> bytes:
        """A key with a name of its own, beside the others of this holder. Answers its COSE_Key."""
        folder = self.folder(person)
        if not (folder / "passphrase").exists():
            write_private(folder / "passphrase", secrets.token_urlsafe(24).encode() + b"\n")
        secret = self.randomness.bytes(32)
        self.store(person).add(name, algorithm, allowed, Secret(secret), self.randomness)
        return cose.cose_key(SigningKey.from_seed(secret).public())

    async def public(self, person: str, name: str) -> bytes:
        """A named key's public half."""
        store = self.store(person)
        return (await store.public_key(store.uri(name))).bytes

    def known(self) -> list[str]:
        root = self.config.data_dir / "people"
        return sorted(path.name for path in root.glob("*") if (path / "keys").is_dir()) if root.is_dir() else []

    def hand(self, person: str) -> Hand:
        """The person's signature with the newest of his keys. Raises ValueInvalid for nobody."""
        if person not in self.known():
            raise ValueInvalid(f"{person} has no keys here; known are: {', '.join(self.known())}")
        store = self.store(person)
        (newest,) = sorted(
            store.key_ids(), key=lambda name: (self.folder(person) / "keys" / f"{name}.key").stat().st_mtime
        )[-1:]
        return Hand(person, store, store.uri(newest), self.clock, self.randomness)


def system_store(config: Config, role: str) -> FileKeystore:
    """The key files of a system. Raises FileUnreadable."""
    from specie.app.config.secrets import passphrase_of

    system = config.system(role)
    return FileKeystore(system.keys_dir, passphrase_of(system), scrypt_n=scrypt_n(config))


def ensure_passphrase(config: Config, role: str) -> None:
    """A system's passphrase file, unless the passphrase comes from elsewhere."""
    system = config.system(role)
    if not system.passphrase_file.exists() and system.passphrase is None:
        write_private(system.passphrase_file, secrets.token_urlsafe(24).encode() + b"\n")
