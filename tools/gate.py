"""The gate: the checks of the house, the Rust tests, the Python tests. Full output only on failure.

    python -m tools.gate check      format, lints, types, import law, stubs, specification
    python -m tools.gate test       the same, then cargo test and pytest without the tests marked `long`
    python -m tools.gate long       the tests marked `long`, with more simulator seeds (SPECIE_SIM_SEEDS)

A failing step does not stop the later ones. The exit status is 1 if any step failed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

from tools.setup import ENVIRONMENT, ROOT

BIN = ROOT / ".venv" / "bin"
PYTHON = str(BIN / "python")
PYTHON_FOLDERS = ["src", "tests", "tools", "benches"]
OUTPUT_LINES_MAX = 40
SIM_SEEDS_LONG = "5000"
PYTEST_NOTHING_CHOSEN = 5


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the gate."""

    name: str
    command: list[str]
    tool: tuple[str, ...] = ()
    """A command that succeeds if an optional tool is installed; if not, the step is left out, aloud."""

    environment: dict[str, str] = field(default_factory=dict)


def cargo(*arguments: str, crate: str = "rust") -> list[str]:
    own = f"{crate}/Cargo.toml"
    manifest = own if (ROOT / own).exists() else "Cargo.toml"
    return ["cargo", arguments[0], "--manifest-path", manifest, *arguments[1:]]


def check_steps() -> list[Step]:
    folders = [name for name in PYTHON_FOLDERS if (ROOT / name).is_dir()]
    clippy = cargo("clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings")
    return [
        Step("ruff check", [str(BIN / "ruff"), "check", "--quiet", "--output-format", "concise", *folders]),
        Step(
            "ruff format",
            [str(BIN / "ruff"), "format", "--check", "--quiet", "--output-format", "concise", *folders],
        ),
        Step("mypy, the package", [PYTHON, "-m", "mypy"]),
        Step("mypy, tools and house", [PYTHON, "-m", "mypy", *typed_scripts()]),
        Step("import law", [str(BIN / "lint-imports"), "--no-logo"]),
        Step("stubs of the core", [PYTHON, "-m", "mypy.stubtest", "specie._core"]),
        Step("cargo fmt", cargo("fmt", "--all", "--check"), tool=("cargo", "fmt", "--version")),
        Step("cargo clippy", clippy, tool=("cargo", "clippy", "--version")),
        Step("specification", [PYTHON, "tools/check_spec.py"]),
    ]


def typed_scripts() -> list[str]:
    found = [path for name in ("tools", "tests/house") for path in (ROOT / name).glob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def rust_steps() -> list[Step]:
    # Release mode, so that the dependencies built by setup are used again.
    return [Step("cargo test", cargo("test", "--release", "--quiet", crate="rust/core"))]


def is_missing(tool: tuple[str, ...]) -> bool:
    if not tool:
        return False
    if shutil.which(tool[0], path=ENVIRONMENT["PATH"]) is None:
        return True
    return subprocess.run(tool, env=ENVIRONMENT, capture_output=True, check=False).returncode != 0


def run_step(step: Step) -> bool:
    """Run one step and print one line about it; its output only if it fails. Answers whether it passed."""
    if is_missing(step.tool):
        print(f"  {step.name:<24} left out: `{' '.join(step.tool[:2])}` is not installed here", flush=True)
        return True
    started = time.monotonic()
    done = subprocess.run(
        step.command,
        cwd=ROOT,
        env=ENVIRONMENT | step.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    took_s = time.monotonic() - started
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"  {step.name:<24} {verdict:<7} {took_s:5.1f} s{rust_count(done.stdout)}", flush=True)
    if done.returncode != 0:
        lines = done.stdout.rstrip().splitlines()
        if len(lines) > OUTPUT_LINES_MAX:
            print(f"    ... {len(lines) - OUTPUT_LINES_MAX} lines before these")
        print("\n".join(f"    {line}" for line in lines[-OUTPUT_LINES_MAX:]), flush=True)
    return done.returncode == 0


def rust_count(output: str) -> str:
    """`, 48 tests` where the output is cargo's; the wording must not look like pytest's closing line."""
    counts = [int(count) for count in re.findall(r"^test result: \w+\. (\d+) passed", output, re.MULTILINE)]
    return f"   {sum(counts)} tests" if counts else ""


def run_pytest(marker: str, environment: dict[str, str]) -> bool:
    """Run pytest with its output shown as it comes; its closing line is the last thing it prints."""
    command = [PYTHON, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "--tb=short", "-m", marker]
    print(f"  pytest -m '{marker}' ...", flush=True)
    status = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT | environment, check=False).returncode
    return status == 0 or (status == PYTEST_NOTHING_CHOSEN and marker == "long")


def run_gate(mode: str) -> list[str]:
    """Run the steps of a mode. Answers the names of those that failed."""
    failed: list[str] = []
    if mode in {"check", "test"}:
        print("check:", flush=True)
        failed += [step.name for step in check_steps() if not run_step(step)]
    if mode == "test":
        print("test:", flush=True)
        failed += [step.name for step in rust_steps() if not run_step(step)]
        if not run_pytest("not long", {}):
            failed.append("pytest")
    if mode == "long":
        print("test-long:", flush=True)
        seeds = os.environ.get("SPECIE_SIM_SEEDS", SIM_SEEDS_LONG)
        if not run_pytest("long", {"SPECIE_SIM_SEEDS": seeds}):
            failed.append("pytest")
    return failed


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in {"check", "test", "long"}:
        print(__doc__, file=sys.stderr)
        return 2
    started = time.monotonic()
    failed = run_gate(arguments[0])
    name = {"check": "make check", "test": "make test", "long": "make test-long"}[arguments[0]]
    verdict = f"FAILED in {', '.join(failed)}" if failed else "ok"
    print(f"{name}: {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
