"""Refusals as people read them, and as programs do. Spec: ux/SPEC section 5.2."""

from __future__ import annotations

import json
from typing import Any

from specie.app.errors_catalogue import Catalogue, Entry
from specie.kernel.errors import Refused, Unavailable

MONEY = {
    "unmoved": "nothing moved.",
    "moved": "it has moved.",
    "held": "it is held, and comes back or goes on by itself.",
    "in_doubt": "not known yet. Run the same command again with the same key: nothing happens twice.",
}
CODE_COLUMN = 76
"""Where the code of a refusal begins on its first line."""


def problem_members(error: Refused | Unavailable, catalogue: Catalogue) -> dict[str, Any]:
    """The problem (RFC 9457) of an error, with the members that the HTTP doors give it."""
    from specie.app.http.problems import problem_of  # brings Litestar along: only needed with --json

    return problem_of(error, catalogue, str(getattr(error, "trace_id", "") or "")).members


def as_json(error: Refused | Unavailable, catalogue: Catalogue) -> str:
    """The problem as one JSON document."""
    return json.dumps(problem_members(error, catalogue), ensure_ascii=False, default=str)


def as_text(error: Refused | Unavailable, catalogue: Catalogue, *, color: bool) -> str:
    """What happened, where the money is, what to do: five lines at most."""
    entry = catalogue.entry(error.code)
    facts = error.facts if isinstance(error, Refused) else {}
    in_doubt = isinstance(error, Unavailable) and getattr(error, "in_doubt", False)
    funds = "in_doubt" if in_doubt else str(facts.get("funds", entry.funds))
    lines = [_first_line(entry, error.code, color=color)]
    if detail := entry.detail_with(error.detail, facts):
        lines.append(f"  {detail}")
    if _is_about_money(error.code):
        lines.append(f"  Money: {MONEY.get(funds, MONEY['unmoved'])}")
    if steps := entry.next_with(facts):
        lines.append("  Try:   " + "          or   ".join(steps))
    more = f"  More:  specie explain {error.code}"
    if trace := str(getattr(error, "trace_id", "") or ""):
        more += f"          trace {trace[:8]}"
    lines.append(more)
    return "\n".join(lines)


def _first_line(entry: Entry, code: str, *, color: bool) -> str:
    gap = " " * max(2, CODE_COLUMN - len(entry.title) - 2)
    if color:
        return f"\x1b[1;31m✘\x1b[0m \x1b[1m{entry.title}\x1b[0m{gap}\x1b[2m{code}\x1b[0m"
    return f"✘ {entry.title}{gap}{code}"


def _is_about_money(code: str) -> bool:
    """False where no money can be meant: settings, words, typing errors."""
    room, _, reason = code.partition(".")
    return room != "config" and reason not in (
        "usage",
        "term_unknown",
        "role_unknown",
        "not_here",
        "declined",
    )
