"""Waiting, in whole milliseconds: the one place of the wallet where a number may be no integer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Pause = Callable[[int], Awaitable[None]]


async def pause(milliseconds: int) -> None:
    """Wait so long."""
    await asyncio.sleep(milliseconds / 1000)
