"""What leaves a wallet looks like everybody's: shape, fee, rings, moment. And what a node says is checked first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger import makers
from ledger.wallet.town import WAIT_S, Line, Town, in_town
from specie.ledger.errors import ConsentMissing, NotAvailable, NotReady, ProofInvalid
from specie.ledger.messages.outputs import ctx_transfer
from specie.ledger.messages.parameters import Parameter, Regulated
from specie.ledger.messages.record import BlockRecord
from specie.ledger.messages.transaction import TxPublic
from specie.ledger.wallet.memos import ChangeMemo, words_memo
from specie.ledger.wallet.paying import Manners
from specie.ledger.wallet.store import outputs
from specie.ledger.wallet.store.payments import Payment


async def _change(town: Town, changes: dict[int, Any], version: int = 1) -> None:
    effective = town.house.height + 2
    frame = makers.change(town.house.chain_id, version, effective, changes)
    assert (await town.engine.submit_operation(frame.data, WAIT_S)).state == "final"
    town.house.block()
    town.house.block()


def _public(payment: Payment) -> TxPublic:
    return TxPublic.decode(payment.tx_public)


# SPEC LEDGER-6.1.2, LEDGER-9.2.2
@in_town
async def test_one_shape_and_one_fee(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    first = _public(await alice.pay(bob.address(), 700))
    await alice.sync()
    everything = (await alice.balance()).available - 1
    last = _public(await alice.pay(bob.address(), everything, merge=True))
    assert [len(first.outputs), len(last.outputs)] == [2, 2]
    assert [first.fee, last.fee] == [1, 1]
    await alice.sync()
    assert (await alice.balance()).total == 0
    await bob.sync()
    assert (await bob.balance()).total == 700 + everything


@in_town
async def test_the_change_tells_what_was_spent_to_whoever_holds_s_b_alone(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    real = [each.number for each in await alice.outputs() if each.value]
    paid = await alice.pay(bob.address(), 700, words="hello")
    ctx, public = ctx_transfer(town.house.chain_id), _public(paid)
    memos = [each for each in alice._keys.open([(ctx, one.data, 1, b"") for one in public.outputs]) if each]
    (memo,) = [found for each in memos if (found := ChangeMemo.decode(each.memo)) is not None]
    assert (memo.type, memo.amount_out, memo.fee) == (1, 700, paid.fee)
    assert set(memo.indices) <= set(real)
    assert memo.recipient == alice.recipient_hash(bob.address())
    await bob.sync()
    (seen,) = [each for each in bob._keys.open([(ctx, one.data, 1, b"") for one in public.outputs]) if each]
    assert (seen.memo, seen.memo_own) == (words_memo("hello"), False)


# SPEC LEDGER-10.4, LEDGER-21.4.1
@in_town
async def test_pages_are_asked_for_whole_and_single_outputs_never(town: Town) -> None:
    line = Line(town.engine)
    alice = await town.again(await town.rich("alice"), line)
    bob = await town.wallet("bob", line)
    await alice.pay(bob.address(), 700)
    await alice.sync()
    await bob.sync()
    asked = {name for name, *_ in line.asked}
    assert "output" not in asked
    assert {arguments[0] % 4096 for name, *arguments in line.asked if name == "prove_output"} == {0}


# SPEC LEDGER-10.5
@in_town
async def test_rings_of_one_transaction_are_disjoint_and_hold_one_output_of_ours(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    real = {each.number for each in await alice.outputs()}
    wish = alice.wish([(bob.address(), 2400, "")])
    await alice._payer.prepare(wish, "k")
    rings = await alice.database.read(outputs.rings)
    assert len(rings) == 2
    one, other = (set(each) for each in rings.values())
    assert one.isdisjoint(other)
    assert [len(one & real), len(other & real)] == [1, 1]
    assert {number in each for number, each in rings.items()} == {True}


@in_town
async def test_a_payment_waits_a_random_moment(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    waited: list[int] = []

    async def pause(milliseconds: int) -> None:
        waited.append(milliseconds)

    slow = await town.again(alice, manners=Manners(delay_s=20, wait_s=WAIT_S), pause=pause)
    await slow.pay(bob.address(), 5)
    assert len(waited) == 1
    assert 0 <= waited[0] <= 20_000


# SPEC LEDGER-10.1, LEDGER-5.1.1, LEDGER-10.8
@in_town
async def test_a_larger_ring_keeps_the_members_it_had(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    line = Line(town.engine)
    alice = await town.again(alice, line)
    line.broken = "closed"
    with pytest.raises(Exception, match="no way"):
        await alice.pay(bob.address(), 700)
    kept = await alice.database.read(outputs.rings)
    await _change(town, {Parameter.RING_SIZE: 32, Parameter.FEE_MIN: (3, 6, 9, 12)})
    line.broken = ""
    await alice.sync()
    seen: dict[int, tuple[int, ...]] = {}
    wish = alice.wish([(bob.address(), 700, "")])
    payment, _ = await alice._payer.prepare(wish)
    seen.update(await alice.database.read(outputs.rings))
    for number, members in kept.items():
        assert set(members) <= set(seen[number])
        assert len(seen[number]) == 32
    assert (await alice._payer.send(payment)).state == "final"
    assert payment.fee == 3


@in_town
async def test_a_node_cannot_raise_the_fee_or_swap_the_key(town: Town) -> None:
    """Parameters and epoch keys count only as the ledger recorded them."""

    class Greedy(Line):
        lie = ""

        async def parameters(self, version: int | None = None) -> Any:
            found = await self.ledger.parameters(version)
            return replace_struct(found, operation=None) if self.lie == "parameters" else found

        async def epoch(self, number: int | None = None) -> Any:
            found = await self.ledger.epoch(number)
            if self.lie == "frame":
                data = bytearray(bytes.fromhex(found.operation))
                data[80] ^= 1
                return replace_struct(found, operation=bytes(data).hex())
            return replace_struct(found, pk="00" * 32) if self.lie == "key" else found

    line = Greedy(town.engine)
    alice, bob = await town.again(await town.rich("alice"), line), await town.wallet("bob")
    line.lie = "frame"
    with pytest.raises(ProofInvalid):
        await alice.pay(bob.address(), 5)
    line.lie = "key"  # what is said beside the frame is not even read
    assert (await alice.pay(bob.address(), 5)).state == "final"
    await _change(town, {Parameter.FEE_MIN: (2, 4, 6, 8)})
    line.lie = "parameters"
    with pytest.raises(Exception, match="ledger"):
        await alice.sync()
    line.lie = ""
    await alice.sync()
    assert (await alice.pay(bob.address(), 5)).fee == 2


def replace_struct(found: Any, **changes: Any) -> Any:
    from msgspec.structs import replace as changed

    return changed(found, **changes)


@in_town
async def test_regulated_payments_carry_a_note_and_large_ones_are_not_offered(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    await _change(town, {Parameter.REGULATED: Regulated(1000, makers.kid("supervisor"))})
    await alice.sync()
    with pytest.raises(NotAvailable):
        await alice.pay(bob.address(), 1001)
    paid = await alice.pay(bob.address(), 900)
    assert paid.state == "final"


@in_town
async def test_an_unread_ledger_is_not_paid_from(town: Town) -> None:
    alice, bob = await town.wallet("alice"), await town.wallet("bob")
    with pytest.raises(NotReady):
        await alice.pay(bob.address(), 5)


@in_town
async def test_change_keeps_whom_it_came_from(town: Town) -> None:
    """Change of what bob paid may join what bob pays next, and nothing of carol's."""
    alice = await town.wallet("alice")
    bob, carol = await town.rich("bob"), await town.rich("carol")
    _, from_bob = await alice.receive("bob")
    _, from_carol = await alice.receive("carol")
    for payer, address in ((bob, from_bob), (carol, from_carol), (bob, from_bob)):
        await payer.pay(address, 100)
        await payer.sync()
    await alice.sync()
    first = await alice.pay(bob.address(), 50)
    await alice.sync()
    change = next(each for each in await alice.outputs() if each.own and each.value)
    tags = await alice.database.read(lambda tx: outputs.tags(tx, [change.number]))
    assert tags[change.number] in ({"0/1"}, {"0/2"})
    assert len(first.images) == 32
    bobs = 200 if tags[change.number] == {"0/2"} else 200 - 50 - first.fee
    with pytest.raises(ConsentMissing):
        await alice.pay(bob.address(), (await alice.balance()).available - 1)
    second = await alice.pay(bob.address(), bobs - 1)
    assert second.state == "final"


@in_town
async def test_a_scan_stops_and_goes_on(town: Town) -> None:
    alice = await town.wallet("alice")
    await town.mint(alice)
    for _ in range(7):
        town.house.block()
    seen: list[tuple[int, int, int]] = []
    await alice._scanner.run(lambda *each: seen.append(each), until=3)
    assert (await alice.standing()).height == 3
    await alice._scanner.run(lambda *each: seen.append(each))
    assert [each[0] for each in seen] == [3, town.house.height]
    twin = await town.again(alice)
    town.house.block()
    await twin.sync()
    assert (await alice.sync()).height == town.house.height
    assert (await alice.balance()).total == 2500
    record = BlockRecord.decode(await town.engine.block(2))
    assert replace(record) == record
