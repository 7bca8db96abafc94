"""A bank as the ledger knows it: it answers withdrawals."""

from specie.ledger.institution.redeeming import Institution

__all__ = ["Institution"]
