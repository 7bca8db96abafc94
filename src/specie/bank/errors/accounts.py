"""Refusals that an account, a hold or a balance is the reason of."""

from __future__ import annotations

from specie.bank.errors.denial import BankRefusal


class AccountUnknown(BankRefusal):
    """There is no account of this name."""

    code = "bank.account_unknown"
    status = 404
    number = 223


class AccountExists(BankRefusal):
    """There is an account of this name already, and it is another one."""

    code = "bank.account_exists"
    status = 409
    number = 224


class AccountClosed(BankRefusal):
    """The account is closed for ever."""

    code = "bank.account_closed"
    status = 410
    number = 225


class AccountFrozen(BankRefusal):
    """The account takes credits only."""

    code = "bank.account_frozen"
    status = 423
    number = 226


class HoldUnknown(BankRefusal):
    """There is no hold under this reference."""

    code = "bank.hold_unknown"
    status = 404
    number = 231


class HoldState(BankRefusal):
    """The hold was captured, released or has lapsed."""

    code = "bank.hold_state"
    status = 409
    number = 232


class LimitExceeded(BankRefusal):
    """A limit of the account's tier would be exceeded."""

    code = "bank.limit_exceeded"
    status = 409
    number = 233


class BalanceLow(BankRefusal):
    """The balance, less what is held, is smaller than the amount."""

    code = "bank.balance_low"
    status = 409
    number = 217


class AccountNotEmpty(BankRefusal):
    """An account is closed with a balance of 0, without holds and without open intents only."""

    code = "bank.account_not_empty"
    status = 409
    number = 234
