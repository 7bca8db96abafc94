"""Try again: what is answered while keys, database, rules or time are missing, and that nothing is lost by it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Bit, Granted, Parcel
from specie.issuance.engine.running import Running
from specie.issuance.messages.objects import ControlBit
from specie.issuance.protocol.envelope import read_unverified
from tests.issuance.away import SwitchedDatabase, SwitchedKeys
from tests.issuance.forge import (
    all_figures,
    asynchronous,
    change_policy,
    draft_presentation,
    draft_request,
    evidence_of,
    log_size,
    rows,
    sha,
)
from tests.issuance.house import CM, CURRENCY, IS, QC, House


async def submit(house: House, data: bytes) -> Any:
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    return answer


async def present(house: House, data: bytes) -> Any:
    (answer,) = await house.quota_control.control_bits([data], peer=IS)
    return answer


async def granted(house: House) -> bytes:
    """The presentation of a credential."""
    answer = await submit(house, await draft_request(house).finish(house))
    assert isinstance(answer, Granted)
    return await draft_presentation(house, answer.sealed).finish(house)


# SPEC ISSUANCE-10.1.4
@pytest.mark.parametrize("system", [CM, QC])
@asynchronous
async def test_in_progress(house: House, system: str) -> None:
    """The same bytes while the first call waits for its signature: 409 with Retry-After, then the same answer."""
    await house.found()
    data = await draft_request(house).finish(house) if system == CM else await granted(house)
    call, engine = (submit, house.central_management) if system == CM else (present, house.quota_control)
    keys = SwitchedKeys(house.desks[system].keys)
    house.desks[system].keys, keys.held = keys, True  # type: ignore[assignment]
    engine._running = Running(wait_s=0.001)
    first = asyncio.create_task(call(house, data))
    await keys.entered.wait()
    second = await call(house, data)
    assert isinstance(second, errors.InProgress)
    assert (second.status, second.retry_after_s) == (409, 1)
    keys.let_go.set()
    answer = await first
    assert isinstance(answer, Granted | Bit)
    again = await call(house, data)
    assert again.replayed
    assert getattr(again, "sealed", None) == getattr(answer, "sealed", None)
    assert getattr(again, "bit", None) == getattr(answer, "bit", None)


# SPEC ISSUANCE-10.1.4
@asynchronous
async def test_whoever_waits_is_told_when_the_first_is_done(house: House) -> None:
    """Three calls with the same bytes: all get the one answer, and the quota is held once."""
    await house.found()
    data = await draft_request(house).finish(house)
    keys = SwitchedKeys(house.desks[CM].keys)
    house.desks[CM].keys, keys.held = keys, True  # type: ignore[assignment]
    calls = [asyncio.create_task(submit(house, data)) for _ in range(3)]
    await keys.entered.wait()
    keys.let_go.set()
    answers = await asyncio.gather(*calls)
    assert len({answer.sealed for answer in answers}) == 1
    assert (await all_figures(house))[0][f"stock:{CURRENCY}"] == (15_000, 0)


# SPEC ISSUANCE-6.3.2, ISSUANCE-6.3.4, ISSUANCE-9.6.1
@asynchronous
async def test_keys_away_at_central_management(house: House) -> None:
    """Committed and not signed: 503, the quota is held once, and the stored bytes are signed later."""
    await house.found()
    keys = SwitchedKeys(house.desks[CM].keys)
    house.desks[CM].keys, keys.away = keys, True  # type: ignore[assignment]
    data = await draft_request(house).finish(house)
    for _ in range(2):
        answer = await submit(house, data)
        assert isinstance(answer, errors.KmsUnavailable)
        assert (answer.status, answer.retry_after_s) == (503, 1)
    fixed = await rows(house, CM, "SELECT cti, hash FROM object WHERE typ = 'dc-cred'")
    assert len(fixed) == 1
    assert (await all_figures(house))[0][f"stock:{CURRENCY}"] == (15_000, 0)
    keys.away = False
    later = await submit(house, data)
    assert isinstance(later, Granted)
    assert later.cti == fixed[0][0]
    assert (await all_figures(house))[0][f"stock:{CURRENCY}"] == (15_000, 0)


# SPEC ISSUANCE-6.5.18, ISSUANCE-9.6.1
@pytest.mark.parametrize("by_chore", [False, True])
@asynchronous
async def test_keys_away_at_quota_control(house: House, by_chore: bool) -> None:
    """The bit is counted and not signed: the same bit comes out later, by the next call or by the chores."""
    from specie.issuance.engine.quota_control import chores

    await house.found()
    data = await granted(house)
    keys = SwitchedKeys(house.desks[QC].keys)
    house.desks[QC].keys, keys.away = keys, True  # type: ignore[assignment]
    assert isinstance(await present(house, data), errors.KmsUnavailable)
    (fixed,) = await rows(house, QC, "SELECT cti, hash FROM object WHERE typ = 'dc-bit'")
    figures = await all_figures(house)
    keys.away = False
    if by_chore:
        assert await chores.sign_leftovers(house.quota_control) == 1
    answer = await present(house, data)
    assert isinstance(answer, Bit)
    bit = read_unverified(answer.bit, ControlBit)
    assert (bit.claims.cti, sha(bit.tbs)) == tuple(fixed)
    assert await all_figures(house) == figures


# SPEC ISSUANCE-10.1.5
@asynchronous
async def test_a_denial_without_keys_is_signed_later(house: House) -> None:
    await house.found(daily_cap=1)
    keys = SwitchedKeys(house.desks[CM].keys)
    house.desks[CM].keys, keys.away = keys, True  # type: ignore[assignment]
    data = await draft_request(house).finish(house)
    assert isinstance(await submit(house, data), errors.KmsUnavailable)
    keys.away = False
    denied = await submit(house, data)
    assert isinstance(denied, errors.QuotaExceeded)
    assert evidence_of(house, denied, CM).body.object_hash == sha(data)


# SPEC ISSUANCE-7.1
@asynchronous
async def test_an_early_refusal_without_keys_has_no_evidence(house: House) -> None:
    """Nothing was fixed, so nothing can be signed later; the code stands all the same."""
    await house.found()
    keys = SwitchedKeys(house.desks[CM].keys)
    house.desks[CM].keys, keys.away = keys, True  # type: ignore[assignment]
    answer = await submit(house, b"\xff")
    assert isinstance(answer, errors.Malformed)
    assert answer.evidence == b""


# SPEC ISSUANCE-2.1.4
@asynchronous
async def test_a_stale_manifest(house: House) -> None:
    """At 24 h it is fresh, a second later it is not: at both systems, until it is confirmed."""
    await house.found()
    presentation = None
    for seconds, stale in ((86_400, False), (1, True)):
        house.clock.advance(seconds=seconds)
        answer = await submit(house, await draft_request(house).finish(house))
        assert isinstance(answer, errors.KeysetStale) is stale, answer
        if presentation is None:
            presentation = await draft_presentation(house, answer.sealed).finish(house)
        else:
            assert isinstance(await present(house, presentation), errors.KeysetStale)
    for engine in (house.central_management, house.quota_control):
        assert not await engine.rules.confirm_keys(2)
        assert await engine.rules.confirm_keys(1)
    assert isinstance(await submit(house, await draft_request(house).finish(house)), Granted)
    assert not isinstance(await present(house, presentation), errors.KeysetStale)  # type: ignore[arg-type]


# SPEC ISSUANCE-2.1.4
@asynchronous
async def test_before_the_first_manifest_and_policy(house: House) -> None:
    data = await draft_request(house).finish(house)
    assert isinstance(await submit(house, data), errors.KeysetStale)
    assert isinstance(await present(house, data), errors.KeysetStale)
    with pytest.raises(errors.KeysetStale):
        await house.quota_control.redeem(Parcel(data))
    with pytest.raises(errors.KeysetStale):
        await house.central_management.approve(data)


# SPEC ISSUANCE-6.5.11
@asynchronous
async def test_a_policy_that_is_no_longer_accepted(house: House) -> None:
    """POLICY_STALE is answered, not stored: central management makes the next credential under the new version."""
    await house.found()
    data = await granted(house)
    await change_policy(house, oldest_accepted=2)
    size = await log_size(house, QC)
    assert isinstance(await present(house, data), errors.PolicyStale)
    assert await log_size(house, QC) == size
    assert isinstance(await present(house, await granted(house)), Bit)


# SPEC ISSUANCE-7.6
@asynchronous
async def test_overloaded(house: House) -> None:
    """More calls than a queue takes: refused at once in the room's own code, and nothing was begun."""
    await house.found()
    flood = [number.to_bytes(4, "big") for number in range(10_001)]
    for call in (house.central_management.submit_requests, house.quota_control.control_bits):
        with pytest.raises(errors.Overloaded):
            await call(flood)
    with pytest.raises(errors.Overloaded):
        await house.quota_control.tombstones([(bytes(16), bytes(32))] * 10_001)
    assert isinstance(await submit(house, await draft_request(house).finish(house)), Granted)


# SPEC ISSUANCE-7.6, ISSUANCE-5.4.9
@pytest.mark.parametrize("system", [CM, QC])
@asynchronous
async def test_the_database_is_away(house: House, system: str) -> None:
    """503 in the room's own code, and the same bytes go through once it is back."""
    house.databases = {name: SwitchedDatabase(each) for name, each in house.databases.items()}  # type: ignore[misc]
    house.open()
    await house.found()
    data = await draft_request(house).finish(house) if system == CM else await granted(house)
    call = submit if system == CM else present
    database: Any = house.databases[system]
    database.away = True
    answer = await call(house, data)
    assert isinstance(answer, errors.DatabaseUnavailable)
    assert answer.code == "issuance.db_unavailable"
    with pytest.raises(errors.DatabaseUnavailable):
        await (house.central_management if system == CM else house.quota_control).quotas()
    database.away = False
    assert isinstance(await call(house, data), Granted | Bit)


# SPEC ISSUANCE-6.3.4, ISSUANCE-5.4.9
@pytest.mark.parametrize("system", [CM, QC])
@asynchronous
async def test_the_database_goes_away_between_decision_and_signature(house: House, system: str) -> None:
    """Committed, but the signature cannot be stored: it is not answered either."""
    house.databases = {name: SwitchedDatabase(each) for name, each in house.databases.items()}  # type: ignore[misc]
    house.open()
    await house.found()
    data = await draft_request(house).finish(house) if system == CM else await granted(house)
    call = submit if system == CM else present
    database: Any = house.databases[system]
    database.writes_left = 1
    answer = await call(house, data)
    assert isinstance(answer, errors.DatabaseUnavailable), answer
    database.away, database.writes_left = False, None
    figures = await all_figures(house)
    later = await call(house, data)
    assert isinstance(later, Granted | Bit)
    assert later.replayed
    assert await all_figures(house) == figures


# SPEC ISSUANCE-10.1.5, ISSUANCE-9.2.7
@asynchronous
async def test_our_own_bug_is_not_an_answer(house: House) -> None:
    """What is neither a refusal nor an absence is raised as it is (the door says INTERNAL); nothing is stored."""
    await house.found()
    data = await draft_request(house).finish(house)

    def broken(*args: Any) -> Any:
        raise ZeroDivisionError

    in_force = type(house.desks[CM]).in_force
    good = await draft_request(house).finish(house)
    assert isinstance(await submit(house, good), Granted)
    size = await log_size(house, CM)
    try:
        type(house.desks[CM]).in_force = broken  # type: ignore[method-assign]
        answer = await submit(house, data)
    finally:
        type(house.desks[CM]).in_force = in_force  # type: ignore[method-assign]
    assert isinstance(answer, ZeroDivisionError)
    assert await log_size(house, CM) == size
    assert isinstance(await submit(house, data), Granted)
