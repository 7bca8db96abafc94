"""One write transaction of an issuance system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from specie.issuance.engine.desk import Desk
from specie.issuance.store import rules as rules_store
from specie.issuance.store.journal import Journal, read_head
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable


@dataclass(slots=True)
class Batch:
    """The context that every item decides in."""

    desk: Desk
    journal: Journal
    rules: rules_store.InForce

    @property
    def tx(self) -> Transaction:
        return self.journal.tx


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work on the store: what one stage of the six steps leaves behind."""

    run: Callable[[Batch], Any]

    def decide(self, batch: Batch, desk: Desk) -> Any:
        return self.run(batch)


def run_batch(desk: Desk, tx: Transaction, items: Sequence[Any]) -> list[Any]:
    """Decide in order of arrival; refusals are answers, anything else rolls the batch back."""
    journal = Journal.open(tx)
    desk.saw(journal.head.at_us)
    batch = Batch(desk, journal, desk.in_force(tx, journal.head.rules))
    answers: list[Any] = []
    for item in items:
        try:
            answers.append(item.decide(batch, desk))
        except (Refused, Unavailable) as refusal:
            answers.append(refusal)
        if batch.journal.rules_changed:
            batch.journal.flush()
            batch.journal = Journal(tx, read_head(tx), batch.journal.now_us)
            batch.rules = desk.in_force(tx, batch.journal.head.rules)
    if batch.journal.leaves:
        desk.saw(batch.journal.now_us)
    batch.journal.flush()
    return answers
