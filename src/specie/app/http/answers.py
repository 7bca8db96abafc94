"""The cheapest answer there is: bytes that are ready to send.

Litestar takes any ASGI callable as an answer; this one costs 20 µs less than a ``Response``. It is for the
hot doors whose answers are signed bytes anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specie.app.http.media_types import COSE

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send


class Answer:
    """A finished answer: status, headers and body."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        media_type: str = COSE,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self._body = body
        self._status = status
        self._headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it (ASGI)."""
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


def replayed(body: bytes, status: int = 200, media_type: str = COSE) -> Answer:
    """An answer given before, marked as such (``Idempotent-Replay: true``)."""
    return Answer(body, status, media_type, ((b"idempotent-replay", b"true"),))
