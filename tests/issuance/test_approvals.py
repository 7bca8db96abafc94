"""Officers decide: persons and not keys, bound to one request, in time, and counted again by quota control."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Bit, Granted, Pending
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.policy import ReserveRule
from specie.issuance.wallet.officer import approve, attest, reject
from tests.issuance.forge import (
    asynchronous,
    change_policy,
    currency_rule,
    draft_presentation,
    draft_request,
    evidence_of,
    figures,
    log_size,
    now_s,
    rows,
    sha,
)
from tests.issuance.house import CM, CURRENCY, IS, House

ONE, TWO = 200_000, 600_000
HELD = f"stock:{CURRENCY}"


async def wait(house: House, amount: int = TWO, operator: str = "olga") -> bytes:
    """A request that waits for officers."""
    data = await draft_request(house, house.order(amount, operator=operator)).finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    assert isinstance(answer, Pending), answer
    return data


async def yes(house: House, person: str, data: bytes, **changes: Any) -> str:
    return await house.central_management.approve(await approve(house.hand(person), data, 2, **changes))


async def outcome(house: House, data: bytes) -> Any:
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    return answer


# SPEC ISSUANCE-11.1, ISSUANCE-6.2.17, ISSUANCE-8.1
@pytest.mark.parametrize(
    ("amount", "persons", "states"),
    [
        (100_000, [], []),
        (100_001, ["omar"], ["credentialed"]),
        (500_000, ["ines"], ["credentialed"]),
        (500_001, ["mina", "omar"], ["pending", "credentialed"]),
        (600_000, ["mina", "ines", "omar"], ["pending", "pending", "credentialed"]),
    ],
)
@asynchronous
async def test_tiers(house: House, amount: int, persons: list[str], states: list[str]) -> None:
    """Automatic, one officer, two with treasury and risk: at each boundary. Then quota control counts again."""
    await house.found()
    data = await draft_request(house, house.order(amount, operator="olga")).finish(house)
    first = await outcome(house, data)
    assert isinstance(first, Pending if persons else Granted)
    assert [await yes(house, person, data) for person in persons] == states
    granted = await outcome(house, data)
    assert isinstance(granted, Granted)
    (bit,) = await house.quota_control.control_bits(
        [await draft_presentation(house, granted.sealed).finish(house)], peer=IS
    )
    assert isinstance(bit, Bit)
    await house.settle()
    assert (await figures(house, CM))[HELD] == (0, amount)


# SPEC ISSUANCE-11.1, ISSUANCE-11.2, ISSUANCE-20.26
@asynchronous
async def test_who_may_not_decide(house: House) -> None:
    """The operator, an officer of the requesting system, a person twice (also with a second key)."""

    def edit(entries: tuple[KeyEntry, ...]) -> tuple[KeyEntry, ...]:
        return tuple(replace(each, employer=IS) if each.holder == "ines" else each for each in entries)

    await house.found(edit=edit)
    data = await wait(house, operator="mina")
    with pytest.raises(errors.ApproverConflict):
        await yes(house, "mina", data)
    with pytest.raises(errors.ApproverConflict):
        await yes(house, "ines", data)
    assert await yes(house, "omar", data) == "pending"
    with pytest.raises(errors.ApprovalDuplicate):
        await yes(house, "omar", data)
    assert (await figures(house, CM))[HELD] == (TWO, 0)


# SPEC ISSUANCE-11.4
@asynchronous
async def test_words_that_do_not_count(house: House) -> None:
    """Expired, ahead of time, in another's name, of an unknown request, by a key that is no officer's."""
    await house.found()
    data = await wait(house)
    size = await log_size(house, CM)
    hand = house.hand("omar")
    with pytest.raises(errors.ApprovalExpired):
        await yes(house, "omar", data, life_s=0)
    with pytest.raises(errors.LifetimeTooLong):
        await yes(house, "omar", data, life_s=3601)
    house.clock.advance(seconds=31)
    ahead = await approve(hand, data, 2)
    house.clock.advance(seconds=-31)
    with pytest.raises(errors.ApprovalExpired):
        await house.central_management.approve(ahead)
    with pytest.raises(errors.IssuerMismatch):
        await house.central_management.approve(await approve(replace(hand, holder="mina"), data, 2))
    with pytest.raises(errors.UnknownRequest):
        await yes(house, "omar", b"another request")
    with pytest.raises(errors.WrongType):
        await house.central_management.approve(data)
    good = await approve(hand, data, 2)
    with pytest.raises(errors.BadSignature):
        await house.central_management.approve(good[:-1] + bytes([good[-1] ^ 1]))
    assert await log_size(house, CM) == size
    assert await house.central_management.waiting() == [data]


# SPEC ISSUANCE-11.3, ISSUANCE-7.3
@asynchronous
async def test_one_reject_ends_it(house: House) -> None:
    """After an approval too; the quota is free, the refusal is signed, and later words find nothing to decide."""
    await house.found()
    data = await wait(house)
    assert await yes(house, "mina", data) == "pending"
    no = await reject(house.hand("omar"), data, 2, "too much")
    assert await house.central_management.approve(no) == "rejected"
    answer = await outcome(house, data)
    assert isinstance(answer, errors.ApprovalRejected)
    assert answer.detail == "too much"
    assert evidence_of(house, answer, CM).body.object_hash == sha(data)
    assert HELD not in await figures(house, CM)
    with pytest.raises(errors.ApprovalExpired):
        await yes(house, "ines", data)
    assert await house.central_management.waiting() == []


# SPEC ISSUANCE-11.4, ISSUANCE-8.1
@pytest.mark.parametrize("by_officer", [False, True])
@asynchronous
async def test_nobody_decides_in_time(house: House, by_officer: bool) -> None:
    """The hold ends by the chores, or at the latest when an officer comes too late."""
    await house.found()
    data = await wait(house)
    await yes(house, "mina", data)
    house.clock.advance(seconds=3601)
    assert (await figures(house, CM))[HELD] == (TWO, 0)
    if by_officer:
        with pytest.raises(errors.ApprovalExpired) as caught:
            await yes(house, "omar", data)
        assert evidence_of(house, caught.value, CM).body.object_hash == sha(data)
    else:
        await house.settle()
    assert HELD not in await figures(house, CM)
    with pytest.raises(errors.ApprovalExpired):
        await house.central_management.request_answer((await rows(house, CM, "SELECT cti FROM request"))[0][0])


# SPEC ISSUANCE-11.4, ISSUANCE-11.9
@asynchronous
async def test_an_approval_that_lapsed_is_not_counted(house: House) -> None:
    """Mina's word held ten minutes; Omar's comes after that: a third person is needed."""
    await house.found()
    data = await wait(house)
    await yes(house, "mina", data, life_s=600)
    house.clock.advance(seconds=600)
    assert await yes(house, "omar", data) == "pending"
    assert await yes(house, "ines", data) == "credentialed"


# SPEC ISSUANCE-10.1.4, ISSUANCE-11.1
@asynchronous
async def test_the_same_word_again(house: House) -> None:
    await house.found()
    data = await wait(house)
    word = await approve(house.hand("mina"), data, 2)
    assert await house.central_management.approve(word) == "pending"
    size = await log_size(house, CM)
    assert await house.central_management.approve(word) == "pending"
    assert await log_size(house, CM) == size
    assert await yes(house, "omar", data) == "credentialed"
    assert await house.central_management.approve(word) == "known"


# SPEC ISSUANCE-5.6.1, ISSUANCE-6.2.14
@asynchronous
async def test_the_last_word_comes_while_the_reserve_is_stale(house: House) -> None:
    """No credential then; the same word brings it once the custodian has spoken again."""
    await house.found()
    await change_policy(house, currencies=currency_rule(house, reserve=ReserveRule(("custodian-1",), 1, (1, 1), 60)))

    async def attested() -> None:
        word = await attest(house.hand("custodian-1", "custodian"), CURRENCY, 10**9, now_s(house))
        await house.central_management.rules.apply_reserve(word)

    await attested()
    data = await wait(house, ONE)
    house.clock.advance(seconds=61)
    word = await approve(house.hand("mina"), data, 1)
    with pytest.raises(errors.ReserveStale):
        await house.central_management.approve(word)
    assert isinstance(await outcome(house, data), Pending)
    await attested()
    assert await house.central_management.approve(word) == "credentialed"


# SPEC ISSUANCE-11.8
@pytest.mark.parametrize("amount", [ONE, TWO])
@asynchronous
async def test_without_an_operator(house: House, amount: int) -> None:
    await house.found()
    data = await draft_request(house, house.order(amount)).finish(house)
    assert isinstance(await outcome(house, data), errors.ApproverConflict)


# SPEC ISSUANCE-6.1.2, ISSUANCE-8.3, ISSUANCE-11.4
@asynchronous
async def test_the_issue_goes_on_when_officers_take_longer_than_the_request_lives(house: House) -> None:
    """A request lives 15 minutes, officers have an hour: the issuance system polls and is not told EXPIRED."""
    await house.found()
    (view,) = await house.issuance.issue([house.order(ONE, operator="olga")])
    assert view.state == "requested"  # type: ignore[union-attr]
    (data,) = await house.central_management.waiting()
    house.clock.advance(seconds=1800)
    await house.settle()
    assert (await house.issuance.show(view.id)).state == "requested"  # type: ignore[union-attr]
    assert await yes(house, "mina", data) == "credentialed"
    await house.settle()
    assert (await house.issuance.show(view.id)).state == "released"  # type: ignore[union-attr]


# SPEC ISSUANCE-8.3, ISSUANCE-11.3
@asynchronous
async def test_the_operator_is_told_of_a_reject(house: House) -> None:
    await house.found()
    (view,) = await house.issuance.issue([house.order(ONE, operator="olga")])
    (data,) = await house.central_management.waiting()
    await house.central_management.approve(await reject(house.hand("mina"), data, 1, "not today"))
    house.clock.advance(seconds=1000)
    await house.settle()
    shown = await house.issuance.show(view.id)  # type: ignore[union-attr]
    assert (shown.state, shown.code, shown.detail) == ("denied", "issuance.approval_rejected", "not today")
