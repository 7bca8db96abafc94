"""Keys and databases that are slow or away: the real ones behind a switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from specie.kernel.db import Database, DatabaseBusy, Transaction
from specie.kernel.errors import Unavailable

T = TypeVar("T")


class SwitchedKeys:
    """Keys that answer, refuse to (`away`), or wait (`held`) until they are let go."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.away = False
        self.held = False
        self.entered = asyncio.Event()
        self.let_go = asyncio.Event()
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def sign_many(self, key: Any, items: Sequence[Any]) -> Any:
        self.calls += 1
        if self.away:
            raise Unavailable("the keys are away")
        if self.held:
            self.entered.set()
            await self.let_go.wait()
        return await self.real.sign_many(key, items)


class SwitchedDatabase:
    """A database that can be switched off, for good or from a certain write on."""

    def __init__(self, real: Database) -> None:
        self.real = real
        self.away = False
        self.writes_left: int | None = None
        self.dialect = real.dialect

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        if self.writes_left is not None:
            self.writes_left -= 1
            self.away = self.away or self.writes_left < 0
        self.check()
        return await self.real.write(work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        self.check()
        return await self.real.read(work)

    def check(self) -> None:
        if self.away:
            raise DatabaseBusy("the database is away")
