"""Deterministic CBOR, RFC 8949 section 4.2.1, and the strict reading of ISSUANCE-3.3.5.

Values are int, bytes, str, bool, list, dict, Tag; None can be written (the COSE key derivation needs it) and
is never read.
"""

from __future__ import annotations

import unicodedata
from typing import Any, NamedTuple

DEPTH_MAX = 8
BYTES_MAX = 16 * 1024
BYTES_MAX_LARGE = 256 * 1024  # manifest and policy


class Malformed(ValueError):
    """Not CBOR of the profile at all."""


class NonCanonical(ValueError):
    """CBOR, but not the one encoding of its value."""


class TooLarge(ValueError):
    """Longer than its kind may be."""


class Tag(NamedTuple):
    """A tagged value."""

    number: int
    value: Any


def _head(major: int, n: int) -> bytes:
    if n < 24:
        return bytes([major << 5 | n])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 1 << (8 * size):
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError("integer does not fit 64 bits")


def encode(value: Any) -> bytes:
    """The one encoding: shortest heads, definite lengths, keys in bytewise order of their encodings."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, Tag):
        return _head(6, value.number) + encode(value.value)
    if isinstance(value, list | tuple):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(k), encode(v)) for k, v in value.items())
        return _head(5, len(pairs)) + b"".join(k + v for k, v in pairs)
    raise TypeError(f"{type(value).__name__} has no place in the profile")


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument and the place after them."""
    if at >= len(data):
        raise Malformed("ends inside an item")
    major, info = data[at] >> 5, data[at] & 31
    if major == 7 and info not in (20, 21):
        raise Malformed("floats, null, undefined and other simple values are not used")
    if info < 24:
        return major, info, at + 1
    if info == 31:
        raise NonCanonical("indefinite length")
    if info > 27:
        raise Malformed("reserved head")
    end = at + 1 + (1 << (info - 24))
    if end > len(data):
        raise Malformed("ends inside a head")
    return major, int.from_bytes(data[at + 1 : end], "big"), end


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed("text is not UTF-8") from error
    if unicodedata.normalize("NFC", text) != text:
        raise NonCanonical("text is not NFC")
    return text


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > DEPTH_MAX:
        raise Malformed("nested too deep")
    major, n, at = _read_head(data, at)
    if major in (0, 1):
        return (n if major == 0 else -1 - n), at
    if major in (2, 3):
        if at + n > len(data):
            raise Malformed("ends inside a string")
        raw = data[at : at + n]
        return (raw if major == 2 else _text(raw)), at + n
    if major == 7:
        return n == 21, at
    if major == 6:
        value, at = _read(data, at, depth + 1)
        return Tag(n, value), at
    if n > len(data) - at:
        raise Malformed("more members than bytes")
    if major == 4:
        members = []
        for _ in range(n):
            member, at = _read(data, at, depth + 1)
            members.append(member)
        return members, at
    pairs: dict[Any, Any] = {}
    for _ in range(n):
        key, at = _read(data, at, depth + 1)
        if not isinstance(key, int | str | bytes):
            raise Malformed("a key is an integer, a text or a byte string")
        if key in pairs:
            raise NonCanonical("duplicate key")
        pairs[key], at = _read(data, at, depth + 1)
    return pairs, at


def decode(data: bytes, bytes_max: int = BYTES_MAX) -> Any:
    """Read one item and nothing else. Raises TooLarge, Malformed, NonCanonical. Spec: 3.3.5, 3.3.6."""
    if len(data) > bytes_max:
        raise TooLarge(f"{len(data)} bytes, at most {bytes_max}")
    value, end = _read(data, 0, 1)
    if end != len(data):
        raise Malformed("trailing bytes")
    if encode(value) != data:  # unsorted keys, long heads
        raise NonCanonical("another encoding of the same value exists")
    return value
