"""One frame at its turn: the rules of section 9.5, then those of its family (LEDGER section 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from specie.ledger import escrow
from specie.ledger.errors import Expired, NotAvailable, Rejected, TxDuplicate, WrongChain
from specie.ledger.messages.frames import ESCROW_TYPES, STAGE_TWO_TYPES, Frame, OpType
from specie.ledger.messages.transaction import EXPIRY_BLOCKS_MAX
from specie.ledger.protocol.anchors import apply_anchor
from specie.ledger.protocol.cancels import apply_cancel
from specie.ledger.protocol.epochs import apply_epoch_key
from specie.ledger.protocol.mints import apply_mint, prove_mints, read_mint
from specie.ledger.protocol.parameters import apply_change
from specie.ledger.protocol.state import State
from specie.ledger.protocol.withdrawals import apply_paid, apply_refund

_RULES: dict[OpType, Callable[[State, Frame], None]] = {
    OpType.MINT_CANCEL: apply_cancel,
    OpType.WITHDRAW_PAID: apply_paid,
    OpType.WITHDRAW_REFUND: apply_refund,
    OpType.ANCHOR: apply_anchor,
    OpType.PARAMETERS: apply_change,
    OpType.EPOCH_KEY: apply_epoch_key,
}


def check_frame(state: State, frame: Frame) -> None:
    """The rules of section 9.5 that need the chain.

    Raises, in this order: WrongChain, TxDuplicate, Expired, NotAvailable.
    """
    # SPEC LEDGER-9.5.1
    if frame.chain_id != state.genesis.chain_id:
        raise WrongChain("the operation is made for another chain", rule="9.5.1")
    # SPEC LEDGER-9.5.6
    if state.is_final(frame.op_id):
        raise TxDuplicate("the operation took effect before", rule="9.5.6")
    # SPEC LEDGER-9.5.2
    if not state.height < frame.expiry_height <= state.height + EXPIRY_BLOCKS_MAX:
        raise Expired("the operation has expired, or expires too far ahead", rule="9.5.2", height=state.height)
    # SPEC LEDGER-20.1.2
    if frame.type in STAGE_TWO_TYPES:
        raise NotAvailable("a chain of one node has no group of enclaves", rule="20.1.2")


def apply_frame(state: State, frame: Frame, proven: bool) -> None:
    """Judge a frame and let it take effect; a refusal names the first rule that fails, and nothing was changed.

    proven: the rules that are the same whatever the ledger holds (M-14, M-15) passed before, in `prove_many`.
    """
    check_frame(state, frame)
    if frame.type == OpType.MINT:
        apply_mint(state, frame, proven)
    elif frame.type in ESCROW_TYPES:
        escrow.apply(state, frame)
    else:
        _RULES[frame.type](state, frame)


def prove_many(frames: Sequence[Frame]) -> list[Rejected | None]:
    """For each frame the first of its expensive stateless rules that fails: M-14 and M-15 of mints, in batches."""
    faults: list[Rejected | None] = [None] * len(frames)
    mints = []
    for index, frame in enumerate(frames):
        if frame.type != OpType.MINT:
            continue
        try:
            mints.append((index, frame, read_mint(frame)))
        except Rejected as fault:
            faults[index] = fault
    answers = prove_mints([(frame, mint) for _, frame, mint in mints])
    for (index, _, _), answer in zip(mints, answers, strict=True):
        faults[index] = answer
    return faults


def check_static(frame: Frame) -> Rejected | None:
    """`prove_many` for one frame."""
    return prove_many([frame])[0]
