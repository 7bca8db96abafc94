"""The story as people read it, and as programs do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from specie import __version__
from specie.app.demo.story import Told

WIDTH = 13


def as_line(told: Told) -> str:
    """One JSON line."""
    value = {"step": told.step, "ok": told.ok, "seconds": round(told.seconds, 3), **told.figures}
    return json.dumps(value, ensure_ascii=False, default=str)


def books_line(told: Told) -> str:
    """The last JSON line."""
    return json.dumps({"books": {"balanced": False, **told.figures}}, ensure_ascii=False, default=str)


def banner() -> str:
    return f" Specie {__version__} · sandbox · nothing leaves this computer\n"


class Teller:
    """Puts the steps of one chapter together, with its number, its mark and its time."""

    def __init__(self, chapters: list[str], *, color: bool) -> None:
        self.chapters = chapters
        self.color = color
        self.seconds = 0.0
        self.last = ""

    def lines(self, told: Told, *, ends: bool) -> Iterator[str]:
        """What is printed for a step. ends: it is the last of its chapter, so it carries the mark."""
        if told.title != self.last:
            self.seconds = 0.0
        self.seconds += told.seconds
        for place, text in enumerate(told.lines):
            label = ""
            if told.title != self.last:
                label = f"{self.chapters.index(told.title) + 1}/{len(self.chapters)} {told.title}"
                self.last = told.title
            mark = ""
            if place == len(told.lines) - 1 and (ends or not told.ok):
                mark = "  " + self.mark(told.ok, f"{self.seconds:.2f} s")
            yield f"  {label:<{WIDTH}} {text}{mark}"

    def mark(self, ok: bool, said: str) -> str:
        sign = "✔" if ok else "✘"
        if not self.color:
            return f"{sign} {said}"
        return f"\x1b[1;{32 if ok else 31}m{sign}\x1b[0m \x1b[2m{said}\x1b[0m"


def equation(report: dict[str, Any], code: str) -> str:
    """The supply equation in words: what came out is what is somewhere."""
    from specie.issuance.cli.office import grouped

    terms = report["terms"][code]
    places = [("units", terms["U"]), ("ledger", terms["H"]), ("accounts", terms["D"]), ("coins", terms["C"])]
    places += [("channels", terms["E"])]
    held = [f"{name} {grouped(value)}" for name, value in places if value.strip("0.")]
    right = " + ".join(held or [f"ledger {grouped(terms['H'])}"])
    left = f"issued {grouped(terms['issued'])} − redeemed {grouped(terms['redeemed'])}"
    if terms["cancelled"].strip("0."):
        left += f" − cancelled {grouped(terms['cancelled'])}"
    return f"{left} = {right} + in flight {signed(terms['T'])}"


def signed(text: str) -> str:
    from specie.issuance.cli.office import grouped

    return f"−{grouped(text[1:])}" if text.startswith("-") else grouped(text)


def write(text: str) -> None:
    """A line of the result, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
