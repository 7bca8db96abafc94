"""A whole deployment for tests and benches: founded in a folder, run as real processes that may be killed.

    deployment = await make_deployment(folder)
    with deployment.services as services:
        services.start()
        client = deployment.client("issuance")

The services are `specie serve ROLE` under mutual TLS on free loopback ports; their stores are SQLite below the
folder, or the URLs that are given.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import IO, Any, TypeVar

import uvloop

from specie.app.books import audit_books, open_shelves
from specie.app.build import TIMEOUT_S
from specie.app.config.model import LEDGER_ROLES, SECTIONS, SYSTEMS, Config
from specie.app.founding import default_terms, found
from specie.app.http.client import ServiceClient
from specie.app.keyfolders import People
from specie.app.tls import TlsFiles, client_context
from specie.app.workplace import Behind
from specie.issuance.wallet.founding import Terms
from specie.kernel.clock import SystemClock, SystemRandomness

CM, QC, IS = ROLES = tuple(SYSTEMS)
VN, TN = tuple(LEDGER_ROLES)
UP = "up"
START_S, STOP_S = 60.0, 30.0
PORTS = range(18_000, 32_000)
"""Below the range that systems take the ports of outgoing connections from."""
TOO_MUCH = 2**49
"""Minor units."""
ROOT = Path(__file__).resolve().parents[1]
LAUNCH = "from specie.app.cli import main; main()"


T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], limit_s: float = 60) -> T:
    """On the event loop of the services; a test that hangs fails."""

    async def limited() -> T:
        async with asyncio.timeout(limit_s):
            return await work

    return uvloop.run(limited())


class NotReady(Exception):
    """A service did not come up; the text holds the end of its log."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def make_config(
    folder: Path, databases: Mapping[str, str] | None = None, *, tls: bool = True, registry: str = "offline"
) -> Config:
    """A configuration with free ports. databases: role to URL; the others get SQLite below the folder."""

    def system(role: str) -> dict[str, Any]:
        return {"listen_port": free_port(), "tls": tls, "database": (databases or {}).get(role, "")}

    config = Config.model_validate(
        {
            "data_dir": folder,
            "currency": {"registry": registry},
            "issuance": {name: system(role) for role, name in SYSTEMS.items()},
            "ledger": {name: system(role) for role, name in LEDGER_ROLES.items()},
            "gateway": {"listen_port": free_port()},
        }
    )
    ports = [config.gateway.listen_port, *(config.system(role).listen_port for role in (*SYSTEMS, *LEDGER_ROLES))]
    return config if len(set(ports)) == len(ports) else make_config(folder, databases, tls=tls, registry=registry)


def roles_of(config: Config) -> tuple[str, ...]:
    """What runs as a process of its own: the three systems, and before them the ledger where there is one."""
    return (*LEDGER_ROLES, *ROLES) if config.has_ledger else ROLES


def wide_terms(config: Config) -> Terms:
    """A currency with room for millions of issues; a request of `TOO_MUCH` is in order, but there is no room for it."""
    return replace(
        default_terms(config),
        stock_cap=TOO_MUCH // 2,
        daily_cap=TOO_MUCH // 2,
        automatic_max=TOO_MUCH,
        one_officer_max=TOO_MUCH + 1,
        request_max=TOO_MUCH + 2,
    )


@dataclass(slots=True)
class Service:
    """One process."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _log: IO[bytes] | None = None

    def start(self) -> None:
        """Start it; `Services.wait_ready` says when it answers."""
        self._log = self.log_path.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *self.command],
            cwd=self.log_path.parent,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.starts += 1

    def ends_within(self, seconds: float) -> bool:
        """Whether the process ends in this time, or has ended."""
        if self.process is None:
            return True
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self, number: int) -> int:
        """Send a signal and wait for the end. Answers the exit status."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(STOP_S)
        if self._log is not None:
            self._log.close()
        self.process = self._log = None
        return status

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class Services:
    """The processes of a deployment. A context that ends them."""

    def __init__(self, config: Config) -> None:
        self.config = config
        folder = config.data_dir / "logs"
        folder.mkdir(exist_ok=True)
        self.by_role = {
            role: Service(("serve", role), environment_of(config), folder / f"{role}.log") for role in roles_of(config)
        }

    def __enter__(self) -> Services:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for role, service in self.by_role.items():
            service.end(signal.SIGKILL)
            if kind is not None:
                print(f"--- log of {role}\n{service.log()[-6000:]}", file=sys.stderr)

    def start(self, *roles: str, wait: bool = True) -> None:
        """Start roles (all of them without an argument) and wait until they are ready. Raises NotReady."""
        for role in roles or self.by_role:
            self.by_role[role].start()
        if wait:
            self.wait_ready(*roles)

    def wait_ready(self, *roles: str, limit_s: float = START_S) -> None:
        """Raises NotReady with the end of the log."""
        until = time.monotonic() + limit_s
        for role in roles or self.by_role:
            while not self.is_ready(role):
                service = self.by_role[role]
                if service.ends_within(0.02) or time.monotonic() > until:
                    raise NotReady(f"{role} does not get ready:\n{service.log()[-3000:]}")

    def is_ready(self, role: str) -> bool:
        """One call of /readyz."""
        try:
            return self.probe(role, "/readyz") == 200
        except (OSError, HTTPException):
            return False

    def probe(self, role: str, path: str) -> int:
        """The status of a GET, on a connection of its own. Raises OSError, HTTPException."""
        port, files = self.address(role)
        connection: HTTPConnection
        if files is None:
            connection = HTTPConnection("127.0.0.1", port, timeout=2)
        else:
            connection = HTTPSConnection("localhost", port, timeout=2, context=context_of(files))
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def address(self, role: str) -> tuple[int, TlsFiles | None]:
        """Its port, and the certificates that reach it."""
        system = self.config.system(role)
        return system.listen_port, system.tls

    def stop(self, *roles: str) -> list[int]:
        """SIGTERM and wait; the exit statuses."""
        return [self.by_role[role].end(signal.SIGTERM) for role in roles or self.by_role]

    def kill(self, role: str) -> None:
        """SIGKILL: nothing is finished or flushed."""
        self.by_role[role].end(signal.SIGKILL)

    def restart(self, role: str) -> None:
        """Kill and start again."""
        self.kill(role)
        self.start(role)

    def log(self, role: str) -> str:
        return self.by_role[role].log()


class Together(Services):
    """All roles in one process behind one door: `specie up`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        port, log = config.gateway.listen_port, config.data_dir / "logs" / "up.log"
        self.by_role = {UP: Service(("up", "--port", str(port)), environment_of(config), log)}

    def address(self, role: str) -> tuple[int, TlsFiles | None]:
        return self.config.gateway.listen_port, None


_contexts: dict[TlsFiles, ssl.SSLContext] = {}


def context_of(files: TlsFiles) -> ssl.SSLContext:
    if files not in _contexts:
        _contexts[files] = client_context(files)
    return _contexts[files]


def environment_of(config: Config) -> dict[str, str]:
    """What a process needs to come to this configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SPECIE_")}
    kept["PYTHONPATH"] = str(ROOT / "src")
    kept["SPECIE_DATA_DIR"] = str(config.data_dir)
    kept["SPECIE_LOG_LEVEL"] = "warning"
    kept["SPECIE_CURRENCY__REGISTRY"] = config.currency.registry
    kept["SPECIE_GATEWAY__LISTEN_PORT"] = str(config.gateway.listen_port)
    for role in (*SYSTEMS, *LEDGER_ROLES):
        name, part = SECTIONS[role], "LEDGER" if role in LEDGER_ROLES else "ISSUANCE"
        section = getattr(config.section_of(role), name)
        prefix = f"SPECIE_{part}__{name.upper()}__"
        kept[prefix + "LISTEN_PORT"] = str(section.listen_port)
        kept[prefix + "TLS"] = str(section.tls).lower()
        if section.database:
            kept[prefix + "DATABASE"] = section.database
    return kept


@dataclass(slots=True)
class Deployment:
    """A founded deployment and its people."""

    config: Config
    people: People
    services: Services
    clients: list[ServiceClient] = field(default_factory=list)

    def caller(self, role: str, acting_as: str | None = None, **options: Any) -> Behind | ServiceClient:
        """What the clients of the room want: the service itself, or its paths behind the one door."""
        made = self.client(role, acting_as, **options)
        return Behind(made, role) if self.is_together else made

    @property
    def is_together(self) -> bool:
        return isinstance(self.services, Together)

    def client(self, role: str, acting_as: str | None = None, **options: Any) -> ServiceClient:
        """A client of a service, under the certificate of another system (else its own)."""
        if self.is_together:
            self.clients.append(ServiceClient(f"http://127.0.0.1:{self.config.gateway.listen_port}", **options))
            return self.clients[-1]
        system = self.config.system(role)
        tls = self.config.system(acting_as or role).tls
        options.setdefault("timeout_s", TIMEOUT_S)
        made = ServiceClient(
            system.url,
            tls=tls if system.tls is not None else None,
            server_id=system.id if system.tls is not None else None,
            **options,
        )
        self.clients.append(made)
        return made

    async def close(self) -> None:
        """End the connections of all clients."""
        for client in self.clients:
            await client.close()
        self.clients.clear()

    async def audit(self) -> Mapping[str, Any]:
        """The audit of the stores, as JSON; the services may be at work or not."""
        async with open_shelves(self.config, SystemClock()) as shelves:
            return await audit_books(self.config, shelves)


async def make_deployment(
    folder: Path,
    databases: Mapping[str, str] | None = None,
    *,
    tls: bool = True,
    terms: Callable[[Config], Terms] = wide_terms,
    together: bool = False,
    registry: str = "offline",
) -> Deployment:
    """Found a deployment in a folder; nothing runs yet. together: all in one process."""
    config = make_config(folder, databases, tls=tls, registry=registry)
    clock, randomness = SystemClock(), SystemRandomness()
    await found(config, clock, randomness, terms(config))
    services = Together(config) if together else Services(config)
    return Deployment(config, People(config, clock, randomness), services)


async def owner_of(deployment: Deployment, name: str = "alice") -> bytes:
    """Owner identification of a person."""
    return await deployment.people.hand(name).kid()


def issue_body(owner: bytes, value: str = "150.00", **changes: Any) -> dict[str, Any]:
    """A JSON order: 150.00 in four units."""
    body: dict[str, Any] = {
        "amount": {"currency": "XTS", "value": value},
        "owner": owner.hex(),
        "purpose": "retail",
    }
    if value == "150.00":
        body["denominations"] = [
            {"value": "100.00", "count": 1},
            {"value": "20.00", "count": 2},
            {"value": "10.00", "count": 1},
        ]
    return body | changes
