"""Receipts: a header with its finality, and a path from a fact to it (LEDGER section 13)."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from specie.ledger.messages.binary import Reader, put_list8, put_sized8, put_sized16, put_sized32, put_u8, put_u32
from specie.ledger.messages.header import Header

RECEIPT_MAGIC = b"PLQ1"
STATE_RECEIPT_MAGIC = b"PLQ2"
EMBEDDED, COMETBFT = 1, 2
ABSENT, PRESENT, OTHER_LEAF = 0, 1, 2
"""Kinds of a sparse Merkle proof (LEDGER section 8.1)."""
SPARSE_DEPTH_MAX = 256


@dataclass(frozen=True, slots=True)
class Finality:
    """Why a header is final: the validator's signature (embedded), or the network's signed header (cometbft)."""

    kind: int
    key_index: int = 0
    signature: bytes = b""
    """64 bytes, embedded."""
    evidence: bytes = field(default=b"", repr=False)
    """CometBFT's signed header of height + 1 and its validator set."""

    @classmethod
    def embedded(cls, key_index: int, signature: bytes) -> Finality:
        """By the validator key of this index in the genesis document."""
        return cls(EMBEDDED, key_index, signature)

    @classmethod
    def decode(cls, data: bytes) -> Finality:
        """Raises NonCanonical."""
        reader = Reader(data)
        finality = cls.read(reader)
        reader.done()
        return finality

    @classmethod
    def read(cls, reader: Reader) -> Finality:
        """The next finality."""
        kind = reader.u8()
        if kind == EMBEDDED:
            return cls(kind, reader.u8(), reader.take(64))
        if kind != COMETBFT:
            reader.fail("unknown kind of finality")
        return cls(kind, evidence=reader.sized32())

    def encode(self) -> bytes:
        if self.kind == EMBEDDED:
            return put_u8(self.kind) + put_u8(self.key_index) + self.signature
        return put_u8(self.kind) + put_sized32(self.evidence)


@dataclass(frozen=True, slots=True)
class Receipt:
    """`PLQ1`: this transaction or operation took effect under this header."""

    header: Header
    finality: Finality
    leaf: bytes
    """tx_leaf or op_id."""
    position: int
    count: int
    path: tuple[bytes, ...]
    """Audit path of RFC 6962 from the leaf to tx_root."""

    # SPEC LEDGER-13.3
    @classmethod
    def decode(cls, data: bytes) -> Receipt:
        """Raises NonCanonical, also where count or position do not fit the header."""
        reader = Reader(data)
        reader.magic(RECEIPT_MAGIC)
        header, finality = Header.read(reader), Finality.read(reader)
        receipt = cls(
            header, finality, reader.take(32), reader.u32(), reader.u32(), reader.many(reader.u8(), 32)
        )  # fmt: skip
        reader.done()
        if receipt.count != header.tx_count or receipt.position >= receipt.count:
            reader.fail("count or position does not fit the header")
        return receipt

    def encode(self) -> bytes:
        head = RECEIPT_MAGIC + self.header.data + self.finality.encode() + self.leaf
        return head + put_u32(self.position) + put_u32(self.count) + put_list8(self.path)


# SPEC LEDGER-13.4
@dataclass(frozen=True, slots=True)
class SparseProof:
    """A path in a sparse Merkle tree: that a key is present, or that it is absent."""

    kind: int
    """0 absent, the place is empty; 1 present; 2 absent, another leaf stands there."""
    depth: int
    siblings: tuple[bytes, ...]
    """One for each depth, from the root down; 32 zero bytes where the bitmap has no bit."""
    other_key: bytes = b""
    other_value_hash: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> SparseProof:
        """Raises NonCanonical."""
        reader = Reader(data)
        proof = cls.read(reader)
        reader.done()
        return proof

    @classmethod
    def read(cls, reader: Reader) -> SparseProof:
        """The next proof."""
        kind, depth = reader.u8(), reader.u16()
        if kind not in (ABSENT, PRESENT, OTHER_LEAF) or depth > SPARSE_DEPTH_MAX:
            reader.fail("unknown kind or depth of a proof")
        bitmap = reader.take((depth + 7) // 8)
        bits = [bitmap[at // 8] >> 7 - at % 8 & 1 for at in range(depth)]
        if len(bitmap) * 8 > depth and bitmap[-1] & (1 << len(bitmap) * 8 - depth) - 1:
            reader.fail("a bit is set beyond the depth")
        siblings = tuple(reader.take(32) if bit else bytes(32) for bit in bits)
        if any(bit and not any(sibling) for bit, sibling in zip(bits, siblings, strict=True)):
            reader.fail("an empty sibling is written out")
        if kind != OTHER_LEAF:
            return cls(kind, depth, siblings)
        return cls(kind, depth, siblings, reader.take(32), reader.take(32))

    def encode(self) -> bytes:
        bitmap = bytearray((self.depth + 7) // 8)
        for at, sibling in enumerate(self.siblings):
            if any(sibling):
                bitmap[at // 8] |= 0x80 >> at % 8
        head = put_u8(self.kind) + self.depth.to_bytes(2, "little") + bytes(bitmap)
        written = b"".join(sibling for sibling in self.siblings if any(sibling))
        return head + written + self.other_key + self.other_value_hash


@dataclass(frozen=True, slots=True)
class StateReceipt:
    """`PLQ2`: an entry of the state tree, or its absence (then the value is empty), under this header."""

    header: Header
    finality: Finality
    domain: int
    ident: bytes
    value: bytes
    proof: SparseProof

    @classmethod
    def decode(cls, data: bytes) -> StateReceipt:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(STATE_RECEIPT_MAGIC)
        header, finality = Header.read(reader), Finality.read(reader)
        receipt = cls(header, finality, reader.u8(), reader.sized8(), reader.sized16(), SparseProof.read(reader))
        reader.done()
        if receipt.proof.kind != PRESENT and receipt.value:
            reader.fail("an absent entry has no value")
        return receipt

    def encode(self) -> bytes:
        head = STATE_RECEIPT_MAGIC + self.header.data + self.finality.encode() + put_u8(self.domain)
        return head + put_sized8(self.ident) + put_sized16(self.value) + self.proof.encode()


def state_key(domain: int, ident: bytes) -> bytes:
    """Key of an entry in the state tree (LEDGER section 8.1)."""
    return sha256(b"PL1/st" + put_u8(domain) + ident).digest()


def image_key(image: bytes) -> bytes:
    """Key of a key image in its tree."""
    return sha256(b"PL1/ki" + image).digest()


def value_hash(value: bytes) -> bytes:
    """What a leaf of either tree keeps of a value."""
    return sha256(value).digest()
