"""``specie demo``: everything in one process, with a story."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specie.app.cli.exits import Exit
from specie.app.cli.terminal import Terminal

demo = typer.Typer(rich_markup_mode=None)


@demo.command("demo")
def show(
    context: typer.Context,
    play: Annotated[bool, typer.Option("--play", help="Tell the whole story with checks, then end.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the demo's own data first.")] = False,
    lan: Annotated[bool, typer.Option("--lan", help="Let other computers of this network in. No lock on it!")] = False,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port of the door; 0 for any.")] = None,
    speed: Annotated[float, typer.Option(min=0.0, help="Pauses for reading: 1 slow, 4 fast, 0 none.")] = 0.0,
    seed: Annotated[int | None, typer.Option(min=0, help="Keys from this number: the same each time.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the demo's data instead of its own.")] = None,
) -> None:
    """Everything in one process, with a story; a check that fails ends it with exit code 9.

    Examples: specie demo --play · specie demo --play --json · specie demo --port 9000
    """
    from specie.app.demo.running import Wishes, run_demo

    terminal: Terminal = context.obj
    wishes = Wishes(reset=reset, lan=lan, port=port, speed=speed, seed=seed, data_dir=data_dir)
    if not run_demo(terminal, wishes, play=play):
        raise typer.Exit(Exit.UNVERIFIED)
