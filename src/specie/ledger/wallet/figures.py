"""What the wallet shows: money by buckets that sum to the total, and its history. Spec: UX section 5.1, LEDGER-14.

Both come from the chain alone, by keys that see: a view-only wallet and a restored one show the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specie.kernel.db import Transaction
from specie.ledger.messages.outputs import OutputKind
from specie.ledger.messages.transaction import TransactionType
from specie.ledger.wallet.memos import words_of
from specie.ledger.wallet.store import outputs, payments
from specie.ledger.wallet.store.outputs import DUPLICATE, HOSTILE, MISMATCH, OURS, Owned

BUCKETS = ("available", "offline", "locked", "handed_over", "in_flight", "in_doubt", "incoming")


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units by bucket. Every unit is in exactly one of them."""

    available: int = 0
    """Can be spent now."""
    offline: int = 0
    locked: int = 0
    """In escrows of this wallet that are not closed."""
    handed_over: int = 0
    in_flight: int = 0
    """Held by payments on their way, their change included; and withdrawals that no bank has answered."""
    in_doubt: int = 0
    """Held by payments that left without an answer."""
    incoming: int = 0
    """Ours, but too young to be spent."""

    @property
    def total(self) -> int:
        return sum(getattr(self, bucket) for bucket in BUCKETS)


def balance_of(tx: Transaction, anchor: int, min_age: int, account: int | None = None) -> Balance:
    """The balance at a height, of one account or of all."""
    sums = dict.fromkeys(BUCKETS, 0)
    states = {each.id: each.state for each in payments.open_payments(tx)}
    for each in outputs.unspent(tx):
        if account in (None, each.account):
            sums[_bucket(each, states, anchor, min_age)] += each.value
    for departure in payments.departures(tx):
        if account in (None, departure.account):
            bucket = "in_flight" if departure.kind == TransactionType.WITHDRAW else "locked"
            sums[bucket] += departure.rest
    return Balance(**sums)


def _bucket(each: Owned, states: Mapping[bytes, str], anchor: int, min_age: int) -> str:
    if each.held is not None:
        return "in_doubt" if states.get(each.held) == payments.DOUBT else "in_flight"
    return "available" if anchor + 1 - each.height >= min_age else "incoming"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the history."""

    what: str
    """`received`, `issued`, `fee_income`, `payout`, `refunded`, `sent`, `withdrawn`, `funded`, or `hostile`."""

    number: int
    """Index of the output that told."""

    height: int
    time_ms: int
    account: int
    amount: int
    """Minor units: what came, or what left without the fee."""

    fee: int = 0
    place: int | None = None
    """The subaddress that received."""

    words: str = ""
    """What the payer wrote."""

    recipient: bytes = b""
    """30 bytes, under s_b; of a withdrawal or an escrow the beginning of its name."""

    acknowledged: bool = True
    """False for a hostile output: nobody must learn that it was seen."""

    ref: bytes | None = None


_CAME = {
    OutputKind.TRANSFER: "received",
    OutputKind.MINT: "issued",
    OutputKind.FEE: "fee_income",
    OutputKind.PAYOUT: "payout",
    OutputKind.REFUND: "refunded",
}
_LEFT = {TransactionType.TRANSFER: "sent", TransactionType.WITHDRAW: "withdrawn", TransactionType.FUND: "funded"}


def history_of(tx: Transaction) -> list[Item]:
    """Everything that came and left, newest first."""
    items = [item for each in outputs.all_outputs(tx) if (item := _came(each)) is not None]
    for each in outputs.expenses(tx):
        what = _LEFT[TransactionType(each.kind)]
        items.append(
            Item(
                *(what, each.number, each.height, each.time_ms, each.account, each.amount, each.fee),
                recipient=each.recipient,
                ref=each.ref,
            )
        )
    return sorted(items, key=lambda item: (item.height, item.number, item.what), reverse=True)


# SPEC LEDGER-4.3.3
def _came(each: Owned) -> Item | None:
    """What an output says of money that came; our own change says nothing of that."""
    if each.status in (HOSTILE, MISMATCH, DUPLICATE):
        head = ("hostile", each.number, each.height, each.time_ms, each.account, 0)
        return Item(*head, place=each.place, acknowledged=False)
    if each.status != OURS or each.own or not each.value:
        return None
    what = _CAME[OutputKind(each.kind)]
    head = (what, each.number, each.height, each.time_ms, each.account, each.value)
    return Item(*head, place=each.place, words=words_of(each.memo))
