"""The doors of central management."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from litestar import get, post
from litestar.params import FromPath

from specie.issuance.api import CentralManagement, Granted, Pending
from specie.issuance.client import wire
from specie.issuance.errors import Schema
from specie.issuance.service.answering import (
    CBOR,
    COSE,
    Answer,
    Answered,
    answer_json,
    check_key,
    is_batch,
    peer_of,
    system_of,
    unhex,
)
from specie.issuance.service.shared import Http, listed, log_routes, number, quotas_route, rules_routes, trace_route


def central_management_routes(engine: CentralManagement) -> list[Any]:
    """All routes of a central management."""
    return [
        *request_routes(engine),
        *officer_routes(engine),
        *key_routes(engine),
        plan_route(engine),
        quotas_route(engine.quotas),
        trace_route(engine.trace),
        *log_routes(engine.log),
        *rules_routes(engine.rules),
    ]


def answer_request(answer: Granted | Pending) -> Answer:
    """200 with the credential, or 202 while officers decide."""
    if isinstance(answer, Granted):
        return Answer(wire.pack_granted(answer), replayed=answer.replayed)
    return Answer(wire.pack_pending(answer), status=202)


def request_routes(engine: CentralManagement) -> list[Any]:
    """Steps 1 to 3, and what quota control reports."""

    @post("/requests", status_code=200, request_max_body_size=wire.BATCH_BYTES_MAX)
    async def post_requests(request: Http) -> Answered:
        """Ask for quota: one `dc-req` (application/cose), or an array of up to 100 (application/cbor)."""
        body, peer = await request.body(), peer_of(request)
        if is_batch(request):
            return Answer(wire.pack_requests(await engine.submit_requests(wire.unpack_batch(body), peer=peer)))
        check_key(request, body)
        (answer,) = await engine.submit_requests([body], peer=peer)
        if isinstance(answer, Exception):
            raise answer
        return answer_request(answer)

    @get("/requests/{cti:str}")
    async def get_request(request: Http, cti: FromPath[str]) -> Answered:
        """What became of a request, for the system that sent it."""
        return answer_request(await engine.request_answer(unhex(cti), peer=peer_of(request)))

    @get("/requests")
    async def get_waiting(request: Http) -> Answered:
        """Requests that wait for officers, as they were signed; `view=json` shows them to people."""
        return listed(request, await engine.waiting())

    @post("/reports", status_code=200, request_max_body_size=wire.BATCH_BYTES_MAX, opt={"consumes": CBOR})
    async def post_reports(request: Http) -> Answered:
        """Uses, redemptions and cancellations from quota control's outbox."""
        await engine.report(wire.unpack_reports(await request.body()), peer=system_of(request))
        return answer_json({"done": True})

    @get("/credentials/held")
    async def get_held(request: Http) -> Answered:
        """Credentials reserved, or used beyond the log position `after`, for a quota control that was restored."""
        rows = await engine.held_credentials(number(request, "after", 0), peer=system_of(request))
        return Answer(wire.encode([[row.cti, row.hash, row.request, row.used] for row in rows]))

    return [post_requests, get_request, get_waiting, post_reports, get_held]


def officer_routes(engine: CentralManagement) -> list[Any]:
    """Decisions of officers, and keys that ask to be admitted."""

    @post("/approvals", status_code=200, opt={"consumes": COSE})
    async def post_approval(request: Http) -> Answered:
        """One officer's `dc-appr`; answers where the request stands."""
        return Answer(wire.encode(await engine.approve(await request.body())))

    @post("/revocations", status_code=200, opt={"consumes": COSE})
    async def post_revocation(request: Http) -> Answered:
        """An officer takes a credential back; passed on to quota control."""
        await engine.revoke(await request.body())
        return answer_json({"done": True})

    @post("/enrolments", status_code=200, opt={"consumes": COSE})
    async def post_enrolment(request: Http) -> Answered:
        """A new key, signed by itself; answers the hash that officers approve."""
        return Answer(wire.encode(await engine.enrol(await request.body())))

    return [post_approval, post_revocation, post_enrolment]


def key_routes(engine: CentralManagement) -> list[Any]:
    """Keys that central management makes for a component (ISSUANCE-2.2.2)."""

    @post("/deliveries", status_code=200, opt={"consumes": CBOR})
    async def post_delivery(request: Http) -> Answered:
        """[role, component, its X25519 key]; answers [key id, hash of the enrolment, sealed key], once."""
        asked = wire.decode(await request.body())
        if not isinstance(asked, list | tuple) or [type(item) for item in asked] != [str, str, bytes]:
            raise Schema("a delivery is asked for by [role, component, X25519 key]")
        made = await engine.deliver(asked[0], asked[1], asked[2], peer=system_of(request))
        return Answer(wire.encode([made.kid, made.enrolment, made.sealed]))

    @post("/deliveries/receipts", status_code=200, opt={"consumes": COSE})
    async def post_receipt(request: Http) -> Answered:
        """The delivered key has arrived: the enrolment's words once more, signed by it."""
        await engine.acknowledge(await request.body(), peer=system_of(request))
        return answer_json({"done": True})

    return [post_delivery, post_receipt]


def plan_route(engine: CentralManagement) -> Any:
    """The dry run."""

    @post("/plans", status_code=200, opt={"consumes": CBOR})
    async def post_plan(request: Http) -> Answered:
        """What a request would be told, check by check: an order that is not stored."""
        order, issuer = wire.unpack_plan(await request.body())
        return answer_json([asdict(verdict) for verdict in await engine.plan(order, issuer)])

    return post_plan
