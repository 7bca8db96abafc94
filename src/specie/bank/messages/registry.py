"""`bank-rcpt`: what the bank says became of an issue (BANK-6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from specie.issuance.messages.wire import Body, hash32, id16, time_s, uint, wire

POSTED, CANCELLED = 1, 2


# SPEC BANK-6.2
@dataclass(frozen=True, slots=True)
class BankReceipt(Body):
    """Signed by `bank:reg`; quota control believes nothing else."""

    typ: ClassVar[str] = "bank-rcpt"
    unit_root: bytes = wire(1, hash32)
    credential_cti: bytes = wire(2, id16)
    status: int = wire(3, uint(2, 1))
    """1 posted, 2 cancelled."""
    posting: bytes = wire(4, hash32)
    """Hash of the posting; zero bytes where nothing was posted."""
    at_s: int = wire(5, time_s)
