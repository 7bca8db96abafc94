"""Handing in envelopes, frames and bundles, and following them (LEDGER §21.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from litestar import get, post
from litestar.openapi.spec import Operation
from litestar.params import FromPath

from specie.kernel.errors import KeyReused, Refused, Unavailable
from specie.ledger.api import SUBMITTER, Ledger
from specie.ledger.errors import Expired, TxDuplicate, refusal_class, unavailable_class
from specie.ledger.messages.views import ReceiptView, Repeated, Submitted, SubmittedItems
from specie.ledger.service.answering import JSON as JSON_TYPE
from specie.ledger.service.answering import (
    OCTETS,
    WAIT_S_MAX,
    Answered,
    Http,
    Wait,
    accepts,
    body_of,
    encode,
    fixed,
    header_parameter,
    json_of,
    shown,
    unhex,
)

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

SUBMISSION_BYTES_MAX = 2 * 65_536
"""Twice what the ledger takes: what is a little too long gets the ledger's own refusal."""

BUNDLE_BYTES_MAX = 64 * 65_536 + 1024

_REPLAYED = "ledger_replayed"

Submit = Callable[[bytes, float], Awaitable[Submitted]]


@dataclass
class SubmissionOperation(Operation):
    """For the OpenAPI document: octets, and the headers that a submission may have."""

    def __post_init__(self) -> None:
        self.request_body = body_of(OCTETS, "the bytes; their SHA-256 is the id of the submission")
        self.parameters = [
            header_parameter("Prefer", "`wait=s`: answer when it is final, or after s seconds, at most 30"),
            header_parameter("Idempotency-Key", "if present, the SHA-256 of the body in hexadecimal"),
        ]


# SPEC LEDGER-21.1.1
class ReplayMarks:
    """Marks answers, refusals among them, to bytes that had come before: `Idempotent-Replay: true`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["state"].get(_REPLAYED):
                message["headers"] = [*message["headers"], (b"idempotent-replay", b"true")]
            await send(message)

        await self._app(scope, receive, marked)


# SPEC LEDGER-21.1.2
def check_key(request: Http, ident: str) -> None:
    """An `Idempotency-Key` beside a submission is the submission's own id, or it is a mistake. Raises KeyReused."""
    key = request.headers.get("idempotency-key")
    if key is not None and key.strip().strip('"') != ident:
        raise KeyReused("the Idempotency-Key is not the SHA-256 of these bytes", id=ident)


def preferred_wait(request: Http) -> float:
    """Seconds of `Prefer: wait=s`, at most 30; 0 where there is none."""
    for preference in request.headers.get("prefer", "").split(","):
        name, _, value = preference.partition("=")
        if name.strip().lower() == "wait" and value.strip().isdecimal():
            return min(float(value), WAIT_S_MAX)
    return 0.0


def refusal_of(answer: Submitted) -> Refused | Unavailable:
    """The error that a refused or expired submission stands for."""
    code = answer.code or Expired.code
    refusal = refusal_class(code)
    if refusal.code != code and unavailable_class(code).code == code:
        return unavailable_class(code)(rule=answer.rule)
    facts = {"rule": answer.rule} if answer.rule else {}
    return refusal("", **facts)


# SPEC LEDGER-16.1.4
def submitter_of(request: Http) -> str:
    """Whose bounds a submission counts against: the system of the client's certificate, else the address it came from.
    It stays in memory and enters no log."""
    peer = request.scope["state"].get("peer")
    if isinstance(peer, str):
        return peer
    return request.client.host if request.client is not None else ""


async def submit(request: Http, call: Submit) -> Answered:
    """One submission: 200 when final, 202 while it is under way, else its refusal."""
    data = await request.body()
    ident = sha256(data).hexdigest()
    check_key(request, ident)
    SUBMITTER.set(submitter_of(request))
    try:
        answer = await call(data, preferred_wait(request))
        if answer.state in ("refused", "expired"):
            if answer.code != TxDuplicate.code:
                request.scope["state"][_REPLAYED] = isinstance(answer, Repeated)
                raise refusal_of(answer)
            return shown(answer)
    except TxDuplicate as error:
        return shown(Submitted(id=ident, state="refused", code=error.code, rule=error.rule))
    except Refused as error:
        error.facts.setdefault("id", ident)
        if getattr(error, "repeated", False):
            request.scope["state"][_REPLAYED] = True
        raise
    request.scope["state"][_REPLAYED] = isinstance(answer, Repeated)
    # SPEC LEDGER-21.1.3
    return shown(answer, status=200 if answer.state == "final" else 202)


def submission_routes(ledger: Ledger) -> list[Any]:
    """All of §21.2 but the events."""
    return [*intake_routes(ledger), *following_routes(ledger)]


def intake_routes(ledger: Ledger) -> list[Any]:
    """Envelopes, operations, bundles."""

    @post(
        "/ledger/envelopes",
        status_code=200,
        request_max_body_size=SUBMISSION_BYTES_MAX,
        opt={"consumes": OCTETS},
        operation_class=SubmissionOperation,
        middleware=[ReplayMarks],
        responses=json_of(Submitted, "where the submission stands", 202) | json_of(Submitted, "it is final"),
    )
    async def post_envelope(request: Http) -> Answered:
        """Hand in one envelope (LEDGER 6.3) in octets. `Prefer: wait=s`, at most 30, waits for the end."""
        return await submit(request, ledger.submit_envelope)

    @post(
        "/ledger/operations",
        status_code=200,
        request_max_body_size=SUBMISSION_BYTES_MAX,
        opt={"consumes": OCTETS},
        operation_class=SubmissionOperation,
        middleware=[ReplayMarks],
        responses=json_of(Submitted, "where the submission stands", 202) | json_of(Submitted, "it is final"),
    )
    async def post_operation(request: Http) -> Answered:
        """Hand in one frame of a public operation (LEDGER 9.5) in octets. `Prefer: wait=s` as for envelopes."""
        return await submit(request, ledger.submit_operation)

    @post(
        "/ledger/bundles",
        status_code=202,
        request_max_body_size=BUNDLE_BYTES_MAX,
        opt={"consumes": OCTETS},
        operation_class=SubmissionOperation,
        responses=json_of(SubmittedItems, "one answer for each envelope, refusals in their places", 202),
    )
    async def post_bundle(request: Http) -> Answered:
        """Hand in a bundle `PLB1` of up to 64 envelopes in octets."""
        data = await request.body()
        check_key(request, sha256(data).hexdigest())
        SUBMITTER.set(submitter_of(request))
        return shown(SubmittedItems(await ledger.submit_bundle(data)), status=202)

    return [post_envelope, post_operation, post_bundle]


def following_routes(ledger: Ledger) -> list[Any]:
    """What became of a submission, and its receipt."""
    stands = json_of(Submitted, "where the submission stands")

    @get("/ledger/envelopes/{ident:str}", responses=stands)
    async def get_envelope(ident: FromPath[str], wait: Wait = 0.0) -> Answered:
        """Where an envelope stands, by the SHA-256 of its bytes; 404 when it is not known."""
        return shown(await ledger.submission(unhex(ident), wait))

    @get("/ledger/operations/{ident:str}", responses=stands)
    async def get_operation(ident: FromPath[str], wait: Wait = 0.0) -> Answered:
        """Where a frame stands, by the SHA-256 of its bytes; 404 when it is not known."""
        return shown(await ledger.submission(unhex(ident), wait))

    # SPEC LEDGER-21.1.4
    @get(
        ["/ledger/receipts/{leaf:str}", "/ledger/proofs/transactions/{leaf:str}"],
        responses=json_of(ReceiptView, "the receipt; octets `PLQ1` where they are asked for"),
    )
    async def get_receipt(request: Http, leaf: FromPath[str]) -> Answered:
        """The receipt of a tx_leaf or an op_id: proof that it took effect."""
        receipt = await ledger.receipt(unhex(leaf))
        if accepts(request, OCTETS):
            return fixed(request, receipt)
        return fixed(request, encode(ReceiptView(receipt.hex())), JSON_TYPE)

    return [get_envelope, get_operation, get_receipt]
