"""What became of the bytes that were handed in: in memory while they live, in the tables when they have ended."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from specie.ledger.engine.rows import SubmissionEnd, is_remembered, refused_end
from specie.ledger.errors import Expired, Rejected, TxDuplicate, refusal_class
from specie.ledger.messages.views import Repeated, SubmissionState, Submitted
from specie.ledger.store.blocks import REFUSALS_KEPT
from specie.ledger.store.blocks import SubmissionState as Stored
from specie.ledger.store.reading import SubmissionRow

FINAL_BLOCKS = 50
"""Final submissions leave the memory sooner: the tables know them for ever."""
ENDED_MAX = 100_000
WRITTEN_MAX = 4_096
"""Refusals that one block carries into the tables."""


@dataclass(slots=True, eq=False)
class Entry:
    """One submission."""

    ident: bytes
    source: str = ""
    state: SubmissionState = "received"
    data: bytes = field(default=b"", repr=False)
    """The bytes until they are final or refused (LEDGER-16.2.8)."""
    height: int | None = None
    leaf: bytes | None = None
    position: int | None = None
    refusal: Exception | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def is_ended(self) -> bool:
        return self.state not in ("received", "verified")

    @property
    def is_lasting(self) -> bool:
        """Whether the same bytes get this answer without being judged again."""
        return self.refusal is None or isinstance(self.refusal, TxDuplicate) or is_remembered(self.refusal)

    def view(self, *, repeated: bool = False) -> Submitted:
        """As the API shows it."""
        refusal = self.refusal
        rule = getattr(refusal, "rule", None)
        kind = Repeated if repeated else Submitted
        return kind(
            id=self.ident.hex(),
            state=self.state,
            height=self.height,
            leaf=None if self.leaf is None else self.leaf.hex(),
            position=self.position,
            code=None if refusal is None else str(getattr(refusal, "code", "ledger.internal")),
            rule=rule if isinstance(rule, str) else None,
        )


class Submissions:
    """All submissions that this node remembers in memory. Belongs to the event loop."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._final: deque[tuple[int, Entry]] = deque()
        self._refused: deque[tuple[int, Entry]] = deque()
        """(height until which it is remembered, entry), ascending"""
        self._unwritten: dict[bytes, SubmissionEnd] = {}

    def get(self, ident: bytes) -> Entry | None:
        """What is known of these bytes."""
        return self._entries.get(ident)

    def open(self, ident: bytes, data: bytes, source: str) -> Entry:
        """New bytes, or bytes that may be judged anew."""
        entry = self._entries[ident] = Entry(ident, source, data=data)
        return entry

    def end_final(self, entry: Entry, at: int, height: int, leaf: bytes, position: int | None) -> None:
        """It took effect; `at` is the height of this node."""
        entry.state, entry.height, entry.leaf, entry.position = "final", height, leaf, position
        self._end(entry, at + FINAL_BLOCKS)

    # SPEC LEDGER-21.1.6
    def end_refused(self, entry: Entry, at: int, refusal: Exception) -> None:
        """It was refused at this height."""
        entry.state = "expired" if isinstance(refusal, Expired) else "refused"
        entry.refusal = refusal
        if isinstance(refusal, Rejected) and is_remembered(refusal) and len(self._unwritten) < ENDED_MAX:
            self._unwritten[entry.ident] = refused_end(entry.ident, refusal, at)
        self._end(entry, at + REFUSALS_KEPT)

    def end_stored(self, entry: Entry, at: int, row: SubmissionRow) -> None:
        """The tables remember how the same bytes ended before."""
        if row.state == Stored.FINAL and row.leaf is not None:
            self.end_final(entry, at, row.height, row.leaf, row.position)
            return
        entry.state = "refused"
        kind = refusal_class(row.code or "")
        entry.refusal = kind("refused before", rule=row.rule) if row.rule else kind("refused before")
        self._end(entry, at + REFUSALS_KEPT)

    def take_unwritten(self) -> list[SubmissionEnd]:
        """Refusals that no block has carried into the tables yet."""
        rows = list(self._unwritten.values())[:WRITTEN_MAX]
        for row in rows:
            del self._unwritten[row[0]]
        return rows

    def forget(self, height: int) -> None:
        """Let go of what ended long ago."""
        for ended in (self._final, self._refused):
            while ended and (len(ended) > ENDED_MAX or ended[0][0] < height):
                _, entry = ended.popleft()
                if self._entries.get(entry.ident) is entry:
                    del self._entries[entry.ident]

    def open_entries(self) -> list[Entry]:
        """Submissions that have not ended."""
        return [entry for entry in self._entries.values() if not entry.is_ended]

    def release(self) -> None:
        """Let everybody go who still waits: the node stops, and the state so far is their answer."""
        for entry in self._entries.values():
            _wake(entry)

    def _end(self, entry: Entry, until: int) -> None:
        # SPEC LEDGER-16.2.8
        entry.data = b""
        (self._final if entry.state == "final" else self._refused).append((until, entry))
        _wake(entry)


def _wake(entry: Entry) -> None:
    for waiter in entry.waiters:
        if not waiter.done():
            waiter.set_result(None)
    entry.waiters.clear()


def repeated(refusal: Exception) -> Exception:
    """The refusal as the door shows it to whoever sends the same bytes again."""
    refusal.repeated = True  # type: ignore[attr-defined]
    return refusal
