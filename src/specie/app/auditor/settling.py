"""Quota control's log, leaf by leaf, counted again: uses, what came back, supply statements. No bucket row is read.

Everything is decided in the order of that log, and only as far as central management's log has been read beyond it:
so a credential that is not there then was never made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from specie.app.auditor import facts, store
from specie.app.auditor.facts import CountedRow, UseRow
from specie.app.auditor.findings import Findings
from specie.app.auditor.judging import Judged, judge_use
from specie.app.auditor.reading import CM, QC
from specie.app.auditor.returning import Returning
from specie.app.auditor.rules import RuleReader, Rules
from specie.app.auditor.totals import Totals
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import ControlBit, Credential, Model, Request, Supply
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.protocol.supply import SupplyState, supply_root
from specie.issuance.protocol.units import pairs_of
from specie.kernel import codec
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused

STATE = "supply"
STATED = "stated"
SETTLED = "settled"
EVENTS = ("use", "bit", "hold", "redeem", "cancel", "supply")


@dataclass(slots=True)
class Settling:
    """One transaction's worth of counting."""

    tx: Transaction
    findings: Findings
    reader: RuleReader
    quota_control: str
    central_management: str
    grace_us: int
    """How long an object may be withheld before that is a finding."""
    state: SupplyState = field(default_factory=SupplyState)
    totals: Totals = field(default_factory=Totals)

    def run(self, until: int, limit: int) -> int:
        """Settle leaves up to `until`; answers the position that was reached."""
        place = settled(self.tx)
        self.state, self.totals = SupplyState.decode(store.note(self.tx, STATE)), Totals.load(self.tx)
        for row in store.leaves_of(self.tx, QC, place + 1, min(until, place + limit)):
            if row.event in EVENTS and not self._settle(Leaf.decode(row.body)):
                break
            place = row.seq
        store.set_note(self.tx, SETTLED, codec.encode(place))
        store.set_note(self.tx, STATE, self.state.encode())
        self.totals.save(self.tx)
        return place

    def _settle(self, leaf: Leaf) -> bool:
        """One leaf; False where it has to wait for its object."""
        if leaf.event == "hold":
            self._hold(leaf)
            return True
        kept = store.object_at(self.tx, QC, leaf.sequence)
        if kept is None:
            return self._is_refused(leaf)
        if leaf.event in ("use", "bit"):
            return self._use(leaf, read_unverified(kept.data, ControlBit))
        if leaf.event == "supply":
            self._statement(leaf, read_unverified(kept.data, Supply))
            return True
        returning = Returning(self.tx, self.findings, self.quota_control, self.reader.load(self.tx, QC))
        counted = returning.redeem(leaf, kept) if leaf.event == "redeem" else returning.cancel(leaf, kept)
        if counted is not None:
            self._count(counted)
        return True

    def _is_refused(self, leaf: Leaf) -> bool:
        """An object that did not verify is a finding already and counts nothing; one that is late is waited for."""
        since = next((row[2] for row in store.missing(self.tx, QC, 10_000) if row[0] == leaf.sequence), None)
        if since is None:
            return True
        self._withheld(self.quota_control, leaf.sequence, leaf.event, since)
        return False

    def _withheld(self, system: str, sequence: int, event: str, since: int) -> None:
        if self.findings.now_us - since > self.grace_us:
            self.findings.add("OBJECT_WITHHELD", system, f"leaf {sequence}", f"the object of a leaf `{event}`")

    # SPEC ISSUANCE-1.4.5, ISSUANCE-15.3.1, ISSUANCE-20.9
    def _use(self, leaf: Leaf, bit: Signed[ControlBit]) -> bool:
        """A control bit against the credential that it names."""
        credential, request = None, None
        seq = facts.credential_seq(self.tx, leaf.previous)
        if seq is not None:
            row = store.object_at(self.tx, CM, seq)
            assert row is not None
            credential = read_unverified(row.data, Credential)
            request = self._request(leaf, credential)
        elif (named := store.leaf_named(self.tx, CM, leaf.previous)) is not None:
            since = next((row[2] for row in store.missing(self.tx, CM, 10_000) if row[0] == named.seq), None)
            if since is not None:
                self._withheld(self.central_management, named.seq, named.event, since)
                return False
        if credential is None:
            detail = f"{bit.body.amount} {bit.body.currency} for {bit.claims.aud}: no credential leaf"
            self.findings.add("BIT_WITHOUT_CREDENTIAL", self.quota_control, f"leaf {leaf.sequence}", detail, bit.data)
        if leaf.event == "bit":
            self._held_bit(leaf, bit)
            return True
        judged = self._judge(leaf, bit, credential, request)
        self._enter(leaf, bit.body.currency, bit.body.amount, bit.claims.aud or "", bit.body.credential_cti, judged)
        facts.add_use(self.tx, use_of(leaf, bit, judged))
        self._add_units(leaf, bit, request)
        return True

    def _request(self, leaf: Leaf, credential: Signed[Credential]) -> Signed[Request] | None:
        """The request inside a credential."""
        try:
            return read_unverified(credential.body.request, Request)
        except Refused as error:
            subject = f"leaf {leaf.sequence}"
            self.findings.add("BIT_MISMATCH", self.quota_control, subject, f"its request: {error}", credential.data)
            return None

    def _judge(
        self,
        leaf: Leaf,
        bit: Signed[ControlBit],
        credential: Signed[Credential] | None,
        request: Signed[Request] | None,
    ) -> Judged:
        judged = judge_use(self.tx, self.findings, self._rules(), self.quota_control, leaf, bit, credential, request)
        subject = f"leaf {leaf.sequence}"
        known = facts.use_by(self.tx, "cid", bit.body.credential_cti)
        if known is not None:
            detail = f"credential {bit.body.credential_cti.hex()} was counted by leaf {known.seq} too"
            self.findings.add("CREDENTIAL_USED_TWICE", self.quota_control, subject, detail, bit.data)
        known = facts.use_by(self.tx, "request", request.hash) if request is not None and known is None else None
        if known is not None and request is not None:
            detail = f"request {request.claims.cti.hex()} was counted by leaf {known.seq} too"
            self.findings.add("REQUEST_USED_TWICE", self.quota_control, subject, detail, bit.data)
        return judged

    def _rules(self) -> Rules:
        return self.reader.load(self.tx, QC)

    def _enter(self, leaf: Leaf, currency: str, amount: int, issuer: str, cid: bytes, judged: Judged) -> None:
        """Count an issue: the supply, and every bucket that it touches."""
        before = facts.used(self.tx, sorted(judged.shares))
        for key, share in judged.shares.items():
            facts.set_used(self.tx, key, before[key] + share)
        self._count(CountedRow(leaf.sequence, "use", currency, issuer, amount, leaf.object_hash))

    def _add_units(self, leaf: Leaf, bit: Signed[ControlBit], request: Signed[Request] | None) -> None:
        """Serial and value of each unit, where units are redeemed by serial."""
        versions = self._rules().versions
        rule = versions[-1][2].policy.currencies.get(bit.body.currency) if versions else None
        if request is None or rule is None or bit.body.model != Model.TOKEN or rule.token_registry != OFFLINE:
            return
        values = [value for value, count in pairs_of(request.body) for _ in range(count)][: bit.body.unit_count]
        rows = [(serial(bit.body.credential_cti, place), leaf.sequence, value) for place, value in enumerate(values)]
        known = facts.units(self.tx, [row[0] for row in rows]) if rows else {}
        facts.add_units(self.tx, [row for row in rows if row[0] not in known])

    # SPEC ISSUANCE-17.4
    def _hold(self, leaf: Leaf) -> None:
        """A credential counted when quota control was restored; its bit may follow."""
        seq = facts.credential_seq(self.tx, leaf.object_hash)
        row = store.object_at(self.tx, CM, seq) if seq is not None else None
        if row is None:
            detail = "counted after a restore, and no credential leaf"
            self.findings.add("BIT_WITHOUT_CREDENTIAL", self.quota_control, f"leaf {leaf.sequence}", detail)
            return
        credential = read_unverified(row.data, Credential)
        body, request = credential.body, self._request(leaf, credential)
        judged = judge_use(self.tx, self.findings, self._rules(), self.quota_control, leaf, None, credential, request)
        self._enter(leaf, body.currency, body.amount, body.issuer, credential.claims.cti, judged)
        owner = sha256(request.body.owner).digest() if request else bytes(32)
        use = UseRow(
            leaf.sequence,
            credential.claims.cti,
            body.request_hash,
            body.issuer,
            body.currency,
            body.amount,
            body.unit_root,
            owner,
            None,
            None,
            judged.stock,
        )
        facts.add_use(self.tx, use)

    def _held_bit(self, leaf: Leaf, bit: Signed[ControlBit]) -> None:
        known = facts.use_by(self.tx, "cid", bit.body.credential_cti)
        if known is None or known.bit is not None or known.amount != bit.body.amount:
            detail = "a bit without a count of its own, for a credential that was not held"
            self.findings.add("CREDENTIAL_USED_TWICE", self.quota_control, f"leaf {leaf.sequence}", detail, bit.data)
            return
        facts.give_bit(self.tx, known.seq, bit.claims.cti, bit.hash)

    def _count(self, row: CountedRow) -> None:
        facts.add_counted(self.tx, row)
        self.state = self.state.after([row], row.seq)
        self.totals.add(row.kind, row.currency, row.issuer, row.amount)

    # SPEC ISSUANCE-15.4.1, ISSUANCE-15.4.2
    def _statement(self, leaf: Leaf, said: Signed[Supply]) -> None:
        """A supply statement against everything counted before it."""
        body, state = said.body, self.state
        faults = []
        if body.log_size != leaf.sequence - 1 or store.root_at(self.tx, QC, body.log_size) != body.log_root:
            faults.append("it names another log")
        if body.totals != state.totals:
            faults.append(f"stated {body.totals}, counted {state.totals}")
        if body.sum_root != supply_root(state.issued.root(), state.returned.root()):
            faults.append("its sum root is not that of the leaves")
        stated = {"log_size": body.log_size, "holds": not faults}
        store.set_note(self.tx, STATED, json.dumps(stated).encode())
        if faults:
            self.findings.add("SUPPLY_FALSE", self.quota_control, f"leaf {leaf.sequence}", "; ".join(faults), said.data)


def settled(tx: Transaction) -> int:
    """How far quota control's log has been counted."""
    data = store.note(tx, SETTLED)
    value: Any = 0 if data is None else codec.decode(data, bytes_max=64)
    return int(value)


def serial(cid: bytes, place: int) -> bytes:
    """SPEC ISSUANCE section 4.7."""
    return sha256(b"dc/1/serial" + cid + place.to_bytes(4, "big")).digest()[:16]


def use_of(leaf: Leaf, bit: Signed[ControlBit], judged: Judged) -> UseRow:
    """A use as its control bit says it."""
    body = bit.body
    return UseRow(
        leaf.sequence,
        body.credential_cti,
        judged.request,
        bit.claims.aud or "",
        body.currency,
        body.amount,
        body.unit_root,
        body.owner_hash,
        bit.claims.cti,
        bit.hash,
        judged.stock,
    )
