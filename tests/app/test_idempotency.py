"""``Idempotency-Key``: once is once, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from litestar import Request, post
from litestar.params import JSONBody

from specie.app.http.idempotency import IdempotencyStore, idempotency_key
from specie.kernel.clock import SystemClock
from specie.kernel.db import open_database
from specie.kernel.errors import Refused, Unavailable
from tests.app.serving import Heard, application, ask, run, serving

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


class Order(msgspec.Struct):
    amount: str


class Short(Refused):
    """A final refusal."""

    code = "test.short"
    status = 409


class Later(Refused):
    """A refusal that asks for the same call again."""

    code = "test.later"
    status = 423
    retry_after_s = 5


class Desk:
    """A service that counts what it really did, and whose calls can be held up."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0

    def route(self) -> Any:
        @post("/issues", status_code=201, opt={"idempotent": True})
        async def issue(request: Request[Any, Any, Any], data: JSONBody[Order]) -> dict[str, str]:
            self.done.append(data.amount)
            self.entered.set()
            await self.gate.wait()
            if data.amount == "short":
                raise Short("not enough")
            if data.amount == "later":
                raise Later("paused")
            if data.amount == "down":
                raise Unavailable("the database sleeps")
            if data.amount == "bug":
                raise ZeroDivisionError
            return {
                "amount": data.amount,
                "number": str(len(self.done)),
                "key": idempotency_key(request.scope)[1],
            }

        return issue

    async def ask(self, amount: str, key: str | None = KEY, bearer: str = "", path: str = "/issues") -> Heard:
        headers = [("content-type", "application/json")]
        headers += [("idempotency-key", key)] if key is not None else []
        headers += [("authorization", f"Bearer {bearer}")] if bearer else []
        return await ask(self.port, "POST", path, msgspec.json.encode({"amount": amount}), headers)


@asynccontextmanager
async def desk(url: str, wait_s: float = 5.0) -> AsyncIterator[Desk]:
    database = open_database(url, SystemClock())
    made = Desk()
    async with serving(application([made.route()], IdempotencyStore(database, wait_s))) as server:
        made.port = server.port
        yield made
    await database.close()


def test_the_same_call_is_answered_again_and_done_once(database_url: str) -> None:
    # SPEC ISSUANCE-10.1.2, ISSUANCE-10.1.9
    async def work() -> None:
        async with desk(database_url) as service:
            first, second = await service.ask("5.00"), await service.ask("5.00")
            assert first.status == second.status == 201
            assert first.body == second.body
            assert first.json == {"amount": "5.00", "number": "1", "key": KEY}
            assert second.headers["content-type"] == "application/json"
            assert "idempotent-replay" not in first.headers
            assert second.headers["idempotent-replay"] == "true"
            assert second.headers["x-request-id"] != first.headers["x-request-id"]
            assert service.done == ["5.00"]

    run(work())


def test_answers_outlive_the_process(database_url: str) -> None:
    async def work() -> None:
        async with desk(database_url) as service:
            first = await service.ask("5.00")
        async with desk(database_url) as service:
            second = await service.ask("5.00")
            assert second.body == first.body
            assert service.done == []

    run(work())


def test_a_call_without_a_key_is_refused(sqlite_url: str) -> None:
    check_refused(sqlite_url, lambda service: service.ask("5.00", None), 400, "request.key_missing", [])


@pytest.mark.parametrize("key", ["x" * 256, "tab\tbed", "caf\xe9", '""'])
def test_a_key_that_is_none(sqlite_url: str, key: str) -> None:
    check_refused(sqlite_url, lambda service: service.ask("5.00", key), 400, "request.invalid", [])


def test_a_key_for_another_body_is_refused(database_url: str) -> None:
    async def twice(service: Desk) -> Heard:
        await service.ask("5.00")
        return await service.ask("6.00")

    check_refused(database_url, twice, 422, "request.key_reused", ["5.00"])


def test_a_key_for_another_query_is_refused(sqlite_url: str) -> None:
    async def twice(service: Desk) -> Heard:
        await service.ask("5.00")
        return await service.ask("5.00", path="/issues?currency=EUR")

    check_refused(sqlite_url, twice, 422, "request.key_reused", ["5.00"])


def check_refused(url: str, calls: Any, status: int, code: str, done: list[str]) -> None:
    async def work() -> None:
        async with desk(url) as service:
            answer = await calls(service)
            assert (answer.status, answer.json["code"]) == (status, code)
            assert service.done == done

    run(work())


def test_a_quoted_key_is_the_same_key(sqlite_url: str) -> None:
    async def work() -> None:
        async with desk(sqlite_url) as service:
            await service.ask("5.00")
            assert (await service.ask("5.00", f'"{KEY}"')).headers["idempotent-replay"] == "true"

    run(work())


def test_while_the_first_runs_a_second_waits_and_gets_its_answer(sqlite_url: str) -> None:
    # SPEC ISSUANCE-10.1.4
    async def work() -> None:
        async with desk(sqlite_url) as service:
            service.gate.clear()
            calls = [asyncio.create_task(service.ask("5.00")) for _ in range(5)]
            await service.entered.wait()
            service.gate.set()
            answers = await asyncio.gather(*calls)
            assert {answer.body for answer in answers} == {answers[0].body}
            assert sum("idempotent-replay" in answer.headers for answer in answers) == 4
            assert service.done == ["5.00"]

    run(work())


def test_a_second_that_waited_long_enough_is_told_so(sqlite_url: str) -> None:
    async def work() -> None:
        async with desk(sqlite_url, wait_s=0.05) as service:
            service.gate.clear()
            first = asyncio.create_task(service.ask("5.00"))
            await service.entered.wait()
            second = await service.ask("5.00")
            assert (second.status, second.json["code"]) == (409, "request.in_progress")
            assert second.headers["retry-after"] == "1"
            other = await service.ask("6.00")
            assert (other.status, other.json["code"]) == (422, "request.key_reused")
            service.gate.set()
            assert (await first).status == 201
            assert service.done == ["5.00"]

    run(work())


@pytest.mark.parametrize(("amount", "status"), [("down", 503), ("bug", 500), ("later", 423)])
def test_what_says_try_again_is_not_kept(sqlite_url: str, amount: str, status: int) -> None:
    # SPEC ISSUANCE-10.1.5
    async def work() -> None:
        async with desk(sqlite_url) as service:
            for _ in range(2):
                answer = await service.ask(amount)
                assert answer.status == status
                assert "idempotent-replay" not in answer.headers
            assert service.done == [amount, amount]

    run(work())


def test_a_waiting_call_runs_itself_if_the_first_failed(sqlite_url: str) -> None:
    async def work() -> None:
        async with desk(sqlite_url) as service:
            service.gate.clear()
            calls = [asyncio.create_task(service.ask("down")) for _ in range(2)]
            await service.entered.wait()
            service.gate.set()
            assert [answer.status for answer in await asyncio.gather(*calls)] == [503, 503]
            assert service.done == ["down", "down"]

    run(work())


def test_a_final_refusal_is_an_answer(sqlite_url: str) -> None:
    async def work() -> None:
        async with desk(sqlite_url) as service:
            first, second = await service.ask("short"), await service.ask("short")
            assert first.status == second.status == 409
            assert second.headers["content-type"] == "application/problem+json"
            assert second.headers["idempotent-replay"] == "true"
            assert first.body == second.body
            assert service.done == ["short"]

    run(work())


def test_keys_belong_to_their_callers(sqlite_url: str) -> None:
    async def work() -> None:
        async with desk(sqlite_url) as service:
            for bearer in ("", "alice", "bob"):
                assert (await service.ask("5.00", bearer=bearer)).status == 201
            assert len(service.done) == 3

    run(work())


def test_an_idempotent_route_needs_a_store() -> None:
    with pytest.raises(ValueError, match="no idempotency store"):
        application([Desk().route()])
