"""K-20 to K-38: what an operation on an escrow must show, in the order of precedence of MICROPAY section 3.9.

Every function answers whether a check passes for the whole operation; the table at the end is the order. A check that
does not concern an operation passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.crypto import aead, bip340, lockable
from specie.crypto.errors import OpenFailed
from specie.ledger.escrow.money import end_of, value_of
from specie.ledger.escrow.verdict import Check
from specie.ledger.messages.escrow import (
    Answer,
    ChannelState,
    Claim,
    CloseRequest,
    Cooperate,
    EscrowStatus,
    EscrowType,
    Finalize,
    FraudGoods,
    FraudWitness,
    LaneClaim,
    LaneRecord,
    Lock,
    LockClaim,
    LockKind,
    OpenLock,
    Operation,
    Record,
    Respond,
    Settle,
    goods_digest,
    goods_key,
)

FIRST_CHAIN = 0
"""epoch_w of the witness chain whose anchor is in Tx_0 (MICROPAY-3.10.3)."""

_RUNNING = (EscrowStatus.OPEN, EscrowStatus.CLOSING)
_UNSETTLED = (*_RUNNING, EscrowStatus.DISPUTE)

STATUSES: dict[EscrowType, Sequence[EscrowStatus]] = {
    EscrowType.SETTLE: (EscrowStatus.OPEN,),
    EscrowType.CLAIM: _RUNNING,
    EscrowType.CLOSE_REQ: (EscrowStatus.OPEN,),
    EscrowType.COOP: _RUNNING,
    EscrowType.LOCK_CLAIM: _RUNNING,
    EscrowType.RESPOND: _UNSETTLED,
    EscrowType.FRAUD: _RUNNING,
    EscrowType.FINALIZE: _UNSETTLED,
}


@dataclass(frozen=True, slots=True)
class Act:
    """One operation on one escrow at one moment."""

    record: Record
    operation: Operation
    now_ms: int

    @property
    def claims(self) -> tuple[LaneClaim, ...]:
        return self.operation.claims if isinstance(self.operation, Settle | Claim | CloseRequest) else ()

    @property
    def locked(self) -> tuple[int, Lock] | None:
        """Lane and lock of a LOCK_CLAIM or of a wrong witness."""
        if isinstance(self.operation, LockClaim | FraudWitness):
            return self.operation.lane, self.operation.lock
        return None

    @property
    def states(self) -> list[tuple[LaneRecord, ChannelState]]:
        """The states that this operation shows, with their lanes; only where K-24 has passed."""
        shown = [(self.record.lanes[claim.lane], claim.state) for claim in self.claims]
        if self.locked is not None:
            lane, lock = self.locked
            shown.append((self.record.lanes[lane], lock.state))
        return shown

    @property
    def answered(self) -> OpenLock | None:
        """The open lock that a RESPOND names, if it is there."""
        answer = self.operation
        if not isinstance(answer, Respond) or answer.lane >= len(self.record.lanes):
            return None
        lock = self.record.lanes[answer.lane].lock
        return lock if lock is not None and lock.index == answer.index else None


# SPEC LEDGER-9.6.9
# SPEC MICROPAY-3.9.12
def has_status(act: Act) -> bool:
    """K-22."""
    return act.record.status in STATUSES[act.operation.number]


def is_overdue(lock: OpenLock | None, now_ms: int) -> bool:
    """Whether the client has been silent for too long."""
    return lock is not None and now_ms > lock.answer_by_ms


# SPEC LEDGER-9.6.9
# SPEC MICROPAY-3.9.3, MICROPAY-3.13.6
def is_in_time(act: Act) -> bool:
    """K-23. A FINALIZE in DISPUTE waits for an answer time: all else is paid already."""
    if isinstance(act.operation, Cooperate):
        return True
    if isinstance(act.operation, Respond):
        return act.answered is None or act.now_ms <= act.answered.answer_by_ms
    if isinstance(act.operation, Finalize):
        overdue = any(is_overdue(lane.lock, act.now_ms) for lane in act.record.lanes)
        return overdue or (act.record.status != EscrowStatus.DISPUTE and act.now_ms > end_of(act.record))
    return act.now_ms <= end_of(act.record)


def has_lanes(act: Act) -> bool:
    """K-24."""
    named = [claim.lane for claim in act.claims]
    if isinstance(act.operation, LockClaim | FraudWitness | FraudGoods | Respond):
        named = [act.operation.lane]
    return all(lane < len(act.record.lanes) for lane in named) and named == sorted(set(named))


# SPEC MICROPAY-3.13.7
def has_kinds(act: Act) -> bool:
    """K-25. Points of claims must lift here; those of locks are PreVerify's (K-34)."""
    for _, state in act.states:
        if state.kind not in list(LockKind) or (state.kind == LockKind.OPEN) != (state.point == lockable.NO_POINT):
            return False
    if act.locked is not None:
        return act.locked[1].state.kind == LockKind.CHAIN
    return all(claim.state.kind == LockKind.OPEN or lockable.is_point(claim.state.point) for claim in act.claims)


def _has_index(act: Act, lane: LaneRecord, claim: LaneClaim) -> bool:
    if claim.state.index:
        return claim.state.index <= act.record.index_max
    empty = LaneClaim.of_ticks(claim.lane, act.record.tx_0, lane.tick_anchor, claim.ticks, claim.tick)
    return claim == empty


def has_indices(act: Act) -> bool:
    """K-26. A state before the first has ticks alone, so a lock of index 0 is none."""
    if act.locked is not None:
        lane, lock = act.locked
        index_max = act.record.index_max
        if isinstance(act.operation, FraudWitness):
            index_max = min(index_max, act.record.lanes[lane].witnesses)
        return 1 <= lock.state.index <= index_max
    return all(_has_index(act, act.record.lanes[claim.lane], claim) for claim in act.claims)


def rank(record: Record, claim: LaneClaim) -> tuple[int, int, int]:
    """By value, then by index and ticks."""
    return claim.state.amount + record.unit * claim.ticks, claim.state.index, claim.ticks


def best_rank(record: Record, lane: LaneRecord) -> tuple[int, int, int]:
    """The rank of what a lane has shown so far."""
    return value_of(record, lane), lane.best_index, lane.best_ticks


# SPEC MICROPAY-3.9.13, MICROPAY-3.10.1, MICROPAY-3.10.4
def is_above_best(act: Act) -> bool:
    """K-27."""
    record = act.record
    if isinstance(act.operation, FraudGoods):
        lane = record.lanes[act.operation.lane]
        return lane.best_index >= act.operation.index > lane.fraud_index
    if act.locked is not None:
        number, lock = act.locked
        lane = record.lanes[number]
        above = lock.state.amount > value_of(record, lane)
        return above and lock.state.digest(record.cid, number) != lane.best_digest
    return all(rank(record, claim) >= best_rank(record, record.lanes[claim.lane]) for claim in act.claims)


# SPEC MICROPAY-3.13.5, MICROPAY-3.9.14
def has_bounds(act: Act) -> bool:
    """K-28."""
    record = act.record
    return all(
        state.amount <= state.index * record.limit + state.epoch * lane.ticks * record.unit
        and state.amount <= record.capacity
        and state.time_ms <= record.expires_ms
        for lane, state in act.states
    )


# SPEC MICROPAY-3.9.16, MICROPAY-3.13.5
def has_total(act: Act) -> bool:
    """K-29."""
    if not isinstance(act.operation, Cooperate):
        return True
    return act.record.paid_vendor <= act.operation.total <= act.record.capacity


# SPEC MICROPAY-3.13.6
def is_in_window(act: Act) -> bool:
    """K-30."""
    if act.locked is None:
        return True
    number, lock = act.locked
    return lock.state.amount - value_of(act.record, act.record.lanes[number]) <= act.record.window * act.record.limit


def has_lock(act: Act) -> bool:
    """K-31."""
    if isinstance(act.operation, LockClaim):
        return act.record.lanes[act.operation.lane].lock is None
    return not isinstance(act.operation, Respond) or act.answered is not None


# SPEC MICROPAY-3.13.5, MICROPAY-3.13.6
def is_signed(act: Act) -> bool:
    """K-32."""
    client, vendor, operation = act.record.client_key, act.record.vendor_key, act.operation
    if isinstance(operation, Settle | Claim | LockClaim):
        signed = [(vendor, operation.digest, operation.signature)]
    elif isinstance(operation, CloseRequest):
        signed = [(client, operation.digest, operation.signature)]
    elif isinstance(operation, Cooperate):
        digest = operation.digest
        signed = [(client, digest, operation.client_signature), (vendor, digest, operation.vendor_signature)]
    elif isinstance(operation, Respond) and operation.answer == Answer.REJECT:
        signed = [(client, operation.digest, operation.signature)]
    elif isinstance(operation, FraudGoods):
        offer = operation.offer
        signed = [(vendor, offer.digest(operation.cid, operation.ciphertext), offer.signature)]
    else:
        signed = []
    return _verify(signed)


def has_signed_states(act: Act) -> bool:
    """K-33."""
    cid, client = act.record.cid, act.record.client_key
    shown = [claim for claim in act.claims if claim.state.index]
    return _verify([(client, claim.state.digest(cid, claim.lane), claim.signature) for claim in shown])


def _verify(signed: list[tuple[bytes, bytes, bytes]]) -> bool:
    """All of (key, digest, signature)."""
    if not signed:
        return True
    publics, digests, signatures = (list(column) for column in zip(*signed, strict=True))
    return all(bip340.verify_many(publics, digests, signatures))


def is_locked(act: Act) -> bool:
    """K-34, before any walk of a chain."""
    if act.locked is None:
        return True
    number, lock = act.locked
    digest = lock.state.digest(act.record.cid, number)
    return lockable.verify_lock(act.record.client_key, digest, lock.state.point, lock.nonce, lock.scalar)


def has_ticks(act: Act) -> bool:
    """K-35."""
    for claim in act.claims:
        # a chain longer than the lane's is not walked
        if claim.ticks > act.record.lanes[claim.lane].ticks:
            return False
        reached = lockable.walk_chain(
            "v", act.record.cid, claim.lane, claim.state.epoch, claim.ticks, claim.tick, claim.ticks
        )
        if reached != claim.state.tick_anchor:
            return False
    return True


def has_secret(act: Act) -> bool:
    """K-36."""
    operation = act.operation
    if isinstance(operation, Respond) and operation.answer == Answer.RELEASE:
        return act.answered is not None and lockable.is_opening(operation.secret, act.answered.point)
    if isinstance(operation, FraudWitness):
        index, lane = operation.lock.state.index, operation.lane
        reached = lockable.walk_chain("w", operation.cid, lane, FIRST_CHAIN, index, operation.witness, index)
        return reached == act.record.lanes[lane].witness_anchor
    if isinstance(operation, FraudGoods):
        return lockable.is_opening(operation.secret, operation.offer.point)
    return True


# SPEC MICROPAY-3.10.5
def is_fraud(act: Act) -> bool:
    """K-38."""
    operation = act.operation
    if isinstance(operation, FraudWitness):
        state, lane = operation.lock.state, operation.lane
        honest = lockable.witness_point(operation.cid, lane, FIRST_CHAIN, state.index, operation.witness)
        return state.point != honest
    if isinstance(operation, FraudGoods):
        offer = operation.offer
        same_unit = (offer.lane, offer.index) == (operation.lane, operation.index)
        return same_unit and not _opens_to_its_hash(operation)
    return True


def _opens_to_its_hash(fraud: FraudGoods) -> bool:
    cipher = aead.ChaCha20Poly1305Aead(goods_key(fraud.secret))
    try:
        goods = cipher.open(bytes(aead.NONCE_BYTES), fraud.ciphertext, fraud.offer.associated_data(fraud.cid))
    except OpenFailed:
        return False
    return goods_digest(goods) == fraud.offer.goods_hash


# SPEC LEDGER-9.6.10
# SPEC MICROPAY-3.9.1
CHECKS: tuple[Check[Act], ...] = (
    Check("K-22", has_status, "the status does not allow the operation"),
    Check("K-23", is_in_time, "too early or too late"),
    Check("K-24", has_lanes, "a lane does not exist, or claims do not ascend by lane"),
    Check("K-25", has_kinds, "a kind or point does not fit the operation"),
    Check("K-26", has_indices, "an index is out of range, or a claim of index 0 has a state"),
    Check("K-27", is_above_best, "not above what was shown before"),
    Check("K-28", has_bounds, "an amount or a time that this channel cannot have reached"),
    Check("K-29", has_total, "the sum is below what was paid or above the capacity"),
    Check("K-30", is_in_window, "more than the credit window above the best state"),
    Check("K-31", has_lock, "the lane has a lock open, or not this one"),
    Check("K-32", is_signed, "the operation is not signed by its party"),
    Check("K-33", has_signed_states, "a state is not signed by the client"),
    Check("K-34", is_locked, "the lock does not hold a signature of the client"),
    Check("K-35", has_ticks, "a tick does not lead to its anchor"),
    Check("K-36", has_secret, "a secret or witness does not open what it should"),
    Check("K-38", is_fraud, "the evidence proves no fraud"),
)
