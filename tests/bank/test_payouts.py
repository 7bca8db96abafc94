"""Pay-outs over a treasury that does what the test says: fees that change, payments that die, a reserve that is low."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from bank.house import CURRENCY, Town, in_town
from specie.bank import errors
from specie.bank.api import Arrival, Fate, FateState
from specie.bank.engine.bank import Surroundings
from specie.bank.messages.holds import OutState
from specie.bank.messages.postings import Kind, Order, credit, debit
from specie.kernel.errors import Unavailable

ADDRESS = bytes(102)


@dataclass
class Till:
    """A treasury in memory; `fates` says what becomes of the payments that are sent."""

    currency: str = CURRENCY
    fee: int = 5
    real_fee: int = 5
    next_fate: FateState = FateState.FINAL
    away: bool = False
    fates: dict[str, Fate] = field(default_factory=dict)
    built: list[str] = field(default_factory=list)

    async def address(self, name: str) -> tuple[str, bytes]:
        return name, ADDRESS

    async def price(self, address: bytes, amount: int) -> int:
        return self.fee

    async def send(self, key: str, address: bytes, amount: int) -> None:
        if self.away:
            raise Unavailable("the ledger is away")
        if key not in self.fates:
            self.built.append(key)
        self.fates[key] = Fate(self.next_fate, self.real_fee, "it expired")

    async def fate(self, key: str) -> Fate:
        return self.fates.get(key, Fate(FateState.NONE))

    async def arrivals(self) -> Sequence[Arrival]:
        return ()

    async def unspent(self) -> int:
        return 0


async def opened(town: Town) -> Till:
    till = Till()
    town.parts = {"around": Surroundings(treasuries={CURRENCY: till})}
    town.open()
    await town.found("alice", "bob")
    await town.rich("alice", 1_000)
    return till


# SPEC BANK-3.4, BANK-4.6
@in_town
async def test_money_comes_back_only_when_the_payment_is_proven_dead(town: Town) -> None:
    till = await opened(town)
    till.next_fate = FateState.OPEN
    out = await town.bank.pay_out("p", "alice", ADDRESS, 100)
    assert out.state == OutState.STARTED and await town.balance("transit:xts") == 105
    with pytest.raises(errors.AccountNotEmpty):
        await town.bank.accounts.close("alice", "leaves", "mina")
    await town.bank.accounts.freeze("alice", "asked by a court", "mina")
    assert await town.bank.settle() == 1
    assert await town.balance("alice") == 895
    till.next_fate = FateState.DEAD
    assert await town.bank.settle() == 0
    assert await town.balance("alice") == 1_000
    again = await town.bank.pay_out("p", "alice", ADDRESS, 100)
    assert again.state == OutState.BACK and len(till.built) == 1


# SPEC BANK-12.5, BANK-5.1
@in_town
async def test_the_fee_that_the_ledger_took_is_what_leaves_the_reserve(town: Town) -> None:
    till = await opened(town)
    till.real_fee = 3
    await town.bank.pay_out("cheap", "alice", ADDRESS, 100)
    assert (await town.balance("alice"), await town.balance("reserve:xts")) == (897, 897)
    till.real_fee = 9
    out = await town.bank.pay_out("dear", "alice", ADDRESS, 100)
    assert out.state == OutState.STARTED
    assert await town.balance("transit:xts") == 105
    fee = Order(Kind.FEE, b"f", (debit("alice", 50), credit("fees:xts", 50)))
    await town.bank.orders.post(fee)
    assert await town.bank.settle() == 0
    assert await town.balance("reserve:xts") == 897 - 109
    assert await town.balance("fees:xts") == 46


# SPEC BANK-5.3
@in_town
async def test_a_reserve_that_is_too_small_refuses_before_anything_is_debited(town: Town) -> None:
    till = await opened(town)
    await town.bank.orders.post(Order(Kind.BURN_IN, b"i", (debit("issued:xts", 5_000), credit("bob", 5_000))))
    with pytest.raises(errors.ReserveLow):
        await town.bank.pay_out("p", "bob", ADDRESS, 1_001)
    assert await town.balance("bob") == 5_000 and not till.built
    with pytest.raises(errors.BalanceLow):
        await town.bank.pay_out("q", "alice", ADDRESS, 1_000)


# SPEC BANK-4.3, BANK-4.4
@in_town
async def test_a_ledger_that_is_away_delays_and_loses_nothing(town: Town) -> None:
    till = await opened(town)
    till.away = True
    out = await town.bank.pay_out("p", "alice", ADDRESS, 100)
    assert out.state == OutState.STARTED
    town.open()
    assert await town.bank.settle() == 1
    till.away = False
    assert await town.bank.settle() == 0
    assert (await town.bank.payouts.show(out.id)).state == OutState.DONE


# SPEC BANK-11.1
@in_town
async def test_the_first_failing_check_is_the_answer(town: Town) -> None:
    """Put in this fault and every later one: the refusal must name this one."""
    await opened(town)
    bank = town.bank
    await bank.transfer("used", "alice", "bob", 1)
    await bank.accounts.open("closed", CURRENCY, "closed")
    await bank.accounts.close("closed", "leaves", "mina")
    await bank.accounts.open("frozen", CURRENCY, "frozen")
    await bank.accounts.freeze("frozen", "asked by a court", "mina")
    for kind, key, payer, payee, amount in (
        (errors.RefReused, "used", "alice", "nobody", 0),
        (errors.AccountUnknown, "k", "closed", "nobody", 0),
        (errors.AccountClosed, "k", "frozen", "closed", 0),
        (errors.AccountFrozen, "k", "frozen", "bob", 0),
        (errors.AmountZero, "k", "bob", "alice", 0),
        (errors.AmountRange, "k", "bob", "alice", 2**62),
        (errors.BalanceLow, "k", "bob", "alice", 2),
    ):
        with pytest.raises(kind):
            await bank.transfer(key, payer, payee, amount)
