"""HTTP/1.1 on the wire, the caller's side: one connection, and a pool of them. No policy; see ``client``.

A call through httpx costs 570 to 1,170 µs of processor time, as much as three systems may spend on a whole
issue (ISSUANCE section 22); this one costs 30 to 60 µs, 50 to 130 µs with TLS. It speaks the part of HTTP
that our services speak: no redirects, no cookies, no compression, no pipelining.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import httptools

from specie.app.tls import peer_id

IDLE_S_MAX = 60.0
"""Less than the server's keep-alive, so that it never closes a connection just when we use it again."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: dict[bytes, bytes]
    """By lower-case name."""

    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        given = self.headers.get(b"content-type", b"")
        return given.split(b";", 1)[0].strip().lower().decode("latin-1")

    @property
    def replayed(self) -> bool:
        """True if the service gave this answer before (``Idempotent-Replay``)."""
        return self.headers.get(b"idempotent-replay") == b"true"


class WireBroken(Exception):
    """The connection ended, or what came is not an answer."""

    def __init__(self, detail: str, *, refused_by_tls: bool = False) -> None:
        super().__init__(detail)
        self.refused_by_tls = refused_by_tls
        """True if the other side turned our certificate down: it has not read the request."""


class Connection(asyncio.Protocol):
    """One request at a time over one connection."""

    def __init__(self, bytes_max: int, lost: Callable[[Connection], None]) -> None:
        self.peer: str | None = None
        self.idle_since_s = 0.0
        self.closed = False
        self._bytes_max = bytes_max
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Reply] | None = None
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._answered = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """After the handshake. (uvloop's transports are not subclasses of asyncio's.)"""
        self._transport = transport
        self.peer = peer_id(transport.get_extra_info("peercert"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The pool hears of it, and so does whoever waits."""
        self.closed = True
        alert = isinstance(exc, ssl.SSLError) and "ALERT" in str(exc).upper() and not self._answered
        self._fail(WireBroken(str(exc) if exc else "the connection was closed", refused_by_tls=alert))
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it cannot read ends the connection."""
        self._size += len(data)
        if self._size > self._bytes_max:
            self._break("the answer is too large")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._break(f"the answer is not HTTP ({error})")

    def send(self, request: bytes) -> asyncio.Future[Reply]:
        """Write a request; its answer will be in the future. Raises WireBroken if closed."""
        if self.closed or self._transport is None or self._transport.is_closing():
            raise WireBroken("the connection was closed")
        self._headers, self._body, self._size = {}, [], 0
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """End it; a waiting caller gets WireBroken."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """(httptools)"""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """(httptools)"""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """(httptools) Informational answers (1xx) are skipped."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers, self._body = {}, []
            return
        if not self._parser.should_keep_alive():
            self.closed = True
        self._answered = True
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            answer.set_result(Reply(status, self._headers, body))
        elif answer is None:
            self.close()  # an answer that nobody asked for

    def _break(self, detail: str) -> None:
        self._fail(WireBroken(detail))
        self.close()

    def _fail(self, error: WireBroken) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)


class Pool:
    """Connections to one address: the latest used goes out first, and there are never more than the limit."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None,
        connections_max: int,
        answer_bytes_max: int,
    ) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._connections_max = connections_max
        self._answer_bytes_max = answer_bytes_max
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def size(self) -> int:
        """How many connections are open."""
        return sum(not connection.closed for connection in self._all)

    async def take(self) -> Connection:
        """A connection for one request. Raises OSError or ssl.SSLError if none can be opened."""
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed and monotonic() - connection.idle_since_s < IDLE_S_MAX:
                    return connection
                connection.close()
            if len(self._all) + self._opening < self._connections_max:
                return await self._open()
            await self._wait()

    def give(self, connection: Connection) -> None:
        """Hand a connection back after its answer."""
        if connection.closed:
            connection.close()
            return
        connection.idle_since_s = monotonic()
        self._idle.append(connection)
        self._wake()

    def close(self) -> None:
        """End all connections."""
        for connection in list(self._all):
            connection.close()

    async def _open(self) -> Connection:
        self._opening += 1
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self._answer_bytes_max, self._dropped),
                self._host,
                self._port,
                ssl=self._context,
            )
        except BaseException:
            self._opening -= 1
            self._wake()
            raise
        self._opening -= 1
        if not connection.closed:
            self._all.add(connection)
        return connection

    def _dropped(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake()  # the turn was ours; pass it on
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
