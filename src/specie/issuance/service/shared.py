"""Doors that all three systems have: their log, and the signed rules that come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Request, get, post, put
from litestar.params import FromPath

from specie.issuance.api import Log, Rules, Traced
from specie.issuance.client.wire import encode, unpack_batch
from specie.issuance.messages.view import view
from specie.issuance.service.answering import (
    CBOR,
    COSE,
    RULES_BYTES_MAX,
    Answer,
    Answered,
    answer_json,
    check_auditor,
    check_operator,
    is_batch,
    unhex,
    wants_view,
)

CHECKPOINT = "text/plain; charset=utf-8"
Http = Request[Any, Any, Any]


def number(request: Http, name: str, default: int) -> int:
    """A query parameter as a number; the default where it is absent or is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else default


# SPEC ISSUANCE-15.2.2
def log_routes(log: Log) -> list[Any]:
    """Leaves, checkpoints and proofs."""

    @get("/log/size")
    async def log_size() -> Answered:
        """How many leaves the log has."""
        return Answer(encode(await log.size()))

    @get("/log/leaves")
    async def log_leaves(request: Http) -> Answered:
        """Bodies of leaves from `first` (the first is 1), at most `count` of them."""
        first, count = number(request, "first", 1), number(request, "count", 1000)
        return Answer(encode(list(await log.leaves(first, count))))

    @get("/log/checkpoint")
    async def log_checkpoint() -> Answered:
        """The newest signed checkpoint: a C2SP signed note."""
        return Answer(await log.checkpoint(), CHECKPOINT)

    # SPEC ISSUANCE-15.6.1
    @get("/log/objects")
    async def log_objects(request: Http) -> Answered:
        """[[seq, object, what stands behind it], ...] of leaves from `first`, for the auditor; empty if not kept."""
        check_auditor(request)
        first, count = number(request, "first", 1), number(request, "count", 500)
        return Answer(encode([list(row) for row in await log.objects(first, count)]))

    @get("/log/inclusion")
    async def log_inclusion(request: Http) -> Answered:
        """RFC 9162 path of leaf `sequence` in the tree of `size` leaves."""
        proof = await log.inclusion(number(request, "sequence", 0), number(request, "size", 0))
        return Answer(encode(list(proof)))

    @get("/log/consistency")
    async def log_consistency(request: Http) -> Answered:
        """RFC 9162 proof that the tree of `old` leaves is a beginning of the tree of `new` leaves."""
        proof = await log.consistency(number(request, "old", 0), number(request, "new", 0))
        return Answer(encode(list(proof)))

    return [log_size, log_leaves, log_objects, log_checkpoint, log_inclusion, log_consistency]


def rules_routes(rules: Rules) -> list[Any]:
    """Policy, keys, pauses and reserves: signed by officers, so anyone may bring them."""

    @put("/policy", request_max_body_size=RULES_BYTES_MAX, opt={"consumes": COSE})
    async def put_policy(request: Http) -> Answered:
        """The next quota policy; answers its version."""
        return Answer(encode(await rules.apply_policy(await request.body())))

    @get("/policy")
    async def get_policy(request: Http) -> Answered:
        """Policies after the version `since`, in order; `view=json` shows them to people."""
        return listed(request, await rules.policies_since(number(request, "since", 0)))

    @put("/keys", request_max_body_size=RULES_BYTES_MAX, opt={"consumes": COSE})
    async def put_keys(request: Http) -> Answered:
        """The next key manifest; answers its version."""
        return Answer(encode(await rules.apply_keys(await request.body())))

    @get("/keys")
    async def get_keys(request: Http) -> Answered:
        """Key manifests after the version `since`, in order; `view=json` shows them to people."""
        return listed(request, await rules.keys_since(number(request, "since", 0)))

    @post("/pause", status_code=200)
    async def post_pause(request: Http) -> Answered:
        """A pause by one officer, or the same resume by two (a batch)."""
        body = await request.body()
        await rules.apply_pause(unpack_batch(body) if is_batch(request) else [body])
        return answer_json({"done": True})

    @post("/reserves", status_code=200, opt={"consumes": COSE})
    async def post_reserve(request: Http) -> Answered:
        """A custodian's attestation."""
        await rules.apply_reserve(await request.body())
        return answer_json({"done": True})

    @post("/clock", status_code=200, opt={"consumes": CBOR})
    async def post_clock(request: Http) -> Answered:
        """Two officers set the stored time back: an array of two `dc-clock`."""
        await rules.apply_clock(unpack_batch(await request.body()))
        return answer_json({"done": True})

    return [post_clock, put_policy, get_policy, put_keys, get_keys, post_pause, post_reserve]


def listed(request: Http, datas: Sequence[bytes]) -> Answer:
    """Signed objects as an array, or as views."""
    if wants_view(request):
        return answer_json([view(data) for data in datas])
    return Answer(encode(list(datas)))


def trace_route(trace: Callable[..., Awaitable[Sequence[Traced]]]) -> Any:
    """`GET /v1/traces/{id}`."""

    @get("/traces/{ident:str}")
    async def get_trace(request: Http, ident: FromPath[str]) -> Answered:
        """All objects of one issue that this system has, with their places in its log; for its own operators."""
        check_operator(request)
        found = await trace(unhex(ident))
        return Answer(encode([[each.data, each.sequence, each.at_s, each.event] for each in found]))

    return get_trace


def quotas_route(quotas: Callable[[], Awaitable[Any]]) -> Any:
    """`GET /v1/quotas`."""
    from specie.issuance.client.figures import quotas_json

    @get("/quotas")
    async def get_quotas() -> Answered:
        """Every open bucket: cap, reserved, used, available; what is held for expired credentials apart."""
        return answer_json(quotas_json(await quotas()))

    return get_quotas
