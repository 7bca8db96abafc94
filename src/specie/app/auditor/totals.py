"""The auditor's own figures per currency and issuer, in whole numbers of any size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specie.app.auditor import store
from specie.kernel.amount import format_minor
from specie.kernel.db import Transaction

NAME = "totals"
KINDS = {"use": "issued", "redeem": "redeemed", "cancel": "cancelled", "mint": "minted"}


@dataclass(slots=True)
class Totals:
    """Currency to issuer to kind to minor units."""

    sums: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)

    @classmethod
    def load(cls, tx: Transaction) -> Totals:
        data = store.note(tx, NAME)
        return cls(json.loads(data) if data else {})

    def save(self, tx: Transaction) -> None:
        store.set_note(tx, NAME, json.dumps(self.sums, separators=(",", ":")).encode())

    def add(self, kind: str, currency: str, issuer: str, amount: int) -> None:
        mine = self.sums.setdefault(currency, {}).setdefault(issuer, {})
        mine[kind] = mine.get(kind, 0) + amount

    # SPEC ISSUANCE-5.4.6, ISSUANCE-5.4.5
    def to_json(self, digits: Mapping[str, int]) -> dict[str, Any]:
        """Per currency and per issuer: issued, redeemed, cancelled, minted, outstanding, as decimal strings."""
        answer: dict[str, Any] = {}
        for code, issuers in sorted(self.sums.items()):
            whole = {kind: sum(each.get(kind, 0) for each in issuers.values()) for kind in KINDS}
            places = digits.get(code, 0)
            answer[code] = figures(whole, places) | {
                "issuers": {name: figures(each, places) for name, each in sorted(issuers.items())}
            }
        return answer


def figures(sums: Mapping[str, int], digits: int) -> dict[str, str]:
    """One line of figures."""
    out = sums.get("use", 0) - sums.get("redeem", 0) - sums.get("cancel", 0)
    named = {said: decimal(sums.get(kind, 0), digits) for kind, said in KINDS.items()}
    return named | {"outstanding": decimal(out, digits)}


def decimal(minor: int, digits: int) -> str:
    """Minor units as people write them; a difference may be negative."""
    return ("-" if minor < 0 else "") + format_minor(abs(minor), digits)
