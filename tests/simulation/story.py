"""One story: a seed, its people and their misfortunes; then everything heals, and the books must balance."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

from specie.issuance.engine.audit import audit
from specie.kernel.errors import Refused, Unavailable
from tests.issuance.house import CM, IS, QC, START_US
from tests.simulation.founding import VARIANTS, Founded, founded, open_registries, open_stores, ring
from tests.simulation.loop import Stuck, VirtualLoop, run
from tests.simulation.people import People
from tests.simulation.watching import Watcher
from tests.simulation.world import SYSTEMS, Faults, Life, World, WorldClock

ROUNDS_MAX = 60
ACTS = {
    "order": 8,
    "collect": 4,
    "decide": 5,
    "redeem": 3,
    "freeze": 1,
    "pause": 1,
    "revoke": 1,
    "change_policy": 1,
    "rotate": 1,
    "witness": 2,
    "step_clock": 1,
    "leap": 1,
    "lose_keys": 1,
    "cut": 1,
    "pull_plug": 1,
}
WAITS_S = (0, 700, 1300, 3700)
"""Longer than what lives: requests, credentials, control bits, approvals."""
STUCK = {
    CM: "SELECT 'credential', cti FROM credential WHERE state = 0 UNION ALL"
    " SELECT 'request', cti FROM request WHERE state IN (2, 5) UNION ALL"
    " SELECT 'unsigned', cti FROM object WHERE signature IS NULL UNION ALL"
    " SELECT 'held', key FROM bucket WHERE reserved <> 0",
    QC: "SELECT 'unsigned', cti FROM object WHERE signature IS NULL UNION ALL"
    " SELECT 'unsent', key FROM outbox WHERE sent IS NULL",
    IS: "SELECT 'issue in state ' || state, id FROM issue WHERE state < 6 UNION ALL"
    " SELECT 'redemption', cti FROM redemption WHERE state = 0 UNION ALL"
    " SELECT 'unsent', key FROM outbox WHERE sent IS NULL",
}


@dataclass(slots=True)
class Outcome:
    """How a story ended."""

    seed: int
    faults: list[str]
    trace: list[str]
    figures: dict[str, int]

    @property
    def replay(self) -> str:
        return f"make sim SEED={self.seed}"


class Eye:
    """A system as the audit sees it: its desk over the plain store, at one moment."""

    def __init__(self, world: World, system: str) -> None:
        self.desk = world.desk(system, world.stores[system], None)


def tell(seed: int) -> Outcome:
    """Run the story of a seed."""
    rng = random.Random(seed)
    start = founded(seed % VARIANTS)
    loop = VirtualLoop(rng, shuffle=rng.random() < 0.5)
    world = World(seed, rng, loop, ring(), open_stores(start.images), Faults.drawn(rng))
    world.start_us = START_US + rng.randrange(86_400) * 1_000_000
    for system in SYSTEMS:
        world.stores[system]._session._clock = WorldClock(world, system)  # type: ignore[attr-defined]
        world.lives[system] = None
    world.watch = Watcher(world)
    people = People(world, start.online, start.policy)
    try:
        run(loop, live(world, people, start))
    except Stuck as error:
        world.faulty.append(str(error))
    except Exception as error:
        world.bug("the story", error)
    figures = count(world)
    for store in world.stores.values():
        store.close_now()
    return Outcome(seed, world.faulty, world.trace, figures)


async def live(world: World, people: People, start: Founded) -> None:
    """The acts, then the healing, then the reckoning."""
    if start.online:
        world.registries = open_registries(world)
    for system in SYSTEMS:
        world.start(system)
    rng = world.rng
    names, weights = list(ACTS), list(ACTS.values())
    acts = []
    for number in range(rng.randint(12, 36)):
        await asyncio.sleep(rng.expovariate(1 / 2.0))
        acts.append(world.spawn(perform(world, getattr(people, rng.choices(names, weights)[0]))))
        if number % 11 == 10:
            await reckon(world, people, "meanwhile")
    await heal(world, people, acts)
    await reckon(world, people, "at the end")
    check_ended(world, people)


async def perform(world: World, act: Any) -> None:
    try:
        await act()
    except (Refused, Unavailable) as error:
        world.note("people", f"{act.__name__}: {error}")
    except Exception as error:
        world.bug(act.__name__, error)


async def heal(world: World, people: People, acts: list[Any]) -> None:
    """Faults end, clocks are right, everybody comes back; then chores run until nothing is left to do."""
    world.note("world", "heals")
    world.faults.heal()
    world.cut.clear()
    world.keyless.clear()
    await asyncio.gather(*acts)
    # the right time is none before what any system has seen
    world.start_us += world.peak_us
    world.offset_us.update(dict.fromkeys(world.offset_us, 0))
    for scope, digest in people.pauses:
        await people.resume(scope, digest)
    world.resting = True
    while any(world.lives[system] is None for system in SYSTEMS):  # noqa: ASYNC110  virtual seconds
        await asyncio.sleep(5.0)
    await asyncio.sleep(10.0)
    for wait_s in WAITS_S:
        await asyncio.sleep(wait_s)
        await settle(world, 2 if wait_s == WAITS_S[-1] else 1)


async def settle(world: World, enough: int) -> None:
    """Chores of all systems, round after round, until some rounds in a row change nothing."""
    quiet = 0
    for _ in range(ROUNDS_MAX):
        before = [size_of(world, system) for system in SYSTEMS]
        done = [await world.chores_once(life) for life in world.lives.values() if isinstance(life, Life)]
        await asyncio.sleep(3.0)
        quiet = quiet + 1 if all(done) and before == [size_of(world, system) for system in SYSTEMS] else 0
        if quiet == enough:
            return
    world.faulty.append("the systems do not come to rest")


def size_of(world: World, system: str) -> tuple[Any, ...]:
    """What changes when something happens; denials in real time are tried again and do not count."""
    sql = "SELECT COUNT(*) FROM log WHERE object NOT IN (SELECT hash FROM object WHERE typ IN ('dc-deny', 'dc-supply'))"
    return tuple(world.stores[system].read_now(lambda tx: tx.one(sql)) or ())


async def reckon(world: World, people: People, when: str) -> None:
    """The audit must find nothing, whenever it looks: nothing runs while it reads."""
    cm, qc, issuance = (Eye(world, system) for system in SYSTEMS)
    report = await audit(cm, qc, [issuance], world.registries, witnessed=people.checkpoints)
    for each in report.differences:
        world.faulty.append(f"audit {when}: {each.id} {each.system}: {each.detail} {dict(each.figures)}")
    if not report.equation_holds:
        world.faulty.append(f"audit {when}: the supply equation does not hold: {dict(report.terms)}")


def check_ended(world: World, people: People) -> None:
    """Nothing is stuck, nothing that was handed out is gone, no serial is there twice."""
    for system, sql in STUCK.items():
        for what, name in world.stores[system].read_now(lambda tx, sql=sql: tx.all(sql)):
            world.faulty.append(f"{system}: stuck: {what} {name.hex() if isinstance(name, bytes) else name}")
    read = world.stores[IS].read_now
    kept = {row[0] for row in read(lambda tx: tx.all("SELECT data FROM unit"))}
    for units in people.units.values():
        if not kept.issuperset(units):
            world.faulty.append("units that were handed out are gone")
    receipts = {row[0] for row in read(lambda tx: tx.all("SELECT receipt FROM redemption WHERE state = 1"))}
    if not receipts.issuperset(people.receipts.values()):
        world.faulty.append("a receipt that was handed out is gone")
    check_fates(world)


def check_fates(world: World) -> None:
    """What quota control counted was minted, cancelled, or given up because its time had passed."""
    uses = world.stores[QC].read_now(lambda tx: tx.all("SELECT cid, state FROM cred_use WHERE state IN (1, 3, 4)"))
    issues = dict(
        world.stores[IS].read_now(
            lambda tx: [(row[0], (row[1], row[2])) for row in tx.all("SELECT credential, state, code FROM issue")]
        )
    )
    for cid, state in uses:
        issue, code = issues.get(cid, (None, None))
        fits = (state == 3 and issue == 6) or (state in (1, 4) and issue == 8 and code == "issuance.bit_expired")
        if not fits:
            world.faulty.append(f"use {cid.hex()} in state {state}, its issue in state {issue} ({code})")


def count(world: World) -> dict[str, int]:
    """What happened, for whoever judges whether the stories are rich enough."""
    queries = {
        "released": (IS, "SELECT COUNT(*) FROM issue WHERE state = 6"),
        "denied": (IS, "SELECT COUNT(*) FROM issue WHERE state = 7"),
        "abandoned": (IS, "SELECT COUNT(*) FROM issue WHERE state = 8"),
        "redeemed": (QC, "SELECT COUNT(*) FROM redemption"),
        "closed": (QC, "SELECT COUNT(*) FROM cred_use WHERE state IN (5, 6)"),
        "cancelled": (QC, "SELECT COUNT(*) FROM cred_use WHERE state = 4"),
        "approved": (CM, "SELECT COUNT(*) FROM approval"),
        "policies": (CM, "SELECT COUNT(*) FROM policy"),
        "manifests": (CM, "SELECT COUNT(*) FROM manifest"),
    }
    found = {}
    for name, (system, sql) in queries.items():
        row = world.stores[system].read_now(lambda tx, sql=sql: tx.one(sql))
        found[name] = int(row[0]) if row else 0
    found["crashes"] = sum(1 for line in world.trace if "  crash " in line or " crash " in line)
    return found
