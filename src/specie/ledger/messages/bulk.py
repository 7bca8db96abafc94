"""Bulk answers and bundles: PLC1, PLO1, PLB1, PLG1 and the lists of key images (LEDGER sections 16.3, 21.4, 21.6)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.ledger.messages.binary import Reader, put_sized32, put_u8, put_u16, put_u32, put_u64
from specie.ledger.messages.outputs import OUTPUT_BYTES, Output, OutputKind

COMPACT_MAGIC, PAGE_MAGIC, BUNDLE_MAGIC, RING_MAGIC = b"PLC1", b"PLO1", b"PLB1", b"PLG1"
PAGE_OUTPUTS = 4096
COMPACT_BLOCKS_MAX = 1000
BUNDLE_MAX = 64
SCAN_BYTES = 35
"""R | vt of one output."""
PATH_MAX = 30
MEMBER_BYTES = 8 + 1 + 8 + OUTPUT_BYTES + 32 + 1 + 32 * PATH_MAX


@dataclass(frozen=True, slots=True)
class CompactGroup:
    """Outputs of one block with one context."""

    kind: int
    class_: int
    ctx: bytes
    candidates: bytes
    """n x (R 32 | vt 3)."""

    @property
    def count(self) -> int:
        """How many outputs."""
        return len(self.candidates) // SCAN_BYTES

    def encode(self) -> bytes:
        return put_u8(self.kind) + put_u8(self.class_) + self.ctx + put_u32(self.count) + self.candidates


@dataclass(frozen=True, slots=True)
class CompactBlock:
    """What a phone needs of a block to find its outputs."""

    height: int
    time_ms: int
    first_index: int
    """Global index of its first output."""
    groups: tuple[CompactGroup, ...]
    """In the order of global indices."""

    @property
    def count(self) -> int:
        """How many outputs."""
        return sum(group.count for group in self.groups)

    def encode(self) -> bytes:
        head = put_u64(self.height) + put_u64(self.time_ms) + put_u64(self.first_index)
        return head + put_u16(len(self.groups)) + b"".join(group.encode() for group in self.groups)

    @classmethod
    def read(cls, reader: Reader) -> CompactBlock:
        """The next block."""
        height, time_ms, first = reader.u64(), reader.u64(), reader.u64()
        groups = []
        for _ in range(reader.u16()):
            kind, class_ = reader.u8(), reader.u8()
            if kind not in OutputKind.__members__.values() or class_ not in (0, 1):
                reader.fail("unknown kind or class of output")
            groups.append(CompactGroup(kind, class_, reader.take(32), reader.take(reader.u32() * SCAN_BYTES)))
        return cls(height, time_ms, first, tuple(groups))


@dataclass(frozen=True, slots=True)
class CompactBlocks:
    """PLC1: a run of blocks."""

    from_height: int
    blocks: tuple[CompactBlock, ...]

    @classmethod
    def decode(cls, data: bytes) -> CompactBlocks:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(COMPACT_MAGIC)
        from_height, count = reader.u64(), reader.u32()
        if count > COMPACT_BLOCKS_MAX:
            reader.fail(f"at most {COMPACT_BLOCKS_MAX} blocks")
        blocks = tuple(CompactBlock.read(reader) for _ in range(count))
        reader.done()
        return cls(from_height, blocks)

    def encode(self) -> bytes:
        head = COMPACT_MAGIC + put_u64(self.from_height) + put_u32(len(self.blocks))
        return head + b"".join(block.encode() for block in self.blocks)


@dataclass(frozen=True, slots=True)
class LoggedOutput:
    """An output with what the log says of it."""

    class_: int
    height: int
    output: Output

    def encode(self) -> bytes:
        """Also the leaf data of the output log."""
        return self.output.leaf(self.class_, self.height)

    @classmethod
    def read(cls, reader: Reader) -> LoggedOutput:
        """The next 276 bytes."""
        class_, height = reader.u8(), reader.u64()
        if class_ not in (0, 1):
            reader.fail("unknown class of output")
        return cls(class_, height, Output(reader.take(OUTPUT_BYTES)))


@dataclass(frozen=True, slots=True)
class OutputPage:
    """PLO1: up to 4096 outputs; page p begins at index 4096 p."""

    page: int
    outputs: tuple[LoggedOutput, ...]

    @classmethod
    def decode(cls, data: bytes) -> OutputPage:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(PAGE_MAGIC)
        page, count = reader.u64(), reader.u32()
        if count > PAGE_OUTPUTS:
            reader.fail(f"at most {PAGE_OUTPUTS} outputs")
        outputs = tuple(LoggedOutput.read(reader) for _ in range(count))
        reader.done()
        return cls(page, outputs)

    def encode(self) -> bytes:
        head = PAGE_MAGIC + put_u64(self.page) + put_u32(len(self.outputs))
        return head + b"".join(each.encode() for each in self.outputs)


@dataclass(frozen=True, slots=True)
class Bundle:
    """PLB1: up to 64 envelopes in one message."""

    envelopes: tuple[bytes, ...]

    @classmethod
    def decode(cls, data: bytes) -> Bundle:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(BUNDLE_MAGIC)
        count = reader.u16()
        if not 1 <= count <= BUNDLE_MAX:
            reader.fail(f"a bundle has 1 to {BUNDLE_MAX} envelopes")
        envelopes = tuple(reader.sized32() for _ in range(count))
        reader.done()
        return cls(envelopes)

    def encode(self) -> bytes:
        return BUNDLE_MAGIC + put_u16(len(self.envelopes)) + b"".join(put_sized32(each) for each in self.envelopes)


@dataclass(frozen=True, slots=True)
class RingMember:
    """One output that a ring can take, with its path in the output log."""

    index: int
    logged: LoggedOutput
    image_base: bytes
    """H_p("ki"; P), 32 bytes."""
    path: tuple[bytes, ...]
    """At most 30 hashes; the answer is padded to 30."""

    def encode(self) -> bytes:
        path = put_u8(len(self.path)) + b"".join(self.path).ljust(32 * PATH_MAX, b"\0")
        return put_u64(self.index) + self.logged.encode() + self.image_base + path

    @classmethod
    def read(cls, reader: Reader) -> RingMember:
        """The next 1277 bytes."""
        index, logged, base, count = reader.u64(), LoggedOutput.read(reader), reader.take(32), reader.u8()
        hashes = reader.many(PATH_MAX, 32)
        if count > PATH_MAX or any(any(unused) for unused in hashes[count:]):
            reader.fail("unused hashes of a path are zero")
        return cls(index, logged, base, hashes[:count])


@dataclass(frozen=True, slots=True)
class RingAnswer:
    """PLG1: what the ring service answers."""

    anchor_height: int
    out_size: int
    out_root: bytes
    members: tuple[RingMember, ...]

    @classmethod
    def decode(cls, data: bytes) -> RingAnswer:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(RING_MAGIC)
        height, size, root, count = reader.u64(), reader.u64(), reader.take(32), reader.u8()
        members = tuple(RingMember.read(reader) for _ in range(count))
        reader.done()
        return cls(height, size, root, members)

    def encode(self) -> bytes:
        head = RING_MAGIC + put_u64(self.anchor_height) + put_u64(self.out_size) + self.out_root
        return head + put_u8(len(self.members)) + b"".join(each.encode() for each in self.members)


@dataclass(frozen=True, slots=True)
class BlockImages:
    """Key images that a block made known, ascending."""

    height: int
    images: tuple[bytes, ...]


def encode_images(blocks: tuple[BlockImages, ...]) -> bytes:
    """Per block: height u64, n u32, n x 32."""
    parts: list[bytes] = []
    for block in blocks:
        parts += [put_u64(block.height), put_u32(len(block.images)), *block.images]
    return b"".join(parts)


def decode_images(data: bytes) -> tuple[BlockImages, ...]:
    """Raises NonCanonical."""
    reader = Reader(data)
    blocks = []
    while reader.left:
        blocks.append(BlockImages(reader.u64(), reader.many(reader.u32(), 32)))
    return tuple(blocks)
