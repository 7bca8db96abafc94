"""The escrow record: all that the contract remembers, the value of domain 4 of the state tree (LEDGER section 9.6)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from specie.ledger.errors import NonCanonical
from specie.ledger.messages.escrow.funding import Open
from specie.ledger.messages.escrow.layout import ZERO, Cursor
from specie.ledger.messages.escrow.types import EscrowStatus

RECORD_VERSION = 1
_LANES_MAX = 16
_HEAD = Struct(">B32sBQQQQQQQIQ32s32s32sIIIB32s96s96sIHB")
_LANE = Struct(">32sI32sIIQI32sI")
_LOCK = Struct(">IQ32s32sQ")
_NO_LOCK = bytes(_LOCK.size)


@dataclass(slots=True)
class OpenLock:
    """A lock that the vendor has claimed and the client has not answered."""

    index: int
    """Never 0: that is how the record says that there is none."""
    amount: int
    digest: bytes
    """m_i of the locked state."""
    point: bytes
    answer_by_ms: int


@dataclass(slots=True)
class LaneRecord:
    """One lane: its anchors, the best state that was shown, and an open lock."""

    witness_anchor: bytes
    witnesses: int
    tick_anchor: bytes
    ticks: int
    best_index: int = 0
    best_amount: int = 0
    best_ticks: int = 0
    best_digest: bytes = ZERO
    """m_i of the best state; zero before the first."""
    fraud_index: int = 0
    """The last index whose goods were proven wrong."""
    lock: OpenLock | None = None

    @classmethod
    def read(cls, cursor: Cursor) -> LaneRecord:
        fields = cursor.unpack(_LANE)
        lock = cursor.take(_LOCK.size)
        if lock[:4] == bytes(4) and lock != _NO_LOCK:
            raise NonCanonical("a lock of index 0 is no lock")
        values = [*fields, None if lock == _NO_LOCK else OpenLock(*_LOCK.unpack(lock))]
        return cls(*values)

    def encode(self) -> bytes:
        lane = _LANE.pack(
            self.witness_anchor,
            self.witnesses,
            self.tick_anchor,
            self.ticks,
            self.best_index,
            self.best_amount,
            self.best_ticks,
            self.best_digest,
            self.fraud_index,
        )
        lock = self.lock
        if lock is None:
            return lane + _NO_LOCK
        return lane + _LOCK.pack(lock.index, lock.amount, lock.digest, lock.point, lock.answer_by_ms)


@dataclass(slots=True)
class Record:
    """One escrow. Amounts in minor units; the contract works on a decoded record and puts it back whole."""

    cid: bytes
    status: EscrowStatus
    capacity: int
    """F"""
    bond: int
    paid_client: int
    paid_vendor: int
    """From F alone; what the bond paid stands in `bond_paid`."""
    bond_paid: int
    taken: int
    """Taken off what is due: paid by the bond already, or proven fraud of the vendor."""
    expires_ms: int
    dispute_s: int
    close_ms: int
    """t_close; 0 before a CLOSE_REQ."""
    client_key: bytes
    vendor_key: bytes
    bank_key: bytes
    limit: int
    index_max: int
    unit: int
    window: int
    tx_0: bytes
    pay_client: bytes
    pay_vendor: bytes
    seq: int
    """Number of the next payout."""
    operations: int
    """Operations counted against ESCROW_OPS_MAX since the last funding."""
    lanes: list[LaneRecord]

    @classmethod
    def of(cls, opening: Open) -> Record:
        """The record that OPEN makes."""
        body = opening.body
        return cls(
            cid=body.cid,
            status=EscrowStatus.OPEN,
            capacity=body.capacity,
            bond=body.bond,
            paid_client=0,
            paid_vendor=0,
            bond_paid=0,
            taken=0,
            expires_ms=body.expires_ms,
            dispute_s=body.dispute_s,
            close_ms=0,
            client_key=body.client_key,
            vendor_key=body.vendor_key,
            bank_key=body.bank_key,
            limit=body.limit,
            index_max=body.index_max,
            unit=body.unit,
            window=body.window,
            tx_0=body.tx_0,
            pay_client=opening.pay_client,
            pay_vendor=opening.pay_vendor,
            seq=0,
            operations=0,
            lanes=[LaneRecord(a.witness_anchor, a.witnesses, a.tick_anchor, a.ticks) for a in body.anchors],
        )

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """Raises NonCanonical."""
        cursor = Cursor(data)
        version, cid, status, *fields, lanes = cursor.unpack(_HEAD)
        if version != RECORD_VERSION or status not in list(EscrowStatus) or not 1 <= lanes <= _LANES_MAX:
            raise NonCanonical("not an escrow record of this version")
        values = [cid, EscrowStatus(status), *fields, [LaneRecord.read(cursor) for _ in range(lanes)]]
        cursor.done()
        return cls(*values)

    def encode(self) -> bytes:
        head = _HEAD.pack(
            RECORD_VERSION,
            self.cid,
            self.status,
            self.capacity,
            self.bond,
            self.paid_client,
            self.paid_vendor,
            self.bond_paid,
            self.taken,
            self.expires_ms,
            self.dispute_s,
            self.close_ms,
            self.client_key,
            self.vendor_key,
            self.bank_key,
            self.limit,
            self.index_max,
            self.unit,
            self.window,
            self.tx_0,
            self.pay_client,
            self.pay_vendor,
            self.seq,
            self.operations,
            len(self.lanes),
        )
        return head + b"".join(lane.encode() for lane in self.lanes)

    @property
    def pool(self) -> int:
        """What this escrow still holds of what was burned for it."""
        return self.capacity + self.bond - self.paid_client - self.paid_vendor - self.bond_paid
