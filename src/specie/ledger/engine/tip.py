"""What stands after the last committed block: never changed, only replaced as a whole by the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specie.crypto.trees import SparseTree
from specie.ledger.engine.ports import EpochEntry
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.parameters import Parameters
from specie.ledger.messages.state import AuthorityEntry, Counters
from specie.ledger.protocol.rules import key_id_of
from specie.ledger.protocol.state import ScheduledChange
from specie.ledger.protocol.supply import Held

HEIGHTS_KEPT = 10_101
"""Sizes and roots of the output log are kept for so many heights: the widest window, and the highest MIN_AGE."""


@dataclass(frozen=True, slots=True)
class LogAt:
    """The output log after one height."""

    size: int
    root: bytes


# SPEC LEDGER-7.26
@dataclass(frozen=True, slots=True)
class Rules:
    """What holds from the start of one block to its end, whatever the block does."""

    height: int
    parameters: Parameters
    scheduled: Parameters
    """With every accepted change applied, in effect or not."""
    authority: Mapping[bytes, AuthorityEntry]
    live: frozenset[int]
    """Epochs whose envelopes may be taken at this height."""
    epoch: int
    """The newest epoch that has begun; 0 before the first."""
    ratchet_commit: bytes
    writes: Mapping[tuple[int, bytes], bytes]
    """Entries that changes which take effect at this height set: (domain, id) to value."""
    pending: tuple[ScheduledChange, ...]
    """Accepted changes that take effect later."""
    last_effective_height: int
    """The highest effective_height of accepted changes; 0 before the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Tip:
    """The chain after its last block."""

    genesis: Genesis
    chain_id: bytes
    header: Header
    app_hash: bytes
    finality: bytes
    images: SparseTree
    state: SparseTree
    rules: Rules
    """Of the next block."""
    epochs: tuple[EpochEntry, ...]
    counters: Counters
    held: Held

    @property
    def height(self) -> int:
        return self.header.height

    @property
    def time_ms(self) -> int:
        return self.header.time_ms


Epochs = Sequence[EpochEntry]
"""Every epoch on the ledger; numbers are consecutive, starts ascend."""


# SPEC LEDGER-9.10.4
def epoch_end(epochs: Epochs, place: int) -> int:
    """E_e of the epoch at a place: its last height, as far as the ledger knows."""
    end = epochs[place].end
    return end if place + 1 == len(epochs) else min(end, epochs[place + 1].start - 1)


# SPEC LEDGER-9.10.4
def live_epochs(epochs: Epochs, height: int, parameters: Parameters) -> frozenset[int]:
    """Epochs that are live at a height; a matter of heights alone."""
    grace = min(parameters.anchor_window, parameters.epoch_blocks // 2)
    begun = [place for place in _newest_first(epochs) if epochs[place].start <= height]
    live = set()
    # of those that have begun only the newest and the one before it can be live: no grace goes beyond the next epoch
    for place in begun[:2]:
        last = epoch_end(epochs, place)
        if place + 1 < len(epochs):
            last = min(last + grace, epoch_end(epochs, place + 1))
        if height <= last:
            live.add(epochs[place].epoch)
    return frozenset(live)


# SPEC LEDGER-12.3.2, LEDGER-20.1.1
def last_over(epochs: Epochs, height: int) -> int:
    """The newest epoch whose follower has had its last block: its key must be erased; 0 for none."""
    for place in _newest_first(epochs):
        if epoch_end(epochs, place) <= height:
            return epochs[place].epoch - 1
    return 0


def _newest_first(epochs: Epochs) -> range:
    return range(len(epochs) - 1, -1, -1)


def current_epoch(epochs: Epochs, height: int) -> EpochEntry | None:
    """The newest epoch that has begun."""
    return next((entry for entry in reversed(epochs) if entry.start <= height), None)


def entry_of_epoch(key: EpochKeyOp, height: int) -> EpochEntry:
    """An accepted EPOCH_KEY as the epoch table holds it."""
    return EpochEntry(
        key.epoch,
        key.suite,
        key.public_key,
        key_id_of(key.public_key),
        key.ratchet_commit,
        key.start,
        key.end,
        height,
    )
