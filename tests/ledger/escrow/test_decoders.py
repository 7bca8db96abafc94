"""Every decoder takes any bytes: what it answers encodes to them again, and all else it refuses (LEDGER-9.5.4)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.ledger.errors import NonCanonical
from specie.ledger.messages.escrow import (
    CLAIM_BYTES,
    HEAD_BYTES,
    LANE_BYTES,
    LOCK_BYTES,
    OFFER_BYTES,
    STATE_BYTES,
    ChannelBody,
    Record,
    decode_funding,
    decode_operation,
    effect_id,
)
from specie.ledger.messages.escrow.offer import Offer
from tests.ledger.escrow.makers import START_MS, Channel


class Encoded(Protocol):
    """What a decoder answers."""

    def encode(self) -> bytes: ...


Decoder = Callable[[bytes], Encoded]
CHANNEL = Channel.of()


def operation(number: int) -> Decoder:
    return lambda data: decode_operation(number, data)


def disputed() -> bytes:
    ledger = CHANNEL.opened()
    ledger.run(CHANNEL.claiming(CHANNEL.claim(1, 1, 10, ticks=2)), START_MS + 2000)
    ledger.run(CHANNEL.lock_claim(0, CHANNEL.lock(0, 1, 700)))
    return ledger.record(CHANNEL.cid).encode()


def samples() -> list[Any]:
    claims = (CHANNEL.claim(0, 3, 300, ticks=5), CHANNEL.claim(1, 0, 0, ticks=1))
    bad = CHANNEL.bad_lock(0, 3, 300)
    operations: list[Any] = [
        CHANNEL.settle(*claims),
        CHANNEL.claiming(*claims, final=True),
        CHANNEL.close(),
        CHANNEL.close(*claims),
        CHANNEL.cooperate(5),
        CHANNEL.lock_claim(1, bad),
        CHANNEL.release(0, 3),
        CHANNEL.reject(0, 3, reason=4),
        CHANNEL.fraud_witness(0, bad),
        CHANNEL.fraud_goods(0, 3, 100),
        CHANNEL.finalize(),
    ]
    params = [pytest.param(operation(o.number), o.encode(), id=type(o).__name__) for o in operations]
    return [
        *params,
        pytest.param(decode_funding, CHANNEL.opening().encode(), id="Open"),
        pytest.param(decode_funding, CHANNEL.top_up(5).encode(), id="TopUp"),
        pytest.param(ChannelBody.decode, CHANNEL.body.encode(), id="ChannelBody"),
        pytest.param(Offer.decode, CHANNEL.fraud_goods(0, 3, 100).offer.encode(), id="Offer"),
        pytest.param(Record.decode, disputed(), id="Record"),
    ]


SAMPLES = samples()


def is_refused(decode: Decoder, data: bytes) -> bool:
    try:
        assert decode(data).encode() == data
    except NonCanonical:
        return True
    return False


# SPEC LEDGER-9.5.4
# SPEC MICROPAY-0.4.1
@pytest.mark.parametrize(("decode", "data"), SAMPLES)
def test_round_trip_and_every_other_length(decode: Decoder, data: bytes) -> None:
    assert decode(data).encode() == data
    assert all(is_refused(decode, data[:length]) for length in range(len(data)))
    assert is_refused(decode, data + b"\0")


# SPEC LEDGER-9.5.4
# SPEC MICROPAY-0.4.2
@pytest.mark.parametrize(("decode", "data"), SAMPLES)
def test_every_byte_changed_is_refused_or_kept(decode: Decoder, data: bytes) -> None:
    random = Random(len(data))
    for place in range(len(data)):
        for value in (0, 255, data[place] ^ 1, random.randrange(256)):
            is_refused(decode, data[:place] + bytes([value]) + data[place + 1 :])


@given(st.binary(max_size=400), st.integers(34, 41))
def test_any_bytes(data: bytes, number: int) -> None:
    for decode in (operation(number), decode_funding, ChannelBody.decode, Record.decode, Offer.decode):
        is_refused(decode, data)


# SPEC LEDGER-9.5.4
@pytest.mark.parametrize(
    ("number", "body"),
    [
        (34, CHANNEL.settle().encode()),
        (35, CHANNEL.claiming().encode()),
        (34, CHANNEL.settle(*[CHANNEL.claim(0, 1, 1)] * 17).encode()),
        (35, CHANNEL.claiming(CHANNEL.claim(0, 1, 1)).encode()[:-65] + b"\2" + bytes(64)),
        (39, CHANNEL.release(0, 1).encode()[:-65] + b"\1" + bytes(64)),
        (39, CHANNEL.release(0, 1).encode()[:-1] + b"\1"),
        (39, CHANNEL.reject(0, 1, reason=0).encode()),
        (39, CHANNEL.reject(0, 1, reason=5).encode()),
        (39, CHANNEL.reject(0, 1).encode().replace(b"\2" + bytes(32), b"\2" + bytes(31) + b"\1")),
        (39, CHANNEL.reject(0, 1).encode().replace(b"\2" + bytes(32), b"\3" + bytes(32))),
        (40, CHANNEL.cid + b"\0" + bytes(218)),
        (40, CHANNEL.cid + b"\3" + bytes(218)),
    ],
)
def test_values_that_mean_nothing(number: int, body: bytes) -> None:
    with pytest.raises(NonCanonical):
        decode_operation(number, body)


def test_sizes_of_the_chapter() -> None:
    assert (HEAD_BYTES, LANE_BYTES, STATE_BYTES, CLAIM_BYTES, LOCK_BYTES) == (312, 72, 121, 222, 185)
    assert OFFER_BYTES == 138
    one_lane = CHANNEL.claiming(CHANNEL.claim(0, 1, 1))
    # 318 bytes, count and final flag
    assert len(one_lane.encode()) == 320


def test_one_operation_has_one_effect_id() -> None:
    bodies = [CHANNEL.finalize().encode(), CHANNEL.close().encode(), Channel.of("other").finalize().encode()]
    ids = {effect_id(number, body) for number in (36, 41) for body in bodies}
    assert len(ids) == 6 and effect_id(41, bodies[0]) == effect_id(41, bytes(bodies[0]))
