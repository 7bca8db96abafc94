"""Real servers on real sockets for the tests of the frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from litestar import Litestar
from prometheus_client import CollectorRegistry

from specie.app.http.application import create_application
from specie.app.http.idempotency import IdempotencyStore
from specie.app.http.server import HttpServer
from specie.app.tls import Authority, TlsFiles
from specie.kernel.clock import SeededRandomness, SystemClock

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """On the event loop of the services; a test that hangs fails."""

    async def limited() -> T:
        async with asyncio.timeout(20):
            return await work

    return uvloop.run(limited())


async def always_ready() -> Mapping[str, bool | str]:
    return {"test": True}


def application(routes: Sequence[Any], idempotency: IdempotencyStore | None = None, **options: Any) -> Litestar:
    options.setdefault("readiness", always_ready)
    return create_application(
        title="test",
        routes=routes,
        registry=options.pop("registry", None) or CollectorRegistry(),
        idempotency=idempotency,
        randomness=SeededRandomness(7),
        **options,
    )


@asynccontextmanager
async def serving(app: Litestar, tls: TlsFiles | None = None, drain_s: int = 10) -> AsyncIterator[HttpServer]:
    server = HttpServer(app, host="127.0.0.1", port=0, tls=tls, drain_s=drain_s)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@dataclass(frozen=True)
class Deployment:
    """An authority with two systems, made once for a test."""

    authority: Authority
    server: TlsFiles
    caller: TlsFiles

    @classmethod
    def make(cls, folder: Path) -> Deployment:
        authority = Authority.create(folder / "ca", SystemClock())
        return cls(
            authority,
            authority.issue("qc-1", folder / "qc", SystemClock()),
            authority.issue("is-1", folder / "is", SystemClock()),
        )


@dataclass(frozen=True)
class Heard:
    """A raw answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


async def ask(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Sequence[tuple[str, str]] = (),
) -> Heard:
    """One request on one plain connection, with nothing added: what is sent is what stands here."""
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", "connection: close"]
    if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
        lines.append(f"content-length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return await send_raw(port, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


async def send_raw(port: int, data: bytes) -> Heard:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().rstrip().split("\r\n")
        pairs = dict(line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs.items()}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Heard(int(first.split()[1]), headers, body)
    finally:
        writer.close()
