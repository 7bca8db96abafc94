"""The contract of payment channels (MICROPAY sections 3.9, 3.10) as pure rules over the ledger's state (LEDGER 9.6)."""

from __future__ import annotations

from specie.ledger.escrow.contract import apply, deadline_ms
from specie.ledger.escrow.funding import check_funding, open_or_topup

__all__ = ["apply", "check_funding", "deadline_ms", "open_or_topup"]
