"""Which buckets a request touches: the limits of the binding policies, as templates over its dimensions (5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from specie.issuance.messages.objects import Request
from specie.issuance.messages.policy import ANY, Kind, Limit, Policy
from specie.issuance.protocol.buckets import window_of
from specie.kernel.amount import AMOUNT_MAX


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """One bucket that a request touches, as the binding policies see it."""

    key: str
    """Unique and stable over policy versions, so that what was used stays used."""
    name: str
    """The limit's name, for people."""
    kind: int
    cap: int
    refill_per_s: int
    window_start: int
    window_end: int


def owner_class(policy: Policy, owner: bytes) -> str:
    for name, owners in policy.owner_classes.items():
        if owner in owners:
            return name
    return "other"


def _value(pattern: str | None, actual: str) -> str | None:
    """None: the limit does not apply. Empty: the dimension is shared. Else the part of the key."""
    if pattern is None:
        return ""
    return actual if pattern in (ANY, actual) else None


def scope_of(limit: Limit, values: tuple[str, str, str, str] | None) -> str:
    """The stable key of a bucket (without its window)."""
    issuer, owner, purpose, model = values or (
        limit.issuer or "",
        limit.owner_class or "",
        limit.purpose or "",
        limit.model or "",
    )
    key = f"{Kind(limit.kind).name.lower()}:{limit.currency}"
    if limit.window:
        key += f":{limit.window}" + (f"@{limit.zone}" if limit.zone else "")
    for label, value in (("issuer", issuer), ("owner", owner), ("purpose", purpose), ("model", model)):
        if value:
            key += f"/{label}={value}"
    return key


def root_keys_of(currency: str) -> tuple[str, str]:
    """The keys of the stock root and the lifetime root of a currency; both always exist."""
    return f"stock:{currency}", f"lifetime:{currency}"


def issuer_stock_key(currency: str, issuer: str) -> str:
    """The stock bucket of one issuer in one currency; it always exists too (ISSUANCE-14.10)."""
    return f"stock:{currency}/issuer={issuer}"


def plan_buckets(policies: Sequence[Policy], request: Request, issuer: str, now_us: int) -> list[BucketPlan]:
    """Every bucket that this request touches, roots first, then in policy order; caps are the lowest in force."""
    stock, lifetime = root_keys_of(request.currency)
    plans = {
        key: BucketPlan(key, key, kind, AMOUNT_MAX, 0, 0, 0)
        for key, kind in (
            (stock, Kind.STOCK),
            (lifetime, Kind.LIFETIME),
            (issuer_stock_key(request.currency, issuer), Kind.STOCK),
        )
    }
    for policy in policies:
        label = owner_class(policy, request.owner) if policy.owner_classes else "other"
        for limit in policy.limits:
            if limit.currency != request.currency:
                continue
            plan = _plan(limit, (issuer, label, request.purpose, str(int(request.model))), now_us)
            if plan is None:
                continue
            known = plans.get(plan.key)
            plans[plan.key] = plan if known is None else _tighter(known, plan)
    return list(plans.values())


# SPEC ISSUANCE-5.1.2
def _tighter(one: BucketPlan, other: BucketPlan) -> BucketPlan:
    """One bucket as two versions see it: the lower cap and the slower refill."""
    lower = one if one.cap <= other.cap else other
    if lower.kind != Kind.RATE:
        return lower
    return replace(lower, refill_per_s=min(one.refill_per_s, other.refill_per_s))


def _plan(limit: Limit, actual: tuple[str, str, str, str], now_us: int) -> BucketPlan | None:
    patterns = (limit.issuer, limit.owner_class, limit.purpose, limit.model)
    values = tuple(_value(pattern, value) for pattern, value in zip(patterns, actual, strict=True))
    if None in values:
        return None
    key, start, end = scope_of(limit, values), 0, 0  # type: ignore[arg-type]
    if limit.window:
        start, end = window_of(limit.window, limit.zone or "UTC", now_us)
        key += f"#{start}"
    return BucketPlan(key, limit.name, limit.kind, limit.cap, limit.refill_per_s or 0, start, end)
