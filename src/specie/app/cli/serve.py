"""``specie serve ROLE`` and ``specie up``: services that run until they are told to stop."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
import uvloop

from specie.app.cli.errors import NotHere, RoleUnknown
from specie.app.cli.terminal import Terminal
from specie.app.config.model import LEDGER_ROLES, SERVED, Config
from specie.app.process import harden, tune
from specie.app.telemetry import configure_logging
from specie.enclave.messages import BANNER

if TYPE_CHECKING:
    from litestar import Litestar

    from specie.app.tls import TlsFiles

LATER = ("bank", "registration-authority", "trustee", "kms-node", "vendor", "gateway")
"""Roles of the platform that this release does not run alone."""

SEPARATION_OFF = "separation of duties is OFF: all roles run in one process"


class Service(Protocol):
    """What ``specie.app.build`` makes: a role, or all of them."""

    def litestar_app(self) -> Litestar:
        """The application that answers for it."""
        ...

    async def start(self) -> None:
        """Open stores and keys, begin background work."""
        ...

    async def stop(self) -> None:
        """Finish what was begun and close."""
        ...


serve = typer.Typer(rich_markup_mode=None)
up = typer.Typer(rich_markup_mode=None)


@serve.command("serve")
def serve_role(
    context: typer.Context,
    role: Annotated[str, typer.Argument(help="One of: " + ", ".join(SERVED) + ".")],
) -> None:
    """Run one role until SIGTERM or Ctrl-C; then running calls end first.

    Examples: specie serve quota-control · specie serve issuance --config /etc/specie/pilot.toml
    """
    terminal: Terminal = context.obj
    check_role(role)
    config = terminal.config
    _begin(terminal, config)
    if role in LEDGER_ROLES:
        # SPEC LEDGER-1.2
        terminal.warn(BANNER)
    service = _builder("build_service")(config, role)
    system = config.system(role)
    uvloop.run(run_service(terminal, service, role, system.listen_host, system.listen_port, system.tls))


@up.command("up")
def serve_all(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="Port of the one door; the next free one if taken.")] = None,
) -> None:
    """Run all roles in one process, each with its own store and keys.

    Examples: specie up · specie up --port 9000
    """
    from specie.app.ports import next_free_port

    terminal: Terminal = context.obj
    config = terminal.config
    _begin(terminal, config)
    # SPEC ISSUANCE-1.2.4
    terminal.warn(SEPARATION_OFF)
    if config.has_ledger:
        # SPEC LEDGER-1.2
        terminal.warn(BANNER)
    wanted = config.gateway.listen_port if port is None else port
    free = next_free_port(config.gateway.listen_host, wanted) if wanted else 0
    if free != wanted:
        terminal.note(f"port {wanted} is taken; using {free}")
    service = _builder("build_all")(config)
    uvloop.run(run_service(terminal, service, "all roles", config.gateway.listen_host, free, None))


def check_role(role: str) -> None:
    """Raises RoleUnknown with the roles of this release."""
    if role in SERVED:
        return
    near = difflib.get_close_matches(role, SERVED, n=1, cutoff=0.4) or [SERVED[0]]
    said = f"{role} comes with a later release" if role in LATER else f"{role} is not a role"
    roles = ", ".join(SERVED)
    raise RoleUnknown(f"{said}; roles of this release: {roles}", said=said, roles=roles, near=near[0])


def _begin(terminal: Terminal, config: Config) -> None:
    harden()
    form = config.telemetry.log_format
    pretty = form == "pretty" or (form == "auto" and sys.stdout.isatty())
    configure_logging("debug" if terminal.flags.verbose else config.log_level, pretty=pretty)


def _builder(name: str) -> Callable[..., Service]:
    """The composition's function of this name; imported now, since it brings every room along."""
    try:
        found: Callable[..., Service] = getattr(importlib.import_module("specie.app.build"), name)
        return found
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != "specie.app.build":
            raise
        raise NotHere(f"specie.app.build offers no {name}") from error


async def run_service(
    terminal: Terminal, service: Service, name: str, host: str, port: int, tls: TlsFiles | None
) -> None:
    """Start a service, serve it until SIGTERM or SIGINT, let running calls end, stop it."""
    import structlog

    from specie.app.http.server import HttpServer, serve_until_signal

    await service.start()
    tune()
    try:
        server = HttpServer(service.litestar_app(), host=host, port=port, tls=tls)

        def ready() -> None:
            structlog.get_logger("specie").info("ready", role=name, url=server.url)
            terminal.note(f"✔ {name} answers at {server.url}")

        await serve_until_signal([server], ready)
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            await service.stop()
