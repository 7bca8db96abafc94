"""``specie api``: one raw HTTP call, with the certificates and the retries' key of this installation."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Annotated

import typer

from specie.app.cli.errors import Usage
from specie.app.cli.terminal import Terminal
from specie.app.config.model import SYSTEMS
from specie.app.http.client import ServiceClient
from specie.app.http.media_types import COSE, JSON
from specie.app.http.wire import Reply

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")

api = typer.Typer(rich_markup_mode=None)


@api.command("api")
def call(
    context: typer.Context,
    method: Annotated[str, typer.Argument(help="GET, POST, PUT, PATCH, DELETE or HEAD.")],
    path: Annotated[str, typer.Argument(help="Path on the service, like /v1/quotas.")],
    data: Annotated[
        str | None, typer.Option("-d", "--data", help="The body: text, @FILE, or - for standard input.")
    ] = None,
    media_type: Annotated[
        str | None, typer.Option("-t", "--type", help="Media type; JSON if the body is JSON.")
    ] = None,
    system: Annotated[str | None, typer.Option(help="Which system: " + ", ".join(SYSTEMS) + ".")] = None,
) -> None:
    """One raw call; the answer's body goes to standard output, its status to standard error.

    Examples: specie api GET /v1/quotas --system quota-control · specie api POST /v1/issues -d @issue.json
    """
    terminal: Terminal = context.obj
    if method.upper() not in METHODS or not path.startswith("/"):
        raise Usage(f"{method} {path}: a method and a path that begins with / are needed")
    body = _body(data)
    kind = media_type or (JSON if _is_json(body) else COSE)
    headers: list[tuple[str, str]] = []
    if method.upper() == "POST" and kind == JSON:
        key = terminal.flags.idempotency_key or str(uuid.uuid4())
        headers.append(("idempotency-key", key))
        terminal.note(f"Idempotency-Key: {key}")
    if terminal.flags.dry_run:
        terminal.show({"method": method.upper(), "path": path, "bytes": len(body), "type": kind})
        return
    client = _client(terminal, system)
    reply = terminal.run(_call(client, method.upper(), path, body, kind, headers))
    terminal.note(f"{reply.status} {reply.media_type}")
    _write(terminal, reply)


async def _call(
    client: ServiceClient, method: str, path: str, body: bytes, kind: str, headers: list[tuple[str, str]]
) -> Reply:
    try:
        return await client.call(method, path, body, kind if body else "", headers)
    finally:
        await client.close()


def _client(terminal: Terminal, system: str | None) -> ServiceClient:
    if system is not None and system not in SYSTEMS:
        raise Usage(f"{system} is none of the systems: {', '.join(SYSTEMS)}")
    if system is not None:
        return terminal.client(system)
    gateway = terminal.config.gateway
    url = terminal.flags.url or f"http://{gateway.listen_host}:{gateway.listen_port}"
    if url.startswith("https"):
        return ServiceClient(url, tls=terminal.config.system("issuance").tls)
    try:
        return ServiceClient(url)
    except ValueError as error:
        raise Usage(str(error)) from error


def _body(data: str | None) -> bytes:
    if data is None:
        return b""
    if data == "-":
        return sys.stdin.buffer.read()
    if data.startswith("@"):
        try:
            return Path(data[1:]).read_bytes()
        except OSError as error:
            raise Usage(f"{data[1:]} cannot be read ({error.strerror})") from error
    return data.encode()


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _write(terminal: Terminal, reply: Reply) -> None:
    if reply.media_type == JSON or reply.media_type.endswith("+json"):
        value = json.loads(reply.body)
        terminal.show(value, json.dumps(value, ensure_ascii=False, indent=2))
    elif reply.body:
        sys.stdout.buffer.write(reply.body)
        sys.stdout.buffer.flush()
