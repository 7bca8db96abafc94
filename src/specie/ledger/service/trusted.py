"""The doors of a trusted node (LEDGER §21.6): what goes through them is sealed to a session's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import post
from litestar.openapi.spec import Operation
from litestar.params import FromPath

from specie.ledger.api import TrustedNode
from specie.ledger.errors import NonCanonical, NotAvailable
from specie.ledger.messages.sealed import SESSION_HEADER
from specie.ledger.messages.views import Nonce, Session
from specie.ledger.service.answering import (
    JSON,
    OCTETS,
    Answer,
    Answered,
    Http,
    body_of,
    header_parameter,
    json_of,
    octets,
    shown,
    unhex,
)

SEALED_BYTES_MAX = 4096
"""The longest request is that of a ring of 64: 1024 bytes and what sealing adds."""

_nonce = msgspec.json.Decoder(Nonce)
_NO_STORE = ((b"cache-control", b"no-store"),)


@dataclass
class SealedOperation(Operation):
    """For the OpenAPI document: a sealed body and the session that it belongs to."""

    def __post_init__(self) -> None:
        self.request_body = body_of(OCTETS, "encapsulated key 32 | ciphertext: HPKE to the key of the session")
        self.parameters = [header_parameter("Specie-Session", "the session, as it was answered", required=True)]


@dataclass
class SessionOperation(Operation):
    """For the OpenAPI document: the nonce in JSON."""

    def __post_init__(self) -> None:
        self.request_body = body_of(JSON, '`{"nonce": …}`: 32 random bytes in hexadecimal')


def session_of(request: Http) -> str:
    """The session that a sealed request belongs to. Raises NonCanonical."""
    ident = request.headers.get(SESSION_HEADER)
    if not ident:
        raise NonCanonical(f"a sealed request names its session in the header {SESSION_HEADER}")
    return ident


def trusted_routes(node: TrustedNode) -> list[Any]:
    """All of §21.6. Sessions are asked for in the clear; everything else is sealed."""

    @post(
        "/ledger/trusted/sessions",
        status_code=200,
        opt={"consumes": JSON},
        operation_class=SessionOperation,
        responses=json_of(Session, "a session key and the quote that binds it to the nonce"),
    )
    async def post_session(request: Http) -> Answered:
        """Open a session of 60 seconds: `{"nonce": 32 bytes in hexadecimal}`."""
        try:
            asked = _nonce.decode(await request.body())
        except msgspec.DecodeError as error:
            raise NonCanonical('a session is asked for by {"nonce": …}') from error
        return shown(await node.session(unhex(asked.nonce)), headers=_NO_STORE)

    @post(
        "/ledger/trusted/rings",
        status_code=200,
        request_max_body_size=SEALED_BYTES_MAX,
        opt={"consumes": OCTETS},
        operation_class=SealedOperation,
        responses=octets("the sealed `PLG1`"),
    )
    async def post_rings(request: Http) -> Answered:
        """All positions of one ring, sealed; the header `Specie-Session` names the session."""
        return Answer(await node.rings(session_of(request), await request.body()), OCTETS, headers=_NO_STORE)

    @post(
        "/ledger/trusted/scan",
        status_code=200,
        request_max_body_size=SEALED_BYTES_MAX,
        opt={"consumes": OCTETS},
        operation_class=SealedOperation,
        responses=octets("the sealed candidates"),
    )
    async def post_scan(request: Http) -> Answered:
        """A detection key and a run of blocks, sealed; the header `Specie-Session` names the session."""
        return Answer(await node.scan(session_of(request), await request.body()), OCTETS, headers=_NO_STORE)

    # SPEC LEDGER-20.1.2
    @post("/ledger/trusted/sign/{step:str}", status_code=200, request_max_body_size=SEALED_BYTES_MAX)
    async def post_sign(step: FromPath[str]) -> Answered:
        """Split signing and signing by the key service: not offered by a node of mode T0."""
        raise NotAvailable("this node is of mode T0: it builds and signs nothing", step=step)

    return [post_session, post_rings, post_scan, post_sign]
