"""Answers about blocks, read from the tables inside one snapshot: receipts, compact blocks, pages, key images."""

from __future__ import annotations

from itertools import groupby

from specie.crypto import merkle
from specie.kernel.db import Transaction
from specie.ledger.errors import Pruned, Unknown
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.bulk import (
    COMPACT_BLOCKS_MAX,
    PAGE_OUTPUTS,
    BlockImages,
    CompactBlock,
    CompactBlocks,
    CompactGroup,
    LoggedOutput,
    OutputPage,
    encode_images,
)
from specie.ledger.messages.frames import Frame, OpType, op_id
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import HIDDEN, Output, OutputKind, ctx_mint, ctx_transfer
from specie.ledger.messages.receipts import Finality, Receipt
from specie.ledger.messages.record import BlockRecord
from specie.ledger.protocol.bits import read_bit
from specie.ledger.store import reading
from specie.ledger.store.reading import BlockRow

HEADERS_MAX = 1000
NUMBER_END = 1 << 48


def check_number(*numbers: int) -> None:
    """Refuse heights and indices that no chain reaches; the tables could not even be asked. Raises Unknown."""
    if any(not 0 <= number < NUMBER_END for number in numbers):
        raise Unknown("no such height, index or page")


def block_at(tx: Transaction, height: int) -> BlockRow:
    """A block. Raises Unknown."""
    row = reading.block(tx, height)
    if row is None:
        raise Unknown(f"there is no block {height}")
    return row


def receipt(tx: Transaction, leaf: bytes) -> bytes:
    """`PLQ1` of a tx_leaf or op_id. Raises Unknown."""
    place = reading.leaf(tx, leaf)
    if place is None:
        raise Unknown("no transaction or operation with this leaf took effect")
    height, position = place
    row, record = block_at(tx, height), record_at(tx, height)
    leaves = [*record.tx_leaves, *(op_id(frame) for frame in record.frames)]
    path = merkle.inclusion_proof([merkle.leaf_hash(each) for each in leaves], position)
    header, finality = Header.decode(row.header), Finality.decode(row.finality)
    return Receipt(header, finality, leaf, position, len(leaves), tuple(path)).encode()


def record_at(tx: Transaction, height: int) -> BlockRecord:
    """A block record, decoded. Raises Unknown."""
    return BlockRecord.decode(record_bytes(tx, height))


def record_bytes(tx: Transaction, height: int) -> bytes:
    """A block record. Raises Unknown."""
    data = reading.record(tx, height)
    if data is None:
        raise Unknown(f"there is no block {height}")
    return data


def proofs_bytes(tx: Transaction, height: int) -> bytes:
    """A proofs segment. Raises Unknown, Pruned."""
    exists, data = reading.proofs(tx, height)
    if not exists:
        raise Unknown(f"there is no block {height}")
    if data is None:
        raise Pruned("the proofs segment of this block was dropped", rule=None)
    return data


def compact(tx: Transaction, chain_id: bytes, first: int, count: int) -> bytes:
    """`PLC1` from a height on."""
    count = max(0, min(count, COMPACT_BLOCKS_MAX))
    rows = [row for row in reading.blocks(tx, first, count) if row.height < first + count]
    records = dict(reading.records(tx, first, count))
    before = reading.block(tx, first - 1) if first > 0 else None
    index = 0 if before is None else before.out_size
    blocks = []
    for row in rows:
        groups = _groups(chain_id, BlockRecord.decode(records[row.height]))
        blocks.append(CompactBlock(row.height, row.time_ms, index, groups))
        index = row.out_size
    return CompactBlocks(first, tuple(blocks)).encode()


def _groups(chain_id: bytes, record: BlockRecord) -> tuple[CompactGroup, ...]:
    """In the order of global indices: transactions, each mint, then what the ledger made."""
    groups = []
    if record.outputs:
        groups.append(_group(OutputKind.TRANSFER, HIDDEN, ctx_transfer(chain_id), record.outputs))
    for operation in record.operations:
        if operation.type == OpType.MINT:
            mint = Mint.decode(Frame.decode(operation.data).body)
            ctx = ctx_mint(chain_id, read_bit(mint.bit).body.unit_root)
            groups.append(_group(OutputKind.MINT, HIDDEN, ctx, mint.outputs))
    for (kind, class_, ctx), made in groupby(
        record.public_outputs, key=lambda each: (each.kind, each.class_, each.ctx)
    ):
        groups.append(_group(kind, class_, ctx, tuple(each.output for each in made)))
    return tuple(groups)


def _group(kind: int, class_: int, ctx: bytes, outputs: tuple[Output, ...]) -> CompactGroup:
    return CompactGroup(kind, class_, ctx, b"".join(output.data[64:99] for output in outputs))


def page(tx: Transaction, number: int) -> bytes:
    """`PLO1`. Raises Unknown for a page that has not begun."""
    rows = reading.outputs(tx, number * PAGE_OUTPUTS, PAGE_OUTPUTS)
    if not rows:
        raise Unknown(f"there is no page {number} yet")
    return OutputPage(number, tuple(LoggedOutput(class_, at, Output(data)) for _, class_, at, data in rows)).encode()


def output(tx: Transaction, index: int) -> LoggedOutput:
    """One output. Raises Unknown."""
    rows = reading.outputs(tx, index, 1)
    if not rows:
        raise Unknown(f"there is no output {index} yet")
    _, class_, height, data = rows[0]
    return LoggedOutput(class_, height, Output(data))


def key_images(tx: Transaction, first: int, count: int) -> bytes:
    """Per block height u64, n u32, n × 32; every block of the run, those without a key image too."""
    count = max(0, min(count, COMPACT_BLOCKS_MAX))
    rows = [row for row in reading.blocks(tx, first, count) if row.height < first + count]
    images = {
        height: tuple(image for _, image in each)
        for height, each in groupby(reading.key_images(tx, first, count), key=lambda row: row[0])
    }
    return encode_images(tuple(BlockImages(row.height, images.get(row.height, ())) for row in rows))
