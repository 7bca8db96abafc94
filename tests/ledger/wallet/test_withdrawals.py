"""Value that leaves: it is pending, then paid or back again, and every copy of the wallet shows the same."""

from __future__ import annotations

import pytest

from ledger import makers
from ledger.wallet.town import WAIT_S, Line, Town, in_town, seed_of
from specie.ledger.errors import FundsInsufficient
from specie.ledger.messages.state import Domain, WithdrawalState
from specie.ledger.messages.withdrawals import account_token, withdraw_reference
from specie.ledger.wallet.errors import PaymentInDoubt
from specie.ledger.wallet.wallet import Wallet, create


async def _same_everywhere(town: Town, wallet: Wallet) -> None:
    for key in (seed_of("alice"), wallet.reveal_view()):
        other = await create(town.database(), town.world(), key)
        await other.sync()
        assert await other.balance() == await wallet.balance()
        assert await other.history() == await wallet.history()


@in_town
async def test_a_withdrawal_is_pending_then_paid(town: Town) -> None:
    alice = await town.rich("alice")
    payment, token = await alice.withdraw(400, makers.BANK, "acct-7")
    assert payment.state == "final"
    assert token.token == account_token("acct-7", token.salt)
    assert token.ref == withdraw_reference(makers.BANK, token.token) == payment.ref
    await alice.sync()
    balance = await alice.balance()
    assert (balance.in_flight, balance.total) == (400, 2500 - payment.fee)
    state = WithdrawalState.decode((await alice.chain.state(Domain.WITHDRAWAL, token.ref)).value)
    assert state.value == 400
    (item,) = [each for each in await alice.history() if each.what == "withdrawn"]
    assert (item.amount, item.fee, item.ref) == (400, payment.fee, token.ref)
    await _same_everywhere(town, alice)

    frame = makers.paid(town.house.chain_id, token.ref, token.token)
    assert (await town.engine.submit_operation(frame.data, WAIT_S)).state == "final"
    await alice.sync()
    balance = await alice.balance()
    assert (balance.in_flight, balance.total) == (0, 2100 - payment.fee)
    assert [each.state for each in await alice.departures()] == ["paid"]
    await _same_everywhere(town, alice)


@in_town
async def test_a_refund_comes_back_and_can_be_spent(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    payment, token = await alice.withdraw(2400, makers.BANK, "acct-7")
    frame = makers.refund(town.house.chain_id, token.ref, token.token)
    assert (await town.engine.submit_operation(frame.data, WAIT_S)).state == "final"
    await alice.sync()
    balance = await alice.balance()
    assert (balance.available, balance.in_flight) == (2500 - payment.fee, 0)
    assert [each.state for each in await alice.departures()] == ["refunded"]
    assert "refunded" in [each.what for each in await alice.history()]
    await _same_everywhere(town, alice)
    # SPEC LEDGER-10.3
    paid = await alice.pay(bob.address(), 2000)
    await bob.sync()
    assert paid.state == "final"
    assert (await bob.balance()).total == 2000


@in_town
async def test_a_withdrawal_in_doubt_keeps_its_salt(town: Town) -> None:
    line = Line(town.engine)
    alice = await town.again(await town.rich("alice"), line)
    line.broken = "request"
    with pytest.raises(PaymentInDoubt):
        await alice.withdraw(400, makers.BANK, "acct-7", key="w1")
    line.broken = ""
    payment, token = await alice.withdraw(400, makers.BANK, "acct-7", key="w1")
    assert (payment.state, payment.ref) == ("final", token.ref)
    assert len(set(line.sent)) == 1
    await alice.sync()
    assert len(await alice.departures()) == 1


@in_town
async def test_no_amount_is_no_withdrawal(town: Town) -> None:
    alice = await town.rich("alice")
    for amount in (0, -1, 2**62):
        with pytest.raises(FundsInsufficient):
            await alice.withdraw(amount, makers.BANK, "acct-7")
