"""The bank's doors: `/v1/bank` (BANK section 10)."""

from specie.bank.service.routes import bank_routes

__all__ = ["bank_routes"]
