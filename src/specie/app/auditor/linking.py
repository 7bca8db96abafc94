"""Cross-links: what a leaf names of another log must stand there by the size that log had when the leaf was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from specie.app.auditor import facts, store
from specie.app.auditor.facts import LinkRow, UseRow
from specie.app.auditor.findings import Findings
from specie.app.auditor.settling import settled
from specie.app.auditor.totals import Totals
from specie.kernel.db import Transaction

EVENTS = {
    "consumed": ("use", "bit", "answered", "refixed"),
    "released": ("tombstone", "revoke", "answered", "refixed"),
    "returned": ("redeem", "cancel", "refixed"),
    "minted": ("release",),
    "bit": ("use", "bit", "refixed"),
}
"""What a leaf says to the events of the leaf that it names."""
LINKS_MAX = 5_000


@dataclass(slots=True)
class Linking:
    """Closes the links that hold, and reports those that never will."""

    tx: Transaction
    findings: Findings
    systems: Mapping[str, str]
    online: frozenset[str] = frozenset()
    """Currencies whose units mean nothing until a registry has taken them in."""
    totals: Totals = field(default_factory=Totals)

    def run(self) -> None:
        """One look at every open link."""
        place = settled(self.tx)
        self.totals = Totals.load(self.tx)
        reached = {role: store.followed(self.tx, role).size for role in self.systems}
        for link in facts.open_links(self.tx, LINKS_MAX):
            counted = link.what in ("mint", "redeemed")
            if self._holds(link):
                facts.close_link(self.tx, link)
            elif 0 < link.horizon <= (place if counted else reached[link.target]):
                self._report(link)
                facts.close_link(self.tx, link)
        self.totals.save(self.tx)

    # SPEC ISSUANCE-15.3.1, ISSUANCE-5.4.5
    def _holds(self, link: LinkRow) -> bool:
        if link.what == "mint":
            return self._mint(link)
        if link.what == "redeemed":
            return facts.is_redemption(self.tx, link.previous)
        row = store.leaf_named(self.tx, link.target, link.object)
        return row is not None and row.event in EVENTS[link.what]

    def _mint(self, link: LinkRow) -> bool:
        """Units of a control bit: the leaf names the finished bit and its unit root, which fixes their values."""
        use = facts.use_by(self.tx, "bit", link.previous)
        if use is None or use.unit_root != link.object:
            return False
        if not facts.set_minted(self.tx, use.seq, link.seq) or not self._may_mint(use):
            detail = f"the control bit of leaf {use.seq} was minted or cancelled before"
            self.findings.add("MINTED_TWICE", self.systems[link.role], f"leaf {link.seq}", detail)
        elif use.cancelled is None:
            self.totals.add("mint", use.currency, use.issuer, use.amount)
        return True

    # SPEC ISSUANCE-13.2.8, ISSUANCE-13.2.9
    def _may_mint(self, use: UseRow) -> bool:
        """Off line, making units is the issue; on line it is undone by a cancellation, which the registry decides."""
        return use.cancelled is None or use.currency in self.online

    # SPEC ISSUANCE-20.9, ISSUANCE-20.10
    def _report(self, link: LinkRow) -> None:
        code = "MINT_WITHOUT_BIT" if link.what == "mint" else "LINK_BROKEN"
        detail = f"its leaf `{link.what}` names {link.object.hex()}, which {self.systems[link.target]} does not have"
        self.findings.add(code, self.systems[link.role], f"leaf {link.seq}", detail)
