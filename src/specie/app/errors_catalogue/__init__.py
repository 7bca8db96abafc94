"""What people are told about a refusal: the ``*.toml`` files beside this one, by code.

A code and its status are defined once, in the ``errors.py`` of its room; here stand title, detail, where
the money is, what a retry may do and what to try next. A code without an entry gets a text that is safe and
says little.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

FUNDS = ("unmoved", "moved", "held", "in_doubt")
RETRY = ("same_key", "new_key", "new_amount", "after", "never")

_PLACE = re.compile(r"\{(\w+)\}")
_FIELDS = {"title", "detail", "funds", "retry", "next", "exit"}


@dataclass(frozen=True, slots=True)
class Entry:
    """The people's side of one code."""

    code: str
    title: str
    """A short sentence without a full stop."""

    detail: str = ""
    """A sentence; ``{fact}`` stands for a fact of the refusal."""

    funds: str = "unmoved"
    """One of FUNDS."""

    retry: str = "never"
    """One of RETRY."""

    next: tuple[str, ...] = ()
    """What to try: commands, or a sentence; ``{fact}`` as in ``detail``."""

    exit: int | None = None
    """The exit code of the command line where it does not follow from the status."""

    def detail_with(self, said: str, facts: Mapping[str, object]) -> str:
        """Ours with the facts put in, else what the room said, else ours as it stands."""
        places = _PLACE.findall(self.detail)
        if places and all(place in facts for place in places):
            return _PLACE.sub(lambda match: str(facts[match[1]]), self.detail)
        if said:
            return said
        return "" if places else self.detail

    def next_with(self, facts: Mapping[str, object]) -> list[str]:
        """What to try, with the facts put in; a place without a fact becomes a word in capitals."""
        return [_PLACE.sub(lambda match: str(facts.get(match[1], match[1].upper())), step) for step in self.next]


class Catalogue:
    """All entries, by code."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries

    @classmethod
    def load(cls) -> Catalogue:
        """Read the files of this package. A mistake in them is ours and raises ValueError."""
        entries: dict[str, Entry] = {}
        for file in sorted(files(__name__).iterdir(), key=lambda item: item.name):
            if not file.name.endswith(".toml"):
                continue
            for room, reasons in tomllib.loads(file.read_text("utf-8")).items():
                for reason, fields in reasons.items():
                    entry = _entry(f"{room}.{reason}", fields)
                    if entry.code in entries:
                        raise ValueError(f"{entry.code} stands twice in the catalogue")
                    entries[entry.code] = entry
        return cls(entries)

    def __contains__(self, code: str) -> bool:
        return code in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def entry(self, code: str) -> Entry:
        """The entry of a code, or a safe generic one."""
        found = self._entries.get(code)
        return found if found is not None else Entry(code, "This was refused")


def _entry(code: str, fields: Mapping[str, object]) -> Entry:
    if unknown := set(fields) - _FIELDS:
        raise ValueError(f"{code}: unknown fields {sorted(unknown)}")
    steps = fields.get("next", [])
    number = fields.get("exit")
    entry = Entry(
        code=code,
        title=str(fields["title"]),
        detail=str(fields.get("detail", "")),
        funds=str(fields.get("funds", "unmoved")),
        retry=str(fields.get("retry", "never")),
        next=tuple(str(step) for step in steps) if isinstance(steps, list) else (),
        exit=number if isinstance(number, int) else None,
    )
    if entry.funds not in FUNDS or entry.retry not in RETRY:
        raise ValueError(f"{code}: funds {entry.funds!r} or retry {entry.retry!r} is not a known word")
    return entry
