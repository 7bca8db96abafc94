"""The arithmetic of quota: windows that tile time in every zone, rates that never run backwards or over."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specie.issuance.messages.policy import Kind
from specie.issuance.protocol.buckets import Bucket, window_of

SECOND_US = 1_000_000
AMOUNT_MAX = 2**62 - 1
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "America/Havana", "Africa/Cairo", "Asia/Beirut"]


def bucket(kind: Kind, cap: int = 100, **changes: int) -> Bucket:
    values = {"reserved": 0, "used": 0, "level": cap, "last_us": 0, "refill_per_s": 0} | changes
    return Bucket(1, "b", kind, cap, **values)


# SPEC ISSUANCE-5.5.2
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(["hour", "day", "month"]), st.integers(0, 4_000_000_000))
def test_windows_tile_time(zone: str, span: str, now_s: int) -> None:
    """Every moment is in exactly one window, and the next begins where it ends."""
    start, end = window_of(span, zone, now_s * SECOND_US)
    assert start <= now_s < end
    assert window_of(span, zone, start * SECOND_US) == (start, end)
    assert window_of(span, zone, end * SECOND_US - 1) == (start, end)
    assert window_of(span, zone, end * SECOND_US)[0] == end


# ISSUANCE section 5.2
@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", "2026-03-29", 24),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Havana", "2026-03-08", 23),
        ("Asia/Beirut", "2026-03-29", 23),
    ],
)
def test_a_day_is_a_calendar_day(zone: str, day: str, hours: int) -> None:
    """Also where it has 23 or 25 hours, and where midnight does not exist."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))
    start, end = window_of("day", zone, int(noon.timestamp()) * SECOND_US)
    assert end - start == hours * 3600


# ISSUANCE section 5.2
@pytest.mark.parametrize(("moment", "days"), [("2028-02-10", 29), ("2026-02-28", 28), ("2026-12-31", 31)])
def test_a_month_has_its_days(moment: str, days: int) -> None:
    now = int(datetime.fromisoformat(f"{moment}T23:59:59+00:00").timestamp())
    start, end = window_of("month", "UTC", now * SECOND_US)
    assert end - start == days * 86_400


# SPEC ISSUANCE-5.3.4
@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, AMOUNT_MAX),
    st.integers(0, AMOUNT_MAX),
    st.lists(st.tuples(st.integers(-(10**15), 10**18), st.integers(0, AMOUNT_MAX)), max_size=12),
)
def test_a_rate_never_overflows_or_runs_backwards(cap: int, refill: int, steps: list[tuple[int, int]]) -> None:
    """0 <= level <= cap at every step, against min(C, level + f * max(0, seconds)) in plain integers."""
    tank, now_us, level, last_s = bucket(Kind.RATE, cap, refill_per_s=refill), 0, cap, 0
    for shift_us, amount in steps:
        now_us = max(0, now_us + shift_us)
        level = min(cap, level + refill * max(0, now_us // SECOND_US - last_s))
        last_s = max(last_s, now_us // SECOND_US)
        assert tank.available(now_us) == level
        if tank.has_room(amount, now_us):
            tank.take(amount)
            level -= amount
        assert 0 <= tank.level <= cap


# SPEC ISSUANCE-5.3.1, ISSUANCE-10.4.4, ISSUANCE-14.8
@pytest.mark.parametrize(
    ("kind", "reserved", "settled", "released", "returned"),
    [
        (Kind.STOCK, (10, 0), (0, 10), (0, 0), (0, 0)),
        (Kind.LIFETIME, (10, 0), (0, 10), (0, 0), (0, 10)),
        (Kind.WINDOW, (10, 0), (0, 10), (0, 0), (0, 10)),
        (Kind.RATE, (0, 10), (0, 10), (0, 0), (0, 10)),
        (Kind.COUNT, (0, 1), (0, 1), (0, 1), (0, 1)),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_each_kind_through_its_life(
    kind: Kind,
    reserved: tuple[int, int],
    settled: tuple[int, int],
    released: tuple[int, int],
    returned: tuple[int, int],
) -> None:
    """(reserved, used) after a hold, a use, a release and a redemption; the journal's sums are the same."""

    def after(*steps: str) -> tuple[int, int]:
        each = bucket(kind)
        used = held = 0
        for step in steps:
            d_used, d_held = getattr(each, step)(10)
            used, held = used + d_used, held + d_held
        assert (each.reserved, each.used) == (held, used)
        return each.reserved, each.used

    assert after("reserve") == reserved
    assert after("reserve", "settle") == settled
    assert after("reserve", "release") == released
    assert after("reserve", "settle", "give_back") == returned


# SPEC ISSUANCE-5.3.2
def test_less_than_nothing_is_left() -> None:
    assert bucket(Kind.STOCK, 5, used=8).available(0) == -3
    assert not bucket(Kind.STOCK, 5, used=8).has_room(0, 0)
