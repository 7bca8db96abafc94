"""Commands that talk to services, and commands that are services."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from litestar import get, post
from litestar.params import JSONBody

from specie.app.http.server import HttpServer
from specie.kernel.errors import Overloaded, Refused
from tests.app.conftest import Cli
from tests.app.serving import application, ask, run


class Short(Refused):
    """A refusal of a service."""

    code = "issuance.quota_exceeded"
    status = 409


@get("/v1/quotas")
async def quotas() -> dict[str, str]:
    return {"left": "10.00"}


@post("/v1/issues", status_code=200)
async def issues(data: JSONBody[dict[str, str]]) -> dict[str, str]:
    if data["amount"] == "20000":
        raise Short(asked="20 000.00 XTS", available="10 000.00 XTS", bucket="Harbour Bank")
    if data["amount"] == "1":
        raise Overloaded
    raise ZeroDivisionError


@pytest.fixture
def service() -> Iterator[str]:
    """A service in a process of its own loop, for commands that have theirs."""
    ready, stop = threading.Event(), threading.Event()
    address: list[str] = []

    async def work() -> None:
        server = HttpServer(application([quotas, issues]), host="127.0.0.1", port=0)
        await server.start()
        address.append(server.url)
        ready.set()
        await asyncio.to_thread(stop.wait)
        await server.stop()

    thread = threading.Thread(target=lambda: uvloop.run(work()))
    thread.start()
    assert ready.wait(10)
    yield address[0]
    stop.set()
    thread.join(10)


def test_api_shows_the_body_and_notes_the_status(cli: Cli, service: str) -> None:
    heard = cli("--url", service, "api", "GET", "/v1/quotas")
    assert heard.code == 0
    assert heard.json == {"left": "10.00"}
    assert heard.err == "200 application/json\n"
    assert cli("--url", service, "api", "GET", "/v1/quotas", "-q").err == ""


@pytest.mark.parametrize(
    ("amount", "code", "said"),
    [
        ("20000", 3, "You asked for 20 000.00 XTS. Harbour Bank has 10 000.00 XTS left."),
        ("1", 7, "Money: nothing moved."),
        ("7", 8, "Money: not known yet. Run the same command again with the same key"),
    ],
)
def test_api_tells_what_a_service_refused(cli: Cli, service: str, amount: str, code: int, said: str) -> None:
    heard = cli("--url", service, "api", "POST", "/v1/issues", "-d", json.dumps({"amount": amount}))
    assert heard.code == code
    assert said in heard.err
    assert "Idempotency-Key: " in heard.err
    assert not heard.out


def test_a_remote_refusal_shows_its_trace(cli: Cli, service: str) -> None:
    heard = cli("--url", service, "api", "POST", "/v1/issues", "-d", '{"amount": "20000"}')
    first, *_, last = heard.err.splitlines()[1:]
    assert first.endswith("issuance.quota_exceeded")
    assert last.startswith("  More:  specie explain issuance.quota_exceeded          trace ")


def test_status_asks_every_service(cli: Cli, service: str) -> None:
    for name, url in (("quota_control", service), ("central_management", service)):
        cli("config", "set", f"issuance.{name}.url", url)
    for name in ("issuance.issuance_system", "ledger.verification_node", "ledger.trusted_node", "auditor"):
        cli("config", "set", f"{name}.url", "http://127.0.0.1:1")
    cli("config", "set", "gateway.listen_port", "1")
    heard = cli("status", "--json")
    assert heard.code == 7
    assert {row["part"]: row["state"] for row in heard.json} == {
        "central-management": "ok",
        "quota-control": "ok",
        "issuance": "down",
        "verification-node": "down",
        "trusted-node": "down",
        "auditor": "down",
    }


SERVICE = """
import uvloop
from specie.app.cli.flags import Flags
from specie.app.cli.serve import run_service
from specie.app.cli.terminal import Terminal
from tests.app.serving import application

class Service:
    def litestar_app(self):
        return application([])
    async def start(self):
        print("started", flush=True)
    async def stop(self):
        print("stopped", flush=True)

uvloop.run(run_service(Terminal(Flags(), {}), Service(), "quota-control", "127.0.0.1", 0, None))
"""


def test_a_service_starts_answers_and_stops_in_order(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": f"{root / 'src'}:{root}"}
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "started\n"
        said = process.stderr.readline()
        assert said.startswith("✔ quota-control answers at http://127.0.0.1:")
        port = int(said.rsplit(":", 1)[1])
        assert run(ask(port, "GET", "/readyz")).json["ready"] is True
        process.terminate()
        assert process.stdout.read().endswith("stopped\n")
        assert process.wait(10) == 0


def test_a_service_process_keeps_its_memory_to_itself() -> None:
    # SPEC ISSUANCE-2.3.3
    code = (
        "import resource\nfrom specie.app.process import harden, is_dumpable\nharden()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0], is_dumpable())"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[0] == "0"
    assert done.stdout.split()[1] == ("False" if sys.platform == "linux" else "None")
