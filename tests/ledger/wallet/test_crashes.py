"""The program dies at every single step of a payment in turn; each payment still takes effect exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.wallet.town import Town, in_town
from specie.ledger.wallet.wallet import open_wallet


class Died(BaseException):
    """The process is gone; nothing of ours catches this."""


class Fuse:
    """Burns through at one step: before it, or right after it took effect."""

    def __init__(self, step: int, *, after: bool) -> None:
        self.left = step
        self.after = after
        self.burnt = False

    async def pass_through(self, work: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.burnt = True
            if self.after:
                await work()
            raise Died
        if self.burnt:
            raise Died
        return await work()


class FusedLedger:
    """Every call to the ledger is a step."""

    def __init__(self, ledger: Any, fuse: Fuse) -> None:
        self._ledger = ledger
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._fuse.pass_through(lambda: found(*arguments, **named))

        return call


class FusedDatabase:
    """Every transaction that writes is a step."""

    def __init__(self, database: Any, fuse: Fuse) -> None:
        self._database = database
        self._fuse = fuse
        self.dialect = database.dialect

    async def write(self, work: Any) -> Any:
        return await self._fuse.pass_through(lambda: self._database.write(work))

    async def read(self, work: Any) -> Any:
        return await self._database.read(work)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_payment_is_made_once_wherever_the_program_dies(after: bool) -> None:
    @in_town
    async def story(town: Town) -> None:
        alice, bob = await town.rich("alice", (100_000, 1)), await town.wallet("bob")
        database = alice.database
        paid, step, burnt = 0, 0, True
        while burnt:
            step += 1
            fuse = Fuse(step, after=after)
            fused = await open_wallet(
                FusedDatabase(database, fuse),  # type: ignore[arg-type]
                town.world(FusedLedger(town.engine, fuse)),  # type: ignore[arg-type]
            )
            try:
                await fused.sync()
                await fused.pay(bob.address(), 100, key=f"k{step}")
            except Died:
                pass
            burnt = fuse.burnt
            again = await open_wallet(database, town.world())
            await again.sync()
            payment = await again.pay(bob.address(), 100, key=f"k{step}", merge=True)
            assert payment.state == "final"
            paid += 1
            await again.sync()
            await bob.sync()
            assert (await bob.balance()).total == 100 * paid
            balance = await again.balance()
            assert balance.total == balance.available == 100_000 - (100 + payment.fee) * paid
        assert step > 10

    story()
