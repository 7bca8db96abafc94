"""The bank over HTTP: `BankApi` for other rooms, `Takings` for issuance."""

from specie.bank.client.bank import BankClient

__all__ = ["BankClient"]
