"""What other rooms may ask of the bank, and what the bank needs of rooms to its right."""

from specie.bank.api.bank import BankApi
from specie.bank.api.ports import Arrival, Chain, Fate, FateState, RedeemAtQuotaControl, SignEvent, Treasury

__all__ = ["Arrival", "BankApi", "Chain", "Fate", "FateState", "RedeemAtQuotaControl", "SignEvent", "Treasury"]
