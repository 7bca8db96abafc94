"""The auditor's replay: it follows an honest chain to its state, and finds every planted fault (LEDGER 8.4, 9.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from specie.crypto import ring
from specie.kernel.errors import Refused
from specie.ledger.engine import closing, execute
from specie.ledger.engine.replay import Replay
from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.frames import OpType
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header, block_signature_input
from specie.ledger.messages.parameters import Parameter
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.record import BlockRecord, BlockTotals, record_hash
from specie.ledger.messages.state import Domain, WithdrawalState
from specie.ledger.protocol import order, withdrawals
from specie.ledger.store import reading
from tests.ledger import makers
from tests.ledger.engine.house import House, code_of, purse
from tests.ledger.engine.test_escrow_money import chain, frame, fund
from tests.ledger.engine.test_machine import rich, withdraw

BITS_OF_EACH = 3
STORY_OPERATIONS = (
    OpType.MINT,
    OpType.MINT_CANCEL,
    OpType.WITHDRAW_PAID,
    OpType.WITHDRAW_REFUND,
    OpType.COOP,
    OpType.ANCHOR,
    OpType.PARAMETERS,
    OpType.EPOCH_KEY,
)
TOTALS = ("fee", "mint", "burn", "refund", "escrow_in", "escrow_out")


@dataclass(frozen=True, slots=True)
class Row:
    """One block as a node publishes it."""

    header: bytes
    finality: bytes
    record: bytes
    proofs: bytes | None


def rows_of(house: House) -> list[Row]:
    found = house.database.read_now(lambda tx: reading.blocks_with_records(tx, 0, 1000))
    return [Row(row.header, row.finality, record, proofs) for row, record, proofs in found]


def follow(genesis: Genesis, rows: list[Row], proofs: bool = True) -> Replay:
    """An auditor who reads from block 0. Raises what the replay refuses."""
    replay = Replay(genesis)
    replay.check_first(rows[0].header, rows[0].finality, rows[0].record)
    for row in rows[1:]:
        replay.follow(row.header, row.finality, row.record, row.proofs if proofs else None)
    return replay


def signed(header: Header) -> tuple[bytes, bytes]:
    """What a validator who lies would publish: header and finality."""
    message = block_signature_input(header.chain_id, header.height, header.app_hash)
    return header.data, Finality.embedded(0, makers.key("validator").sign(message)).encode()


@cache
def story() -> tuple[Genesis, list[Row], House]:
    """A chain on which everything happens: mints, payments, withdrawals and their ends, an escrow, anchors, rules."""
    house, alice, demo = chain()
    bob = purse("bob")
    house.fund(bob, 2)
    assert house.codes(fund(house, alice, 0, demo.opening().encode(), demo.burn)) == ["ok"]
    one = house.spend(bob, bob.coins[:1], [(alice.pay, 700)]).envelope
    two = house.spend(alice, alice.coins[1:2], [(bob.pay, 9), (bob.pay, 8)]).envelope
    assert house.codes(one, two, makers.anchor(house.chain_id, 1, 40).data) == ["ok"] * 3
    bob.coins = bob.coins[1:]
    away, ref, token = withdraw(house, bob, 100)
    assert house.codes(away) == ["ok"]
    bob.coins.clear()
    house.find_change(bob, 128)
    other, other_ref, other_token = withdraw(house, bob, 5, b"\1" * 32)
    fees = makers.change(house.chain_id, 1, house.height + 3, {Parameter.FEE_MIN: (2, 4, 8, 16)}).data
    assert house.codes(other, fees) == ["ok"] * 2
    ends = [makers.paid(house.chain_id, ref, token).data, makers.refund(house.chain_id, other_ref, other_token).data]
    assert house.codes(*ends, frame(house, OpType.COOP, demo.cooperate(7_000))) == ["ok"] * 3
    assert house.codes(house.epoch(2, house.height + 9, 50), makers.cancel(house.chain_id, 9).data) == ["ok"] * 2
    return house.genesis, rows_of(house), house


# SPEC LEDGER-8.4.1, LEDGER-8.3.1
@pytest.mark.parametrize("proofs", [True, False])
def test_an_honest_chain_replays_to_the_same_state(proofs: bool) -> None:
    genesis, rows, house = story()
    replay = follow(genesis, rows, proofs)
    tip, own = replay.tip, house.machine.tip
    assert (tip.app_hash, tip.counters, tip.held, tip.epochs) == (own.app_hash, own.counters, own.held, own.epochs)
    assert (tip.rules.parameters, tip.rules.live) == (own.rules.parameters, own.rules.live)
    kinds = {operation.type for row in rows for operation in BlockRecord.decode(row.record).operations}
    assert kinds == {2, 3, *map(int, STORY_OPERATIONS)}


# -- places of a record


def places(record: bytes) -> Iterator[tuple[str, int, int]]:
    """(class of bytes, first, end) over a whole record: section 8.2."""
    at = 14
    yield "head", 0, at

    def number(size: int) -> int:
        return int.from_bytes(record[at : at + size], "little")

    count = number(4)
    yield "count", at, at + 4
    at += 4
    for _ in range(count):
        yield "leaf", at, at + 32
        at += 32
    count = number(4)
    yield "count", at, at + 4
    at += 4
    for _ in range(count):
        kind = record[at]
        length = int.from_bytes(record[at + 1 : at + 5], "little")
        yield "operation type", at, at + 1
        yield "operation length", at + 1, at + 5
        yield "tail" if kind in (2, 3) else f"frame {kind}", at + 5, at + 5 + length
        at += 5 + length
    count = number(4)
    yield "count", at, at + 4
    at += 4
    for _ in range(count):
        yield "key image", at, at + 32
        at += 32
    yield "sum of pseudo-outputs", at, at + 32
    at += 32
    count = number(4)
    yield "count", at, at + 4
    at += 4
    for _ in range(count):
        for name, first, end in (("P", 0, 32), ("C", 32, 64), ("R", 64, 96), ("rest", 96, 267)):
            yield f"output {name}", at + first, at + end
        at += 267
    count = number(2)
    yield "count", at, at + 2
    at += 2
    for _ in range(count):
        yield "made kind", at, at + 2
        yield "made ctx", at + 2, at + 34
        yield "made output", at + 34, at + 301
        at += 301
    for name in TOTALS:
        yield f"total {name}", at, at + 8
        at += 8
    assert at == len(record)


CLASSES = sorted({name for row in story()[1][1:] for name, _, _ in places(row.record)})


def flipped(data: bytes, bit: int) -> bytes:
    spoiled = bytearray(data)
    spoiled[bit // 8] ^= 1 << bit % 8
    return bytes(spoiled)


def refuses(genesis: Genesis, before: list[Row], row: Row) -> bool:
    try:
        replay = follow(genesis, before, proofs=False)
        replay.follow(row.header, row.finality, row.record, row.proofs)
    except Refused:
        return True
    return False


def test_every_class_of_bytes_is_there() -> None:
    wanted = {"leaf", "key image", "tail", "output P", "output C", "output R", "output rest", "made output"}
    assert wanted <= set(CLASSES)
    assert {"frame 16", "frame 17", "frame 18", "frame 19", "frame 48", "frame 64", "frame 80"} <= set(CLASSES)


# SPEC LEDGER-8.4.1, LEDGER-13.1
@pytest.mark.parametrize("name", CLASSES)
def test_an_edited_record_is_found(name: str) -> None:
    """Any bit of this class: against the signed header, and against a header that its validator signed for it."""
    genesis, rows, _ = story()
    random = Random(name)
    found = [(height, first, end) for height, row in enumerate(rows) if height for cls, first, end in places(row.record)
             if cls == name]  # fmt: skip
    for _ in range(BITS_OF_EACH):
        height, first, end = random.choice(found)
        row = rows[height]
        record = flipped(row.record, random.randrange(8 * first, 8 * end))
        assert refuses(genesis, rows[:height], replace(row, record=record)), (name, height, first)
        lie = replace(Header.decode(row.header), record_hash=record_hash(record))
        if name.startswith("total"):
            lie = replace(lie, totals=totals_in(record))
        header, finality = signed(lie)
        assert refuses(genesis, rows[:height], Row(header, finality, record, row.proofs)), (name, height, first)


def totals_in(record: bytes) -> BlockTotals:
    numbers = [int.from_bytes(record[at : at + 8], "little") for at in range(len(record) - 48, len(record), 8)]
    return BlockTotals(*numbers)


# SPEC LEDGER-8.4.1, LEDGER-13.1
@pytest.mark.parametrize("height", [2, 4, 5, 7])
def test_an_edited_header_is_found(height: int) -> None:
    """Every field, unsigned and signed. Only the time is the validator's own to say."""
    genesis, rows, _ = story()
    random, row = Random(height), rows[height]
    for at in [*range(0, len(row.header), 9), len(row.header) - 1]:
        data = flipped(row.header, 8 * at + random.randrange(8))
        assert refuses(genesis, rows[:height], replace(row, header=data)), at
        try:
            lie = Header.decode(data)
        except Refused:
            continue
        header, finality = signed(lie)
        if replace(lie, time_ms=0) == replace(Header.decode(row.header), time_ms=0):
            continue
        assert refuses(genesis, rows[:height], Row(header, finality, row.record, row.proofs)), at


@pytest.mark.parametrize("height", [2, 4, 5, 7])
def test_an_edited_signature_or_time_is_found(height: int) -> None:
    genesis, rows, _ = story()
    row, random = rows[height], Random(height)
    for _ in range(4):
        finality = flipped(row.finality, random.randrange(8 * len(row.finality)))
        assert refuses(genesis, rows[:height], replace(row, finality=finality))
    # another time makes another block: the next one does not follow it
    header = Header.decode(row.header)
    data, finality = signed(replace(header, time_ms=header.time_ms + 1))
    later = [*rows[:height], Row(data, finality, row.record, row.proofs)]
    assert refuses(genesis, later, rows[height + 1])
    data, finality = signed(replace(header, time_ms=Header.decode(rows[height - 1].header).time_ms))
    assert refuses(genesis, rows[:height], Row(data, finality, row.record, row.proofs))


def test_edited_range_proofs_are_found() -> None:
    """Every byte of a proof: against the header, and where header and signature are made to fit."""
    genesis, rows, _ = story()
    random = Random(1)
    height = next(at for at, row in enumerate(rows) if len(BlockRecord.decode(row.record).outputs) >= 4)
    row = rows[height]
    assert row.proofs is not None
    for _ in range(12):
        proofs = flipped(row.proofs, random.randrange(8 * len(row.proofs)))
        assert refuses(genesis, rows[:height], replace(row, proofs=proofs))
        header, finality = signed(replace(Header.decode(row.header), proofs_hash=record_hash(proofs)))
        assert refuses(genesis, rows[:height], Row(header, finality, row.record, proofs))


def test_a_missing_or_exchanged_block_is_found() -> None:
    genesis, rows, _ = story()
    assert refuses(genesis, rows[:3], rows[4])
    assert refuses(genesis, rows[:4], rows[3])
    with pytest.raises(ProofInvalid):
        follow(makers.genesis(random=sha256(b"other").digest()), rows)
    with pytest.raises(Refused):
        follow(genesis, [replace(rows[0], record=flipped(rows[0].record, 900)), *rows[1:]])


# SPEC LEDGER-8.2.4
def test_another_order_and_more_bytes_are_found() -> None:
    """Nothing of the header tells the order of key images: the record's own form must."""
    genesis, rows, _ = story()
    height = next(at for at, row in enumerate(rows) if len(BlockRecord.decode(row.record).key_images) >= 2)
    row = rows[height]
    images = [(first, end) for name, first, end in places(row.record) if name == "key image"]
    swapped = bytearray(row.record)
    (one, one_end), (two, two_end) = images[:2]
    swapped[one:one_end], swapped[two:two_end] = row.record[two:two_end], row.record[one:one_end]
    for record in (bytes(swapped), row.record + b"\0", row.record[:-1]):
        header, finality = signed(replace(Header.decode(row.header), record_hash=record_hash(record)))
        assert refuses(genesis, rows[:height], Row(header, finality, record, row.proofs))


# -- nodes that lie with all their heart: header, roots and signature fit the record


def test_fees_out_of_nothing_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node pays itself more than the transactions paid."""
    house, (alice,) = rich("alice")
    monkeypatch.setattr(closing, "_check_equation", lambda *_: None)
    real = closing._add_fee

    def greedy(block: Any) -> None:
        block.totals.fee += 1000
        real(block)

    monkeypatch.setattr(closing, "_add_fee", greedy)
    house.block(house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope)
    monkeypatch.undo()
    with pytest.raises(ProofInvalid, match="equation"):
        follow(house.genesis, rows_of(house))


def test_an_output_made_larger_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node puts another commitment in place of one that was proved."""
    house, (alice,) = rich("alice")
    monkeypatch.setattr(closing, "_check_equation", lambda *_: None)
    real = order.sorted_outputs

    def larger(outputs: list[bytes]) -> list[bytes]:
        first, *others = real(outputs)
        more = ring.sum_points(first[32:64] + ring.commit(10**6, bytes(32)))
        return [first[:32] + more + first[64:], *others]

    monkeypatch.setattr(order, "sorted_outputs", larger)
    house.block(house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope)
    monkeypatch.undo()
    rows = rows_of(house)
    with pytest.raises(ProofInvalid):
        follow(house.genesis, rows)
    with pytest.raises(ProofInvalid, match="equation"):
        follow(house.genesis, rows, proofs=False)


# SPEC LEDGER-15.8
def test_a_double_spend_that_the_node_let_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    house, (alice,) = rich("alice")
    one = house.spend(alice, alice.coins[:1], [(alice.pay, 5)])
    two = house.spend(alice, alice.coins[:1], [(alice.pay, 6)], ring_seed=3)
    house.block(one.envelope)
    real = execute.judge_cheap

    def blind(block: Any, candidate: Any) -> Any:
        refusal = real(block, candidate)
        return None if getattr(refusal, "code", "") == "ledger.key_image_spent" else refusal

    monkeypatch.setattr(execute, "judge_cheap", blind)
    result = house.finalize(two.envelope)
    monkeypatch.undo()
    assert [code_of(each.refusal) for each in result.verdicts] == ["ok"]
    header, finality = signed(Header.decode(result.header))
    with pytest.raises(ProofInvalid, match="key image"):
        follow(house.genesis, [*rows_of(house), Row(header, finality, result.record, result.proofs)])


def test_a_refund_after_the_payout_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node gives back what the bank paid out already."""
    house, (alice,) = rich("alice")
    away, ref, token = withdraw(house, alice, 300)
    assert house.codes(away, makers.anchor(house.chain_id, 1, 4).data) == ["ok"] * 2
    paid = makers.paid(house.chain_id, ref, token).data
    assert house.codes(paid) == ["ok"]
    real = withdrawals._pending

    def pending(state: Any, reference: bytes) -> Any:
        try:
            return real(state, reference)
        except Refused:
            return WithdrawalState.decode(state.get(Domain.WITHDRAWAL, reference))

    monkeypatch.setattr(withdrawals, "_pending", pending)
    monkeypatch.setattr(closing, "find_fault", lambda *_: None)
    result = house.finalize(makers.refund(house.chain_id, ref, token).data)
    monkeypatch.undo()
    assert [code_of(each.refusal) for each in result.verdicts] == ["ok"]
    header, finality = signed(Header.decode(result.header))
    with pytest.raises(ProofInvalid):
        follow(house.genesis, [*rows_of(house), Row(header, finality, result.record, result.proofs)])
