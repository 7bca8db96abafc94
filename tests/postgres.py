"""A private PostgreSQL in a temporary folder, for tests and benches: start, stop, crash, start again.

It keeps fsync on, listens on a Unix socket and on a free loopback port, and goes away with the process.
Nothing of an installed server is touched. PostgreSQL refuses to run as root: then the user `postgres` or
`nobody` runs it.
"""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import psycopg

StopMode = Literal["smart", "fast", "immediate"]

CONFIG = """
fsync = on
listen_addresses = '127.0.0.1'
max_connections = 64
shared_buffers = 64MB
logging_collector = off
recovery_init_sync_method = syncfs
"""


class PostgresMissing(Exception):
    """There is no PostgreSQL on this machine."""


def find_binaries() -> Path:
    """The folder of `initdb` and `pg_ctl`, the newest version first. Raises PostgresMissing."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
        reverse=True,
    )
    found = shutil.which("pg_ctl")
    if found:
        folders.append(Path(found).resolve().parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise PostgresMissing("PostgreSQL is not installed: run `make setup`")


def _unprivileged_user() -> pwd.struct_passwd | None:
    """The user that has to run the server, or None where we are no root ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresMissing("root cannot run PostgreSQL and there is no user `postgres` or `nobody`: run `make setup`")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PostgresCluster:
    """One server with its data. `start()` it first; it may be stopped, killed and started again."""

    def __init__(self) -> None:
        self._binaries = find_binaries()
        self._user = _unprivileged_user()
        self._folder = Path(tempfile.mkdtemp(prefix="specie-pg-"))
        self._data = self._folder / "data"
        self._databases = 0
        self._free: list[str] = []
        self.port = _free_port()
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", self._data, "-U", "specie", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        with (self._data / "postgresql.conf").open("a") as config:
            config.write(CONFIG + f"port = {self.port}\nunix_socket_directories = '{self._folder}'\n")
        atexit.register(self.remove)

    def _run(self, program: str, *arguments: str | Path, check: bool = True) -> None:
        user = self._user
        with tempfile.TemporaryFile() as output:  # not a pipe: the server would inherit and hold it open
            result = subprocess.run(
                [self._binaries / program, *arguments],
                check=False,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self._folder)},
            )
            if check and result.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read().decode(errors='replace')}")

    def start(self) -> None:
        """Start the server and wait until it answers; after a crash this includes its recovery."""
        self._run("pg_ctl", "-D", self._data, "-l", self._folder / "log", "-w", "-t", "60", "start")

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it; `immediate` is a crash as far as its data is concerned."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "-t", "60", "stop", check=False)

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """SIGKILL the server process; its children notice and end on their own."""
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)

    def is_running(self) -> bool:
        """Whether the server answers."""
        try:
            self.admin("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str = "postgres", *, tcp: bool = False) -> str:
        """How to reach a database: over the Unix socket, or over loopback TCP."""
        if tcp:
            return f"postgresql://specie@127.0.0.1:{self.port}/{database}"
        return f"postgresql://specie@/{database}?host={self._folder}&port={self.port}"

    def admin(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each in a transaction of its own."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def take_database(self) -> str:
        """The name of an empty database, new or given back."""
        if self._free:
            return self._free.pop()
        self._databases += 1
        name = f"test_{self._databases}"
        self.admin(f"CREATE DATABASE {name}")
        return name

    def give_back(self, name: str) -> None:
        """Empty a database for the next one who takes it: ten times faster than a new one."""
        self.admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{name}' AND pid <> pg_backend_pid()",
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
            "GRANT USAGE ON SCHEMA public TO PUBLIC",
            database=name,
        )
        self._free.append(name)

    def remove(self) -> None:
        """Stop the server and delete its folder."""
        atexit.unregister(self.remove)
        if self._folder.exists():
            self.stop("immediate")
            shutil.rmtree(self._folder, ignore_errors=True)
