"""Calls between services: refusals come back, and what is not known is said to be unknown."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from litestar import get, post
from litestar.params import RawBody

from specie.app.http.answers import Answer
from specie.app.http.client import (
    InDoubt,
    RemoteRefused,
    RemoteUnavailable,
    ServiceClient,
    Unreachable,
    error_of,
)
from specie.app.http.media_types import PROBLEM
from specie.app.http.wire import Reply
from specie.kernel.errors import Overloaded, Refused, Unavailable
from tests.app.serving import application, run, serving

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Short(Refused):
    """A refusal with everything on it."""

    code = "test.short"
    status = 409
    evidence = bytes(range(256))
    retry_after_s = 9


@post("/echo", status_code=200)
async def echo(body: RawBody) -> Answer:
    return Answer(body)


@post("/refuse", status_code=200)
async def refuse() -> None:
    raise Short("not enough", bucket="harbour/day", detail_of=["a", 1])


@post("/down", status_code=200)
async def down() -> None:
    raise Overloaded("full", retry_after_s=4)


@post("/bug", status_code=200)
async def bug() -> None:
    raise ZeroDivisionError


@get("/large")
async def large() -> Answer:
    return Answer(b"x" * 10_000)


ROUTES = [echo, refuse, down, bug, large]


@asynccontextmanager
async def client_of(**options: object) -> AsyncIterator[ServiceClient]:
    async with serving(application(ROUTES)) as server:
        client = ServiceClient(server.url, **options)  # type: ignore[arg-type]
        yield client
        await client.close()


@asynccontextmanager
async def raw_server(handle: Handler) -> AsyncIterator[str]:
    """A server that does not behave."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def test_an_answer_comes_back_whole() -> None:
    async def work() -> None:
        async with client_of() as client:
            body = bytes(range(256)) * 200
            reply = await client.post("/echo", body)
            assert (reply.status, reply.body, reply.media_type) == (200, body, "application/cose")
            assert len(reply.headers[b"x-request-id"]) == 32
            assert not reply.replayed

    run(work())


def test_many_calls_share_few_connections() -> None:
    async def work() -> None:
        async with serving(application(ROUTES)) as server:
            client = ServiceClient(server.url, connections_max=3)
            replies = await asyncio.gather(*(client.post("/echo", b"%d" % n) for n in range(100)))
            assert [reply.body for reply in replies] == [b"%d" % n for n in range(100)]
            assert 1 <= client.connections <= 3
            await client.close()

    run(work())


def test_a_refusal_comes_back_as_one() -> None:
    async def work() -> None:
        async with client_of() as client:
            with pytest.raises(RemoteRefused) as caught:
                await client.post("/refuse", b"")
            error = caught.value
            assert (error.code, error.status, error.detail) == ("test.short", 409, "not enough")
            assert error.facts == {"bucket": "harbour/day", "detail_of": ["a", 1]}
            assert error.evidence == Short.evidence
            assert error.retry_after_s == 9
            assert len(error.trace_id) == 32
            assert str(error) == "test.short: not enough"
            assert RemoteRefused.code == "system.remote_refused"
            assert (await client.post("/echo", b"on")).body == b"on"

    run(work())


def test_unavailable_comes_back_with_its_time() -> None:
    async def work() -> None:
        async with client_of() as client:
            with pytest.raises(RemoteUnavailable) as caught:
                await client.post("/down", b"")
            assert (caught.value.code, caught.value.retry_after_s) == ("system.overloaded", 4)
            assert not caught.value.in_doubt

    run(work())


def test_a_bug_over_there_leaves_us_in_doubt() -> None:
    check_in_doubt("/bug", "the service answered 500")


def check_in_doubt(path: str, match: str, **options: object) -> None:
    async def work() -> None:
        async with client_of(**options) as client:
            with pytest.raises(InDoubt, match=match):
                await client.post(path, b"")

    run(work())


def test_an_answer_beyond_the_limit_leaves_us_in_doubt() -> None:
    async def work() -> None:
        async with client_of(answer_bytes_max=5_000) as client:
            with pytest.raises(InDoubt, match="too large"):
                await client.get("/large")

    run(work())


def test_nobody_listens() -> None:
    async def work() -> None:
        client = ServiceClient("http://127.0.0.1:1")
        with pytest.raises(Unreachable):
            await client.post("/echo", b"")

    run(work())


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SMTP ready\r\n\r\n")


async def stop_half_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    writer.close()


@pytest.mark.parametrize("handle", [hang_up, say_nothing, talk_nonsense, stop_half_way])
def test_no_answer_after_sending_is_never_a_failure(handle: Handler) -> None:
    """The request left, so it may have taken effect."""

    async def work() -> None:
        async with raw_server(handle) as url:
            client = ServiceClient(url, timeout_s=0.2)
            with pytest.raises(InDoubt) as caught:
                await client.post("/echo", b"money")
            assert caught.value.in_doubt
            assert client.connections == 0
            await client.close()

    run(work())


def test_a_busy_pool_that_times_out_has_sent_nothing() -> None:
    async def work() -> None:
        async with raw_server(say_nothing) as url:
            client = ServiceClient(url, timeout_s=0.3, connections_max=1)
            first = asyncio.create_task(client.post("/echo", b"a"))
            await asyncio.sleep(0)
            with pytest.raises(Unreachable):
                await ServiceClient.post(client, "/echo", b"b")
            with pytest.raises(InDoubt):
                await first
            await client.close()

    run(work())


def test_an_informational_answer_is_not_the_answer() -> None:
    async def early_hints(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\nallow: y\r\n\r\n")

    async def work() -> None:
        async with raw_server(early_hints) as url:
            client = ServiceClient(url)
            reply = await client.get("/")
            assert (reply.status, reply.headers) == (204, {b"allow": b"y"})
            await client.close()

    run(work())


def test_a_connection_that_was_closed_is_not_used_again() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    async def work() -> None:
        async with raw_server(once) as url:
            client = ServiceClient(url)
            for _ in range(3):
                assert (await client.get("/")).body == b"ok"
            await client.close()

    run(work())


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/a\r\nb: c", ()), ("/a b", ()), ("/a", (("x", "y\r\nz: 1"),)), ("/a", (("x\n", "y"),))],
)
def test_nothing_is_smuggled_into_a_head(path: str, headers: tuple[tuple[str, str], ...]) -> None:
    async def work() -> None:
        with pytest.raises(ValueError, match="line break"):
            await ServiceClient("http://localhost:1").post(path, b"", headers=headers)

    run(work())


@pytest.mark.parametrize("url", ["localhost:80", "ftp://localhost", "https://localhost", "http://"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"url|TLS"):
        ServiceClient(url)


@pytest.mark.parametrize(
    ("status", "media_type", "body", "kind"),
    [
        (404, "text/html", b"<html>", InDoubt),
        (404, PROBLEM, b"{", InDoubt),
        (404, PROBLEM, b"[]", InDoubt),
        (404, PROBLEM, b'{"code": 5}', InDoubt),
        (404, PROBLEM, b'{"code": "a.b"}', RemoteRefused),
        (404, PROBLEM, b'{"code": "a.b", "evidence": "&&"}', RemoteRefused),
        (502, PROBLEM, b'{"code": "a.b"}', InDoubt),
        (503, PROBLEM, b'{"code": "a.b", "funds": "in_doubt"}', RemoteUnavailable),
    ],
)
def test_every_answer_stands_for_one_error(
    status: int, media_type: str, body: bytes, kind: type[Refused | Unavailable]
) -> None:
    error = error_of(Reply(status, {b"content-type": media_type.encode()}, body))
    assert type(error) is kind
    if isinstance(error, RemoteRefused):
        assert error.evidence == b""
    else:
        assert getattr(error, "in_doubt", None) is True


def test_evidence_is_base64url() -> None:
    text = base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()
    body = b'{"code": "a.b", "evidence": "%s"}' % text.encode()
    error = error_of(Reply(409, {b"content-type": PROBLEM.encode()}, body))
    assert isinstance(error, RemoteRefused)
    assert error.evidence == b"\xfb\xff\xfe"
