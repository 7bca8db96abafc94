"""The same bank on PostgreSQL: postings race, holds end, the books agree, and an edit is found."""

from __future__ import annotations

import asyncio

import pytest

from bank.house import START_US, Town
from specie.bank import errors
from specie.bank.messages.postings import Kind
from specie.bank.store import MIGRATIONS
from specie.kernel.clock import ManualClock
from specie.kernel.db import open_database
from specie.kernel.db.migrate import run_migrations


# SPEC BANK-2.2, BANK-2.3, BANK-2.6, BANK-4.10
def test_the_bank_on_postgresql(postgres_url: str) -> None:
    async def work() -> None:
        clock = ManualClock(START_US)
        run_migrations(postgres_url, MIGRATIONS)
        database = open_database(postgres_url, clock, clock_override=True)
        town = Town(clock=clock, database=database)
        await town.found("alice", "bob")
        await town.rich("alice", 1_000)
        await town.bank.licence(b"l", "alice", 1, 2**40, coins_blocked=False)
        paid = (town.bank.transfer(str(n % 10), "alice", "bob", 10) for n in range(100))
        assert len(set(await asyncio.gather(*paid))) == 10
        with pytest.raises(errors.BalanceLow):
            await town.bank.transfer("more", "alice", "bob", 901)
        await town.bank.hold(b"h", "alice", 50, START_US // 1_000_000 + 60)
        racing = (town.bank.capture(b"h", Kind.COIN_WITHDRAW, 50), town.bank.release(b"h"))
        answers = await asyncio.gather(*racing, return_exceptions=True)
        assert sum(isinstance(answer, errors.HoldState) for answer in answers) == 1
        clock.advance(seconds=10)
        found, _ = await town.bank.statements.statement("bob", START_US // 1_000_000, START_US // 1_000_000 + 5)
        assert found.closing == 100 and len(found.rows) == 10
        await town.check()
        with pytest.raises(Exception, match="append-only"):
            await database.write(lambda tx: tx.run("DELETE FROM posting"))
        await database.write(lambda tx: tx.run("UPDATE account SET balance = balance + 1 WHERE id = 'bob'"))
        assert not (await town.bank.verify()).agrees
        await town.bank.close()
        await database.close()

    asyncio.run(work())
