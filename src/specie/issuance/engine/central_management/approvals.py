"""Officers decide on a waiting request; one reject ends it, a reached quorum makes the credential (section 11)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.issuance.engine.central_management.batch import Batch, Needs
from specie.issuance.engine.central_management.requests import close_request, fix_credential
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.outcome import Outcome
from specie.issuance.errors import (
    ApprovalExpired,
    ApprovalRejected,
    IssuerMismatch,
    LifetimeTooLong,
    UnknownRequest,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Approval, Decision, Request
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.keyset import SKEW_S
from specie.issuance.protocol.policy import check_amount, check_permission, tier_of
from specie.issuance.protocol.quorum import check_approver, is_reached
from specie.issuance.store import central_management as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import unpack_ids


@dataclass(frozen=True, slots=True)
class Decided:
    """How many persons have agreed so far."""

    state: str
    persons: int


@dataclass(frozen=True, slots=True)
class ApprovalItem:
    """One verified decision of an officer."""

    approval: Signed[Approval]

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs()

    # SPEC ISSUANCE-11.1, ISSUANCE-11.2, ISSUANCE-11.3, ISSUANCE-11.4
    def decide(self, batch: Batch, desk: Desk) -> Outcome | Decided:
        journal, body = batch.journal, self.approval.body
        entry = desk.key_set(batch.rules).active(self.approval.kid, ("officer",), journal.now_s)
        if self.approval.claims.iss != entry.holder:
            raise IssuerMismatch("the approval names another person than the owner of its key")
        exp = self.approval.claims.exp
        if exp is None or exp <= journal.now_s or self.approval.claims.iat > journal.now_s + SKEW_S:
            raise ApprovalExpired("this approval is not valid now")
        longest_s = min(policy.lifetimes.approval_s for policy in desk.policy_book(batch.rules).binding(journal.now_us))
        if exp - self.approval.claims.iat > longest_s:
            raise LifetimeTooLong(f"an approval lives at most {longest_s} s")
        row = store.request_by_hash(batch.tx, body.request_hash)
        admits = row is None
        known = store.approvals_of(batch.tx, body.request_hash)
        if any(each.hash == self.approval.hash for each in known):
            if row is None or row.state != store.RequestState.PENDING or row.until_s < journal.now_s:
                return Decided("known", len(known))
            # counted before, but the credential could not be made then (no key, no fresh reserve)
            return self.count(batch, desk, row, read_unverified(row.data, Request), known)
        if admits:
            return self.admit(batch, known, entry.holder, entry.title, exp)
        assert row is not None
        request = read_unverified(row.data, Request)
        check_approver(entry, request.body, row.iss, [each.person for each in known])
        if row.state != store.RequestState.PENDING:
            raise ApprovalExpired("this request no longer waits for officers")
        if row.until_s < journal.now_s:
            late = ApprovalExpired("the officers did not decide in time")
            return close_request(batch, desk, row, late, "expire")
        if body.decision == Decision.APPROVE:
            # under today's rules: a policy may have become tighter while the request waited
            policies = desk.policy_book(batch.rules).binding(journal.now_us)
            check_permission(policies, request.body, row.iss)
            check_amount(policies, request.body)
        self.keep(batch, entry.holder, entry.title, exp)
        if body.decision == Decision.REJECT:
            refusal = ApprovalRejected(body.reason or "an officer rejected the request")
            return close_request(batch, desk, row, refusal, "reject")
        return self.count(batch, desk, row, request, store.approvals_of(batch.tx, body.request_hash))

    def admit(self, batch: Batch, known: list[store.ApprovalRow], person: str, title: str | None, exp: int) -> Decided:
        """A decision on an enrolment (ISSUANCE-2.2.1), which waits for nothing but its number."""
        from specie.issuance.errors import ApprovalDuplicate

        digest = self.approval.body.request_hash
        if not any(each.hash == digest for each in store.enrolments(batch.tx)):
            raise UnknownRequest("no request or enrolment has this hash")
        if any(each.person == person for each in known):
            raise ApprovalDuplicate("this person has decided already")
        self.keep(batch, person, title, exp)
        return Decided("admitting", len(known) + 1)

    def keep(self, batch: Batch, person: str, title: str | None, exp: int) -> None:
        body = self.approval.body
        store.add_approval(
            batch.tx,
            store.ApprovalRow(
                self.approval.hash, body.request_hash, person, title, body.decision, self.approval.data, exp
            ),
        )
        batch.journal.append("approval", self.approval.hash, body.request_hash, self.approval.kid)

    def count(
        self,
        batch: Batch,
        desk: Desk,
        row: store.RequestRow,
        request: Signed[Request],
        known: list[store.ApprovalRow],
    ) -> Outcome | Decided:
        """Make the credential as soon as enough persons agree whose approvals are still in force."""
        now_s = batch.journal.now_s
        valid = [each for each in known if each.decision == Decision.APPROVE and each.exp > now_s]
        titles = {each.person: each.title for each in valid}
        policies = desk.policy_book(batch.rules).binding(batch.journal.now_us)
        _, tier = tier_of(policies, request.body)
        if not is_reached(tier, titles):
            return Decided("pending", len(titles))
        batch.buckets.lock([], unpack_ids(row.buckets), batch.journal.now_us)
        approvals = [each.data for each in valid]
        fixed = fix_credential(batch, desk, request, row.buckets, approvals, self.approval.kid)
        store.move_request(
            batch.tx,
            row.hash,
            store.RequestState.PENDING,
            store.RequestState.CREDENTIALED,
            credential=fixed.cti,
        )
        return Outcome(fixed)
