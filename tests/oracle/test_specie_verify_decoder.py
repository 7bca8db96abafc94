"""The decoder inside specie-verify, which shares no line with the package's or with the oracle's."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.issuance import cbor, cose, curve
from oracle.issuance.bad_cbor import REFUSED
from oracle.issuance.verifier import PROGRAM


def load_program() -> ModuleType:
    spec = spec_from_file_location("specie_verify_under_test", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


program = load_program()


# SPEC ISSUANCE-3.3.5
@pytest.mark.parametrize("data", REFUSED)
def test_decoder_refuses(data: str) -> None:
    with pytest.raises(program.Wrong) as caught:
        program.decode(bytes.fromhex(data))
    assert caught.value.code == REFUSED[data]


@pytest.mark.parametrize(("data", "tag"), [("80", 18), ("d280", None), ("d28000", 18), ("d26280", 18), ("d2d280", 18)])
def test_decoder_takes_the_expected_tag_only(data: str, tag: int | None) -> None:
    assert program.decode(bytes.fromhex("d280"), tag=18) == []
    with pytest.raises(program.Wrong):
        program.decode(bytes.fromhex(data), tag=tag)


def test_decoder_bounds() -> None:
    assert program.decode(bytes.fromhex("8181818181818180")) == [[[[[[[[]]]]]]]]
    with pytest.raises(program.Wrong) as caught:
        program.decode(b"\x59\x3f\xfe" + bytes(16382))
    assert caught.value.code == "TOO_LARGE"


# SPEC ISSUANCE-3.3.6, ISSUANCE-21.7
@given(st.binary(max_size=60) | st.sampled_from([bytes.fromhex(data) for data in REFUSED]))
def test_decoder_agrees_with_the_oracle(data: bytes) -> None:
    try:
        expected = cbor.decode(data)
    except ValueError:
        with pytest.raises(program.Wrong):
            program.decode(data)
        return
    if not has_tag(expected):
        assert program.decode(data) == expected
        assert program.encode(expected) == data


def has_tag(value: object) -> bool:
    if isinstance(value, cbor.Tag):
        return True
    if isinstance(value, dict):
        return any(map(has_tag, value.values()))
    return isinstance(value, list) and any(map(has_tag, value))


# -- the frame and the fields -------------------------------------------------------------------------------

HEADER = {1: -8, 4: bytes(16), 16: "dc-tomb"}
CLAIMS = {1: "qc", 6: 1, 7: bytes(16), -70000: {1: bytes(16), 2: bytes(32), 3: 1}}


def frame(**changes: Any) -> bytes:
    """A dc-tomb whose signature nobody has judged yet, with some parts replaced."""
    header, claims = changes.get("header", HEADER), changes.get("claims", CLAIMS)
    parts = [cbor.encode(header), {}, cbor.encode(claims), bytes(64)]
    for name, value in changes.items():
        if name.startswith("part"):
            parts[int(name[4:])] = value
    return cbor.encode(cbor.Tag(changes.get("tag", 18), changes.get("all_parts", parts)))


def body(**changes: Any) -> dict[int, Any]:
    fields = CLAIMS[-70000] | {int(name[1:]): value for name, value in changes.items()}
    return CLAIMS | {-70000: {key: value for key, value in fields.items() if value is not None}}


PERSON = [cbor.encode({1: -8, 4: bytes(16)}), {}, bytes(64)]
MANY = [cbor.encode({16: "dc-policy"}), {}, cbor.encode(CLAIMS), [PERSON]]
FRAMES: dict[str, tuple[str, bytes]] = {
    "three parts": ("MALFORMED", frame(all_parts=[b"", {}, b""])),
    "no list": ("MALFORMED", frame(all_parts={1: 2})),
    "unprotected header": ("MALFORMED", frame(part1={4: b""})),
    "payload is text": ("MALFORMED", frame(part2="x")),
    "short signature": ("MALFORMED", frame(part3=bytes(63))),
    "more in the header": ("SCHEMA", frame(header=HEADER | {3: 1})),
    "another algorithm": ("SCHEMA", frame(header=HEADER | {1: -35})),
    "short kid": ("SCHEMA", frame(header=HEADER | {4: bytes(15)})),
    "no typ": ("WRONG_TYPE", frame(header={1: -8, 4: bytes(16)})),
    "unknown typ": ("WRONG_TYPE", frame(header=HEADER | {16: "dc-hope"})),
    "manifest by one": ("WRONG_TYPE", frame(header=HEADER | {16: "dc-keys"})),
    "tombstone by many": ("WRONG_TYPE", frame(tag=98)),
    "claims are a list": ("SCHEMA", frame(claims=[1])),
    "claims without cti": ("SCHEMA", frame(claims={k: v for k, v in CLAIMS.items() if k != 7})),
    "claims with more": ("SCHEMA", frame(claims=CLAIMS | {8: 1})),
    "capital system id": ("SCHEMA", frame(claims=CLAIMS | {1: "QC"})),
    "body is a list": ("SCHEMA", frame(claims=CLAIMS | {-70000: [1]})),
    "field missing": ("SCHEMA", frame(claims=body(f3=None))),
    "field unknown": ("SCHEMA", frame(claims=body(f4=1))),
    "field negative": ("SCHEMA", frame(claims=body(f3=-1))),
    "field of another kind": ("SCHEMA", frame(claims=body(f3=True))),
    "hash too long": ("SCHEMA", frame(claims=body(f2=bytes(33)))),
    "nobody signed": ("MALFORMED", frame(tag=98, all_parts=[*MANY[:3], []])),
    "signature is no list": ("MALFORMED", frame(tag=98, all_parts=[*MANY[:3], [b"x"]])),
    "signature in two parts": ("MALFORMED", frame(tag=98, all_parts=[*MANY[:3], [PERSON[:2]]])),
    "person's unprotected header": (
        "MALFORMED",
        frame(tag=98, all_parts=[*MANY[:3], [[PERSON[0], {1: 1}, bytes(64)]]]),
    ),
    "shared kid": (
        "MALFORMED",
        frame(tag=98, all_parts=[cbor.encode({16: "dc-policy", 4: bytes(16)}), *MANY[1:]]),
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_wrong_frame_is_refused(name: str) -> None:
    code, data = FRAMES[name]
    assert program.parse(frame()).kind == "tomb"
    assert program.parse(frame(tag=98, all_parts=MANY)).kind == "policy"
    with pytest.raises(program.Wrong) as caught:
        program.parse(data)
    assert caught.value.code == code


FIGURES = {"XTS": [3, 1, {"is:a": [3, 1]}]}
WRONG_FIGURES: list[Any] = [
    {},
    {"xts": FIGURES["XTS"]},
    {"XTS": [3, 1]},
    {"XTS": [3, -1, {"is:a": [3, 1]}]},
    {"XTS": [3, 1, {}]},
    {"XTS": [3, 1, {"IS": [3, 1]}]},
    {"XTS": [3, 1, {"is:a": [3]}]},
    [],
]


@pytest.mark.parametrize("figures", WRONG_FIGURES)
def test_figures_of_a_statement(figures: Any) -> None:
    assert program.is_figures(FIGURES)
    assert not program.is_figures(figures)


WEAK = [
    bytes(32),
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
]


# SPEC ISSUANCE-3.4.1
@pytest.mark.parametrize("public", [*WEAK, *(y.to_bytes(32, "little") for y in sorted(program.SMALL_ORDER_Y))])
def test_weak_keys_are_those_of_the_textbook(public: bytes) -> None:
    with pytest.raises(ValueError):
        curve.check_public(public)
    with pytest.raises(program.Wrong):
        program.check_key(cose.okp_key(public))


@pytest.mark.parametrize(
    "key", [{1: 1, -1: 6}, {1: 1, -1: 6, -2: b"x"}, {1: 2, -1: 1, -2: bytes(32)}, {1: 4, -1: b"k"}]
)
def test_what_is_no_public_key(key: dict[int, Any]) -> None:
    with pytest.raises(program.Wrong):
        program.check_key(cbor.encode(key))
