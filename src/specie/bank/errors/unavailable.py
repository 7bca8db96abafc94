"""Not now: the same bytes may succeed later."""

from __future__ import annotations

from specie.kernel.errors import Unavailable


class BankUnavailable(Unavailable):
    """The store, the ledger or the keys cannot be reached."""

    code = "bank.unavailable"


class Halted(BankUnavailable):
    """The books do not agree with themselves: no debit until people have looked."""

    code = "bank.unavailable"


class ReserveLow(BankUnavailable):
    """The bank's own outputs cannot carry this now; nothing was debited."""

    code = "bank.reserve_low"
