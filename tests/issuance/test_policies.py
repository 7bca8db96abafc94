"""Policies in force: tightening at once, loosening later, and every way in which a policy is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Bit, Granted, Pending
from specie.issuance.engine.rulebook import PolicyItem
from specie.issuance.messages.policy import Kind, Lifetimes, Limit, Policy, ReserveRule, Tier
from specie.issuance.protocol.plans import plan_buckets
from specie.issuance.protocol.policy import PolicyBook, Version
from specie.issuance.wallet.founding import first_policy
from specie.issuance.wallet.officer import sign_policy
from tests.issuance.forge import (
    asynchronous,
    change_policy,
    change_policy_at,
    currency_rule,
    current_policy,
    draft_presentation,
    draft_request,
    figures,
    issuer_rule,
    log_size,
    next_policy,
    now_s,
)
from tests.issuance.house import CM, CURRENCY, IS, QC, START_US, House, terms

DAY_S = 86_400
SLOW = Lifetimes(600, 1200, 3600, DAY_S, 30 * DAY_S)


async def found_slow(house: House, **changes: Any) -> None:
    """A house whose loosening waits a day."""
    now = now_s(house)
    await house.found(replace(first_policy("dev", terms(), now), **({"lifetimes": SLOW} | changes)))


async def ask(house: House, amount: int = 15_000, **changes: Any) -> Any:
    data = await draft_request(house, house.order(amount, **changes)).finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    return answer


async def use(house: House, answer: Any) -> Any:
    data = await draft_presentation(house, answer.sealed).finish(house)
    (bit,) = await house.quota_control.control_bits([data], peer=IS)
    return bit


# SPEC ISSUANCE-5.1.2, ISSUANCE-5.1.4
@asynchronous
async def test_tightening_is_immediate_and_loosening_waits(house: House) -> None:
    """A cap lowered counts at once at both systems; raised again, it counts after the delay."""
    cap = Limit("total-supply", Kind.STOCK, 10_000, CURRENCY)
    await found_slow(house, limits=(replace(cap, cap=100_000),))
    held = await ask(house)
    await change_policy(house, limits=(cap,))
    assert isinstance(await ask(house), errors.QuotaExceeded)
    assert isinstance(await use(house, held), errors.QuotaExceededRealTime)
    await change_policy(house, limits=(replace(cap, cap=100_000),))
    house.clock.advance(seconds=DAY_S - 1)
    assert isinstance(await ask(house), errors.QuotaExceeded)
    house.clock.advance(seconds=1)
    assert isinstance(await ask(house), Granted)


# SPEC ISSUANCE-5.1.2
@pytest.mark.parametrize(
    ("tight", "loose"),
    [
        ({"limits": (Limit("cap", Kind.LIFETIME, 1, CURRENCY),)}, {"limits": ()}),
        (
            {"limits": (Limit("speed", Kind.RATE, 10_000, CURRENCY, refill_per_s=1),)},
            {"limits": (Limit("speed", Kind.RATE, 10_000, CURRENCY, refill_per_s=10**9),)},
        ),
        ({"tiers": {CURRENCY: (Tier(900_000, 1, ()),)}}, {"tiers": {CURRENCY: (Tier(900_000, 0, ()),)}}),
        ({"paused": (f"currency:{CURRENCY}",)}, {"paused": ()}),
        ({"issuer": {"purposes": ("salaries",)}}, {"issuer": {"purposes": ()}}),
        ({"issuer": {"owners": (b"nobody",)}}, {"issuer": {"owners": ()}}),
        ({"rule": {"most": 7_000}}, {"rule": {"most": 900_000}}),
        ({"rule": {"least": 9_000}}, {"rule": {"least": 1}}),
        ({"rule": {"denominations": (7,)}}, {"rule": {"denominations": ()}}),
        ({"rule": {"reserve": ReserveRule(("custodian-1",), 1, (1, 1), 60)}}, {"rule": {"reserve": None}}),
    ],
    ids=["cap", "refill", "tier", "pause", "purpose", "owner", "most", "least", "denomination", "reserve"],
)
@asynchronous
async def test_every_looser_part_waits(house: House, tight: dict[str, Any], loose: dict[str, Any]) -> None:
    """What the tight version refuses stays refused until a day after the loose one was accepted."""
    await found_slow(house)

    def change(values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        if rule := values.pop("rule", None):
            values["currencies"] = currency_rule(house, **rule)
        if issuer := values.pop("issuer", None):
            values["issuers"] = issuer_rule(house, **issuer)
        return values

    await change_policy(house, **change(tight))
    if "limits" in tight and tight["limits"][0].kind == Kind.RATE:
        assert isinstance(await ask(house, 8_000, operator="olga"), Granted)
        house.clock.advance(seconds=10)
    assert not isinstance(await ask(house, 8_000, operator="olga"), Granted)
    await change_policy(house, **change(loose))
    house.clock.advance(seconds=100)
    assert not isinstance(await ask(house, 8_000, operator="olga"), Granted)
    house.clock.advance(seconds=DAY_S)
    assert isinstance(await ask(house, 8_000, operator="olga"), Granted)


# SPEC ISSUANCE-5.1.2
@asynchronous
async def test_the_delay_itself_is_not_loosened_in_two_steps(house: House) -> None:
    """First no more delay, then the higher cap: the second waits as long as the first."""
    cap = Limit("total-supply", Kind.STOCK, 10_000, CURRENCY)
    await found_slow(house, limits=(cap,))
    await change_policy(house, lifetimes=replace(SLOW, loosen_delay_s=0))
    await change_policy(house, limits=(replace(cap, cap=10**9),))
    assert isinstance(await ask(house), errors.QuotaExceeded)
    house.clock.advance(seconds=DAY_S)
    assert isinstance(await ask(house), Granted)


# SPEC ISSUANCE-5.1.2, ISSUANCE-11.7
@asynchronous
async def test_the_quorum_itself_is_not_loosened_at_once(house: House) -> None:
    await found_slow(house)
    await change_policy(house, quorum=1)
    newest = house.desks[QC].cached.book.newest  # type: ignore[union-attr]
    policy = replace(newest.policy, version=3, previous=newest.hash)
    alone = await sign_policy(policy, [house.hand("mina")])
    with pytest.raises(errors.PolicyRefused, match="1 of 2"):
        await house.quota_control.rules.apply_policy(alone)
    house.clock.advance(seconds=DAY_S)
    assert await house.quota_control.rules.apply_policy(alone) == 3


# SPEC ISSUANCE-5.1.2, ISSUANCE-2.1.4
@asynchronous
async def test_the_age_of_the_manifest_is_not_loosened_at_once(house: House) -> None:
    await found_slow(house, lifetimes=replace(SLOW, manifest_age_s=3600))
    await change_policy(house, lifetimes=SLOW)
    house.clock.advance(seconds=3601)
    assert isinstance(await ask(house), errors.KeysetStale)


# SPEC ISSUANCE-5.1.2
@pytest.mark.parametrize(("environment", "delay_s", "good"), [("dev", 0, True), ("live", 0, False), ("live", 1, True)])
def test_no_delay_in_dev_only(environment: str, delay_s: int, good: bool) -> None:
    from specie.issuance.protocol.policy import check_contents

    policy = first_policy(environment, terms(), START_US // 1_000_000)
    policy = replace(policy, lifetimes=replace(policy.lifetimes, loosen_delay_s=delay_s))
    if good:
        check_contents(policy)
        return
    with pytest.raises(errors.PolicyRefused):
        check_contents(policy)


# SPEC ISSUANCE-20.20
@pytest.mark.parametrize("system", [CM, QC])
@asynchronous
async def test_a_policy_in_the_same_batch_counts(house: House, system: str) -> None:
    """The lowered cap and the request are decided in one transaction, the cap first."""
    from specie.issuance.engine.central_management.requests import RequestItem
    from specie.issuance.engine.quota_control.uses import UseItem
    from specie.issuance.messages.objects import Request
    from specie.issuance.protocol.envelope import read_unverified

    await house.found()
    tight = await next_policy(house, limits=(Limit("total-supply", Kind.STOCK, 10_000, CURRENCY),))
    if system == CM:
        await ask(house)  # the buckets are there already
        item: Any = RequestItem(read_unverified(await draft_request(house).finish(house), Request))
        engine: Any = house.central_management
    else:
        assert isinstance(await use(house, await ask(house)), Bit)
        data = await draft_presentation(house, (await ask(house)).sealed).finish(house)
        engine = house.quota_control
        keys = house.desks[QC].cached.keys  # type: ignore[union-attr]
        (shown,) = engine.opener.open([data], [IS], keys, now_s(house))
        item = UseItem(shown)
    before = await figures(house, system)
    version, outcome = await engine.writer.submit_many([PolicyItem(tight), item])
    assert version == 2
    assert outcome.refusal.chapter in ("QUOTA_EXCEEDED", "QUOTA_EXCEEDED_RT")
    assert await figures(house, system) == before


def wrong(policy: Policy, **changes: Any) -> Policy:
    return replace(policy, **changes)


# SPEC ISSUANCE-5.1.1, ISSUANCE-5.1.3, ISSUANCE-1.3.1, ISSUANCE-13.1.3, ISSUANCE-2.1.5
@pytest.mark.parametrize(
    "changes",
    [
        {"version": 3},
        {"version": 1},
        {"previous": bytes(32)},
        {"environment": "live"},
        {"oldest_accepted": 9},
        {"rule": {"token_registry": "chain-9"}},
        {"rule": {"digits": 3}},
        {"rule": {"quota_control": "qc-9"}},
        {"rule": {"least": 10, "most": 9}},
        {"rule": {"reserve": ReserveRule(("custodian-1",), 2, (1, 1), 60)}},
        {"currencies": {}},
        {"limits": (Limit("a", Kind.STOCK, 1, "XDC"),)},
        {"limits": (Limit("a", Kind.STOCK, 1, CURRENCY, window="day"),)},
        {"limits": (Limit("a", Kind.WINDOW, 1, CURRENCY),)},
        {"limits": (Limit("a", Kind.WINDOW, 1, CURRENCY, window="week"),)},
        {"limits": (Limit("a", Kind.WINDOW, 1, CURRENCY, window="day", zone="Moon/Base"),)},
        {"limits": (Limit("a", Kind.RATE, 1, CURRENCY),)},
        {"limits": (Limit("a", Kind.STOCK, 1, CURRENCY), Limit("b", Kind.STOCK, 2, CURRENCY))},
        {"tiers": {CURRENCY: (Tier(10, 0, ()),)}},
        {"tiers": {CURRENCY: (Tier(900_000, 0, ()), Tier(900_000, 1, ()))}},
        {"tiers": {CURRENCY: (Tier(900_000, 1, ("treasury", "risk")),)}},
    ],
    ids=lambda value: "change" if callable(value) else str(value),
)
@asynchronous
async def test_policies_that_are_refused(house: House, changes: dict[str, Any]) -> None:
    """Out of the chain, of another environment, or in contradiction to themselves: nothing changes."""
    await house.found()
    values = dict(changes)
    if rule := values.pop("rule", None):
        values["currencies"] = currency_rule(house, **rule)
    data = await next_policy(house, **values)
    for engine, system in ((house.central_management, CM), (house.quota_control, QC), (house.issuance, IS)):
        size = await log_size(house, system)
        with pytest.raises(errors.PolicyRefused):
            await engine.rules.apply_policy(data)
        assert await log_size(house, system) == size
        assert current_policy(house, system).version == 1


# SPEC ISSUANCE-1.3.1, ISSUANCE-3.5.1, ISSUANCE-3.5.2, ISSUANCE-11.1, ISSUANCE-20.8
@pytest.mark.parametrize("hands", [["mina"], ["mina", "mina"], ["cm"], ["root-0", "root-1"], ["custodian-1", "mina"]])
@asynchronous
async def test_who_may_not_make_a_policy(house: House, hands: list[str]) -> None:
    """One officer, one twice, central management, the root holders, a custodian: none of them can raise a cap."""
    await house.found()
    roles = {"cm": "cm:cred", "root-0": "root", "root-1": "root", "custodian-1": "custodian"}
    newest = house.desks[QC].cached.book.newest  # type: ignore[union-attr]
    policy = replace(newest.policy, version=2, previous=newest.hash, limits=())
    signers = [house.hand(name, roles.get(name, "officer")) for name in hands]
    if {"cm", "custodian-1"} & set(hands):
        for hand in signers:
            if hand.holder in ("cm", "custodian-1"):
                signers = [each for each in signers if each is not hand]
        signers = signers or [house.hand("root-0", "root")]
    with pytest.raises(errors.PolicyRefused):
        await house.quota_control.rules.apply_policy(await sign_policy(policy, signers))


# SPEC ISSUANCE-5.1.1
@pytest.mark.parametrize("data", [b"", b"\xff", b"\xd2\x80", bytes(300_000)], ids=["empty", "break", "tag", "large"])
@asynchronous
async def test_bytes_that_are_no_policy(house: House, data: bytes) -> None:
    await house.found()
    with pytest.raises(errors.PolicyRefused):
        await house.quota_control.rules.apply_policy(data)
    with pytest.raises(errors.ManifestRefused):
        await house.quota_control.rules.apply_keys(data)


# SPEC ISSUANCE-1.3.2, ISSUANCE-1.3.3, ISSUANCE-20.8
@asynchronous
async def test_each_system_denies_alone(house: House) -> None:
    """A version that only one of them has: each keeps its own count under its own copy."""
    await house.found()
    held = await ask(house)
    await change_policy_at(house, [house.quota_control], limits=(Limit("total", Kind.STOCK, 1, CURRENCY),))
    assert isinstance(await ask(house), Granted)
    assert isinstance(await use(house, held), errors.QuotaExceededRealTime)


# SPEC ISSUANCE-5.1.1
@asynchronous
async def test_the_same_policy_again_changes_nothing(house: House) -> None:
    await house.found()
    data = await next_policy(house)
    for expected in (2, 2):
        assert await house.quota_control.rules.apply_policy(data) == expected
    assert await house.quota_control.rules.policies_since(1) == [data]


# SPEC ISSUANCE-11.4
@asynchronous
async def test_a_cap_lowered_below_a_waiting_request(house: House) -> None:
    """The officer is told which rule forbids it now; the request ends in its own time, and its hold with it."""
    from specie.issuance.wallet.officer import approve

    await house.found()
    draft = draft_request(house, house.order(200_000, operator="olga"))
    data = await draft.finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    assert isinstance(answer, Pending)
    await change_policy(house, currencies=currency_rule(house, most=100_000), tiers={CURRENCY: (Tier(100_000, 1, ()),)})
    with pytest.raises(errors.AmountAboveMax):
        await house.central_management.approve(await approve(house.hand("mina"), data, 1))
    house.clock.advance(seconds=3601)
    await house.settle()
    assert (await figures(house, CM)).get(f"stock:{CURRENCY}") is None


# SPEC ISSUANCE-5.3.2
@asynchronous
async def test_a_lowered_cap_leaves_less_than_nothing(house: House) -> None:
    """available is negative, every request is denied, nothing else happens."""
    await house.found()
    assert isinstance(await use(house, await ask(house)), Bit)
    await house.settle()
    await change_policy(house, limits=(Limit("total", Kind.STOCK, 10_000, CURRENCY),))
    answer = await ask(house, 1)
    assert isinstance(answer, errors.QuotaExceeded)
    assert answer.available == 0
    for engine in (house.central_management, house.quota_control):
        (root,) = [each for each in (await engine.quotas()).buckets if each.key == f"stock:{CURRENCY}"]
        assert root.used == 15_000
        assert engine is house.quota_control or (root.cap, root.available) == (10_000, -5_000)


# SPEC ISSUANCE-5.1.2
def test_the_lowest_of_every_figure_binds() -> None:
    """Two versions, each tighter in one figure of the same bucket: both bind."""
    now = START_US // 1_000_000
    first = first_policy("dev", terms(), now)
    fast = replace(first, limits=(Limit("speed", Kind.RATE, 100, CURRENCY, refill_per_s=9),))
    large = replace(first, limits=(Limit("speed", Kind.RATE, 200, CURRENCY, refill_per_s=3),))
    book = PolicyBook((Version(fast, b"1" * 32, START_US, 0), Version(large, b"2" * 32, START_US, DAY_S)))
    from specie.issuance.messages.objects import Request

    request = Request(CURRENCY, 1, 0, b"alice", "retail", ((1, 1),))
    for policies in (book.binding(START_US), tuple(reversed(book.binding(START_US)))):
        (plan,) = [each for each in plan_buckets(policies, request, IS, START_US) if each.kind == Kind.RATE]
        assert (plan.cap, plan.refill_per_s) == (100, 3)
