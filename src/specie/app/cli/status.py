"""``specie status``: asks every configured service how it is."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import typer

from specie.app.cli.exits import Exit
from specie.app.cli.terminal import Terminal
from specie.app.config.model import LEDGER_ROLES, SERVED
from specie.app.http.client import InDoubt, ServiceClient
from specie.app.http.wire import Reply
from specie.app.tls import TlsFiles
from specie.kernel.errors import Refused, Unavailable

TIMEOUT_S = 2.0

status = typer.Typer(rich_markup_mode=None)


@status.command("status")
def show_status(context: typer.Context) -> None:
    """Ask every configured service how it is; exit code 7 if one does not answer or is not ready.

    Examples: specie status · specie status --json
    """
    terminal: Terminal = context.obj
    rows = terminal.run(_ask_all(terminal))
    terminal.table(rows, ("part", "state", "url", "detail"))
    if any(row["state"] != "ok" for row in rows):
        raise typer.Exit(Exit.UNREACHABLE)


async def _ask_all(terminal: Terminal) -> list[dict[str, Any]]:
    """All roles behind the one door of `specie up`, if it is open; else each service at its own."""
    together = await _ask_together(terminal)
    if together:
        return together
    config = terminal.config
    roles = [role for role in SERVED if config.has_ledger or role not in LEDGER_ROLES]
    return list(await asyncio.gather(*(_ask(terminal, role) for role in roles)))


async def _ask_together(terminal: Terminal) -> list[dict[str, Any]]:
    """A row for each role of one process; none where no such process answers."""
    gateway = terminal.config.gateway
    url = terminal.flags.url or f"http://{gateway.listen_host}:{gateway.listen_port}"
    try:
        reply = await _readyz(terminal, url)
        checks = msgspec.json.decode(reply.body)["checks"]
    except (Refused, Unavailable, msgspec.DecodeError, KeyError, TypeError):
        return []
    parts: dict[str, dict[str, Any]] = {}
    for name, value in checks.items():
        role, _, check = name.partition(".")
        parts.setdefault(role, {})[check] = value
    return [{"part": role, "url": url} | _judged(found) for role, found in parts.items()]


async def _readyz(terminal: Terminal, url: str, tls: TlsFiles | None = None, server_id: str | None = None) -> Reply:
    client = ServiceClient(url, tls=tls, server_id=server_id, timeout_s=terminal.flags.timeout_s or TIMEOUT_S)
    try:
        return await client.exchange("GET", "/readyz", media_type="")
    finally:
        await client.close()


async def _ask(terminal: Terminal, role: str) -> dict[str, Any]:
    system = terminal.config.system(role)
    row: dict[str, Any] = {"part": role, "url": system.url}
    try:
        tls = system.tls if system.url.startswith("https") else None
        reply = await _readyz(terminal, system.url, tls, system.id if tls else None)
    except Refused as error:
        return row | {"state": "refused", "detail": str(error)}
    except Unavailable as error:
        state = "silent" if isinstance(error, InDoubt) else "down"
        return row | {"state": state, "detail": error.detail.removeprefix(f"{system.url}: ")}
    return row | _judge(reply.status, reply.body)


def _judge(status_code: int, body: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(body)
        checks = dict(answer["checks"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return {"state": "strange", "detail": f"answered {status_code} without its checks"}
    return _judged(checks)


def _judged(checks: dict[str, Any]) -> dict[str, Any]:
    bad = {name: value for name, value in checks.items() if value is not True}
    said = ", ".join(name if value is False else f"{name}: {value}" for name, value in bad.items())
    return {"state": "ok" if not bad else "not ready", "detail": said or ", ".join(checks), "checks": checks}
