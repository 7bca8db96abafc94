"""Running deployments for the tests of the command line: real processes, real ports, and people who type."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from specie.app.cli import app

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {"central-management": "CENTRAL_MANAGEMENT", "quota-control": "QUOTA_CONTROL", "issuance": "ISSUANCE_SYSTEM"}
SPECIE = (sys.executable, "-c", "from specie.app.cli import main; main()")


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def surroundings(folder: Path, registry: str = "offline") -> dict[str, str]:
    """An environment of its own: data, home, and ports that nobody else has."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SPECIE_DATA_DIR": str(folder / "data"),
        "SPECIE_CURRENCY__REGISTRY": registry,
        "SPECIE_GATEWAY__LISTEN_PORT": str(free_port()),
        "SPECIE_AUDITOR__LISTEN_PORT": str(free_port()),
        "SPECIE_LEDGER__VERIFICATION_NODE__LISTEN_PORT": str(free_port()),
        "SPECIE_LEDGER__TRUSTED_NODE__LISTEN_PORT": str(free_port()),
    }
    environ |= {f"SPECIE_ISSUANCE__{section}__LISTEN_PORT": str(free_port()) for section in SECTIONS.values()}
    return environ


@dataclass
class Deployment:
    """One deployment, and the shell of a person at its machine."""

    folder: Path
    environ: dict[str, str]
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, registry: str = "offline") -> Deployment:
        return cls(folder, surroundings(folder, registry))

    def specie(self, *line: str) -> Said:
        """A command in a process of its own."""
        done = subprocess.run(
            [*SPECIE, *line],
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def typed(self, *line: str) -> Said:
        """The same command in this process: faster, and as good where only answers matter."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        before, place = dict(os.environ), Path.cwd()
        for name in [name for name in os.environ if name.startswith(("SPECIE_", "XDG_"))]:
            del os.environ[name]
        os.environ.update(self.environ)
        os.chdir(self.folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                app(list(line))
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0
        finally:
            os.chdir(place)
            os.environ.clear()
            os.environ.update(before)
        return Said(code, out.getvalue(), err.getvalue())

    def start(self, *line: str) -> None:
        """A service in the background; returns when it answers."""
        process = subprocess.Popen(
            [*SPECIE, *line],
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes[line[-1]] = process
        assert process.stderr is not None
        heard = []
        for said in process.stderr:
            heard.append(said)
            if "answers at" in said:
                return
        raise AssertionError("".join(heard))

    def stop(self, name: str | None = None) -> None:
        """End one service, or all."""
        for one in [name] if name else list(self.processes):
            process = self.processes.pop(one)
            process.terminate()
            process.wait(30)
            if process.stderr is not None:
                process.stderr.close()

    def write(self, name: str, data: bytes) -> str:
        """A file in the person's folder."""
        (self.folder / name).write_bytes(data)
        return name

    def taken(self) -> dict[str, int]:
        """What every bucket has given away, reserved or used, in hundredths."""
        buckets = self.typed("quota", "show", "--json").json["buckets"]
        money = [bucket for bucket in buckets if bucket["kind"] != "count"]
        return {each["key"]: sum(int(each[name].replace(".", "")) for name in ("reserved", "used")) for each in money}


@contextlib.contextmanager
def one_process(folder: Path) -> Iterator[Deployment]:
    """All roles behind one door."""
    made = Deployment.make(folder)
    made.start("up")
    try:
        yield made
    finally:
        made.stop()


@contextlib.contextmanager
def three_processes(folder: Path) -> Iterator[Deployment]:
    """The three systems apart, with mutual TLS between them."""
    made = Deployment.make(folder)
    founded = made.typed("issuance", "init", "--yes")
    assert founded.code == 0, founded.err
    try:
        for role in SECTIONS:
            made.start("serve", role)
        yield made
    finally:
        made.stop()
