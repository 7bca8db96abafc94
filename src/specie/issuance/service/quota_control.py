"""The doors of quota control."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from litestar import get, post

from specie.issuance.api import QuotaControl
from specie.issuance.client import wire
from specie.issuance.errors import Schema
from specie.issuance.messages.parcel import PARCEL_BYTES_MAX, unpack_parcel
from specie.issuance.messages.view import view
from specie.issuance.messages.wire import currency, minor_units
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
    wants_view,
)
from specie.issuance.service.shared import Http, log_routes, quotas_route, rules_routes, trace_route


def quota_control_routes(engine: QuotaControl) -> list[Any]:
    """All routes of a quota control."""
    return [
        *bit_routes(engine),
        *return_routes(engine),
        quotas_route(engine.quotas),
        trace_route(engine.trace),
        *log_routes(engine.log),
        *rules_routes(engine.rules),
    ]


def bit_routes(engine: QuotaControl) -> list[Any]:
    """Step 5, and what is told of it."""

    @post("/control-bits", status_code=200, request_max_body_size=wire.BATCH_BYTES_MAX)
    async def post_control_bits(request: Http) -> Answered:
        """Show a credential: one `dc-pres` (application/cose), or an array of up to 100 (application/cbor)."""
        body, peer = await request.body(), peer_of(request)
        if is_batch(request):
            return Answer(wire.pack_bits(await engine.control_bits(wire.unpack_batch(body), peer=peer)))
        check_key(request, body)
        (answer,) = await engine.control_bits([body], peer=peer)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer.bit, COSE, replayed=answer.replayed)

    @post("/minted", status_code=200, request_max_body_size=wire.BATCH_BYTES_MAX, opt={"consumes": CBOR})
    async def post_minted(request: Http) -> Answered:
        """`dc-minted` notes with the registry's receipts."""
        notes = wire.unpack_notes(await request.body())
        return Answer(wire.pack_outcomes(await engine.minted(notes, peer=system_of(request))))

    @get("/supply")
    async def get_supply(request: Http) -> Answered:
        """The newest signed supply statement."""
        data = await engine.supply()
        return answer_json(view(data)) if wants_view(request) else Answer(data, COSE)

    @get("/solvency")
    async def get_solvency() -> Answered:
        """One line per currency with a reserve rule: outstanding, attested, as_of, ratio, verdict."""
        return answer_json([asdict(line) for line in await engine.solvency()])

    return [post_control_bits, post_minted, get_supply, get_solvency]


def return_routes(engine: QuotaControl) -> list[Any]:
    """Quota that comes back: tombstones, revocations, cancellations, redemptions."""

    @post("/tombstones", status_code=200, opt={"consumes": CBOR})
    async def post_tombstones(request: Http) -> Answered:
        """Close credentials unused, or learn that they were used: [[cti, hash], ...] from central management."""
        pairs = wire.unpack_pairs(await request.body())
        return Answer(wire.pack_closed(await engine.tombstones(pairs, peer=system_of(request))))

    @post("/revocations", status_code=200, opt={"consumes": COSE})
    async def post_revocation(request: Http) -> Answered:
        """An officer, or central management, takes a credential back."""
        closed = await engine.revoke(await request.body(), peer=peer_of(request))
        return Answer(wire.encode([closed.answer, closed.used]))

    @post("/cancellations", status_code=200, opt={"consumes": CBOR})
    async def post_cancellation(request: Http) -> Answered:
        """A control bit given up: [dc-cancel, receipt of the registry]."""
        pair = wire.decode(await request.body())
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(item, bytes) for item in pair):
            raise Schema("a cancellation is an array of two byte strings")
        await engine.cancel(pair[0], pair[1], peer=system_of(request))
        return answer_json({"done": True})

    @post("/redemptions", status_code=200, request_max_body_size=PARCEL_BYTES_MAX, opt={"consumes": CBOR})
    async def post_redemption(request: Http) -> Answered:
        """A `dc-redreq` with units or proof; answers the signed `dc-redeem`."""
        parcel = unpack_parcel(await request.body())
        return Answer(await engine.redeem(parcel, peer=peer_of(request)), COSE)

    @post("/leases", status_code=200, opt={"consumes": CBOR})
    async def post_lease(request: Http) -> Answered:
        """A shard asks the root for quota: [currency, minor units]; answers the signed `dc-lease`."""
        pair = wire.decode(await request.body())
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Schema("a lease is asked for by [currency, minor units]")
        return Answer(await engine.lend(currency(pair[0]), minor_units(pair[1]), peer=system_of(request)), COSE)

    @post("/returned-leases", status_code=200, opt={"consumes": COSE})
    async def post_returned_lease(request: Http) -> Answered:
        """A shard hands quota back."""
        await engine.return_lease(await request.body())
        return answer_json({"done": True})

    return [
        post_tombstones,
        post_revocation,
        post_cancellation,
        post_redemption,
        post_lease,
        post_returned_lease,
    ]
