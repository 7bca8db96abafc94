"""What all benches share: the form of their output, the machine they ran on, load in a closed and in an open loop.

{"bench", "commit", "machine": {…}, "results": {key: {"value", "unit", "bar", "ok", "compared_with"}}}
"""

# SPEC ISSUANCE-22.1, ISSUANCE-22.2
from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

Call = Callable[[int], Awaitable[None]]
"""Makes the n-th call; raises where it fails."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. bar: None where nothing is promised. ok: true where there is no bar."""

    value: float
    unit: str
    bar: float | None
    ok: bool
    compared_with: str


def at_least(value: float, unit: str, bar: float, compared_with: str) -> Result:
    """A rate with its bar."""
    return Result(round(value, 2), unit, bar, value >= bar, compared_with)


def less_than(value: float, unit: str, bar: float, compared_with: str) -> Result:
    """A time with its bar."""
    return Result(round(value, 2), unit, bar, value < bar, compared_with)


def figure(value: float, unit: str, compared_with: str = "") -> Result:
    """A figure without a bar."""
    return Result(round(value, 2), unit, None, True, compared_with)


def options() -> argparse.Namespace:
    """The flags of every bench."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="shorter runs, less exact")
    return parser.parse_args()


def fdatasync_us(times: int = 64) -> float:
    """The median time of an fdatasync of 4 KiB in the temporary folder: what a commit costs at least."""
    taken = []
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(times):
            os.write(file.fileno(), b"\0" * 4096)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return sorted(taken)[len(taken) // 2] * 1e6


def simd() -> str:
    """What the core's curve arithmetic runs on here: "avx2", or "serial" where the processor has no such unit."""
    info = Path("/proc/cpuinfo")
    flags = (
        next((line for line in info.read_text().splitlines() if line.startswith("flags")), "") if info.exists() else ""
    )
    return "avx2" if " avx2 " in f"{flags} " else "serial"


def rustc() -> str:
    """The compiler of the core."""
    try:
        return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        model = next(
            (line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line), ""
        )
    return {
        "processor": model or platform.processor(),
        "cores": os.cpu_count(),
        "simd": simd(),
        "rustc": rustc(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(each, 2) for each in os.getloadavg()],
        "fdatasync_us": round(fdatasync_us(), 1),
    }


def commit() -> str:
    """The commit of the checkout, with a plus where it was changed."""
    try:
        name = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.stdout.strip()


def report(bench: str, results: dict[str, Result], before: dict[str, Any]) -> int:
    """Print the one JSON document; the exit status. before: `machine()` as the bench began."""
    print(
        json.dumps(
            {
                "bench": bench,
                "commit": commit(),
                "machine": before,
                "results": {key: asdict(result) for key, result in results.items()},
            },
            indent=2,
        )
    )
    return 0 if all(result.ok for result in results.values()) else 1


def main(bench: str, measure: Callable[[bool], Awaitable[dict[str, Result]]]) -> None:
    """Run a bench on the fast event loop and leave with its exit status."""
    import uvloop

    before = machine()
    sys.exit(report(bench, uvloop.run(measure(options().quick)), before))


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def closed_loop(call: Call, clients: int, calls: int) -> float:
    """Each client makes its next call when its last is answered. Answers calls per second."""
    numbers = iter(range(calls))

    async def client() -> None:
        for number in numbers:
            await call(number)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return calls / (time.perf_counter() - begun)


async def open_loop(call: Call, per_s: float, calls: int) -> list[float]:
    """Calls begin at fixed moments, whether the earlier ones are answered or not.

    Answers the seconds from the moment at which each should have begun, so that a stall counts for all who wait.
    """
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.05
    taken: list[float] = []

    async def one(number: int, due: float) -> None:
        await call(number)
        taken.append(loop.time() - due)

    tasks = []
    for number in range(calls):
        due = start + number / per_s
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    return taken
