"""What the bank refuses, in the order of precedence of BANK section 11. Codes are never used for something else."""

# SPEC BANK-11.1: codes are append-only
from __future__ import annotations

from functools import cache

from specie.bank.errors.accounts import (
    AccountClosed,
    AccountExists,
    AccountFrozen,
    AccountNotEmpty,
    AccountUnknown,
    BalanceLow,
    HoldState,
    HoldUnknown,
    LimitExceeded,
)
from specie.bank.errors.denial import BankRefusal
from specie.bank.errors.requests import AmountRange, AmountZero, Malformed, NotPermitted, RefReused, TooLarge
from specie.bank.errors.standing import EvidenceInvalid, EvidenceUsed, PartyUnknown, ReputationLow
from specie.bank.errors.takings import OrderKey, OrderMismatch, OrderSignature, RootCancelled, RootPosted
from specie.bank.errors.unavailable import BankUnavailable, Halted, ReserveLow

__all__ = [
    "AccountClosed",
    "AccountExists",
    "AccountFrozen",
    "AccountNotEmpty",
    "AccountUnknown",
    "AmountRange",
    "AmountZero",
    "BalanceLow",
    "BankRefusal",
    "BankUnavailable",
    "EvidenceInvalid",
    "EvidenceUsed",
    "Halted",
    "HoldState",
    "HoldUnknown",
    "LimitExceeded",
    "Malformed",
    "NotPermitted",
    "OrderKey",
    "OrderMismatch",
    "OrderSignature",
    "PartyUnknown",
    "RefReused",
    "ReputationLow",
    "ReserveLow",
    "RootCancelled",
    "RootPosted",
    "TooLarge",
    "refusal_class",
    "unavailable_class",
]


@cache
def _by_code() -> dict[str, type[BankRefusal] | type[BankUnavailable]]:
    found = [each for each in globals().values() if isinstance(each, type)]
    return {each.code: each for each in found if issubclass(each, BankRefusal | BankUnavailable)}


def refusal_class(code: str) -> type[BankRefusal]:
    """The refusal with this code; the common shape for codes of a later release."""
    found = _by_code().get(code)
    return found if found is not None and issubclass(found, BankRefusal) else BankRefusal


def unavailable_class(code: str) -> type[BankUnavailable]:
    """The unavailability with this code."""
    found = _by_code().get(code)
    return found if found is not None and issubclass(found, BankUnavailable) else BankUnavailable
