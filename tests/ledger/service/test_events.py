"""Server-sent events, from the door's text to the client's events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from specie.ledger.client.calling import AnswerUnreadable
from specie.ledger.client.ledger import read_events
from specie.ledger.messages.views import AmountView, Event, HeaderView, Params
from specie.ledger.service.events import EventStream, event_text

NOTHING = AmountView.of(0, "XTS", 2)


def header(height: int) -> Event:
    view = HeaderView(
        height=height,
        time="2026-11-20T00:00:00.000Z",
        app_hash="",
        header="",
        finality="",
        tx_count=0,
        out_size=0,
        fee_total=NOTHING,
        mint_total=NOTHING,
        burn_total=NOTHING,
        refund_total=NOTHING,
        escrow_in=NOTHING,
        escrow_out=NOTHING,
    )
    return Event(height, "header", view)


def changed(height: int) -> Event:
    return Event(height, "params", Params(version=1, effective_height=height, values={"ring_size": 16}))


async def coming(events: list[Event], then: asyncio.Event | None = None) -> AsyncIterator[Event]:
    for event in events:
        yield event
    if then is not None:
        await then.wait()


async def listen(stream: EventStream, until: int | None = None) -> bytes:
    """What a caller hears that hangs up after so many pieces."""
    pieces: list[bytes] = []
    gone = asyncio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            pieces.append(message["body"])
        if until is not None and len(pieces) >= until:
            gone.set()

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async with asyncio.timeout(10):
        await stream({"type": "http"}, receive, send)  # type: ignore[arg-type]
    return b"".join(pieces)


def test_events_arrive_as_they_were_and_headers_say_where_to_resume() -> None:
    events = [header(4), changed(5), header(5)]
    heard = asyncio.run(listen(EventStream(coming(events))))
    assert heard == b"".join(event_text(event) for event in events)
    assert read_events(heard, 3) == [(events[0], 4), (events[1], 4), (events[2], 5)]


def test_a_caller_that_breaks_off_inside_of_a_height_hears_it_again() -> None:
    heard = event_text(header(4)) + event_text(changed(5))
    assert read_events(heard, 3)[-1][1] == 4


def test_a_stream_goes_on_until_the_caller_has_gone() -> None:
    async def story() -> bytes:
        return await listen(EventStream(coming([header(1), header(2)], asyncio.Event())), until=2)

    assert len(read_events(asyncio.run(story()), 0)) == 2


def test_a_service_that_stops_ends_its_streams() -> None:
    async def story() -> bytes:
        stopping = iter([False, True])
        return await listen(EventStream(coming([header(1)], asyncio.Event()), is_stopping=lambda: next(stopping)))

    assert len(read_events(asyncio.run(story()), 0)) == 1


def test_callers_that_cannot_stream_get_what_is_there() -> None:
    async def story() -> tuple[bytes, bytes]:
        some = await listen(EventStream(coming([header(1), header(2)], asyncio.Event()), 5.0))
        none = await listen(EventStream(coming([], asyncio.Event()), 0.01))
        return some, none

    some, none = asyncio.run(story())
    assert [event.height for event, _ in read_events(some, 0)] == [1, 2]
    assert none == b""


@pytest.mark.parametrize("data", [b"event: header\ndata: {}\n\n", b"event: other\ndata: {}\n\n", b"event: header\n\n"])
def test_what_is_no_event_is_not_believed(data: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        read_events(data, 0)


def test_comments_are_passed_over() -> None:
    assert read_events(b": waiting\n\n", 3) == []
