"""Which epochs are live, against the words of LEDGER-9.10.4 taken literally."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from specie.ledger.engine.ports import EpochEntry
from specie.ledger.engine.tip import last_over, live_epochs
from tests.ledger import makers


def literally(epochs: list[EpochEntry], height: int, grace: int) -> tuple[set[int], int]:
    """(live epochs, the newest one whose key must be gone)."""
    by_number = {entry.epoch: entry for entry in epochs}

    def end(number: int) -> int:
        follower = by_number.get(number + 1)
        own = by_number[number].end
        return own if follower is None else min(own, follower.start - 1)

    live, over = set(), 0
    for number, entry in by_number.items():
        last = end(number)
        if number + 1 in by_number:
            last = min(last + grace, end(number + 1))
            if end(number + 1) <= height:
                over = max(over, number)
        if entry.start <= height <= last:
            live.add(number)
    return live, over


# SPEC LEDGER-9.10.4, LEDGER-20.1.1
@pytest.mark.parametrize("seed", range(20))
def test_live_epochs_follow_from_heights(seed: int) -> None:
    """Also where several epochs were published ahead, or an epoch ended and the next one came late."""
    random = Random(seed)
    parameters = replace(makers.genesis().parameters(), anchor_window=random.randint(10, 60), epoch_blocks=100)
    grace = min(parameters.anchor_window, 50)
    epochs: list[EpochEntry] = []
    start = 2
    for number in range(1, random.randint(2, 9)):
        length = random.randint(1, 40)
        epochs.append(EpochEntry(number, 1, b"", b"", bytes(32), start, start + length, 1))
        start += random.randint(1, 50)
        for height in range(200):
            live, over = literally(epochs, height, grace)
            assert live_epochs(epochs, height, parameters) == live
            assert last_over(epochs, height) == over
