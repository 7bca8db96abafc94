"""One world: clock, network, disk, randomness and keys of three systems, all moved by one seed (ISSUANCE-21.4)."""

from __future__ import annotations

import asyncio
import contextvars
import random
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, fields
from typing import Any

from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.central_management import chores as cm_chores
from specie.issuance.engine.desk import Desk, Identity, Observer
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.issuance_system import chores as is_chores
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control import chores as qc_chores
from specie.kernel.clock import SeededRandomness
from specie.kernel.db.database import InlineDatabase
from specie.kernel.errors import Refused, Unavailable
from tests.issuance.house import CM, IS, QC, START_US, KeyRing
from tests.simulation.disk import Disk, Signer
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Remote, RemoteRegistry

SYSTEMS = (CM, QC, IS)
CURRENT: contextvars.ContextVar[Life | None] = contextvars.ContextVar("life", default=None)


@dataclass(slots=True)
class Faults:
    """How often what goes wrong, as probabilities for each chance that it has."""

    loss: float = 0.0
    delay: float = 0.0
    delay_s: float = 0.5
    duplicate: float = 0.0
    impatience: float = 0.0
    busy: float = 0.0
    connection: float = 0.0
    crash: float = 0.0
    crash_disk: float = 0.0
    keys: float = 0.0

    @classmethod
    def drawn(cls, rng: random.Random) -> Faults:
        """Each kind of fault is absent, rare or frequent, so that seeds differ in character."""
        most = {
            "loss": 0.15,
            "delay": 0.6,
            "duplicate": 0.15,
            "impatience": 0.1,
            "busy": 0.05,
            "connection": 0.03,
            "crash": 0.01,
            "crash_disk": 0.015,
            "keys": 0.05,
        }
        drawn = {name: rng.choice((0.0, 0.2, 1.0)) * limit for name, limit in most.items()}
        return cls(**drawn, delay_s=rng.choice((0.05, 0.5, 5.0)))

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        for item in fields(self):
            setattr(self, item.name, 0.0)
        self.delay_s = 0.1


class Alarms(Observer):
    """Alarms of a system; most of them must never sound in a world without adversaries."""

    EXPECTED = frozenset({"CHORE_FAILED", "UNKNOWN_KEY"})
    """Others are away; or a key was rotated without notice, and its news come late."""

    def __init__(self, world: World, system: str) -> None:
        self.world, self.system = world, system

    def alarm(self, code: str, detail: str) -> None:
        self.world.note(self.system, f"alarm {code}: {detail}")
        if code not in self.EXPECTED:
            self.world.faulty.append(f"{self.system}: alarm {code}: {detail}")


class WorldClock:
    """The clock of one system: virtual time, and by how much it is wrong."""

    def __init__(self, world: World, system: str) -> None:
        self._world, self._system = world, system

    def now_us(self) -> int:
        offset_us = self._world.offset_us[self._system]
        self._world.peak_us = max(self._world.peak_us, offset_us)
        return self._world.now_us() + offset_us


class Life:
    """One run of a system, from its start to its crash."""

    def __init__(self, world: World, system: str) -> None:
        self.world, self.system, self.alive = world, system, True
        self.tasks: set[asyncio.Task[Any]] = set()
        self.context = contextvars.copy_context()
        self.context.run(CURRENT.set, self)
        self.engine: Any = None

    @property
    def faults(self) -> Faults:
        return self.world.faults

    def roll(self, chance: float) -> bool:
        return self.world.roll(chance)

    async def pause(self, what: str) -> None:
        """A point where others run, and where this system may crash."""
        if not self.alive:
            raise asyncio.CancelledError
        if self.roll(self.faults.crash):
            self.crash(f"at {what}")
            raise asyncio.CancelledError
        await asyncio.sleep(self.world.rng.expovariate(200.0) if self.roll(0.3) else 0)
        if not self.alive:
            raise asyncio.CancelledError

    def check_keys(self) -> None:
        if self.system in self.world.keyless or self.roll(self.faults.keys):
            raise Unavailable("the keys are away")

    def crash(self, where: str) -> None:
        """Everything that runs stops where it waits; what was committed stays."""
        if not self.alive:
            return
        self.alive = False
        self.world.note(self.system, f"crash {where}")
        self.world.lives[self.system] = None
        for task in list(self.tasks):
            task.cancel()
        self.world.spawn(self.world.restart(self.system, self.world.rng.expovariate(1 / 3.0)))

    def committed(self) -> None:
        self.world.watch(self.system)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.world.loop.create_task(work, context=self.context)


@dataclass(slots=True)
class World:
    """Everything that a story touches."""

    seed: int
    rng: random.Random
    loop: VirtualLoop
    ring: KeyRing
    stores: dict[str, InlineDatabase]
    faults: Faults
    watch: Callable[[str], None] = lambda system: None
    registries: dict[str, Any] = field(default_factory=dict)
    lives: dict[str, Life | None] = field(default_factory=dict)
    offset_us: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*SYSTEMS, "people"), 0))
    cut: set[frozenset[str]] = field(default_factory=set)
    keyless: set[str] = field(default_factory=set)
    faulty: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    start_us: int = START_US
    randomness: Any = None
    resting: bool = False
    known_keys: Any = None
    peak_us: int = 0
    """By how much a clock was ever ahead."""

    def __post_init__(self) -> None:
        self.randomness = SeededRandomness(self.seed * 2 + 1)
        self.loop.set_task_factory(self._make_task)
        self.loop.set_exception_handler(lambda loop, context: self._unhandled(context))

    def _make_task(self, loop: Any, work: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        context = options.get("context")
        life = context.run(CURRENT.get) if context is not None else CURRENT.get()
        if life is not None:
            life.tasks.add(task)
            task.add_done_callback(life.tasks.discard)
        return task

    def _unhandled(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # a refusal that nobody heard, since the caller crashed, is no bug
        if isinstance(error, Exception) and not isinstance(error, Refused | Unavailable):
            self.bug("a task that nobody waits for", error)

    def now_us(self) -> int:
        return self.start_us + round(self.loop.now_s * 1_000_000)

    def roll(self, chance: float) -> bool:
        return chance > 0 and self.rng.random() < chance

    def note(self, who: str, what: str) -> None:
        self.trace.append(f"{self.loop.now_s:10.3f}  {who:<12} {what}")

    def bug(self, where: str, error: BaseException) -> None:
        """An error that is neither a refusal nor an absence: ours."""
        lines = "".join(traceback.format_exception(error)[-4:]).rstrip()
        self.note("bug", f"{where}: {type(error).__name__}: {error}")
        self.faulty.append(f"{where}: {type(error).__name__}: {error}\n{lines}")

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of the world itself: no crash ends it."""
        outside = contextvars.copy_context()
        outside.run(CURRENT.set, None)
        return self.loop.create_task(work, context=outside)

    def begin(self, target: str, path: str, args: Any, kwargs: Any) -> asyncio.Task[Any] | None:
        """Start a call at a system; None where it is down."""
        if target in self.registries:
            return self.spawn(getattr(self.registries[target], path)(*args, **kwargs))
        life = self.lives.get(target)
        if life is None:
            return None
        place = life.engine
        for name in path.split("."):
            place = getattr(place, name)
        return life.spawn(place(*args, **kwargs))

    def desk(self, system: str, database: Any, keys: Any) -> Desk:
        roots = self.ring.root_publics()
        identity = Identity(system, "dev", roots)
        clock = WorldClock(self, system)
        observer = Alarms(self, system)
        return Desk(identity, database, keys, self.ring.uri, clock, self.randomness, observer, threads=False)

    def start(self, system: str) -> None:
        """A new life over what the disk holds."""
        life = Life(self, system)
        desk = self.desk(system, Disk(life, self.stores[system]), Signer(life))
        registries = {name: RemoteRegistry(self, life, name) for name in self.registries}
        if system == QC:
            life.engine = QuotaControlEngine(desk, self.ring.kem_secrets(), CM, registries)
        elif system == CM:
            life.engine = CentralManagementEngine(desk, {QC: Remote(self, life, QC)})
        else:
            cm, qc = Remote(self, life, CM), Remote(self, life, QC)
            life.engine = IssuanceSystemEngine(desk, cm, qc, CM, registries)
        self.lives[system] = life
        life.spawn(self.do_chores(life))

    async def restart(self, system: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if self.lives[system] is None:
            self.note(system, "start")
            self.start(system)

    async def do_chores(self, life: Life) -> None:
        """A system's chores, again and again for as long as it lives."""
        while life.alive and not self.resting:
            await asyncio.sleep(self.rng.uniform(1.0, 4.0))
            if self.resting:
                return
            await self.chores_once(life)

    async def chores_once(self, life: Life, *, patience_us: int = is_chores.PATIENCE_US) -> bool:
        """One round; False where something has to be tried again."""
        try:
            if life.system == CM:
                return await cm_chores.settle(life.engine)
            if life.system == QC:
                return await qc_chores.settle(life.engine, Remote(self, life, CM))  # type: ignore[arg-type]
            return await is_chores.settle(life.engine)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.bug(f"{life.system} chores", error)
            return False

    def hand(self, holder: str, role: str = "officer") -> Any:
        """A person's signature."""
        return self.ring.hand(holder, role, WorldClock(self, "people"), self.randomness)

    def remote(self, system: str) -> Any:
        """A system as people reach it."""
        return Remote(self, None, system)
