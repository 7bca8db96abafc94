"""``specie doctor``: looks for what is wrong, and says how to fix it."""

from __future__ import annotations

from dataclasses import asdict

import typer

from specie.app.checks import Check, run_checks
from specie.app.cli.exits import Exit
from specie.app.cli.terminal import Terminal

MARKS = {"ok": "✔", "warn": "!", "fail": "✘"}

doctor = typer.Typer(rich_markup_mode=None)


@doctor.command("doctor")
def look(context: typer.Context) -> None:
    """Look for what is wrong, and say how to fix it; exit code 9 if something is.

    Examples: specie doctor · specie doctor --json
    """
    terminal: Terminal = context.obj
    checks = list(run_checks(terminal.loaded))
    failed = [check for check in checks if check.state == "fail"]
    warned = [check for check in checks if check.state == "warn"]
    last = f"{len(checks)} checks: {len(failed)} wrong, {len(warned)} to look at"
    terminal.show(
        {"healthy": not failed, "checks": [asdict(check) for check in checks]},
        "\n".join([*map(_line, checks), "", last]),
    )
    if failed:
        raise typer.Exit(Exit.UNVERIFIED)


def _line(check: Check) -> str:
    line = f"{MARKS[check.state]} {check.name:<31} {check.detail}"
    return f"{line}\n  {'':<31} fix: {check.fix}" if check.fix else line
