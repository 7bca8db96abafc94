"""The escrow contract: what each operation of types 34 to 41 does once its checks have passed (MICROPAY 3.9, 3.10)."""

from __future__ import annotations

from specie.kernel.amount import AMOUNT_MAX
from specie.ledger import errors
from specie.ledger.escrow.books import Books, Operated
from specie.ledger.escrow.checks import CHECKS, Act, best_rank, is_overdue, rank
from specie.ledger.escrow.money import TAKEN_MAX, Till, due_of, end_of, value_of
from specie.ledger.escrow.verdict import refusal, run_checks
from specie.ledger.messages.escrow import (
    Answer,
    Claim,
    CloseRequest,
    Cooperate,
    EscrowStatus,
    Finalize,
    FraudGoods,
    FraudWitness,
    LaneClaim,
    LaneRecord,
    LockClaim,
    OpenLock,
    Operation,
    Party,
    Record,
    Respond,
    Settle,
    decode_operation,
)
from specie.ledger.messages.state import Domain


def apply(books: Books, frame: Operated) -> None:
    """Execute a frame of types 34 to 41.

    Raises, in the order of K-20 to K-39: NonCanonical, EscrowUnknown, EscrowState, EscrowTime, EscrowClaim (and again
    EscrowState, EscrowSignature as the checks say), EscrowOps; then BlockFull. What raises leaves the books untouched.
    Spec: LEDGER section 9.6, MICROPAY section 3.9.
    """
    operation = _read(frame)
    known = books.get(Domain.ESCROW, operation.cid)
    if known is None:
        raise refusal("K-21", "no escrow has this id")
    # the decoded record is our own copy: the books see it only after the last check
    # SPEC MICROPAY-3.9.2
    record = Record.decode(known)
    act = Act(record, operation, books.time_ms)
    run_checks(CHECKS, act)
    counted = _is_counted(operation)
    raises = _raises_best(act)
    till = Till(record)
    _execute(act, till)
    _check_use(operation, till, raises, record.operations < books.parameters.escrow_ops_max)
    record.operations += counted
    _hand_over(books, till)


def _read(frame: Operated) -> Operation:
    try:
        return decode_operation(frame.type, frame.body)
    except errors.NonCanonical as error:
        raise refusal("K-20", error.detail) from error


def _is_counted(operation: Operation) -> bool:
    """The operations that ESCROW_OPS_MAX bounds: those that can be repeated with the same states."""
    return isinstance(operation, Settle | LockClaim) or (isinstance(operation, Claim) and not operation.final)


def _raises_best(act: Act) -> bool:
    record = act.record
    return any(rank(record, claim) > best_rank(record, record.lanes[claim.lane]) for claim in act.claims)


# SPEC LEDGER-9.6.11
def _check_use(operation: Operation, till: Till, raises_best: bool, has_room: bool) -> None:
    """K-39."""
    if not _is_counted(operation):
        return
    if isinstance(operation, Settle) and not till.payments:
        raise refusal("K-39", "nothing is due")
    if isinstance(operation, Claim) and not raises_best:
        raise refusal("K-39", "the claim raises nothing")
    if not has_room:
        raise refusal("K-39", "this funding has had all its operations")


# SPEC LEDGER-9.6.14
def _hand_over(books: Books, till: Till) -> None:
    """Put the record back and have its payments made, each with the next number of the escrow."""
    # SPEC LEDGER-8.5.5
    if books.totals.escrow_out + till.total > AMOUNT_MAX:
        raise errors.BlockFull("the block's sum out of escrows is full")
    record = till.record
    for party, amount in till.payments:
        pay = record.pay_client if party == Party.CLIENT else record.pay_vendor
        books.pay(record.cid, record.seq, party, pay, amount)
        record.seq += 1
    books.totals.escrow_out += till.total
    books.put(Domain.ESCROW, record.cid, record.encode())


def _execute(act: Act, till: Till) -> None:
    operation, record = act.operation, act.record
    match operation:
        case Settle():
            _show(record, operation.claims)
            till.pay_due()
        case Claim():
            _show(record, operation.claims)
            if operation.final:
                till.pay_due()
                till.close()
        case CloseRequest():
            _show(record, operation.claims)
            record.status = EscrowStatus.CLOSING
            record.close_ms = min(act.now_ms, record.expires_ms) + 1000 * record.dispute_s
        case Cooperate():
            till.pay_vendor(operation.total - record.paid_vendor)
            till.close()
        case LockClaim():
            _open_dispute(act, operation)
        case Respond():
            _respond(operation, till)
        case FraudWitness():
            _punish_client(operation, till)
        case FraudGoods():
            lane = record.lanes[operation.lane]
            record.taken = min(record.taken + operation.offer.price, TAKEN_MAX)
            lane.fraud_index = operation.index
        case Finalize():
            _finalize(act, till)


# SPEC MICROPAY-3.9.4
def _show(record: Record, claims: tuple[LaneClaim, ...]) -> None:
    """Each claim becomes the best of its lane, and ends an open lock that is worth no more than it."""
    for claim in claims:
        lane, state = record.lanes[claim.lane], claim.state
        lane.best_index, lane.best_amount, lane.best_ticks = state.index, state.amount, claim.ticks
        lane.best_digest = state.digest(record.cid, claim.lane) if state.index else bytes(32)
        if lane.lock is not None and value_of(record, lane) >= lane.lock.amount:
            lane.lock = None


def _open_dispute(act: Act, claim: LockClaim) -> None:
    record, state = act.record, claim.lock.state
    answer_by_ms = act.now_ms + 1000 * record.dispute_s
    digest = state.digest(record.cid, claim.lane)
    record.lanes[claim.lane].lock = OpenLock(state.index, state.amount, digest, state.point, answer_by_ms)


def _respond(answer: Respond, till: Till) -> None:
    lane = till.record.lanes[answer.lane]
    if answer.answer == Answer.RELEASE:
        _win(lane, till)
    else:
        # SPEC MICROPAY-3.9.7
        lane.lock = None
    _close_if_settled(till)


# SPEC MICROPAY-3.9.6
def _win(lane: LaneRecord, till: Till) -> None:
    """The dispute of a lane ends for the vendor, who is paid at once."""
    lock, record = lane.lock, till.record
    if lock is None:
        raise AssertionError("a dispute without a lock")
    if lock.amount > value_of(record, lane):
        _raise_to(lane, lock.index, lock.amount, lock.digest)
    lane.lock = None
    till.pay_due()


def _raise_to(lane: LaneRecord, index: int, amount: int, digest: bytes) -> None:
    lane.best_index, lane.best_amount, lane.best_ticks, lane.best_digest = index, amount, 0, digest


# SPEC MICROPAY-3.9.15
def _punish_client(fraud: FraudWitness, till: Till) -> None:
    record, lane, state = till.record, till.record.lanes[fraud.lane], fraud.lock.state
    till.pay_from_bond(min(record.bond - record.bond_paid, state.amount - value_of(record, lane)))
    _raise_to(lane, state.index, state.amount, state.digest(record.cid, fraud.lane))
    if lane.lock is not None and lane.lock.amount <= state.amount:
        lane.lock = None


# SPEC MICROPAY-3.9.5, MICROPAY-3.9.8
def _finalize(act: Act, till: Till) -> None:
    """Silence loses every dispute whose answer time has passed; after the end all that is not disputed is paid."""
    record = act.record
    for lane in record.lanes:
        if is_overdue(lane.lock, act.now_ms):
            _win(lane, till)
    if record.status == EscrowStatus.DISPUTE:
        _close_if_settled(till)
    elif act.now_ms > end_of(record):
        _settle_all(till)


def _settle_all(till: Till) -> None:
    record = till.record
    till.pay_due()
    open_locks = [(lane, lane.lock) for lane in record.lanes if lane.lock is not None]
    if not open_locks:
        till.close()
        return
    disputed = sum(max(0, lock.amount - value_of(record, lane)) for lane, lock in open_locks)
    till.pay_client(kept=min(disputed, record.capacity - due_of(record)))
    record.status = EscrowStatus.DISPUTE


def _close_if_settled(till: Till) -> None:
    """In DISPUTE the last dispute to end closes the escrow; what the vendor did not win is the client's."""
    record = till.record
    if record.status == EscrowStatus.DISPUTE and all(lane.lock is None for lane in record.lanes):
        till.close()


def deadline_ms(books: Books, frame: Operated) -> int | None:
    """The last moment at which this frame can be executed; None if waiting does not make it worthless.

    For whoever orders frames: the nearest deadline goes first. Raises as `apply` does for K-20 and K-21.
    """
    operation = _read(frame)
    known = books.get(Domain.ESCROW, operation.cid)
    if known is None:
        raise refusal("K-21", "no escrow has this id")
    act = Act(Record.decode(known), operation, books.time_ms)
    if isinstance(operation, Respond):
        return None if act.answered is None else act.answered.answer_by_ms
    return None if isinstance(operation, Cooperate | Finalize) else end_of(act.record)
