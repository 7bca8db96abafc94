"""Every message: what is encoded comes back, and nothing but those bytes is read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specie.ledger.errors import Deferred, Rejected
from tests.ledger.messages.shapes import SHAPES, Shape

each_shape = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind.__name__)


@each_shape
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_encoded_comes_back(shape: Shape, data: st.DataObject) -> None:
    value = data.draw(shape.values)
    encoded = shape.encode(value)
    decoded = shape.decode(encoded)
    assert decoded == value
    assert shape.encode(decoded) == encoded


# SPEC LEDGER-6.1.1, LEDGER-9.5.1, LEDGER-9.5.4, LEDGER-15.20
@each_shape
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_truncation_and_extension_is_refused(shape: Shape, data: st.DataObject) -> None:
    encoded = shape.encode(data.draw(shape.values))
    for size in range(len(encoded)):
        with pytest.raises(Rejected):
            shape.decode(encoded[:size])
    for tail in (b"\0", b"\xff", encoded):
        with pytest.raises(Rejected):
            shape.decode(encoded + tail)


# SPEC LEDGER-7.3, LEDGER-15.20
@each_shape
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_refused_or_are_another_message(shape: Shape, data: st.DataObject) -> None:
    encoded = bytearray(shape.encode(data.draw(shape.values)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(encoded) - 1))
        encoded[at] = data.draw(st.integers(0, 255))
    _check(shape, bytes(encoded))


@each_shape
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=600))
def test_any_bytes_are_refused_or_are_a_message(shape: Shape, data: bytes) -> None:
    _check(shape, data)


def _check(shape: Shape, data: bytes) -> None:
    try:
        value = shape.decode(data)
    except (Rejected, Deferred):
        return
    assert shape.encode(value) == data
