"""Leases and shards (ISSUANCE section 9.4), and what comes back after a restore (17.4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from issuance.house import CM, CURRENCY, IS, MIGRATIONS, QC, TYPES, House, KeyRing, make_house, open_stores, terms
from specie.issuance.api import Granted
from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.central_management import chores as cm_chores
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.issuance_system import chores as is_chores
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control import chores as qc_chores
from specie.issuance.engine.quota_control.sharding import Shards
from specie.issuance.errors import LeaseRefused, QuotaExceededRealTime, WrongAudience
from specie.issuance.messages.objects import Lease
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.wallet import owner
from specie.issuance.wallet.founding import first_policy
from specie.kernel.clock import SeededRandomness
from specie.kernel.db import open_database
from specie.kernel.db.migrate import create_schema

SHARDS = ("qc-east", "qc-west")
SEEDS = count(100)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    ring = KeyRing(tmp_path_factory.mktemp("shards") / "keys")
    for shard in SHARDS:
        ring.make(shard, "qc:bit", "ed25519", TYPES["qc:bit"])
        ring.make(shard, "qc:kem", "x25519", ())
        ring.make(shard, "log", "ed25519", (f"note:specie/dev/{shard}",))
    return ring


def fresh_house(ring: KeyRing) -> House:
    """A house with ids of its own: the key files remember what they signed."""
    return make_house(ring, randomness=SeededRandomness(next(SEEDS)))


class Federation:
    """A root, two shards, one central management, one issuance system."""

    def __init__(self, house: House, ring: KeyRing) -> None:
        self.house = house
        self.shards = {}
        for shard in SHARDS:
            database = open_database("sqlite://:memory:", house.clock, inline=True)
            create_schema(database, MIGRATIONS / "quota_control")
            desk: Desk = replace(
                house.desks[QC],
                identity=replace(house.desks[QC].identity, system=shard),
                database=database,
                cached=None,
            )
            kem = ring.kids[shard, "qc:kem"]
            self.shards[shard] = QuotaControlEngine(desk, [(kem, house.kem_secret(kem))], CM)
        self.root = house.quota_control
        self.everyone = {QC: self.root, **self.shards}
        self.central_management = CentralManagementEngine(house.desks[CM], self.everyone)
        self.issuance = IssuanceSystemEngine(house.desks[IS], self.central_management, Shards(self.everyone, QC), CM)
        house.central_management, house.issuance = self.central_management, self.issuance

    async def found(self, stock_cap: int) -> None:
        policy = first_policy("dev", terms(stock_cap=stock_cap), self.house.clock.now_us() // 1_000_000)
        rule = replace(policy.currencies[CURRENCY], shards=SHARDS)
        await self.house.found(replace(policy, currencies={CURRENCY: rule}))
        keys = (await self.root.rules.keys_since(0))[0]
        rules = (await self.root.rules.policies_since(0))[0]
        for shard in self.shards.values():
            await shard.rules.apply_keys(keys)
            await shard.rules.apply_policy(rules)

    async def settle(self) -> None:
        await is_chores.step(self.issuance, patience_us=0)
        # the root may report a redemption before the shard has reported the use: then it tries again
        for engine in (*self.everyone.values(), self.root):
            await qc_chores.settle(engine, self.central_management)
        await cm_chores.step(self.central_management)


def run(work: object) -> None:
    asyncio.run(work)  # type: ignore[arg-type]


async def stock(engine: QuotaControlEngine, key: str = f"stock:{CURRENCY}") -> tuple[int, int]:
    """(used, reserved)"""
    found = {bucket.key: bucket for bucket in (await engine.quotas()).buckets}
    return (found[key].used, found[key].reserved) if key in found else (0, 0)


# SPEC ISSUANCE-9.4.1
def test_what_is_lent_is_reserved_and_never_more_than_the_cap(ring: KeyRing) -> None:
    async def work() -> None:
        federation = Federation(fresh_house(ring), ring)
        await federation.found(stock_cap=100_000)
        east, west = (federation.shards[name] for name in SHARDS)
        await east.borrow(federation.root, CURRENCY, 60_000)
        await west.borrow(federation.root, CURRENCY, 40_000)
        assert await stock(federation.root) == (0, 100_000)
        with pytest.raises(QuotaExceededRealTime):
            await east.borrow(federation.root, CURRENCY, 1)
        with pytest.raises(LeaseRefused):
            await federation.root.lend(CURRENCY, 1, peer="qc-north")

    run(work())


# SPEC ISSUANCE-9.4.1, ISSUANCE-9.4.2
def test_shards_issue_inside_their_leases_and_the_root_redeems(ring: KeyRing) -> None:
    async def work() -> None:
        house = fresh_house(ring)
        federation = Federation(house, ring)
        await federation.found(stock_cap=1_000_000)
        for shard in federation.shards.values():
            await shard.borrow(federation.root, CURRENCY, 45_000)
        views = await federation.issuance.issue([house.order() for _ in range(12)])
        released = [view for view in views if getattr(view, "state", "") == "released"]
        waiting = [view for view in views if getattr(view, "state", "") == "credentialed"]
        counted = [await stock(shard, f"lease:{CURRENCY}") for shard in federation.shards.values()]
        assert len(released) + len(waiting) == 12
        assert sum(used for used, _ in counted) == 15_000 * len(released)
        assert all(used <= 45_000 for used, _ in counted)
        assert {view.code for view in waiting} <= {"issuance.quota_exceeded_rt"}
        assert released and waiting
        units = await federation.issuance.units(released[0].id)
        before = await stock(federation.root)
        await federation.issuance.redeem(await owner.redeem(house.hand("alice", "owner"), units, "account"))
        after = await stock(federation.root)
        assert (before, after) == ((0, 90_000), (0, 75_000))
        await federation.settle()
        figures = {bucket.key: bucket for bucket in (await federation.central_management.quotas()).buckets}
        assert figures[f"stock:{CURRENCY}"].used == 15_000 * (len(released) - 1)

    run(work())


# SPEC ISSUANCE-9.4.2
def test_a_message_for_one_shard_is_refused_by_the_others(ring: KeyRing) -> None:
    async def work() -> None:
        house = fresh_house(ring)
        federation = Federation(house, ring)
        await federation.found(stock_cap=1_000_000)
        east, west = (federation.shards[name] for name in SHARDS)
        for shard in (east, west):
            await shard.borrow(federation.root, CURRENCY, 45_000)
        lease_for_east = await federation.root.lend(CURRENCY, 1_000, peer=SHARDS[0])
        from specie.issuance.engine.quota_control import leases

        with pytest.raises(WrongAudience):
            await leases.hold(west, lease_for_east)
        (view,) = await federation.issuance.issue([house.order()])
        units = await federation.issuance.units(view.id)
        parcel = await owner.redeem(house.hand("alice", "owner"), units, "account")
        with pytest.raises(WrongAudience):
            await east.redeem(replace(parcel, units=tuple(units)), peer=IS)

    run(work())


# SPEC ISSUANCE-9.4.1
def test_a_lease_is_handed_back_once(ring: KeyRing) -> None:
    async def work() -> None:
        house = fresh_house(ring)
        federation = Federation(house, ring)
        await federation.found(stock_cap=1_000_000)
        east = federation.shards[SHARDS[0]]
        from specie.issuance.engine.quota_control import leases

        data = await federation.root.lend(CURRENCY, 30_000, peer=SHARDS[0])
        assert await leases.hold(east, data) and not await leases.hold(east, data)
        lease = read_unverified(data, Lease)
        back = await leases.hand_back(east, lease.claims.cti, CURRENCY)
        assert back is not None
        await federation.root.return_lease(back)
        assert await stock(federation.root) == (0, 0)
        await federation.root.return_lease(back)
        assert await stock(federation.root) == (0, 0)
        with pytest.raises(LeaseRefused):
            await leases.hand_back(east, lease.claims.cti, CURRENCY)

    run(work())


# SPEC ISSUANCE-17.4, ISSUANCE-17.3
def test_a_restored_quota_control_counts_what_others_hold_of_it(ring: KeyRing, tmp_path: Path) -> None:
    async def work() -> None:
        house = fresh_house(ring)
        await house.found()
        (kept,) = await house.issuance.issue([house.order()])
        await house.settle()
        lost = open_stores(None, house.clock)[QC]
        # a store as it was at founding: the use of `kept` is gone from it, central management knows of it
        keys, rules = (await house.quota_control.rules.keys_since(0))[0], None
        rules = (await house.quota_control.rules.policies_since(0))[0]
        granted = await open_credential(house)
        house.databases = {**house.databases, QC: lost}
        house.open()
        await house.quota_control.rules.apply_keys(keys)
        await house.quota_control.rules.apply_policy(rules)
        assert await house.quota_control.take_back(house.central_management, restored=False) == 2
        assert (await stock(house.quota_control)) == (30_000, 0)
        assert await house.quota_control.take_back(house.central_management, restored=True) == 0
        # its holder shows the reserved one: it gets its bit, and nothing is counted twice
        from specie.issuance.engine.issuance_system.asking import present_objects

        (presentation,) = await present_objects(house.issuance, [granted])
        (bit,) = await house.quota_control.control_bits([presentation], peer=IS)
        assert not isinstance(bit, Exception)
        (again,) = await house.quota_control.control_bits([presentation], peer=IS)
        assert not isinstance(again, Exception) and again.bit == bit.bit and again.replayed
        assert (await stock(house.quota_control)) == (30_000, 0)
        assert (await house.issuance.show(kept.id)).state == "released"  # type: ignore[union-attr]

    run(work())


async def open_credential(house: House) -> Granted:
    """A credential that was granted and not shown yet."""
    from specie.issuance.engine.issuance_system.asking import create

    (row,) = await create(house.issuance, [house.order()], [bytes(range(16))])
    (answer,) = await house.central_management.submit_requests([row.request], peer=IS)
    assert isinstance(answer, Granted)
    return answer
