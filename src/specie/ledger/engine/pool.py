"""Frames that passed their rules and wait for a block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from specie.ledger.engine.execute import Operation
from specie.ledger.messages.binary import AMOUNT_MAX
from specie.ledger.messages.frames import ESCROW_TYPES
from specie.ledger.messages.transaction import TransactionType
from specie.ledger.protocol.order import envelope_key, frame_key
from specie.ledger.protocol.rules import Candidate

Judged = Candidate | Operation


@dataclass(slots=True)
class Waiting:
    """A frame with what is known of it."""

    ident: bytes
    data: bytes = field(repr=False)
    judged: Judged


@dataclass(slots=True)
class _Room:
    """What a proposal has taken so far."""

    bytes_left: int
    operations_left: int
    images: set[bytes] = field(default_factory=set)
    points: set[bytes] = field(default_factory=set)
    leaves: set[bytes] = field(default_factory=set)
    fees: int = 0
    burned: int = 0


class Pool:
    """In the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Waiting] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, ident: bytes) -> bool:
        return ident in self._waiting

    def add(self, ident: bytes, data: bytes, judged: Judged) -> None:
        """A frame that passed."""
        if ident not in self._waiting:
            self._waiting[ident] = Waiting(ident, data, judged)
            self.bytes += len(data)

    def drop(self, idents: Iterable[bytes]) -> None:
        """Frames that are final or refused: their bytes leave the memory (LEDGER-16.2.8)."""
        for ident in idents:
            gone = self._waiting.pop(ident, None)
            if gone is not None:
                self.bytes -= len(gone.data)

    # SPEC LEDGER-8.5.5
    def choose(self, bytes_max: int, count_max: int, operations_max: int) -> list[bytes]:
        """Frames free of conflicts among themselves, in the canonical order of a block; what does not fit waits."""
        room = _Room(bytes_max, operations_max)
        chosen: list[Waiting] = []
        for waiting in list(self._waiting.values()):  # the checking thread may add meanwhile
            if len(chosen) == count_max:
                break
            if _fits(room, waiting):
                chosen.append(waiting)
        return [waiting.data for waiting in sorted(chosen, key=_key)]


def _key(waiting: Waiting) -> tuple[bool, bytes]:
    judged = waiting.judged
    if isinstance(judged, Candidate):
        return False, envelope_key(judged.leaf, judged.env_id)
    return True, frame_key(judged.frame.type, judged.op_id)


def _fits(room: _Room, waiting: Waiting) -> bool:
    if len(waiting.data) > room.bytes_left:
        return False
    judged = waiting.judged
    if isinstance(judged, Operation):
        escrow = judged.frame.type in ESCROW_TYPES
        if judged.op_id in room.leaves or (escrow and not room.operations_left):
            return False
        room.operations_left -= escrow
        room.leaves.add(judged.op_id)
    elif not _fits_candidate(room, judged):
        return False
    room.bytes_left -= len(waiting.data)
    return True


def _fits_candidate(room: _Room, judged: Candidate) -> bool:
    images, points = room.images, room.points
    if judged.leaf in room.leaves or not images.isdisjoint(judged.key_images) or not points.isdisjoint(judged.points):
        return False
    burned = room.burned + (judged.burn if judged.type != TransactionType.TRANSFER else 0)
    if room.fees + judged.fee > AMOUNT_MAX or burned > AMOUNT_MAX:
        return False
    room.fees += judged.fee
    room.burned = burned
    room.leaves.add(judged.leaf)
    images.update(judged.key_images)
    points.update(judged.points)
    return True
