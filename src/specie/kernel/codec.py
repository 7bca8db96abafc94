"""Canonical CBOR: one spelling for every value, and nothing but that spelling is read.

Core deterministic encoding of RFC 8949 section 4.2.1 over a small set of types: int (64 bits), bytes, str
(NFC), bool, list or tuple, dict with int, str or bytes as keys, and CBORTag. No floats, null or undefined.

Reading is done by `cbor2`, judging by encoding again: what does not come back byte for byte is refused.
Writing is done here, since `cbor2` orders keys by their length first (RFC 7049) and takes twice as long.
"""

from collections.abc import Callable
from operator import itemgetter
from struct import Struct
from typing import Any, NoReturn
from unicodedata import is_normalized

from cbor2 import CBORTag, frozendict, loads

from specie.kernel.errors import Refused

DEPTH_MAX = 8
"""Arrays, maps and tags inside each other, in any mixture."""

_INT_END = 1 << 64
_SCAN_BYTES_MIN = 4_096

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)
_TOO_DEEP = "arrays, maps and tags are nested too deeply"

_pack_16 = Struct(">BH").pack
_pack_32 = Struct(">BI").pack
_pack_64 = Struct(">BQ").pack


class Malformed(Refused):
    """Not CBOR, or CBOR that cannot be ours: a float, null, foreign tag, duplicate key, too deep."""

    code = "codec.malformed"
    status = 400


class NonCanonical(Refused):
    """Another spelling of a value than the one canonical one."""

    code = "codec.non_canonical"
    status = 400


class TooLarge(Refused):
    """More bytes than this object may have."""

    code = "codec.too_large"
    status = 413


class _NotNormalised(ValueError):
    """Text that is not NFC: it has a canonical twin."""


def _head(major: int, argument: int) -> bytes:
    """The first bytes of an item, in the shortest form. Raises ValueError beyond 64 bits."""
    major <<= 5
    if argument < 24:
        return bytes((major | argument,))
    if argument < 0x100:
        return bytes((major | 24, argument))
    if argument < 0x1_0000:
        return _pack_16(major | 25, argument)
    if argument < 0x1_0000_0000:
        return _pack_32(major | 26, argument)
    if argument < _INT_END:
        return _pack_64(major | 27, argument)
    raise ValueError("an integer has more than 64 bits")


_INT_HEADS = tuple(_head(_UNSIGNED, n) for n in range(256))
_BYTES_HEADS = tuple(_head(_BYTES, n) for n in range(256))
_TEXT_HEADS = tuple(_head(_TEXT, n) for n in range(256))
_ARRAY_HEADS = tuple(_head(_ARRAY, n) for n in range(256))
_MAP_HEADS = tuple(_head(_MAP, n) for n in range(256))


def encode(value: object, *, depth_max: int = DEPTH_MAX) -> bytes:
    """The one canonical encoding of a value; maps may come in any order.

    Raises TypeError for a value of another type (a float, None) and ValueError for one out of bounds (an
    integer beyond 64 bits, text that is not NFC, too deep): both are bugs of the caller.
    Spec: ISSUANCE-3.3.7.  Source: RFC 8949 section 4.2.1.
    """
    out: list[bytes] = []
    _put(value, out, depth_max, None)
    return b"".join(out)


def decode(data: bytes, *, bytes_max: int, depth_max: int = DEPTH_MAX, tags: frozenset[int] = frozenset()) -> object:
    """The value of exactly these bytes: int, bytes, str, bool, list, dict, and those CBORTags in `tags`.

    Inside a tag, arrays are tuples and maps are `frozendict`s (cbor2's, since a tag is hashable).
    Time and memory are linear in `bytes_max`, whatever the bytes claim about their lengths.

    Raises, in this order: TooLarge, Malformed, NonCanonical.
    Spec: ISSUANCE-3.3.5, ISSUANCE-3.3.6, ISSUANCE-20.22, ISSUANCE-20.23.
    """
    size = len(data)
    # SPEC ISSUANCE-3.3.5, ISSUANCE-20.22
    if size > bytes_max:
        raise TooLarge(f"{size} bytes, at most {bytes_max} are allowed", bytes_max=bytes_max)
    if size > _SCAN_BYTES_MIN:
        _check_shape(data, depth_max)
    out: list[bytes] = []
    try:
        value: object = loads(data, max_depth=depth_max + 2, allow_duplicate_keys=False, semantic_decoders=_NO_MEANINGS)
        _put(value, out, depth_max, tags)
    except _NotNormalised as error:
        raise NonCanonical("text is not in Unicode normal form C") from error
    except Exception as error:
        raise Malformed("these bytes are not an object of the canonical profile") from error
    # SPEC ISSUANCE-3.3.6, ISSUANCE-20.23
    again = b"".join(out)
    if again != data:
        if data.startswith(again):
            raise Malformed("bytes follow the object")
        raise NonCanonical("the object has another, canonical spelling")
    return value


def decode_checked(data: bytes) -> object:
    """The value of bytes that the core has found to be one untagged item in the strict form; nothing is judged again.

    `decode` takes four times as long, since it judges by encoding. Raises Malformed where the bytes were not checked.
    """
    try:
        value: object = loads(data, max_depth=DEPTH_MAX + 2, semantic_decoders=_NO_MEANINGS)
    except Exception as error:
        raise Malformed("these bytes are not an object of the canonical profile") from error
    return value


def _put(value: Any, out: list[bytes], depth: int, tags: frozenset[int] | None) -> None:
    """Append the encoding of a value; `depth` containers may still open, `tags` are allowed (None: any)."""
    _WRITERS.get(type(value), _put_other)(value, out, depth, tags)


def _put_map(items: dict[Any, Any], out: list[bytes], depth: int, tags: frozenset[int] | None) -> None:
    """The hot loop: the commonest kinds are spelled out here, which halves the time of a whole object."""
    if depth <= 0:
        raise ValueError(_TOO_DEEP)
    put = out.append
    size = len(items)
    start = len(out)
    put(_MAP_HEADS[size] if size < 256 else _head(_MAP, size))
    last = b""
    for key, value in items.items():
        name = _INT_HEADS[key] if type(key) is int and 0 <= key < 256 else _key(key)
        # SPEC ISSUANCE-3.3.7
        if name <= last:
            del out[start + 1 :]
            _put_sorted(items, out, depth - 1, tags)
            return
        last = name
        put(name)
        kind = type(value)
        if kind is bytes:
            size = len(value)
            put(_BYTES_HEADS[size] if size < 256 else _head(_BYTES, size))
            put(value)
        elif kind is int:
            if 0 <= value < 256:
                put(_INT_HEADS[value])
            elif 0xFFFF < value < 0x1_0000_0000:
                put(_pack_32(0x1A, value))
            else:
                put(_integer(value))
        elif kind is str and value.isascii():
            size = len(value)
            put(_TEXT_HEADS[size] if size < 256 else _head(_TEXT, size))
            put(value.encode())
        else:
            _WRITERS.get(kind, _put_other)(value, out, depth - 1, tags)


def _put_sorted(items: dict[Any, Any], out: list[bytes], depth: int, tags: frozenset[int] | None) -> None:
    """The members of a map that is not yet in the bytewise order of its encoded keys."""
    for name, value in sorted(((_key(key), value) for key, value in items.items()), key=itemgetter(0)):
        out.append(name)
        _put(value, out, depth, tags)


def _put_array(items: list[Any] | tuple[Any, ...], out: list[bytes], depth: int, tags: frozenset[int] | None) -> None:
    if depth <= 0:
        raise ValueError(_TOO_DEEP)
    put = out.append
    size = len(items)
    put(_ARRAY_HEADS[size] if size < 256 else _head(_ARRAY, size))
    for value in items:
        kind = type(value)
        if kind is bytes:
            size = len(value)
            put(_BYTES_HEADS[size] if size < 256 else _head(_BYTES, size))
            put(value)
        elif kind is int:
            put(_INT_HEADS[value] if 0 <= value < 256 else _integer(value))
        else:
            _WRITERS.get(kind, _put_other)(value, out, depth - 1, tags)


def _put_tag(tag: CBORTag, out: list[bytes], depth: int, tags: frozenset[int] | None) -> None:
    if depth <= 0:
        raise ValueError(_TOO_DEEP)
    # SPEC ISSUANCE-3.3.5
    if tag.tag in _NO_MEANINGS or (tags is not None and tag.tag not in tags):
        raise ValueError(f"tag {tag.tag} does not belong here")
    out.append(_head(_TAG, tag.tag))
    _put(tag.value, out, depth - 1, tags)


def _key(key: object) -> bytes:
    if isinstance(key, (int, str, bytes)) and not isinstance(key, bool):
        return _scalar(key)
    raise TypeError(f"{type(key).__name__} cannot be a key")


def _integer(value: int) -> bytes:
    return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)


def _scalar(value: object) -> bytes:
    """One item that holds no others; subclasses count as what they are (enumerations, sized byte strings)."""
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        # SPEC ISSUANCE-3.3.5
        if not value.isascii() and not is_normalized("NFC", value):
            raise _NotNormalised("text is not in Unicode normal form C")
        raw = value.encode()
        return _head(_TEXT, len(raw)) + raw
    raise TypeError(f"{type(value).__name__} has no canonical encoding")


def _put_other(value: Any, out: list[bytes], depth: int, tags: frozenset[int] | None) -> None:
    """A scalar, or a subclass of a container as that container."""
    if isinstance(value, dict):
        _put_map(value, out, depth, tags)
    elif isinstance(value, (list, tuple)):
        _put_array(value, out, depth, tags)
    else:
        out.append(_scalar(value))


_Writer = Callable[[Any, list[bytes], int, frozenset[int] | None], None]
_WRITERS: dict[type, _Writer] = {
    dict: _put_map,
    frozendict: _put_map,
    list: _put_array,
    tuple: _put_array,
    CBORTag: _put_tag,
}


def _refuse_meaning(_: object, __: bool) -> NoReturn:
    raise ValueError("a tag whose meaning is not ours")


# Tags for which cbor2 has a decoder of its own: big numbers, dates, shared references, patterns. Some of them
# do unbounded work for a few bytes, so they are stopped before their content is looked at.
_NO_MEANINGS = dict.fromkeys(
    (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799),
    _refuse_meaning,
)


def _check_shape(data: bytes, depth_max: int) -> None:
    """Walk the heads of a larger object before it is built.

    Arrays as keys become Python tuples, whose hash anyone can collide: 200 KiB of them would keep `loads`
    busy for seconds. Small objects cannot do that harm and skip this walk.

    Raises, in this order of the bytes: Malformed, NonCanonical.
    """
    size = len(data)
    position = 0
    pending = [1]
    in_map = [False]
    while pending:
        left = pending[-1]
        if left == 0:
            pending.pop()
            in_map.pop()
            continue
        is_key = in_map[-1] and left % 2 == 0
        pending[-1] = left - 1
        if position >= size:
            raise Malformed("the object ends too early")
        major, info = data[position] >> 5, data[position] & 31
        position += 1
        argument = info
        if info == 31:
            raise NonCanonical("an indefinite length")
        if info >= 24:
            width = 1 << (info - 24)
            argument = int.from_bytes(data[position : position + width], "big")
            position += width
        if major in (_BYTES, _TEXT):
            position += argument
        elif _ARRAY <= major <= _TAG:
            if is_key or len(pending) > depth_max or (major != _TAG and argument > size):
                raise Malformed("a compound key, too deep, or longer than its bytes")
            pending.append(1 if major == _TAG else argument << (major == _MAP))
            in_map.append(major == _MAP)
    if position > size:
        raise Malformed("the object ends too early")
