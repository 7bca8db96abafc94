"""A bank for tests: a real store, a real key file, and a few accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from specie.bank.engine.bank import BankEngine
from specie.bank.store import MIGRATIONS
from specie.crypto.secret import Secret
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import create_schema
from specie.kms.keystore import FileKeystore

BANK = "bank:harbour"
CURRENCY = "XTS"
START_US = 1_790_000_000_000_000
REGISTER_TYPES = ("dc-redreq", "bank-rcpt", "bank-stmt", "bank-pool", "bank-rep")
_stores: dict[str, FileKeystore] = {}
_seeds = count(9)
"""A key never signs two things under one id, whatever the test."""


def keystore() -> FileKeystore:
    """One key folder for all tests of the room: each key file costs a scrypt."""
    if "one" not in _stores:
        folder = Path(mkdtemp(prefix="bank-keys-"))
        folder.chmod(0o700)
        store = FileKeystore(folder, Secret(b"passphrase of the tests"), scrypt_n=2, inline=True)
        store.create("register", "ed25519", REGISTER_TYPES, SeededRandomness(5))
        store.create("log", "ed25519", (f"note:specie/dev/{BANK}",), SeededRandomness(6))
        _stores["one"] = store
    return _stores["one"]


def open_store(clock: ManualClock) -> Database:
    database = open_database("sqlite://:memory:", clock, inline=True)
    create_schema(database, MIGRATIONS)
    return database


@dataclass
class Town:
    """One bank and the time."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START_US))
    randomness: SeededRandomness = field(default_factory=lambda: SeededRandomness(next(_seeds)))
    database: Database = None  # type: ignore[assignment]
    parts: dict[str, Any] = field(default_factory=dict)
    environment: str = "dev"

    def __post_init__(self) -> None:
        if self.database is None:
            self.database = open_store(self.clock)
        self.open()

    def open(self) -> BankEngine:
        """(Re)build the engine over the store, as after a restart."""
        keys = keystore()
        self.bank = BankEngine.of(
            *(BANK, self.database, keys, keys.uri("register"), self.clock, self.randomness),
            environment=self.environment,
            **self.parts,
        )
        return self.bank

    async def found(self, *names: str) -> BankEngine:
        """A currency and customers' accounts."""
        await self.bank.accounts.open_currency(CURRENCY)
        for name in names:
            await self.bank.accounts.open(name, CURRENCY, name)
        return self.bank

    async def rich(self, name: str, amount: int) -> None:
        """Money from nowhere but in balance: an output that came to the bank's address."""
        from specie.bank.messages.postings import Kind, Order, credit, debit

        ref = self.randomness.bytes(32)
        legs = (debit("reserve:xts", amount), credit(name, amount))
        await self.bank.orders.post(Order(Kind.LEDGER_IN, ref, legs))

    async def balance(self, name: str) -> int:
        return (await self.bank.account(name)).balance

    async def check(self) -> None:
        report = await self.bank.verify()
        assert report.agrees, report.faults


def in_town(test: Callable[[Town], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test with a bank of its own; whatever happened, its books must agree afterwards."""

    def run() -> None:
        async def work() -> None:
            town = Town()
            await test(town)
            await town.check()

        asyncio.run(work())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
