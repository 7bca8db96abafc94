"""The quota policy in force: which versions bind at this time, and what they say of a request (ISSUANCE section 5).

Tightening is immediate, loosening waits. So while a looser version waits for its time, the older one binds beside it: a
request must satisfy every binding version, and a bucket has the lowest of their caps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from zoneinfo import ZoneInfo

from specie.crypto import cose
from specie.issuance.errors import (
    AmountAboveMax,
    AmountBelowMin,
    AmountZero,
    ApproverConflict,
    CurrencyNotPermitted,
    CurrencySuspended,
    DenominationNotPermitted,
    DenominationSum,
    IssuerSuspended,
    ModelNotPermitted,
    OwnerNotPermitted,
    Paused,
    PolicyRefused,
    PurposeNotPermitted,
    TooManyUnits,
)
from specie.issuance.messages.claims import read_payload
from specie.issuance.messages.objects import UNITS_MAX, Model, Request
from specie.issuance.messages.policy import CurrencyRule, IssuerRule, Kind, Limit, Policy, Tier
from specie.issuance.protocol.buckets import SECOND_US
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.protocol.plans import BucketPlan, owner_class, plan_buckets, scope_of
from specie.issuance.protocol.quorum import verified_holders
from specie.kernel.amount import AMOUNT_MAX
from specie.kernel.errors import Refused

POLICY_BYTES_MAX = 262_144
OFFLINE = "offline"
PLANS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Version:
    """One accepted policy."""

    policy: Policy
    hash: bytes
    accepted_us: int
    """When this system accepted it, by its own time."""
    delay_s: int
    """The longest loosening delay that bound when it was accepted; 0 for genesis."""

    def effective_us(self) -> int:
        """From when its looser parts hold."""
        return max(self.policy.effective_from * SECOND_US, self.accepted_us + self.delay_s * SECOND_US)


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """All accepted versions, oldest first."""

    versions: tuple[Version, ...]
    _plans: dict[tuple[object, ...], tuple[int, int, tuple[BucketPlan, ...]]] = field(
        repr=False, compare=False, init=False, default_factory=dict
    )
    """(policies and dimensions of a request) to (from, until, plans), in microseconds."""

    @property
    def newest(self) -> Version:
        return self.versions[-1]

    # SPEC ISSUANCE-5.1.2
    def binding(self, now_us: int) -> tuple[Policy, ...]:
        """The newest version, and every older one whose successor's loosening is still waiting."""
        answer: list[Policy] = []
        for version in reversed(self.versions):
            answer.append(version.policy)
            if now_us >= version.effective_us():
                break
        return tuple(answer)

    def plan(self, policies: Sequence[Policy], request: Request, issuer: str, now_us: int) -> list[BucketPlan]:
        """`plan_buckets`, remembered until the next window begins. policies: the binding ones."""
        labels = tuple(owner_class(policy, request.owner) for policy in policies if policy.owner_classes)
        key = (len(policies), issuer, request.currency, request.purpose, int(request.model), labels)
        known = self._plans.get(key)
        if known is None or not known[0] <= now_us < known[1]:
            plans = tuple(plan_buckets(policies, request, issuer, now_us))
            windows = [plan for plan in plans if plan.window_end]
            known = (
                max((plan.window_start for plan in windows), default=0) * SECOND_US,
                min((plan.window_end for plan in windows), default=2**62) * SECOND_US,
                plans,
            )
            if len(self._plans) >= PLANS_MAX:  # purposes are free text
                self._plans.clear()
            self._plans[key] = known
        return list(known[2])

    def by_number(self, number: int) -> Version | None:
        index = number - self.versions[0].policy.version
        return self.versions[index] if 0 <= index < len(self.versions) else None


def read_policy(data: bytes, keys: KeySet, roots: Mapping[bytes, bytes], book: PolicyBook | None, now_s: int) -> Policy:
    """Verify the next policy: its officers (genesis: root), its place in the chain, its contents.

    Raises PolicyRefused, which says why.
    """
    try:
        parsed = cose.parse_sign(data, bytes_max=POLICY_BYTES_MAX)
        _, policy = read_payload(Policy, parsed.payload)
    except Refused as error:
        raise PolicyRefused(error.detail or error.code) from error
    if parsed.typ != Policy.typ:
        raise PolicyRefused("not a quota policy")
    # SPEC ISSUANCE-1.3.1, ISSUANCE-5.1.3, ISSUANCE-11.7
    if book is None:
        needed, persons = keys.manifest.threshold, verified_holders(parsed.signers, roots)
    else:
        # a smaller quorum is a loosening, and waits like any other
        needed, persons = (
            max(policy.quorum for policy in book.binding(now_s * SECOND_US)),
            verified_holders(parsed.signers, _officers(keys, now_s), keys),
        )
    if len(persons) < needed:
        raise PolicyRefused(f"{len(persons)} of {needed} needed signatures")
    if policy.environment != keys.manifest.environment:
        raise PolicyRefused(f"the policy is for {policy.environment}")
    # SPEC ISSUANCE-5.1.1
    last, previous = (book.newest.policy.version, book.newest.hash) if book else (0, bytes(32))
    if policy.version != last + 1 or policy.previous != previous:
        raise PolicyRefused(f"version {policy.version} does not follow version {last}")
    check_contents(policy)
    if book is not None:
        _check_registries(policy, book.newest.policy)
    return policy


def policy_hash(data: bytes) -> bytes:
    """How credentials and the next version name a policy."""
    return sha256(data).digest()


def _officers(keys: KeySet, now_s: int) -> dict[bytes, bytes]:
    from specie.issuance.protocol.keyset import may_sign

    return {entry.kid: keys.publics[entry.kid] for entry in keys.of_role("officer") if may_sign(entry, now_s)}


def check_contents(policy: Policy) -> None:
    """Refuse a policy that contradicts itself. Raises PolicyRefused."""
    seen = set()
    for limit in policy.limits:
        if limit.currency not in policy.currencies:
            raise PolicyRefused(f"limit {limit.name}: unknown currency {limit.currency}")
        windowed = limit.kind in (Kind.WINDOW, Kind.COUNT)
        if windowed != (limit.window is not None) or (windowed and limit.window not in ("hour", "day", "month")):
            raise PolicyRefused(f"limit {limit.name}: a window of hour, day or month goes with window and count")
        if (limit.kind == Kind.RATE) != (limit.refill_per_s is not None):
            raise PolicyRefused(f"limit {limit.name}: a refill goes with rate")
        _check_zone(limit)
        scope = scope_of(limit, None)
        if scope in seen:
            raise PolicyRefused(f"limit {limit.name}: a second limit of the same kind and scope")
        seen.add(scope)
        rule = policy.currencies[limit.currency]
        narrow = limit.purpose or limit.model or limit.owner_class
        # SPEC ISSUANCE-14.13
        if limit.kind == Kind.STOCK and narrow and (rule.banks or rule.token_registry not in ("", OFFLINE)):
            raise PolicyRefused(f"limit {limit.name}: no narrower stock bucket with an on-line registry")
    for code, rule in policy.currencies.items():
        if rule.least > rule.most:
            raise PolicyRefused(f"{code}: least is above most")
        if rule.reserve and rule.reserve.quorum > len(set(rule.reserve.custodians)):
            raise PolicyRefused(f"{code}: more custodians needed than named")
        tiers = policy.tiers.get(code)
        if not tiers or tiers[-1].up_to < rule.most:
            raise PolicyRefused(f"{code}: the tiers do not reach the largest amount")
        if any(a.up_to >= b.up_to for a, b in pairwise(tiers)):
            raise PolicyRefused(f"{code}: tiers must ascend")
        if any(len(set(tier.titles)) > tier.persons for tier in tiers):
            raise PolicyRefused(f"{code}: a tier names more titles than persons")
    # SPEC ISSUANCE-5.1.2
    if policy.lifetimes.loosen_delay_s == 0 and policy.environment != "dev":
        raise PolicyRefused("loosening without delay is for the environment dev only")
    if not 1 <= policy.oldest_accepted <= policy.version:
        raise PolicyRefused("oldest accepted version is ahead of this one")


def _check_zone(limit: Limit) -> None:
    if limit.zone is not None:
        try:
            ZoneInfo(limit.zone)
        except (KeyError, ValueError, OSError) as error:
            raise PolicyRefused(f"limit {limit.name}: unknown time zone {limit.zone}") from error


# SPEC ISSUANCE-13.1.3
def _check_registries(policy: Policy, before: Policy) -> None:
    for code, rule in before.currencies.items():
        after = policy.currencies.get(code)
        if after is None:
            raise PolicyRefused(f"{code}: a currency is suspended, not removed")
        if rule.token_registry and after.token_registry != rule.token_registry:
            raise PolicyRefused(f"{code}: the registry of the token model cannot change")
        if after.digits != rule.digits or after.quota_control != rule.quota_control:
            raise PolicyRefused(f"{code}: digits and quota control cannot change")
        if not set(rule.banks) <= set(after.banks):
            raise PolicyRefused(f"{code}: banks may be added, not removed")


# SPEC ISSUANCE-6.2.11, ISSUANCE-6.5.14, ISSUANCE-12.5.1
def check_pauses(scopes: Iterable[str], currency: str, issuer: str, direction: str) -> None:
    """Refuse under a pause. scopes: those in force. Raises Paused, CurrencySuspended, IssuerSuspended."""
    scopes = set(scopes)
    if not scopes:
        return
    if "platform" in scopes or f"direction:{direction}" in scopes:
        raise Paused(f"{direction} is paused")
    if f"currency:{currency}" in scopes:
        raise CurrencySuspended(f"{currency} is suspended")
    if f"issuer:{issuer}" in scopes:
        raise IssuerSuspended(f"{issuer} is suspended")


# SPEC ISSUANCE-6.2.12
def check_permission(policies: Sequence[Policy], request: Request, issuer: str) -> None:
    """Raises CurrencyNotPermitted, ModelNotPermitted, PurposeNotPermitted, OwnerNotPermitted."""
    rules = [policy.issuers.get(issuer, NOTHING) for policy in policies]
    known = [policy.currencies[request.currency] for policy in policies if request.currency in policy.currencies]
    # plain loops: these run for every request, and a generator for each would double their time
    if len(known) < len(policies):
        raise CurrencyNotPermitted(f"{issuer} may not issue {request.currency}")
    for rule in rules:
        if request.currency not in rule.currencies:
            raise CurrencyNotPermitted(f"{issuer} may not issue {request.currency}")
    for rule, currency in zip(rules, known, strict=True):
        if request.model not in rule.models or not _has_registry(currency, request):
            raise ModelNotPermitted(f"{issuer} may not issue {request.currency} in the model {request.model}")
    for rule in rules:
        if rule.purposes and request.purpose not in rule.purposes:
            raise PurposeNotPermitted(f"{issuer} may not issue for the purpose {request.purpose}")
    for rule in rules:
        if rule.owners and request.owner not in rule.owners:
            raise OwnerNotPermitted(f"{issuer} may not issue to this owner")
    # SPEC ISSUANCE-13.3.5
    if request.model == Model.ACCOUNT and not all(_names_bank(rule, request.owner) for rule in known):
        raise OwnerNotPermitted("the owner names no bank of this currency")


NOTHING = IssuerRule(currencies=(), models=(), purposes=(), owners=())


def _has_registry(rule: CurrencyRule, request: Request) -> bool:
    return bool(rule.banks if request.model == Model.ACCOUNT else rule.token_registry)


def _names_bank(rule: CurrencyRule, owner: bytes) -> bool:
    bank, slash, account = owner.partition(b"/")
    return bool(slash and account) and owner.isascii() and bank.decode("ascii", "replace") in rule.banks


# SPEC ISSUANCE-6.2.13
def check_amount(policies: Sequence[Policy], request: Request) -> None:
    """Raises AmountZero, AmountBelowMin, AmountAboveMax, DenominationNotPermitted, DenominationSum, TooManyUnits."""
    rules = [policy.currencies[request.currency] for policy in policies]
    if request.amount == 0:
        raise AmountZero("the amount is zero")
    least, most = max([rule.least for rule in rules]), min([rule.most for rule in rules])
    if request.amount < least:
        raise AmountBelowMin(f"the least is {least} minor units")
    if request.amount > min(AMOUNT_MAX, most):
        raise AmountAboveMax(f"the most is {most} minor units")
    if request.model == Model.ACCOUNT:
        return
    pairs = request.denominations or ()
    for rule in rules:
        if rule.denominations and any(value not in rule.denominations for value, _ in pairs):
            raise DenominationNotPermitted("a denomination is not in the policy's list")
    # SPEC ISSUANCE-20.21 (the sum is exact, whatever its size)
    if sum([value * count for value, count in pairs]) != request.amount:
        raise DenominationSum("the denominations do not add up to the amount")
    if request.unit_count() > UNITS_MAX:
        raise TooManyUnits(f"{request.unit_count()} units; at most {UNITS_MAX}")


def tier_of(policies: Sequence[Policy], request: Request) -> tuple[int, Tier]:
    """The strictest tier that any binding policy asks for, with its index."""
    found = []
    for policy in policies:
        for index, tier in enumerate(policy.tiers[request.currency]):
            if request.amount <= tier.up_to:
                found.append((tier.persons, len(tier.titles), index, tier))
                break
    _, _, index, tier = found[0] if len(found) == 1 else max(found, key=lambda item: item[:2])
    if len(found) == 1 and not tier.titles:
        return index, tier
    titles = tuple(sorted({title for *_, each in found for title in each.titles}))
    return index, Tier(up_to=tier.up_to, persons=max(tier.persons, len(titles)), titles=titles)


# SPEC ISSUANCE-11.8
def check_operator(tier: Tier, request: Request) -> None:
    """Raises ApproverConflict where officers are needed and the request does not say who asks."""
    if tier.persons and request.operator is None:
        raise ApproverConflict("a request of this tier must name its operator")
