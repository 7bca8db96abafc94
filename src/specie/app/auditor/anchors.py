"""Anchors of the three logs on the ledger, against the copies of those logs: nobody shows two histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from specie.app.auditor import store
from specie.app.auditor.findings import Findings
from specie.app.auditor.reading import CM, IS, QC
from specie.crypto import merkle
from specie.kernel.db import Transaction
from specie.ledger.messages.state import AnchorState, Domain, anchor_ident

TOPICS: Mapping[str, int] = {CM: 4, QC: 5, IS: 6}
"""Role to the topic of its checkpoints (LEDGER section 9.7)."""


# SPEC ISSUANCE-15.2.3
@dataclass(slots=True)
class Anchored:
    """Anchors that were found on the chain and are not compared yet."""

    systems: Mapping[str, str]
    """Role to system id."""
    newest: dict[str, AnchorState] = field(default_factory=dict)
    waiting: list[tuple[str, AnchorState]] = field(default_factory=list)

    def take(self, entries: Mapping[tuple[int, bytes], bytes]) -> None:
        """After each block: an entry holds the last anchor only, and a block at most one of a log."""
        for role, system in self.systems.items():
            value = entries.get((Domain.ANCHOR, anchor_ident(TOPICS[role], system)))
            known = self.newest.get(role)
            if value is None or (known is not None and known.encode() == value):
                continue
            self.newest[role] = AnchorState.decode(value)
            self.waiting.append((role, self.newest[role]))

    def judge(self, tx: Transaction, findings: Findings, sizes: Mapping[str, int]) -> None:
        """Compare those whose log was read so far. sizes: what logs said to have after the chain was read."""
        later = []
        for role, anchor in self.waiting:
            state = store.followed(tx, role)
            root = root_of(tx, role, anchor.size) if anchor.size <= state.size else None
            if root is None and not sizes.get(role, anchor.size) < anchor.size:
                later.append((role, anchor))
            elif root is None:
                self._report(findings, role, anchor, f"the log has {sizes[role]} leaves")
            elif root != anchor.root:
                self._report(findings, role, anchor, f"the leaves that were read have the root {root.hex()}")
        self.waiting = later

    def _report(self, findings: Findings, role: str, anchor: AnchorState, fault: str) -> None:
        detail = f"block {anchor.height} anchors the root {anchor.root.hex()} of {anchor.size} leaves: {fault}"
        findings.add("ANCHOR_FORKED", self.systems[role], f"anchor {anchor.sequence}", detail, anchor.encode())


def root_of(tx: Transaction, role: str, size: int) -> bytes:
    """The root over the first leaves of a copy; kept, since a chain is read from its beginning after a restart."""
    known = store.root_at(tx, role, size)
    if known is not None:
        return known
    root = merkle.root(store.leaf_hashes(tx, role, size))
    store.add_root(tx, role, size, root)
    return root
