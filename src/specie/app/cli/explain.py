"""``specie explain``: codes from the catalogue, words from the glossary."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from specie.app.cli.errors import TermUnknown
from specie.app.cli.render import MONEY
from specie.app.cli.terminal import Terminal
from specie.app.errors_catalogue import Catalogue, Entry

RETRY = {
    "same_key": "run the same command again, with the same key",
    "new_key": "ask again with a new request",
    "new_amount": "ask for another amount",
    "after": "try again later",
    "never": "trying again changes nothing",
}

explain = typer.Typer(rich_markup_mode=None)


@explain.command("explain")
def explain_(
    context: typer.Context,
    term: Annotated[str, typer.Argument(help="A code like issuance.quota_exceeded, or a word like credential.")],
) -> None:
    """What a code or a word means, and what to do about it.

    Examples: specie explain issuance.quota_exceeded · specie explain credential
    """
    terminal: Terminal = context.obj
    catalogue = Catalogue.load()
    if term in catalogue:
        entry = catalogue.entry(term)
        terminal.show(_members(entry), _text(entry))
        return
    words = glossary()
    meaning = words.get(term.lower())
    if meaning is not None:
        terminal.show({"term": term, "meaning": meaning}, f"{term}: {meaning}")
        return
    reasons = {code.partition(".")[2]: code for code in catalogue}
    near = difflib.get_close_matches(term.lower(), [*catalogue, *reasons, *words], n=1, cutoff=0.5)
    facts: dict[str, Any] = {"term": term} | ({"near": reasons.get(near[0], near[0])} if near else {})
    raise TermUnknown(**facts)


def glossary(path: Path | None = None) -> dict[str, str]:
    """Words and their meanings, by lower-case word, from ``docs/glossary.md`` of the package or the checkout.

    It reads rows of a table (``| word | meaning |``) and paragraphs that begin with a word in bold.
    """
    here = Path(__file__).resolve()
    places = [path] if path else [here.parents[1] / "glossary.md", here.parents[4] / "docs" / "glossary.md"]
    text = next((place.read_text("utf-8") for place in places if place.is_file()), "")
    words: dict[str, str] = {}
    for line in text.splitlines():
        row = re.fullmatch(r"\|\s*([^|]+?)\s*\|\s*(.+?)\s*\|", line)
        bold = re.fullmatch(r"[-*]?\s*\*\*(.+?)\*\*[.:,]?\s*(.+)", line)
        found = row or bold
        if found and not set(found[1]) <= set("-: "):
            words[found[1].strip("*`. ").lower()] = found[2].lstrip("–—: ")
    return words


def _members(entry: Entry) -> dict[str, object]:
    return {
        "code": entry.code,
        "title": entry.title,
        "detail": entry.detail,
        "funds": entry.funds,
        "retry": entry.retry,
        "next": list(entry.next),
    }


def _text(entry: Entry) -> str:
    lines = [entry.code, f"  {entry.title}."]
    if entry.detail:
        lines.append(f"  {re.sub(r'[{](.+?)[}]', lambda match: match[1].upper(), entry.detail)}")
    lines.append(f"  Money: {MONEY[entry.funds]}")
    lines.append(f"  Again: {RETRY[entry.retry]}.")
    if entry.next:
        lines.append("  Try:   " + "\n         ".join(entry.next_with({})))
    return "\n".join(lines)
