"""Step 5: a credential becomes a control bit, once, if every bucket has room at this moment (Q11 to Q17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from specie.issuance.engine.desk import Desk
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.quota_control.batch import Batch, Needs
from specie.issuance.engine.quota_control.leases import lease_plan
from specie.issuance.engine.rulebook import check_reserve
from specie.issuance.errors import (
    CredentialConflict,
    CredentialExpired,
    CredentialRevoked,
    Denial,
    PolicyStale,
    QuotaExceededRealTime,
    WrongAudience,
)
from specie.issuance.messages.claims import Claims, Signed
from specie.issuance.messages.objects import Approval, ControlBit, Credential, Request
from specie.issuance.messages.policy import Policy
from specie.issuance.protocol.credentials import check_times
from specie.issuance.protocol.plans import BucketPlan, plan_buckets, root_keys_of
from specie.issuance.protocol.policy import check_amount, check_pauses, check_permission, tier_of
from specie.issuance.protocol.quorum import check_approvals
from specie.issuance.store import quota_control as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import pack_ids
from specie.issuance.store.journal import ObjectRow
from specie.kernel.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Presented:
    """A presentation that passed Q1 to Q10."""

    credential: Signed[Credential]
    request: Signed[Request]
    approvals: tuple[Signed[Approval], ...]
    units: int
    actor: bytes
    """Key id of the presenter."""


@dataclass(slots=True)
class UseItem:
    """Count one credential."""

    shown: Presented
    plans: list[BucketPlan] = field(default_factory=list)
    planned_under: int = -1
    """State of the rules that the plans are of."""

    @property
    def request(self) -> Signed[Request]:
        return self.shown.request

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        shown = self.shown
        needs = Needs(cids=[shown.credential.claims.cti], requests=[shown.request.hash])
        self.plans, self.planned_under = [], rules.rules
        if rules.book is not None:
            policies = rules.book.binding(now_us)
            if all([shown.request.body.currency in policy.currencies for policy in policies]):
                self.plans = rules.book.plan(policies, shown.request.body, shown.request.claims.iss, now_us)
                needs.plans = self.plans
        return needs

    # SPEC ISSUANCE-6.0.1, ISSUANCE-6.0.3
    def decide(self, batch: Batch, desk: Desk) -> Outcome:
        desk.check_fresh(batch.rules, batch.journal.now_us)
        policies = desk.policy_book(batch.rules).binding(batch.journal.now_us)
        try:
            self.check_policy(batch, desk, policies)
            # SPEC ISSUANCE-6.5.12, ISSUANCE-6.5.19, ISSUANCE-20.3
            if stored := self.look_up(batch, desk, policies):
                return stored
            self.check(batch, policies)
        except Denial as refusal:
            return self.deny(batch, desk, refusal)
        return self.count(batch, desk, policies)

    # SPEC ISSUANCE-6.5.11, ISSUANCE-20.7, ISSUANCE-20.20
    def check_policy(self, batch: Batch, desk: Desk, policies: Sequence[Policy]) -> None:
        """Q11 by this system's own copy. Raises PolicyStale, the refusals of permission, amount, approvals."""
        body, request = self.shown.credential.body, self.shown.request
        rule = policies[0].currencies.get(body.currency)
        # SPEC ISSUANCE-9.4.2
        if rule is not None and desk.me not in (rule.shards or (rule.quota_control,)):
            raise WrongAudience(f"{desk.me} does not count {body.currency}")
        known = desk.policy_book(batch.rules).by_number(body.policy_version)
        if known is None or known.hash != body.policy_hash:
            raise PolicyStale(f"policy {body.policy_version} is not known here")
        if body.policy_version < max([policy.oldest_accepted for policy in policies]):
            raise PolicyStale(f"policy {body.policy_version} is no longer accepted")
        check_permission(policies, request.body, body.issuer)
        check_amount(policies, request.body)
        _, tier = tier_of(policies, request.body)
        keys = desk.key_set(batch.rules)
        iat = self.shown.credential.claims.iat
        check_approvals(self.shown.approvals, tier, request, keys, iat)

    def look_up(self, batch: Batch, desk: Desk, policies: Sequence[Policy]) -> Outcome | None:
        """Q12: what happened to this credential, or to its request. Raises CredentialConflict, CredentialExpired,
        CredentialRevoked."""
        credential = self.shown.credential
        known = batch.uses.get(credential.claims.cti)
        if known is None:
            other = batch.by_request.get(self.shown.request.hash)
            if other is not None:
                # SPEC ISSUANCE-6.5.20
                desk.observer.alarm("CREDENTIAL_CONFLICT", "one request came with two credentials")
                raise CredentialConflict("this request was used with another credential")
            return None
        if known.state == store.UseState.TOMBSTONED:
            raise CredentialExpired("this credential was closed unused")
        if known.state == store.UseState.REVOKED:
            raise CredentialRevoked("this credential was revoked")
        if known.hash != credential.hash:
            desk.observer.alarm("CREDENTIAL_CONFLICT", "one credential id came with two contents")
            raise CredentialConflict("this credential id was used with other content")
        if known.state == store.UseState.HELD:
            return self.give_held(batch, desk, policies)
        assert known.bit is not None
        row = batch.objects.get(known.bit)
        if row is None:
            raise Unavailable("the control bit is just being made; ask again")
        return Outcome(row, replayed=True)

    def check(self, batch: Batch, policies: Sequence[Policy]) -> None:
        """Q13 to Q16. Raises the refusal of the first that fails."""
        credential, body = self.shown.credential, self.shown.request.body
        check_times(credential, batch.journal.now_s, [policy.lifetimes.credential_s for policy in policies])
        scopes = set(batch.rules.pauses).union(*(policy.paused for policy in policies))
        check_pauses(scopes, body.currency, self.shown.request.claims.iss, "issue")
        self.relock(batch, policies)
        self.add_lease(batch, policies)
        # SPEC ISSUANCE-6.5.15
        stock = batch.buckets.by_key[root_keys_of(body.currency)[0]]
        check_reserve(batch, body.currency, stock.used + stock.reserved, body.amount)
        # SPEC ISSUANCE-6.5.16, ISSUANCE-20.14
        for plan in self.plans:
            bucket = batch.buckets.by_key[plan.key]
            if not bucket.has_room(body.amount, batch.journal.now_us):
                refusal = QuotaExceededRealTime(f"{plan.name} has no room now", bucket=plan.name)
                refusal.bucket = plan.name
                if policies[0].disclose_available:
                    refusal.available = max(0, bucket.available(batch.journal.now_us))
                if plan.window_end:
                    refusal.not_before_s = plan.window_end
                raise refusal

    def relock(self, batch: Batch, policies: Sequence[Policy]) -> None:
        """Plan again where a window ended or a rule changed since the batch was planned."""
        now_us = batch.journal.now_us
        ended = any([0 < plan.window_end * 1_000_000 <= now_us for plan in self.plans])
        # SPEC ISSUANCE-20.20
        if ended or not self.plans or self.planned_under != batch.rules.rules:
            self.plans = plan_buckets(policies, self.shown.request.body, self.shown.request.claims.iss, now_us)
            batch.buckets.plan_again(self.plans, now_us)

    # SPEC ISSUANCE-9.4.1
    def add_lease(self, batch: Batch, policies: Sequence[Policy]) -> None:
        """A shard counts in its lease too, which no policy bounds but the root's word."""
        currency = self.shown.request.body.currency
        plan = lease_plan(batch.tx, policies[0].currencies[currency], currency, batch.desk.me)
        if plan is not None and all(known.key != plan.key for known in self.plans):
            if plan.key not in batch.buckets.by_key:
                batch.buckets.lock([plan], [], batch.journal.now_us)
            self.plans.append(plan)

    # SPEC ISSUANCE-7.3
    def deny(self, batch: Batch, desk: Desk, refusal: Denial) -> Outcome:
        """Log and fix the evidence. It is not stored as an answer: the same bytes may come again (section 7)."""
        claims = Claims(iss=desk.me, aud=self.shown.request.claims.iss, iat=batch.journal.now_s, cti=desk.new_cti())
        row = desk.fix(
            batch.journal,
            "qc:bit",
            desk.key_set(batch.rules),
            claims,
            desk.deny_body(refusal, self.shown.credential.hash),
        )
        batch.journal.append("deny", row.hash, self.shown.credential.hash, self.shown.actor)
        return Outcome(row, refusal)

    # SPEC ISSUANCE-17.4
    def give_held(self, batch: Batch, desk: Desk, policies: Sequence[Policy]) -> Outcome:
        """It was counted when the store was restored: the bit is signed without a second decrement."""
        batch.settle()
        cid = self.shown.credential.claims.cti
        row, seq = self.fix_bit(batch, desk, policies, "bit")
        if not store.give_bit(batch.tx, cid, row.cti, seq):
            raise Unavailable("the credential is just being shown by another call; ask again")
        batch.uses.update(store.uses_by_cid(batch.tx, [cid]))
        batch.objects[row.cti] = row
        batch.journal.send_later(f"use:{self.shown.credential.claims.iss}", row.cti, row.cti)
        return Outcome(row)

    def fix_bit(
        self, batch: Batch, desk: Desk, policies: Sequence[Policy], event: str = "use"
    ) -> tuple[ObjectRow, int]:
        """The bytes of the control bit, and its place in the log."""
        journal, credential, request = batch.journal, self.shown.credential, self.shown.request
        body = credential.body
        seq = journal.next_seq()
        claims = Claims(
            iss=desk.me,
            aud=body.issuer,
            iat=journal.now_s,
            exp=journal.now_s + min([policy.lifetimes.bit_s for policy in policies]),
            cti=desk.new_cti(),
        )
        # SPEC ISSUANCE-13.1.1
        bit = ControlBit(
            credential.claims.cti,
            credential.hash,
            body.currency,
            body.amount,
            body.model,
            sha256(request.body.owner).digest(),
            body.unit_root,
            self.shown.units,
            seq,
        )
        row = desk.fix(journal, "qc:bit", desk.key_set(batch.rules), claims, bit)
        # SPEC ISSUANCE-15.3.1 (the leaf names the credential, whose leaf stands in central management's log)
        journal.append(event, row.hash, sha256(credential.tbs).digest(), self.shown.actor)
        return row, seq

    # SPEC ISSUANCE-6.5.17, ISSUANCE-4.5.1, ISSUANCE-4.5.2
    def count(self, batch: Batch, desk: Desk, policies: Sequence[Policy]) -> Outcome:
        """Decrement, journal, use record, bit to be signed, log leaf, outbox: all in this transaction."""
        journal, credential, request = batch.journal, self.shown.credential, self.shown.request
        body = credential.body
        row, seq = self.fix_bit(batch, desk, policies)
        touched = [batch.buckets.by_key[plan.key] for plan in self.plans]
        for bucket in touched:
            batch.buckets.move(bucket, seq, credential.claims.cti, bucket.take(body.amount))
        batch.add_use(
            store.UseRow(
                credential.claims.cti,
                credential.hash,
                body.issuer,
                body.currency,
                body.amount,
                body.model,
                store.UseState.USED,
                row.cti,
                seq,
                journal.now_us,
                request.hash,
                pack_ids([bucket.id for bucket in touched]),
                body.unit_root,
                self.shown.units,
                request.body.owner,
            )
        )
        batch.objects[row.cti] = row
        batch.counted.append(store.CountedRow(seq, "use", body.currency, body.issuer, body.amount, row.hash))
        # SPEC ISSUANCE-5.4.10
        journal.send_later(f"use:{credential.claims.iss}", row.cti, row.cti)
        return Outcome(row)
