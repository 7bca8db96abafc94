"""The header of a block and its hash, the app_hash (LEDGER section 8.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from specie.ledger.messages.binary import Reader, put_u16, put_u32, put_u64
from specie.ledger.messages.hashing import framed_hash
from specie.ledger.messages.record import BlockTotals

HEADER_MAGIC = b"PLH1"
HEADER_VERSION = 1
HEADER_BYTES = 378
ZERO_HASH = bytes(32)


# SPEC LEDGER-8.3.1
@dataclass(frozen=True, slots=True)
class Header:
    """378 bytes that fix a block and the whole state after it."""

    chain_id: bytes
    height: int
    time_ms: int
    prev_app_hash: bytes
    tx_root: bytes
    """RFC 6962 over tx_leaf, ascending, then op_id of the frames in ledger order."""
    out_root: bytes
    out_size: int
    ki_root: bytes
    state_root: bytes
    record_hash: bytes
    proofs_hash: bytes
    totals: BlockTotals
    epoch: int
    ratchet_commit: bytes
    tx_count: int
    """Leaves under tx_root."""
    params_version: int
    data: bytes = field(init=False, repr=False, compare=False)
    """The exact bytes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self._encoded())

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Raises NonCanonical."""
        reader = Reader(data)
        header = cls.read(reader)
        reader.done()
        return header

    @classmethod
    def read(cls, reader: Reader) -> Header:
        """The next 378 bytes."""
        reader.magic(HEADER_MAGIC)
        if reader.u16() != HEADER_VERSION:
            reader.fail("unknown version of a header")
        chain_id, height, time_ms = reader.take(32), reader.u64(), reader.u64()
        prev_app_hash, tx_root, out_root, out_size = reader.take(32), reader.take(32), reader.take(32), reader.u64()
        hashes = reader.take(32), reader.take(32), reader.take(32), reader.take(32)
        totals = BlockTotals.read(reader)
        end = reader.u32(), reader.take(32), reader.u32(), reader.u32()
        return cls(chain_id, height, time_ms, prev_app_hash, tx_root, out_root, out_size, *hashes, totals, *end)

    def encode(self) -> bytes:
        return self.data

    def _encoded(self) -> bytes:
        start = HEADER_MAGIC + put_u16(HEADER_VERSION) + self.chain_id + put_u64(self.height) + put_u64(self.time_ms)
        log = self.prev_app_hash + self.tx_root + self.out_root + put_u64(self.out_size)
        roots = self.ki_root + self.state_root + self.record_hash + self.proofs_hash
        end = put_u32(self.epoch) + self.ratchet_commit + put_u32(self.tx_count) + put_u32(self.params_version)
        return start + log + roots + self.totals.encode() + end

    @property
    def app_hash(self) -> bytes:
        """SHA-256 of the header."""
        return sha256(self.data).digest()


# SPEC LEDGER-16.2.5
def block_signature_input(chain_id: bytes, height: int, app_hash: bytes) -> bytes:
    """What the validator of the embedded provider signs, 64 bytes."""
    return framed_hash("block", chain_id, put_u64(height), app_hash)
