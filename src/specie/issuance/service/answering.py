"""Reading calls and writing answers: bytes in, bytes out, and who is calling."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from litestar.types import ASGIApp as Answered

from specie.issuance.client.wire import CBOR, COSE
from specie.issuance.errors import ChannelMismatch, IdempotencyMismatch, Schema, TooLarge
from specie.kernel import codec

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import Receive, Scope, Send

JSON = "application/json"
OBJECT_BYTES_MAX = 16_384
RULES_BYTES_MAX = 262_144


class Answer:
    """A finished answer, as an ASGI callable: the cheapest that Litestar takes."""

    __slots__ = ("_body", "_media_type", "_replayed", "_status")

    def __init__(self, body: bytes, media_type: str = CBOR, *, status: int = 200, replayed: bool = False) -> None:
        self._body, self._media_type, self._status, self._replayed = body, media_type, status, replayed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [
            (b"content-type", self._media_type.encode()),
            (b"content-length", str(len(self._body)).encode()),
        ]
        # SPEC ISSUANCE-10.1.2
        if self._replayed:
            headers.append((b"idempotent-replay", b"true"))
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


def answer_json(value: Any, *, status: int = 200, replayed: bool = False) -> Answer:
    """Plain values as JSON."""
    return Answer(json.dumps(value, separators=(",", ":")).encode(), JSON, status=status, replayed=replayed)


def peer_of(request: Request[Any, Any, Any]) -> str | None:
    """The system of the client's certificate; None where there is no TLS (one machine, environment dev)."""
    peer = request.scope["state"].get("peer")
    return peer if isinstance(peer, str) else None


def system_of(request: Request[Any, Any, Any]) -> str | None:
    """As `peer_of`, for calls between systems: at a public door they need a certificate. Raises ChannelMismatch."""
    peer = peer_of(request)
    if peer is None and request.app.state.get("public_door"):
        raise ChannelMismatch("this call is between systems; it needs the certificate of one")
    return peer


def check_operator(request: Request[Any, Any, Any]) -> None:
    """Operators' calls come from the system itself or a certificate that its configuration names. Raises
    ChannelMismatch."""
    peer, known = peer_of(request), request.app.state.get("operators")
    if peer is not None and known is not None and peer not in known:
        raise ChannelMismatch(f"{peer} is no operator of this system")


# SPEC ISSUANCE-15.6.1
def check_auditor(request: Request[Any, Any, Any]) -> None:
    """Whole objects, with owners in them, are for the auditor and the operators: never for a public door, and over TLS
    for the certificates that the configuration names. Raises ChannelMismatch."""
    peer, known = system_of(request), request.app.state.get("operators")
    if peer is not None and known is not None and peer not in known | request.app.state.get("auditors", frozenset()):
        raise ChannelMismatch(f"{peer} is no auditor of this system")


def is_batch(request: Request[Any, Any, Any]) -> bool:
    """Whether the body is an array of objects (ISSUANCE-16.2.1)."""
    return request.headers.get("content-type", "").startswith(CBOR)


# SPEC ISSUANCE-10.1.9
def check_key(request: Request[Any, Any, Any], data: bytes) -> None:
    """An `Idempotency-Key` beside a signed object is the object's own id, or it is a mistake. Raises
    IdempotencyMismatch; TooLarge for an object beyond its limit."""
    if len(data) > OBJECT_BYTES_MAX:
        raise TooLarge(f"an object has at most {OBJECT_BYTES_MAX} bytes")
    key = request.headers.get("idempotency-key")
    if key is None:
        return
    from specie.crypto import cose

    (parsed,) = cose.parse_sign1_many([data])
    if parsed.status != cose.OK:
        return
    claims = codec.decode(parsed.payload, bytes_max=OBJECT_BYTES_MAX)
    cti = claims.get(7) if isinstance(claims, dict) else None
    if not isinstance(cti, bytes) or key.strip('"').replace("-", "").lower() != cti.hex():
        raise IdempotencyMismatch("the Idempotency-Key is not the object's own id")


def unhex(text: str, size: int = 16) -> bytes:
    """An id in hex. Raises Schema."""
    try:
        value = bytes.fromhex(text.replace("-", ""))
    except ValueError as error:
        raise Schema("an id is written in hex") from error
    if len(value) != size:
        raise Schema(f"an id has {size} bytes")
    return value


def wants_view(request: Request[Any, Any, Any]) -> bool:
    """`?view=json`"""
    return request.query_params.get("view") == "json"


__all__ = [
    "CBOR",
    "COSE",
    "JSON",
    "OBJECT_BYTES_MAX",
    "RULES_BYTES_MAX",
    "Answer",
    "Answered",
    "answer_json",
    "check_auditor",
    "check_key",
    "check_operator",
    "is_batch",
    "peer_of",
    "system_of",
    "unhex",
    "wants_view",
]
