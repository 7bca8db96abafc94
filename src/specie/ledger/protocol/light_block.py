"""The public equation of a block, checked from its record and header alone. Spec: LEDGER sections 8.2, 8.4 and 4.5."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from itertools import pairwise

from specie.ledger.errors import PointInvalid, ProofInvalid
from specie.ledger.messages import outputs
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import ESCROW_TYPES, Frame, OpType
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import ZERO_CTX, OutputKind
from specie.ledger.messages.record import TAIL_TYPES, BlockRecord, PublicOutput, record_hash
from specie.ledger.protocol.light_group import (
    add,
    commit,
    decode_element,
    decode_point,
    encode_point,
    hash_point,
    is_same,
    is_schnorr,
    multiply,
    multiply_base,
    total,
    value_base,
)
from specie.ledger.protocol.light_trees import EMPTY_LOG, leaf_hash, node_hash

START_OUTPUTS = 64
"""In each class."""
SEQUENCES_MAX = 1 << 16
"""How far the payouts of an escrow are counted when its earlier ones are not known."""


def log_root(leaves: list[bytes]) -> bytes:
    """The root of RFC 6962 over leaf data."""
    level = [leaf_hash(leaf) for leaf in leaves]
    while len(level) > 1:
        odd = level[len(level) & ~1 :]
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0] if level else EMPTY_LOG


def verify_record(header: Header, data: bytes) -> BlockRecord:
    """The record of an accepted header: its hash, its totals, and what stands under tx_root. Raises ProofInvalid."""
    if record_hash(data) != header.record_hash:
        raise ProofInvalid("the header has another record")
    record = BlockRecord.decode(data)
    frames = [Frame.decode(frame) for frame in record.frames]
    leaves = [*record.tx_leaves, *(frame.op_id for frame in frames)]
    if record.height != header.height or record.totals != header.totals:
        raise ProofInvalid("height or totals are not those of the header")
    if len(leaves) != header.tx_count or log_root(leaves) != header.tx_root:
        raise ProofInvalid("the leaves are not those under tx_root")
    if any(one.type > other.type for one, other in pairwise(record.operations)):
        raise ProofInvalid("the operations do not stand in ledger order")
    carried = [each for each in record.operations if each.type not in TAIL_TYPES]
    if any(frame.type != each.type for frame, each in zip(frames, carried, strict=True)):
        raise ProofInvalid("an operation is named by another type than its own")
    return record


# SPEC LEDGER-8.4.1
def verify_equation(header: Header, record: BlockRecord, sequences: MutableMapping[bytes, int] | None = None) -> None:
    """That what goes into the block comes out of it, and that mints and public outputs open to what they say.

    sequences: cid -> seq of the next payout; filled here when blocks are checked one after another. Raises
    ProofInvalid.
    """
    frames = [Frame.decode(frame) for frame in record.frames]
    mints = [(frame, Mint.decode(frame.body)) for frame in frames if frame.type == OpType.MINT]
    totals = record.totals
    if sum(mint.value for _, mint in mints) != totals.mint:
        raise ProofInvalid("the mints do not add up to mint_total")
    masks = sum(_verify_public(header, record, frames, {} if sequences is None else sequences))
    try:
        made = [output.C for output in record.outputs] + [each.output.C for each in record.public_outputs]
        for frame, mint in mints:
            _verify_mint(frame, mint)
            made += [output.C for output in mint.outputs]
        left = [decode_point(record.ps_sum), *(decode_element(mint.kernel) for _, mint in mints)]
        left += [commit(totals.mint + totals.refund + totals.escrow_out, masks)]
        right = [*map(decode_element, made), multiply(totals.burn + totals.escrow_in, value_base())]
    except PointInvalid as error:
        raise ProofInvalid(f"the record holds a bad point: {error.detail}") from error
    if not is_same(total(left), total(right)):
        raise ProofInvalid("the block equation does not hold")


def _verify_mint(frame: Frame, mint: Mint) -> None:
    """E = sum of C - V H, and its maker knows e."""
    commitments = total(decode_element(output.C) for output in mint.outputs)
    if not is_same(commitments, add(decode_element(mint.kernel), multiply(mint.value, value_base()))):
        raise ProofInvalid("a mint's outputs are not its value")
    if not is_schnorr("mint/kernel", mint.kernel, [mint.core(frame)], mint.kernel_proof):
        raise ProofInvalid("a mint's kernel is not proven")


# SPEC LEDGER-9.2.1
def _verify_public(
    header: Header, record: BlockRecord, frames: list[Frame], sequences: MutableMapping[bytes, int]
) -> Iterator[int]:
    """The mask of each output that the ledger made, after its opening was checked against the totals."""
    sums = dict.fromkeys(OutputKind, 0)
    refunds = {frame.body[:32] for frame in frames if frame.type == OpType.WITHDRAW_REFUND}
    cids = {frame.body[:32] for frame in frames if frame.type in ESCROW_TYPES}
    for at, made in enumerate(record.public_outputs):
        if made.kind == OutputKind.FEE:
            mask = _mask_of_fee(header, made, at == len(record.public_outputs) - 1)
        elif made.kind == OutputKind.REFUND:
            mask = _mask_of_refund(header.chain_id, made, refunds)
        elif made.kind == OutputKind.PAYOUT:
            mask = _mask_of_payout(header.chain_id, made, cids, sequences)
        else:
            mask = _mask_of_start(header, made, at)
        number = int.from_bytes(mask, "little")
        value = made.output.public_value
        if encode_point(commit(value, number)) != made.output.C:
            raise ProofInvalid("a public output does not open to its amount")
        sums[OutputKind(made.kind)] += value
        yield number
    stated = record.totals.fee, record.totals.refund, record.totals.escrow_out
    if (sums[OutputKind.FEE], sums[OutputKind.REFUND], sums[OutputKind.PAYOUT]) != stated:
        raise ProofInvalid("the public outputs do not add up to the totals")
    if header.height == 0 and len(record.public_outputs) != 2 * START_OUTPUTS:
        raise ProofInvalid("block 0 has 128 start outputs")


def _mask_of_fee(header: Header, made: PublicOutput, is_last: bool) -> bytes:
    if not is_last or made.ctx != outputs.ctx_fee(header.chain_id, header.height) or not made.output.public_value:
        raise ProofInvalid("one fee output, the last of its block")
    return outputs.mask_fee(header.prev_app_hash, header.height)


def _mask_of_refund(chain_id: bytes, made: PublicOutput, refunds: set[bytes]) -> bytes:
    for ref in refunds:
        if outputs.ctx_refund(chain_id, ref) == made.ctx:
            refunds.remove(ref)
            return outputs.mask_refund(chain_id, ref)
    raise ProofInvalid("a refund that no operation of the block names")


def _mask_of_payout(
    chain_id: bytes, made: PublicOutput, cids: set[bytes], sequences: MutableMapping[bytes, int]
) -> bytes:
    for cid in cids:
        # the first payout of an escrow that is not known yet: its number is found by counting
        candidates = [sequences[cid]] if cid in sequences else range(SEQUENCES_MAX)
        for sequence in candidates:
            for party in (0, 1):
                if outputs.ctx_payout(chain_id, cid, sequence, party) == made.ctx:
                    sequences[cid] = sequence + 1
                    return outputs.mask_payout(chain_id, cid, sequence, party)
    raise ProofInvalid("a payout that no operation of the block explains")


# SPEC LEDGER-8.6.3
def _mask_of_start(header: Header, made: PublicOutput, at: int) -> bytes:
    class_, number = divmod(at, START_OUTPUTS)
    named = (header.chain_id, bytes([class_]), bytes([number]))
    points = encode_point(hash_point("gen/P", *named)), encode_point(hash_point("gen/R", *named))
    mask = outputs.mask_start(header.chain_id, class_, number)
    expected = points[0] + encode_point(multiply_base(int.from_bytes(mask, "little"))) + points[1] + bytes(171)
    if header.height or (made.class_, made.ctx, made.output.data) != (class_, ZERO_CTX, expected):
        raise ProofInvalid("start outputs stand in block 0, in their order")
    return mask
