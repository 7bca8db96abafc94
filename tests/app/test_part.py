"""A part's rounds go on, whatever one of its steps comes to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from specie.app.build import build_all
from specie.issuance.errors import Schema
from tests.app.test_build import config_at


def test_a_failing_step_is_an_alarm_and_the_rounds_go_on(tmp_path: Path) -> None:
    async def work() -> None:
        built = build_all(config_at(tmp_path))
        await built.start()
        try:
            part = built.parts["issuance"]
            healthy, tried = part.chores, []
            anchored, again, mended = asyncio.Event(), asyncio.Event(), asyncio.Event()

            async def broken() -> bool:
                tried.append("broken")
                if len(tried) == 2:
                    again.set()
                raise KeyError("a bug of ours")

            async def whole() -> bool:
                if part.last_round_ok:
                    mended.set()
                return await healthy()

            async def anchoring() -> None:
                anchored.set()
                raise Schema("a ledger that answers nonsense")

            part.anchor = anchoring  # type: ignore[method-assign]
            part.chores = broken
            async with asyncio.timeout(20):
                await again.wait()
                await anchored.wait()
                assert not part.last_round_ok
                assert part.observer.alarms.labels("CHORES_FAILED")._value.get() >= 2
                part.chores = whole
                await mended.wait()
        finally:
            await built.stop()

    asyncio.run(work())
