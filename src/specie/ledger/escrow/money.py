"""What is due, what is paid, and what is left (the rules of payment of MICROPAY section 3.9).

Python's integers have no bound, so no sum or product here can wrap around (MICROPAY-3.9.14).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from specie.ledger.messages.escrow import EscrowStatus, LaneRecord, Party, Record

TAKEN_MAX = 2**64 - 1


def value_of(record: Record, lane: LaneRecord) -> int:
    """The value of a lane: best_A + unit * best_j."""
    return lane.best_amount + record.unit * lane.best_ticks


# SPEC MICROPAY-3.9.14, MICROPAY-3.9.16
def due_of(record: Record) -> int:
    """What the vendor is to have received so far out of F; never less than it has."""
    total = sum(value_of(record, lane) for lane in record.lanes)
    return max(record.paid_vendor, min(record.capacity, total) - record.taken)


def end_of(record: Record) -> int:
    """The last millisecond of the channel."""
    if record.status == EscrowStatus.CLOSING:
        return record.close_ms
    return record.expires_ms + 1000 * record.dispute_s


@dataclass(slots=True)
class Till:
    """Pays out of one record and remembers what the ledger has to make outputs of."""

    record: Record
    payments: list[tuple[Party, int]] = field(default_factory=list)

    def pay_due(self) -> None:
        """What is due to the vendor now."""
        self.pay_vendor(due_of(self.record) - self.record.paid_vendor)

    def pay_vendor(self, amount: int) -> None:
        """Out of F."""
        self.record.paid_vendor += amount
        self._pay(Party.VENDOR, amount)

    def pay_from_bond(self, amount: int) -> None:
        """To the vendor, out of the client's bond; F need not pay it again."""
        self.record.bond_paid += amount
        self.record.taken = min(TAKEN_MAX, self.record.taken + amount)
        self._pay(Party.VENDOR, amount)

    def pay_client(self, kept: int = 0) -> None:
        """All that the escrow holds but `kept`."""
        amount = self.record.pool - kept
        self.record.paid_client += amount
        self._pay(Party.CLIENT, amount)

    # SPEC LEDGER-9.6.13
    # SPEC MICROPAY-3.9.11, MICROPAY-3.9.12
    def close(self) -> None:
        """The client gets the rest and the bond; nothing is left and nothing can happen any more."""
        for lane in self.record.lanes:
            lane.lock = None
        self.pay_client()
        self.record.status = EscrowStatus.CLOSED

    def _pay(self, party: Party, amount: int) -> None:
        # amounts of 0 make no output
        if amount:
            self.payments.append((party, amount))

    @property
    def total(self) -> int:
        return sum(amount for _, amount in self.payments)
