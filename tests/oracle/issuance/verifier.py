"""Runs tools/specie_verify.py in a process that sees neither the package nor the tests.

The interpreter is isolated and without site packages (-I -S); of all that is installed the process is shown
`cryptography` and what that needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from . import world
from .vectors import public_of
from .world import Record

PROGRAM = Path(__file__).parents[3] / "tools" / "specie_verify.py"
ROOTS = [x for i in (1, 2, 3) for x in ("--root", public_of(f"root-{i}").hex())]
SHOWN = ("cryptography", "cffi", "_cffi_backend", "pycparser")
START = (
    "import runpy, sys; sys.path.append(sys.argv.pop(1)); sys.argv.pop(0); "
    "runpy.run_path(sys.argv[0], None, '__main__')"
)


def show_packages(folder: Path) -> None:
    """Fill a folder with links to cryptography and what it needs, and to nothing else."""
    for name in SHOWN:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found = Path(spec.origin)
            target = found.parent if found.name == "__init__.py" else found
            (folder / target.name).symlink_to(target)


def of(records: list[Record], kind: str) -> list[Record]:
    return [record for record in records if record["kind"] == kind]


def drop(kind: str, index: int = 0) -> Callable[[list[Record]], object]:
    return lambda records: records.remove(of(records, kind)[index])


class Verifier:
    """Runs the program; keeps its files in one folder."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self.packages, self.folder = packages, folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", START, str(self.packages), str(PROGRAM), *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)

    def codes(self, command: str, records: list[Record], *more: str) -> set[str]:
        """The codes of all failures; empty where everything verifies."""
        path = self.folder / "bundle.jsonl"
        path.write_text(world.lines(records), encoding="utf-8")
        done = self(command, str(path), *ROOTS, "--json", *more)
        assert done.returncode in (0, 9), done.stderr
        answer = json.loads(done.stdout)
        assert answer["ok"] == (done.returncode == 0) == (not answer["failures"])
        return {failure["code"] for failure in answer["failures"]}
