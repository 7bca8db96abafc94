"""The frame that carries a public operation (LEDGER section 9.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from specie.ledger.errors import NonCanonical, TooLarge
from specie.ledger.messages.binary import Reader, put_u8, put_u16, put_u32, put_u64
from specie.ledger.messages.hashing import framed_hash, hash32

FRAME_MAGIC = b"PLP1"
FRAME_VERSION = 1
FRAME_HEAD_BYTES = 52
# SPEC LEDGER-9.5.3
FRAME_BYTES_MAX = 65536


class OpType(IntEnum):
    """Families of public operations."""

    MINT = 16
    MINT_CANCEL = 17
    WITHDRAW_PAID = 18
    WITHDRAW_REFUND = 19
    SETTLE = 34
    CLAIM = 35
    CLOSE_REQ = 36
    COOP = 37
    LOCK_CLAIM = 38
    RESPOND = 39
    FRAUD = 40
    FINALIZE = 41
    ANCHOR = 48
    PARAMETERS = 64
    EPOCH_KEY = 80
    SHARE_KEY = 81
    CONTRIBUTION = 82
    COMPLAINT = 83
    ENCLAVE_ADMIT = 84


ESCROW_TYPES = frozenset(range(OpType.SETTLE, OpType.FINALIZE + 1))
STAGE_TWO_TYPES = frozenset(range(OpType.SHARE_KEY, OpType.ENCLAVE_ADMIT + 1))


def op_id(data: bytes) -> bytes:
    """H_32("op/id"; frame): the id of an operation, and its leaf under tx_root."""
    return hash32("op/id", data)


def op_signature_input(prefix: bytes) -> bytes:
    """What a signature marked [op] is over: a hash of all frame bytes before it, 64 bytes."""
    return framed_hash("op/sig", prefix)


# SPEC LEDGER-9.5.1
@dataclass(frozen=True, slots=True)
class Frame:
    """One public operation. `chain_id` and `expiry_height` are judged where chain and height are known."""

    type: OpType
    chain_id: bytes
    expiry_height: int
    body: bytes = field(repr=False)
    data: bytes = field(repr=False)
    """The exact bytes of the whole frame."""

    @classmethod
    def decode(cls, data: bytes) -> Frame:
        """The frame of exactly these bytes. Raises TooLarge, NonCanonical (rule 9.5)."""
        if len(data) > FRAME_BYTES_MAX:
            raise TooLarge(f"a frame has at most {FRAME_BYTES_MAX} bytes", rule="9.5.3")
        reader = Reader(data, NonCanonical, "9.5.1")
        reader.magic(FRAME_MAGIC)
        version, kind, flags = reader.u16(), reader.u8(), reader.u8()
        if version != FRAME_VERSION or flags:
            reader.fail("unknown version or flags of a frame")
        if kind not in OpType.__members__.values():
            reader.fail("unknown type of operation")
        frame = cls(OpType(kind), reader.take(32), reader.u64(), reader.sized32(), bytes(data))
        reader.done()
        return frame

    @classmethod
    def of(cls, kind: OpType, chain_id: bytes, expiry_height: int, body: bytes) -> Frame:
        """A frame around a body."""
        return cls(kind, chain_id, expiry_height, body, frame_of(kind, chain_id, expiry_height, body))

    def encode(self) -> bytes:
        return self.data

    @property
    def op_id(self) -> bytes:
        return op_id(self.data)


def frame_head(kind: int, chain_id: bytes, expiry_height: int, body_bytes: int) -> bytes:
    """The first 52 bytes of a frame whose body will have so many bytes, for makers that sign before it is whole."""
    start = FRAME_MAGIC + put_u16(FRAME_VERSION) + put_u8(kind) + put_u8(0)
    return start + chain_id + put_u64(expiry_height) + put_u32(body_bytes)


def frame_of(kind: int, chain_id: bytes, expiry_height: int, body: bytes) -> bytes:
    """The bytes of a frame."""
    return frame_head(kind, chain_id, expiry_height, len(body)) + body
