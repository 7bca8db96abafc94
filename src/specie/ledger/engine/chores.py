"""Work beside blocks: what the tables may forget (LEDGER-8.2.1, 21.1)."""

from __future__ import annotations

from specie.ledger.engine.machine import Machine
from specie.ledger.engine.ports import Observer
from specie.ledger.store import blocks, reading

DAY_MS = 86_400_000
PRUNED_AT_ONCE = 2_000
SUPERSEDED_AT_START = 1_000
"""Blocks before the window whose replaced values the first round looks for: an earlier run did the others."""


class Chores:
    """Drops old refusals, and unless this is an archive old proofs segments and replaced values."""

    def __init__(self, observer: Observer, *, archive: bool) -> None:
        self._observer = observer
        self._archive = archive
        self._superseded_to: int | None = None

    # SPEC LEDGER-8.2.1, LEDGER-8.2.2
    async def do(self, machine: Machine) -> None:
        """One round; what fails is told to the observer and done by the next one."""
        tip = machine.tip
        before_ms = tip.time_ms - tip.rules.parameters.proof_retention_days * DAY_MS
        end = tip.height - reading.HISTORY_HEIGHTS
        first = self._superseded_to if self._superseded_to is not None else end - SUPERSEDED_AT_START
        try:
            await machine.database.write(lambda tx: blocks.drop_refusals(tx, tip.height - blocks.REFUSALS_KEPT))
            if not self._archive:
                await machine.database.write(lambda tx: blocks.drop_proofs(tx, before_ms, PRUNED_AT_ONCE))
                await machine.database.write(lambda tx: blocks.drop_superseded(tx, first, end))
                self._superseded_to = end
        except Exception as error:
            self._observer.alarm("CHORE_FAILED", f"{type(error).__name__}: {error}")
