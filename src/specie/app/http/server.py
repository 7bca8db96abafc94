"""Serving an application: uvicorn with uvloop and httptools, mutual TLS, a drain at the end.

The identity of the peer (``specie:system:<id>`` in its verified certificate) is worked out once per
connection and stands in ``scope["state"]["peer"]`` of every request on it; None without TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from specie.app.http.media_types import PROBLEM
from specie.app.ports import open_listener
from specie.app.tls import TlsFiles, peer_id, server_context

if TYPE_CHECKING:
    from litestar import Litestar

DRAIN_S = 10
KEEP_ALIVE_S = 75


class PeerProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP/1.1, which also says who the peer is and when a request began."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Work out the peer once per connection."""
        super().connection_made(transport)
        certificate = transport.get_extra_info("peercert")
        self.app_state = {**self.app_state, "peer": peer_id(certificate)}  # copied into each request's scope

    def on_message_begin(self) -> None:
        """Take the start time of the request."""
        super().on_message_begin()
        self.scope["state"]["started_s"] = perf_counter()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP with a problem like every other."""
        body = msgspec.json.encode(
            {
                "type": "urn:specie:error:request.invalid",
                "title": "This request cannot be read",
                "status": 400,
                "code": "request.invalid",
                "detail": msg,
                "funds": "unmoved",
            }
        )
        head = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[400] + head % (PROBLEM.encode(), len(body)) + body)
        self.transport.close()


class _Uvicorn(uvicorn.Server):
    """A server among several in one process: signals are somebody else's, and it says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.closing = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        self.closing.set()
        await super().shutdown(sockets=sockets)


class HttpServer:
    """One application on one port."""

    def __init__(
        self,
        application: Litestar,
        *,
        host: str,
        port: int,
        tls: TlsFiles | None = None,
        drain_s: int = DRAIN_S,
    ) -> None:
        """port: 0 lets the system choose. tls: None serves plain HTTP, without peers."""
        self._application = application
        self._host = host
        self._port = port
        self._context = server_context(tls) if tls is not None else None
        self._drain_s = drain_s
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        return self._port

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{'https' if self._context else 'http'}://{self._host}:{self._port}"

    async def wait_draining(self) -> None:
        """Wait until it takes no new connections, for those who end with it."""
        if self._server is not None:
            await self._server.closing.wait()

    async def start(self) -> None:
        """Return when it accepts connections. Raises PortInUse, or what the application's start raises."""
        listener = open_listener(self._host, self._port)
        self._port = listener.getsockname()[1]
        server = self._server = _Uvicorn(self._config())
        self._task = asyncio.create_task(self._run(server, listener), name=f"http {self._port}")
        waiter = asyncio.create_task(server.listening.wait())
        await asyncio.wait({self._task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if not waiter.done():
            waiter.cancel()
            listener.close()
            await self._task

    async def stop(self) -> None:
        """Take no new connections, let running requests end (at most ``drain_s``), then stop."""
        if self._server is None or self._task is None:
            return
        self._application.state["draining"] = True
        self._server.should_exit = True
        await self._task

    async def failed(self) -> None:
        """Wait until the server ends by itself, which it should not; raises why."""
        if self._task is not None:
            await asyncio.shield(self._task)

    def _config(self) -> uvicorn.Config:
        context = self._context
        factory: Callable[..., ssl.SSLContext] | None = None
        if context is not None:
            factory = lambda _config, _default: context  # noqa: E731
        return uvicorn.Config(
            self._application,
            http=PeerProtocol,
            ws="none",
            lifespan="off",  # the application's lifespan is run here, where its errors can be seen
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=self._drain_s,
            ssl_context_factory=factory,
        )

    async def _run(self, server: _Uvicorn, listener: Any) -> None:
        try:
            async with self._application.lifespan():
                await server.serve(sockets=[listener])
        except BaseExceptionGroup as group:  # Litestar's event emitter wraps what its start raises
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise


async def serve_until_signal(servers: Sequence[HttpServer], ready: Callable[[], None] | None = None) -> None:
    """Start all servers, say so, and stop them in reverse order at SIGTERM or SIGINT.

    ready: called once every server accepts connections. Raises what a server raises that ends by itself.
    """
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled.set)
    started: list[HttpServer] = []
    try:
        for server in servers:
            await server.start()
            started.append(server)
        if ready is not None:
            ready()
        ends = [asyncio.create_task(server.failed()) for server in servers]
        waiter = asyncio.create_task(signalled.wait())
        done, waiting = await asyncio.wait({waiter, *ends}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for task in done - {waiter}:
            await task
    finally:
        for server in reversed(started):
            await server.stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
