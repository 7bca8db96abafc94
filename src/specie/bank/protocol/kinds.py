"""Which kind of posting has which legs (BANK section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specie.bank.errors import AmountRange, AmountZero, Malformed
from specie.bank.messages.accounts import DEBIT_SIDE, AccountType
from specie.bank.messages.postings import LEGS_MAX, REF_BYTES_MAX, Kind, Leg, Order, Side
from specie.kernel.amount import AMOUNT_MAX

C = AccountType


@dataclass(frozen=True, slots=True)
class Legs:
    """The types that a kind debits and credits, and whether a side may have several legs."""

    debits: frozenset[AccountType]
    credits: frozenset[AccountType]
    spread: bool = False
    """Several accounts may be credited."""


def _legs(debits: tuple[AccountType, ...], credits: tuple[AccountType, ...], *, spread: bool = False) -> Legs:
    return Legs(frozenset(debits), frozenset(credits), spread)


# SPEC BANK-3.1: There MUST NOT be other kinds, and a kind MUST have these legs.
TABLE: Mapping[Kind, Legs] = {
    Kind.ACCOUNT_ISSUE: _legs((C.ISSUED,), (C.CUSTOMER,)),
    Kind.ACCOUNT_REDEEM: _legs((C.CUSTOMER, C.OWN), (C.ISSUED,)),
    Kind.LEDGER_IN: _legs((C.RESERVE,), (C.CUSTOMER, C.CASE)),
    Kind.BURN_IN: _legs((C.ISSUED,), (C.CUSTOMER,)),
    Kind.OUT_START: _legs((C.CUSTOMER,), (C.TRANSIT,)),
    Kind.OUT_DONE: _legs((C.TRANSIT,), (C.RESERVE,)),
    Kind.OUT_BACK: _legs((C.TRANSIT,), (C.CUSTOMER,)),
    Kind.COIN_WITHDRAW: _legs((C.CUSTOMER,), (C.COINS,)),
    Kind.COIN_DEPOSIT: _legs((C.COINS,), (C.CUSTOMER, C.CASE), spread=True),
    Kind.COIN_REFUND: _legs((C.CUSTOMER,), (C.COINS,)),
    Kind.COIN_FEE: _legs((C.COINS,), (C.FEES,)),
    Kind.COIN_CLAIM: _legs((C.COINS,), (C.CUSTOMER,)),
    Kind.COIN_UNCLAIMED: _legs((C.COINS,), (C.UNCLAIMED,)),
    Kind.GUARANTEE: _legs((C.GUARANTEE, C.CUSTOMER), (C.CUSTOMER,)),
    Kind.CASE: _legs((C.CASE,), (C.CUSTOMER, C.OWN), spread=True),
    Kind.TRANSFER: _legs((C.CUSTOMER,), (C.CUSTOMER,)),
    Kind.FEE: _legs((C.CUSTOMER,), (C.FEES,)),
    Kind.COST: _legs((C.FEES, C.OWN), (C.RESERVE,)),
}

# SPEC BANK-3.6
NEVER_REVERSED = frozenset(
    {
        Kind.ACCOUNT_ISSUE,
        Kind.ACCOUNT_REDEEM,
        Kind.LEDGER_IN,
        Kind.BURN_IN,
        Kind.OUT_START,
        Kind.OUT_DONE,
        Kind.OUT_BACK,
        Kind.COIN_WITHDRAW,
        Kind.COIN_DEPOSIT,
        Kind.COIN_REFUND,
        Kind.COIN_FEE,
        Kind.COIN_CLAIM,
        Kind.COIN_UNCLAIMED,
        Kind.REVERSAL,
    }
)
"""Legs of a movement between rooms, and reversals: the other leg stands."""

FINAL_ALREADY = frozenset(
    {
        Kind.ACCOUNT_ISSUE,
        Kind.LEDGER_IN,
        Kind.BURN_IN,
        Kind.OUT_BACK,
        Kind.COIN_DEPOSIT,
        Kind.COIN_CLAIM,
        Kind.REVERSAL,
        Kind.CASE,
        Kind.GUARANTEE,
    }
)
"""Credits whose value has left its pool already: a balance above the tier's maximum is marked, not refused."""


def check_amount(amount: int) -> int:
    """Raises AmountZero, AmountRange."""
    if amount == 0:
        raise AmountZero("nothing moves")
    if not 1 <= amount <= AMOUNT_MAX:
        raise AmountRange("an amount is 1 to 2^62-1 minor units")
    return amount


# SPEC BANK-2.1
def check_form(order: Order) -> None:
    """Refuse an order whose form is wrong whatever the books say. Raises Malformed."""
    if not 2 <= len(order.legs) <= LEGS_MAX or not 1 <= len(order.ref) <= REF_BYTES_MAX:
        raise Malformed(f"a posting has 2 to {LEGS_MAX} legs and a reference of 1 to {REF_BYTES_MAX} bytes")
    if len(order.memo) not in (0, 32):
        raise Malformed("a memo is named by its hash")
    if len({(leg.account, leg.side) for leg in order.legs}) != len(order.legs):
        raise Malformed("an account stands twice on one side")
    if sum_of(order.legs, Side.DEBIT) != sum_of(order.legs, Side.CREDIT):
        raise Malformed("debits and credits differ")


def check_amounts(order: Order) -> None:
    """Raises AmountZero, AmountRange."""
    for leg in order.legs:
        check_amount(leg.amount)


def sum_of(legs: tuple[Leg, ...], side: Side) -> int:
    return sum(leg.amount for leg in legs if leg.side == side)


def check_legs(order: Order, types: Mapping[str, AccountType]) -> None:
    """Are these the legs of the kind? types: of every account named. Raises Malformed."""
    if order.kind == Kind.REVERSAL:
        return
    rule = TABLE[order.kind]
    debits = [leg for leg in order.legs if leg.side == Side.DEBIT]
    credits = [leg for leg in order.legs if leg.side == Side.CREDIT]
    if len(debits) != 1 or (len(credits) != 1 and not rule.spread):
        raise Malformed(f"{order.kind} has other legs")
    if not all(types[leg.account] in rule.debits for leg in debits):
        raise Malformed(f"{order.kind} debits another type of account")
    if not all(types[leg.account] in rule.credits for leg in credits):
        raise Malformed(f"{order.kind} credits another type of account")
    if debits[0].account in {leg.account for leg in credits}:
        raise Malformed("an account cannot pay itself")


def takes(leg: Leg, kind: AccountType) -> bool:
    """Does a leg make an account of this type smaller, on the account's own side?"""
    return (leg.side == Side.DEBIT) != (kind in DEBIT_SIDE)


def change_of(leg: Leg, kind: AccountType) -> int:
    """What a leg does to the balance of an account of this type, on the account's own side."""
    return -leg.amount if takes(leg, kind) else leg.amount


def reversed_legs(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    """The same lines, with the columns changed."""
    return tuple(Leg(leg.account, Side(1 - leg.side), leg.amount) for leg in legs)
