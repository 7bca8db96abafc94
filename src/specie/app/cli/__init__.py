"""The command line ``specie``: its commands stand in ``COMMANDS`` and are imported when they are used."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from specie.app.cli.errors import Declined, Usage
from specie.app.cli.exits import Exit, exit_of
from specie.app.cli.flags import Flags, hoist
from specie.app.cli.lazy import Command, deferred
from specie.app.cli.terminal import Terminal
from specie.kernel.errors import Refused, Unavailable

_MONEY, _SYSTEM, _PEOPLE = "Money", "Running it", "Finding out"

COMMANDS = (
    Command("demo", "specie.app.demo", "demo", "Everything in one process, with a story.", _SYSTEM),
    Command("up", "specie.app.cli.serve", "up", "Start all roles in one process.", _SYSTEM),
    Command("serve", "specie.app.cli.serve", "serve", "Start one role.", _SYSTEM),
    Command("status", "specie.app.cli.status", "status", "Ask every configured service how it is.", _SYSTEM),
    Command("doctor", "specie.app.cli.doctor", "doctor", "Look for what is wrong, and how to fix it.", _SYSTEM),
    Command("issue", "specie.issuance.cli", "issue", "Ask for money, approve it, make it, redeem it.", _MONEY),
    Command("quota", "specie.issuance.cli", "quota", "How much may be issued, and how much is left.", _MONEY),
    Command("supply", "specie.issuance.cli", "supply", "How much there is, with proof.", _MONEY),
    Command("wallet", "specie.ledger.cli", "wallet", "Private money: receive, pay, prove, back up.", _MONEY),
    Command("ledger", "specie.ledger.cli", "ledger", "The private ledger: blocks, proofs, submissions.", _MONEY),
    Command("issuance", "specie.issuance.cli", "issuance", "Keys, policy, officers, logs (for operators).", _MONEY),
    Command("audit", "specie.app.audit", "audit", "Check the supply equation from the data.", _MONEY),
    Command(
        "config",
        "specie.app.cli.settings",
        "config",
        "Settings, and where they come from.",
        _SYSTEM,
    ),
    Command("api", "specie.app.cli.api", "api", "One raw HTTP call.", _PEOPLE),
    Command("explain", "specie.app.cli.explain", "explain", "What a code or a word means.", _PEOPLE),
    Command("bench", "specie.app.bench", "bench", "Measure, and compare with the bars.", _SYSTEM),
    Command("completion", "specie.app.cli.completion", "completion", "Let the shell complete commands.", _PEOPLE),
    Command("version", "specie.app.cli.about", "version", "Which version this is.", _PEOPLE),
)
"""The one list of top-level commands. A command whose module does not exist is left out."""

COMPLETION = "_SPECIE_COMPLETE"
"""Set by the shell's script when it asks for completions."""

HELP = """A complete digital-currency platform.

\b
    specie up                       start everything on this computer
    specie wallet new alice         make a wallet
    specie issue request 5000       ask for 5 000.00 of new money
    specie wallet pay ADDRESS 12.50 pay without being seen

Global flags may stand anywhere on the line. Results go to standard output, all else to standard error."""


class Root(TyperGroup):
    """The top level: finds commands lazily and turns every error into a text and an exit code."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.commands.update(deferred(COMMANDS))

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, standalone_mode: bool = True, **extra: Any
    ) -> int:
        """Run and leave with an exit code of ``Exit``; with ``standalone_mode`` false, return it."""
        line = hoist(sys.argv[1:] if args is None else args)
        extra["prog_name"] = "specie"
        if COMPLETION in os.environ:
            from typer._completion_classes import completion_init

            completion_init()
        try:
            code = super().main(args=line, standalone_mode=False, **extra)
        except Exception as error:
            code = _report(error, line)
        code = code if isinstance(code, int) else Exit.DONE
        if standalone_mode:
            sys.exit(code)
        return code


app = typer.Typer(cls=Root, help=HELP, rich_markup_mode=None, add_completion=False, invoke_without_command=True)


@app.callback()
def _flags(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Progress and result as JSON Lines.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No notes, only results and errors.")] = False,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="More detail; twice for more.")] = 0,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (also NO_COLOR).")] = False,
    profile: Annotated[str | None, typer.Option(envvar="SPECIE_PROFILE", help="Settings of this profile.")] = None,
    url: Annotated[str | None, typer.Option(envvar="SPECIE_URL", help="Where the service is.")] = None,
    person: Annotated[str | None, typer.Option("--as", envvar="SPECIE_AS", help="Act as (sandbox).")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Answer every question with yes.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(envvar="SPECIE_IDEMPOTENCY_KEY", help="Key of this call, for safe repeats.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(envvar="SPECIE_TIMEOUT", min=0.001, help="Seconds to wait for an answer.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for long work to end.")] = True,
    config: Annotated[
        Path | None, typer.Option(envvar="SPECIE_CONFIG", help="Settings file instead of ./specie.toml.")
    ] = None,
) -> None:
    flags = Flags(
        json=json,
        jsonl=jsonl,
        quiet=quiet,
        verbose=verbose,
        color=not no_color,
        profile=profile,
        url=url,
        person=person,
        yes=yes,
        no_input=no_input,
        dry_run=dry_run,
        idempotency_key=idempotency_key,
        timeout_s=timeout,
        wait=wait,
        config_file=config,
    )
    context.obj = Terminal(flags, os.environ)
    if context.invoked_subcommand is None:
        context.obj.show({"help": context.get_help()}, context.get_help())


def _report(error: Exception, line: Sequence[str]) -> Exit:
    """Say what went wrong: a problem on standard output with ``--json``, else text on standard error."""
    if isinstance(error, TyperException):
        usage = getattr(error, "ctx", None)
        hint = f" Help: {usage.command_path} --help" if usage is not None else ""
        error = Usage(error.format_message() + hint)
    elif isinstance(error, typer.Abort):
        error = Declined()
    elif not isinstance(error, Refused | Unavailable):
        from specie.app.cli.bugs import report_bug

        return report_bug(error, verbose="-v" in line or "-vv" in line or "--verbose" in line)
    from specie.app.cli.render import as_json, as_text
    from specie.app.errors_catalogue import Catalogue

    catalogue = Catalogue.load()
    terminal = Terminal(Flags(color="--no-color" not in line), os.environ)
    if "--json" in line or "--jsonl" in line:
        terminal.show(as_json(error, catalogue))
    else:
        terminal.warn(as_text(error, catalogue, color=terminal.color(sys.stderr)))
    return exit_of(error, catalogue)


def main() -> NoReturn:
    """The entry point ``specie``."""
    app()
    raise AssertionError("the command line leaves by itself")
