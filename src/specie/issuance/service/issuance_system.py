"""The doors of an issuance system: operators order issues in JSON, owners fetch and redeem units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath

from specie.issuance.api import IssuanceSystem, IssueView, Order, Refusal
from specie.issuance.client import wire
from specie.issuance.client.figures import issue_json
from specie.issuance.errors import AmountZero, Schema
from specie.issuance.messages.objects import Model
from specie.issuance.messages.parcel import PARCEL_BYTES_MAX, unpack_parcel
from specie.issuance.messages.view import view
from specie.issuance.service.answering import (
    CBOR,
    COSE,
    Answer,
    Answered,
    answer_json,
    check_operator,
    is_batch,
    unhex,
    wants_view,
)
from specie.issuance.service.shared import Http, listed, log_routes, number, rules_routes, trace_route
from specie.kernel.amount import parse_minor

KeyOf = Callable[[Any], tuple[str, str]]
"""Caller and Idempotency-Key of a call; raises where the key is missing."""
Digits = Callable[[str], int]
"""Digits of a currency, by its policy. Raises CurrencyNotPermitted."""


class Money(msgspec.Struct, forbid_unknown_fields=True):
    """An amount in JSON: a decimal string with exactly the currency's digits."""

    currency: str
    value: str


class Pile(msgspec.Struct, forbid_unknown_fields=True):
    """So many units of one value."""

    value: str
    count: int


class IssueOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What an operator asks for."""

    amount: Money
    owner: str
    """Owner identification in hex; in the account model bank "/" account."""
    purpose: str
    model: str = "token"
    denominations: list[Pile] | None = None
    operator: str | None = None
    supersedes: str | None = None
    address: str | None = None


_one = msgspec.json.Decoder(IssueOrder)
_many = msgspec.json.Decoder(list[IssueOrder])


def read_orders(body: bytes, digits: Digits) -> tuple[list[Order], bool]:
    """Orders of a JSON body, and whether it was an array. Raises Schema, amount refusals, CurrencyNotPermitted."""
    many = body.lstrip()[:1] == b"["
    try:
        found = _many.decode(body) if many else [_one.decode(body)]
    except msgspec.DecodeError as error:
        raise Schema(str(error)) from error
    if not 1 <= len(found) <= wire.BATCH_MAX:
        raise Schema(f"1 to {wire.BATCH_MAX} orders in one call")
    return [order_of(each, digits(each.amount.currency)) for each in found], many


def order_of(asked: IssueOrder, digits: int) -> Order:
    """One order in minor units. Raises Schema, amount refusals."""
    if asked.model not in ("token", "account"):
        raise Schema("model is token or account")
    amount = parse_minor(asked.amount.value, digits)
    token = asked.model == "token"
    piles = None
    if token:
        piles = tuple((parse_minor(pile.value, digits), pile.count) for pile in asked.denominations or ())
        if not piles and amount == 0:
            raise AmountZero("the amount is zero")
        piles = piles or ((amount, 1),)
    try:
        owner = bytes.fromhex(asked.owner) if token else asked.owner.encode("ascii")
        address = bytes.fromhex(asked.address or "")
    except (ValueError, UnicodeEncodeError) as error:
        raise Schema("owner and address are hex; an account is bank/account in ASCII") from error
    return Order(
        asked.amount.currency,
        amount,
        int(Model.TOKEN if token else Model.ACCOUNT),
        owner,
        piles,
        asked.purpose,
        asked.operator,
        unhex(asked.supersedes) if asked.supersedes else None,
        address,
    )


def issue_key(caller: str, key: str, place: int) -> bytes:
    """The issue's id, from the caller's key: the same call again is the same issue."""
    return sha256(f"issue/{caller}/{key}/{place}".encode()).digest()[:16]


def issuance_routes(engine: IssuanceSystem, key_of: KeyOf, digits: Digits) -> list[Any]:
    """All routes of an issuance system."""
    return [
        *issue_routes(engine, key_of, digits),
        *unit_routes(engine),
        trace_route(engine.trace),
        *log_routes(engine.log),
        *rules_routes(engine.rules),
    ]


def issue_routes(engine: IssuanceSystem, key_of: KeyOf, digits: Digits) -> list[Any]:
    """Ordering issues and seeing what became of them."""

    def shown(answer: IssueView | Refusal) -> dict[str, Any]:
        if isinstance(answer, IssueView):
            return issue_json(answer, digits(answer.currency))
        return {"status": answer.status, "code": answer.code, "detail": answer.detail, "state": "denied"}

    # SPEC ISSUANCE-16.2.1
    @post("/issues", status_code=200, request_max_body_size=wire.BATCH_BYTES_MAX, opt={"consumes": "application/json"})
    async def post_issues(request: Http) -> Answered:
        """Order one issue, or an array of up to 100; the Idempotency-Key header makes it safe to press twice."""
        check_operator(request)
        caller, key = key_of(request.scope)
        orders, many = read_orders(await request.body(), digits)
        idents = [issue_key(caller, key, place) for place in range(len(orders))]
        answers: Sequence[IssueView | Refusal] = await engine.issue(orders, keys=idents)
        if many:
            return answer_json([shown(answer) for answer in answers])
        (answer,) = answers
        if isinstance(answer, Exception):
            raise answer
        return answer_json(shown(answer), status=200 if answer.state == "released" else 202, replayed=answer.replayed)

    @get("/issues")
    async def get_issues(request: Http) -> Answered:
        """The newest issues."""
        return answer_json([shown(each) for each in await engine.newest(number(request, "limit", 50))])

    @get("/issues/{ident:str}")
    async def get_issue(ident: FromPath[str]) -> Answered:
        """One issue."""
        return answer_json(shown(await engine.show(unhex(ident))))

    @get("/issues/{ident:str}/units")
    async def get_units(request: Request[Any, Any, Any], ident: FromPath[str]) -> Answered:
        """The signed units of a released issue."""
        return listed(request, await engine.units(unhex(ident)))

    @post("/issues/{ident:str}/execute", status_code=200)
    async def post_execute(request: Http, ident: FromPath[str]) -> Answered:
        """Take an issue up again now; the same bytes go out, so that nothing happens twice."""
        check_operator(request)
        return answer_json(shown(await engine.execute(unhex(ident))))

    return [post_issues, get_issues, get_issue, get_units, post_execute]


def unit_routes(engine: IssuanceSystem) -> list[Any]:
    """Units by serial, redemption, freezing."""

    @get("/units/{serial:str}")
    async def get_unit(request: Http, serial: FromPath[str]) -> Answered:
        """A unit and its state: the bytes with `X-Unit-State`, or a view."""
        data, state = await engine.unit(unhex(serial))
        if wants_view(request):
            return answer_json(view(data) | {"state": state})
        return Answer(wire.encode([data, state]))

    @get("/revoked-units")
    async def get_revoked() -> Answered:
        """The compact filter of frozen units for verifiers off line."""
        return Answer(await engine.revocation_filter())

    @post("/redemptions", status_code=200, request_max_body_size=PARCEL_BYTES_MAX, opt={"consumes": CBOR})
    async def post_redemption(request: Http) -> Answered:
        """A `dc-redreq` of an owner; answers the signed `dc-redeem`."""
        return Answer(await engine.redeem(unpack_parcel(await request.body())), COSE)

    @post("/freezes", status_code=200)
    async def post_freeze(request: Http) -> Answered:
        """Two officers freeze or release a unit."""
        body = await request.body()
        await engine.freeze(wire.unpack_batch(body) if is_batch(request) else [body])
        return answer_json({"done": True})

    return [get_unit, get_revoked, post_redemption, post_freeze]
