"""What a request would be told (ISSUANCE-16.3, `quota plan`): C11 to C17 at this moment, without any state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from specie.issuance.api import Order, Verdict
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.issuance_system.asking import request_of
from specie.issuance.engine.rulebook import check_reserve
from specie.issuance.errors import Denial, FrequencyExceeded, QuotaExceeded
from specie.issuance.messages.objects import Request
from specie.issuance.messages.policy import Kind, Policy
from specie.issuance.protocol.buckets import Bucket
from specie.issuance.protocol.plans import BucketPlan, plan_buckets, root_keys_of
from specie.issuance.protocol.policy import check_amount, check_operator, check_pauses, check_permission, tier_of
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import peek
from specie.issuance.store.journal import Journal, read_head
from specie.kernel.db import Transaction


@dataclass(slots=True)
class Room:
    """What the checks look at, in place of a running batch."""

    journal: Journal
    rules: rules_store.InForce


# SPEC ISSUANCE-14.13
async def plan(desk: Desk, order: Order, issuer: str) -> list[Verdict]:
    """Every check in its order, also behind one that fails; the first that fails is what the request would be told.

    Raises Schema where no request can be made of the order, KeysetStale, PolicyStale.
    """
    body = request_of(order)
    return await desk.database.read(lambda tx: _plan(desk, tx, body, issuer))


def _plan(desk: Desk, tx: Transaction, body: Request, issuer: str) -> list[Verdict]:
    head = read_head(tx)
    rules = desk.in_force(tx, head.rules)
    now_us = max(tx.now_us(), head.high_us)
    desk.check_fresh(rules, now_us)
    policies = desk.policy_book(rules).binding(now_us)
    scopes = set(rules.pauses).union(*(policy.paused for policy in policies))
    verdicts = [
        judge("C11", "no pause", lambda: check_pauses(scopes, body.currency, issuer, "issue")),
        judge("C12", "permission", lambda: check_permission(policies, body, issuer)),
    ]
    if not all(body.currency in policy.currencies for policy in policies):
        return verdicts
    verdicts.append(judge("C13", "amount and denominations", lambda: check_amount(policies, body)))
    plans = plan_buckets(policies, body, issuer, now_us)
    buckets = peek(tx, plans, now_us)
    stock = buckets[root_keys_of(body.currency)[0]]
    room = Room(Journal(tx, head, now_us), rules)
    outstanding = stock.used + stock.reserved
    verdicts.append(judge("C14", "reserve", lambda: check_reserve(room, body.currency, outstanding, body.amount)))
    counts = [each for each in plans if each.kind == Kind.COUNT]
    others = [each for each in plans if each.kind != Kind.COUNT]
    verdicts += [judge_room("C15", each, buckets[each.key], body, policies, now_us) for each in counts]
    verdicts += [judge_room("C16", each, buckets[each.key], body, policies, now_us) for each in others]
    return [*verdicts, judge_tier(policies, body)]


def judge(check: str, what: str, work: Callable[[], object]) -> Verdict:
    """The verdict of one check."""
    try:
        work()
    except Denial as refusal:
        return Verdict(check, what, refusal.code, refusal.detail)
    return Verdict(check, what)


def judge_room(
    check: str, planned: BucketPlan, bucket: Bucket, body: Request, policies: Sequence[Policy], now_us: int
) -> Verdict:
    """Whether one bucket has room."""
    # SPEC ISSUANCE-7.2
    available = max(0, bucket.available(now_us)) if policies[0].disclose_available else None
    kind = FrequencyExceeded if bucket.kind == Kind.COUNT else QuotaExceeded
    code = None if bucket.has_room(body.amount, now_us) else kind.code
    detail = "" if code is None else f"{planned.name} has no room for this request"
    return Verdict(check, f"room in {planned.name}", code, detail, planned.name, available, planned.window_end or None)


def judge_tier(policies: Sequence[Policy], body: Request) -> Verdict:
    """How many officers would have to agree."""
    try:
        _, tier = tier_of(policies, body)
    except (ValueError, IndexError):  # above the last tier: C13 has said so
        return Verdict("C17", "officers", None, "no tier reaches this amount")
    titles = f", among them {' and '.join(tier.titles)}" if tier.titles else ""
    need = f"{tier.persons} officers{titles}" if tier.persons != 1 else f"1 officer{titles}"
    verdict = judge("C17", need if tier.persons else "no officer is needed", lambda: check_operator(tier, body))
    return verdict
