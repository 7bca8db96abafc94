"""Random policies and streams of calls, told alike by the reference model and by both stores (ISSUANCE-21.3, 21.6).

The model is tests/oracle/issuance/buckets.py, written from the chapter alone. Beside it run the real engines of central
management and quota control, over SQLite and over PostgreSQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from oracle.issuance import buckets
from specie.issuance.api import Granted
from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.central_management import chores as cm_chores
from specie.issuance.engine.quota_control import chores as qc_chores
from specie.issuance.errors import Denial
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import Presentation, Request
from specie.issuance.messages.policy import ANY, Kind, Limit, Policy
from specie.issuance.wallet import officer
from specie.issuance.wallet.founding import first_policy
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import create_schema
from tests.issuance.forge import asynchronous
from tests.issuance.house import CM, CURRENCY, DATABASES, IS, MIGRATIONS, QC, START_US, House, KeyRing, terms
from tests.postgres import PostgresCluster

KINDS = {
    buckets.STOCK: Kind.STOCK,
    buckets.LIFETIME: Kind.LIFETIME,
    buckets.WINDOW: Kind.WINDOW,
    buckets.RATE: Kind.RATE,
    buckets.COUNT: Kind.COUNT,
}
START_S = START_US // 1_000_000
PHASES = (Phase.explicit, Phase.generate)
"""Without shrinking: whoever looks for a fault adds Phase.shrink."""


@st.composite
def limits(draw: st.DrawFn) -> list[buckets.Limit]:
    """Up to six limits, one of each kind and scope, tight enough to be felt."""
    found: dict[tuple[Any, ...], buckets.Limit] = {}
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        limit = buckets.Limit(
            f"limit-{len(found)}",
            kind,
            draw(st.integers(1, 6) if kind == buckets.COUNT else st.integers(1, 400)),
            CURRENCY,
            issuer=draw(st.sampled_from([None, IS, buckets.EACH])),
            purpose=draw(st.sampled_from([None, "retail", buckets.EACH])),
            unit=draw(st.sampled_from(["hour", "day", "month"])),
            zone=draw(st.sampled_from(["UTC", "Europe/Zurich", "Asia/Kolkata"])),
            refill=draw(st.integers(0, 3)),
        )
        windowed = (limit.unit, limit.zone) if kind in (buckets.WINDOW, buckets.COUNT) else ()
        found.setdefault((kind, limit.issuer, limit.purpose, *windowed), limit)
    return list(found.values())


def policy_of(model_limits: list[buckets.Limit]) -> Policy:
    """The same limits as a signed policy says them."""
    said = tuple(
        Limit(
            each.key,
            KINDS[each.kind],
            each.cap,
            CURRENCY,
            ANY if each.issuer == buckets.EACH else each.issuer,
            purpose=ANY if each.purpose == buckets.EACH else each.purpose,
            window=each.unit if each.kind in (buckets.WINDOW, buckets.COUNT) else None,
            zone=each.zone if each.kind in (buckets.WINDOW, buckets.COUNT) else None,
            refill_per_s=each.refill if each.kind == buckets.RATE else None,
        )
        for each in model_limits
    )
    policy = first_policy("dev", terms(automatic_max=800_000, one_officer_max=850_000), START_S)
    return replace(policy, limits=said)


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "submit", "use", "use", "tombstone", "revoke", "wait", "back"]),
        st.integers(0, 7),
        st.integers(1, 220),
    ),
    min_size=4,
    max_size=24,
)


@dataclass
class Twins:
    """The model and the engines, asked the same."""

    house: House
    model: buckets.Model
    given: list[tuple[bytes, Granted]] = field(default_factory=list)
    """(the model's request id, the credential)"""
    told: list[tuple[str, str]] = field(default_factory=list)

    async def play(self, steps: list[Step]) -> None:
        for name, which, amount in steps:
            if name == "wait":
                self.house.clock.advance(seconds=amount * (1, 7, 60)[which % 3])
            elif name == "back":
                self.house.clock.advance(seconds=-amount)
            elif name == "submit":
                await self.submit(which, amount)
            elif self.given:
                await getattr(self, name)(*self.given[which % len(self.given)])
            if self.told and self.told[-1][0] != self.told[-1][1]:
                return

    def note(self, expected: str, answer: Any) -> None:
        self.told.append((expected, code_of(answer)))

    def time_us(self) -> int:
        return self.house.clock.now_us()

    async def submit(self, which: int, amount: int) -> None:
        """A request that has passed C1 to C9: their clock is not the decision's (ISSUANCE-5.5.3)."""
        desk, purpose = self.house.desks[IS], ("retail", "other")[which % 2]
        owner = self.house.ring.kids["alice", "owner"]
        body = Request(CURRENCY, amount, 0, owner, purpose, ((amount, 1),))
        now_s = desk.now_s()
        claims = Claims(IS, now_s, desk.new_cti(), aud=CM, exp=now_s + 900)
        (data,) = await desk.sign_now("is:req", [(claims, body)])
        asked = buckets.Request(claims.cti, CURRENCY, IS, amount, "other", purpose)
        expected = self.model.submit(self.time_us(), asked)
        (answer,) = await self.house.central_management.submit_requests([data], peer=IS)
        if isinstance(answer, Granted):
            self.given.append((claims.cti, answer))
        self.note(expected, answer)

    async def use(self, cti: bytes, granted: Granted) -> None:
        desk = self.house.desks[IS]
        expected = self.model.use(self.time_us(), cti)
        shown = Presentation(granted.sealed, cose_hash(granted.sealed))
        claims = Claims(IS, desk.now_s(), desk.new_cti(), aud=QC)
        (data,) = await desk.sign_now("is:req", [(claims, shown)])
        (answer,) = await self.house.quota_control.control_bits([data], peer=IS)
        self.note(expected, answer)
        await qc_chores.report(self.house.quota_control, self.house.central_management)

    async def tombstone(self, cti: bytes, granted: Granted) -> None:
        """At quota control, and its signed answer at central management."""
        expected = self.model.tombstone(self.time_us(), cti)
        (closed,) = await self.house.quota_control.tombstones([(granted.cti, granted.hash)], peer=CM)
        await self.house.central_management.close([closed.answer])  # type: ignore[union-attr]
        self.told.append((expected, "USED" if closed.used else "TOMBSTONED"))  # type: ignore[union-attr]

    async def revoke(self, cti: bytes, granted: Granted) -> None:
        expected = self.model.revoke(self.time_us(), cti)
        word = await officer.revoke(self.house.hand("mina"), granted.cti, "a doubt")
        closed = await self.house.quota_control.revoke(word, peer=CM)
        # a credential that was closed before is closed all the same: the model calls every other end ALREADY_USED
        was_used = self.model.state[cti] == "USED"
        self.told.append(("ALREADY_USED" if was_used else "REVOKED", "ALREADY_USED" if closed.used else "REVOKED"))
        assert (expected == "ALREADY_USED") == (self.model.state[cti] != "REVOKED")


def cose_hash(data: bytes) -> bytes:
    from hashlib import sha256

    return sha256(data).digest()


def code_of(answer: Any) -> str:
    """The model's word for an answer."""
    if isinstance(answer, Denial):
        return answer.chapter
    if isinstance(answer, Exception):
        return repr(answer)
    return "REPLAYED" if answer.replayed else "OK"


def house_over(ring: KeyRing, urls: dict[str, str] | None, seed: int) -> House:
    """Engines over fresh stores that tell the time by one manual clock."""
    clock = ManualClock(START_US)
    databases: dict[str, Database] = {}
    for system, name in DATABASES.items():
        url = "sqlite://:memory:" if urls is None else urls[system]
        databases[system] = open_database(url, clock, inline=True, clock_override=True)
        create_schema(databases[system], MIGRATIONS / name)
    return House(ring, databases, clock, SeededRandomness(seed)).open()


def seed_of(*parts: Any) -> int:
    """Another one for every example: the keys never sign two things under one id."""
    return int.from_bytes(cose_hash(repr(parts).encode())[:8], "big")


async def tell(house: House, model_limits: list[buckets.Limit], steps: list[Step]) -> list[tuple[str, str]]:
    await house.found(policy_of(model_limits))
    twins = Twins(house, buckets.Model(model_limits))
    await twins.play(steps)
    return twins.told


# SPEC ISSUANCE-21.3, ISSUANCE-5.3.1, ISSUANCE-5.3.4, ISSUANCE-5.4.3, ISSUANCE-10.4.2
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=PHASES)
@given(model_limits=limits(), steps=STEPS)
def test_sqlite_answers_as_the_model(ring: KeyRing, model_limits: list[buckets.Limit], steps: list[Step]) -> None:
    told = asyncio.run(tell(house_over(ring, None, seed_of("sqlite", model_limits, steps)), model_limits, steps))
    assert [theirs for _, theirs in told] == [expected for expected, _ in told]


@pytest.fixture
def three_urls(postgres_cluster: PostgresCluster) -> Iterator[dict[str, str]]:
    """A database for each system."""
    names = {system: postgres_cluster.take_database() for system in DATABASES}
    yield {system: postgres_cluster.url(name) for system, name in names.items()}
    for name in names.values():
        postgres_cluster.give_back(name)


# SPEC ISSUANCE-21.3
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=PHASES)
@given(model_limits=limits(), steps=STEPS)
def test_postgresql_answers_as_the_model(
    ring: KeyRing, postgres_cluster: PostgresCluster, model_limits: list[buckets.Limit], steps: list[Step]
) -> None:
    names = {system: postgres_cluster.take_database() for system in DATABASES}
    urls = {system: postgres_cluster.url(name) for system, name in names.items()}
    house = house_over(ring, urls, seed_of("postgresql", model_limits, steps))
    try:
        told = asyncio.run(tell(house, model_limits, steps))
    finally:
        for database in house.databases.values():
            database.close_now()
        for name in names.values():
            postgres_cluster.give_back(name)
    assert [theirs for _, theirs in told] == [expected for expected, _ in told]


# SPEC ISSUANCE-21.6, ISSUANCE-20.14, ISSUANCE-9.2.2
@asynchronous
async def test_take_and_return_on_one_bucket_are_linearizable(ring: KeyRing, three_urls: dict[str, str]) -> None:
    """Two engines over one database take and let go at once: never beyond the cap, and what was let go is free."""
    clock = ManualClock(START_US)
    databases: dict[str, Database] = {}
    for system, name in DATABASES.items():
        databases[system] = open_database(three_urls[system], clock, clock_override=True)
        await asyncio.to_thread(create_schema, databases[system], MIGRATIONS / name)
    house = House(ring, databases, clock, SeededRandomness(99)).open()
    await house.found(policy_of([buckets.Limit("all", buckets.STOCK, 50, CURRENCY)]))
    again = open_database(three_urls[CM], clock, clock_override=True)
    twin = CentralManagementEngine(replace(house.desks[CM], database=again), {QC: house.quota_control})
    engines = [house.central_management, twin]
    desk = house.desks[IS]

    async def ask(number: int) -> Any:
        now_s = desk.now_s()
        claims = Claims(IS, now_s, desk.new_cti(), aud=CM, exp=now_s + 900)
        body = Request(CURRENCY, 10, 0, b"alice", "retail", ((10, 1),))
        (data,) = await desk.sign_now("is:req", [(claims, body)])
        return (await engines[number % 2].submit_requests([data], peer=IS))[0]

    async def let_go(number: int, granted: Granted) -> None:
        (closed,) = await house.quota_control.tombstones([(granted.cti, granted.hash)], peer=CM)
        await engines[number % 2].close([closed.answer])  # type: ignore[union-attr]

    held: list[Granted] = []
    for turn in range(6):
        leaving = [let_go(number + turn, granted) for number, granted in enumerate(held[:3])]
        free = 5 - len(held)
        answers = await asyncio.gather(*[ask(number) for number in range(12)], *leaving)
        fresh = [answer for answer in answers if isinstance(answer, Granted)]
        # each return stands before or after each request: between `free` and all that was let go
        assert free <= len(fresh) <= free + len(leaving)
        held = [*held[3:], *fresh] if leaving else fresh
        rows = await databases[CM].read(lambda tx: tx.all("SELECT used, reserved FROM bucket WHERE key = 'stock:XTS'"))
        assert rows == [(0, 10 * len(held))]
    await cm_chores.sign_leftovers(house.central_management)
    for database in (*databases.values(), again):
        await database.close()
