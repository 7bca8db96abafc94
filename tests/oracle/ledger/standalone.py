"""Runs tools/ledger_verify.py in an isolated process that has nothing but the standard library (-I -S)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from oracle.ledger.world import Chain

PROGRAM = Path(__file__).parents[3] / "tools" / "ledger_verify.py"


def export(chain: Chain, folder: Path, segments: bool = True) -> None:
    """A chain as the program reads it."""
    (folder / "genesis.cbor").write_bytes(chain.genesis)
    for height, header in enumerate(chain.headers):
        (folder / f"{height}.header").write_bytes(header.encode() + chain.finalities[height])
        (folder / f"{height}.record").write_bytes(chain.records[height])
        if segments:
            (folder / f"{height}.proofs").write_bytes(chain.segments[height])


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(PROGRAM), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def codes(folder: Path, *arguments: str) -> list[str]:
    """The codes of all failures; none where everything verifies."""
    done = run(folder, *arguments, "--json")
    assert done.returncode in (0, 9), done.stderr
    answer = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0) == (not answer["failures"])
    return [failure["code"] for failure in answer["failures"]]
