"""Where the demo plays: a deployment of its own, all systems in this process, behind one door on this computer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specie.app.build import Built, build_all
from specie.app.chain.founding import read_genesis
from specie.app.chain.place import LedgerWorkplace
from specie.app.config.model import Config
from specie.app.founding import found, is_founded
from specie.app.http.server import HttpServer
from specie.app.workplace import Workplace
from specie.issuance.cli.office import Office
from specie.kernel.clock import Clock, Randomness, SystemClock, SystemRandomness
from specie.ledger.messages.genesis import Genesis

SETTLED_WITHIN_S = 8.0
LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True)
class Stage:
    """Running systems, and the way of a person to them."""

    config: Config
    built: Built
    server: HttpServer
    office: Office
    wallets: LedgerWorkplace
    genesis: Genesis

    @property
    def place(self) -> Workplace:
        place = self.office.place
        assert isinstance(place, Workplace)
        return place

    def engine(self, role: str) -> Any:
        """The engine of a system: only the audit looks at it, everything else goes through the door."""
        return self.built.parts[role].engine

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> bool:
        """Wait for the chores of the systems to bring something about; False where they do not."""
        try:
            async with asyncio.timeout(SETTLED_WITHIN_S):
                while not await holds():  # noqa: ASYNC110 - what is awaited happens behind the door
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def open_stage(
    config: Config, *, host: str = "127.0.0.1", port: int = 0, randomness: Randomness | None = None
) -> AsyncIterator[Stage]:
    """Found what is not there, start the systems and the door; close all of it at the end."""
    clock: Clock = SystemClock()
    source = randomness or SystemRandomness()
    if not is_founded(config):
        await found(config, clock, source)
    built = build_all(config, clock)
    await built.start()
    try:
        server = HttpServer(built.litestar_app(), host=host, port=port)
        await server.start()
        inner = server.url.replace("0.0.0.0", "127.0.0.1")
        place = Workplace(config, url=inner, clock=clock, randomness=source)
        try:
            wallets = LedgerWorkplace(place, delay_s=0)
            yield Stage(config, built, server, Office(place), wallets, read_genesis(config))
        finally:
            await place.close()
            await server.stop()
    finally:
        await built.stop()


def at(config: Config, folder: Path) -> Config:
    """The sandbox's configuration with another data folder, whatever else is set."""
    return Config(data_dir=folder, currency=config.currency.model_copy(update={"registry": "ledger"}))
