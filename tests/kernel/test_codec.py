"""Canonical CBOR: one spelling for every value; everything else is refused, cheaply."""

import enum
import json
import time
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any
from unicodedata import is_normalized

import cbor2
import pytest
from cbor2 import CBORTag
from hypothesis import example, given, settings
from hypothesis import strategies as st

from specie.kernel.codec import DEPTH_MAX, Malformed, NonCanonical, TooLarge, decode, encode
from specie.kernel.errors import Refused

LIMIT = 262_144
TAGS = frozenset({18, 96, 98})
VECTORS = json.loads((Path(__file__).parents[1] / "vectors/issuance/vectors.json").read_text())

integers = st.integers(-(2**64), 2**64 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"])).filter(partial(is_normalized, "NFC"))
keys = st.one_of(integers, texts, st.binary(max_size=40))
scalars = st.one_of(integers, texts, st.binary(max_size=300), st.booleans())
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(keys, inner, max_size=5),
        st.builds(CBORTag, st.sampled_from(sorted(TAGS)), st.lists(scalars, max_size=3).map(tuple)),
    ),
    max_leaves=12,
)


def _depth(value: Any) -> int:
    if isinstance(value, CBORTag):
        return 1 + _depth(value.value)
    if isinstance(value, dict):
        return 1 + max((_depth(item) for item in value.values()), default=0)
    if isinstance(value, (list, tuple)):
        return 1 + max((_depth(item) for item in value), default=0)
    return 0


# SPEC ISSUANCE-3.3.6
@given(values.filter(lambda value: _depth(value) <= DEPTH_MAX))
def test_every_value_comes_back(value: Any) -> None:
    data = encode(value)
    again = decode(data, bytes_max=LIMIT, tags=TAGS)
    assert again == value
    assert encode(again) == data


# SPEC ISSUANCE-3.3.6, ISSUANCE-21.7
@settings(max_examples=400)
@given(st.binary(max_size=80))
@example(b"\xa2\x02\x01\x01\x01")
@example(b"\x9f\xff")
def test_any_bytes_are_refused_or_come_back_identical(data: bytes) -> None:
    try:
        value = decode(data, bytes_max=LIMIT, tags=TAGS)
    except Refused:
        return
    assert encode(value) == data


# SPEC ISSUANCE-21.7
@given(st.sampled_from(sorted(VECTORS)), st.data())
def test_spoiled_vectors_are_refused_or_come_back_identical(name: str, data: st.DataObject) -> None:
    raw = bytearray(_vector(name))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        value = decode(bytes(raw), bytes_max=16_384, tags=TAGS)
    except Refused:
        return
    assert encode(value) == bytes(raw)


def _vector(name: str) -> bytes:
    value = VECTORS[name]
    if name == "units":
        return bytes.fromhex(value[0])
    return bytes.fromhex(value) if isinstance(value, str) else bytes.fromhex(VECTORS["request"])


@pytest.mark.parametrize("name", ["request", "credential", "control_bit", "units"])
def test_vectors_of_the_chapter_are_canonical(name: str) -> None:
    outer = decode(_vector(name), bytes_max=16_384, tags=TAGS)
    assert isinstance(outer, CBORTag)
    assert encode(outer) == _vector(name)
    payload = outer.value[2]
    assert encode(decode(payload, bytes_max=16_384)) == payload


# SPEC ISSUANCE-3.3.7
def test_keys_are_ordered_by_their_encoded_bytes_and_not_by_length() -> None:
    # RFC 8949 section 4.2.1, its own example without the keys that no object of ours can have.
    ordered: dict[Any, int] = {10: 0, 100: 1, -1: 2, "z": 3, "aa": 4}
    shuffled = {key: ordered[key] for key in ("aa", -1, 100, "z", 10)}
    assert encode(shuffled) == bytes.fromhex("a50a00186401200261 7a03626161 04".replace(" ", ""))
    # Length first, as cbor2 does it, would put -1 (one byte) before 100 (two bytes).
    assert encode(shuffled) != cbor2.dumps(shuffled, canonical=True)
    assert list(decode(encode(shuffled), bytes_max=64)) == list(ordered)  # type: ignore[call-overload]


class Colour(enum.IntEnum):
    RED = 300


class Name(str):
    pass


class Hash(bytes):
    pass


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, 300),
        (Name("ä"), "ä"),
        (Hash(b"x" * 300), b"x" * 300),
        ({Colour.RED: [Hash(b"1")], 4: (Name("n"),)}, {4: ["n"], 300: [b"1"]}),
        ({"n": 255, "m": 256, "o": 65_535, "p": 65_536, "q": 2**32 - 1, "r": 2**32}, None),
        (
            [-1, -24, -25, -(2**64), 2**64 - 1, True, False, "x" * 255, "x" * 256, b"y" * 255, b"y" * 256],
            None,
        ),
        ({n: n for n in range(300)}, None),
        (list(range(70_000)), None),
    ],
)
def test_subclasses_and_sizes_are_encoded_like_cbor2_does(value: Any, plain: Any) -> None:
    expected = value if plain is None else plain
    assert decode(encode(value), bytes_max=LIMIT * 4) == expected
    assert encode(value) == cbor2.dumps(dict(sorted(expected.items())) if isinstance(expected, dict) else expected)


@pytest.mark.parametrize(
    "value", [1.0, None, object(), {1.5: 1}, {True: 1}, {(1,): 1}, [1, {2: None}], bytearray(b"1")]
)
def test_encoding_another_type_is_a_bug(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1, "e\u0301", "\ud800", CBORTag(2, b"1"), CBORTag(0, "x")])
def test_encoding_a_value_out_of_bounds_is_a_bug(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode(value)


def test_depth_counts_arrays_maps_and_tags() -> None:
    value: Any = 0
    for kind in range(DEPTH_MAX):
        value = [[value], {1: value}, CBORTag(18, value)][kind % 3]
    assert decode(encode(value), bytes_max=64, tags=TAGS) is not None
    for deeper in ([value], {1: value}, CBORTag(18, value)):
        with pytest.raises(ValueError, match="deep"):
            encode(deeper)
        with pytest.raises(Malformed):
            decode(encode(deeper, depth_max=99), bytes_max=64, tags=TAGS)


MALFORMED = {
    "empty": "",
    "trailing bytes": "0101",
    "trailing object": "8001",
    "ends too early": "8201",
    "float 16": "f90000",
    "float 32": "fa00000000",
    "float 64": "fb0000000000000000",
    "null": "f6",
    "undefined": "f7",
    "simple value": "e0",
    "two-byte simple value": "f8ff",
    "null inside": "a10181f6",
    "tag that is not expected": "c600",
    "date": "c11a00000000",
    "bignum": "c249010000000000000000",
    "negative bignum": "c349010000000000000000",
    "shared reference": "d81c81d81d00",
    "huge power": "c5821a3fffffff01",
    "regular expression": "d823632861 2b292b24".replace(" ", ""),
    "duplicate key": "a201000100",
    "null as key": "a1f600",
    "bool as key": "a1f500",
    "array as key": "a1810000",
    "map as key": "a1a00000",
    "float as key": "a1f9000000",
    "break without beginning": "ff",
    "reserved length": "1c",
    "text that is not UTF-8": "61ff",
    "surrogate in UTF-8": "63eda080",
    "nine levels": "81" * 9 + "00",
    "ten thousand levels": "81" * 10_000 + "00",
    "ten thousand tags": "d2" * 10_000 + "00",
    "maps in maps": "a100" * 4_000 + "00",
    "array of 2^64": "9bffffffffffffffff",
    "array of 2^28": "9a0fffffff",
    "map of 2^28": "ba0fffffff",
    "bytes of 2^63": "5b7fffffffffffffff",
    "text of 2^31": "7a7fffffff",
}

NON_CANONICAL = {
    "integer not shortest": "1817",
    "integer not shortest, 8 bytes": "1b0000000000000001",
    "negative integer not shortest": "3800",
    "length not shortest": "580100",
    "array length not shortest": "980101",
    "map length not shortest": "b8010100",
    "tag not shortest": "d81200",
    "indefinite array": "9f01ff",
    "indefinite map": "bf0101ff",
    "indefinite bytes": "5f4101ff",
    "indefinite text": "7f6161ff",
    "unsorted keys": "a202000100",
    "keys sorted by length first": "a220001864 00".replace(" ", ""),
    "text that is not NFC": "6365cc81",
    "key that is not NFC": "a16365cc8101",
}


# SPEC ISSUANCE-3.3.5
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    with pytest.raises(Malformed):
        decode(bytes.fromhex(MALFORMED[name]), bytes_max=LIMIT, tags=frozenset({18}))


# SPEC ISSUANCE-3.3.5, ISSUANCE-20.23
@pytest.mark.parametrize("name", NON_CANONICAL)
def test_another_spelling_is_refused(name: str) -> None:
    with pytest.raises(NonCanonical):
        decode(bytes.fromhex(NON_CANONICAL[name]), bytes_max=LIMIT, tags=frozenset({18}))


@pytest.mark.parametrize("spoil", [*MALFORMED, *NON_CANONICAL])
def test_a_fault_inside_a_large_object_is_refused_too(spoil: str) -> None:
    fault = (MALFORMED | NON_CANONICAL)[spoil]
    data = b"\x82" + encode(b"x" * 5_000) + bytes.fromhex(fault)
    with pytest.raises((Malformed, NonCanonical)):
        decode(data, bytes_max=LIMIT, tags=frozenset({18}))


def test_large_objects_come_back() -> None:
    value = {1: [b"x" * 100] * 200, "k": CBORTag(18, (1, "ä" * 3_000, True))}
    assert decode(encode(value), bytes_max=LIMIT, tags=TAGS) == value


def test_too_large_is_named_before_all_else() -> None:
    assert decode(encode(b"x" * 98), bytes_max=100) == b"x" * 98
    with pytest.raises(TooLarge):
        decode(b"\xff" * 101, bytes_max=100)


@pytest.mark.parametrize("number", [*range(0, 400), 1004, 43_000, 55_799, 65_535, 2**64 - 1])
def test_no_tag_is_given_a_meaning(number: int) -> None:
    """A tag that cbor2 knows stays closed even when it is listed; every other comes back as it is."""
    contents: list[Any] = [0, b"a", "a", [1, 2], {}]
    for content in contents:
        data = cbor2.dumps(CBORTag(6, content)).replace(b"\xc6", cbor2.dumps(CBORTag(number, 0))[:-1], 1)
        try:
            value = decode(data, bytes_max=64, tags=frozenset({number}))
        except (Malformed, NonCanonical):
            continue
        assert isinstance(value, CBORTag)
        assert value.tag == number


def _colliding_keys(count: int) -> list[tuple[int, int]]:
    """Pairs of integers that Python hashes to one value: the xxHash of tuples, run backwards."""
    mask, prime_1, prime_2, prime_5 = (
        2**64 - 1,
        11400714785074694791,
        14029467366897019727,
        2870177450012600261,
    )

    def turn(lane: int, by: int) -> int:
        return (lane << by | lane >> (64 - by)) & mask

    inverse_1, inverse_2 = pow(prime_1, -1, 2**64), pow(prime_2, -1, 2**64)
    found: list[tuple[int, int]] = []
    first = 0
    while len(found) < count:
        first += 1
        lane = turn((prime_5 + first * prime_2) & mask, 31) * prime_1 & mask
        second = (turn(12_345 * inverse_1 & mask, 33) - lane) * inverse_2 & mask
        if second < 2**61 - 1:
            found.append((first, second))
    assert len({hash(pair) for pair in found}) == 1
    return found


# SPEC ISSUANCE-20.22
def test_bombs_are_refused_in_bounded_time_and_memory() -> None:
    colliding = b"".join(cbor2.dumps(pair) + b"\x00" for pair in _colliding_keys(15_000))
    bombs = [
        b"\xb9" + (15_000).to_bytes(2, "big") + colliding,
        b"\x81" * LIMIT,
        b"\x9b\x00\x00\x00\xff" * (LIMIT // 5),
        b"\x84" * LIMIT,
        b"\xc5\x82\x1a\x3f\xff\xff\xff\x01",
        b"\x9f" * LIMIT,
    ]
    tracemalloc.start()
    begun = time.process_time()
    for bomb in bombs:
        with pytest.raises(Refused):
            decode(bomb, bytes_max=LIMIT)
    seconds = time.process_time() - begun
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 2.0
    assert peak < 16 * 1024 * 1024
