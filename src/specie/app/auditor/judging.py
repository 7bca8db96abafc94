"""One issue judged again: bit, credential and request agree; the policy allowed it, officers agreed, caps held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from specie.app.auditor import facts
from specie.app.auditor.findings import Findings
from specie.app.auditor.rules import SECOND_US, Rules
from specie.crypto import cose
from specie.issuance.errors import Denial
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Approval, ControlBit, Credential, Request
from specie.issuance.messages.policy import Kind
from specie.issuance.protocol.credentials import check_times
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.protocol.plans import BucketPlan, issuer_stock_key, plan_buckets, root_keys_of
from specie.issuance.protocol.policy import PolicyBook, check_amount, check_permission, tier_of
from specie.issuance.protocol.quorum import check_approvals
from specie.issuance.protocol.units import unit_root
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused


@dataclass(frozen=True, slots=True)
class Judged:
    """What an issue counts for."""

    shares: Mapping[str, int]
    """Bucket key to what is counted in it."""
    stock: bytes
    """Keys of the stock buckets, from which a redemption takes it again."""
    request: bytes
    """Hash of the request."""


@dataclass(frozen=True, slots=True)
class Case:
    """One issue, with what is known of it."""

    leaf: Leaf
    credential: Signed[Credential]
    request: Signed[Request]
    quota_control: str


def judge_use(
    tx: Transaction,
    findings: Findings,
    rules: Rules,
    quota_control: str,
    leaf: Leaf,
    bit: Signed[ControlBit] | None,
    credential: Signed[Credential] | None,
    request: Signed[Request] | None,
) -> Judged:
    """Judge one issue; what does not hold is a finding, and it counts all the same. bit: None for one that is held."""
    subject = f"leaf {leaf.sequence}"
    if credential is None or request is None:
        assert bit is not None or credential is not None
        body = bit.body if bit is not None else credential.body  # type: ignore[union-attr]
        issuer = (bit.claims.aud or "") if bit is not None else credential.body.issuer  # type: ignore[union-attr]
        digest = credential.body.request_hash if credential is not None else bytes(32)
        return bare(body.currency, issuer, body.amount, digest)
    case = Case(leaf, credential, request, quota_control)
    evidence = bit.data if bit is not None else credential.data
    for fault in [*faults_of_request(case), *(faults_of_bit(case, bit) if bit is not None else [])]:
        findings.add("BIT_MISMATCH", quota_control, subject, fault, evidence)
    books = rules.books_at(leaf.sequence, leaf.at_s)
    if not books or rules.keys is None:
        findings.add("RULES_BROKEN", quota_control, subject, "issued before there was a policy", evidence)
        return bare(request.body.currency, request.claims.iss, request.body.amount, request.hash)
    plans: Sequence[BucketPlan] = ()
    verdicts: list[tuple[str, str] | None] = []
    for book in books:
        found, verdict = judge_by(tx, case, book, rules.keys, held=bit is None)
        plans, verdicts = plans or found, [*verdicts, verdict]
    # what one of the books that may have been in force allows is no finding
    if all(verdicts):
        code, detail = verdicts[0] or ("", "")
        findings.add(code, quota_control, subject, detail, evidence)
    if not plans:
        return bare(request.body.currency, request.claims.iss, request.body.amount, request.hash)
    shares = {plan.key: 1 if plan.kind == Kind.COUNT else request.body.amount for plan in plans}
    stock = "\n".join(plan.key for plan in plans if plan.kind == Kind.STOCK).encode()
    return Judged(shares, stock, request.hash)


def bare(currency: str, issuer: str, amount: int, request: bytes) -> Judged:
    """What counts in the roots alone, since nothing says where else."""
    stock, lifetime = root_keys_of(currency)
    keys = (stock, issuer_stock_key(currency, issuer))
    return Judged({**dict.fromkeys(keys, amount), lifetime: amount}, "\n".join(keys).encode(), request)


# SPEC ISSUANCE-6.5.10, ISSUANCE-20.1, ISSUANCE-20.4, ISSUANCE-4.7.1
def faults_of_request(case: Case) -> list[str]:
    """Credential against the request inside it, whose signature was verified when the credential came in."""
    body, asked, request = case.credential.body, case.request.body, case.request
    faults = []
    if body.request_hash != request.hash or body.issuer != request.claims.iss:
        faults.append("the credential names another request or issuer")
    if (body.currency, body.amount, body.model) != (asked.currency, asked.amount, asked.model):
        faults.append(f"the credential says {body.amount} {body.currency}, the request {asked.amount} {asked.currency}")
    if case.credential.claims.aud != case.quota_control or request.claims.aud != case.credential.claims.iss:
        faults.append("credential or request is for another system")
    try:
        if unit_root(case.credential.claims.cti, asked)[0] != body.unit_root:
            faults.append("the unit root is not the one of the request")
    except Refused as error:
        faults.append(f"the request does not hold: {error.detail or error.code}")
    return faults


# SPEC ISSUANCE-4.5.1, ISSUANCE-6.5.17
def faults_of_bit(case: Case, bit: Signed[ControlBit]) -> list[str]:
    """The bit against its credential and its leaf."""
    body, word, faults = case.credential.body, bit.body, []
    if (word.credential_cti, word.credential_hash) != (case.credential.claims.cti, case.credential.hash):
        faults.append("the bit names another credential than its leaf")
    said = (word.currency, word.amount, word.model, word.unit_root, bit.claims.aud)
    if said != (body.currency, body.amount, body.model, body.unit_root, body.issuer):
        faults.append(f"the bit says {word.amount} {word.currency}, the credential {body.amount} {body.currency}")
    if word.owner_hash != sha256(case.request.body.owner).digest():
        faults.append("the bit is for another owner than the request")
    if word.unit_count != case.request.body.unit_count():
        faults.append("the bit has another number of units than the request")
    if word.sequence != case.leaf.sequence:
        faults.append(f"the bit says that it was counted at leaf {word.sequence}")
    return faults


def judge_by(
    tx: Transaction, case: Case, book: PolicyBook, keys: KeySet, *, held: bool
) -> tuple[list[BucketPlan], tuple[str, str] | None]:
    """The buckets by these policies, and (code, detail) of the first rule that was broken."""
    now_us = case.leaf.at_s * SECOND_US
    policies = book.binding(now_us)
    request = case.request.body
    try:
        check_permission(policies, request, case.request.claims.iss)
        plans = plan_buckets(policies, request, case.request.claims.iss, now_us)
    except Denial as refusal:
        return [], ("RULES_BROKEN", f"{refusal.chapter}: {refusal.detail}")
    try:
        check_amount(policies, request)
        body = case.credential.body
        known = book.by_number(body.policy_version)
        if known is None or known.hash != body.policy_hash:
            return plans, ("RULES_BROKEN", f"its credential names a policy {body.policy_version} that is not known")
        if not held:
            check_times(case.credential, case.leaf.at_s, [policy.lifetimes.credential_s for policy in policies])
    except Denial as refusal:
        return plans, ("RULES_BROKEN", f"{refusal.chapter}: {refusal.detail}")
    # SPEC ISSUANCE-1.4.1, ISSUANCE-20.7, ISSUANCE-11.6
    try:
        approvals = [read_unverified(data, Approval) for data in case.credential.body.approvals]
        if any(each.alg not in (cose.EDDSA, cose.ES256) for each in approvals):
            return plans, ("APPROVALS_MISSING", "an approval has an algorithm that officers do not use")
        _, tier = tier_of(policies, request)
        check_approvals(approvals, tier, case.request, keys, case.credential.claims.iat)
    except (Denial, ValueError) as refusal:
        return plans, ("APPROVALS_MISSING", str(refusal))
    return plans, None if held else over_cap(tx, plans, request.amount)


# SPEC ISSUANCE-5.4.1
def over_cap(tx: Transaction, plans: Sequence[BucketPlan], amount: int) -> tuple[str, str] | None:
    """Did every bucket have room, counted from the leaves before? Token buckets refill by the microsecond, which no
    leaf tells, so they are left out."""
    before = facts.used(tx, [plan.key for plan in plans])
    for plan in plans:
        share = 1 if plan.kind == Kind.COUNT else amount
        if plan.kind != Kind.RATE and before[plan.key] + share > plan.cap:
            return "CAP_EXCEEDED", f"{plan.name}: {before[plan.key]} and {share} more are above {plan.cap}"
    return None
