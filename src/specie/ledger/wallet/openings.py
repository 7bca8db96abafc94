"""The public masks of outputs that the ledger made: fee, payout, refund. Spec: LEDGER-4.5."""

from __future__ import annotations

from collections.abc import Sequence

from specie.ledger.messages.bodies import WithdrawRefund
from specie.ledger.messages.frames import ESCROW_TYPES, Frame, OpType
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import (
    OutputKind,
    ctx_payout,
    ctx_refund,
    mask_fee,
    mask_payout,
    mask_refund,
)
from specie.ledger.messages.record import BlockRecord
from specie.ledger.wallet.chain import Chain

SEQUENCES_TRIED = 4096
"""A payout's place in its escrow is not written beside it: it is found by trying."""


async def masks_of(chain: Chain, items: Sequence[tuple[int, bytes, Header]]) -> list[bytes]:
    """The mask y of each (kind, ctx, header); empty for hidden outputs, and where the block does not tell it.

    Raises Unknown, ProofInvalid.
    """
    records: dict[int, BlockRecord] = {}
    masks = []
    for kind, ctx, header in items:
        if kind in (OutputKind.PAYOUT, OutputKind.REFUND) and header.height not in records:
            records[header.height] = await chain.record(header)
        masks.append(mask_of(chain.chain_id, kind, ctx, header, records.get(header.height)))
    return masks


def mask_of(chain_id: bytes, kind: int, ctx: bytes, header: Header, record: BlockRecord | None) -> bytes:
    """The mask of one output."""
    if kind == OutputKind.FEE:
        return mask_fee(header.prev_app_hash, header.height)
    if kind == OutputKind.REFUND and record is not None:
        for ref in refunded(record):
            if ctx_refund(chain_id, ref) == ctx:
                return mask_refund(chain_id, ref)
    if kind == OutputKind.PAYOUT and record is not None:
        for cid in escrows(record):
            for sequence in range(SEQUENCES_TRIED):
                for party in (0, 1):
                    if ctx_payout(chain_id, cid, sequence, party) == ctx:
                        return mask_payout(chain_id, cid, sequence, party)
    return b""


def refunded(record: BlockRecord) -> list[bytes]:
    """The withdraw_refs that a block refunds."""
    frames = [Frame.decode(each.data) for each in record.operations if each.type == OpType.WITHDRAW_REFUND]
    return [WithdrawRefund.decode(frame.body).withdraw_ref for frame in frames]


def escrows(record: BlockRecord) -> list[bytes]:
    """The cids that operations of a block name; every body of types 34 to 41 begins with it."""
    found = [Frame.decode(each.data).body[:32] for each in record.operations if each.type in ESCROW_TYPES]
    return list(dict.fromkeys(found))
