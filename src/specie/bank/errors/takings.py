"""Refusals of account money on its way in: dc-acct and dc-cancel."""

from __future__ import annotations

from specie.bank.errors.denial import BankRefusal


class OrderKey(BankRefusal):
    """The key of an order, of a bit or of a cancellation is not one that may sign it."""

    code = "bank.order_key"
    status = 401
    number = 227


class OrderSignature(BankRefusal):
    """The signature of an order, of a bit or of a cancellation does not verify."""

    code = "bank.order_signature"
    status = 401
    number = 228


class OrderMismatch(BankRefusal):
    """Order, bit and account do not say the same."""

    code = "bank.order_mismatch"
    status = 422
    number = 229


class RootCancelled(BankRefusal):
    """The issue was given up: it can never be posted."""

    code = "bank.root_cancelled"
    status = 409
    number = 230


class RootPosted(BankRefusal):
    """The issue is posted: it can never be given up."""

    code = "bank.root_posted"
    status = 409
    number = 237
