"""How values travel to PostgreSQL: always binary, a kind always as the same type.

psycopg's own adapters choose an integer's type by its value: several prepared statements instead of one.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from struct import Struct
from typing import Any

from psycopg.types.numeric import NumericBinaryLoader

from specie.kernel.db.types import Kind

BIGINT, BYTEA, TEXT = 20, 17, 25
_ARRAY_OIDS: dict[Kind, int] = {"int": 1016, "blob": 1001, "text": 1009}
_ARRAY_NAMES: dict[Kind, str] = {"int": "bigint[]", "blob": "bytea[]", "text": "text[]"}
_ELEMENT_OIDS: dict[Kind, int] = {"int": BIGINT, "blob": BYTEA, "text": TEXT}

_array_head = Struct("!iiIii").pack
_length = Struct("!i").pack
_integer = Struct("!q").pack
_integer_element = Struct("!iq").pack
_NULL = _length(-1)

Bound = tuple[int, bytes | None]
"""The type's number (0: let the server find out) and the binary value (None: NULL)."""


class Array:
    """A parameter that holds the values of one column, None among them allowed."""

    __slots__ = ("bound",)

    def __init__(self, kind: Kind, values: Sequence[Any]) -> None:
        elements = _ELEMENTS[kind](values)
        head = _array_head(1, int(None in values), _ELEMENT_OIDS[kind], len(values), 1)
        self.bound: Bound = (_ARRAY_OIDS[kind], head + elements)


def array_type(kind: Kind) -> str:
    """The name of the array's type in SQL."""
    return _ARRAY_NAMES[kind]


def bind(value: object) -> Bound:
    """One parameter. Raises TypeError for a kind that not both dialects know."""
    if isinstance(value, int):
        return BIGINT, _integer(value)
    if isinstance(value, bytes):
        return BYTEA, value
    if isinstance(value, str):
        return TEXT, value.encode()
    if value is None:
        return 0, None
    if isinstance(value, Array):
        return value.bound
    raise TypeError(f"{type(value).__name__} is no parameter: int, bytes, str or None")


def _integer_elements(values: Sequence[int | None]) -> bytes:
    if None in values:
        return b"".join([_NULL if value is None else _integer_element(8, value) for value in values])
    flat: list[Any] = [8] * (2 * len(values))
    flat[1::2] = values
    return _integers_struct(len(values)).pack(*flat)


@lru_cache(maxsize=256)
def _integers_struct(count: int) -> Struct:
    return Struct("!" + "iq" * count)


def _blob_elements(values: Sequence[bytes | None]) -> bytes:
    if None not in values and len(sizes := set(map(len, values))) == 1:  # type: ignore[arg-type]
        head = _length(sizes.pop())
        return head + head.join(values)  # type: ignore[arg-type]
    return b"".join([_NULL if value is None else _length(len(value)) + value for value in values])


def _text_elements(values: Sequence[str | None]) -> bytes:
    return _blob_elements([None if value is None else value.encode() for value in values])


_ELEMENTS: dict[Kind, Callable[[Sequence[Any]], bytes]] = {
    "int": _integer_elements,
    "blob": _blob_elements,
    "text": _text_elements,
}


class WholeNumberLoader(NumericBinaryLoader):
    """The sum of bigints is a numeric; here it is an int again, as it is on SQLite."""

    def load(self, data: Any) -> Decimal:
        """An int, whatever the base class promises. Raises ValueError for a fraction."""
        number = super().load(data)
        if number != number.to_integral_value():
            raise ValueError("a fraction came out of the database")
        return int(number)  # type: ignore[return-value]
