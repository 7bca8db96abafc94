"""The common shape of this room's refusals."""

from __future__ import annotations

from typing import ClassVar

from specie.kernel.errors import Refused


class BankRefusal(Refused):
    """The common shape of this room's refusals; `number` is the row of BANK section 11."""

    code: ClassVar[str] = "bank.refused"
    status: ClassVar[int] = 422
    number: ClassVar[int] = 0
