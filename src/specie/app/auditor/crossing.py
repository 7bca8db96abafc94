"""The supply across issuance and ledger: items matched by the ids that both sides carry (DESIGN section 3).

    issued - redeemed - cancelled = H + E + T1 + T2 + T3 + T4

Rooms are read at different moments. Each round reads the logs first, then the chain, then asks how long the logs have
become. So what a log says of the ledger must be there once the chain was executed up to a tip that was asked for after
the log; what the ledger holds of a log must be there once that log was counted up to a size that was asked for after
the chain. Until then an item that shows only its in leg counts with a minus sign; from then on it is a finding, and no
longer counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from specie.app.auditor import facts, store
from specie.app.auditor.facts import UseItem
from specie.app.auditor.reading import IS, QC
from specie.app.auditor.settling import settled
from specie.app.auditor.totals import Totals, decimal
from specie.issuance.messages.objects import ControlBit, Model
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.journal import Leaf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from specie.app.auditor.blocks import ChainCopy, Items
    from specie.app.auditor.findings import Findings
    from specie.issuance.messages.policy import CurrencyRule
    from specie.kernel.db import Transaction

TERMS = ("issued", "redeemed", "cancelled", "H", "E", "T1", "T2", "T3", "T4")
REGISTERED = "register"
"""The leaf by which an issuance system says that an on-line registry has taken an issue in."""
LEAVES_MAX = 5_000


@dataclass(slots=True)
class Crossing:
    """Both sides' items, and what was last found of them. Kept in memory, as the chain is."""

    currency: str
    registry: str
    """The chain's id, as policies name it."""
    ledger: str
    """Who answers for the chain."""
    systems: Mapping[str, str]
    uses: dict[bytes, UseItem] = field(default_factory=dict)
    """Unit root to the control bit that was counted."""
    cancelled: dict[bytes, int] = field(default_factory=dict)
    """Unit root to the leaf by which quota control took it back."""
    references: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Reference of a redeemed burn to (amount, leaf of quota control)."""
    registered: dict[bytes, int] = field(default_factory=dict)
    """Unit root to the leaf of the issuance system that says it stands in the registry."""
    terms: dict[str, int] = field(default_factory=dict)
    balanced: bool | None = None
    """None while the sides are not comparable: the copy is behind, or other registries share the currency."""
    height: int = -1
    log_size: int = 0
    due_height: int = -1
    """Mints up to here must have their control bits in what was counted."""
    _mark: tuple[int, int] | None = None
    _place: int = 0
    _read: int = 0
    _early: list[tuple[bytes, int]] = field(default_factory=list)

    def mark(self, height: int, size: int) -> None:
        """The chain was read up to a height, and quota control's log had this size afterwards."""
        if self._mark is None:
            self._mark = height, size

    def judge(
        self, tx: Transaction, findings: Findings, copy: ChainCopy, rule: CurrencyRule | None, *, is_current: bool
    ) -> None:
        """Match what was counted with what was executed.

        rule: of the currency, by quota control's newest policy. is_current: the chain was read to its end after the
        logs.
        """
        self._read_on(tx)
        if self._mark is not None and self._place >= self._mark[1]:
            self.due_height, self._mark = self._mark[0], None
        if rule is None or rule.token_registry != self.registry:
            self.balanced = None
            return
        items, counters = copy.items, copy.replay.tip.counters
        totals = Totals.load(tx).sums.get(self.currency, {}).values()
        sums = {kind: sum(each.get(kind, 0) for each in totals) for kind in ("use", "redeem", "cancel")}
        self.terms = {
            "issued": sums["use"],
            "redeemed": sums["redeem"],
            "cancelled": sums["cancel"],
            "H": counters.hidden,
            "E": counters.escrow_pool,
            "T1": self._issues(tx, findings, items, is_current=is_current)
            - self._loose_mints(findings, items, has_shards=bool(rule.shards)),
            "T2": sum(items.pending.values()),
            # no bank's books are followed, so nothing that went to accounts has been booked
            "T3": sum(items.to_accounts.values()),
            "T4": self._redemptions(findings, items, is_current=is_current and not rule.banks),
        }
        self.height, self.log_size = copy.height, self._place
        self._weigh(findings, is_whole=is_current and not rule.shards and not rule.banks)

    # SPEC ISSUANCE-15.6.1
    def _weigh(self, findings: Findings, *, is_whole: bool) -> None:
        """The equation, where both sides are known whole."""
        if not is_whole:
            self.balanced = None
            return
        off = self.difference
        self.balanced = off == 0
        if off:
            shown = ", ".join(f"{name} {self.terms[name]}" for name in TERMS)
            detail = f"off by {off} minor units at block {self.height}, leaf {self.log_size}: {shown}"
            findings.add("SUPPLY_UNBALANCED", self.systems[QC], self.currency, detail)
        else:
            findings.resolve("SUPPLY_UNBALANCED", self.systems[QC], self.currency)

    @property
    def difference(self) -> int:
        """Left side less right side, minor units."""
        left = self.terms["issued"] - self.terms["redeemed"] - self.terms["cancelled"]
        return left - sum(self.terms[name] for name in TERMS[3:])

    def to_json(self, digits: int) -> dict[str, Any]:
        """The terms as decimal strings, and where both sides stood."""
        return {
            "currency": self.currency,
            "terms": {name: decimal(self.terms[name], digits) for name in TERMS if name in self.terms},
            "balanced": self.balanced,
            "height": self.height,
            "log_size": self.log_size,
        }

    # -- issuance's side

    def _read_on(self, tx: Transaction) -> None:
        """What was counted, and what the issuance system registered, since the last time."""
        place = settled(tx)
        for use in facts.uses_between(tx, self.currency, self._place, place):
            self.uses.setdefault(use.unit_root, use)
        for root, seq in facts.cancelled_between(tx, self.currency, self._place, place):
            self.cancelled[root] = seq
        for reference, value, seq in facts.references_between(tx, self.currency, self._place, place):
            self.references[reference] = value, seq
        self._place = place
        self._read_registered(tx)

    def _read_registered(self, tx: Transaction) -> None:
        """Leaves that name a finished control bit; one whose bit is not counted yet waits."""
        size = store.followed(tx, IS).size
        while self._read < size:
            last = min(size, self._read + LEAVES_MAX)
            for row in store.leaves_of(tx, IS, self._read + 1, last):
                if row.event == REGISTERED:
                    self._early.append((Leaf.decode(row.body).previous, row.seq))
            self._read = last
        later = []
        for bit, seq in self._early:
            use = facts.use_by(tx, "bit", bit)
            if use is None:
                later.append((bit, seq))
            elif use.currency == self.currency:
                self.registered[use.unit_root] = seq
        self._early = later

    # -- matching

    # SPEC ISSUANCE-13.2.6, ISSUANCE-13.2.9, ISSUANCE-13.2.11
    def _issues(self, tx: Transaction, findings: Findings, items: Items, *, is_current: bool) -> int:
        """Control bits whose value has not arrived; what was said to have arrived, and did not, is a finding."""
        total = 0
        for root, use in self.uses.items():
            mint = items.mints.get(root)
            if root in self.cancelled:
                self._check_cancelled(tx, findings, use, items, is_current=is_current)
            elif mint is not None:
                if mint.value != use.amount:
                    detail = f"block {mint.height} mints {mint.value}, the control bit is over {use.amount}"
                    findings.add("MINT_WITHOUT_BIT", self.ledger, root.hex(), detail)
            elif root in self.registered and is_current and self._is_token(tx, use):
                detail = f"leaf {self.registered[root]} has a receipt for {use.amount}, and no block mints it"
                findings.add("MINT_MISSING", self.systems[IS], root.hex(), detail)
            else:
                total += use.amount
        return total

    def _check_cancelled(
        self, tx: Transaction, findings: Findings, use: UseItem, items: Items, *, is_current: bool
    ) -> None:
        root = use.unit_root
        if root in items.mints:
            detail = f"leaf {self.cancelled[root]} gave its quota back, and block {items.mints[root].height} mints it"
            findings.add("MINTED_TWICE", self.ledger, root.hex(), detail)
        elif is_current and root not in items.cancels and self._is_token(tx, use):
            detail = f"leaf {self.cancelled[root]} gave its quota back, and no block cancels it"
            findings.add("MINT_MISSING", self.systems[QC], root.hex(), detail)

    def _loose_mints(self, findings: Findings, items: Items, *, has_shards: bool) -> int:
        """Mints whose control bit was not counted yet; units that a shard let through are in no log of its own."""
        total = 0
        for root, mint in items.mints.items():
            if root in self.uses:
                continue
            if mint.height > self.due_height or has_shards:
                total += mint.value
            else:
                detail = f"block {mint.height} mints {mint.value} under a control bit that is not in the log"
                findings.add("MINT_WITHOUT_BIT", self.ledger, root.hex(), detail, mint.encode())
        return total

    # SPEC ISSUANCE-14.9, ISSUANCE-14.10, ISSUANCE-14.11
    def _redemptions(self, findings: Findings, items: Items, *, is_current: bool) -> int:
        """Burns that quota control has not redeemed, less those that only it shows."""
        total = sum(value for reference, value in items.redeemed.items() if reference not in self.references)
        for reference, (value, seq) in self.references.items():
            burned = items.redeemed.get(reference)
            if burned is None and not is_current:
                total -= value
            elif burned != value:
                shown = "no burn" if burned is None else f"a burn of {burned}"
                detail = f"leaf {seq} gave {value} back, and the ledger has {shown} recorded as redeemed"
                findings.add("BURN_MISSING", self.systems[QC], reference.hex(), detail)
        return total

    def _is_token(self, tx: Transaction, use: UseItem) -> bool:
        """Account money goes to a bank and never onto the ledger."""
        kept = store.object_at(tx, QC, use.seq)
        return kept is None or read_unverified(kept.data, ControlBit).body.model == Model.TOKEN
