"""The end of a block: fee output, record, proofs segment, roots, header, and the identities that must hold.

Spec: LEDGER-8.2 to 8.4, 8.5 (4 and 5), 9.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from specie.crypto import merkle, ring
from specie.crypto.trees import OutputTable, SparseTree
from specie.ledger.engine.overlay import Block
from specie.ledger.engine.tip import Tip
from specie.ledger.messages.binary import put_u64
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import HIDDEN, Output
from specie.ledger.messages.receipts import image_key, state_key, value_hash
from specie.ledger.messages.record import (
    BlockRecord,
    BlockTotals,
    ProofsSegment,
    PublicOutput,
    RangeProofEntry,
    RecordedOperation,
    record_hash,
)
from specie.ledger.messages.state import Counters, Domain
from specie.ledger.messages.transaction import TransactionType
from specie.ledger.protocol import order
from specie.ledger.protocol.equation import IDENTITY, Sides, is_balanced
from specie.ledger.protocol.public_outputs import make_fee
from specie.ledger.protocol.supply import Held, find_fault, held_after

LogEntry = tuple[int, int, bytes]
"""(class, height, output) as the output log takes it."""


class IdentityBroken(Exception):
    """A block would break the equation of LEDGER-8.4 or an identity of 9.4: our bug, and the node must stop."""


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """A whole block, not yet durable."""

    header: Header
    app_hash: bytes
    record: bytes
    proofs: bytes
    log: list[LogEntry]
    """What the output log gains."""
    images: SparseTree
    state: SparseTree
    writes: dict[tuple[int, bytes], bytes]
    """Entries of the state tree that are new or changed."""
    counters: Counters
    held: Held
    leaves: list[bytes]
    """Under tx_root, in their order."""


def close(block: Block, table: OutputTable) -> Closed:
    """Finish a block. Raises IdentityBroken."""
    hidden = order.sorted_outputs([output for each in block.candidates for output in each.outputs])
    log = log_of(block, hidden)
    leaves = [*sorted(each.leaf for each in block.candidates), *block.frame_leaves]
    record = _record(block, hidden, leaves)
    proofs = _proofs(block, hidden).encode()
    _check_equation(block, record.ps_sum, log)
    counters = counters_after(block, len(log))
    writes = dict(block.entries)
    if counters != block.tip.counters:
        writes[Domain.COUNTERS, b""] = counters.encode()
    held = held_after(block.tip.held, block.changed())
    # SPEC LEDGER-9.4.1
    fault = find_fault(counters, held)
    if fault:
        raise IdentityBroken(fault)
    images, state = trees_after(block, writes)
    data = record.encode()
    header = header_of(block, table, log, leaves, (record_hash(data), record_hash(proofs)), images, state)
    return Closed(header, header.app_hash, data, proofs, log, images, state, writes, counters, held, leaves)


def log_of(block: Block, hidden: Sequence[bytes]) -> list[LogEntry]:
    """All outputs of the block in the order of their indices: transactions, mints, then what the ledger makes, of which
    the fee output is made here and now. hidden: outputs of transactions, ascending by R.
    """
    _add_fee(block)
    height = block.height
    log: list[LogEntry] = [(HIDDEN, height, output) for output in hidden]
    log += [(HIDDEN, height, output) for output in block.minted]
    log += [(made.class_, height, made.output) for made in block.made]
    return log


# SPEC LEDGER-9.2.1
def _add_fee(block: Block) -> None:
    if block.totals.fee == 0:
        return
    made = make_fee(
        block.tip.chain_id,
        block.tip.app_hash,
        block.height,
        block.parameters.fee_address,
        block.totals.fee,
        lambda point: block.is_any_point_used((point,)),
    )
    block.made.append(made)
    block.new_points += (made.output[64:96], made.output[:32])


def totals_of(block: Block) -> BlockTotals:
    """The six totals of the record and the header."""
    totals = block.totals
    return BlockTotals(totals.fee, totals.mint, totals.burn, totals.refund, totals.escrow_in, totals.escrow_out)


# SPEC LEDGER-8.2.4, LEDGER-8.2.5, LEDGER-8.5.3
def _record(block: Block, hidden: Sequence[bytes], leaves: Sequence[bytes]) -> BlockRecord:
    candidates = block.candidates
    pseudo = b"".join(point for each in candidates for point in each.pseudo_outputs)
    tails = [RecordedOperation(TransactionType.WITHDRAW, tail) for tail in order.withdraw_tails(block.withdrawals)]
    tails += [RecordedOperation(TransactionType.FUND, tail) for tail in order.fund_tails(block.fundings)]
    return BlockRecord(
        block.height,
        tuple(leaves[: len(candidates)]),
        (*tails, *block.frames),
        tuple(sorted(image for each in candidates for image in each.key_images)),
        ring.sum_points(pseudo) if pseudo else IDENTITY,
        tuple(Output(output) for output in hidden),
        tuple(PublicOutput(made.kind, made.class_, made.ctx, Output(made.output)) for made in block.made),
        totals_of(block),
    )


def _proofs(block: Block, hidden: Sequence[bytes]) -> ProofsSegment:
    place = {output[64:96]: position for position, output in enumerate(hidden)}
    entries = [
        RangeProofEntry(tuple(place[output[64:96]] for output in each.outputs), each.bp_ctx, each.range_proof)
        for each in block.candidates
    ]
    return ProofsSegment(block.height, tuple(sorted(entries, key=lambda entry: entry.positions[0])))


# SPEC LEDGER-8.4.1
def _check_equation(block: Block, pseudo_sum: bytes, log: Sequence[LogEntry]) -> None:
    totals = block.totals
    sides = Sides(
        pseudo_sum,
        block.kernels,
        [made.mask for made in block.made],
        [output[32:64] for _, _, output in log],
        totals.mint,
        totals.refund,
        totals.escrow_out,
        totals.burn,
        totals.escrow_in,
    )
    if not is_balanced(sides):
        raise IdentityBroken(f"block {block.height} does not balance")


def counters_after(block: Block, outputs: int) -> Counters:
    """The counters after the block, which made so many outputs."""
    before, totals = block.tip.counters, block.totals
    return replace(
        before,
        minted=before.minted + totals.mint,
        burned=before.burned + totals.burn,
        paid_account=before.paid_account + totals.paid_account,
        paid_redeemed=before.paid_redeemed + totals.paid_redeemed,
        refunded=before.refunded + totals.refund,
        escrow_in=before.escrow_in + totals.escrow_in,
        escrow_out=before.escrow_out + totals.escrow_out,
        fees=before.fees + totals.fee,
        outputs=before.outputs + outputs,
    )


def trees_after(block: Block, writes: dict[tuple[int, bytes], bytes]) -> tuple[SparseTree, SparseTree]:
    """The trees after the block; those of the tip stay as they are."""
    images, state = block.tip.images, block.tip.state
    if block.images:
        images = images.clone()
        spent = value_hash(put_u64(block.height))
        images.update([(image_key(image), spent) for image in block.images])
    if writes:
        state = state.clone()
        state.update([(state_key(domain, ident), value_hash(value)) for (domain, ident), value in writes.items()])
    return images, state


def header_of(
    block: Block,
    table: OutputTable,
    log: list[LogEntry],
    leaves: Sequence[bytes],
    hashes: tuple[bytes, bytes],
    images: SparseTree,
    state: SparseTree,
) -> Header:
    """The header of the block. hashes: of its record and of its proofs segment; the trees are those after it."""
    tip: Tip = block.tip
    return Header(
        tip.chain_id,
        block.height,
        block.time_ms,
        tip.app_hash,
        merkle.root([merkle.leaf_hash(leaf) for leaf in leaves]),
        table.root_with(log) if log else tip.header.out_root,
        tip.header.out_size + len(log),
        images.root(),
        state.root(),
        *hashes,
        totals_of(block),
        block.rules.epoch,
        block.rules.ratchet_commit,
        len(leaves),
        block.parameters.version,
    )
