"""The mark beside the database: (height, app_hash) of the last commit, so that a restored backup is noticed.

Spec: LEDGER-16.2.10.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from specie.ledger.errors import StoreRestored

_NAME = "ledger.mark"
_BYTES = 40


class Mark:
    """A small file that is replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _NAME

    def read(self) -> tuple[int, bytes] | None:
        """(height, app_hash), or None where there is no mark yet. Raises StoreRestored for one that is damaged."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        if len(data) != _BYTES:
            raise StoreRestored("the mark beside the database is damaged")
        return int.from_bytes(data[:8], "little"), data[8:]

    # SPEC LEDGER-16.2.10
    def check(self, height: int, hash_at: Callable[[int], bytes | None]) -> None:
        """Refuse a database that does not reach the mark, or has another block there.

        height: of its last block; hash_at: app_hash of one of its blocks. Raises StoreRestored.
        """
        found = self.read()
        if found is None:
            # the mark follows the first commit: only block 0 can stand without it
            if height > 0:
                raise StoreRestored("the mark beside the database is missing")
            return
        marked, app_hash = found
        if height < marked or hash_at(marked) != app_hash:
            raise StoreRestored(f"the database does not hold block {marked} as it was committed")

    def write(self, height: int, app_hash: bytes) -> None:
        """Replace the mark; durable when this returns."""
        part = self._path.with_suffix(".part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, height.to_bytes(8, "little") + app_hash)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(part, self._path)
        # a folder that cannot be synced (some network disks) still has the file
        with suppress(OSError):
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
