"""P9 over many random runs: whatever both parties do, the payouts add up and nobody gets what is not his (AT-21).

SPECIE_ESCROW_RUNS sets how many runs there are (3 000 if it is not set; the chapter's trial is 1 000 000), and
SPECIE_ESCROW_SEED where they begin. A failure names the seed of its run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest

from specie.ledger.errors import Rejected
from specie.ledger.escrow.money import due_of, value_of
from specie.ledger.messages.escrow import EscrowStatus, EscrowType, Record
from tests.ledger.escrow.ledger import Books
from tests.ledger.escrow.makers import START_MS, Channel

RUNS = int(os.environ.get("SPECIE_ESCROW_RUNS", "3000"))
SEED = int(os.environ.get("SPECIE_ESCROW_SEED", "1"))
STEPS = 16
PARTS = 8
DISPUTE_MS = 600_000
CLIENT, VENDOR = 0, 1

WEIGHTS = {
    EscrowType.TOPUP: 1,
    EscrowType.SETTLE: 6,
    EscrowType.CLAIM: 6,
    EscrowType.CLOSE_REQ: 2,
    EscrowType.COOP: 0.3,
    EscrowType.LOCK_CLAIM: 14,
    EscrowType.RESPOND: 5,
    EscrowType.FRAUD: 7,
    EscrowType.FINALIZE: 6,
}

SHAPES: tuple[dict[str, Any], ...] = (
    {"lanes": 2, "window": 1, "unit": 10, "limit": 100, "bond": 200, "capacity": 400},
    {"lanes": 3, "window": 2, "unit": 1, "limit": 50, "bond": 300, "capacity": 300},
    {"lanes": 1, "window": 8, "unit": 0, "limit": 100, "bond": 800, "capacity": 500},
)


@dataclass(frozen=True)
class Move:
    """One operation in its bytes."""

    number: EscrowType
    body: bytes
    burn: int = 0


@cache
def moves(shape: int) -> tuple[Channel, dict[EscrowType, list[Move]]]:
    """A channel and all that its parties may try, signed once; amounts run above the capacity on purpose."""
    changes = {"index_max": 8, "dispute_s": 600, "expires_ms": START_MS + 4 * DISPUTE_MS, **SHAPES[shape]}
    channel = Channel.of(f"run/{shape}", witnesses=8, ticks=4, **changes)
    pool: dict[EscrowType, list[Move]] = {}
    for move in all_moves(channel, Random(shape)):
        pool.setdefault(move.number, []).append(move)
    return channel, pool


def all_moves(channel: Channel, random: Random) -> Iterator[Move]:
    limit, lanes = channel.body.limit, range(channel.body.lanes)

    def amount(index: int) -> int:
        return random.randrange(1, index * limit + 1)

    claims = [
        channel.claim(lane, index, amount(index), ticks=random.randrange(5))
        for lane in lanes
        for index in (1, 2, 3, 5, 8)
        for _ in range(2)
    ]
    claims += [channel.claim(lane, 0, 0, ticks=random.randrange(5)) for lane in lanes]
    pairs = [sorted(random.sample(claims, 2), key=lambda claim: claim.lane) for _ in range(12)]
    operations: list[Any] = [channel.finalize(), channel.close()]
    for shown in [[claim] for claim in claims] + pairs:
        operations += [channel.settle(*shown), channel.claiming(*shown), channel.close(*shown)]
        if random.random() < 0.1:
            operations.append(channel.claiming(*shown, final=True))
    operations += [channel.cooperate(total) for total in (0, 7, 90, 250, 500)]
    for lane in lanes:
        for index in range(1, 9):
            price = random.randrange(1, 2 * limit)
            operations += [channel.release(lane, index), channel.reject(lane, index)]
            operations += [channel.fraud_goods(lane, index, price)]
            for _ in range(2):
                bad = channel.bad_lock(lane, index, amount(index))
                operations += [channel.lock_claim(lane, channel.lock(lane, index, amount(index)))]
                operations += [channel.fraud_witness(lane, bad), channel.lock_claim(lane, bad)]
    for operation in operations:
        yield Move(operation.number, operation.encode())
    for more in (1, 30, 400):
        later = channel.body.expires_ms + random.randrange(2) * DISPUTE_MS
        yield Move(EscrowType.TOPUP, channel.top_up(more, later).encode(), more)


def check(before: Record, ledger: Books, move: Move) -> None:
    """What holds after every operation that was taken."""
    record = ledger.record(before.cid)
    client = sum(value for _, _, party, _, value in ledger.payments if party == CLIENT)
    vendor = sum(value for _, _, party, _, value in ledger.payments if party == VENDOR)
    assert [payment[1] for payment in ledger.payments] == list(range(record.seq))
    assert all(value > 0 for _, _, _, _, value in ledger.payments)
    # SPEC LEDGER-9.6.13
    # SPEC MICROPAY-3.9.10
    assert (client, vendor) == (record.paid_client, record.paid_vendor + record.bond_paid)
    assert record.paid_vendor <= record.capacity and record.bond_paid <= record.bond
    assert record.pool == ledger.totals.escrow_in - ledger.totals.escrow_out >= 0
    # SPEC MICROPAY-3.9.11
    assert record.status != EscrowStatus.CLOSED or record.pool == 0
    # a dispute may outlive the money: F can be paid out while a lock is open
    assert record.pool or record.status in {EscrowStatus.CLOSED, EscrowStatus.DISPUTE}
    for old, new in zip(before.lanes, record.lanes, strict=True):
        # SPEC MICROPAY-3.9.13: C can sign any index with any amount
        assert value_of(record, new) >= value_of(before, old)
        assert new.lock is None or new.lock.amount > value_of(record, new)
    is_goods = move.number == EscrowType.FRAUD and record.taken > before.taken and record.bond_paid == before.bond_paid
    if record.status != EscrowStatus.CLOSED and not is_goods:
        # nothing but proven fraud of the vendor lowers what it is to have in all
        assert due_of(record) + record.bond_paid >= due_of(before) + before.bond_paid
    if move.number == EscrowType.FINALIZE:
        assert record != before


def choose(random: Random, pool: dict[EscrowType, list[Move]], record: Record) -> Move:
    """Any operation, those oftener that keep a channel alive; answers go to a lock that is open."""
    number = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    locks = [(lane, place.lock) for lane, place in enumerate(record.lanes) if place.lock is not None]
    if number == EscrowType.RESPOND and locks:
        lane, lock = random.choice(locks)
        place = record.cid + lane.to_bytes(1, "big") + lock.index.to_bytes(4, "big")
        return random.choice([move for move in pool[number] if move.body.startswith(place)])
    return random.choice(pool[number])


def run(seed: int) -> set[EscrowStatus]:
    """One life of a channel out of random operations at random times; the statuses that it had."""
    random = Random(seed)
    channel, pool = moves(seed % len(SHAPES))
    ledger = channel.opened()
    ledger.time_ms += random.choice((0, 0, 0, 3, 4, 5)) * DISPUTE_MS
    statuses = {EscrowStatus.OPEN}
    for _ in range(STEPS):
        before, snapshot = ledger.record(channel.cid), ledger.snapshot()
        move = choose(random, pool, before)
        ledger.time_ms += random.choice((0, 0, 0, 1, 1000, DISPUTE_MS // 2, DISPUTE_MS + 1))
        try:
            if move.burn:
                ledger.fund(move.body, move.burn)
            else:
                ledger.send(move.number, move.body)
        except Rejected:
            # SPEC MICROPAY-3.9.2
            assert ledger.snapshot() == snapshot
            continue
        # SPEC MICROPAY-3.9.12
        assert before.status != EscrowStatus.CLOSED
        check(before, ledger, move)
        statuses.add(ledger.record(channel.cid).status)
        if ledger.record(channel.cid).status == EscrowStatus.CLOSED:
            check_closed(random, channel, ledger, pool)
            break
    finish(channel, ledger)
    return statuses


def check_closed(random: Random, channel: Channel, ledger: Books, pool: dict[EscrowType, list[Move]]) -> None:
    """No operation of any type is taken any more."""
    for number, known in pool.items():
        if number != EscrowType.TOPUP:
            with pytest.raises(Rejected) as caught:
                ledger.send(number, random.choice(known).body)
            assert caught.value.rule == "K-22"


def finish(channel: Channel, ledger: Books) -> None:
    """Nobody needs anybody: FINALIZE alone gets everything out."""
    for _ in range(2):
        before = ledger.record(channel.cid)
        if before.status != EscrowStatus.CLOSED:
            ledger.run(channel.finalize(), ledger.time_ms + 10 * DISPUTE_MS)
            check(before, ledger, Move(EscrowType.FINALIZE, b""))
    assert ledger.record(channel.cid).status == EscrowStatus.CLOSED
    assert ledger.totals.escrow_in == ledger.totals.escrow_out


# SPEC LEDGER-9.6.13, LEDGER-9.6.14, LEDGER-15.27
# SPEC MICROPAY-3.9.10, MICROPAY-3.9.11, MICROPAY-3.9.14
@pytest.mark.parametrize("part", range(PARTS))
def test_conservation(part: int) -> None:
    reached: set[EscrowStatus] = set()
    for number in range(part, RUNS, PARTS):
        seed = SEED * 1_000_000_007 + number
        try:
            reached |= run(seed)
        except AssertionError as error:
            raise AssertionError(f"run({seed})") from error
    if RUNS >= 100 * PARTS:
        # the runs are worth something: they come to every status
        assert reached == set(EscrowStatus)
