"""Steps 2 and 3 at central management: a request against the rules, the quota and the officers (C10 to C17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from specie.issuance.engine.central_management.batch import Batch, Needs
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.outcome import Outcome, pack_refusal, unpack_refusal
from specie.issuance.engine.rulebook import check_reserve
from specie.issuance.errors import (
    ApprovalExpired,
    ApprovalRejected,
    Denial,
    FrequencyExceeded,
    IdempotencyMismatch,
    QuotaExceeded,
)
from specie.issuance.messages.claims import Claims, Signed
from specie.issuance.messages.objects import Credential, Request
from specie.issuance.messages.policy import Kind, Policy, Tier
from specie.issuance.protocol.plans import BucketPlan, plan_buckets, root_keys_of
from specie.issuance.protocol.policy import check_amount, check_operator, check_pauses, check_permission, tier_of
from specie.issuance.protocol.units import unit_root
from specie.issuance.store import central_management as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import pack_ids, unpack_ids
from specie.issuance.store.journal import ObjectRow, objects_by_cti
from specie.kernel.amount import AMOUNT_MAX
from specie.kernel.db import Transaction

RESERVED_OUTSTANDING = "outstanding"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request waits for officers."""

    row: store.RequestRow
    persons: int
    replayed: bool = False


@dataclass(slots=True)
class RequestItem:
    """One verified request (C1 to C9 passed)."""

    request: Signed[Request]
    plans: list[BucketPlan] = field(default_factory=list)
    planned_under: int = -1
    """State of the rules that the plans are of."""

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        needs = Needs(request_ctis=[self.request.claims.cti])
        self.plans, self.planned_under = [], rules.rules
        if rules.book is not None and self.request.body.amount <= AMOUNT_MAX:
            policies = rules.book.binding(now_us)
            if all([self.request.body.currency in policy.currencies for policy in policies]):
                self.plans = rules.book.plan(policies, self.request.body, self.request.claims.iss, now_us)
                needs.plans = self.plans
        return needs

    # SPEC ISSUANCE-6.2.18, ISSUANCE-6.0.1, ISSUANCE-6.0.3
    def decide(self, batch: Batch, desk: Desk) -> Outcome | Waiting:
        claims = self.request.claims
        # SPEC ISSUANCE-6.2.10, ISSUANCE-10.1.1, ISSUANCE-10.1.2, ISSUANCE-10.1.3, ISSUANCE-4.1.2
        known = batch.requests.get((claims.iss, claims.cti))
        if known is not None:
            if known.hash != self.request.hash:
                desk.observer.alarm("IDEMPOTENCY_MISMATCH", f"{claims.iss} used one id for two requests")
                mismatch = IdempotencyMismatch("this id was used for another request")
                return Outcome(self.fix_denial(batch, desk, mismatch, "mismatch"), mismatch)
            return answer_of(batch.tx, known, batch.rules)
        book = desk.policy_book(batch.rules)
        desk.check_fresh(batch.rules, batch.journal.now_us)
        policies = book.binding(batch.journal.now_us)
        try:
            tier_index, tier = self.check(batch, policies)
        except Denial as refusal:
            return self.deny(batch, desk, refusal)
        return self.grant(batch, desk, policies, tier_index, tier)

    def check(self, batch: Batch, policies: Sequence[Policy]) -> tuple[int, Tier]:
        """C11 to C16, and the tier of C17. Raises the refusal of the first check that fails."""
        body, issuer = self.request.body, self.request.claims.iss
        scopes = set(batch.rules.pauses).union(*(policy.paused for policy in policies))
        check_pauses(scopes, body.currency, issuer, "issue")
        check_permission(policies, body, issuer)
        check_amount(policies, body)
        self.relock(batch, policies)
        # SPEC ISSUANCE-6.2.14
        stock = batch.buckets.by_key[root_keys_of(body.currency)[0]]
        check_reserve(batch, body.currency, stock.used + stock.reserved, body.amount)
        self.check_room(batch, policies, counts=True)
        self.check_room(batch, policies, counts=False)
        index, tier = tier_of(policies, body)
        check_operator(tier, body)
        return index, tier

    def relock(self, batch: Batch, policies: Sequence[Policy]) -> None:
        """A policy or a window may have changed since the batch was planned; then plan again."""
        now_us = batch.journal.now_us
        ended = any([0 < plan.window_end * 1_000_000 <= now_us for plan in self.plans])
        # SPEC ISSUANCE-20.20
        if ended or not self.plans or self.planned_under != batch.rules.rules:
            self.plans = plan_buckets(policies, self.request.body, self.request.claims.iss, now_us)
            batch.buckets.plan_again(self.plans, now_us)

    # SPEC ISSUANCE-6.2.15, ISSUANCE-6.2.16, ISSUANCE-5.3.2
    def check_room(self, batch: Batch, policies: Sequence[Policy], *, counts: bool) -> None:
        """C15 for the frequency caps, C16 for the others, in policy order."""
        now_us = batch.journal.now_us
        for plan in self.plans:
            bucket = batch.buckets.by_key[plan.key]
            if (bucket.kind == Kind.COUNT) != counts or bucket.has_room(self.request.body.amount, now_us):
                continue
            kind = FrequencyExceeded if counts else QuotaExceeded
            refusal = kind(f"{plan.name} has no room for this request", bucket=plan.name)
            refusal.bucket = plan.name
            # SPEC ISSUANCE-7.2
            if policies[0].disclose_available:
                refusal.available = max(0, bucket.available(now_us))
            if plan.window_end:
                refusal.not_before_s = plan.window_end
                refusal.retry_after_s = max(1, plan.window_end - batch.journal.now_s)
            raise refusal

    # SPEC ISSUANCE-7.3
    def deny(self, batch: Batch, desk: Desk, refusal: Denial) -> Outcome:
        """Store, log and fix the evidence of a refusal."""
        row = self.fix_denial(batch, desk, refusal, "deny")
        self.add_row(batch, store.RequestState.DENIED, 0, b"", denial=row.cti, detail=pack_refusal(refusal))
        return Outcome(row, refusal)

    def fix_denial(self, batch: Batch, desk: Desk, refusal: Denial, event: str) -> ObjectRow:
        """Log the evidence; its signature follows after the commit."""
        claims = Claims(iss=desk.me, aud=self.request.claims.iss, iat=batch.journal.now_s, cti=desk.new_cti())
        row = desk.fix(
            batch.journal,
            "cm:cred",
            desk.key_set(batch.rules),
            claims,
            desk.deny_body(refusal, self.request.hash),
        )
        batch.journal.append(event, row.hash, self.request.hash, self.request.kid)
        return row

    def add_row(
        self,
        batch: Batch,
        state: store.RequestState,
        tier: int,
        buckets: bytes,
        *,
        credential: bytes | None = None,
        denial: bytes | None = None,
        detail: str | None = None,
        until_s: int = 0,
    ) -> store.RequestRow:
        claims, body = self.request.claims, self.request.body
        row = store.RequestRow(
            claims.iss,
            claims.cti,
            self.request.hash,
            self.request.data,
            body.currency,
            min(body.amount, AMOUNT_MAX),
            state,
            tier,
            batch.journal.now_us,
            until_s,
            buckets,
            credential,
            denial,
            detail,
        )
        batch.new_requests.append(row)
        batch.requests[row.iss, row.cti] = row
        return row

    # SPEC ISSUANCE-6.2.17, ISSUANCE-6.3.1
    def grant(
        self, batch: Batch, desk: Desk, policies: Sequence[Policy], tier_index: int, tier: Tier
    ) -> Outcome | Waiting:
        """Reserve; then the credential at once, or wait for officers."""
        body, journal = self.request.body, batch.journal
        touched = [batch.buckets.by_key[plan.key] for plan in self.plans]
        buckets = pack_ids([bucket.id for bucket in touched])
        if tier.persons:
            seq = journal.append("pending", self.request.hash, actor=self.request.kid)
            until_s = journal.now_s + min(policy.lifetimes.approval_s for policy in policies)
            row = self.add_row(batch, store.RequestState.PENDING, tier_index, buckets, until_s=until_s)
            answer: Outcome | Waiting = Waiting(row, tier.persons)
        else:
            seq = journal.next_seq()
            fixed = fix_credential(batch, desk, self.request, buckets, (), self.request.kid)
            self.add_row(batch, store.RequestState.CREDENTIALED, tier_index, buckets, credential=fixed.cti)
            answer = Outcome(fixed)
        for bucket in touched:
            batch.buckets.move(bucket, seq, self.request.claims.cti, bucket.reserve(body.amount))
        return answer


# SPEC ISSUANCE-4.3.1, ISSUANCE-4.3.2, ISSUANCE-4.3.3
def fix_credential(
    batch: Batch,
    desk: Desk,
    request: Signed[Request],
    buckets: bytes,
    approvals: Sequence[bytes],
    actor: bytes,
) -> ObjectRow:
    """Choose the cti, compute the unit root, and fix the credential's bytes."""
    journal, body = batch.journal, request.body
    book = desk.policy_book(batch.rules)
    policies = book.binding(journal.now_us)
    rule = policies[0].currencies[body.currency]
    claims = Claims(
        iss=desk.me,
        aud=quota_control_of(rule.quota_control, rule.shards, request.claims.cti),
        iat=journal.now_s,
        nbf=journal.now_s,
        exp=journal.now_s + min(policy.lifetimes.credential_s for policy in policies),
        cti=desk.new_cti(),
    )
    root, _ = unit_root(claims.cti, body)
    stock = batch.buckets.by_key.get(root_keys_of(body.currency)[0])
    reserve = check_reserve(batch, body.currency, 0, 0) if stock is not None and rule.reserve else None
    credential = Credential(
        request.data,
        request.hash,
        request.claims.iss,
        body.currency,
        body.amount,
        body.model,
        book.newest.policy.version,
        book.newest.hash,
        tuple(approvals),
        root,
        reserve,
    )
    row = desk.fix(journal, "cm:cred", desk.key_set(batch.rules), claims, credential)
    journal.append("credential", row.hash, request.hash, actor)
    assert claims.exp is not None and claims.aud is not None
    batch.new_credentials.append(
        store.CredentialRow(
            row.cti,
            request.hash,
            request.claims.iss,
            body.currency,
            body.amount,
            claims.iat,
            claims.exp,
            claims.aud,
            buckets,
        )
    )
    return row


# SPEC ISSUANCE-9.4.2
def quota_control_of(root: str, shards: Sequence[str], cti: bytes) -> str:
    """Which quota control counts this request: one of the shards by its id, else the root. Each cti has one."""
    if not shards:
        return root
    return shards[int.from_bytes(sha256(cti).digest()[:4], "big") % len(shards)]


# SPEC ISSUANCE-10.1.5, ISSUANCE-10.1.7
def answer_of(tx: Transaction, row: store.RequestRow, rules: rules_store.InForce) -> Outcome | Waiting:
    """What a known request is answered: the same as the first time, or what has become of it since."""
    if row.state == store.RequestState.PENDING:
        return Waiting(row, 0, replayed=True)
    cti = row.denial if row.denial is not None else row.credential
    assert cti is not None
    found = objects_by_cti(tx, [cti])[cti]
    refusal = unpack_refusal(row.detail) if row.detail is not None else None
    return Outcome(found, refusal, replayed=True)


def release(batch: Batch, buckets: bytes, seq: int, cti: bytes, amount: int) -> None:
    """Let go what a request or credential had reserved, in the rows that it was taken from."""
    for ident in unpack_ids(buckets):
        bucket = batch.buckets.by_id[ident]
        batch.buckets.move(bucket, seq, cti, bucket.release(amount))


@dataclass(frozen=True, slots=True)
class ExpireItem:
    """A pending request whose officers did not decide in time."""

    row: store.RequestRow

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(request_ctis=[self.row.cti])

    def decide(self, batch: Batch, desk: Desk) -> Outcome | None:
        row = batch.requests.get((self.row.iss, self.row.cti))
        if row is None or row.state != store.RequestState.PENDING or row.until_s >= batch.journal.now_s:
            return None
        return close_request(batch, desk, row, ApprovalExpired("the officers did not decide in time"), "expire")


def close_request(batch: Batch, desk: Desk, row: store.RequestRow, refusal: Denial, event: str) -> Outcome:
    """End a pending request by a refusal; its reservation is let go."""
    state = store.RequestState.EXPIRED if isinstance(refusal, ApprovalExpired) else store.RequestState.REJECTED
    assert isinstance(refusal, ApprovalExpired | ApprovalRejected)
    claims = Claims(iss=desk.me, aud=row.iss, iat=batch.journal.now_s, cti=desk.new_cti())
    fixed = desk.fix(batch.journal, "cm:cred", desk.key_set(batch.rules), claims, desk.deny_body(refusal, row.hash))
    batch.buckets.lock([], unpack_ids(row.buckets), batch.journal.now_us)
    seq = batch.journal.append(event, fixed.hash, row.hash)
    release(batch, row.buckets, seq, row.cti, row.amount)
    store.move_request(
        batch.tx, row.hash, store.RequestState.PENDING, state, denial=fixed.cti, detail=pack_refusal(refusal)
    )
    return Outcome(fixed, refusal)
