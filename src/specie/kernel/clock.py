"""Time and randomness as arguments: real ones for services, repeatable ones for tests and the simulator."""

import os
import random
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        ...


class Randomness(Protocol):
    """Gives random bytes."""

    def bytes(self, n: int) -> bytes:
        """Exactly `n` bytes."""
        ...


class SystemClock:
    """The clock of this machine. It may step back: whoever decides by it guards against that."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1_000


class ManualClock:
    """A clock that moves only when told to. For tests and the simulator."""

    def __init__(self, now_us: int = 1_790_000_000_000_000) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._now_us

    def advance(self, us: int = 0, *, seconds: int = 0) -> None:
        """Move by that much; a negative amount sets the clock back."""
        self._now_us += us + seconds * 1_000_000

    def set(self, now_us: int) -> None:
        """Move to that time."""
        self._now_us = now_us


class SystemRandomness:
    """The operating system's generator: fit for keys."""

    def bytes(self, n: int) -> bytes:
        """Exactly `n` bytes."""
        return os.urandom(n)


class SeededRandomness:
    """The same bytes for the same seed. For tests and the simulator only: who knows the seed knows all."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def bytes(self, n: int) -> bytes:
        """Exactly `n` bytes."""
        return self._random.randbytes(n)
