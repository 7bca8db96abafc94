"""TxPublic, and the tails of withdrawals and fundings that the record keeps (LEDGER sections 6.1 and 8.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from specie.ledger.errors import Shape
from specie.ledger.messages.binary import Reader, put_sized16, put_u8, put_u16, put_u64
from specie.ledger.messages.hashing import framed_hash, hash32
from specie.ledger.messages.outputs import OUTPUT_COUNTS, STUB_BYTES, Output, Stub, read_outputs

TX_VERSION = 1
INPUTS_MAX = 16
EXPIRY_BLOCKS_MAX = 20160
"""How far ahead of the height an expiry may lie."""


class TransactionType(IntEnum):
    """What a transaction does besides moving hidden value."""

    TRANSFER = 1
    WITHDRAW = 2
    FUND = 3


@dataclass(frozen=True, slots=True)
class WithdrawTail:
    """What the record keeps of a type 2: V, withdraw_ref, refund stub."""

    value: int
    withdraw_ref: bytes
    stub: Stub

    @classmethod
    def decode(cls, data: bytes) -> WithdrawTail:
        """Raises NonCanonical."""
        reader = Reader(data)
        tail = cls(reader.u64(), reader.take(32), Stub(reader.take(STUB_BYTES)))
        reader.done()
        return tail

    def encode(self) -> bytes:
        return put_u64(self.value) + self.withdraw_ref + self.stub.data


@dataclass(frozen=True, slots=True)
class FundTail:
    """What the record keeps of a type 3: the value moved into the escrow pool, and the operation OPEN or TOPUP."""

    burn: int
    operation: bytes

    @classmethod
    def decode(cls, data: bytes) -> FundTail:
        """Raises NonCanonical."""
        reader = Reader(data)
        return cls(reader.u64(), reader.rest())

    def encode(self) -> bytes:
        return put_u64(self.burn) + self.operation


# SPEC LEDGER-6.1.1, LEDGER-6.1.3
@dataclass(frozen=True, slots=True)
class TxPublic:
    """The public part of a transaction; the rings and their signatures never leave the envelope."""

    type: TransactionType
    expiry_height: int
    fee: int
    burn: int
    extra: bytes
    """Type 2: withdraw_ref | stub. Type 3: the operation. Else empty."""
    key_images: tuple[bytes, ...]
    pseudo_outputs: tuple[bytes, ...]
    outputs: tuple[Output, ...]
    range_proof: bytes

    # SPEC LEDGER-7.3, LEDGER-7.4
    @classmethod
    def decode(cls, data: bytes) -> TxPublic:
        """Raises NonCanonical (V-3), Shape (V-4)."""
        reader = Reader(data, rule="V-3")
        version, kind = reader.u16(), reader.u8()
        if kind not in TransactionType.__members__.values():
            reader.fail("unknown type of transaction")
        expiry_height, fee, burn = reader.u64(), reader.u64(), reader.u64()
        extra = b""
        if kind == TransactionType.WITHDRAW:
            extra = reader.take(32 + STUB_BYTES)
        elif kind == TransactionType.FUND:
            extra = reader.sized16()
        inputs = reader.u8()
        images, pseudo = reader.many(inputs, 32), reader.many(inputs, 32)
        count = reader.u8()
        outputs = read_outputs(reader, count)
        range_proof = reader.sized16()
        reader.done()
        if version != TX_VERSION or not 1 <= inputs <= INPUTS_MAX or count not in OUTPUT_COUNTS:
            raise Shape("version, number of inputs or number of outputs is out of range", rule="V-4")
        return cls(TransactionType(kind), expiry_height, fee, burn, extra, images, pseudo, outputs, range_proof)

    def encode(self) -> bytes:
        return self.encode_unproven() + put_sized16(self.range_proof)

    def encode_unproven(self) -> bytes:
        """All bytes before bp_len: what the range proof is bound to."""
        head = put_u16(TX_VERSION) + put_u8(self.type)
        amounts = put_u64(self.expiry_height) + put_u64(self.fee) + put_u64(self.burn)
        extra = put_sized16(self.extra) if self.type == TransactionType.FUND else self.extra
        inputs = put_u8(len(self.key_images)) + b"".join(self.key_images) + b"".join(self.pseudo_outputs)
        outputs = put_u8(len(self.outputs)) + b"".join(output.data for output in self.outputs)
        return head + amounts + extra + inputs + outputs

    @property
    def tx_id(self) -> bytes:
        return hash32("tx/id", self.encode())

    def tx_leaf(self, salt: bytes) -> bytes:
        """What stands under tx_root (LEDGER section 8.3)."""
        return tx_leaf(self.tx_id, salt)

    def tail(self) -> WithdrawTail | FundTail | None:
        """What the block record keeps besides outputs and key images."""
        if self.type == TransactionType.WITHDRAW:
            return WithdrawTail(self.burn, self.extra[:32], Stub(self.extra[32:]))
        if self.type == TransactionType.FUND:
            return FundTail(self.burn, self.extra)
        return None


def tx_leaf(tx_id: bytes, salt: bytes) -> bytes:
    """H_32("tx/leaf"; tx_id, salt)."""
    return hash32("tx/leaf", tx_id, salt)


# SPEC LEDGER-2.5, LEDGER-2.6
def bp_ctx(chain_id: bytes, salt: bytes, unproven: bytes) -> bytes:
    """What a range proof is bound to, 64 bytes; for a mint salt is 32 zero bytes."""
    return framed_hash("bp/ctx", chain_id, salt, unproven)
