"""Choosing decoys: ages drawn from the law of true spends, so that the real output does not stand out.

Every number is an integer; the randomness is an argument. Spec: LEDGER-10.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from specie.kernel.clock import Randomness
from specie.ledger.errors import NotReady
from specie.ledger.messages.decoy_law import BUCKETS, EDGES_MS

WEEK_MS = 7 * 86_400_000
HIDDEN, PUBLIC = 0, 1
START_OUTPUTS_UNTIL = 8
"""Start outputs serve as decoys while a class has fewer than so many real outputs per ring member."""

_TRIES_PER_MEMBER = 64


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the outputs of one block stand in the log: the hidden ones first, then those with public openings."""

    height: int
    time_ms: int
    first: int
    hidden: int
    public: int

    def members(self, class_: int) -> range:
        """Indices of one class."""
        if class_ == HIDDEN:
            return range(self.first, self.first + self.hidden)
        return range(self.first + self.hidden, self.first + self.hidden + self.public)

    @property
    def end(self) -> int:
        return self.first + self.hidden + self.public


def below(limit: int, randomness: Randomness) -> int:
    """A uniform number from 0 to below `limit`."""
    size = (limit.bit_length() + 7) // 8 + 1
    bound = (1 << 8 * size) // limit * limit
    while (drawn := int.from_bytes(randomness.bytes(size), "little")) >= bound:
        pass
    return drawn % limit


def draw_age_ms(weights: Sequence[int], randomness: Randomness) -> int:
    """An age by the law: a bucket by its weight, then uniformly inside it. Raises ValueError for no law."""
    if len(weights) != BUCKETS or sum(weights) <= 0:
        raise ValueError("a decoy law has 40 weights, not all zero")
    bucket = bisect_right(list(accumulate(weights)), below(sum(weights), randomness))
    low = EDGES_MS[bucket] if bucket else 0
    return low + below(EDGES_MS[bucket + 1] - low, randomness)


@dataclass(frozen=True)
class Log:
    """The output log as far as an anchor height, by blocks."""

    extents: Sequence[Extent]
    """Blocks that have outputs, ascending from block 0, up to the anchor."""

    anchor: int
    """Height h_a."""

    anchor_ms: int
    """Its time."""

    @cached_property
    def starts(self) -> list[int]:
        return [each.first for each in self.extents]

    @property
    def size(self) -> int:
        return self.extents[-1].end if self.extents else 0

    def real_outputs(self, class_: int) -> int:
        """How many outputs of a class are no start outputs."""
        return sum(len(each.members(class_)) for each in self.extents if each.height)

    @cached_property
    def week(self) -> tuple[int, int]:
        """(outputs, milliseconds) of the last seven days, or of the chain's whole life while that is shorter."""
        since = max(self.anchor_ms - WEEK_MS, self.extents[0].time_ms)
        older = next((each.first for each in self.extents if each.height and each.time_ms >= since), self.size)
        return max(1, self.size - older), max(1, self.anchor_ms - since)

    def at(self, index: int) -> Extent:
        """The block that holds an output."""
        return self.extents[bisect_right(self.starts, index) - 1]


@dataclass(frozen=True)
class Chooser:
    """Chooses rings over one view of the log."""

    log: Log
    weights: Sequence[int]
    ring_size: int
    min_age: int
    """Blocks; the same for decoys and for what is spent (LEDGER-10.2)."""

    randomness: Randomness

    # SPEC LEDGER-10.2
    def is_mature(self, height: int) -> bool:
        """Whether an output of this height may stand in a ring: spent or decoy, the rule is one."""
        return self.log.anchor + 1 - height >= self.min_age

    # SPEC LEDGER-10.1, LEDGER-10.3, LEDGER-10.5, LEDGER-10.8
    def ring(self, real: int, class_: int, avoid: Collection[int], kept: Sequence[int] = ()) -> list[int]:
        """The members of a ring, ascending: the real output, what was kept of an earlier ring, and new decoys.

        avoid: the wallet's own outputs and the members of other rings. Raises NotReady where the class has too few.
        """
        members = {real, *kept}
        refused = set(avoid) - members
        for _ in range(_TRIES_PER_MEMBER * self.ring_size):
            if len(members) >= self.ring_size:
                break
            drawn = self._draw(class_)
            if drawn is not None and drawn not in refused:
                members.add(drawn)
        if len(members) < self.ring_size:
            members |= self._fill(class_, refused | members, self.ring_size - len(members))
        return sorted(members)

    def _draw(self, class_: int) -> int | None:
        """One draw: an age, the index that it means, the block that holds it, one of its outputs of the class."""
        outputs, span_ms = self.log.week
        offset = draw_age_ms(self.weights, self.randomness) * outputs // span_ms
        if offset >= self.log.size:
            return None
        members = self._usable(self.log.at(self.log.size - 1 - offset), class_)
        return members[below(len(members), self.randomness)] if members else None

    def _usable(self, extent: Extent, class_: int) -> range:
        # SPEC LEDGER-8.6.2
        if extent.height == 0 and not self._start_outputs_serve(class_):
            return range(0)
        return extent.members(class_) if self.is_mature(extent.height) else range(0)

    def _start_outputs_serve(self, class_: int) -> bool:
        return self.log.real_outputs(class_) < START_OUTPUTS_UNTIL * self.ring_size

    def _fill(self, class_: int, refused: set[int], count: int) -> set[int]:
        """A young chain has outputs of few ages only: then any of the class, with the same chance."""
        choice = [index for each in self.log.extents for index in self._usable(each, class_) if index not in refused]
        if len(choice) < count:
            raise NotReady("the ledger has too few outputs to hide this payment among", retry_after_s=60)
        chosen: set[int] = set()
        while len(chosen) < count:
            chosen.add(choice.pop(below(len(choice), self.randomness)))
        return chosen
