"""``specie status``: asks every configured service how it is."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import typer

from specie.app.cli.exits import Exit
from specie.app.cli.terminal import Terminal
from specie.app.config.model import SYSTEMS
from specie.app.http.client import InDoubt, ServiceClient
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
    return list(await asyncio.gather(*(_ask(terminal, role) for role in SYSTEMS)))


async def _ask(terminal: Terminal, role: str) -> dict[str, Any]:
    system = terminal.config.system(role)
    row: dict[str, Any] = {"part": role, "url": system.url}
    try:
        tls = system.tls if system.url.startswith("https") else None
        client = ServiceClient(
            system.url,
            tls=tls,
            server_id=system.id if tls else None,
            timeout_s=terminal.flags.timeout_s or TIMEOUT_S,
        )
        reply = await client.exchange("GET", "/readyz", media_type="")
        await client.close()
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
    bad = {name: value for name, value in checks.items() if value is not True}
    said = ", ".join(name if value is False else f"{name}: {value}" for name, value in bad.items())
    return {"state": "ok" if not bad else "not ready", "detail": said or ", ".join(checks), "checks": checks}
