"""Fixed layouts, big-endian as MICROPAY writes them; the rest of the ledger is little-endian."""

from __future__ import annotations

from struct import Struct
from typing import Any, Final

from specie.ledger.errors import NonCanonical

ID_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
ADDRESS_BYTES: Final = 96
NO_SIGNATURE: Final = bytes(SIGNATURE_BYTES)
ZERO: Final = bytes(32)


class Cursor:
    """Reads bytes from the front; whoever has read all calls `done`."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises NonCanonical if there are fewer."""
        end = self._at + count
        if end > len(self._data):
            raise NonCanonical("the bytes end too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def unpack(self, layout: Struct) -> tuple[Any, ...]:
        """The fields of a fixed layout. Raises NonCanonical."""
        return layout.unpack(self.take(layout.size))

    def number(self, count: int) -> int:
        """An unsigned integer of `count` bytes. Raises NonCanonical."""
        return int.from_bytes(self.take(count), "big")

    def done(self) -> None:
        """Raises NonCanonical if bytes trail."""
        if self._at != len(self._data):
            raise NonCanonical("bytes trail")
