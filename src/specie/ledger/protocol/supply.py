"""The supply identity: what the counters say, and what the entries of the state say. Spec: LEDGER-9.4."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from specie.ledger.messages.escrow import Record
from specie.ledger.messages.state import Counters, Domain, WithdrawalState, WithdrawalStatus

CLOSED = 4
_STATUS_AT = 33
"""Place of the status in an escrow record: behind version and cid."""

Change = tuple[int, bytes | None, bytes]
"""(domain, value before or None, value after)"""


@dataclass(frozen=True, slots=True)
class Held:
    """Sums over the entries of the state, beside the counters that they must agree with."""

    escrows: int = 0
    """Over all escrows: F + bond less all that was paid out."""
    pending: int = 0
    """Over withdrawals that are not answered."""
    waiting: int = 0
    """Withdrawals not answered, and escrows not closed."""


def held_by(domain: int, value: bytes) -> Held:
    """What one entry adds to the sums."""
    if domain == Domain.WITHDRAWAL:
        withdrawal = WithdrawalState.decode(value)
        return Held(0, withdrawal.value, 1) if withdrawal.status == WithdrawalStatus.PENDING else Held()
    if domain == Domain.ESCROW:
        return Held(Record.decode(value).pool, 0, int(value[_STATUS_AT] != CLOSED))
    return Held()


def held_after(before: Held, changes: Iterable[Change]) -> Held:
    """The sums after a block, by the entries that it changed."""
    escrows, pending, waiting = before.escrows, before.pending, before.waiting
    for domain, old, new in changes:
        gain = held_by(domain, new)
        loss = Held() if old is None else held_by(domain, old)
        escrows += gain.escrows - loss.escrows
        pending += gain.pending - loss.pending
        waiting += gain.waiting - loss.waiting
    return Held(escrows, pending, waiting)


# SPEC LEDGER-9.4.1
def find_fault(counters: Counters, held: Held) -> str | None:
    """What of the identities of LEDGER-9.4 does not hold, in words; None if all do."""
    if min(counters.hidden, counters.escrow_pool, counters.pending) < 0:
        return "hidden value, escrow pool or pending withdrawals would be negative"
    if counters.escrow_pool != held.escrows:
        return "the escrow pool is not the sum of the escrows"
    if counters.pending != held.pending:
        return "the withdrawals that wait are not what was burned and not answered"
    circulating = counters.minted - counters.paid_account - counters.paid_redeemed
    if circulating != counters.hidden + counters.escrow_pool + counters.pending:
        return "minted less paid is not hidden, escrow pool and pending"
    return None
