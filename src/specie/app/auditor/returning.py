"""What came back: redemptions and cancellations, once each, and never more than went out (section 14, 10.6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from specie.app.auditor import facts, store
from specie.app.auditor.facts import CountedRow, UseRow
from specie.app.auditor.findings import Findings
from specie.app.auditor.rules import Rules
from specie.issuance.errors import Denial
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Cancel, Redemption, RedemptionRequest
from specie.issuance.protocol.envelope import open_one, read_unverified
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.plans import issuer_stock_key, root_keys_of
from specie.issuance.protocol.units import serials_root
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused


@dataclass(slots=True)
class Returning:
    """Counts what a leaf of quota control gave back."""

    tx: Transaction
    findings: Findings
    quota_control: str
    rules: Rules

    def fault(self, leaf: Leaf, code: str, detail: str, evidence: bytes = b"") -> None:
        self.findings.add(code, self.quota_control, f"leaf {leaf.sequence}", detail, evidence)

    # SPEC ISSUANCE-14.3, ISSUANCE-14.5, ISSUANCE-14.7
    def redeem(self, leaf: Leaf, kept: store.ObjectRow) -> CountedRow | None:
        """A receipt with the request behind it."""
        receipt = read_unverified(kept.data, Redemption)
        body = receipt.body
        try:
            request = read_unverified(kept.behind, RedemptionRequest)
        except Refused:
            self.fault(leaf, "REDEMPTION_INVALID", "the request behind the receipt is not there", kept.data)
            return CountedRow(leaf.sequence, "redeem", body.currency, "", body.amount, leaf.object_hash)
        asked = request.body
        references = asked.units or (asked.reference or b"",)
        said = (body.currency, body.amount, body.sequence, receipt.claims.aud)
        if sha256(kept.behind).digest() != leaf.previous or request.kid != leaf.actor:
            self.fault(leaf, "REDEMPTION_INVALID", "the leaf names another request", kept.data)
        if said != (asked.currency, asked.amount, leaf.sequence, request.claims.iss):
            self.fault(leaf, "REDEMPTION_INVALID", "receipt and request differ", kept.data)
        if serials_root(references) != body.serials_root or (asked.units is None) == (asked.reference is None):
            self.fault(leaf, "REDEMPTION_INVALID", "the receipt is of other units than the request", kept.data)
        issuer = request.claims.aud or ""
        if asked.units is not None:
            self._units(leaf, request, issuer, asked.units)
        else:
            self._reference(leaf, request, issuer, references[0])
        return CountedRow(leaf.sequence, "redeem", body.currency, issuer, body.amount, leaf.object_hash, leaf.previous)

    # SPEC ISSUANCE-14.2, ISSUANCE-14.15
    def _units(self, leaf: Leaf, request: Signed[RedemptionRequest], issuer: str, serials: Sequence[bytes]) -> None:
        """Each serial is a unit of a counted bit, of this issuer and owner, redeemed once, within its bit."""
        body = request.body
        known = facts.units(self.tx, serials)
        unknown = [each for each in serials if each not in known]
        if unknown and not self._has_shards(body.currency):
            self.fault(
                leaf, "REDEEMED_BEYOND_ISSUE", f"{len(unknown)} serials stand under no control bit", request.data
            )
        if any(not facts.set_redeemed(self.tx, each, leaf.sequence) for each in serials if each in known):
            self.fault(leaf, "REDEEMED_TWICE", "a serial was redeemed before", request.data)
        values = Counter[int]()
        for each in serials:
            if each in known:
                values[known[each][0]] += known[each][1]
        if not unknown and values.total() != body.amount:
            self.fault(leaf, "REDEEMED_BEYOND_ISSUE", f"units of {values.total()} for {body.amount}", request.data)
        for seq, value in values.items():
            use = facts.use_by(self.tx, "seq", seq)
            assert use is not None
            self._check_use(leaf, use, value, request, issuer)
            facts.add_redeemed(self.tx, seq, value)
            self._give_back(use.stock.decode().split("\n"), value)
        if unknown:
            self._give_back(self._roots(body.currency, issuer), body.amount - values.total())

    def _check_use(self, leaf: Leaf, use: UseRow, value: int, request: Signed[RedemptionRequest], issuer: str) -> None:
        if use.redeemed + value > use.amount or use.cancelled is not None:
            detail = f"{use.redeemed} and {value} more of a control bit of {use.amount}"
            self.fault(leaf, "REDEEMED_BEYOND_ISSUE", detail, request.data)
        if (use.issuer, use.currency) != (issuer, request.body.currency):
            self.fault(leaf, "REDEMPTION_INVALID", "units of another issuer or currency", request.data)
        # SPEC ISSUANCE-14.1
        if sha256(request.kid).digest() != use.owner_hash:
            self.fault(leaf, "REDEMPTION_INVALID", "units of another owner", request.data)

    # SPEC ISSUANCE-14.9, ISSUANCE-14.10, ISSUANCE-14.12
    def _reference(self, leaf: Leaf, request: Signed[RedemptionRequest], issuer: str, reference: bytes) -> None:
        """Account money or a burn: a bank signs for it, and the issuer's stock bounds it."""
        body, keys = request.body, self.rules.keys
        try:
            if keys is None:
                raise Refused("no manifest")
            open_one(request.data, RedemptionRequest, keys, lambda kid: keys.entry(kid, ("bank:reg",)))
            if keys.entries[request.kid].holder != request.claims.iss:
                raise Refused("another bank's key")
        except (Refused, Denial) as error:
            self.fault(leaf, "REDEMPTION_INVALID", f"no bank signed it: {error}", request.data)
        if not facts.add_reference(self.tx, reference, body.amount, leaf.sequence):
            self.fault(leaf, "REDEEMED_TWICE", f"reference {reference.hex()} was redeemed before", request.data)
        keys_of = self._roots(body.currency, issuer)
        before = facts.used(self.tx, keys_of)
        if any(before[key] < body.amount for key in keys_of):
            self.fault(leaf, "REDEEMED_BEYOND_ISSUE", f"{issuer} has less than {body.amount} outstanding", request.data)
        self._give_back(keys_of, body.amount)

    # SPEC ISSUANCE-10.6.2, ISSUANCE-10.6.3
    def cancel(self, leaf: Leaf, kept: store.ObjectRow) -> CountedRow | None:
        """A bit that was given up: its root was never made, nothing of it was redeemed, and it comes back once."""
        cancel = read_unverified(kept.data, Cancel)
        use = facts.use_by(self.tx, "bit_cti", cancel.body.bit_cti)
        if use is None or (use.unit_root, use.issuer) != (cancel.body.unit_root, cancel.claims.iss):
            self.fault(leaf, "REDEMPTION_INVALID", "a cancellation of no control bit of this issuer", kept.data)
            return None
        if use.redeemed or not facts.set_cancelled(self.tx, use.seq, leaf.sequence):
            self.fault(leaf, "REDEEMED_TWICE", f"the control bit of leaf {use.seq} came back before", kept.data)
        self._give_back(use.stock.decode().split("\n"), use.amount)
        return CountedRow(leaf.sequence, "cancel", use.currency, use.issuer, use.amount, leaf.object_hash)

    # SPEC ISSUANCE-14.8
    def _give_back(self, keys: Sequence[str], amount: int) -> None:
        for key, used in facts.used(self.tx, keys).items():
            facts.set_used(self.tx, key, used - amount)

    def _roots(self, currency: str, issuer: str) -> list[str]:
        return [root_keys_of(currency)[0], issuer_stock_key(currency, issuer)]

    def _has_shards(self, currency: str) -> bool:
        """Units that a shard let through are not in this log."""
        versions = self.rules.versions
        rule = versions[-1][2].policy.currencies.get(currency) if versions else None
        return rule is not None and bool(rule.shards)
