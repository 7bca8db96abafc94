"""What every application serves beside its routes."""

from collections.abc import Mapping

import msgspec
from litestar import Litestar, get, post
from litestar.params import FromPath, JSONBody, RawBody
from prometheus_client import CollectorRegistry

from specie.app.http.answers import Answer
from specie.app.http.idempotency import IdempotencyStore
from specie.app.http.openapi import openapi_document
from specie.app.telemetry import new_registry
from specie.kernel.clock import SystemClock
from specie.kernel.db import open_database
from tests.app.serving import Heard, application, ask, run, serving


class Order(msgspec.Struct):
    amount: str


@get("/units/{serial:str}")
async def unit(serial: FromPath[str]) -> dict[str, str]:
    """One unit by its serial."""
    return {"serial": serial}


@post("/v1/control-bits", status_code=200, media_type="application/cose")
async def control_bits(body: RawBody) -> Answer:
    """Step 5: a presentation for a control bit."""
    return Answer(body)


@post("/v1/issues", opt={"idempotent": True})
async def issues(data: JSONBody[Order]) -> Order:
    return data


def hear(app: Litestar, *paths: str) -> list[Heard]:
    async def work() -> list[Heard]:
        async with serving(app) as server:
            return [await ask(server.port, "GET", path) for path in paths]

    return run(work())


def test_it_lives_and_is_ready() -> None:
    lives, ready = hear(application([]), "/livez", "/readyz")
    assert (lives.status, lives.json) == (200, {"live": True})
    assert (ready.status, ready.json) == (200, {"ready": True, "checks": {"test": True}})


def test_it_is_not_ready_if_one_check_fails() -> None:
    async def readiness() -> Mapping[str, bool | str]:
        return {"database": True, "keys": False, "policy": "older than 24 h"}

    (ready,) = hear(application([], readiness=readiness), "/readyz")
    assert ready.status == 503
    assert ready.json["checks"] == {"database": True, "keys": False, "policy": "older than 24 h"}


def test_metrics_count_by_route_and_never_by_path() -> None:
    registry = new_registry()
    app = application([unit], registry=registry)
    *_, metrics = hear(app, "/units/a", "/units/b", "/nowhere", "/metrics")
    text = metrics.body.decode()
    assert metrics.headers["content-type"].startswith("text/plain")
    line = 'specie_http_requests_total{method="GET",route="/units/{serial}",service="test",status="200"} 2.0'
    assert line in text
    assert 'route="(none)",service="test",status="404"} 1.0' in text
    assert "/nowhere" not in text
    assert 'specie_http_request_duration_seconds_count{route="/units/{serial}",service="test"} 2.0' in text
    assert "process_resident_memory_bytes" in text


def test_the_openapi_document_is_made_from_the_types(sqlite_url: str) -> None:
    # SPEC ISSUANCE-16.1.1
    store = IdempotencyStore(open_database(sqlite_url, SystemClock()))
    (answer,) = hear(application([unit, control_bits, issues], store), "/openapi.json")
    document = answer.json
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/units/{serial}",
        "/v1/control-bits",
        "/v1/issues",
        "/livez",
        "/readyz",
        "/metrics",
        "/errors/{code}",
    }
    issue = document["paths"]["/v1/issues"]["post"]
    assert [one["name"] for one in issue["parameters"]] == ["Idempotency-Key"]
    assert "application/problem+json" in issue["responses"]["default"]["content"]
    assert "Order" in str(issue["requestBody"])
    assert document["paths"]["/units/{serial}"]["get"]["description"] == "One unit by its serial."
    assert "evidence" in document["components"]["schemas"]["Problem"]["properties"]


def test_the_document_can_be_made_without_serving() -> None:
    document = msgspec.json.decode(openapi_document("quota control", "1.0", [control_bits]))
    assert document["info"] == {"title": "quota control", "version": "1.0"}


def test_every_code_has_a_page() -> None:
    known, unknown = hear(application([]), "/errors/issuance.quota_exceeded", "/errors/no.such")
    assert known.json["title"] == "The issuing quota is used up"
    assert unknown.status == 404


def test_two_applications_share_no_figures() -> None:
    one, two = CollectorRegistry(), CollectorRegistry()
    hear(application([], registry=one), "/livez")
    application([], registry=two)
    wanted = {"service": "test", "method": "GET", "route": "/livez", "status": "200"}
    assert one.get_sample_value("specie_http_requests_total", wanted) == 1
    assert two.get_sample_value("specie_http_requests_total", wanted) is None
