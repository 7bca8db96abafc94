"""The block record, public and permanent, and the proofs segment beside it (LEDGER section 8.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

from specie.ledger.messages.binary import (
    Reader,
    is_ascending,
    put_sized16,
    put_sized32,
    put_u8,
    put_u16,
    put_u32,
    put_u64,
)
from specie.ledger.messages.frames import OpType
from specie.ledger.messages.outputs import OUTPUT_BYTES, OUTPUT_COUNTS, Output, OutputKind, read_outputs
from specie.ledger.messages.transaction import TransactionType

RECORD_MAGIC = b"PLR1"
PROOFS_MAGIC = b"PLT1"
RECORD_VERSION = 1
IDENTITY = bytes(32)
"""ps_sum of a block without transactions."""
TAIL_TYPES = (TransactionType.WITHDRAW, TransactionType.FUND)
_RECORD_TYPES = frozenset({*TAIL_TYPES, *OpType})
_KINDS_BY_LEDGER = frozenset({OutputKind.FEE, OutputKind.PAYOUT, OutputKind.REFUND, OutputKind.START})


@dataclass(frozen=True, slots=True)
class BlockTotals:
    """What a block moved in the open, minor units; the six numbers of record and header."""

    fee: int = 0
    mint: int = 0
    burn: int = 0
    refund: int = 0
    escrow_in: int = 0
    escrow_out: int = 0

    def encode(self) -> bytes:
        numbers = (self.fee, self.mint, self.burn, self.refund, self.escrow_in, self.escrow_out)
        return b"".join(put_u64(number) for number in numbers)

    @classmethod
    def read(cls, reader: Reader) -> BlockTotals:
        """The next 48 bytes."""
        return cls(*(reader.u64() for _ in range(6)))


@dataclass(frozen=True, slots=True)
class PublicOutput:
    """An output made by the ledger itself: kinds 3 to 6."""

    kind: int
    class_: int
    ctx: bytes
    output: Output

    def encode(self) -> bytes:
        return put_u8(self.kind) + put_u8(self.class_) + self.ctx + self.output.data

    @classmethod
    def read(cls, reader: Reader) -> PublicOutput:
        """The next 301 bytes."""
        kind, class_ = reader.u8(), reader.u8()
        if kind not in _KINDS_BY_LEDGER or class_ not in (0, 1) or (class_ == 0 and kind != OutputKind.START):
            reader.fail("unknown kind or class of an output made by the ledger")
        return cls(kind, class_, reader.take(32), Output(reader.take(OUTPUT_BYTES)))


@dataclass(frozen=True, slots=True)
class RecordedOperation:
    """A frame, or the tail of a transaction of type 2 or 3."""

    type: int
    data: bytes = field(repr=False)


# SPEC LEDGER-8.2.4, LEDGER-8.2.5
@dataclass(frozen=True, slots=True)
class BlockRecord:
    """All that a block leaves for ever, flattened and sorted so that inputs and outputs are not grouped."""

    height: int
    tx_leaves: tuple[bytes, ...] = ()
    operations: tuple[RecordedOperation, ...] = ()
    """In ledger order (LEDGER section 8.5): tails of type 2, tails of type 3, frames."""
    key_images: tuple[bytes, ...] = ()
    ps_sum: bytes = IDENTITY
    outputs: tuple[Output, ...] = ()
    """Outputs of transactions, strictly ascending by R."""
    public_outputs: tuple[PublicOutput, ...] = ()
    totals: BlockTotals = field(default_factory=BlockTotals)

    @classmethod
    def decode(cls, data: bytes) -> BlockRecord:
        """Raises NonCanonical. Whether operations stand in order is judged by whoever replays them."""
        reader = Reader(data)
        reader.magic(RECORD_MAGIC)
        if reader.u16() != RECORD_VERSION:
            reader.fail("unknown version of a record")
        height, leaves = reader.u64(), reader.many(reader.u32(), 32)
        operations = []
        for _ in range(reader.u32()):
            operation = RecordedOperation(reader.u8(), reader.sized32())
            if operation.type not in _RECORD_TYPES:
                reader.fail("unknown type of operation in a record")
            operations.append(operation)
        images, ps_sum = reader.many(reader.u32(), 32), reader.take(32)
        outputs = read_outputs(reader, reader.u32())
        public = tuple(PublicOutput.read(reader) for _ in range(reader.u16()))
        totals = BlockTotals.read(reader)
        reader.done()
        if not (is_ascending(leaves) and is_ascending(images) and is_ascending(tuple(each.R for each in outputs))):
            reader.fail("a list of the record does not ascend")
        return cls(height, leaves, tuple(operations), images, ps_sum, outputs, public, totals)

    def encode(self) -> bytes:
        parts = [RECORD_MAGIC, put_u16(RECORD_VERSION), put_u64(self.height)]
        parts += [put_u32(len(self.tx_leaves)), *self.tx_leaves, put_u32(len(self.operations))]
        for operation in self.operations:
            parts += [put_u8(operation.type), put_sized32(operation.data)]
        parts += [put_u32(len(self.key_images)), *self.key_images, self.ps_sum]
        parts += [put_u32(len(self.outputs)), *(output.data for output in self.outputs)]
        parts += [put_u16(len(self.public_outputs)), *(each.encode() for each in self.public_outputs)]
        return b"".join(parts) + self.totals.encode()

    @property
    def frames(self) -> tuple[bytes, ...]:
        """The frames of the record, without the tails."""
        return tuple(each.data for each in self.operations if each.type not in TAIL_TYPES)


def record_hash(data: bytes) -> bytes:
    """SHA-256 of a record or of a proofs segment."""
    return sha256(data).digest()


@dataclass(frozen=True, slots=True)
class RangeProofEntry:
    """The range proof of one transaction: where its outputs stand among those of the record."""

    positions: tuple[int, ...]
    bp_ctx: bytes
    proof: bytes = field(repr=False)


# SPEC LEDGER-8.2.1
@dataclass(frozen=True, slots=True)
class ProofsSegment:
    """The range proofs of a block's transactions; may be dropped when its time has passed."""

    height: int
    entries: tuple[RangeProofEntry, ...] = ()
    """Ordered by the first position."""

    @classmethod
    def decode(cls, data: bytes) -> ProofsSegment:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(PROOFS_MAGIC)
        height = reader.u64()
        entries = []
        for _ in range(reader.u32()):
            count = reader.u8()
            if count not in OUTPUT_COUNTS:
                reader.fail("a transaction has 2, 4, 8 or 16 outputs")
            positions = tuple(reader.u32() for _ in range(count))
            if any(one >= other for one, other in pairwise(positions)):
                reader.fail("positions do not ascend")
            entries.append(RangeProofEntry(positions, reader.take(64), reader.sized16()))
        reader.done()
        if any(one.positions[0] >= other.positions[0] for one, other in pairwise(entries)):
            reader.fail("entries are not ordered by their first position")
        return cls(height, tuple(entries))

    def encode(self) -> bytes:
        parts = [PROOFS_MAGIC, put_u64(self.height), put_u32(len(self.entries))]
        for entry in self.entries:
            positions = b"".join(put_u32(position) for position in entry.positions)
            parts += [put_u8(len(entry.positions)), positions, entry.bp_ctx, put_sized16(entry.proof)]
        return b"".join(parts)
