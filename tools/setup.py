"""Make this checkout runnable: virtual environment, Python packages, Rust core, PostgreSQL server for tests.

Runs with the system's Python and the standard library alone, since nothing is installed yet. Every step keeps
a stamp (a digest of what it was made from) in `.venv/stamps`, so a second run does only what changed.

    python3 tools/setup.py            what `make demo` needs
    python3 tools/setup.py --tests    also a PostgreSQL server
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "stamps"
LOGS = VENV / "logs"
RUST_MIN_FALLBACK = (1, 85)
HEARTBEAT_S = 20
ENVIRONMENT = os.environ | {
    "CARGO_TARGET_DIR": str(ROOT / "target"),
    "CARGO_TERM_COLOR": "never",
    # for this machine: the curves are a fifth faster; set RUSTFLAGS to build for others
    "RUSTFLAGS": os.environ.get("RUSTFLAGS", "-C target-cpu=native"),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "VIRTUAL_ENV": str(VENV),
    "PATH": f"{VENV / 'bin'}:{os.environ.get('PATH', '')}:{Path.home() / '.cargo' / 'bin'}",
}


class SetupFailed(Exception):
    """A step cannot be done on this machine; the text says what to do about it."""


def run_logged(name: str, command: list[str], *, environment: dict[str, str] | None = None) -> None:
    """Run a command quietly, with a sign of life every 20 s; show the end of its output if it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    started = time.monotonic()
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment or ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
        while True:
            try:
                status = process.wait(timeout=HEARTBEAT_S)
                break
            except subprocess.TimeoutExpired:
                print(f"      still at it, {time.monotonic() - started:.0f} s", flush=True)
    if status != 0:
        tail = log.read_text(errors="replace").splitlines()[-40:]
        tail += [f"failed ({status}): {' '.join(command)}", f"full output: {log}"]
        raise SetupFailed("\n".join(tail))


def digest_of(parts: Iterable[Path | str]) -> str:
    """SHA-256 over the given strings and over path and content of every file at or under the given paths."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            total.update(part.encode() + b"\0")
            continue
        for file in [part] if part.is_file() else sorted(part.rglob("*")):
            if file.is_file() and "target" not in file.relative_to(ROOT).parts:
                total.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def is_stamped(name: str, digest: str) -> bool:
    stamp = STAMPS / name
    return stamp.exists() and stamp.read_text() == digest


def set_stamp(name: str, digest: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / name).write_text(digest)


def install_system_packages(packages: list[str], purpose: str) -> None:
    """Install Debian packages, as root or through sudo. Raises SetupFailed with what to type otherwise."""
    by_hand = f"sudo apt-get install {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise SetupFailed(f"{purpose} is missing; install it with your system's package manager ({by_hand})")
    prefix: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None:
            raise SetupFailed(f"{purpose} is missing and this user may not install it; please run: {by_hand}")
        prefix = ["sudo", "-n"]
    environment = ENVIRONMENT | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run_logged("apt-update", [*prefix, "apt-get", "update", "-q"], environment=environment)
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        run_logged("apt-install", [*prefix, *install], environment=environment)
    except SetupFailed as error:
        raise SetupFailed(f"{error}\n{purpose} is missing; please run: {by_hand}") from error


def make_venv() -> None:
    try:
        run_venv()
    except SetupFailed:
        # Debian keeps ensurepip in a package of its own.
        install_system_packages(["python3-venv"], "python3-venv")
        run_venv()


def run_venv() -> None:
    # What is there is broken (or only the logs of a first attempt), and stamps in it would lie.
    if VENV.exists():
        shutil.rmtree(VENV)
    command = [sys.executable, "-m", "venv", str(VENV)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise SetupFailed(done.stdout + done.stderr)


def wanted_packages() -> list[str]:
    """Every requirement of pyproject.toml, with the extras that work in a checkout needs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return sorted({*project["dependencies"], *extras["postgres"], *extras["dev"]})


def packages_digest() -> str:
    return digest_of(["packages", *wanted_packages()])


def install_packages() -> None:
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input"]
    run_logged("pip", [*pip, *wanted_packages()])
    set_stamp("packages", packages_digest())


def core_digest() -> str:
    """What the built extension depends on. Python sources are not in it: the install is editable."""
    return digest_of([f"{sys.version_info[:2]}", *find_manifests(), ROOT / "rust", ROOT / "pyproject.toml"])


def find_manifests() -> list[Path]:
    names = ("Cargo.toml", "Cargo.lock", "rust-toolchain.toml")
    return [ROOT / name for name in names if (ROOT / name).exists()]


def is_core_built() -> bool:
    built = any((ROOT / "src" / "specie").glob("_core*.so"))
    return built and is_stamped("core", core_digest())


def rust_min() -> tuple[int, ...]:
    """The `rust-version` that the workspace declares."""
    for path in (ROOT / "Cargo.toml", ROOT / "rust" / "Cargo.toml"):
        if path.exists():
            workspace = tomllib.loads(path.read_text()).get("workspace", {}).get("package", {})
            if "rust-version" in workspace:
                return tuple(int(part) for part in workspace["rust-version"].split("."))[:2]
    return RUST_MIN_FALLBACK


def check_cargo() -> None:
    wanted = ".".join(map(str, rust_min()))
    advice = f"the core needs Rust {wanted} or newer: https://rustup.rs (Debian 12 packages an older one)"
    if shutil.which("cargo", path=ENVIRONMENT["PATH"]) is None:
        raise SetupFailed(f"cargo is missing. {advice}")
    command = ["cargo", "--version"]
    answer = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    words = answer.stdout.split()
    if answer.returncode != 0 or len(words) < 2:
        raise SetupFailed(f"`cargo --version` fails: {answer.stderr.strip()}. {advice}")
    version = tuple(int(part) for part in words[1].split("-")[0].split(".")[:2])
    if version < rust_min():
        raise SetupFailed(f"cargo {words[1]} is too old. {advice}")


def build_core() -> None:
    check_cargo()
    run_logged("maturin", [str(VENV / "bin" / "maturin"), "develop", "--release"])
    set_stamp("core", core_digest())


def has_postgres() -> bool:
    """Whether initdb and pg_ctl are on the PATH or where Debian puts them."""
    if shutil.which("initdb") and shutil.which("pg_ctl"):
        return True
    return any((path / "pg_ctl").exists() for path in Path("/usr/lib/postgresql").glob("*/bin"))


def install_postgres() -> None:
    install_system_packages(["postgresql"], "a PostgreSQL server (the tests start a private one)")


def pending_steps(for_tests: bool) -> list[tuple[str, Callable[[], None]]]:
    """The steps that are not done yet, in order. A new environment makes its later steps pending too."""
    steps: list[tuple[str, Callable[[], None]]] = []
    is_new = not PYTHON.exists()
    if is_new:
        steps.append((f"virtual environment .venv, Python {sys.version.split()[0]}", make_venv))
    if is_new or not is_stamped("packages", packages_digest()):
        steps.append(("Python packages (about 60 s the first time)", install_packages))
    if is_new or not is_core_built():
        steps.append(("building the Rust core (about 90 s the first time)", build_core))
    if for_tests and not has_postgres():
        steps.append(("PostgreSQL server for the tests (about 60 s)", install_postgres))
    return steps


def main(arguments: list[str]) -> int:
    steps = pending_steps(for_tests="--tests" in arguments)
    if not steps and "--quiet" not in arguments:
        print("setup: everything is in place")
    for number, (title, step) in enumerate(steps, start=1):
        print(f"[{number}/{len(steps)}] {title} ...", flush=True)
        started = time.monotonic()
        try:
            step()
        except SetupFailed as error:
            print(f"{error}\nsetup: stopped at [{number}/{len(steps)}] {title}", file=sys.stderr)
            return 1
        print(f"[{number}/{len(steps)}] done in {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
