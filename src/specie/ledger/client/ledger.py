"""`api.Ledger` of another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from specie.kernel.errors import Unavailable
from specie.ledger.api import DecoyLaw, EpochKeyView, Event, KeyImageProof, OutputProof, OutputView, Params, StateEntry
from specie.ledger.client.calling import OCTETS, AnswerUnreadable, Caller, Door, Reply, query, read_json
from specie.ledger.messages.binary import Reader
from specie.ledger.messages.header import HEADER_BYTES
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.views import (
    ConsistencyProof,
    HeaderView,
    Repeated,
    Status,
    Submitted,
    SubmittedItems,
    Supply,
)

EVENTS_WAIT_S = 5
"""How long one call for events stays open; less than the time that a caller gives a call."""

RETRY_S = 1.0
WAIT_S_MAX = 5.0
"""How long one call waits for the end of a submission; longer waits are several calls."""

Pause = Callable[[float], Awaitable[None]]


class LedgerClient:
    """The ledger behind `caller`. What it answers is as good as its proofs: light clients check them."""

    def __init__(self, caller: Caller, *, pause: Pause = asyncio.sleep) -> None:
        self._door = Door(caller)
        self._pause = pause

    async def submit_envelope(self, data: bytes, wait_s: float = 0) -> Submitted:
        return await self._submit("envelopes", data, wait_s)

    async def submit_operation(self, data: bytes, wait_s: float = 0) -> Submitted:
        return await self._submit("operations", data, wait_s)

    async def _submit(self, kind: str, data: bytes, wait_s: float) -> Submitted:
        headers = (("prefer", f"wait={round(min(wait_s, WAIT_S_MAX))}"),) if wait_s > 0 else ()
        answer = _submitted(await self._door.call("POST", f"/{kind}", data, OCTETS, headers))
        if wait_s > WAIT_S_MAX and answer.state in ("received", "verified"):
            return await self.submission(bytes.fromhex(answer.id), wait_s - WAIT_S_MAX)
        return answer

    async def submit_bundle(self, data: bytes) -> list[Submitted]:
        reply = await self._door.call("POST", "/bundles", data, OCTETS)
        return read_json(reply.body, SubmittedItems).items

    async def submission(self, ident: bytes, wait_s: float = 0) -> Submitted:
        while True:
            once = min(wait_s, WAIT_S_MAX)
            answer = await self._door.json(f"/envelopes/{ident.hex()}{query(wait=once)}", Submitted)
            wait_s -= once
            if wait_s <= 0 or answer.state not in ("received", "verified"):
                return answer

    async def receipt(self, leaf: bytes) -> bytes:
        return await self._door.octets(f"/receipts/{leaf.hex()}")

    async def status(self) -> Status:
        return await self._door.json("/status", Status)

    async def genesis(self) -> bytes:
        return await self._door.octets("/genesis")

    async def headers(self, first: int, limit: int) -> list[tuple[bytes, bytes]]:
        reader = Reader(await self._door.octets(f"/headers{query(from_=first, limit=limit)}"))
        found = []
        while reader.left:
            found.append((reader.take(HEADER_BYTES), Finality.read(reader).encode()))
        return found

    async def epoch(self, number: int | None = None) -> EpochKeyView:
        return await self._door.json("/epoch" if number is None else f"/epochs/{number}", EpochKeyView)

    async def parameters(self, version: int | None = None) -> Params:
        return await self._door.json("/params" if version is None else f"/params/{version}", Params)

    async def decoys(self) -> DecoyLaw:
        return await self._door.json("/decoys", DecoyLaw)

    async def supply(self, height: int | None = None) -> Supply:
        return await self._door.json(f"/supply{query(height=height)}", Supply)

    async def state_entry(self, domain: int, ident: bytes, height: int | None = None) -> StateEntry:
        return await self._door.json(_state_path(domain, ident, height), StateEntry)

    async def state_receipt(self, domain: int, ident: bytes, height: int | None = None) -> bytes:
        return await self._door.octets(_state_path(domain, ident, height))

    async def block(self, height: int) -> bytes:
        return await self._door.octets(f"/blocks/{height}")

    async def block_proofs(self, height: int) -> bytes:
        return await self._door.octets(f"/blocks/{height}/proofs")

    async def compact(self, first: int, count: int) -> bytes:
        return await self._door.octets(f"/compact{query(from_=first, count=count)}")

    async def outputs(self, page: int) -> bytes:
        return await self._door.octets(f"/outputs/pages/{page}")

    async def output(self, index: int) -> OutputView:
        return await self._door.json(f"/outputs/{index}", OutputView)

    async def key_images(self, first: int, count: int) -> bytes:
        return await self._door.octets(f"/key-images{query(from_=first, count=count)}")

    async def prove_output(self, index: int, height: int | None = None) -> OutputProof:
        return await self._door.json(f"/proofs/outputs/{index}{query(height=height)}", OutputProof)

    async def prove_consistency(self, first: int, last: int) -> list[bytes]:
        found = await self._door.json(f"/proofs/consistency{query(from_=first, to=last)}", ConsistencyProof)
        return [bytes.fromhex(each) for each in found.path]

    async def prove_key_image(self, image: bytes, height: int | None = None) -> KeyImageProof:
        return await self._door.json(f"/proofs/key-images/{image.hex()}{query(height=height)}", KeyImageProof)

    async def events(self, after: int) -> AsyncIterator[Event]:
        """Asks again and again; a node that does not answer for a while loses nothing."""
        while True:
            headers = (("last-event-id", str(after)),)
            try:
                reply = await self._door.call("GET", f"/events{query(wait=EVENTS_WAIT_S)}", headers=headers)
            except Unavailable:
                await self._pause(RETRY_S)
                continue
            for event, height in read_events(reply.body, after):
                after = height
                yield event


def _submitted(reply: Reply) -> Submitted:
    kind = Repeated if reply.headers.get(b"idempotent-replay") == b"true" else Submitted
    return read_json(reply.body, kind)


def _state_path(domain: int, ident: bytes, height: int | None) -> str:
    return f"/proofs/state/{domain}/{ident.hex() or '-'}{query(height=height)}"


def read_events(data: bytes, after: int) -> list[tuple[Event, int]]:
    """(event, height to resume from) of a stretch of server-sent events. Raises AnswerUnreadable."""
    found: list[tuple[Event, int]] = []
    for block in data.decode("utf-8", "replace").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
        kind, text = fields.get("event"), fields.get("data", "").encode()
        if kind is None:
            continue
        marked = fields.get("id", "")
        if marked.isdecimal():
            after = int(marked)
        found.append((_event(kind, text, after), after))
    return found


def _event(kind: str, data: bytes, after: int) -> Event:
    if kind == "header":
        return Event(after, "header", read_json(data, HeaderView))
    # of a height, the header comes last and moves the id
    height = after + 1
    if kind == "params":
        return Event(height, "params", read_json(data, Params))
    if kind == "epoch":
        return Event(height, "epoch", read_json(data, EpochKeyView))
    raise AnswerUnreadable("an event of a kind that is not known here")


__all__ = ["EVENTS_WAIT_S", "LedgerClient", "read_events"]
