"""A whole issuance for tests: real keys in key files, three real stores, three engines, the people around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from specie.crypto import cose
from specie.crypto.secret import Secret
from specie.issuance import store as store_package
from specie.issuance.api import Order, Registry
from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.central_management import chores as cm_chores
from specie.issuance.engine.desk import Desk, Identity, Observer
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.issuance_system import chores as is_chores
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control import chores as qc_chores
from specie.issuance.messages.keys import KeyEntry, KeyManifest
from specie.issuance.messages.policy import Policy
from specie.issuance.protocol.keyset import root_keys
from specie.issuance.wallet.founding import Holding, Terms, first_manifest, first_policy
from specie.issuance.wallet.hand import Hand
from specie.issuance.wallet.officer import sign_manifest, sign_policy
from specie.kernel.clock import Clock, ManualClock, Randomness, SeededRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import create_schema
from specie.kms.api import KeyUri
from specie.kms.keystore import FileKeystore

START_US = 1_790_000_000_000_000
CURRENCY = "XTS"
MIGRATIONS = Path(store_package.__file__).parent / "migrations"
CM, QC, IS = "cm", "qc", "is:bank-01"
SYSTEM_ROLES = {
    CM: {"cm:cred": "ed25519", "cm:kem": "x25519", "log": "ed25519"},
    QC: {"qc:bit": "ed25519", "qc:kem": "x25519", "log": "ed25519"},
    IS: {"is:req": "ed25519", "is:unit": "ed25519", "log": "ed25519"},
}
TYPES = {
    "cm:cred": ("dc-cred", "dc-deny"),
    "qc:bit": ("dc-bit", "dc-tomb", "dc-used", "dc-deny", "dc-redeem", "dc-supply", "dc-lease"),
    "is:req": ("dc-req", "dc-pres"),
    "is:unit": ("dc-unit", "dc-acct", "dc-minted", "dc-cancel"),
    "officer": ("dc-policy", "dc-appr", "dc-pause", "dc-revoke", "dc-clock"),
    "custodian": ("dc-reserve",),
    "root": ("dc-keys", "dc-policy"),
    "owner": ("dc-redreq",),
    "bank:reg": ("dc-redreq", "bank-rcpt"),
    "cm:kem": (),
    "qc:kem": (),
}
OFFICERS = {"mina": "treasury", "omar": "risk", "ines": "treasury"}
DATABASES = {CM: "central_management", QC: "quota_control", IS: "issuance_system"}


class KeyRing:
    """Every key of the world in one keystore folder; made once, since each key file costs a scrypt."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.randomness = SeededRandomness(seed)
        self.store = FileKeystore(folder, Secret(b"passphrase of the tests"), scrypt_n=2, inline=True)
        self.kids: dict[tuple[str, str], bytes] = {}
        self.cose_keys: dict[tuple[str, str], bytes] = {}
        self.names: dict[bytes, str] = {}
        for system, roles in SYSTEM_ROLES.items():
            for role, algorithm in roles.items():
                origin = f"note:specie/dev/{system}"
                self.make(system, role, algorithm, (origin,) if role == "log" else TYPES[role])
        for person in OFFICERS:
            self.make(person, "officer", "ed25519", TYPES["officer"])
        self.make("custodian-1", "custodian", "ed25519", TYPES["custodian"])
        self.make("bank:harbour", "bank:reg", "ed25519", TYPES["bank:reg"])
        for number in range(3):
            self.make(f"root-{number}", "root", "ed25519", TYPES["root"])
        for owner in ("alice", "bob"):
            self.make(owner, "owner", "ed25519", TYPES["owner"])

    def make(self, holder: str, role: str, algorithm: str, allowed: tuple[str, ...]) -> bytes:
        """One key file; answers its key id."""
        name = f"{holder}.{role}.{len(self.names)}".replace(":", "-")
        public = self.store.create(name, algorithm, allowed, self.randomness)
        key = cose.cose_key(public.bytes, algorithm)
        kid = cose.key_id_of(key)
        self.kids[holder, role], self.cose_keys[holder, role], self.names[kid] = kid, key, name
        return kid

    def uri(self, kid: bytes) -> KeyUri:
        return self.store.uri(self.names[kid])

    def hand(self, holder: str, role: str, clock: Clock, randomness: Randomness) -> Hand:
        return Hand(holder, self.store, self.uri(self.kids[holder, role]), clock, randomness)

    def holdings(self) -> list[Holding]:
        """Everyone who stands in the first manifest."""
        return [
            Holding(key, role, holder, OFFICERS.get(holder))
            for (holder, role), key in self.cose_keys.items()
            if role not in ("root", "owner")
        ]


def terms(**changes: object) -> Terms:
    """A currency with small, round figures."""
    values: dict[str, object] = {
        "currency": CURRENCY,
        "digits": 2,
        "registry": "offline",
        "issuers": (IS,),
        "quota_control": QC,
        "stock_cap": 10_000_000,
        "daily_cap": 1_000_000,
        "request_max": 900_000,
        "automatic_max": 100_000,
        "one_officer_max": 500_000,
    }
    return Terms(**(values | changes))  # type: ignore[arg-type]


@dataclass
class House:
    """Three systems in one process, each with its own store."""

    ring: KeyRing
    databases: Mapping[str, Database]
    clock: ManualClock
    randomness: Randomness
    registries: Mapping[str, Registry] = field(default_factory=dict)
    observer: Callable[[str], Observer] = lambda system: Observer()
    desks: dict[str, Desk] = field(default_factory=dict)

    def open(self) -> House:
        """(Re)build the engines over the stores, as after a restart."""
        roots = root_keys([cose.parse_key(self.ring.cose_keys[f"root-{n}", "root"]).public for n in range(3)])
        for system in (CM, QC, IS):
            self.desks[system] = Desk(
                Identity(system, "dev", roots),
                self.databases[system],
                self.ring.store,
                self.ring.uri,
                self.clock,
                self.randomness,
                self.observer(system),
                threads=False,
            )
        kem = self.ring.kids[QC, "qc:kem"]
        secret = self.kem_secret(kem)
        self.quota_control = QuotaControlEngine(self.desks[QC], [(kem, secret)], CM, self.registries)
        self.central_management = CentralManagementEngine(self.desks[CM], {QC: self.quota_control})
        self.issuance = IssuanceSystemEngine(
            self.desks[IS], self.central_management, self.quota_control, CM, self.registries
        )
        return self

    def kem_secret(self, kid: bytes):  # type: ignore[no-untyped-def]
        import asyncio

        coroutine = self.ring.store.agreement_key(self.ring.uri(kid))
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        finally:
            coroutine.close()
        return asyncio.run(self.ring.store.agreement_key(self.ring.uri(kid)))

    def hand(self, holder: str, role: str = "officer") -> Hand:
        return self.ring.hand(holder, role, self.clock, self.randomness)

    def roots(self) -> list[Hand]:
        return [self.hand(f"root-{number}", "root") for number in range(3)]

    async def found(
        self,
        policy: Policy | None = None,
        *,
        edit: Callable[[tuple[KeyEntry, ...]], tuple[KeyEntry, ...]] = lambda entries: entries,
        **changes: object,
    ) -> None:
        """The first manifest and the first policy, at every system. edit: what to change of the manifest's entries."""
        now_s = self.clock.now_us() // 1_000_000
        manifest: KeyManifest = first_manifest("dev", self.ring.holdings(), now_s, 2)
        manifest = replace(manifest, entries=edit(manifest.entries))
        keys = await sign_manifest(manifest, self.roots()[:2])
        rules = await sign_policy(policy or first_policy("dev", terms(**changes), now_s), self.roots()[:2])
        for engine in (self.central_management, self.quota_control, self.issuance):
            await engine.rules.apply_keys(keys)
            await engine.rules.apply_policy(rules)

    async def settle(self) -> None:
        """Every system's chores until nothing is left to say."""
        for _ in range(2):
            await is_chores.step(self.issuance, patience_us=0)
            await qc_chores.step(self.quota_control, self.central_management)
            await cm_chores.step(self.central_management)

    def order(self, amount: int = 15_000, **changes: object) -> Order:
        """150.00 by default, in four units, for Alice."""
        values: dict[str, object] = {
            "currency": CURRENCY,
            "amount": amount,
            "model": 0,
            "owner": self.ring.kids["alice", "owner"],
            "denominations": ((10_000, 1), (2_000, 2), (1_000, 1)) if amount == 15_000 else ((amount, 1),),
            "purpose": "retail",
        }
        if self.registries and values["model"] == 0 and "owner" not in changes:
            # where the registry is a ledger the owner is the hash of an address
            values |= {"owner": sha256(ADDRESS).digest(), "address": ADDRESS}
        return Order(**(values | changes))  # type: ignore[arg-type]


ADDRESS = bytes(range(102))
"""As long as a ledger address; the books of `registry.py` do not look into it."""


def open_stores(folder: Path | None, clock: Clock) -> dict[str, Database]:
    """Three SQLite stores on the calling thread: in memory, or as files."""
    databases = {}
    for system, name in DATABASES.items():
        url = "sqlite://:memory:" if folder is None else f"sqlite:///{folder / name}.sqlite3"
        databases[system] = open_database(url, clock, inline=True)
        create_schema(databases[system], MIGRATIONS / name)
    return databases


def make_house(ring: KeyRing, **changes: object) -> House:
    """A house in memory, with its own clock."""
    clock = changes.get("clock") or ManualClock(START_US)
    assert isinstance(clock, ManualClock)
    values: dict[str, object] = {
        "ring": ring,
        "databases": open_stores(None, clock),
        "clock": clock,
        "randomness": SeededRandomness(7),
    }
    return House(**(values | changes)).open()  # type: ignore[arg-type]
