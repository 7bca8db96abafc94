"""Bytes read from the left, strictly: little-endian, fixed widths, nothing left over."""

from __future__ import annotations


class Malformed(ValueError):
    """Bytes that are not the one encoding of what they should be."""


def need(holds: object, why: str) -> None:
    if not holds:
        raise Malformed(why)


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        need(size <= len(self.data) - self.at, "ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def many(self, count: int, size: int) -> list[bytes]:
        return [self.take(size) for _ in range(count)]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def done(self) -> None:
        need(self.at == len(self.data), "trailing bytes")
