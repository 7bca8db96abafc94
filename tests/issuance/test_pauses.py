"""Pauses, reserves and frozen units: signed words of officers and custodians, whatever the order of arrival."""

from __future__ import annotations

from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Granted
from specie.issuance.engine.issuance_system.redeeming import is_in_filter
from specie.issuance.messages.objects import Unit
from specie.issuance.messages.policy import ReserveRule
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.wallet.officer import attest, freeze, pause, resume
from tests.issuance.forge import (
    asynchronous,
    change_policy,
    currency_rule,
    draft_request,
    log_size,
    now_s,
    rows,
    sha,
)
from tests.issuance.house import CM, CURRENCY, IS, House


async def ask(house: House) -> Any:
    data = await draft_request(house).finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    return answer


async def lift(house: House, scope: str, lifts: list[bytes], people: tuple[str, ...] = ("mina", "omar")) -> None:
    words = [await resume(house.hand(person), scope, "over", lifts) for person in people]
    await house.central_management.rules.apply_pause(words)


# SPEC ISSUANCE-12.5.1, ISSUANCE-12.5.2, ISSUANCE-11.7
@asynchronous
async def test_a_resume_lifts_what_it_names(house: House) -> None:
    """Two pauses of one scope: each stays until a resume of two officers names it; an old resume lifts nothing new."""
    await house.found()
    rules = house.central_management.rules
    scope = f"currency:{CURRENCY}"
    first, second = [await pause(house.hand(person), scope, "drill") for person in ("mina", "ines")]
    for word in (first, second, first):
        await rules.apply_pause([word])
    assert isinstance(await ask(house), errors.CurrencySuspended)
    words = [await resume(house.hand(person), scope, "over", [sha(first)]) for person in ("mina", "omar")]
    await rules.apply_pause(words)
    assert isinstance(await ask(house), errors.CurrencySuspended)
    await lift(house, "platform", [sha(second)])
    assert isinstance(await ask(house), errors.CurrencySuspended)
    await lift(house, scope, [sha(second)])
    assert isinstance(await ask(house), Granted)
    third = await pause(house.hand("omar"), scope, "again")
    await rules.apply_pause([third])
    await rules.apply_pause(words)
    assert isinstance(await ask(house), errors.CurrencySuspended)
    await rules.apply_pause([first])
    await lift(house, scope, [sha(third)])
    assert isinstance(await ask(house), Granted)


# SPEC ISSUANCE-11.1, ISSUANCE-11.7
@asynchronous
async def test_who_may_not_pause_or_resume(house: House) -> None:
    await house.found()
    rules = house.central_management.rules
    word = await pause(house.hand("mina"), "platform", "drill")
    with pytest.raises(errors.BadSignature):
        await rules.apply_pause([word[:-1] + bytes([word[-1] ^ 1])])
    with pytest.raises(errors.Schema):
        await rules.apply_pause([])
    other = await pause(house.hand("omar"), f"issuer:{IS}", "drill")
    with pytest.raises(errors.Schema):
        await rules.apply_pause([word, other])
    await rules.apply_pause([word])
    with pytest.raises(errors.ApprovalsInsufficient):
        await lift(house, "platform", [sha(word)], ("mina",))
    with pytest.raises(errors.ApprovalDuplicate):
        await lift(house, "platform", [sha(word)], ("mina", "mina"))
    assert isinstance(await ask(house), errors.Paused)


# SPEC ISSUANCE-12.4.1, ISSUANCE-12.4.2, ISSUANCE-8.4
@asynchronous
async def test_a_unit_is_frozen_and_let_go(house: House) -> None:
    """By two officers with a reason; it is logged and in the filter while it lasts."""
    await house.found()
    (view,) = await house.issuance.issue([house.order()])
    units = await house.issuance.units(view.id)  # type: ignore[union-attr]
    serials = [read_unverified(unit, Unit).claims.cti for unit in units]
    serial = serials[0]

    async def words(people: tuple[str, ...], reason: str = "theft", **changes: Any) -> list[bytes]:
        return [await freeze(house.hand(person), serial, reason, **changes) for person in people]

    for bad, expected in (
        (await words(("mina",)), errors.ApprovalsInsufficient),
        (await words(("mina", "mina")), errors.ApprovalDuplicate),
        (await words(("mina", "omar"), ""), errors.Schema),
        ([(await words(("mina",)))[0], (await words(("omar",), "other"))[0]], errors.Schema),
        ([], errors.Schema),
    ):
        with pytest.raises(expected):
            await house.issuance.freeze(bad)
    size = await log_size(house, IS)
    stop = await words(("mina", "omar"))
    await house.issuance.freeze(stop)
    assert (await house.issuance.unit(serial))[1] == "frozen"
    assert await log_size(house, IS) == size + 2
    table = await house.issuance.revocation_filter()
    assert [is_in_filter(table, each) for each in serials] == [True, False, False, False]
    release = await words(("mina", "omar"), release=True)
    await house.issuance.freeze(release)
    assert (await house.issuance.unit(serial))[1] == "active"
    # an old word shown again, in whatever order, changes nothing
    for old in (stop, stop[::-1]):
        await house.issuance.freeze(old)
        assert (await house.issuance.unit(serial))[1] == "active"
    await house.issuance.freeze(await words(("ines", "omar"), "theft again"))
    for old in (release, release[::-1]):
        await house.issuance.freeze(old)
        assert (await house.issuance.unit(serial))[1] == "frozen"
    assert await log_size(house, IS) == size + 6


# SPEC ISSUANCE-12.4.1
@asynchronous
async def test_a_unit_that_nobody_made_is_not_frozen(house: House) -> None:
    """Refused without a trace, so that the same words count once the unit exists."""
    await house.found()
    size = await log_size(house, IS)
    words = [await freeze(house.hand(person), b"\x01" * 16, "theft") for person in ("mina", "omar")]
    for _ in range(2):
        with pytest.raises(errors.UnknownSerial):
            await house.issuance.freeze(words)
    assert await log_size(house, IS) == size
    assert await rows(house, IS, "SELECT COUNT(*) FROM unit_freeze") == [(0,)]


# SPEC ISSUANCE-5.6.1, ISSUANCE-5.6.2, ISSUANCE-5.6.4
@asynchronous
async def test_the_latest_word_of_each_custodian_counts(house: House) -> None:
    """By as_of and not by arrival; of two with one as_of the lower, with an alarm; 31 s ahead is refused."""
    await house.found()
    rule = ReserveRule(("custodian-1",), 1, (1, 1), 10_800)
    await change_policy(house, currencies=currency_rule(house, reserve=rule))
    heard: list[str] = []
    house.desks[CM].observer.alarm = lambda code, detail: heard.append(code)  # type: ignore[method-assign]
    now = now_s(house)
    rules = house.central_management.rules

    async def say(amount: int, as_of: int, **changes: Any) -> None:
        hand = house.hand("custodian-1", "custodian")
        await rules.apply_reserve(await attest(hand, CURRENCY, amount, as_of))

    await say(14_999, now)
    assert isinstance(await ask(house), errors.ReserveInsufficient)
    await say(10**9, now - 1)
    assert isinstance(await ask(house), errors.ReserveInsufficient)
    await say(10**9, now)
    assert heard == ["RESERVE_CONFLICT"]
    assert isinstance(await ask(house), errors.ReserveInsufficient)
    with pytest.raises(errors.ReserveRefused):
        await say(10**9, now + 31)
    await say(15_000, now + 30)
    assert isinstance(await ask(house), Granted)
    assert isinstance(await ask(house), errors.ReserveInsufficient)


# SPEC ISSUANCE-5.6.4
@asynchronous
async def test_who_may_not_attest(house: House) -> None:
    from dataclasses import replace

    await house.found()
    rules = house.central_management.rules
    hand = house.hand("custodian-1", "custodian")
    with pytest.raises(errors.ReserveRefused):
        await rules.apply_reserve(await attest(replace(hand, holder="custodian-2"), CURRENCY, 1, now_s(house)))
    word = await attest(hand, CURRENCY, 1, now_s(house))
    with pytest.raises(errors.BadSignature):
        await rules.apply_reserve(word[:-1] + bytes([word[-1] ^ 1]))
    with pytest.raises(errors.WrongType):
        await rules.apply_reserve(await pause(house.hand("mina"), "platform", "no reserve"))
    size = await log_size(house, CM)
    await rules.apply_reserve(word)
    await rules.apply_reserve(word)
    assert await log_size(house, CM) == size + 1
