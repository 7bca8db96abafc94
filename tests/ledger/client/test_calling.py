"""Refusals over the wire: callers of the client see what callers of the engine see."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import get

from specie.app.http.client import InDoubt, ServiceClient, Unreachable
from specie.kernel.errors import Refused
from specie.ledger import errors
from specie.ledger.client import LedgerClient, TrustedNodeClient
from specie.ledger.client.calling import AnswerUnreadable, own_error, query
from tests.app.serving import application, run, serving


class Elsewhere(Refused):
    """A refusal of another room."""

    code = "elsewhere.refused"
    status = 409


def doors(path: str, raised: Exception | None, answer: str = "{}") -> list[Any]:
    @get(path, media_type="application/json")
    async def door() -> str:
        if raised is not None:
            raise raised
        return answer

    return [door]


async def asked(raised: Exception | None, answer: str = "{}") -> object:
    async with serving(application(doors("/v1/ledger/status", raised, answer))) as server:
        caller = ServiceClient(f"http://127.0.0.1:{server.port}")
        try:
            return await LedgerClient(caller).status()
        finally:
            await caller.close()


def test_a_refusal_comes_back_as_its_own_class_with_its_facts() -> None:
    with pytest.raises(errors.Pruned) as caught:
        run(asked(errors.Pruned("dropped", rule="8.2.1")))
    assert (caught.value.detail, caught.value.rule) == ("dropped", "8.2.1")


def test_an_unavailability_comes_back_as_its_own_class() -> None:
    with pytest.raises(errors.NotReady) as caught:
        run(asked(errors.NotReady("behind", 7)))
    assert caught.value.retry_after_s == 7


def test_a_refusal_of_another_room_is_left_as_it_is() -> None:
    with pytest.raises(Refused) as caught:
        run(asked(Elsewhere("no")))
    assert caught.value.code == "elsewhere.refused"
    assert not isinstance(caught.value, errors.Rejected)


def test_a_bug_over_there_leaves_it_open_what_happened() -> None:
    with pytest.raises(InDoubt):
        run(asked(RuntimeError("a bug")))


@pytest.mark.parametrize("answer", ["{}", "[]", "no json"])
def test_an_answer_that_is_none_is_not_believed(answer: str) -> None:
    with pytest.raises(AnswerUnreadable):
        run(asked(None, answer))


def test_nobody_there_is_unreachable() -> None:
    async def story() -> None:
        async with serving(application([])) as server:
            port = server.port
        caller = ServiceClient(f"http://127.0.0.1:{port}")
        await TrustedNodeClient(caller).session(bytes(32))

    with pytest.raises(Unreachable):
        run(story())


def test_a_code_of_a_later_release_is_not_taken_for_another_one() -> None:
    class Later(Refused):
        code = "ledger.of_a_later_release"
        status = 409

    error = Later("new")
    assert own_error(error) is error


def test_queries_leave_out_what_is_not_asked() -> None:
    assert query(from_=3, limit=None, to=4) == "?from=3&to=4"
    assert query(height=None) == ""
