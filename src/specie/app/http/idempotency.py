"""``Idempotency-Key`` for JSON calls that move money (draft-ietf-httpapi-idempotency-key-header-07).

A key belongs to its caller. No key: 400. The first call still runs: wait a little, then 409. Another body:
422. Else the first answer again, marked ``Idempotent-Replay: true``. What says "try again" (5xx, 401,
anything with ``Retry-After``) is not an answer and is not kept.

A call can take effect and die before its answer is kept. Handlers therefore derive the id of what they do
from caller and key (``idempotency_key``), so that a second run finds the effect of the first.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from specie.app.http.errors import RequestInvalid
from specie.app.http.requests import header, peer, read_body
from specie.kernel.db import Database, Transaction, UniqueViolation
from specie.kernel.errors import KeyInProgress, KeyMissing, KeyReused, Unavailable

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPRequestEvent, Message, Receive, Scope, Send

WAIT_S = 2.0
"""How long a second call waits for the first."""

KEY_CHARACTERS_MAX = 255
_NOT_KEPT = frozenset((b"x-request-id", b"date", b"server", b"connection"))


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer of the first call."""

    digest: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class IdempotencyStore:
    """The table of answers, and the calls that run right now in this process."""

    def __init__(self, database: Database, wait_s: float = WAIT_S) -> None:
        self._database = database
        self.wait_s = wait_s
        self.running: dict[tuple[str, str], tuple[bytes, asyncio.Event]] = {}

    async def prepare(self) -> None:
        """Make the table if it is not there."""

        def create(transaction: Transaction) -> None:
            blob = "BYTEA" if transaction.dialect == "postgresql" else "BLOB"
            transaction.run(
                "CREATE TABLE IF NOT EXISTS http_idem (caller TEXT NOT NULL, key TEXT NOT NULL, "
                f"hash {blob} NOT NULL, status INT NOT NULL, headers TEXT NOT NULL, body {blob} NOT NULL, "
                "PRIMARY KEY (caller, key))"
            )

        await self._database.write(create)

    async def find(self, caller: str, key: str) -> Kept | None:
        """The answer kept under this key. Raises Unavailable."""

        def look(transaction: Transaction) -> Kept | None:
            row = transaction.one(
                "SELECT hash, status, headers, body FROM http_idem WHERE caller = ? AND key = ?",
                (caller, key),
            )
            if row is None:
                return None
            pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(row[2])]
            return Kept(bytes(row[0]), int(row[1]), pairs, bytes(row[3]))

        return await self._database.read(look)

    async def keep(self, caller: str, key: str, kept: Kept) -> None:
        """Keep an answer for good. Raises Unavailable; UniqueViolation if another process kept one first."""
        pairs = json.dumps([[part.decode("latin-1") for part in pair] for pair in kept.headers])

        def insert(transaction: Transaction) -> None:
            transaction.run(
                "INSERT INTO http_idem (caller, key, hash, status, headers, body) VALUES (?, ?, ?, ?, ?, ?)",
                (caller, key, kept.digest, kept.status, pairs, kept.body),
            )

        await self._database.write(insert)


def caller_of(scope: Scope) -> str:
    """Whose key it is: the peer, else the holder of the Authorization header, else ``local``."""
    if system := peer(scope):
        return f"system:{system}"
    if authorization := header(scope, b"authorization"):
        return "bearer:" + hashlib.sha256(authorization).hexdigest()[:32]
    return "local"


def idempotency_key(scope: Scope) -> tuple[str, str]:
    """Caller and key of this call, for handlers behind the middleware. Raises KeyMissing, RequestInvalid."""
    given = header(scope, b"idempotency-key")
    if not given:
        raise KeyMissing("send an Idempotency-Key header with every call that moves money")
    text = given.decode("latin-1").strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if not text or len(text) > KEY_CHARACTERS_MAX or not (text.isascii() and text.isprintable()):
        raise RequestInvalid("an Idempotency-Key is 1 to 255 printable ASCII characters")
    return caller_of(scope), text


class IdempotencyMiddleware:
    """Pure ASGI, round single routes."""

    def __init__(self, app: ASGIApp, store: IdempotencyStore, body_bytes_max: int) -> None:
        self._app = app
        self._store = store
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises KeyMissing, RequestInvalid, TooLarge, KeyReused, KeyInProgress, in this order."""
        place = idempotency_key(scope)
        body = await read_body(scope, receive, self._body_bytes_max)
        digest = _digest(scope, body)
        await self._wait_for_first(place, digest)
        done = asyncio.Event()  # nothing awaits between the wait's last look and this claim
        self._store.running[place] = (digest, done)
        try:
            kept = await self._store.find(*place)
            if kept is None:
                answer = await self._run(scope, body, place, digest)
            elif kept.digest != digest:
                raise KeyReused("this key was used for another request", key=place[1])
            else:
                answer = _Recorded(kept.status, [*kept.headers, (b"idempotent-replay", b"true")], kept.body)
        finally:
            del self._store.running[place]
            done.set()
        await answer.send(send)

    async def _wait_for_first(self, place: tuple[str, str], digest: bytes) -> None:
        deadline = asyncio.get_running_loop().time() + self._store.wait_s
        while (first := self._store.running.get(place)) is not None:
            if first[0] != digest:
                raise KeyReused("this key is in use for another request", key=place[1])
            try:
                async with asyncio.timeout_at(deadline):
                    await first[1].wait()
            except TimeoutError:
                raise KeyInProgress("the first call under this key still runs", retry_after_s=1) from None

    async def _run(self, scope: Scope, body: bytes, place: tuple[str, str], digest: bytes) -> _Recorded:
        recorder = _Recorder(body)
        await self._app(scope, recorder.receive, recorder.send)
        answer = recorder.recorded()
        if answer.is_final():
            headers = [pair for pair in answer.headers if pair[0].lower() not in _NOT_KEPT]
            try:
                await self._store.keep(*place, Kept(digest, answer.status, headers, answer.body))
            except (Unavailable, UniqueViolation) as error:
                # The effect is there: its answer is worth more to the caller than our trouble with the table.
                structlog.get_logger("specie.http").warning("answer_not_kept", reason=type(error).__name__)
        return answer


@dataclass(frozen=True, slots=True)
class _Recorded:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def is_final(self) -> bool:
        if self.status >= 500 or self.status == 401:
            return False
        return all(name.lower() != b"retry-after" for name, _ in self.headers)

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class _Recorder:
    """Gives the inner application its body again and takes its answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._pieces: list[bytes] = []

    async def receive(self) -> HTTPRequestEvent:
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            pairs = [(bytes(name), bytes(value)) for name, value in message["headers"]]
            self._head = (message["status"], pairs)
        elif message["type"] == "http.response.body":
            self._pieces.append(message["body"])

    def recorded(self) -> _Recorded:
        if self._head is None:
            raise RuntimeError("the handler gave no answer")
        return _Recorded(*self._head, b"".join(self._pieces))


def _digest(scope: Scope, body: bytes) -> bytes:
    """What must be the same in a repeat: method, path, query and body."""
    summary = hashlib.sha256()
    for part in (str(scope.get("method")).encode(), scope["raw_path"], scope["query_string"], body):
        summary.update(len(part).to_bytes(8, "big"))
        summary.update(part)
    return summary.digest()
