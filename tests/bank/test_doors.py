"""The bank over HTTP: a real server on a real socket, and a client that callers cannot tell from the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Router

from bank.house import CURRENCY, Town
from specie.app.http.client import ServiceClient
from specie.bank import errors
from specie.bank.client import BankClient
from specie.bank.messages.holds import HoldState
from specie.bank.messages.postings import Kind, Order, credit, debit
from specie.bank.service import bank_routes
from specie.bank.service.answering import check_owner, check_staff, room_of
from specie.kernel.errors import KeyMissing, Refused
from tests.app.serving import application, run, serving

DIGITS = {CURRENCY: 2}


@asynccontextmanager
async def open_bank() -> AsyncIterator[tuple[Town, BankClient]]:
    town = Town()
    await town.found("alice", "bob")
    await town.rich("alice", 100_000)
    await town.bank.licence(b"l", "alice", 1, 2**40, coins_blocked=False)
    routes = Router("/v1", route_handlers=bank_routes(town.bank, DIGITS))
    async with serving(application([routes])) as server:
        caller = ServiceClient(f"http://127.0.0.1:{server.port}")
        try:
            yield town, BankClient(caller)  # type: ignore[arg-type]
        finally:
            await caller.close()
    await town.check()


# SPEC BANK-4.2, BANK-4.9, BANK-11.1
def test_rooms_order_through_the_door() -> None:
    async def work() -> None:
        async with open_bank() as (town, client):
            assert await client.account("alice") == await town.bank.account("alice")
            orders = [
                Order(Kind.COIN_WITHDRAW, b"w", (debit("alice", 700), credit("coins:xts", 700))),
                Order(Kind.COIN_DEPOSIT, b"d", (debit("coins:xts", 900), credit("bob", 900))),
            ]
            first, second = await client.post_many(orders)
            assert (await client.post_many(orders))[0] == first
            assert isinstance(second, errors.BalanceLow)
            hold = await client.hold(b"h", "alice", 50, town.clock.now_us() // 1_000_000 + 60)
            assert hold == await town.bank.orders.find_hold(b"h")
            receipt = await client.capture(b"h", Kind.COIN_WITHDRAW, 40)
            assert receipt.kind == Kind.COIN_WITHDRAW and await town.balance("coins:xts") == 740
            with pytest.raises(errors.HoldState):
                await client.release(b"h")
            await client.hold(b"i", "alice", 50, town.clock.now_us() // 1_000_000 + 60)
            assert (await client.release(b"i")).state == HoldState.RELEASED
            with pytest.raises(errors.NotPermitted):
                await client.capture(b"i", Kind.OUT_DONE, 1)
            view = await client.licence(b"m", "bob", 2, 2**40, coins_blocked=True)
            assert (view.tier, view.coins_blocked) == (2, True)
            assert await client.pool(CURRENCY) == await town.bank.pool(CURRENCY)
            assert await client.supply(CURRENCY) == 0
            assert await client.receipt(bytes(32)) is None

    run(work())


# SPEC BANK-3.8, BANK-9.2, BANK-11.1
def test_people_call_in_json_with_a_key() -> None:
    async def work() -> None:
        async with open_bank() as (town, client):
            pay = {"from": "alice", "to": "bob", "amount": "12.50"}
            first = await client.json("POST", "/transfers", pay, "rent")
            assert await client.json("POST", "/transfers", pay, "rent") == first
            assert await town.balance("bob") == 1_250
            shown = await client.json("GET", "/accounts/bob")
            assert (shown["balance"], shown["state"]) == ("12.50", "open")
            opened = {"id": "carol", "currency": CURRENCY, "owner": "carol"}
            assert (await client.json("POST", "/accounts", opened))["id"] == "carol"
            assert len(await client.json("GET", "/accounts")) == 12
            why = {"reason": "asked by a court", "person": "mina"}
            assert (await client.json("POST", "/accounts/carol/freeze", why))["state"] == "frozen"
            assert (await client.json("POST", "/accounts/carol/unfreeze", {**why, "second": "omar"}))["state"] == "open"
            assert (await client.json("POST", "/accounts/carol/close", why))["state"] == "closed"
            start = town.clock.now_us() // 1_000_000
            town.clock.advance(seconds=5)
            found = await client.json("GET", f"/accounts/bob/statement?from={start}&to={start + 5}")
            assert [row["balance"] for row in found["rows"]] == ["12.50"]

    run(work())


REFUSED: list[tuple[type[Refused], str, str, Any, str]] = [
    (errors.Malformed, "POST", "/transfers", {"from": "alice", "to": "bob", "amount": "1e3"}, "k"),
    (errors.Malformed, "POST", "/transfers", {"from": "alice", "to": "bob", "amount": 7}, "k"),
    (errors.Malformed, "POST", "/transfers", ["alice"], "k"),
    (KeyMissing, "POST", "/transfers", {"from": "alice", "to": "bob", "amount": "1"}, ""),
    (errors.RefReused, "POST", "/transfers", {"from": "alice", "to": "bob", "amount": "2"}, "used"),
    (errors.AccountUnknown, "GET", "/accounts/nobody", None, ""),
    (errors.AccountUnknown, "POST", "/transfers", {"from": "alice", "to": "nobody", "amount": "2"}, "k"),
    (errors.AccountExists, "POST", "/accounts", {"id": "alice", "currency": "XTS", "owner": "eve"}, ""),
    (errors.AmountZero, "POST", "/transfers", {"from": "alice", "to": "bob", "amount": "0"}, "k"),
    (errors.BalanceLow, "POST", "/transfers", {"from": "alice", "to": "bob", "amount": "2000"}, "k"),
    (errors.AccountNotEmpty, "POST", "/accounts/alice/close", {"reason": "r", "person": "mina"}, ""),
    (errors.NotPermitted, "POST", "/accounts/alice/unfreeze", {"reason": "r", "person": "m", "second": "m"}, ""),
    (errors.PartyUnknown, "GET", "/payouts/00", None, ""),
]


# SPEC BANK-11.1
def test_refusals_come_through_the_door_under_their_codes() -> None:
    async def work() -> None:
        async with open_bank() as (_, client):
            await client.json("POST", "/transfers", {"from": "alice", "to": "bob", "amount": "1"}, "used")
            for kind, method, path, value, key in REFUSED:
                with pytest.raises(Refused) as caught:
                    await client.json(method, path, value, key)
                assert caught.value.code == kind.code, (path, value, caught.value)

    run(work())


def request_of(peer: str | None, **state: Any) -> Any:
    return SimpleNamespace(scope={"state": {"peer": peer}}, app=SimpleNamespace(state=state))


# SPEC BANK-4.9, BANK-8.5
def test_who_may_call_is_said_by_the_certificate() -> None:
    assert room_of(request_of("ecash-1", rooms={"ecash-1": "ecash"})) == "ecash"
    for stranger in (request_of("eve", rooms={"ecash-1": "ecash"}), request_of(None, public_door=True)):
        with pytest.raises(errors.NotPermitted):
            room_of(stranger)
    account: Any = SimpleNamespace(owner="alice")
    check_owner(request_of("alice"), account)
    check_owner(request_of("teller", operators={"teller"}), account)
    with pytest.raises(errors.NotPermitted):
        check_owner(request_of("eve", operators={"teller"}), account)
    with pytest.raises(errors.NotPermitted):
        check_staff(request_of("eve"))


# SPEC BANK-11.1
def test_numbers_and_codes_are_unique_and_those_of_the_chapter() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name[0].isupper()]
    numbers = {each.code: each.number for each in kinds if getattr(each, "number", 0)}
    assert len(set(numbers.values())) == len(numbers)
    assert {"bank.malformed": 200, "bank.balance_low": 217, "bank.evidence_used": 236}.items() <= numbers.items()
