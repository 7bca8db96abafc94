"""Reading calls, writing answers, and who is calling."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litestar import Request
from litestar.types import ASGIApp as Answered

from specie.bank.engine.orders import ALLOWED
from specie.bank.errors import Malformed, NotPermitted
from specie.bank.messages.accounts import AccountView
from specie.bank.messages.wire import CBOR, COSE
from specie.kernel.amount import AmountMalformed, AmountOutOfRange, format_minor, parse_minor
from specie.kernel.errors import KeyMissing

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

JSON = "application/json"
KEY_CHARACTERS_MAX = 255
Http = Request[Any, Any, Any]


class Answer:
    """A finished answer, as an ASGI callable."""

    __slots__ = ("_body", "_media_type", "_status")

    def __init__(self, body: bytes, media_type: str = CBOR, *, status: int = 200) -> None:
        self._body, self._media_type, self._status = body, media_type, status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(b"content-type", self._media_type.encode()), (b"content-length", str(len(self._body)).encode())]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


def answer_json(value: Any) -> Answer:
    return Answer(json.dumps(value, separators=(",", ":")).encode(), JSON)


def peer_of(request: Http) -> str | None:
    """The system of the client's certificate; None where there is no TLS (one machine, environment dev)."""
    peer = request.scope["state"].get("peer")
    return peer if isinstance(peer, str) else None


# SPEC BANK-4.9: by its mutual TLS identity
def room_of(request: Http) -> str:
    """The calling room, by its certificate; without TLS any room's kinds, never the bank's own. Raises NotPermitted."""
    peer = peer_of(request)
    if peer is None:
        if request.app.state.get("public_door"):
            raise NotPermitted("this call is between rooms; it needs the certificate of one")
        return ANY_ROOM
    room = request.app.state.get("rooms", {}).get(peer)
    if room not in ALLOWED:
        raise NotPermitted(f"{peer} is no room of this bank")
    return str(room)


ANY_ROOM = "any"


def check_staff(request: Http) -> None:
    """Calls of the bank's people. Raises NotPermitted."""
    peer, known = peer_of(request), request.app.state.get("operators")
    if peer is not None and (known is None or peer not in known):
        raise NotPermitted(f"{peer} is not of the bank's staff")


def check_owner(request: Http, account: AccountView) -> None:
    """Calls for an account: of its owner or the staff. Raises NotPermitted."""
    if peer_of(request) != account.owner:
        check_staff(request)


def key_of(request: Http) -> str:
    """The `Idempotency-Key`: the caller's name for what it asks. Raises KeyMissing, Malformed."""
    text = request.headers.get("idempotency-key", "").strip().strip('"')
    if not text:
        raise KeyMissing("send an Idempotency-Key header with every call that moves money")
    if len(text) > KEY_CHARACTERS_MAX or not (text.isascii() and text.isprintable()):
        raise Malformed("an Idempotency-Key is 1 to 255 printable ASCII characters")
    return text


async def fields_of(request: Http, *names: str) -> list[str]:
    """The members of a JSON object of texts, in this order. Raises Malformed."""
    try:
        value = json.loads(await request.body())
    except ValueError as error:
        raise Malformed("not JSON") from error
    if not isinstance(value, dict) or not set(value) <= set(names):
        raise Malformed(f"an object with {', '.join(names)} expected")
    found = [value.get(name, "") for name in names]
    if not all(isinstance(item, str) for item in found):
        raise Malformed("texts expected; amounts are decimal texts")
    return found


def amount_of(text: str, digits: int) -> int:
    """Minor units of a decimal text. Raises Malformed."""
    try:
        return parse_minor(text, digits)
    except (AmountMalformed, AmountOutOfRange) as error:
        raise Malformed(error.detail) from error


def unhex(text: str) -> bytes:
    """Raises Malformed."""
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Malformed("hexadecimal digits expected") from error


def account_json(view: AccountView, digits: int) -> dict[str, Any]:
    return {
        "id": view.id,
        "currency": view.currency,
        "type": str(view.type),
        "owner": view.owner,
        "state": view.state.name.lower(),
        "tier": view.tier,
        "balance": format_minor(view.balance, digits),
        "held": format_minor(view.held, digits),
        "available": format_minor(view.available, digits),
    }


__all__ = ["CBOR", "COSE", "JSON", "Answer", "Answered", "Http", "answer_json"]
