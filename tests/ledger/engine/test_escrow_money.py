"""Escrows on a whole chain: funded out of hidden outputs, paid out in the open, every block in balance (LEDGER-9.6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specie.ledger.messages.escrow import Record
from specie.ledger.messages.frames import OpType, frame_of
from specie.ledger.messages.outputs import ctx_payout, mask_payout
from specie.ledger.messages.parameters import Parameter
from specie.ledger.messages.record import BlockRecord
from specie.ledger.messages.state import Domain
from specie.ledger.store import reading
from tests.ledger import makers
from tests.ledger.engine.house import House, Purse, code_of, purse
from tests.ledger.escrow.makers import START_MS, Channel, Key

UNITS = ((20_000, 4),)
FEE = 2


def chain() -> tuple[House, Purse, Channel]:
    """A chain whose bank grants channels, a client with money, and a channel to open."""
    settings = dict(makers.genesis().settings) | {Parameter.OPS_PER_BLOCK: 16}
    entries = [*makers.authorities(), makers.channel_entry(Key.of("bank").public)]
    shift = START_MS // 1000 - makers.START_S
    entries = [replace(each, nbf=each.nbf + min(0, shift)) for each in entries]
    authorities = tuple(sorted(entries, key=lambda each: each.kid))
    house = House(makers.genesis(settings=settings, authorities=authorities, created=START_MS // 1000))
    alice = purse("alice")
    house.block(house.epoch())
    # quota control's bit must be younger than its key, and is: the key was in force years before
    house.fund(alice, 1, UNITS)
    return house, alice, channel(house)


def channel(house: House, name: str = "demo", **changes: int) -> Channel:
    """A channel of this ledger."""
    return Channel.of(name, ledger_id=house.chain_id, asset=house.genesis.asset, **changes)


def fund(house: House, alice: Purse, coin: int, operation: bytes, burn: int, fee: int = FEE) -> bytes:
    """An envelope of type 3."""
    coins = [alice.coins[coin]]
    return house.spend(alice, coins, [], kind=3, burn=burn, extra=operation, fee=fee).envelope


def record_of(house: House, cid: bytes) -> Record:
    value = house.machine.chain.entry(Domain.ESCROW, cid)
    assert value is not None
    return Record.decode(value)


def frame(house: House, kind: OpType, operation: object) -> bytes:
    return frame_of(kind, house.chain_id, house.height + 50, operation.encode())  # type: ignore[attr-defined]


# SPEC LEDGER-7.15, LEDGER-7.7, LEDGER-9.6.3, LEDGER-9.6.6, LEDGER-15.27
def test_an_escrow_is_funded_once_and_with_its_sum() -> None:
    house, alice, demo = chain()
    operation = demo.opening().encode()
    assert house.codes(fund(house, alice, 0, operation, demo.burn - 1)) == ["escrow_refused"]
    assert house.codes(fund(house, alice, 0, operation, demo.burn, fee=1)) == ["fee_too_low"]
    one = fund(house, alice, 0, operation, demo.burn)
    two = fund(house, alice, 1, operation, demo.burn)
    assert sorted(house.codes(one, two)) == ["escrow_exists", "ok"]
    tip = house.machine.tip
    assert (tip.counters.escrow_pool, tip.held.escrows, tip.held.waiting) == (22_000, 22_000, 1)
    assert record_of(house, demo.cid).pool == 22_000
    assert tip.counters.hidden == 80_000 - 22_000
    assert house.again().machine.tip.held == tip.held


# SPEC LEDGER-9.6.8, LEDGER-8.5.1
def test_a_top_up_may_stand_in_the_block_of_its_opening() -> None:
    house, alice, demo = chain()
    opened = fund(house, alice, 0, demo.opening().encode(), demo.burn)
    topped = fund(house, alice, 1, demo.top_up(500).encode(), 500)
    codes = dict(zip((opened, topped), house.codes(opened, topped), strict=True))
    # by their leaves the top-up may come first, and then finds nothing
    assert codes[opened] == "ok"
    assert codes[topped] in ("ok", "escrow_state")
    if codes[topped] != "ok":
        assert house.codes(topped) == ["ok"]
    assert house.machine.tip.counters.escrow_pool == 22_500


# SPEC LEDGER-9.6.13, LEDGER-9.6.14, LEDGER-8.4.1, LEDGER-4.5.1
def test_a_cooperative_end_pays_both_parties_in_the_open() -> None:
    house, alice, demo = chain()
    assert house.codes(fund(house, alice, 0, demo.opening().encode(), demo.burn)) == ["ok"]
    first = house.machine.tip.header.out_size
    end = frame(house, OpType.COOP, demo.cooperate(7_000))
    result = house.block(end)
    assert [code_of(each.refusal) for each in result.verdicts] == ["ok"]
    record = BlockRecord.decode(result.record)
    assert sorted(each.output.public_value for each in record.public_outputs) == [7_000, 15_000]
    assert {each.kind for each in record.public_outputs} == {4}
    assert record.totals.escrow_out == 22_000
    tip = house.machine.tip
    assert (tip.counters.escrow_pool, tip.held.escrows, tip.held.waiting) == (0, 0, 0)
    assert house.codes(frame(house, OpType.FINALIZE, demo.finalize())) == ["escrow_state"]
    # the commitment is the public one
    rows = house.database.read_now(lambda tx: reading.outputs(tx, first, 2))
    from specie.crypto import ring

    for _, class_, _, output in rows:
        value = int.from_bytes(output[99:107], "little")
        masks = [mask_payout(house.chain_id, demo.cid, seq, party) for seq in (0, 1) for party in (0, 1)]
        assert class_ == 1
        assert output[32:64] in [ring.commit(value, mask) for mask in masks]
    assert ctx_payout(house.chain_id, demo.cid, 0, 1) in [each.ctx for each in record.public_outputs]


# SPEC LEDGER-9.5.5, LEDGER-8.5.5
def test_a_block_takes_so_many_escrow_operations_and_no_more() -> None:
    house, alice, _ = chain()
    wide = channel(house, "wide", lanes=16, bond=16_000)
    assert house.codes(fund(house, alice, 0, wide.opening().encode(), wide.burn)) == ["ok"]
    claims = [wide.claiming(wide.claim(lane, 1, 10)) for lane in range(16)]
    frames = [frame(house, OpType.CLAIM, each) for each in claims]
    frames.append(frame(house, OpType.CLOSE_REQ, wide.close()))
    assert [code_of(each.refusal) for each in house.machine.check(frames)] == ["ok"] * 17
    assert len(house.machine.propose(1 << 22, 0)) == 16
    assert house.codes(*frames) == ["ok"] * 16 + ["block_full"]
    # what found no room waits for the next block
    assert house.machine.propose(1 << 22, 0) == [frames[16]]


@pytest.mark.parametrize("order", [0, 1])
def test_the_same_frames_give_the_same_payouts(order: int) -> None:
    house, alice, demo = chain()
    assert house.codes(fund(house, alice, 0, demo.opening().encode(), demo.burn)) == ["ok"]
    settle = frame(house, OpType.SETTLE, demo.settle(demo.claim(0, 3, 900)))
    transfer = house.spend(alice, alice.coins[1:2], [(alice.pay, 5)]).envelope
    frames = [settle, transfer] if order else [transfer, settle]
    expected = house.finalize(transfer, settle).app_hash
    assert house.block(*frames).app_hash == expected
    assert record_of(house, demo.cid).paid_vendor == 900
