"""``specie version``."""

from __future__ import annotations

import platform
import sqlite3

import typer

from specie import __version__
from specie.app.cli.terminal import Terminal

version = typer.Typer()


@version.command("version")
def show_version(context: typer.Context) -> None:
    """Which version this is, and what it stands on.

    Examples: specie version · specie version --json
    """
    terminal: Terminal = context.obj
    facts = {
        "specie": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
    }
    terminal.show(
        facts, f"specie {__version__} (Python {facts['python']}, SQLite {facts['sqlite']}, {facts['system']})"
    )
