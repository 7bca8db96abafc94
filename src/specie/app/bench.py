"""``specie bench NAME``: run the scripts of ``benches/`` and show their figures against the bars of the chapters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from specie.app.cli.errors import NotHere, Usage

if TYPE_CHECKING:
    from specie.app.cli.terminal import Terminal

BENCHES = Path(__file__).parents[3] / "benches"
SUITES: Mapping[str, tuple[str, ...]] = {
    "issuance": ("control_bits", "core", "six_steps", "crypto"),
    "ledger": ("ledger_core", "ledger_verdicts", "ledger_node"),
}
"""Suites and their scripts; `all` is every suite, and each script can be run by its own name."""
MISSED = 1
"""Exit status when a bar is missed."""

bench = typer.Typer(rich_markup_mode=None)


@bench.command("bench")
def measure(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A suite (issuance, ledger, all) or one script of benches/.")] = "all",
    quick: Annotated[bool, typer.Option("--quick", help="Shorter runs, less exact.")] = False,
    compare: Annotated[Path | None, typer.Option(help="An earlier output (JSON) to show the figures beside.")] = None,
) -> None:
    """Measure, and compare with the bars. Exit status 1 if a bar is missed.

    Examples: specie bench ledger --json · specie bench core --quick --compare before.json
    """
    terminal: Terminal = context.obj
    before = earlier(compare)
    parts = []
    for script in scripts_of(name):
        terminal.note(f"measuring {script} …")
        parts.append(run_script(script, quick=quick))
    report = merge(name, parts)
    if before:
        for key, result in report["results"].items():
            if key in before and before[key]["value"]:
                result["before"] = before[key]["value"]
                result["ratio"] = round(result["value"] / before[key]["value"], 3)
    if terminal.flags.json or terminal.flags.jsonl:
        terminal.show(report)
    else:
        terminal.table([row_of(key, result) for key, result in report["results"].items()], columns(bool(before)))
        terminal.note(f"{report['machine']['processor']}, load average {report['machine']['load_average']}")
    # SPEC LEDGER-22.3
    if not all(result["ok"] for result in report["results"].values()):
        raise typer.Exit(MISSED)


def earlier(path: Path | None) -> Mapping[str, Any]:
    """The results of an earlier output. Raises Usage."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())["results"]
        if not all(isinstance(each["value"], int | float) for each in found.values()):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Usage(f"{path} is not the JSON of an earlier bench") from error
    return dict(found)


def scripts_of(name: str) -> list[str]:
    """Raises NotHere without a checkout, Usage for an unknown name."""
    if not BENCHES.is_dir():
        raise NotHere("the benches are part of the source checkout, not of the installed package")
    if name == "all":
        return [script for suite in SUITES.values() for script in suite]
    if name in SUITES:
        return list(SUITES[name])
    known = [script for suite in SUITES.values() for script in suite]
    if name not in known:
        raise Usage(f"{name} is no bench; there are: all, {', '.join([*SUITES, *known])}")
    return [name]


def run_script(script: str, *, quick: bool) -> dict[str, Any]:
    """One script in a process of its own; its JSON. Raises RuntimeError where it measured nothing."""
    command = [sys.executable, str(BENCHES / f"{script}.py"), *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise RuntimeError(f"the bench {script} failed:\n{done.stderr[-2000:]}") from error
    return found


def merge(name: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """One document of several; the machine as it was when the first began, and every later load average."""
    machine = dict(parts[0]["machine"])
    machine["load_averages"] = {part["bench"]: part["machine"]["load_average"] for part in parts}
    results = {key: result for part in parts for key, result in part["results"].items()}
    return {"bench": name, "commit": parts[0]["commit"], "machine": machine, "results": results}


def columns(compared: bool) -> list[str]:
    return ["figure", "value", "unit", "bar", "ok", *(["before", "ratio"] if compared else []), "compared_with"]


def row_of(key: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as a line of the table."""
    bar = "" if result["bar"] is None else result["bar"]
    return {"figure": key, **result, "bar": bar, "ok": "✔" if result["ok"] else "✘"}
