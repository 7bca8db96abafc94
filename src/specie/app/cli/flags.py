"""The flags that every command takes, wherever they stand on the line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SWITCHES = frozenset(
    (
        *("--json", "--jsonl", "-q", "--quiet", "-v", "-vv", "--verbose", "--no-color", "--yes"),
        *("--no-input", "--dry-run", "--wait", "--no-wait"),
    )
)
VALUES = frozenset(("--profile", "--url", "--as", "--idempotency-key", "--timeout", "--config"))


@dataclass(frozen=True, slots=True)
class Flags:
    """What the person at the keyboard asked for, whatever the command."""

    json: bool = False
    """One JSON document on standard output."""

    jsonl: bool = False
    """Progress and result as JSON Lines on standard output."""

    quiet: bool = False
    verbose: int = 0
    color: bool = True
    profile: str | None = None
    url: str | None = None
    person: str | None = None
    """Who to act as; in the sandbox alone."""

    yes: bool = False
    """Answer every question with yes."""

    no_input: bool = False
    """Ask nothing: a question without ``yes`` is an error."""

    dry_run: bool = False
    idempotency_key: str | None = None
    timeout_s: float | None = None
    wait: bool = True
    config_file: Path | None = None


def hoist(arguments: Sequence[str]) -> list[str]:
    """Bring global flags to the front, so that they may stand behind the command; all after ``--`` stays."""
    front: list[str] = []
    rest: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            rest.append(argument)
            rest.extend(pending)
        elif argument in SWITCHES or (argument.partition("=")[0] in VALUES and "=" in argument):
            front.append(argument)
        elif argument in VALUES:
            front.append(argument)
            front.extend([value for value in [next(pending, None)] if value is not None])
        else:
            rest.append(argument)
    return front + rest
