"""What the ledger hands to issuance: a registry receipt, and the proof of a burn.

    registry receipt = "PLRR" | len u32 | PLQ1 | frame                  the frame whose op_id is the receipt's leaf
    proof of a burn  = "PLWP" | len u32 | PLQ2 of the withdrawal | len u32 | PLQ1 of operation 18 | frame 18

A PLQ1 alone names its operation by a hash; the frame behind it says what that operation was, so that quota control can
check both over these bytes alone (ISSUANCE-13.4.4).
"""

from __future__ import annotations

from dataclasses import dataclass

from specie.ledger.messages.binary import Reader, put_sized32

RECEIPT_MAGIC, BURN_MAGIC = b"PLRR", b"PLWP"


@dataclass(frozen=True, slots=True)
class RegistryReceipt:
    """The receipt of a mint or of its cancellation, with the operation itself."""

    receipt: bytes
    """PLQ1"""
    frame: bytes

    def encode(self) -> bytes:
        return RECEIPT_MAGIC + put_sized32(self.receipt) + self.frame

    @classmethod
    def decode(cls, data: bytes) -> RegistryReceipt:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(RECEIPT_MAGIC)
        return cls(reader.sized32(), reader.rest())


@dataclass(frozen=True, slots=True)
class BurnProof:
    """That a withdrawal was paid by its institution, for exactly one redemption request (ISSUANCE-14.11)."""

    state: bytes
    """PLQ2 of domain 3."""
    receipt: bytes
    """PLQ1 of operation 18."""
    frame: bytes
    """Operation 18."""

    def encode(self) -> bytes:
        return BURN_MAGIC + put_sized32(self.state) + put_sized32(self.receipt) + self.frame

    @classmethod
    def decode(cls, data: bytes) -> BurnProof:
        """Raises NonCanonical."""
        reader = Reader(data)
        reader.magic(BURN_MAGIC)
        return cls(reader.sized32(), reader.sized32(), reader.rest())
