"""Founding a deployment: keys for every system and person, certificates, the first manifest, the first policy.

Everything is written below the data folder, each system's part in a folder of its own; nothing is overwritten. In a
real deployment the parts of people are moved to their own machines afterwards; the manifest and the policy stay valid.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from specie.app.config.errors import ValueInvalid
from specie.app.config.model import AUDITOR, SERVED, SYSTEMS, Config
from specie.app.config.secrets import read_private
from specie.app.tls import Authority
from specie.crypto import cose
from specie.crypto.ed25519 import SigningKey
from specie.crypto.es256 import Es256Key
from specie.crypto.secret import Secret
from specie.crypto.x25519 import X25519Secret
from specie.issuance.wallet.founding import Holding, Terms, first_manifest, first_policy
from specie.issuance.wallet.hand import Hand
from specie.issuance.wallet.officer import sign_manifest, sign_policy
from specie.kernel.clock import Clock, Randomness
from specie.kms.keystore import FileKeystore

SCRYPT_N_DEV = 2**12
SCRYPT_N = 2**15
KEYS_FILE, POLICY_FILE, PINS_FILE = "keys-1.cose", "policy-1.cose", "root-keys"
ROOTS = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD = 2
OFFICERS = {"mina": "treasury", "omar": "risk", "ines": "treasury"}
CUSTODIANS = ("custodian-1",)
OWNERS = ("alice", "bob")
SYSTEM_KEYS = {
    "central-management": {"cm:cred": "ed25519", "cm:kem": "x25519", "log": "ed25519"},
    "quota-control": {"qc:bit": "ed25519", "qc:kem": "x25519", "log": "ed25519"},
    "issuance": {"is:req": "ed25519", "is:unit": "ed25519", "log": "ed25519"},
}
ALLOWED = {
    "cm:cred": ("dc-cred", "dc-deny", "dc-revoke"),
    "qc:bit": ("dc-bit", "dc-tomb", "dc-used", "dc-deny", "dc-redeem", "dc-supply", "dc-lease"),
    "is:req": ("dc-req", "dc-pres"),
    "is:unit": ("dc-unit", "dc-acct", "dc-minted", "dc-cancel"),
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


def cosigned_kinds(config: Config) -> tuple[str, ...]:
    """What the auditor's witness key signs: cosignatures on the checkpoints of the three logs, and nothing else."""
    return tuple(f"cosign:specie/{config.environment}/{config.system(role).id}" for role in SYSTEMS)


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


def is_founded(config: Config) -> bool:
    return (config.data_dir / KEYS_FILE).exists()


def pinned_roots(config: Config) -> Mapping[bytes, bytes]:
    """The root keys that this deployment believes: from the configuration, else from the file written at founding.

    Raises ValueInvalid where there are none.
    """
    publics = list(config.root_keys)
    pins = config.data_dir / PINS_FILE
    if not publics and pins.exists():
        publics = [bytes.fromhex(line) for line in pins.read_text().split()]
    if not publics:
        raise ValueInvalid("no root keys are pinned; run: specie issuance init", key="issuance.root_keys")
    return {cose.key_id(public): public for public in publics}


def default_terms(config: Config) -> Terms:
    """A sandbox currency: 10,000.00 a day, automatic to 1,000.00, one officer to 5,000.00, two above."""
    unit = 10**config.currency.digits
    return Terms(
        currency=config.currency.code,
        digits=config.currency.digits,
        registry="offline",
        issuers=(config.system("issuance").id,),
        quota_control=config.system("quota-control").id,
        stock_cap=1_000_000 * unit,
        daily_cap=10_000 * unit,
        request_max=50_000 * unit,
        automatic_max=1_000 * unit,
        one_officer_max=5_000 * unit,
    )


async def found(
    config: Config,
    clock: Clock,
    randomness: Randomness,
    terms: Terms | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> None:
    """Make everything of a deployment that is not there. Raises ValueInvalid where it was founded before."""
    if is_founded(config):
        raise ValueInvalid(f"{config.data_dir} holds a deployment already", key="data_dir")
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    people = People(config, clock, randomness)
    holdings = make_keys(config, people, randomness, note)
    note("certificates of the three systems and the auditor")
    authority = Authority.create(config.data_dir / "ca", clock)
    for role in SERVED:
        system = config.system(role)
        if system.tls is not None:
            authority.issue(system.id, system.tls.certificate.parent, clock)
    note("key manifest and quota policy, version 1")
    now_s = clock.now_us() // 1_000_000
    hands = [people.hand(name) for name in ROOTS[:ROOT_THRESHOLD]]
    manifest = first_manifest(config.environment, holdings, now_s, ROOT_THRESHOLD)
    policy = first_policy(config.environment, terms or default_terms(config), now_s)
    write_private(config.data_dir / POLICY_FILE, await sign_policy(policy, hands))
    write_private(config.data_dir / KEYS_FILE, await sign_manifest(manifest, hands))


def make_keys(config: Config, people: People, randomness: Randomness, note: Callable[[str], None]) -> list[Holding]:
    """Key files of root holders, officers, custodians, owners and systems; answers the entries of the manifest."""
    note("keys of root holders, officers and owners")
    pins = [cose.parse_key(people.make(name, "root")[1]).public.hex() for name in ROOTS]
    write_private(config.data_dir / PINS_FILE, ("\n".join(pins) + "\n").encode())
    holdings = [Holding(people.make(name, "officer")[1], "officer", name, title) for name, title in OFFICERS.items()]
    holdings += [Holding(people.make(name, "custodian")[1], "custodian", name) for name in CUSTODIANS]
    for name in OWNERS:
        people.make(name, "owner")
    note("keys of central management, quota control and the issuance system")
    for role, roles in SYSTEM_KEYS.items():
        system = config.system(role)
        if not system.passphrase_file.exists() and system.passphrase is None:
            write_private(system.passphrase_file, secrets.token_urlsafe(24).encode() + b"\n")
        store = system_store(config, role)
        for key_role, algorithm in roles.items():
            _, key = add_key(store, algorithm, allowed_of(key_role, system.id, config.environment), randomness)
            holdings.append(Holding(key, key_role, system.id))
    # SPEC ISSUANCE-15.2.1, ISSUANCE-15.6.1 (it can cosign what it has seen, and sign nothing that counts)
    auditor = config.system(AUDITOR)
    if not auditor.passphrase_file.exists() and auditor.passphrase is None:
        write_private(auditor.passphrase_file, secrets.token_urlsafe(24).encode() + b"\n")
    _, key = add_key(system_store(config, AUDITOR), "ed25519", (*cosigned_kinds(config), "dc-enrol"), randomness)
    holdings.append(Holding(key, "witness", auditor.id))
    return holdings
