"""Reading what a call asks for, and writing answers: octets or JSON, what never changes marked as such."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Request
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter
from litestar.types import ASGIApp as Answered

from specie.ledger.errors import NonCanonical, Unknown

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

JSON = "application/json"
OCTETS = "application/vnd.specie.ledger+octets"
EVENTS = "text/event-stream"

NUMBER_MAX = 2**48 - 1
"""The largest height, index or page of a question: above any that will be, and its products still fit a database."""
WAIT_S_MAX = 30.0

Http = Request[Any, Any, Any]

From = Annotated[int, QueryParameter(name="from", ge=0, le=NUMBER_MAX)]
To = Annotated[int, QueryParameter(name="to", ge=0, le=NUMBER_MAX)]
Height = Annotated[int | None, QueryParameter(name="height", ge=0, le=NUMBER_MAX)]
Wait = Annotated[float, QueryParameter(name="wait", ge=0, le=WAIT_S_MAX, description="seconds to wait for the end")]

_FOREVER = b"public, max-age=31536000, immutable"


class Answer:
    """A finished answer, as an ASGI callable."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self, body: bytes, media_type: str = JSON, *, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        self._body, self._status = body, status
        self._headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


def encode(value: Any) -> bytes:
    """A struct as JSON."""
    return msgspec.json.encode(value)


def shown(value: Any, *, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """A struct that may look otherwise the next time."""
    return Answer(encode(value), status=status, headers=((b"cache-control", b"no-cache"), *headers))


# SPEC LEDGER-21.1.4
def fixed(request: Http, body: bytes, media_type: str = OCTETS, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """What lies below the tip: the same bytes for ever, or 304 for whoever has them."""
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    marks = [(b"etag", tag.encode()), (b"cache-control", _FOREVER), (b"vary", b"accept"), *headers]
    held = request.headers.get("if-none-match", "")
    if held.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in held.split(",")]:
        return Answer(b"", media_type, status=304, headers=marks)
    return Answer(body, media_type, headers=marks)


def moving(body: bytes, media_type: str = OCTETS, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    """What reaches the tip and so grows."""
    return Answer(body, media_type, headers=((b"cache-control", b"no-cache"), (b"vary", b"accept"), *headers))


def accepts(request: Http, media_type: str) -> bool:
    """Whether the caller names this media type; a wildcard leaves the choice to the door."""
    given = request.headers.get("accept", "")
    return media_type in [each.split(";", 1)[0].strip().lower() for each in given.split(",")]


def unhex(text: str, size: int = 32) -> bytes:
    """An id in hexadecimal. Raises NonCanonical."""
    try:
        value = bytes.fromhex(text)
    except ValueError as error:
        raise NonCanonical("an id is written in hexadecimal") from error
    if len(value) != size or value.hex() != text:
        raise NonCanonical(f"an id is {2 * size} lower-case hexadecimal digits")
    return value


def place(number: int) -> int:
    """A height, index or page of a path. Raises Unknown for a number that none can have."""
    if not 0 <= number <= NUMBER_MAX:
        raise Unknown("there is none of that number")
    return number


def octets(description: str) -> dict[int, ResponseSpec]:
    """For the OpenAPI document: an answer in octets."""
    return {200: ResponseSpec(bytes, media_type=OCTETS, description=description, generate_examples=False)}


def json_of(kind: Any, description: str, status: int = 200) -> dict[int, ResponseSpec]:
    """For the OpenAPI document: an answer of this struct."""
    return {status: ResponseSpec(kind, description=description, generate_examples=False)}


def header_parameter(name: str, description: str, *, required: bool = False) -> Parameter:
    """For the OpenAPI document: a header that a handler reads by itself."""
    return Parameter(
        name=name,
        param_in="header",
        required=required,
        description=description,
        schema=Schema(type=OpenAPIType.STRING),
    )


def body_of(media_type: str, description: str) -> RequestBody:
    """For the OpenAPI document: a body that no type of a handler describes."""
    if media_type == OCTETS:
        schema = Schema(type=OpenAPIType.STRING, content_media_type=media_type, description=description)
    else:
        schema = Schema(type=OpenAPIType.OBJECT, description=description)
    return RequestBody(required=True, content={media_type: OpenAPIMediaType(schema=schema)})


__all__ = [
    "EVENTS",
    "JSON",
    "OCTETS",
    "WAIT_S_MAX",
    "Answer",
    "Answered",
    "From",
    "Height",
    "Http",
    "To",
    "Wait",
    "accepts",
    "body_of",
    "encode",
    "fixed",
    "header_parameter",
    "json_of",
    "moving",
    "octets",
    "place",
    "shown",
    "unhex",
]
