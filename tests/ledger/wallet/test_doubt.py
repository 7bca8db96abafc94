"""Whatever breaks, and wherever a program dies: no payment is lost, and none is made twice."""

from __future__ import annotations

import pytest

from ledger.wallet.town import Closed, Line, Town, in_town
from specie.kernel.db import Transaction
from specie.kernel.errors import KeyReused
from specie.ledger.api import Submitted
from specie.ledger.errors import ConsentMissing, FundsInsufficient, KeyImageSpent, Overloaded, Rejected
from specie.ledger.wallet.errors import PaymentInDoubt
from specie.ledger.wallet.store import outputs, payments
from specie.ledger.wallet.wallet import Wallet, create


async def _both(town: Town, line: Line) -> tuple[Wallet, Wallet]:
    alice = await town.rich("alice")
    return await town.again(alice, line), await town.wallet("bob")


async def _total(wallet: Wallet) -> int:
    await wallet.sync()
    return (await wallet.balance()).total


@in_town
async def test_a_lost_answer_is_doubt_and_the_next_look_finds_the_payment(town: Town) -> None:
    line = Line(town.engine)
    alice, bob = await _both(town, line)
    line.broken = "answer"
    with pytest.raises(PaymentInDoubt) as doubt:
        await alice.pay(bob.address(), 300, key="k1")
    assert doubt.value.in_doubt
    balance = await alice.balance()
    assert balance.in_doubt > 0
    assert balance.total == 2500
    line.broken = ""
    paid = await alice.pay(bob.address(), 300, key="k1")
    assert paid.state == "final"
    assert await _total(bob) == 300
    assert await _total(alice) == 2500 - 300 - paid.fee
    assert len({each for each in line.sent}) == 1


@in_town
async def test_a_lost_request_is_sent_again_with_the_same_bytes(town: Town) -> None:
    line = Line(town.engine)
    alice, bob = await _both(town, line)
    line.broken = "request"
    with pytest.raises(PaymentInDoubt):
        await alice.pay(bob.address(), 300, key="k1")
    assert await _total(bob) == 0
    line.broken = ""
    await alice.sync()
    assert (await alice.payments())[0].state == "final"
    assert await _total(bob) == 300
    assert len(line.sent) == 2
    assert line.sent[0] == line.sent[1]


@in_town
async def test_a_payment_that_never_left_moved_nothing_and_can_be_made_again(town: Town) -> None:
    line = Line(town.engine)
    alice, bob = await _both(town, line)
    line.broken = "closed"
    with pytest.raises(Closed):
        await alice.pay(bob.address(), 300, key="k1")
    balance = await alice.balance()
    assert (balance.available, balance.in_flight, balance.in_doubt) == (2500, 0, 0)
    rings = await alice.database.read(outputs.rings)
    line.broken = ""
    assert (await alice.pay(bob.address(), 300, key="k1")).state == "final"
    assert await _total(bob) == 300
    assert rings  # SPEC LEDGER-10.8
    assert all(members for members in rings.values())


@in_town
async def test_the_program_dies_between_writing_and_sending(town: Town) -> None:
    line = Line(town.engine)
    alice, bob = await _both(town, line)
    wish = alice.wish([(bob.address(), 300, "")])
    prepared, there = await alice._payer.prepare(wish, "k1")
    assert not there
    assert (await alice.balance()).in_flight > 0
    again = await town.again(alice, line)
    assert (await again.pay(bob.address(), 300, key="k1")).id == prepared.id
    assert await _total(bob) == 300


@in_town
async def test_the_program_dies_after_sending(town: Town) -> None:
    line = Line(town.engine)
    alice, bob = await _both(town, line)
    prepared, _ = await alice._payer.prepare(alice.wish([(bob.address(), 300, "")]), "k1")
    assert prepared.envelope is not None
    await alice._payer._settle(prepared, payments.SENT)
    await town.engine.submit_envelope(prepared.envelope, 20)
    again = await town.again(alice, line)
    await again.sync()
    (payment,) = await again.payments()
    assert payment.state == "final"
    assert payment.envelope is None
    assert not line.sent
    assert await _total(bob) == 300


@in_town
async def test_the_scan_alone_settles_what_no_receipt_told(town: Town) -> None:
    alice, bob = await _both(town, Line(town.engine))
    prepared, _ = await alice._payer.prepare(alice.wish([(bob.address(), 300, "")]), "k1")
    assert prepared.envelope is not None
    await town.engine.submit_envelope(prepared.envelope, 20)
    await alice._scanner.run()
    (payment,) = await alice.payments()
    assert (payment.state, payment.envelope) == ("final", None)
    assert not await alice.database.read(outputs.rings)
    assert (await alice.balance()).available == 2500 - 300 - payment.fee


@in_town
async def test_one_key_is_one_payment(town: Town) -> None:
    alice, bob = await _both(town, Line(town.engine))
    first = await alice.pay(bob.address(), 300, key="k1")
    await alice.sync()
    again = await alice.pay(bob.address(), 300, key="k1")
    assert again.id == first.id
    with pytest.raises(KeyReused):
        await alice.pay(bob.address(), 301, key="k1")
    assert await _total(bob) == 300


@in_town
async def test_an_unanswered_payment_is_released_when_its_time_has_passed(town: Town) -> None:
    line = Line(town.engine)
    alice, bob = await _both(town, line)
    line.broken = "request"
    with pytest.raises(PaymentInDoubt):
        await alice.pay(bob.address(), 300, key="k1")
    rings = await alice.database.read(outputs.rings)
    (payment,) = await alice.payments()
    while town.house.height <= payment.expiry_height:
        town.house.block()
    line.broken = "closed"
    await alice.sync()
    (payment,) = await alice.payments()
    assert payment.state == "expired"
    assert (await alice.balance()).available == 2500
    line.broken = ""
    # SPEC LEDGER-10.8: use the same members in every later attempt
    assert (await alice.pay(bob.address(), 300, key="k1")).state == "final"
    assert len(await alice.payments()) == 2
    kept = await alice.database.read(outputs.rings)
    assert all(kept[number] == members for number, members in rings.items())
    assert await _total(bob) == 300


@in_town
async def test_a_copy_of_the_wallet_spent_first(town: Town) -> None:
    line = Line(town.engine)
    alice, bob = await _both(town, line)
    line.broken = "request"
    with pytest.raises(PaymentInDoubt):
        await alice.pay(bob.address(), 300, key="k1")
    copy = await create(town.database(), town.world(), await alice.reveal_seed())
    await copy.sync()
    other = await copy.withdraw(2000, "bank:one", "acct")
    assert other[0].state == "final"
    line.broken = "closed"
    await alice.sync()
    (payment,) = await alice.payments()
    assert (payment.state, payment.code) == ("refused", KeyImageSpent.code)
    await copy.sync()
    assert await alice.balance() == await copy.balance()


@in_town
async def test_a_refused_payment_is_tried_again_with_the_same_inputs_and_rings(town: Town) -> None:
    """A node may lie about a refusal, keep the bytes and use them later: then only one of both can take effect."""

    class Refusing(Line):
        async def submit_envelope(self, data: bytes, wait_s: float = 0) -> Submitted:
            if self.broken == "refuse":
                self.sent.append(data)
                raise Rejected("not today")
            return await super().submit_envelope(data, wait_s)

    line = Refusing(town.engine)
    alice, bob = await _both(town, line)
    line.broken = "refuse"
    with pytest.raises(Rejected):
        await alice.pay(bob.address(), 300)
    assert (await alice.balance()).available == 2500
    kept = await alice.database.read(outputs.rings)
    line.broken = ""
    paid = await alice.pay(bob.address(), 300)
    first = (await alice.payments())[1]
    assert first.images == paid.images
    # SPEC LEDGER-10.4
    assert len([name for name, *_ in line.asked if name == "outputs"]) == 1
    assert await alice.database.read(outputs.rings) == kept
    with pytest.raises(KeyImageSpent):
        await town.engine.submit_envelope(line.sent[0], 20)
    assert await _total(bob) == 300


@in_town
async def test_a_busy_node_has_the_bytes_so_the_inputs_stay_the_same(town: Town) -> None:
    class Busy(Line):
        async def submit_envelope(self, data: bytes, wait_s: float = 0) -> Submitted:
            if self.broken == "busy":
                self.sent.append(data)
                raise Overloaded("the queue is full")
            return await super().submit_envelope(data, wait_s)

    line = Busy(town.engine)
    alice, bob = await _both(town, line)
    line.broken = "busy"
    with pytest.raises(Overloaded):
        await alice.pay(bob.address(), 300, key="k1")
    assert (await alice.balance()).available == 2500
    line.broken = ""
    paid = await alice.pay(bob.address(), 300, key="k1")
    assert {each.images for each in await alice.payments()} == {paid.images}
    assert await _total(bob) == 300


@in_town
async def test_a_node_that_lied_about_a_refusal_is_found_out(town: Town) -> None:
    alice, bob = await _both(town, Line(town.engine))
    prepared, _ = await alice._payer.prepare(alice.wish([(bob.address(), 300, "")]))
    assert prepared.envelope is not None

    def refuse(tx: Transaction) -> None:
        payments.settle(tx, prepared.id, payments.REFUSED, code="ledger.rejected")
        outputs.release(tx, prepared.id)

    await alice.database.write(refuse)
    await town.engine.submit_envelope(prepared.envelope, 20)
    await alice.sync()
    assert (await alice.payments())[0].state == "final"


@in_town
async def test_money_that_is_not_there_or_not_joined(town: Town) -> None:
    alice, bob = await _both(town, Line(town.engine))
    with pytest.raises(FundsInsufficient):
        await alice.pay(bob.address(), 2500)
    _, first = await bob.receive("alice")
    _, second = await bob.receive("carol")
    await alice.pay(first, 100)
    await alice.sync()
    await alice.pay(second, 100)
    await bob.sync()
    # SPEC LEDGER-10.7
    with pytest.raises(ConsentMissing):
        await bob.pay(alice.address(), 150)
    paid = await bob.pay(alice.address(), 150, merge=True)
    assert len(paid.images) == 64
    assert await _total(bob) == 200 - 150 - paid.fee
