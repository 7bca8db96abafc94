"""Accounts: who owns them, on which side of the books they stand, and what may happen to them (BANK section 1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from specie.bank.errors import Malformed
from specie.kernel.amount import check_currency_code

_ID = re.compile(r"[a-z0-9:._-]{1,64}")
OWNER_BYTES_MAX = 128


class AccountType(StrEnum):
    """What an account is for; it never changes."""

    CUSTOMER = "customer"
    OWN = "own"
    FEES = "fees"
    GUARANTEE = "guarantee"
    UNCLAIMED = "unclaimed"
    CASE = "case"
    COINS = "coins"
    TRANSIT = "transit"
    RESERVE = "reserve"
    ISSUED = "issued"


DEBIT_SIDE = frozenset({AccountType.RESERVE, AccountType.ISSUED})
"""What the bank has: a debit makes it more. All others are what the bank owes: a credit makes it more."""

HOUSE_TYPES = tuple(each for each in AccountType if each != AccountType.CUSTOMER)
"""One account per currency each."""


class AccountState(IntEnum):
    """OPEN and FROZEN alternate; CLOSED is the end."""

    OPEN = 0
    FROZEN = 1
    CLOSED = 2


def check_account_id(value: object) -> str:
    """Raise Malformed unless this can name an account (ECASH section 2.10)."""
    if type(value) is not str or not _ID.fullmatch(value):
        raise Malformed("an account id is 1 to 64 characters of a-z, 0-9 and :._-")
    return value


# SPEC BANK-1.1
def house_account(kind: AccountType, currency: str) -> str:
    """The id of the bank's own account of a type: `reserve:XTS`."""
    check_currency_code(currency)
    return f"{kind}:{currency.lower()}"


def is_house_name(account: str) -> bool:
    """Would a customer account of this name look like one of the bank's own?"""
    return account.partition(":")[0] in {str(each) for each in HOUSE_TYPES}


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as its owner and the bank's staff see it."""

    id: str
    currency: str
    type: AccountType
    owner: str
    state: AccountState
    tier: int
    balance: int
    """Minor units, on the account's own side."""
    held: int
    """Of these, reserved by holds."""
    wallet_key: bytes = b""
    """K_C of a channel (BIP-340, x-only), 32 bytes, or none."""
    opened_s: int = 0
    closed_s: int = 0
    coins_blocked: bool = False

    @property
    def available(self) -> int:
        return self.balance - self.held
