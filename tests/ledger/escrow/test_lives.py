"""Whole lives of channels: opened, settled, disputed, closed; and what nobody can take from anybody."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from specie.ledger import escrow
from specie.ledger.errors import BlockFull, Rejected
from specie.ledger.messages.escrow import EscrowStatus, LockKind, Operation
from specie.ledger.messages.state import Domain
from tests.ledger.escrow.ledger import Books, Sent
from tests.ledger.escrow.makers import DAY_S, START_MS, Channel

CLIENT, VENDOR = 0, 1
NOW_MS = START_MS + 60_000
DAY_MS = DAY_S * 1000
FUNDED = 22_000


def opened(**changes: Any) -> tuple[Channel, Books]:
    channel = Channel.of(**changes)
    return channel, channel.opened()


def refused(label: str, execute: Callable[[], object]) -> None:
    with pytest.raises(Rejected) as caught:
        execute()
    assert caught.value.rule == label


def paid(ledger: Books) -> tuple[int, int]:
    """What client and vendor have received."""
    totals = [0, 0]
    for _, _, party, _, value in ledger.payments:
        totals[party] += value
    return totals[CLIENT], totals[VENDOR]


def is_closed(ledger: Books, channel: Channel) -> bool:
    """CLOSED, and every minor unit has left the escrow."""
    record = ledger.record(channel.cid)
    if record.status != EscrowStatus.CLOSED:
        return False
    assert record.pool == 0 and sum(paid(ledger)) == record.capacity + record.bond
    assert ledger.totals.escrow_in == ledger.totals.escrow_out
    return True


# SPEC LEDGER-9.6.13, LEDGER-9.6.14
# SPEC MICROPAY-3.9.4
def test_settle_top_up_claim() -> None:
    channel, ledger = opened()
    assert ledger.run(channel.settle(channel.claim(0, 2, 700)), NOW_MS) == [(VENDOR, 700)]
    ledger.fund(channel.top_up(1500, channel.body.expires_ms + DAY_MS).encode(), 1500)
    record = ledger.record(channel.cid)
    assert (record.capacity, record.index_max, record.operations) == (21_500, 66, 0)
    assert record.expires_ms == channel.body.expires_ms + DAY_MS
    final = channel.claiming(channel.claim(0, 3, 900, ticks=4), channel.claim(1, 1, 50), final=True)
    assert ledger.run(final) == [(VENDOR, 254), (CLIENT, 22_546)]
    assert is_closed(ledger, channel)
    assert [payment[1] for payment in ledger.payments] == [0, 1, 2]
    assert [payment[3] for payment in ledger.payments] == [channel.shop.pay, channel.shop.pay, channel.wallet.pay]


# SPEC LEDGER-9.6.13, LEDGER-15.27
# SPEC MICROPAY-3.9.12
def test_nothing_happens_after_closed() -> None:
    channel, ledger = opened()
    ledger.run(channel.cooperate(0), NOW_MS)
    assert is_closed(ledger, channel) and paid(ledger) == (FUNDED, 0)
    lock = channel.bad_lock(0, 1, 10)
    operations: list[Operation] = [
        channel.settle(channel.claim(0, 1, 10)),
        channel.claiming(channel.claim(0, 1, 10), final=True),
        channel.close(),
        channel.cooperate(10),
        channel.lock_claim(0, lock),
        channel.release(0, 1),
        channel.fraud_witness(0, lock),
        channel.fraud_goods(0, 1, 10),
        channel.finalize(),
    ]
    for operation in operations:
        refused("K-22", partial(ledger.run, operation))
    refused("K-15", lambda: ledger.fund(channel.top_up(500).encode(), 500))
    refused("K-04", lambda: ledger.fund(channel.opening().encode(), channel.burn))


# SPEC LEDGER-9.6.3
def test_a_channel_key_is_used_once() -> None:
    channel, ledger = opened()
    again = Channel.of(opened_ms=START_MS + 1)
    assert again.cid != channel.cid
    refused("K-04", lambda: ledger.fund(again.opening().encode(), again.burn))


# SPEC MICROPAY-3.9.3, MICROPAY-3.9.5
def test_close_request_then_finalize() -> None:
    channel, ledger = opened()
    assert ledger.run(channel.close(channel.claim(0, 1, 5)), NOW_MS) == []
    record = ledger.record(channel.cid)
    assert (record.status, record.close_ms) == (EscrowStatus.CLOSING, NOW_MS + DAY_MS)
    refused("K-22", lambda: ledger.run(channel.close()))
    refused("K-22", lambda: ledger.run(channel.settle(channel.claim(0, 2, 9))))
    refused("K-23", lambda: ledger.run(channel.finalize(), NOW_MS + DAY_MS))
    assert ledger.run(channel.finalize(), NOW_MS + DAY_MS + 1) == [(VENDOR, 5), (CLIENT, FUNDED - 5)]
    assert is_closed(ledger, channel)


# SPEC MICROPAY-3.9.3
def test_close_request_after_expiry_ends_with_the_channel() -> None:
    channel, ledger = opened()
    ledger.run(channel.close(), channel.end_ms)
    assert ledger.record(channel.cid).close_ms == channel.end_ms


# SPEC MICROPAY-3.9.3, MICROPAY-3.13.5
def test_claim_at_the_last_moment_and_one_too_late() -> None:
    channel, ledger = opened()
    refused("K-23", lambda: ledger.run(channel.claiming(channel.claim(0, 1, 5), final=True), channel.end_ms + 1))
    assert ledger.run(channel.claiming(channel.claim(0, 1, 5), final=True), channel.end_ms) == [
        (VENDOR, 5),
        (CLIENT, FUNDED - 5),
    ]
    channel, ledger = opened()
    assert ledger.run(channel.cooperate(5), channel.end_ms + 1) == [(VENDOR, 5), (CLIENT, FUNDED - 5)]


# SPEC MICROPAY-3.9.5
def test_both_vanish() -> None:
    channel, ledger = opened()
    assert ledger.run(channel.finalize(), channel.end_ms + 1) == [(CLIENT, FUNDED)]
    assert is_closed(ledger, channel)


# SPEC MICROPAY-3.9.6, MICROPAY-3.10.2
@pytest.mark.parametrize("answer", ["release", "reject", "silence"])
def test_lock_claim(answer: str) -> None:
    """The client stops at unit 3: the vendor has state 2 complete and state 3 locked."""
    channel, ledger = opened()
    ledger.run(channel.claiming(channel.adapted(0, channel.lock(0, 2, 1200))), NOW_MS)
    ledger.run(channel.lock_claim(0, channel.lock(0, 3, 2000)))
    lock = ledger.record(channel.cid).lanes[0].lock
    assert lock is not None and (lock.index, lock.amount, lock.answer_by_ms) == (3, 2000, NOW_MS + DAY_MS)
    refused("K-31", lambda: ledger.run(channel.lock_claim(0, channel.lock(0, 4, 2001))))
    if answer == "release":
        assert ledger.run(channel.release(0, 3), NOW_MS + DAY_MS) == [(VENDOR, 2000)]
        refused("K-31", lambda: ledger.run(channel.release(0, 3)))
        refused("K-27", lambda: ledger.run(channel.lock_claim(0, channel.lock(0, 3, 2000))))
    elif answer == "reject":
        assert ledger.run(channel.reject(0, 3, reason=3), NOW_MS + DAY_MS) == []
        assert ledger.record(channel.cid).lanes[0].best_amount == 1200
    else:
        refused("K-23", lambda: ledger.run(channel.finalize(), NOW_MS + DAY_MS))
        refused("K-23", lambda: ledger.run(channel.release(0, 3), NOW_MS + DAY_MS + 1))
        assert ledger.run(channel.finalize()) == [(VENDOR, 2000)]
        refused("K-23", lambda: ledger.run(channel.finalize()))
    assert ledger.record(channel.cid).lanes[0].lock is None
    assert ledger.record(channel.cid).status == EscrowStatus.OPEN
    ledger.run(channel.finalize(), channel.end_ms + 1)
    assert is_closed(ledger, channel)
    assert paid(ledger)[VENDOR] == (1200 if answer == "reject" else 2000)


# SPEC MICROPAY-3.9.4
@pytest.mark.parametrize(("amount", "ends"), [(1999, False), (2000, True)])
def test_a_claim_ends_a_dispute_that_is_worth_no_more(amount: int, ends: bool) -> None:
    channel, ledger = opened()
    ledger.run(channel.claiming(channel.claim(0, 2, 1200)), NOW_MS)
    ledger.run(channel.lock_claim(0, channel.lock(0, 3, 2000)))
    ledger.run(channel.claiming(channel.claim(0, 5, amount)))
    assert (ledger.record(channel.cid).lanes[0].lock is None) == ends


# SPEC MICROPAY-3.9.8
@pytest.mark.parametrize("answers", [("release", "reject"), ("silence", "silence"), ("reject", "reject")])
def test_disputes_that_outlive_the_channel(answers: tuple[str, str]) -> None:
    channel, ledger = opened()
    ledger.run(channel.claiming(channel.claim(0, 1, 500), channel.claim(1, 1, 300)), NOW_MS)
    ledger.run(channel.lock_claim(0, channel.lock(0, 2, 1500)), channel.end_ms - 10)
    ledger.run(channel.lock_claim(1, channel.lock(1, 2, 400)), channel.end_ms)
    assert ledger.run(channel.finalize(), channel.end_ms + 1) == [(VENDOR, 800), (CLIENT, FUNDED - 800 - 1100)]
    assert ledger.record(channel.cid).status == EscrowStatus.DISPUTE
    refused("K-23", lambda: ledger.run(channel.finalize()))
    refused("K-22", lambda: ledger.run(channel.cooperate(900)))
    refused("K-22", lambda: ledger.run(channel.lock_claim(0, channel.lock(0, 3, 1501))))
    won = 0
    for lane, (answer, amount) in enumerate(zip(answers, (1000, 100), strict=True)):
        assert ledger.record(channel.cid).status == EscrowStatus.DISPUTE
        if answer == "release":
            ledger.run(channel.release(lane, 2))
        elif answer == "reject":
            ledger.run(channel.reject(lane, 2))
        else:
            ledger.run(channel.finalize(), channel.end_ms + DAY_MS + (1 if lane else -5))
        won += 0 if answer == "reject" else amount
    assert is_closed(ledger, channel)
    assert paid(ledger) == (FUNDED - 800 - won, 800 + won)


# SPEC MICROPAY-3.9.15
def test_fraud_of_the_client_is_paid_once() -> None:
    """AT-07 and AT-33: the bond pays first, then F pays what the bond could not, and nothing is paid twice."""
    channel, ledger = opened()
    payments = [ledger.run(channel.fraud_witness(0, channel.bad_lock(0, i, 900 * i)), NOW_MS) for i in range(1, 5)]
    assert payments == [[(VENDOR, 900)], [(VENDOR, 900)], [(VENDOR, 200)], []]
    record = ledger.record(channel.cid)
    assert (record.bond_paid, record.taken, record.paid_vendor) == (2000, 2000, 0)
    refused("K-27", lambda: ledger.run(channel.fraud_witness(0, channel.bad_lock(0, 4, 3600))))
    refused("K-27", lambda: ledger.run(channel.lock_claim(0, channel.bad_lock(0, 4, 3600))))
    assert ledger.run(channel.claiming(channel.claim(0, 5, 4000), final=True)) == [(VENDOR, 2000), (CLIENT, 18_000)]
    assert is_closed(ledger, channel) and paid(ledger) == (18_000, 4000)


# SPEC MICROPAY-3.9.15
def test_fraud_ends_a_dispute_of_its_lane() -> None:
    channel, ledger = opened()
    ledger.run(channel.lock_claim(0, channel.bad_lock(0, 2, 900)), NOW_MS)
    ledger.run(channel.fraud_witness(0, channel.bad_lock(0, 1, 800)))
    assert ledger.record(channel.cid).lanes[0].lock is not None
    ledger.run(channel.fraud_witness(0, channel.bad_lock(0, 2, 900)))
    record = ledger.record(channel.cid)
    assert record.lanes[0].lock is None and record.lanes[0].best_amount == record.bond_paid == 900


# SPEC MICROPAY-3.10.4, MICROPAY-3.10.5
def test_fraud_of_the_vendor_is_taken_off() -> None:
    """AT-27: the client shows the state itself and then the evidence."""
    channel, ledger = opened()
    fraud = channel.fraud_goods(0, 2, 400)
    refused("K-27", lambda: ledger.run(fraud, NOW_MS))
    ledger.run(channel.close(channel.claim(0, 2, 1000)))
    assert ledger.run(fraud) == []
    refused("K-27", lambda: ledger.run(fraud))
    refused("K-27", lambda: ledger.run(channel.fraud_goods(0, 1, 100)))
    assert ledger.run(channel.claiming(channel.claim(0, 2, 1000), final=True)) == [(VENDOR, 600), (CLIENT, 21_400)]
    assert is_closed(ledger, channel)


# SPEC MICROPAY-3.9.14
def test_more_taken_than_shown() -> None:
    channel, ledger = opened()
    ledger.run(channel.settle(channel.claim(0, 2, 100)), NOW_MS)
    ledger.run(channel.fraud_goods(0, 2, 2**32 - 1))
    assert ledger.run(channel.claiming(channel.claim(0, 3, 900), final=True)) == [(CLIENT, FUNDED - 100)]
    assert is_closed(ledger, channel)


# SPEC MICROPAY-3.9.16, MICROPAY-3.9.10
@pytest.mark.parametrize("attack", ["close", "fraud"])
def test_one_cent_on_an_idle_lane(attack: str) -> None:
    """AT-32: C shows 1 on an idle lane against V's claim of F."""
    channel, ledger = opened()
    if attack == "close":
        ledger.run(channel.close(channel.claim(1, 1, 1)), NOW_MS)
    else:
        assert ledger.run(channel.fraud_witness(1, channel.bad_lock(1, 1, 1)), NOW_MS) == [(VENDOR, 1)]
    ledger.run(channel.claiming(channel.claim(0, 20, 20_000), final=True))
    assert is_closed(ledger, channel)
    assert paid(ledger)[VENDOR] == 20_000


# SPEC MICROPAY-3.9.13
def test_a_state_of_the_last_index_shuts_nobody_out() -> None:
    """AT-29: C shows a state of index n_max without value."""
    channel, ledger = opened()
    ledger.run(channel.claiming(channel.claim(0, 2, 1200)), NOW_MS)
    ledger.run(channel.lock_claim(0, channel.lock(0, 3, 2000)))
    ledger.run(channel.close(channel.claim(0, 64, 1200)))
    record = ledger.record(channel.cid)
    assert record.lanes[0].lock is not None and record.lanes[0].best_index == 64
    ledger.run(channel.fraud_witness(0, channel.bad_lock(0, 3, 1300)))
    ledger.run(channel.claiming(channel.claim(0, 4, 2500), final=True))
    assert is_closed(ledger, channel) and paid(ledger)[VENDOR] == 2500


# SPEC MICROPAY-3.9.9
@pytest.mark.parametrize("end", ["final claim", "cooperation"])
def test_the_end_drops_open_locks(end: str) -> None:
    channel, ledger = opened()
    ledger.run(channel.lock_claim(0, channel.lock(0, 1, 700)), NOW_MS)
    if end == "cooperation":
        ledger.run(channel.cooperate(100))
    else:
        ledger.run(channel.claiming(channel.claim(0, 1, 100), final=True))
    assert is_closed(ledger, channel) and paid(ledger)[VENDOR] == 100
    assert ledger.record(channel.cid).lanes[0].lock is None


def test_a_tower_claims_for_the_vendor() -> None:
    """AT-09, AT-14: an older claim never lowers a newer one, and a newer one replaces it."""
    channel, ledger = opened()
    ledger.run(channel.claiming(channel.claim(0, 1, 10)), NOW_MS)
    ledger.run(channel.claiming(channel.claim(0, 3, 30)))
    refused("K-27", lambda: ledger.run(channel.claiming(channel.claim(0, 2, 20))))
    # equal in value, and of a higher index: it is taken, and raises the best
    ledger.run(channel.claiming(channel.claim(0, 4, 30)))
    refused("K-27", lambda: ledger.run(channel.claiming(channel.claim(0, 3, 30))))
    # a smaller index with a higher value, through its ticks
    ledger.run(channel.claiming(channel.claim(0, 2, 20, ticks=11)))
    record = ledger.record(channel.cid)
    assert (record.lanes[0].best_index, record.lanes[0].best_ticks) == (2, 11)


# SPEC MICROPAY-3.9.3
def test_two_claims_race() -> None:
    """AT-13."""
    channel, ledger = opened()
    final = channel.claiming(channel.claim(0, 1, 10), final=True)
    ledger.run(final, NOW_MS)
    refused("K-22", lambda: ledger.run(final))
    refused("K-22", lambda: ledger.run(channel.finalize(), channel.end_ms + 1))


# SPEC LEDGER-9.6.11
def test_operations_are_counted_for_each_funding() -> None:
    channel, ledger = opened()
    ledger.parameters.escrow_ops_max = 16
    for i in range(1, 17):
        ledger.run(channel.settle(channel.claim(0, i, i)), NOW_MS)
    refused("K-39", lambda: ledger.run(channel.settle(channel.claim(0, 17, 17))))
    refused("K-39", lambda: ledger.run(channel.claiming(channel.claim(0, 17, 17))))
    refused("K-39", lambda: ledger.run(channel.lock_claim(0, channel.lock(0, 17, 17))))
    ledger.fund(channel.top_up(1).encode(), 1)
    ledger.run(channel.settle(channel.claim(0, 17, 17)))
    assert ledger.record(channel.cid).operations == 1
    # a final claim is none of the counted ones
    ledger.parameters.escrow_ops_max = 1
    refused("K-39", lambda: ledger.run(channel.claiming(channel.claim(0, 18, 18))))
    ledger.run(channel.claiming(channel.claim(0, 18, 18), final=True))
    assert is_closed(ledger, channel)


# SPEC LEDGER-8.5.5
def test_a_full_block_takes_nothing() -> None:
    channel, ledger = opened()
    ledger.totals.escrow_out = 2**62 - 22_000
    before = ledger.snapshot()
    with pytest.raises(BlockFull):
        ledger.run(channel.cooperate(1), NOW_MS)
    assert ledger.snapshot() == before
    ledger.totals.escrow_in = 2**62 - 1
    with pytest.raises(BlockFull):
        ledger.fund(channel.top_up(1).encode(), 1)
    other = Channel.of("other")
    with pytest.raises(BlockFull):
        ledger.fund(other.opening().encode(), other.burn)
    assert ledger.get(Domain.CHANNEL_KEY, other.body.client_key) is None


def test_checking_a_funding_changes_nothing() -> None:
    channel = Channel.of()
    ledger = Books(channel.opened().genesis, channel.bank.public, time_ms=START_MS)
    before = ledger.snapshot()
    escrow.check_funding(ledger, channel.opening().encode(), channel.burn)
    assert ledger.snapshot() == before


def test_ticks_before_the_first_state() -> None:
    channel, ledger = opened()
    assert ledger.run(channel.settle(channel.claim(0, 0, 0, ticks=7)), NOW_MS) == [(VENDOR, 7)]
    assert ledger.record(channel.cid).lanes[0].best_digest == bytes(32)
    # the next epoch takes them in
    claim = channel.claim(0, 1, 17, ticks=3, epoch=1)
    assert ledger.run(channel.settle(claim)) == [(VENDOR, 13)]


def test_states_of_all_kinds_can_be_claimed() -> None:
    channel, ledger = opened()
    for kind, lane in ((LockKind.DELIVERY, 0), (LockKind.POINT, 1)):
        claim = channel.claim(lane, 1, 10, kind=kind, point=channel.point(lane, 1))
        assert ledger.run(channel.settle(claim), NOW_MS) == [(VENDOR, 10)]


def test_deadlines() -> None:
    channel, ledger = opened()
    ledger.run(channel.lock_claim(0, channel.lock(0, 1, 700)), NOW_MS)

    def deadline(operation: Any) -> int | None:
        return escrow.deadline_ms(ledger, Sent(operation.number, operation.encode()))

    assert deadline(channel.settle(channel.claim(0, 1, 1))) == channel.end_ms
    assert deadline(channel.reject(0, 1)) == NOW_MS + DAY_MS
    assert deadline(channel.reject(1, 1)) is None
    assert deadline(channel.finalize()) is None and deadline(channel.cooperate(0)) is None
    ledger.run(channel.close())
    assert deadline(channel.claiming(channel.claim(0, 1, 1))) == NOW_MS + DAY_MS
    refused("K-21", lambda: deadline(Channel.of("other").finalize()))
