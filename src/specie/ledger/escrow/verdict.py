"""How a check of the contract refuses: the code of LEDGER section 24 for its label, with the label in `rule`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from specie.ledger import errors

Case = TypeVar("Case")


@dataclass(frozen=True, slots=True)
class Check(Generic[Case]):
    """One row of MICROPAY section 3.9."""

    label: str
    passes: Callable[[Case], bool]
    says: str
    """What a person reads when it does not."""


def refusal(label: str, detail: str) -> errors.Rejected:
    """The refusal of a check, to be raised."""
    return errors.of_rule(label)(detail, rule=label)


# SPEC LEDGER-9.6.10
def run_checks(checks: Iterable[Check[Case]], case: Case) -> None:
    """Each check over the whole operation before the next one begins; the first that fails refuses."""
    for check in checks:
        if not check.passes(case):
            raise refusal(check.label, check.says)
