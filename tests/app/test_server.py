"""Listening, TLS, peers and the end: on real sockets with real certificates."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from litestar import Request, get, post

from specie.app.http.client import InDoubt, ServiceClient, Unreachable, WrongPeer
from specie.app.http.requests import peer
from specie.app.http.server import HttpServer
from specie.app.ports import PortInUse, next_free_port, open_listener, port_holder
from specie.app.tls import TlsFiles, client_context
from tests.app.serving import Deployment, application, ask, run, send_raw, serving


@get("/peer")
async def who(request: Request[Any, Any, Any]) -> dict[str, str | None]:
    return {"peer": peer(request.scope)}


def test_the_peer_of_a_connection_is_known(tmp_path: Path) -> None:
    deployment = Deployment.make(tmp_path)

    async def work() -> None:
        async with serving(application([who]), deployment.server) as server:
            client = ServiceClient(server.url, tls=deployment.caller, server_id="qc-1")
            for _ in range(3):  # the same connection
                assert (await client.get("/peer")).body == b'{"peer":"is-1"}'
            await client.close()

    run(work())


def test_without_tls_there_is_no_peer() -> None:
    async def work() -> None:
        async with serving(application([who])) as server:
            assert (await ask(server.port, "GET", "/peer")).json == {"peer": None}

    run(work())


def test_a_client_of_another_authority_is_refused(tmp_path: Path) -> None:
    ours, theirs = Deployment.make(tmp_path / "a"), Deployment.make(tmp_path / "b")
    mixed = TlsFiles(theirs.caller.certificate, theirs.caller.private_key, ours.server.ca)

    async def work() -> None:
        async with serving(application([who]), ours.server) as server:
            client = ServiceClient(server.url, tls=mixed)
            with pytest.raises((Unreachable, InDoubt)):
                await client.get("/peer")
            await client.close()

    run(work())


def test_a_server_of_another_authority_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    ours, theirs = Deployment.make(tmp_path / "a"), Deployment.make(tmp_path / "b")

    async def work() -> None:
        async with serving(application([who]), theirs.server) as server:
            client = ServiceClient(server.url, tls=ours.caller)
            with pytest.raises(Unreachable, match="certificate is not accepted"):
                await client.get("/peer")
            await client.close()

    run(work())


def test_another_system_of_the_same_authority_is_refused(tmp_path: Path) -> None:
    deployment = Deployment.make(tmp_path)

    async def work() -> None:
        async with serving(application([who]), deployment.server) as server:
            client = ServiceClient(server.url, tls=deployment.caller, server_id="cm-1")
            with pytest.raises(WrongPeer, match="qc-1, not cm-1"):
                await client.get("/peer")
            await client.close()

    run(work())


def test_a_client_without_a_certificate_gets_nothing(tmp_path: Path) -> None:
    deployment = Deployment.make(tmp_path)
    context = ssl.create_default_context(cafile=deployment.server.ca)

    async def work() -> None:
        async with serving(application([who]), deployment.server) as server:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                reader, writer = await asyncio.open_connection("localhost", server.port, ssl=context)
                writer.write(b"GET /peer HTTP/1.1\r\nhost: localhost\r\n\r\n")
                assert not await reader.read()
                raise ConnectionError("closed without an answer")

    run(work())


def test_tls_1_2_is_refused(tmp_path: Path) -> None:
    deployment = Deployment.make(tmp_path)
    context = client_context(deployment.caller)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2

    async def work() -> None:
        async with serving(application([who]), deployment.server) as server:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection("localhost", server.port, ssl=context)

    run(work())


def test_what_is_not_http_gets_a_problem() -> None:
    async def work() -> None:
        async with serving(application([who])) as server:
            heard = await send_raw(server.port, b"HELLO\r\n\r\n")
            assert heard.status == 400
            assert heard.headers["content-type"] == "application/problem+json"
            assert heard.json["code"] == "request.invalid"

    run(work())


def test_a_running_request_ends_before_the_server_does() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    @post("/slow", status_code=200)
    async def slow() -> str:
        entered.set()
        await release.wait()
        return "done"

    async def work() -> None:
        server = HttpServer(application([slow]), host="127.0.0.1", port=0)
        await server.start()
        call = asyncio.create_task(ask(server.port, "POST", "/slow"))
        await entered.wait()
        stopping = asyncio.create_task(server.stop())
        await server.wait_draining()
        release.set()
        assert (await call).body == b"done"
        await stopping
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await ask(server.port, "GET", "/livez")

    run(work())


def test_a_taken_port_is_named_with_its_holder() -> None:
    listener = open_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]

    async def work() -> None:
        with pytest.raises(PortInUse, match=f"port {port} is in use"):
            await HttpServer(application([]), host="127.0.0.1", port=port).start()

    run(work())
    if sys.platform == "linux":
        assert f"(pid {os.getpid()})" in (port_holder(port) or "")
    assert next_free_port("127.0.0.1", port) > port
    listener.close()


def test_an_application_that_does_not_start_says_why() -> None:
    async def broken() -> None:
        raise RuntimeError("no database")

    async def work() -> None:
        server = HttpServer(application([], on_startup=[broken]), host="127.0.0.1", port=0)
        with pytest.raises(RuntimeError, match="no database"):
            await server.start()

    run(work())


SERVICE = """
import uvloop
from tests.app.serving import application
from specie.app.http.server import HttpServer, serve_until_signal
server = HttpServer(application([]), host="127.0.0.1", port=0)
uvloop.run(serve_until_signal([server], lambda: print(server.port, flush=True)))
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_service_in_order(number: signal.Signals) -> None:
    root = Path(__file__).resolve().parents[2]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join((str(root / "src"), str(root)))}
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert run(ask(port, "GET", "/livez")).json == {"live": True}
        process.send_signal(number)
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(10) == 0
