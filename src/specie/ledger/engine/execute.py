"""Executing a block in its canonical order: envelopes, then frames, each at its turn. Spec: LEDGER-8.5."""

from __future__ import annotations

from dataclasses import dataclass, field

from specie.ledger import escrow
from specie.ledger.engine.overlay import Block, Turn
from specie.ledger.errors import BlockFull, Deferred, KeyImageSpent, Rejected, TxDuplicate
from specie.ledger.messages.binary import AMOUNT_MAX, put_u64
from specie.ledger.messages.bodies import Anchor, EpochKeyOp
from specie.ledger.messages.frames import ESCROW_TYPES, Frame, OpType
from specie.ledger.messages.outputs import Stub
from specie.ledger.messages.record import RecordedOperation
from specie.ledger.messages.state import Domain, anchor_ident
from specie.ledger.messages.transaction import FundTail, TransactionType, WithdrawTail
from specie.ledger.protocol.dispatch import apply_frame
from specie.ledger.protocol.order import envelope_key, frame_key
from specie.ledger.protocol.rules import Candidate, judge_cheap
from specie.ledger.protocol.withdrawals import open_withdrawal


@dataclass(slots=True)
class Operation:
    """A frame on its way into a block."""

    ident: bytes
    """SHA-256 of its bytes."""
    frame: Frame
    data: bytes = field(repr=False)
    op_id: bytes
    fault: Exception | None = None
    """What M-14 or M-15 refuse, where they do: they come last, and never change their answer."""


# SPEC LEDGER-8.5.1
def run(block: Block, candidates: list[Candidate], operations: list[Operation]) -> dict[bytes, Exception]:
    """Execute; the refusals by id (SHA-256 of the bytes). What is missing there took effect."""
    refusals: dict[bytes, Exception] = {}
    for candidate in sorted(candidates, key=lambda each: envelope_key(each.leaf, each.env_id)):
        refusal = run_candidate(block, candidate)
        if refusal is not None:
            refusals[candidate.env_id] = refusal
    for operation in sorted(operations, key=lambda each: frame_key(each.frame.type, each.op_id)):
        refused = run_operation(block, operation)
        if refused is not None:
            refusals[operation.ident] = refused
    return refusals


# SPEC LEDGER-8.5.2
def run_candidate(block: Block, candidate: Candidate) -> Exception | None:
    """One transaction at its turn: judged, then applied."""
    refusal = judge(block, candidate)
    if refusal is not None:
        return refusal
    if not candidate.is_proven:
        raise AssertionError("a transaction was to be applied whose rings nobody verified")
    try:
        _apply(block, candidate)
    except (Rejected, Deferred) as refused:
        return refused
    return None


# SPEC LEDGER-8.5.4, LEDGER-15.25
def judge(block: Block, candidate: Candidate) -> Exception | None:
    """The first rule that a transaction fails as the block stands; a duplicate is named as such."""
    if candidate.leaf in block.leaves:
        return TxDuplicate("the same transaction stands in this block")
    refusal = judge_cheap(block, candidate)
    if isinstance(refusal, KeyImageSpent) and block.chain.is_final(candidate.leaf):
        return TxDuplicate("the same transaction took effect before")
    return refusal


def _apply(block: Block, candidate: Candidate) -> None:
    """The effects of a transaction. Raises BlockFull, and for type 3 what E-1 to E-8 refuse."""
    kind = candidate.type
    if kind == TransactionType.TRANSFER:
        # SPEC LEDGER-8.5.5
        if block.totals.fee + candidate.fee > AMOUNT_MAX:
            raise BlockFull("the block takes all the fees that one block may take", rule="8.5.5")
        block.totals.fee += candidate.fee
    else:
        _apply_with_tail(block, candidate)
    block.candidates.append(candidate)
    block.leaves.add(candidate.leaf)
    block.images.update(candidate.key_images)
    block.points.update(candidate.points)
    # R and P of a stub came with its reservation
    own = candidate.points if kind != TransactionType.WITHDRAW else candidate.points[: 2 * len(candidate.outputs)]
    block.new_points += own


def _apply_with_tail(block: Block, candidate: Candidate) -> None:
    """A withdrawal or a funding, with its fee."""
    turn = Turn(block)
    turn.totals.fee += candidate.fee
    if candidate.type == TransactionType.WITHDRAW:
        tail = WithdrawTail(candidate.burn, candidate.extra[:32], Stub(candidate.extra[32:]))
        open_withdrawal(turn, tail)
        block.merge(turn)
        block.withdrawals.append(tail)
    else:
        escrow.open_or_topup(turn, candidate.extra, candidate.burn)
        block.merge(turn)
        cid = next(ident for domain, ident in turn.entries if domain == Domain.ESCROW)
        block.fundings.append((cid, FundTail(candidate.burn, candidate.extra)))


def run_operation(block: Block, operation: Operation) -> Exception | None:
    """One frame at its turn."""
    frame = operation.frame
    if operation.op_id in block.leaves:
        return TxDuplicate("the same operation stands in this block")
    counts = frame.type in ESCROW_TYPES
    # SPEC LEDGER-9.5.5
    if counts and block.escrow_operations >= block.parameters.ops_per_block:
        return BlockFull("the block holds all the escrow operations that one block may hold", rule="9.5.5")
    turn = Turn(block)
    try:
        apply_frame(turn, frame, True)
        if operation.fault is not None:
            return operation.fault
        if frame.type == OpType.WITHDRAW_REFUND:
            turn.open_refund(frame.body[:32])
        block.merge(turn)
    except (Rejected, Deferred) as refusal:
        return refusal
    block.escrow_operations += counts
    block.leaves.add(operation.op_id)
    block.frame_leaves.append(operation.op_id)
    block.frames.append(RecordedOperation(frame.type, operation.data))
    _follow(block, turn, operation)
    return None


def _follow(block: Block, turn: Turn, operation: Operation) -> None:
    """What the block remembers of operations whose effect goes beyond entries and outputs."""
    frame = operation.frame
    if frame.type == OpType.PARAMETERS and turn.change is not None:
        block.changes.append((turn.change, operation.data))
    elif frame.type == OpType.EPOCH_KEY:
        block.epoch_keys.append((operation.op_id, EpochKeyOp.decode(frame.body), operation.data))
    elif frame.type == OpType.ANCHOR:
        anchor = Anchor.decode(frame.body)
        ident = anchor_ident(anchor.topic, anchor.source) + put_u64(anchor.sequence)
        block.made_once.append((Domain.ANCHOR, ident))
