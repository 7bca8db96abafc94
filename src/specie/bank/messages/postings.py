"""A posting: the one way in which value moves between accounts, and its canonical bytes (BANK section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Any

from specie.bank.errors import Malformed
from specie.bank.messages.accounts import check_account_id
from specie.kernel import codec
from specie.kernel.amount import AMOUNT_MAX

DOMAIN = b"bank/1/posting"
REF_DOMAIN = b"bank/1/ref"
START = bytes(32)
LEGS_MAX = 16
REF_BYTES_MAX = 64
POSTING_BYTES_MAX = 4_096


class Side(IntEnum):
    """The two columns."""

    DEBIT = 0
    CREDIT = 1


# SPEC BANK-3.1
class Kind(StrEnum):
    """Why value moves. There are no other kinds."""

    ACCOUNT_ISSUE = "account_issue"
    ACCOUNT_REDEEM = "account_redeem"
    LEDGER_IN = "ledger_in"
    BURN_IN = "burn_in"
    OUT_START = "out_start"
    OUT_DONE = "out_done"
    OUT_BACK = "out_back"
    COIN_WITHDRAW = "coin_withdraw"
    COIN_DEPOSIT = "coin_deposit"
    COIN_REFUND = "coin_refund"
    COIN_FEE = "coin_fee"
    COIN_CLAIM = "coin_claim"
    COIN_UNCLAIMED = "coin_unclaimed"
    GUARANTEE = "guarantee"
    CASE = "case"
    TRANSFER = "transfer"
    FEE = "fee"
    COST = "cost"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of a posting."""

    account: str
    side: Side
    amount: int
    """Minor units, 1 to 2^62-1."""


def debit(account: str, amount: int) -> Leg:
    return Leg(account, Side.DEBIT, amount)


def credit(account: str, amount: int) -> Leg:
    return Leg(account, Side.CREDIT, amount)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be posted. (kind, ref) is its key: the same order again changes nothing."""

    kind: Kind
    ref: bytes
    legs: tuple[Leg, ...]
    memo: bytes = b""
    """Hash of what the parties say to each other, 32 bytes, or none."""
    hold: bytes = b""
    """The hold that this captures, if any."""


@dataclass(frozen=True, slots=True)
class Posting:
    """An order at its place in the journal."""

    id: int
    """Place in the journal, from 1, without gaps."""
    at_s: int
    kind: Kind
    ref: bytes
    memo: bytes
    legs: tuple[Leg, ...]
    prev: bytes
    """Hash of the posting before it; 32 zero bytes before the first."""

    def encode(self) -> bytes:
        """The canonical bytes: all but the hash."""
        legs = [[leg.account, int(leg.side), leg.amount] for leg in self.legs]
        return codec.encode(
            {1: self.id, 2: self.at_s, 3: str(self.kind), 4: self.ref, 5: self.memo, 6: legs, 7: self.prev}
        )

    @property
    def hash(self) -> bytes:
        """SHA-256("bank/1/posting" || canonical bytes)."""
        return posting_hash(self.encode())

    @classmethod
    def decode(cls, body: bytes) -> Posting:
        """Raises Malformed."""
        try:
            value = codec.decode(body, bytes_max=POSTING_BYTES_MAX)
            if not isinstance(value, dict) or set(value) != {1, 2, 3, 4, 5, 6, 7}:
                raise Malformed("not a posting")
            legs = tuple(_leg(item) for item in value[6])
            kind = Kind(value[3])
        except (codec.Malformed, codec.NonCanonical, codec.TooLarge, ValueError, TypeError) as error:
            raise Malformed("not a posting") from error
        _check_types(value)
        return cls(value[1], value[2], kind, value[4], value[5], legs, value[7])


def _leg(item: Any) -> Leg:
    account, side, amount = item
    if type(amount) is not int or not 1 <= amount <= AMOUNT_MAX:
        raise ValueError("an amount is 1 to 2^62-1")
    return Leg(check_account_id(account), Side(side), amount)


def _check_types(value: dict[Any, Any]) -> None:
    whole = all(type(value[key]) is int for key in (1, 2))
    octets = all(type(value[key]) is bytes for key in (4, 5, 7))
    if not (whole and octets and len(value[4]) <= REF_BYTES_MAX and len(value[7]) == 32):
        raise Malformed("a field of the posting has another type or size")


def posting_hash(body: bytes) -> bytes:
    """The hash of a posting's canonical bytes."""
    return sha256(DOMAIN + body).digest()


# SPEC BANK-3.8
def customer_ref(account: str, key: bytes | str) -> bytes:
    """The ref of a call that a customer named: nobody else's account can take the name away.

    SHA-256("bank/1/ref" || u8 length of the account || account || key).
    """
    name, said = account.encode("ascii"), key.encode() if isinstance(key, str) else key
    return sha256(REF_DOMAIN + bytes([len(name)]) + name + said).digest()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A posting as its caller sees it; the same order again gives the same."""

    posting: int
    at_s: int
    kind: Kind
    ref: bytes
    hash: bytes
    over_limit: bool = False
    """Posted although the account is above its tier's balance: the out leg was final (BANK-7.5)."""
