"""What an audit finds: differences, and the terms of the supply equation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specie.kernel.amount import format_minor

TERMS = ("issued", "redeemed", "cancelled", "H", "R", "D", "C", "E", "U", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T")
"""The terms of (S), DESIGN section 3, in the order in which people read them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the signed objects and the logs say it must be."""

    id: str
    """I1 to I9; CHAIN, CHECKPOINT, WITNESS (the log itself), ROW (a table against its objects), SIGNATURE, LINK
    (two systems), SUPPLY."""
    system: str
    detail: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> tuple[str, str, str]:
        """By which two readings know the same difference again."""
        return self.id, self.system, self.detail

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "system": self.system, "detail": self.detail, "figures": dict(self.figures)}


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The result of one audit."""

    terms: Mapping[str, Mapping[str, int]]
    """Currency to term to minor units; T1 and T may be negative."""
    digits: Mapping[str, int]
    differences: Sequence[Difference]
    logs: Mapping[str, Mapping[str, Any]]
    """System to its log: size, root, chain, checkpoint (size of the newest)."""

    @property
    def equation_holds(self) -> bool:
        """(S) for every currency."""
        return all(left(terms) == right(terms) for terms in self.terms.values())

    @property
    def balanced(self) -> bool:
        """(S) holds and nothing differs."""
        return self.equation_holds and not self.differences

    def to_json(self) -> dict[str, Any]:
        """Amounts as decimal strings with the currency's digits."""
        return {
            "balanced": self.balanced,
            "terms": {
                code: {name: decimal(terms[name], self.digits.get(code, 0)) for name in TERMS}
                for code, terms in sorted(self.terms.items())
            },
            "differences": [each.to_json() for each in self.differences],
            "logs": {system: dict(log) for system, log in sorted(self.logs.items())},
        }


def left(terms: Mapping[str, int]) -> int:
    """issued - redeemed - cancelled."""
    return terms["issued"] - terms["redeemed"] - terms["cancelled"]


def right(terms: Mapping[str, int]) -> int:
    """(H - R) + D + C + E + U + T."""
    return terms["H"] - terms["R"] + terms["D"] + terms["C"] + terms["E"] + terms["U"] + terms["T"]


def decimal(minor: int, digits: int) -> str:
    """Minor units as people write them; a term may be negative, an amount never is."""
    sign = "-" if minor < 0 else ""
    return sign + format_minor(abs(minor), digits)
