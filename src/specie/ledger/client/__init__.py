"""The ledger and a trusted node over HTTP (LEDGER §21), and the holder's end of a sealed session."""

from specie.ledger.client.ledger import LedgerClient
from specie.ledger.client.sealed import SCAN_WARNING, SealedNode, quote_rules
from specie.ledger.client.trusted import TrustedNodeClient

__all__ = ["SCAN_WARNING", "LedgerClient", "SealedNode", "TrustedNodeClient", "quote_rules"]
