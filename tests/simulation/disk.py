"""The disk of one system: real SQLite whose commits are durable, behind calls that fail and crash as the seed says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from specie.kernel.db import ConnectionLost, DatabaseBusy, Transaction
from specie.kernel.db.database import InlineDatabase

if TYPE_CHECKING:
    from tests.simulation.world import Life

T = TypeVar("T")


class _Crash(Exception):
    """The power goes off inside a transaction."""


class Disk:
    """Implements `Database` for one life of a system. A dead system reads and writes nothing more."""

    def __init__(self, life: Life, inner: InlineDatabase) -> None:
        self._life = life
        self._inner = inner
        self.dialect = inner.dialect

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """One transaction: it may be refused, lost with or without its effect, or be the last thing the system does."""
        life, faults = self._life, self._life.faults
        await life.pause("write")
        if life.roll(faults.busy):
            raise DatabaseBusy("the database is busy")
        if life.roll(faults.connection):
            if life.roll(0.5):
                self._commit(work)
            raise ConnectionLost("the connection broke while committing", during_commit=True)
        if life.roll(faults.crash_disk):
            return self._die(work)
        answer = self._commit(work)
        if life.roll(faults.crash_disk):
            life.crash("after a commit")
            raise asyncio.CancelledError
        return answer

    def _commit(self, work: Callable[[Transaction], T]) -> T:
        answer = self._inner.write_now(work)
        self._life.committed()
        return answer

    def _die(self, work: Callable[[Transaction], T]) -> T:
        def cut(transaction: Transaction) -> T:
            work(transaction)
            raise _Crash

        with suppress(_Crash):
            self._inner.write_now(cut)
        self._life.crash("before a commit")
        raise asyncio.CancelledError

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """One snapshot."""
        await self._life.pause("read")
        return self._inner.read_now(work)

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        return self._inner.write_now(work)

    def read_now(self, work: Callable[[Transaction], T]) -> T:
        return self._inner.read_now(work)

    async def close(self) -> None:
        """The data outlives the system."""

    def close_now(self) -> None:
        """The data outlives the system."""


class Signer:
    """The keys of one life of a system: sometimes away, sometimes their answer is lost after they signed."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._keys = life.world.ring.store

    async def public_key(self, key):  # type: ignore[no-untyped-def]
        return await self._keys.public_key(key)

    async def sign(self, key, kind, payload, req_id):  # type: ignore[no-untyped-def]
        return (await self.sign_many(key, [(kind, payload, req_id)]))[0]

    async def sign_many(self, key, items):  # type: ignore[no-untyped-def]
        life = self._life
        await life.pause("keys")
        life.check_keys()
        signatures = await self._keys.sign_many(key, items)
        await life.pause("signed")
        life.check_keys()
        return signatures

    async def seal(self, key, plaintext, aad):  # type: ignore[no-untyped-def]
        return await self._keys.seal(key, plaintext, aad)

    async def open(self, key, sealed, aad):  # type: ignore[no-untyped-def]
        return await self._keys.open(key, sealed, aad)
