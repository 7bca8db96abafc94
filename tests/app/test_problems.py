"""Every kind of error leaves a door as a problem (RFC 9457)."""

import base64
import io
import json
from typing import Any

import msgspec
import pytest
from litestar import Request, get, post
from litestar.params import JSONBody, RawBody

from specie.app.http.answers import Answer, replayed
from specie.app.http.media_types import COSE
from specie.app.telemetry import configure_logging
from specie.kernel.errors import Overloaded, Refused, Unavailable
from tests.app.serving import Heard, application, ask, run, serving

MEMBERS = {"type", "docs", "title", "status", "code", "detail", "funds", "retry", "next", "trace_id"}
TRACE = "0af7651916cd43dd8448eb211c80319c"


class QuotaExceeded(Refused):
    """As issuance refuses: with facts, a signed denial and a time."""

    code = "issuance.quota_exceeded"
    status = 409
    evidence = b"\xd2\x84signed"
    retry_after_s = 7
    not_before_s = None


class NoEntry(Refused):
    """A code that the catalogue does not know."""

    code = "test.without_entry"
    status = 422


class Lost(Unavailable):
    """A call that may have taken effect."""

    code = "system.in_doubt"
    in_doubt = True


class Order(msgspec.Struct):
    amount: str
    count: int


@get("/refused")
async def refused() -> None:
    raise QuotaExceeded(
        "said by the room",
        asked="20 000.00 XTS",
        available="10 000.00 XTS",
        offer="10000.00",
        bucket="harbour/day",
        cti=b"\x01\x02",
    )


@get("/plain-refused")
async def plain_refused() -> None:
    raise NoEntry("the room's own words")


@get("/unavailable")
async def unavailable() -> None:
    raise Overloaded("the queue is full", retry_after_s=3)


@get("/doubt")
async def doubt() -> None:
    raise Lost("no answer")


@get("/bug")
async def bug() -> None:
    raise ZeroDivisionError("passphrase=hunter2 must not be seen")


@post("/order", status_code=200, opt={"consumes": "application/json"})
async def order(data: JSONBody[Order]) -> str:
    return data.amount


@post("/cose", status_code=200, media_type=COSE, opt={"consumes": COSE}, request_max_body_size=100)
async def cose(body: RawBody) -> Answer:
    return replayed(body) if body == b"again" else Answer(body)


@get("/ids")
async def ids(request: Request[Any, Any, Any]) -> str:
    return "ok"


ROUTES = [refused, plain_refused, unavailable, doubt, bug, order, cose, ids]


def heard(method: str, path: str, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> Heard:
    async def work() -> Heard:
        async with serving(application(ROUTES)) as server:
            return await ask(server.port, method, path, body, headers)

    return run(work())


def check_problem(answer: Heard, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json
    assert problem.keys() >= MEMBERS
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"urn:specie:error:{code}"
    assert problem["trace_id"] == answer.headers["x-request-id"]
    return problem


def test_a_refusal_tells_its_facts_and_carries_its_evidence() -> None:
    # SPEC ISSUANCE-7.1
    answer = heard("GET", "/refused")
    problem = check_problem(answer, 409, "issuance.quota_exceeded")
    assert problem["title"] == "The issuing quota is used up"
    assert problem["detail"] == "You asked for 20 000.00 XTS. harbour/day has 10 000.00 XTS left."
    assert problem["funds"] == "unmoved"
    assert problem["retry"] == {"safe": True, "how": "new_amount"}
    assert problem["next"][0] == {"command": "specie issue request 10000.00"}
    assert problem["retry_after"] == 7
    assert answer.headers["retry-after"] == "7"
    assert problem["cti"] == "0102"
    assert base64.urlsafe_b64decode(problem["evidence"] + "=" * 3) == QuotaExceeded.evidence
    assert "not_before_s" not in problem


def test_a_code_without_an_entry_gets_a_safe_text() -> None:
    problem = check_problem(heard("GET", "/plain-refused"), 422, "test.without_entry")
    assert problem["title"] == "This was refused"
    assert problem["detail"] == "the room's own words"


def test_unavailable_says_when_to_come_back() -> None:
    answer = heard("GET", "/unavailable")
    problem = check_problem(answer, 503, "system.overloaded")
    assert answer.headers["retry-after"] == "3"
    assert problem["retry"] == {"safe": True, "how": "same_key", "after": 3}
    assert problem["funds"] == "unmoved"


def test_what_may_have_happened_is_in_doubt() -> None:
    assert check_problem(heard("GET", "/doubt"), 503, "system.in_doubt")["funds"] == "in_doubt"


def test_a_bug_shows_an_id_and_nothing_else() -> None:
    log = io.StringIO()
    configure_logging("info", pretty=False, stream=log)
    answer = heard("GET", "/bug")
    problem = check_problem(answer, 500, "system.internal")
    assert problem["id"] == problem["trace_id"]
    assert b"hunter2" not in answer.body
    assert b"Zero" not in answer.body
    record = next(json.loads(line) for line in log.getvalue().splitlines() if "internal_error" in line)
    assert record["trace_id"] == problem["id"]
    assert "ZeroDivisionError" in record["exception"]


def test_no_such_path() -> None:
    check_problem(heard("GET", "/nowhere"), 404, "request.not_found")


def test_no_such_method() -> None:
    answer = heard("DELETE", "/order")
    check_problem(answer, 405, "request.method_not_allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8", ""])
def test_a_body_of_the_wrong_kind(kind: str) -> None:
    headers = (("content-type", kind),) if kind else ()
    problem = check_problem(heard("POST", "/cose", b"x", headers), 415, "request.unsupported_media_type")
    assert problem["detail"] == "This call takes application/cose."


def test_a_body_that_announces_too_much_is_not_read() -> None:
    """Only the head is sent: a server that waited for the body would never answer."""
    answer = heard("POST", "/cose", b"", (("content-type", COSE), ("content-length", "101")))
    problem = check_problem(answer, 413, "request.too_large")
    assert problem["bytes_max"] == 100
    assert answer.headers["connection"] == "close"


def test_a_body_that_grows_too_large_is_cut_off() -> None:
    chunk = b"40\r\n" + b"x" * 64 + b"\r\n"
    headers = (("content-type", COSE), ("transfer-encoding", "chunked"))
    check_problem(heard("POST", "/cose", chunk * 2, headers), 413, "request.too_large")


def test_a_body_of_the_largest_size_is_taken() -> None:
    answer = heard("POST", "/cose", b"x" * 100, (("content-type", COSE + "; v=1"),))
    assert (answer.status, answer.body) == (200, b"x" * 100)
    assert answer.headers["content-type"] == COSE
    assert "idempotent-replay" not in answer.headers


def test_a_replayed_answer_is_marked() -> None:
    answer = heard("POST", "/cose", b"again", (("content-type", COSE),))
    assert answer.headers["idempotent-replay"] == "true"


@pytest.mark.parametrize("length", ["-1", "abc", "1e3"])
def test_a_length_that_is_no_number(length: str) -> None:
    assert heard("POST", "/cose", b"", (("content-type", COSE), ("content-length", length))).status == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"amount": 5, "count": 1}', b'{"amount": "5"}'])
def test_json_that_does_not_fit(body: bytes) -> None:
    answer = heard("POST", "/order", body, (("content-type", "application/json"),))
    check_problem(answer, 400, "request.invalid")


def test_the_field_that_does_not_fit_is_named() -> None:
    body = b'{"amount": "5", "count": "many"}'
    problem = check_problem(
        heard("POST", "/order", body, (("content-type", "application/json"),)), 400, "request.invalid"
    )
    assert [error["field"] for error in problem["errors"]] == ["count"]


@pytest.mark.parametrize(
    ("traceparent", "taken"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", True),
        (f"01-{TRACE}-b7ad6b7169203331-01-later", True),
        (f"00-{TRACE}-b7ad6b7169203331-01-later", False),
        (f"ff-{TRACE}-b7ad6b7169203331-01", False),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", False),
        ("nonsense", False),
    ],
)
def test_the_callers_trace_id_is_used_if_it_is_one(traceparent: str, taken: bool) -> None:
    identifier = heard("GET", "/ids", headers=(("traceparent", traceparent),)).headers["x-request-id"]
    assert (identifier == TRACE) is taken
    assert len(bytes.fromhex(identifier)) == 16
