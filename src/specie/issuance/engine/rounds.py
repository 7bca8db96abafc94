"""A round of chores: each is tried, whatever became of those before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from specie.kernel.errors import Refused, Unavailable


async def try_each(*chores: Callable[[], Awaitable[object]]) -> None:
    """Run all of them in order; then raises the first Refused or Unavailable, if there was one."""
    first: Refused | Unavailable | None = None
    for chore in chores:
        try:
            await chore()
        except (Refused, Unavailable) as error:
            first = first or error
    if first is not None:
        raise first
