"""Errors, clocks, randomness and ids."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.kernel.clock import ManualClock, SeededRandomness, SystemClock, SystemRandomness
from specie.kernel.errors import Overloaded, Refused, Unavailable
from specie.kernel.ids import format_id, is_uuid7, uuid7, uuid7_ms


class Denied(Refused):
    code = "test.denied"
    status = 403


def test_a_refusal_says_its_code_and_keeps_its_facts() -> None:
    error = Denied("no", limit=3)
    assert str(error) == "test.denied: no"
    assert str(Denied()) == "test.denied"
    assert error.facts == {"limit": 3}


def test_unavailable_says_when_to_try_again() -> None:
    assert (Unavailable.code, Unavailable.status) == ("system.unavailable", 503)
    assert str(Unavailable()) == "system.unavailable"
    assert Unavailable("later", retry_after_s=7).retry_after_s == 7
    assert str(Overloaded("full")) == "system.overloaded: full"


def test_clocks() -> None:
    assert abs(SystemClock().now_us() - time.time() * 1e6) < 1e6
    clock = ManualClock(5)
    clock.advance(10)
    clock.advance(seconds=1)
    assert clock.now_us() == 1_000_015
    clock.set(7)
    assert clock.now_us() == 7


def test_randomness() -> None:
    assert len(SystemRandomness().bytes(33)) == 33
    assert SystemRandomness().bytes(16) != SystemRandomness().bytes(16)
    assert SeededRandomness(1).bytes(8) == SeededRandomness(1).bytes(8)
    assert SeededRandomness(1).bytes(8) != SeededRandomness(2).bytes(8)


# SPEC ISSUANCE-3.7.4
@given(st.integers(0, (1_000 << 48) - 1), st.integers(0, 9))
def test_uuid7_is_one(now_us: int, seed: int) -> None:
    value = uuid7(now_us, SeededRandomness(seed))
    parsed = uuid.UUID(bytes=value)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert is_uuid7(value)
    assert uuid7_ms(value) == now_us // 1_000
    assert format_id(value) == str(parsed)


@given(st.integers(0, 10**16), st.integers(1, 10**9))
def test_uuid7_sorts_by_time(now_us: int, later: int) -> None:
    randomness = SeededRandomness(0)
    assert uuid7(now_us, randomness) < uuid7(now_us + later, randomness)


def test_uuid7_has_bounds() -> None:
    for now_us in (-1, 1_000 << 48):
        with pytest.raises(ValueError, match="UUIDv7"):
            uuid7(now_us, SeededRandomness(0))
    assert not is_uuid7(bytes(16))
    assert not is_uuid7(uuid.uuid4().bytes)
    assert not is_uuid7(b"")
