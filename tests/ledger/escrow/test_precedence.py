"""Operations 34 to 41: every check K-20 to K-39 refuses, and of several faults the first is named.

Each fault is tried alone, and together with all that come after it in the order of MICROPAY section 3.9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from specie.ledger.messages.escrow import (
    EscrowStatus,
    OpenLock,
)
from tests.ledger.escrow.drafts import (
    JUNK_POINT,
    NOW_MS,
    Draft,
    Fault,
    bad_lock,
    bad_state_signature,
    bad_tick,
    best_three,
    cases,
    draft,
    good_goods,
    high_best,
    honest_point,
    lane_of,
    late,
    open_lock,
    operation_with,
    outer,
    put,
    state_with,
    status,
    unsigned_offer,
    used_up,
)
from tests.ledger.escrow.makers import NO_SIGNATURE, START_MS, ZERO, Channel

ENTRY: list[Fault] = [("K-20", put("tail", b"\0")), ("K-21", put("is_known", False))]
CLAIMED: list[Fault] = [
    ("K-23", late),
    ("K-24", lane_of(2)),
    ("K-25", state_with(kind=4)),
    ("K-26", state_with(index=65)),
    ("K-27", high_best),
    ("K-28", state_with(amount=2**39)),
    ("K-32", outer(signature=NO_SIGNATURE)),
    ("K-33", bad_state_signature),
    ("K-35", bad_tick),
]
# the point of an unlocked state must be none, so the kind of K-25 and the state of K-28 can stand together
LOCKED: list[Fault] = [
    ("K-23", late),
    ("K-24", lane_of(2)),
    ("K-25", state_with(kind=2)),
    ("K-26", state_with(index=65)),
    ("K-27", high_best),
    ("K-28", state_with(time_ms=2**50)),
    ("K-30", state_with(amount=1001)),
]
SETTLES = [*ENTRY, ("K-22", status(EscrowStatus.CLOSING)), *CLAIMED, ("K-39", used_up)]
CLAIMS = [*ENTRY, ("K-22", status(EscrowStatus.DISPUTE)), *CLAIMED, ("K-39", used_up)]
CLOSES = [*ENTRY, ("K-22", status(EscrowStatus.CLOSING)), *CLAIMED]
COOPS: list[Fault] = [
    *ENTRY,
    ("K-22", status(EscrowStatus.DISPUTE)),
    ("K-29", operation_with(total=20_001)),
    ("K-32", outer(vendor_signature=NO_SIGNATURE)),
]
LOCK_CLAIMS: list[Fault] = [
    *ENTRY,
    ("K-22", status(EscrowStatus.CLOSED)),
    *LOCKED,
    ("K-31", open_lock),
    ("K-32", outer(signature=NO_SIGNATURE)),
    ("K-34", bad_lock),
    ("K-39", used_up),
]
FRAUDS_WITNESS: list[Fault] = [
    *ENTRY,
    ("K-22", status(EscrowStatus.DISPUTE)),
    *LOCKED,
    ("K-34", bad_lock),
    ("K-36", operation_with(witness=ZERO)),
    ("K-38", honest_point),
]
FRAUDS_GOODS: list[Fault] = [
    *ENTRY,
    ("K-22", status(EscrowStatus.CLOSED)),
    ("K-23", late),
    ("K-24", lane_of(2)),
    ("K-27", lambda draft: setattr(draft.record.lanes[0], "best_index", 2)),
    ("K-32", unsigned_offer),
    ("K-36", outer(secret=(1).to_bytes(32, "big"))),
]
REJECTS: list[Fault] = [
    *ENTRY,
    ("K-22", status(EscrowStatus.CLOSED)),
    ("K-24", lane_of(2)),
    ("K-31", operation_with(index=4)),
    ("K-32", outer(signature=NO_SIGNATURE[:63] + b"\1")),
]
LATE_REJECTS: list[Fault] = [
    ("K-23", put("time_ms", NOW_MS + 1)),
    ("K-32", outer(signature=NO_SIGNATURE[:63] + b"\1")),
]
RELEASES: list[Fault] = [
    ("K-23", put("time_ms", NOW_MS + 1)),
    ("K-36", operation_with(secret=(1).to_bytes(32, "big"))),
]
FINALIZES: list[Fault] = [*ENTRY, ("K-22", status(EscrowStatus.CLOSED)), ("K-23", put("time_ms", NOW_MS))]


def disputed(make: Callable[[Channel], Any]) -> Callable[[], Draft]:
    def build() -> Draft:
        made = draft(make)
        lock = made.channel.lock(0, 3, 300).state
        made.record.lanes[0].lock = OpenLock(3, 300, ZERO, lock.point, NOW_MS)
        return made

    return build


def spoiled_cases(name: str, make: Callable[[], Draft], faults: list[Fault]) -> list[Any]:
    return [pytest.param(make, case.values[0], case.values[1], id=f"{name}-{case.id}") for case in cases(faults)]


ALL = [
    *spoiled_cases("SETTLE", lambda: draft(lambda c: c.settle(c.claim(0, 3, 300, ticks=5))), SETTLES),
    *spoiled_cases("CLAIM", lambda: draft(lambda c: c.claiming(c.claim(0, 3, 300, ticks=5))), CLAIMS),
    *spoiled_cases("CLOSE_REQ", lambda: draft(lambda c: c.close(c.claim(0, 3, 300, ticks=5))), CLOSES),
    *spoiled_cases("COOP", lambda: draft(lambda c: c.cooperate(300)), COOPS),
    *spoiled_cases("LOCK_CLAIM", lambda: draft(lambda c: c.lock_claim(0, c.lock(0, 3, 300))), LOCK_CLAIMS),
    *spoiled_cases("FRAUD-1", lambda: draft(lambda c: c.fraud_witness(0, c.bad_lock(0, 3, 300))), FRAUDS_WITNESS),
    *spoiled_cases("FRAUD-2", lambda: best_three(draft(lambda c: c.fraud_goods(0, 3, 100))), FRAUDS_GOODS),
    *spoiled_cases("RESPOND", disputed(lambda c: c.reject(0, 3)), REJECTS),
    *spoiled_cases("RESPOND-late", disputed(lambda c: c.reject(0, 3)), LATE_REJECTS),
    *spoiled_cases("RESPOND-release", disputed(lambda c: c.release(0, 3)), RELEASES),
    *spoiled_cases("FINALIZE", lambda: draft(lambda c: c.finalize()), FINALIZES),
]


# SPEC LEDGER-9.6.9, LEDGER-9.6.10, LEDGER-9.6.11, LEDGER-9.5.4, LEDGER-15.27
# SPEC MICROPAY-3.9.1, MICROPAY-3.9.2, MICROPAY-3.13.5, MICROPAY-3.13.6
@pytest.mark.parametrize(("make", "label", "spoilers"), ALL)
def test_operation(make: Callable[[], Draft], label: str, spoilers: list[Callable[[Draft], None]]) -> None:
    made = make()
    for spoil in spoilers:
        spoil(made)
    made.run(label)


# SPEC MICROPAY-3.10.5
@pytest.mark.parametrize("spoil", [good_goods, operation_with(index=2)], ids=["honest goods", "another unit"])
def test_fraud_needs_proof(spoil: Callable[[Draft], None]) -> None:
    made = best_three(draft(lambda c: c.fraud_goods(0, 3, 100)))
    spoil(made)
    made.run("K-38")


# SPEC MICROPAY-3.13.5, MICROPAY-3.13.7
@pytest.mark.parametrize(
    ("label", "spoil"),
    [
        ("K-24", lane_of(0)),
        ("K-25", state_with(kind=1)),
        ("K-25", state_with(point=bytes(31) + b"\1")),
        ("K-25", state_with(kind=3, point=JUNK_POINT)),
        ("K-26", state_with(index=0)),
        ("K-27", lambda draft: setattr(draft.record.lanes[1], "best_amount", 401)),
        ("K-28", state_with(amount=3001)),
        ("K-28", state_with(time_ms=START_MS + 31 * 86_400_000)),
    ],
)
def test_second_claim_of_two(label: str, spoil: Callable[[Draft], None]) -> None:
    made = draft(lambda c: c.settle(c.claim(0, 3, 300), c.claim(1, 3, 400)))
    spoil(made)
    made.run(label)


# SPEC MICROPAY-3.9.14
def test_ticks_beyond_the_chain_are_not_walked() -> None:
    made = draft(lambda c: c.settle(c.claim(0, 3, 300)))
    made.inner.append(lambda operation: replace(operation, claims=(replace(operation.claims[0], ticks=2**32 - 1),)))
    made.run("K-35")


@pytest.mark.parametrize("changes", [{"amount": 1}, {"time_ms": 1}, {"kind": 1}, {"chain": ZERO}, {"epoch": 1}])
def test_claim_of_ticks_alone_has_no_state(changes: dict[str, Any]) -> None:
    made = draft(lambda c: c.settle(c.claim(0, 0, 0, ticks=5)))
    state_with(**changes)(made)
    made.run("K-25" if "kind" in changes else "K-26")


# SPEC LEDGER-9.6.11
def test_operations_that_achieve_nothing() -> None:
    made = draft(lambda c: c.settle(c.claim(0, 3, 300)))
    made.record.lanes[0].best_index, made.record.lanes[0].best_amount = 3, 300
    made.record.paid_vendor = 300
    made.run("K-39")
    made = draft(lambda c: c.claiming(c.claim(0, 3, 300)))
    made.record.lanes[0].best_index, made.record.lanes[0].best_amount = 3, 300
    made.run("K-39")
