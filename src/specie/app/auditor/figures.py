"""What the auditor shows: how far it has read, what it found, what it counted, what it has witnessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from specie.app.auditor import store
from specie.app.auditor.findings import listed, open_count
from specie.app.auditor.following import Auditor
from specie.app.auditor.reading import QC
from specie.app.auditor.settling import STATED, settled
from specie.app.auditor.totals import Totals
from specie.kernel.db import Transaction


@dataclass(frozen=True, slots=True)
class Figures:
    """Read-only views of one auditor."""

    auditor: Auditor
    name: str

    async def status(self) -> dict[str, Any]:
        """How far each log and the chain were read, and whether everything found so far is in order."""
        found, emergencies, place, logs = await self.auditor.database.read(self._status)
        chain = self.auditor.chain
        return {
            "auditor": self.name,
            "ok": not found and not self.auditor.unreachable and (chain is None or chain.unreachable is None),
            "findings_open": found,
            "emergencies": emergencies,
            "rounds": self.auditor.rounds,
            "settled": place,
            "logs": logs,
            "ledger": None if chain is None else chain.to_json(),
        }

    def _status(self, tx: Transaction) -> tuple[int, int, int, dict[str, Any]]:
        logs = {}
        for role, source in self.auditor.sources.items():
            state = store.followed(tx, role, source.system)
            point = store.newest_checkpoint(tx, role)
            logs[source.system] = {
                "role": role,
                "read": state.size,
                "behind": max(0, self.auditor.sizes.get(role, state.size) - state.size),
                "chain": state.chain.hex(),
                "witnessed": point.size if point else 0,
                "cosigned": bool(point and point.cosigned),
                "waiting_for_objects": len(store.missing(tx, role, 1000)),
                "stopped": bool(state.broken),
                "unreachable": self.auditor.unreachable.get(role),
            }
        return *open_count(tx), settled(tx), logs

    async def findings(self, after: int = 0, limit: int = 500) -> list[dict[str, Any]]:
        """Findings in the order in which they were made."""
        rows = await self.auditor.database.read(lambda tx: listed(tx, after, limit))
        return [row.to_json() for row in rows]

    # SPEC ISSUANCE-15.4.1, ISSUANCE-15.6.1, LEDGER-9.4.2
    async def supply(self) -> dict[str, Any]:
        """The auditor's own figures, whether quota control's newest statement says the same, the equation."""

        def read(tx: Transaction) -> tuple[Totals, bytes | None, int, Mapping[str, int]]:
            versions = self.auditor.reader.load(tx, QC).versions
            rules = versions[-1][2].policy.currencies if versions else {}
            digits = {code: rule.digits for code, rule in rules.items()}
            return Totals.load(tx), store.note(tx, STATED), settled(tx), digits

        totals, stated, place, digits = await self.auditor.database.read(read)
        chain = self.auditor.chain
        return {
            "log_size": place,
            "currencies": totals.to_json(digits),
            "statement": json.loads(stated) if stated else None,
            "equation": None if chain is None else chain.crossing.to_json(chain.genesis.scale),
        }

    # SPEC ISSUANCE-17.3
    async def witnessed(self, name: str) -> bytes | None:
        """The newest checkpoint of a system that was verified, with the cosignature; by system id or by role."""
        for role, source in self.auditor.sources.items():
            if name in (role, source.system):
                row = await self.auditor.database.read(lambda tx, role=role: store.newest_checkpoint(tx, role))  # type: ignore[misc]
                return None if row is None else row.cosigned or row.note
        return None
