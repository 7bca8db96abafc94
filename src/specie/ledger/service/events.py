"""New headers, parameters and epochs as server-sent events (LEDGER §21.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from litestar import get

from specie.ledger.api import Event, Ledger
from specie.ledger.errors import NonCanonical
from specie.ledger.service.answering import EVENTS, Answered, Http, Wait, encode

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

HEARTBEAT_S = 15.0
"""A comment this often keeps proxies from closing a silent stream."""

LOOK_S = 1.0
EVENTS_MAX = 1000
READY_S = 0.02
"""Whoever cannot stream gets up to so many events at a time: what comes within this time of the one before."""

_NOTHING = b": waiting\n\n"


class EventStream:
    """An answer that goes on for as long as the caller listens."""

    def __init__(
        self, events: AsyncIterator[Event], for_s: float = 0.0, is_stopping: Callable[[], bool] = bool
    ) -> None:
        """for_s: 0 goes on; else the answer ends behind the events that are there, or without any after so many
        seconds. is_stopping: whether the service wants to end; looked at once a second."""
        self._events = events
        self._for_s = for_s
        self._is_stopping = is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until either side has enough."""
        headers = [(b"content-type", EVENTS.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            if self._for_s:
                await self._send_first(send)
            else:
                await self._send_all(send, gone)
        finally:
            gone.cancel()
            if isinstance(self._events, AsyncGenerator):
                await self._events.aclose()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_first(self, send: Send) -> None:
        """The first height with events, and those that stand ready behind it."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(self._for_s) as limit:
                for _ in range(EVENTS_MAX):
                    event = await anext(self._events)
                    await send({"type": "http.response.body", "body": event_text(event), "more_body": True})
                    if event.kind == "header":
                        limit.reschedule(loop.time() + READY_S)

    async def _send_all(self, send: Send, gone: asyncio.Future[None]) -> None:
        pending: asyncio.Future[Event] | None = None
        silent_s = 0.0
        try:
            while not gone.done() and not self._is_stopping():
                pending = pending or asyncio.ensure_future(anext(self._events))
                done, _ = await asyncio.wait((pending, gone), timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                if pending not in done:
                    silent_s += LOOK_S
                    if silent_s >= HEARTBEAT_S:
                        await send({"type": "http.response.body", "body": _NOTHING, "more_body": True})
                        silent_s = 0.0
                    continue
                silent_s = 0.0
                try:
                    body = event_text(pending.result())
                except StopAsyncIteration:
                    return
                pending = None
                await send({"type": "http.response.body", "body": body, "more_body": True})
        finally:
            if pending is not None:
                pending.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                    await pending


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event_text(event: Event) -> bytes:
    """One event as text. Only the header, which comes last of a height, moves the id that a listener resumes from."""
    mark = b"id: %d\n" % event.height if event.kind == "header" else b""
    return mark + b"event: " + event.kind.encode() + b"\ndata: " + encode(event.data) + b"\n\n"


def events_route(ledger: Ledger) -> Any:
    """`GET /v1/ledger/events`"""

    @get("/ledger/events", media_type=EVENTS)
    async def get_events(request: Http, wait: Wait = 0.0) -> Answered:
        """Events `header`, `params` and `epoch` above the height in `Last-Event-ID`, or from now on.

        With `wait` the answer ends behind the events that are there, or after so many seconds: for callers that cannot
        stream.
        """
        given = request.headers.get("last-event-id")
        if given is None:
            after = (await ledger.status()).height
        elif given.isdecimal() and len(given) < 19:
            after = int(given)
        else:
            raise NonCanonical("Last-Event-ID is a height")
        return EventStream(ledger.events(after), wait, lambda: bool(request.app.state.get("draining")))

    return get_events
