"""What an account of a tier may do in a day and in a month, by the time of the commit (BANK section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from specie.bank.errors import LimitExceeded
from specie.bank.messages.policy import LimitPolicy, TierRule, Use
from specie.bank.messages.postings import Kind
from specie.kernel.amount import AMOUNT_MAX

USES: Mapping[Kind, Use] = {
    Kind.COIN_WITHDRAW: Use.COINS,
    Kind.TRANSFER: Use.TRANSFER,
    Kind.OUT_START: Use.PAY_OUT,
}
DAY_S = 86_400
LOOSER_DELAY_S = DAY_S


def day_of(at_s: int) -> int:
    """The UTC day: days since 1970."""
    return at_s // DAY_S


def month_of(at_s: int) -> int:
    """The UTC month, as a number below zero, so that days and months share a column."""
    date = datetime.fromtimestamp(at_s, UTC)
    return -(date.year * 12 + date.month)


def rule_of(policy: LimitPolicy, tier: int) -> TierRule:
    """The rule of a tier; a tier that the policy no longer names is treated as tier 0."""
    return policy.tiers.get(tier, policy.tiers[0])


# SPEC BANK-7.2
def check_use(rule: TierRule, use: Use, amount: int, day: int, month: int) -> None:
    """day, month: sums so far. Raises LimitExceeded."""
    for name, limits, so_far in (("day", rule.day, day), ("month", rule.month, month)):
        limit = limits.get(use, 0)
        if so_far + amount > limit:
            raise LimitExceeded(f"the sum of {use} per {name} would be above the tier's limit", limit=limit)


# SPEC BANK-7.4
def check_tier(kind: Kind, tier: int) -> None:
    """Raises LimitExceeded: without a licence there are no coins."""
    if kind == Kind.COIN_WITHDRAW and tier == 0:
        raise LimitExceeded("coins need a licence", limit=0)


# SPEC BANK-7.3
def is_looser(new: LimitPolicy, old: LimitPolicy) -> bool:
    """Does any account get more than it has?"""
    tiers = set(new.tiers) | set(old.tiers)
    return any(a > b for tier in tiers for a, b in _pairs(rule_of(new, tier), rule_of(old, tier)))


def _pairs(new: TierRule, old: TierRule) -> Iterable[tuple[int, int]]:
    yield new.balance_max, old.balance_max
    yield new.grants_open_max, old.grants_open_max
    for use in Use:
        yield new.day.get(use, 0), old.day.get(use, 0)
        yield new.month.get(use, 0), old.month.get(use, 0)


def open_policy() -> LimitPolicy:
    """What a `dev` bank begins with: tier 0 without coins and grants, three tiers without other limits."""
    everything = {use: AMOUNT_MAX for use in Use}
    small = {use: AMOUNT_MAX if use in (Use.TRANSFER, Use.PAY_OUT) else 0 for use in Use}
    tiers = {0: TierRule(AMOUNT_MAX, small, small, 0)}
    tiers |= {tier: TierRule(AMOUNT_MAX, everything, everything, 100) for tier in (1, 2, 3)}
    return LimitPolicy(1, tiers)
