"""What ``specie doctor`` looks at: one function per question, each with what to do about it."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from specie.app.config.layers import Loaded
from specie.app.config.model import SYSTEMS, Config, SystemSettings
from specie.app.ports import PortInUse, open_listener
from specie.app.tls import CertificateUnusable, check_private, expires_in_s, read_certificate, system_id_of
from specie.kernel.clock import Clock, SystemClock
from specie.kernel.errors import Refused, Unavailable

State = Literal["ok", "warn", "fail"]

PYTHON_MIN = (3, 11)
DISK_BYTES_MIN = 1 << 30
FILES_MIN = 1024
SYNC_S_MAX = 0.05
DAY_S = 86_400
_EPOCH_S = 1_790_000_000
"""September 2026: no clock of a system of this release shows an earlier time."""


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question."""

    name: str
    state: State
    detail: str
    fix: str = ""
    """A command or a sentence; empty where nothing is wrong."""


def run_checks(loaded: Loaded, clock: Clock | None = None) -> Iterator[Check]:
    """All checks, in an order that names causes before their effects."""
    now = clock or SystemClock()
    config = loaded.config
    yield from (_python(), _extension(), _sqlite(), _clock(now), _open_files())
    yield _settings_files(loaded)
    yield from (_data_dir(config.data_dir), _disk(config.data_dir), _sync(config.data_dir))
    yield _root_keys(config)
    yield _separation(config)
    for role in SYSTEMS:
        system = config.system(role)
        yield _keys(system)
        yield _passphrase(system)
        yield _database(system, now)
        yield _port(system)
        yield _certificate(system, now)


def _python() -> Check:
    shown = ".".join(str(part) for part in sys.version_info[:3])
    if tuple(sys.version_info) < PYTHON_MIN:
        return Check("python", "fail", f"Python {shown}", "install Python 3.11 or later")
    return Check("python", "ok", f"Python {shown}")


def _extension() -> Check:
    try:
        from specie.crypto import core
    except ImportError as error:
        return Check("extension", "fail", f"the compiled part is missing ({error.name})", "make setup")
    except Exception as error:
        if type(error).__name__ != "StaleExtension":
            raise
        return Check("extension", "fail", "the compiled part is older than its sources", "make setup")
    return Check("extension", "ok", f"{Path(core._core.__file__ or '').name}")


def _sqlite() -> Check:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < (3, 35):
        return Check("sqlite", "fail", f"SQLite {version}", "use a Python with SQLite 3.35 or later")
    return Check("sqlite", "ok", f"SQLite {version}")


def _clock(clock: Clock) -> Check:
    seconds = clock.now_us() // 1_000_000
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
    if seconds < _EPOCH_S:
        return Check("clock", "fail", shown, "set the clock; use NTP (timedatectl set-ntp true)")
    if Path("/run/systemd/timesync").is_dir() and not Path("/run/systemd/timesync/synchronized").exists():
        return Check("clock", "warn", f"{shown}, not synchronised", "timedatectl set-ntp true")
    return Check("clock", "ok", shown)


def _open_files() -> Check:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < FILES_MIN:
        return Check("open files", "warn", f"limit {limit}", f"ulimit -n {4 * FILES_MIN}")
    return Check("open files", "ok", f"limit {limit}")


def _settings_files(loaded: Loaded) -> Check:
    files = [file for file, there in loaded.files if there]
    loose = [file for file in files if file.stat().st_mode & 0o022]
    if loose:
        return Check("settings", "warn", f"{loose[0]} can be written by others", f"chmod go-w {loose[0]}")
    return Check("settings", "ok", ", ".join(str(file) for file in files) or "defaults only")


def _data_dir(path: Path) -> Check:
    if not path.exists():
        return Check("data directory", "warn", f"{path} is not there yet", "specie up, or specie issuance init")
    status = path.stat()
    if status.st_mode & 0o077:
        return Check("data directory", "fail", f"{path} is open to others", f"chmod 700 {path}")
    if status.st_uid != os.getuid():
        return Check("data directory", "fail", f"{path} belongs to another user", f"chown {os.getuid()} {path}")
    return Check("data directory", "ok", str(path))


def _disk(path: Path) -> Check:
    free = shutil.disk_usage(_existing(path)).free
    shown = f"{free / (1 << 30):.1f} GiB free"
    if free < DISK_BYTES_MIN:
        return Check("disk", "fail", shown, f"make room on the disk of {path}, or set data_dir")
    return Check("disk", "ok", shown)


def _sync(path: Path) -> Check:
    """How long the disk takes to make a block durable: every commit waits for that."""
    folder = _existing(path)
    if not os.access(folder, os.W_OK):
        return Check("disk sync", "warn", f"{folder} cannot be written", "specie config explain data_dir")
    probe = folder / f".specie-probe-{os.getpid()}"
    try:
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        begun = time.perf_counter()
        os.write(handle, b"\0" * 4096)
        os.fsync(handle)
        taken = time.perf_counter() - begun
        os.close(handle)
    finally:
        probe.unlink(missing_ok=True)
    shown = f"{taken * 1000:.1f} ms per commit"
    if taken > SYNC_S_MAX:
        return Check("disk sync", "warn", shown, "put data_dir on a faster disk")
    return Check("disk sync", "ok", shown)


def _root_keys(config: Config) -> Check:
    count = len(config.root_keys)
    if count == 0:
        state: State = "warn" if config.environment == "dev" else "fail"
        return Check("root keys", state, "none pinned", "specie config set issuance.root_keys HEX,HEX,HEX")
    return Check("root keys", "ok", f"{count} pinned")


def _separation(config: Config) -> Check:
    """# SPEC ISSUANCE-1.2.1, ISSUANCE-1.2.2"""
    systems = [config.system(role) for role in SYSTEMS]
    for name in ("database", "keys_dir", "id"):
        values = [str(getattr(system, name)) for system in systems]
        if len(set(values)) < len(values):
            fix = f"give each system its own {name}: specie config show"
            return Check("separation", "fail", f"two systems share their {name}", fix)
    return Check("separation", "ok", "each system has its own id, keys and database")


def _keys(system: SystemSettings) -> Check:
    """# SPEC ISSUANCE-2.3.2"""
    name = f"{system.role} keys"
    files = sorted(system.keys_dir.glob("*.key")) if system.keys_dir.is_dir() else []
    if not files:
        return Check(name, "warn", f"no keys in {system.keys_dir}", "specie issuance init")
    return _private(name, files, f"{len(files)} key files")


def _passphrase(system: SystemSettings) -> Check:
    name = f"{system.role} passphrase"
    if system.passphrase is not None:
        return Check(name, "ok", "from the environment or the KMS")
    if not system.passphrase_file.exists():
        return Check(name, "warn", f"{system.passphrase_file} is not there", "specie issuance init")
    return _private(name, [system.passphrase_file], str(system.passphrase_file))


def _private(name: str, files: list[Path], fine: str) -> Check:
    for file in files:
        try:
            check_private(file)
        except CertificateUnusable as error:
            return Check(name, "fail", error.detail, f"chmod 600 {file}")
    return Check(name, "ok", fine)


def _database(system: SystemSettings, clock: Clock) -> Check:
    from specie.kernel.db import open_database

    name = f"{system.role} database"
    if system.database.startswith("sqlite:///") and not Path(system.database[10:]).exists():
        return Check(name, "warn", "not made yet", "specie issuance init")
    try:
        database = open_database(system.database, clock)
        try:
            rows = database.read_now(lambda view: view.all("SELECT version_num FROM alembic_version"))
        finally:
            database.close_now()
    except (Unavailable, Refused) as error:
        return Check(name, "fail", error.detail or error.code, "specie config explain issuance." + _section(system))
    except Exception as error:  # each driver has its own words for a table that is not there
        said = type(error).__name__
        return Check(name, "fail", f"answers, but holds no tables of ours ({said})", "specie issuance init")
    if not rows:
        return Check(name, "fail", "its migrations never ran", "specie issuance init")
    return Check(name, "ok", f"migration {rows[0][0]}")


def _port(system: SystemSettings) -> Check:
    name = f"{system.role} port"
    if not system.listen_port:
        return Check(name, "ok", "chosen by the system")
    try:
        open_listener(system.listen_host, system.listen_port).close()
    except PortInUse as error:
        if "specie" in error.detail or "python" in error.detail:
            return Check(name, "ok", f"{error.detail}: it runs, it seems")
        fix = f"specie config set issuance.{SYSTEMS[system.role]}.listen_port {system.listen_port + 100}"
        return Check(name, "fail", error.detail, fix)
    except OSError as error:
        fix = f"specie config explain issuance.{SYSTEMS[system.role]}.listen_host"
        return Check(name, "fail", f"{system.listen_host}: {error.strerror}", fix)
    return Check(name, "ok", f"{system.listen_port} is free")


def _certificate(system: SystemSettings, clock: Clock) -> Check:
    name = f"{system.role} certificate"
    if system.tls is None:
        return Check(name, "warn", "TLS is off", f"specie config set issuance.{SYSTEMS[system.role]}.tls true")
    if not system.tls.certificate.exists():
        return Check(name, "warn", "not made yet", "specie issuance init")
    try:
        check_private(system.tls.private_key)
        left_s = expires_in_s(system.tls.certificate, clock)
        owner = system_id_of(read_certificate(system.tls.certificate))
    except CertificateUnusable as error:
        return Check(name, "fail", error.detail, "specie issuance init")
    if owner != system.id:
        return Check(name, "fail", f"it names {owner}, not {system.id}", "specie issuance init")
    shown = f"{max(0, left_s) // DAY_S} days left"
    if left_s < 7 * DAY_S:
        return Check(name, "fail", shown, "specie cert renew")
    if left_s < 30 * DAY_S:
        return Check(name, "warn", shown, "specie cert renew")
    return Check(name, "ok", shown)


def _section(system: SystemSettings) -> str:
    return f"{SYSTEMS[system.role]}.database"


def _existing(path: Path) -> Path:
    """The path itself or the nearest folder above it that is there."""
    while not path.exists():
        path = path.parent
    return path
