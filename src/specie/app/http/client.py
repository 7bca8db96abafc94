"""Calls from one service to another: mTLS, keep-alive, refusals come back as refusals.

What went wrong decides what a caller may believe. A refusal (4xx) is an answer. If the request never left,
the money has not moved (``Unreachable``). If it left and no answer came, nobody knows (``InDoubt``): the
same bytes, sent again, find out.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from specie.app.http.media_types import COSE, PROBLEM
from specie.app.http.wire import Connection, Pool, Reply, WireBroken
from specie.app.tls import TlsFiles, client_context
from specie.kernel.errors import Refused, Unavailable

TIMEOUT_S = 10.0
CONNECTIONS_MAX = 32
LEDGER_ANSWER_BYTES_MAX = 64 * 2**20
"""Compact blocks of the ledger are larger than other answers (LEDGER section 21.4)."""
ANSWER_BYTES_MAX = 4 * 1024 * 1024

_STANDARD = frozenset(
    ("type", "docs", "title", "status", "code", "detail", "funds", "retry", "next", "trace_id", "retry_after")
)


class RemoteRefused(Refused):
    """The refusal of another service, under that service's own code and status."""

    code = "system.remote_refused"
    status = 502

    def __init__(self, code: str, status: int, detail: str, facts: Mapping[str, object], evidence: bytes = b"") -> None:
        super().__init__(detail)
        self.facts = dict(facts)
        self.evidence = evidence
        """The signed denial, where the service sent one."""
        self.retry_after_s: int | None = None
        self.trace_id = ""
        vars(self).update(code=code, status=status)  # this object's own, over the class's


class Unreachable(Unavailable):
    """The request did not leave: nothing moved."""

    code = "system.unreachable"
    in_doubt = False


class InDoubt(Unavailable):
    """The request left and no answer came: only the same request again can tell."""

    code = "system.in_doubt"
    in_doubt = True


class RemoteUnavailable(Unavailable):
    """The other service says: not now. It did nothing unless ``in_doubt``."""

    def __init__(self, code: str, detail: str, retry_after_s: int, in_doubt: bool) -> None:
        super().__init__(detail, retry_after_s)
        self.in_doubt = in_doubt
        vars(self).update(code=code)


class WrongPeer(Refused):
    """The certificate of the server names another system than the one that was meant."""

    code = "auth.wrong_peer"
    status = 403


class ServiceClient:
    """Calls to one service."""

    def __init__(
        self,
        url: str,
        *,
        tls: TlsFiles | None = None,
        server_id: str | None = None,
        timeout_s: float = TIMEOUT_S,
        connections_max: int = CONNECTIONS_MAX,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        """url: ``https://host:port`` (then ``tls`` is needed) or ``http://host:port``, with a path if wanted.

        server_id: the system that must answer; None takes any that the authority vouches for. timeout_s:
        for one call, all in all. Raises ValueError for a url that is neither.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a service url is http://host:port or https://host:port")
        if (parts.scheme == "https") != (tls is not None):
            raise ValueError("https needs TLS files, and http takes none")
        self._server_id = server_id
        self._timeout_s = timeout_s
        self._prefix = parts.path.rstrip("/")
        self._host_line = f"host: {parts.netloc.rpartition('@')[2]}\r\n"
        self._name = url
        self._pool = Pool(
            parts.hostname,
            parts.port or (443 if tls else 80),
            context=client_context(tls) if tls else None,
            connections_max=connections_max,
            answer_bytes_max=answer_bytes_max,
        )

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._pool.size

    async def post(
        self, path: str, body: bytes, media_type: str = COSE, headers: Sequence[tuple[str, str]] = ()
    ) -> Reply:
        """POST a body. Raises as ``call``."""
        return await self.call("POST", path, body, media_type, headers)

    async def get(self, path: str, headers: Sequence[tuple[str, str]] = ()) -> Reply:
        """GET a path. Raises as ``call``."""
        return await self.call("GET", path, b"", "", headers)

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        media_type: str = COSE,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """One call; answers below 400 are returned as they are.

        Raises as ``exchange``, then RemoteRefused, RemoteUnavailable, InDoubt for what the answer says.
        """
        reply = await self.exchange(method, path, body, media_type, headers)
        if reply.status >= 400:
            raise error_of(reply)
        return reply

    async def exchange(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        media_type: str = COSE,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """One request and its answer, whatever it says.

        Raises, in this order: ValueError (a line break in path or header), Unreachable, WrongPeer, InDoubt.
        """
        request = self._request(method, path, body, media_type, headers)
        connection: Connection | None = None
        sent = False
        try:
            async with asyncio.timeout(self._timeout_s):
                connection = await self._pool.take()
                self._check_peer(connection)
                answer = connection.send(request)
                sent = True
                reply = await answer
        except TimeoutError as error:
            raise self._broken(connection, sent, "no answer in time") from error
        except WireBroken as error:
            raise self._broken(connection, sent and not error.refused_by_tls, str(error)) from error
        except OSError as error:  # ssl.SSLError is one
            raise self._broken(connection, sent, _reason(error)) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        self._pool.give(connection)
        return reply

    async def close(self) -> None:
        """End all connections; running calls are in doubt."""
        self._pool.close()

    def _check_peer(self, connection: Connection) -> None:
        if self._server_id is not None and connection.peer != self._server_id:
            raise WrongPeer(f"{self._name} is {connection.peer}, not {self._server_id}")

    def _broken(self, connection: Connection | None, sent: bool, detail: str) -> Unavailable:
        if connection is not None:
            connection.close()
        return (InDoubt if sent else Unreachable)(f"{self._name}: {detail}")

    def _request(
        self, method: str, path: str, body: bytes, media_type: str, headers: Sequence[tuple[str, str]]
    ) -> bytes:
        lines = f"{method} {self._prefix}{path} HTTP/1.1"
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
        breaks = extra.count("\r") + extra.count("\n") - 2 * len(headers)
        if breaks or any(character in path for character in "\r\n "):
            raise ValueError("a path or header holds a line break or a blank")
        head = f"{lines}\r\n{self._host_line}content-length: {len(body)}\r\n{extra}"
        if media_type:
            head += f"content-type: {media_type}\r\n"
        return f"{head}\r\n".encode("latin-1") + body


def error_of(reply: Reply) -> Refused | Unavailable:
    """The refusal, or the passing failure, that an answer of 400 and above stands for."""
    members = _members(reply)
    code = members.get("code")
    detail = members.get("detail")
    said = detail if isinstance(detail, str) else ""
    if not isinstance(code, str) or (reply.status >= 500 and reply.status not in (501, 503)):
        return InDoubt(f"the service answered {reply.status}" + (f" ({said})" if said else ""))
    after = reply.headers.get(b"retry-after", b"")
    retry_after_s = int(after) if after.isdigit() and len(after) < 9 else None
    if reply.status == 503:
        return RemoteUnavailable(code, said, retry_after_s or 1, members.get("funds") == "in_doubt")
    facts = {name: value for name, value in members.items() if name not in _STANDARD}
    evidence = _bytes(facts.pop("evidence", None))
    error = RemoteRefused(code, reply.status, said, facts, evidence)
    error.retry_after_s = retry_after_s
    error.trace_id = str(members.get("trace_id", ""))
    return error


def _members(reply: Reply) -> dict[str, Any]:
    if reply.media_type != PROBLEM:
        return {}
    try:
        members = msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        return {}
    return members if isinstance(members, dict) else {}


def _bytes(text: object) -> bytes:
    if not isinstance(text, str):
        return b""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    return error.strerror or str(error) or type(error).__name__
