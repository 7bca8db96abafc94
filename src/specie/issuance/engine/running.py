"""Calls under way: the same bytes sent again while the first call runs wait for it, up to two seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from typing import TypeVar

from specie.issuance.errors import InProgress
from specie.kernel.errors import KeyInProgress

Answer = TypeVar("Answer")
WAIT_S = 2


class Running:
    """Which bytes are being worked on."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._events: dict[bytes, asyncio.Event] = {}

    # SPEC ISSUANCE-10.1.4
    async def each_once(
        self, datas: Sequence[bytes], work: Callable[[list[bytes]], Awaitable[Sequence[Answer | Exception]]]
    ) -> list[Answer | Exception]:
        """Work on each distinct object; an object that another call works on is waited for first.

        An object that stays busy for two seconds is answered with InProgress.
        """
        keys = [sha256(data).digest() for data in datas]
        answers: dict[bytes, Answer | Exception] = {}
        todo: dict[bytes, bytes] = {}
        for key, data in zip(keys, datas, strict=True):
            if key in todo or key in answers:
                continue
            if await self._is_busy(key):
                answers[key] = InProgress("the first call with these bytes is still running")
            else:
                self._events[key] = asyncio.Event()
                todo[key] = data
        try:
            if todo:
                answers.update(zip(todo, await work(list(todo.values())), strict=True))
        finally:
            for key in todo:
                self._events.pop(key).set()
        return [answers[key] for key in keys]

    async def _is_busy(self, key: bytes) -> bool:
        """Wait for whoever works on it, and for those who waited before and look it up now; at most two seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._wait_s
        while (event := self._events.get(key)) is not None:
            try:
                await asyncio.wait_for(event.wait(), until - loop.time())
            except TimeoutError:
                return True
        return False


class Busy:
    """Ids that are being worked on; a second call under an id waits for the first, up to two seconds."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._idents: set[bytes] = set()
        self._freed = asyncio.Event()

    def __contains__(self, ident: bytes) -> bool:
        return ident in self._idents

    async def enter(self, idents: Sequence[bytes]) -> None:
        """Take the ids, once none of them is taken. Raises KeyInProgress."""
        try:
            # in this very task: between finding them free and taking them nobody else may run
            async with asyncio.timeout(self._wait_s):
                while self._idents.intersection(idents):
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError as error:
            raise KeyInProgress("the first call under this key still runs") from error
        self.take(idents)

    def take(self, idents: Iterable[bytes]) -> None:
        self._idents.update(idents)

    def leave(self, idents: Iterable[bytes]) -> None:
        self._idents.difference_update(idents)
        self._freed.set()
