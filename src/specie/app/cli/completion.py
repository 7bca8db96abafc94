"""``specie completion``: lets the shell complete commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from typer._completion_shared import Shells, get_completion_script, install

from specie.app.cli import COMPLETION
from specie.app.cli.errors import Usage
from specie.app.cli.terminal import Terminal

completion = typer.Typer(
    help="Let the shell complete.\n\nExamples: specie completion install · specie completion show zsh",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Shell = Annotated[str | None, typer.Argument(help="bash, zsh, fish or powershell; yours if left out.")]


@completion.command("show")
def show(context: typer.Context, shell: Shell = None) -> None:
    """Print the script that completes commands."""
    terminal: Terminal = context.obj
    name = _shell(shell)
    script = get_completion_script(prog_name="specie", complete_var=COMPLETION, shell=name)
    terminal.show({"shell": name, "script": script}, script)


@completion.command("install")
def install_(context: typer.Context, shell: Shell = None) -> None:
    """Put that script where the shell finds it."""
    terminal: Terminal = context.obj
    name = _shell(shell)
    if terminal.flags.dry_run:
        terminal.show({"shell": name}, f"would install completion for {name}")
        return
    _, path = install(shell=name, prog_name="specie", complete_var=COMPLETION)
    terminal.show({"shell": name, "file": str(path)}, f"✔ completion for {name} stands in {path}; open a new shell")


def _shell(given: str | None) -> str:
    name = given or Path(os.environ.get("SHELL", "")).name
    known = [shell.value for shell in Shells]
    if name not in known:
        raise Usage(f"{name or 'no shell'}: say which shell, one of {', '.join(known)}")
    return name
