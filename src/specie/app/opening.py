"""Small things that are in order before a system opens its doors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specie.issuance.errors import CurrencyNotPermitted

if TYPE_CHECKING:
    from specie.issuance.engine.issuance_system import IssuanceSystemEngine


def digits_of(engine: IssuanceSystemEngine, code: str) -> int:
    """Digits of a currency by the policy. Raises CurrencyNotPermitted."""
    rules = engine.desk.cached
    rule = rules.book.newest.policy.currencies.get(code) if rules is not None and rules.book is not None else None
    if rule is None:
        raise CurrencyNotPermitted(f"{code} is no currency of this deployment")
    return rule.digits


def prepare_folder(url: str) -> None:
    """The folder of an SQLite file."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///").split("?")[0]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
