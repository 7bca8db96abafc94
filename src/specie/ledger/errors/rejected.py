"""The common shape of this room's refusals: a number for block results beside the code (LEDGER section 24)."""

from __future__ import annotations

from typing import ClassVar

from specie.kernel.errors import Refused, Unavailable


class Rejected(Refused):
    """The ledger refuses; `rule` in the facts names the check that failed first, such as `V-9`, `M-8` or `K-27`."""

    code: ClassVar[str] = "ledger.rejected"
    status: ClassVar[int] = 422
    number: ClassVar[int] = 127
    """Stands in block results and in CometBFT's codes; append-only."""
    retry: ClassVar[str] = "never"
    """What a sender can do, in the words of section 24."""

    @property
    def rule(self) -> str | None:
        """Label of the check that failed."""
        found = self.facts.get("rule")
        return found if isinstance(found, str) else None


class Deferred(Unavailable):
    """The ledger cannot now; the same bytes may be taken later."""

    code: ClassVar[str] = "ledger.unavailable"
    number: ClassVar[int] = 127
    retry: ClassVar[str] = "after"

    def __init__(self, detail: str = "", retry_after_s: int = 1, *, rule: str | None = None) -> None:
        super().__init__(detail, retry_after_s)
        self.rule = rule
