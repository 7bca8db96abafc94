"""Strict little-endian reading and writing: fixed widths, nothing left over."""

from __future__ import annotations

from itertools import pairwise
from typing import NoReturn

from specie.ledger.errors import NonCanonical, Rejected

AMOUNT_MAX = 2**62 - 1
"""Largest amount in minor units (LEDGER section 23.1)."""


class Reader:
    """Reads bytes from the front; whatever does not fit is refused.

    refusal: the class that a fault is refused with; rule: the label in its facts.
    """

    __slots__ = ("_at", "_data", "_refusal", "_rule")

    def __init__(self, data: bytes, refusal: type[Rejected] = NonCanonical, rule: str | None = None) -> None:
        self._data = bytes(data)
        self._at = 0
        self._refusal = refusal
        self._rule = rule

    @property
    def at(self) -> int:
        """How many bytes were read."""
        return self._at

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._at

    def fail(self, detail: str) -> NoReturn:
        """Refuse."""
        if self._rule is None:
            raise self._refusal(detail)
        raise self._refusal(detail, rule=self._rule)

    def take(self, size: int) -> bytes:
        """Exactly so many bytes."""
        end = self._at + size
        if end > len(self._data):
            self.fail(f"{size} bytes expected at {self._at}, {self.left} are there")
        found = self._data[self._at : end]
        self._at = end
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def number(self, size: int) -> int:
        """An unsigned integer of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def u8(self) -> int:
        return self.number(1)

    def u16(self) -> int:
        return self.number(2)

    def u32(self) -> int:
        return self.number(4)

    def u64(self) -> int:
        return self.number(8)

    def u128(self) -> int:
        return self.number(16)

    def many(self, count: int, size: int) -> tuple[bytes, ...]:
        """So many items of one size; what is not there is refused before anything is built."""
        data = self.take(count * size)
        return tuple(data[at : at + size] for at in range(0, len(data), size))

    def sized8(self) -> bytes:
        """A length of one byte, and so many bytes."""
        return self.take(self.u8())

    def sized16(self) -> bytes:
        """A length of two bytes, and so many bytes."""
        return self.take(self.u16())

    def sized32(self) -> bytes:
        """A length of four bytes, and so many bytes."""
        return self.take(self.u32())

    def magic(self, expected: bytes) -> None:
        """Exactly these bytes."""
        if self.take(len(expected)) != expected:
            self.fail(f"{expected.decode('ascii')} expected")

    def ascii(self, data: bytes) -> str:
        """Bytes just read, as printable ASCII."""
        if not all(0x20 < byte < 0x7F for byte in data):
            self.fail("printable ASCII expected")
        return data.decode("ascii")

    def done(self) -> None:
        """Nothing may be left."""
        if self.left:
            self.fail(f"{self.left} bytes follow the object")


def put_u8(value: int) -> bytes:
    """One byte. As all writers here, raises OverflowError for a number that does not fit: a bug of the caller."""
    return value.to_bytes(1, "little")


def put_u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def put_u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def put_u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def put_u128(value: int) -> bytes:
    return value.to_bytes(16, "little")


def put_sized8(data: bytes) -> bytes:
    """The length in one byte, and the bytes."""
    return put_u8(len(data)) + data


def put_sized16(data: bytes) -> bytes:
    """The length in two bytes, and the bytes."""
    return put_u16(len(data)) + data


def put_sized32(data: bytes) -> bytes:
    """The length in four bytes, and the bytes."""
    return put_u32(len(data)) + data


def put_list8(items: tuple[bytes, ...]) -> bytes:
    """The number of items in one byte, and the items."""
    return put_u8(len(items)) + b"".join(items)


def is_ascending(items: tuple[bytes, ...]) -> bool:
    """Strictly ascending, compared as bytes from the first one on."""
    return all(one < other for one, other in pairwise(items))
