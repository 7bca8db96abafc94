"""Decoders under fire: any bytes are accepted or refused, and both parsers accept the same."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.issue import build_issue
from specie.crypto import cose, hpke, note
from specie.crypto.core import _core
from specie.crypto.cose import reference
from specie.crypto.errors import NoteMalformed
from specie.crypto.x25519 import generate_secret
from specie.kernel import codec
from specie.kernel.clock import SeededRandomness
from specie.kernel.errors import Refused

ISSUE = build_issue()
SECRET = generate_secret(SeededRandomness(1))
SEALED = cose.seal(ISSUE.credential, SECRET.public(), bytes(16), SeededRandomness(2))
SIGN = cose.assemble_sign(
    "dc-policy",
    codec.encode({1: 2}),
    [(bytes(16), cose.EDDSA, bytes(64)), (b"1" * 16, cose.ES256, bytes(64))],
)
NOTE = (
    "specie/test/qc\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n"
    "\u2014 qc 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
)

SEEDS = [ISSUE.request, ISSUE.control_bit, ISSUE.units[0], SEALED, SIGN, cose.cose_key(bytes(32))]
TOKENS = [
    b"\xa0", b"\x80", b"\xf6", b"\xf5", b"\xf9\x7e\x00", b"\xff", b"\x9f", b"\xbf", b"\x5f", b"\x18\x01",
    b"\x1b" + b"\xff" * 8, b"\x3b" + b"\xff" * 8, b"\xd2", b"\xd8\x12", b"\xc2\x41\x01", b"\x63e\xcc\x81",
    b"\x61\xff", b"\xa2\x01\x01\x01\x01", b"\xa2\x02\x01\x01\x01", b"\x81" * 9, b"\x40", b"\x60",
]  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A good object after a few changes: bytes changed, cut, doubled, or replaced by pieces of CBOR."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["change", "flip", "cut", "double", "token", "end"])):
            case "change" if data:
                data[at] = draw(st.integers(0, 255))
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at : at + draw(st.integers(1, 8))]
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 8))]
            case "token":
                data[at : at + draw(st.integers(0, 3))] = draw(st.sampled_from(TOKENS))
            case "end":
                data += draw(st.binary(max_size=3))
    return bytes(data)


any_bytes = st.one_of(spoiled(), st.binary(max_size=200))


def outcome(parse: Callable[[bytes], object], data: bytes) -> object:
    """What a decoder says: a value or the class of its refusal. Anything else fails the test."""
    try:
        return parse(data)
    except Refused as refusal:
        assert type(refusal).code
        return type(refusal)


CODEC = (codec.Malformed, codec.NonCanonical)
"""With several faults in one object either may be named."""


# SPEC ISSUANCE-3.3.5, ISSUANCE-3.3.6
@settings(max_examples=3000)
@given(any_bytes)
def test_core_and_reference_agree(data: bytes) -> None:
    core, plain = outcome(cose.parse_sign1, data), outcome(reference.parse_sign1, data)
    if core in CODEC or plain in CODEC:
        assert core in CODEC
        assert plain in CODEC
    else:
        assert core == plain


# SPEC ISSUANCE-21.7
@settings(max_examples=3000)
@given(any_bytes)
def test_the_check_of_the_core_is_the_codec(data: bytes) -> None:
    value = outcome(lambda raw: codec.decode(raw, bytes_max=10_000), data)
    status = _core.cbor_check(data, codec.DEPTH_MAX)
    assert (status == 0) == (value not in CODEC)
    if status == 0:
        assert codec.encode(value) == data


DECODERS: dict[str, Callable[[bytes], object]] = {
    "parse_sign1": cose.parse_sign1,
    "parse_sign": cose.parse_sign,
    "parse_key": cose.parse_key,
    "read_sealed": cose.read_sealed,
    "open_sealed": lambda data: cose.open_sealed(data, SECRET),
    "hpke": lambda data: hpke.open_sealed(SECRET, b"", b"", data),
    "match": lambda data: cose.match_to_be_signed_many([data], [b"", data[:10]]),
    "public key": lambda data: [_core.ed25519_check_public(data)],
    "signature": lambda data: _core.ed25519_verify_many([data[:32]], [data], [data[:64]]),
}


@pytest.mark.parametrize("name", DECODERS)
@given(data=any_bytes)
def test_any_bytes_are_accepted_or_refused(name: str, data: bytes) -> None:
    outcome(DECODERS[name], data)


@given(st.text(max_size=80))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    for parse in (note.parse, note.parse_checkpoint):
        try:
            parse(text)
        except Refused as refusal:
            assert isinstance(refusal, NoteMalformed)


@settings(max_examples=500)
@given(st.integers(0, len(NOTE) - 1), st.text(max_size=3), st.integers(0, 3))
def test_a_spoiled_note_is_accepted_or_refused(at: int, piece: str, gone: int) -> None:
    text = NOTE[:at] + piece + NOTE[at + gone :]
    try:
        parsed = note.parse(text)
    except NoteMalformed:
        return
    assert parsed.encode() == text
