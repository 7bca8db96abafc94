"""An event loop of its own: time passes only when everybody waits, and a seed decides who goes next."""

from __future__ import annotations

import asyncio
import random
from asyncio import base_events
from collections import deque
from collections.abc import Sequence
from typing import Any


class Stuck(RuntimeError):
    """Everybody waits, and for nothing that a clock would bring."""


class _NoFiles:
    """In place of a selector: no file is ever ready; waiting moves the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck("nothing is scheduled, and the story is not over")
        if timeout > 0:
            self._loop.now_s += timeout
        return []


class VirtualLoop(base_events.BaseEventLoop):
    """Runs coroutines in virtual time. `shuffle`: what is ready at one moment runs in an order that the seed picks."""

    def __init__(self, rng: random.Random, *, shuffle: bool) -> None:
        super().__init__()
        self.now_s = 0.0
        self._rng = rng
        self._shuffle = shuffle
        self._selector = _NoFiles(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds since the story began."""
        return self.now_s

    def _run_once(self) -> None:
        ready: deque[Any] = self._ready  # type: ignore[attr-defined]
        if self._shuffle and len(ready) > 1:
            handles = list(ready)
            self._rng.shuffle(handles)
            ready.clear()
            ready.extend(handles)
        super()._run_once()  # type: ignore[misc]

    def _process_events(self, events: Sequence[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody calls from another thread."""


def run(loop: VirtualLoop, story: Any) -> Any:
    """Run a coroutine to its end, then let go of everything that still runs."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(story)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
