"""Where stories begin: a ring of keys, and founded stores under one of several policies, made once and copied."""

from __future__ import annotations

import asyncio
import random
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from specie.crypto import cose
from specie.issuance.messages.policy import ANY, Kind, Limit, Policy
from specie.issuance.protocol.keyset import KeySet, root_keys
from specie.issuance.wallet.founding import first_policy
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db.database import InlineDatabase
from specie.kernel.db.sqlite import SqliteSession
from tests.issuance.house import CM, CURRENCY, IS, QC, START_US, TYPES, KeyRing, make_house, terms
from tests.issuance.registry import BANK, CHAIN, BankBooks, BankReceipt, LedgerBooks, LedgerReceipt, public_of

VARIANTS = 12
ROTATED = ((QC, "qc:bit"), (CM, "cm:cred"), (IS, "is:req"), (IS, "is:unit"))


class SimRing(KeyRing):
    """The house's keys, a ledger's, and spare keys to rotate to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.make("ledger", "owner", "ed25519", ("ledger-rcpt",))
        self.spares: dict[tuple[str, str], bytes] = {}
        self.spare_keys: dict[tuple[str, str], bytes] = {}
        for holder, role in ROTATED:
            first = self.kids[holder, role], self.cose_keys[holder, role]
            self.spares[holder, role] = self.make(holder, role, "ed25519", (*TYPES[role], "dc-enrol"))
            self.spare_keys[holder, role] = self.cose_keys[holder, role]
            self.kids[holder, role], self.cose_keys[holder, role] = first
        publics = [cose.parse_key(self.cose_keys[f"root-{n}", "root"]).public for n in range(3)]
        self._roots = root_keys(publics)
        kem = self.kids[QC, "qc:kem"]
        self._kem = [(kem, asyncio.run(self.store.agreement_key(self.uri(kem))))]

    def holdings(self) -> list[Any]:
        """Everyone but the ledger, whose key no manifest names."""
        return [each for each in super().holdings() if each.holder != "ledger"]

    def root_publics(self) -> dict[bytes, bytes]:
        return self._roots

    def kem_secrets(self) -> list[Any]:
        return self._kem


@cache
def ring() -> SimRing:
    """One ring for the whole process."""
    folder = Path(tempfile.mkdtemp(prefix="specie-sim-"))
    folder.chmod(0o700)
    return SimRing(folder)


@dataclass(frozen=True, slots=True)
class Founded:
    """Stores after their founding, as bytes."""

    images: dict[str, bytes]
    policy: Policy
    online: bool


@cache
def founded(variant: int) -> Founded:
    """A founded issuance under a policy that the variant draws."""
    rng = random.Random(variant)
    online = variant % 4 == 3
    house = make_house(ring(), randomness=SeededRandomness(10_000 + variant))
    policy = drawn_policy(rng, online)
    asyncio.run(house.found(policy))
    images = {name: database._session._open().serialize() for name, database in house.databases.items()}  # type: ignore[attr-defined]
    return Founded(images, policy, online)


def drawn_policy(rng: random.Random, online: bool) -> Policy:
    """Random caps, so that some seeds run into them and others do not."""
    more: dict[str, object] = {"registry": CHAIN, "banks": (BANK,)} if online else {}
    policy = first_policy("dev", terms(**more), START_US // 1_000_000)
    limits = [
        Limit("total-supply", Kind.STOCK, rng.choice((900_000, 3_000_000, 10_000_000)), CURRENCY),
        Limit(
            "daily", Kind.WINDOW, rng.choice((400_000, 2_000_000)), CURRENCY, ANY, window="day", zone="Europe/Zurich"
        ),
        Limit("hourly", Kind.COUNT, rng.choice((8, 1000)), CURRENCY, ANY, window="hour"),
    ]
    if rng.random() < 0.5:
        limits.append(Limit("ever", Kind.LIFETIME, rng.choice((1_000_000, 20_000_000)), CURRENCY, IS))
    if rng.random() < 0.5:
        limits.append(Limit("speed", Kind.RATE, 500_000, CURRENCY, refill_per_s=rng.choice((10, 5_000))))
    if rng.random() < 0.5 and not online:
        limits.append(Limit("retail", Kind.STOCK, 2_000_000, CURRENCY, purpose="retail"))
    return replace(policy, limits=tuple(limits))


def open_stores(images: dict[str, bytes]) -> dict[str, InlineDatabase]:
    """The stores of one story, in memory; the clock is each system's own and is set by the world."""
    stores = {}
    for name, image in images.items():
        session = SqliteSession(":memory:", ManualClock(START_US))
        session._open().deserialize(image)
        stores[name] = InlineDatabase(session)
    return stores


def open_registries(world: Any) -> dict[str, Any]:
    """A ledger and a bank that keep their own books."""

    def keys() -> KeySet:
        found = [life.engine.desk.cached for life in world.lives.values() if life is not None]
        newest = max((each.keys for each in found if each is not None), key=lambda keys: keys.version, default=None)
        if newest is None:
            raise RuntimeError("no system knows the keys yet")
        world.known_keys = newest
        return newest

    def known() -> KeySet:
        try:
            return keys()
        except RuntimeError:
            return world.known_keys

    hands = {name: world.hand(*key) for name, key in ((BANK, (BANK, "bank:reg")), (CHAIN, ("ledger", "owner")))}
    return {
        BANK: BankBooks(BANK, hands[BANK], public_of(ring(), (BANK, "bank:reg")), known, BankReceipt),
        CHAIN: LedgerBooks(CHAIN, hands[CHAIN], public_of(ring(), ("ledger", "owner")), known, LedgerReceipt),
    }
