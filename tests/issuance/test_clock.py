"""Time that jumped ahead: the stored latest time, and how officers set it back (ISSUANCE section 5.5, annex C)."""

from __future__ import annotations

import asyncio

import pytest

from issuance.house import CM, QC, KeyRing, make_house
from specie.issuance.errors import ApprovalsInsufficient, WrongAudience
from specie.issuance.store.journal import read_head
from specie.issuance.wallet import officer
from specie.kernel.clock import SeededRandomness

DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("clock") / "keys")


# SPEC ISSUANCE-5.5.1, ISSUANCE-5.5.3, ISSUANCE-20.12
def test_a_clock_set_back_opens_no_window_again_until_officers_say_so(ring: KeyRing) -> None:
    async def work() -> None:
        house = make_house(ring, randomness=SeededRandomness(501))
        await house.found()
        start_us = house.clock.now_us()
        database = house.databases[QC]
        house.clock.advance(DAY_US)
        # something is decided a day ahead without a leaf: the latest time is stored all the same
        await house.quota_control.tombstones([], peer=CM)
        await house.quota_control.rules.confirm_keys(1)
        assert (await database.read(read_head)).high_us == start_us + DAY_US
        house.clock.set(start_us + 1_000_000)
        words = [await officer.reset_clock(house.hand(name), QC, "the clock had jumped") for name in ("mina", "omar")]
        with pytest.raises(ApprovalsInsufficient):
            await house.quota_control.rules.apply_clock(words[:1])
        wrong = [await officer.reset_clock(house.hand(name), CM, "the clock had jumped") for name in ("mina", "omar")]
        with pytest.raises(WrongAudience):
            await house.quota_control.rules.apply_clock(wrong)
        await house.quota_control.rules.apply_clock(words)
        head = await database.read(read_head)
        assert head.at_us <= head.high_us < start_us + DAY_US
        (view,) = await house.issuance.issue([house.order()])
        assert getattr(view, "state", "") == "released"
        # shown again it changes nothing: no second leaf
        size = await house.quota_control.log.size()
        await house.quota_control.rules.apply_clock(words)
        assert await house.quota_control.log.size() == size

    asyncio.run(work())
