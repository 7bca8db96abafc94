"""The story of this release, step by step with its checks: issued under quota, paid in private, redeemed, proved."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from specie.app.demo.stage import Stage

Figures = dict[str, Any]
AMOUNT, TOO_MUCH, PAID, REDEEMED = "5000.00", "20000.00", "250.00", "100.00"


class CheckFailed(Exception):
    """Something that the demo shows did not hold. The demo ends there, with a status that says so."""


def check(holds: object, what: str) -> None:
    """Raises CheckFailed."""
    if not holds:
        raise CheckFailed(what)


@dataclass(slots=True)
class Told:
    """One step as it was played."""

    step: str
    title: str
    """The chapter of the story that it belongs to."""
    ok: bool = True
    lines: list[str] = field(default_factory=list)
    """What people read; the first one that ends a chapter carries the mark."""
    figures: Figures = field(default_factory=dict)
    seconds: float = 0.0
    verdict: str = ""
    """What stands behind the mark, in place of the time."""


Act = Callable[[Stage, "Memory", Told], Awaitable[None]]


@dataclass(slots=True)
class Memory:
    """What later steps need of earlier ones."""

    digits: int = 2
    currency: str = "XTS"
    key: str = ""
    issue: bytes = b""
    order: bytes = b""
    denial_request: bytes = b""
    request: bytes = b""
    case: Any = None
    units: list[bytes] = field(default_factory=list)
    unit_root: bytes = b""
    address: bytes = b""
    """Where Alice's units go: 102 bytes."""
    payee: bytes = b""
    payment: bytes = b""
    proof: bytes = b""
    token: bytes = b""
    used_before: int = 0
    books: Figures = field(default_factory=dict)


async def play(stage: Stage, acts: list[tuple[str, str, Act]]) -> AsyncIterator[Told]:
    """Play every step; the first one that fails is told with ok false, and the story ends."""
    memory = Memory()
    for step, title, act in acts:
        told = Told(step, title)
        begun = time.perf_counter()
        try:
            await act(stage, memory, told)
        except Exception as error:
            told.ok = False
            told.figures["error"] = f"{type(error).__name__}: {error}"
            told.lines.append(f"{type(error).__name__}: {error}")
        told.seconds = told.seconds or time.perf_counter() - begun
        yield told
        if not told.ok:
            return
