"""What the composition gives a bank: its wallet on the ledger, and the ledger as a light verifier sees it."""

from specie.app.bank.chain import LedgerChain
from specie.app.bank.treasury import WalletTreasury

__all__ = ["LedgerChain", "WalletTreasury"]
