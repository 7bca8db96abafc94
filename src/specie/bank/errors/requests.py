"""Refusals of a request for what it is, whatever the books say."""

from __future__ import annotations

from specie.bank.errors.denial import BankRefusal


class Malformed(BankRefusal):
    """The request is not in its form."""

    code = "bank.malformed"
    status = 400
    number = 200


class TooLarge(BankRefusal):
    """The request has more bytes or more items than it may have."""

    code = "bank.too_large"
    status = 413
    number = 221


class NotPermitted(BankRefusal):
    """This caller may not ask for that, or a second person is missing."""

    code = "bank.not_permitted"
    status = 403
    number = 201


class RefReused(BankRefusal):
    """The same reference came before with another body."""

    code = "bank.ref_reused"
    status = 422
    number = 222


class AmountZero(BankRefusal):
    """An amount of nothing."""

    code = "bank.amount_zero"
    status = 422
    number = 208


class AmountRange(BankRefusal):
    """An amount, or a sum, above 2^62-1 minor units or below what it must be."""

    code = "bank.amount_range"
    status = 422
    number = 209
