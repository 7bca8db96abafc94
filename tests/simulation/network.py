"""The network: calls that are lost, delayed, doubled, or carried out without an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from tests.simulation.world import Life, World

PATIENCE_S = 8.0


class Remote:
    """Another system as one sees it over the network: every attribute is a call."""

    def __init__(self, world: World, source: Life | None, target: str, prefix: str = "") -> None:
        self._world, self._source, self._target, self._prefix = world, source, target, prefix

    @property
    def rules(self) -> Remote:
        return Remote(self._world, self._source, self._target, "rules.")

    @property
    def log(self) -> Remote:
        return Remote(self._world, self._source, self._target, "log.")

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await carry(self._world, self._source, self._target, self._prefix + name, args, kwargs)

        return call


class RemoteRegistry:
    """An on-line registry over the network; what is pure runs here."""

    def __init__(self, world: World, source: Life | None, name: str) -> None:
        self._world, self._source, self._name = world, source, name
        registry = world.registries[name]
        self.check_receipt = registry.check_receipt
        self.check_burn = registry.check_burn

    async def register(self, registration: Any) -> Any:
        return await carry(self._world, self._source, self._name, "register", (registration,), {})

    async def cancel(self, cancel: bytes, bit: bytes) -> Any:
        return await carry(self._world, self._source, self._name, "cancel", (cancel, bit), {})

    async def receipt(self, unit_root: bytes) -> Any:
        return await carry(self._world, self._source, self._name, "receipt", (unit_root,), {})

    async def supply(self, currency: str) -> Any:
        return await carry(self._world, self._source, self._name, "supply", (currency,), {})


async def carry(world: World, source: Life | None, target: str, path: str, args: Any, kwargs: Any) -> Any:
    """One call there and back. Raises what the target raised, or Unavailable: then nobody knows whether it happened."""
    faults = world.faults
    here = source.system if source is not None else "people"
    await travel(world, here, target)
    if source is not None:
        await source.pause("call")
    task = world.begin(target, path, args, kwargs)
    if task is None:
        raise Unavailable(f"{target} is down")
    if world.roll(faults.duplicate):
        world.spawn(again(world, target, path, args, kwargs))
    patience = world.rng.uniform(0.0, 0.5) if world.roll(faults.impatience) else PATIENCE_S
    done, _ = await asyncio.wait({task}, timeout=patience)
    if not done:
        raise Unavailable(f"{target} did not answer in time")
    if task.cancelled():
        raise Unavailable(f"{target} went down")
    await travel(world, target, here)
    error = task.exception()
    if error is None:
        return task.result()
    if not isinstance(error, Refused | Unavailable):
        world.bug(f"{target}.{path}", error)
        raise Unavailable(f"{target} failed")
    raise error


async def travel(world: World, source: str, target: str) -> None:
    """One way of a message. Raises Unavailable where it is lost."""
    faults = world.faults
    if frozenset((source, target)) in world.cut or world.roll(faults.loss):
        await asyncio.sleep(world.rng.uniform(0.5, 3.0))
        raise Unavailable(f"a message between {source} and {target} was lost")
    if world.roll(faults.delay):
        await asyncio.sleep(world.rng.expovariate(1 / faults.delay_s))


async def again(world: World, target: str, path: str, args: Any, kwargs: Any) -> None:
    """The same message arrives a second time, later; its answer goes nowhere."""
    await asyncio.sleep(world.rng.expovariate(1 / 5.0))
    task = world.begin(target, path, args, kwargs)
    if task is None:
        return
    await asyncio.wait({task})
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Refused | Unavailable):
        world.bug(f"{target}.{path} (again)", error)
