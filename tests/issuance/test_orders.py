"""Orders of an operator: an id stands for one order, whatever comes twice or at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import IssueView
from specie.kernel.errors import KeyInProgress, KeyReused
from tests.issuance.forge import asynchronous, figures, rows
from tests.issuance.house import CURRENCY, IS, QC, House

KEY = b"\x33" * 16


# SPEC ISSUANCE-10.1.2, ISSUANCE-10.1.7
@asynchronous
async def test_the_same_order_again(house: House) -> None:
    await house.found()
    (first,), (second,) = [await house.issuance.issue([house.order()], keys=[KEY]) for _ in range(2)]
    assert isinstance(first, IssueView)
    assert replace(first, replayed=True) == second
    assert (await figures(house, QC))[f"stock:{CURRENCY}"] == (0, 15_000)


# SPEC ISSUANCE-10.1.3
@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 15_001, "denominations": ((15_001, 1),)},
        {"owner": b"bob"},
        {"purpose": "salaries"},
        {"denominations": ((15_000, 1),)},
        {"operator": "olga"},
        {"currency": "XDC"},
        {"address": b"elsewhere"},
    ],
    ids=lambda changes: next(iter(changes)),
)
@asynchronous
async def test_another_order_under_the_same_id(house: House, changes: dict[str, Any]) -> None:
    await house.found()
    await house.issuance.issue([house.order()], keys=[KEY])
    (answer,) = await house.issuance.issue([replace(house.order(), **changes)], keys=[KEY])
    assert isinstance(answer, KeyReused)


# SPEC ISSUANCE-10.1.4, ISSUANCE-10.1.6
@pytest.mark.parametrize("together", [False, True])
@asynchronous
async def test_one_id_at_once(house: House, together: bool) -> None:
    """Twice in one call, or in two calls at a time: one issue; nobody else's order suffers."""
    await house.found()
    other = house.issuance.issue([house.order(1_000)])
    if together:
        calls = [house.issuance.issue([house.order(), house.order()], keys=[KEY, KEY])]
    else:
        calls = [house.issuance.issue([house.order()], keys=[KEY]) for _ in range(3)]
    first, *answers = await asyncio.gather(other, *calls)
    assert isinstance(first[0], IssueView)
    assert first[0].state == "released"
    said = [each for answer in answers for each in answer]
    assert any(isinstance(each, IssueView) for each in said)
    assert all(isinstance(each, IssueView | KeyInProgress) for each in said)
    assert len(await rows(house, IS, "SELECT id FROM issue")) == 2
    assert (await figures(house, QC))[f"stock:{CURRENCY}"] == (0, 16_000)


# SPEC ISSUANCE-7.1, ISSUANCE-8.3
@asynchronous
async def test_a_denied_order_is_told_so_again(house: House) -> None:
    await house.found(daily_cap=1)
    answers = [(await house.issuance.issue([house.order()], keys=[KEY]))[0] for _ in range(2)]
    assert [type(each) for each in answers] == [errors.QuotaExceeded] * 2
    assert answers[0].evidence == answers[1].evidence != b""  # type: ignore[union-attr]
    assert (await house.issuance.show(KEY)).state == "denied"


# SPEC ISSUANCE-6.2.6
@asynchronous
async def test_an_order_that_is_no_request(house: House) -> None:
    """Refused in its place; the others of the call go on."""
    await house.found()
    bad = [house.order(currency="xts"), house.order(owner=b""), house.order(model=1), house.order(operator="Olga!")]
    answers = await house.issuance.issue([*bad, house.order()])
    assert [type(each) for each in answers] == [errors.Schema] * 4 + [IssueView]
    with pytest.raises(errors.UnknownRequest):
        await house.issuance.show(bytes(16))
