"""What stands in memory: the output log, sizes and roots by height, trees of the window, values read lately.

Trees and log are rebuilt from the rows at the start (ADR 0011). Judging threads read while one thread advances.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from specie.crypto.trees import OutputTable, SparseTree
from specie.kernel.db import Database
from specie.ledger.engine.tip import HEIGHTS_KEPT, LogAt
from specie.ledger.store import reading

VALUES_KEPT = 65_536


class Chain:
    """The committed chain as the rules ask for it; a `ChainReader`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.table = OutputTable()
        self.classes = bytearray()
        """Class of every output, by index."""
        self.log_at: dict[int, LogAt] = {}
        """Size and root of the output log after each of the last heights."""
        self.trees: dict[int, tuple[SparseTree, SparseTree]] = {}
        """(key images, state) after each height of the window."""
        self._values: OrderedDict[tuple[int, bytes], bytes] = OrderedDict()
        self._blocks = 0
        """Blocks that this process has added."""
        self._lock = Lock()

    def used(self, points: bytes) -> bytes:
        """Per point 1 where it is an R or P of the log, or reserved."""
        return self.table.used(points)

    def outputs_at(self, height: int) -> int:
        """Size of the output log after a height; 0 below height 0 and for heights long past."""
        found = self.log_at.get(height)
        return 0 if found is None else found.size

    def entry(self, domain: int, ident: bytes) -> bytes | None:
        """The value of an entry after the last block; from the tables unless it was read lately."""
        key = (domain, ident)
        with self._lock:
            found, blocks = self._values.get(key), self._blocks
        if found is None:
            found = self.database.read_now(lambda tx: reading.entry(tx, domain, ident))
            with self._lock:
                # a checking thread may have read what a block has replaced since
                if found is not None and blocks == self._blocks:
                    self._keep(key, found)
        return found

    def is_final(self, leaf: bytes) -> bool:
        """Whether a tx_leaf or op_id took effect."""
        return self.database.read_now(lambda tx: reading.leaf(tx, leaf)) is not None

    # -- advancing: after the commit, by the one thread that commits

    def append(self, entries: Sequence[tuple[int, int, bytes]], reserved: Sequence[bytes]) -> None:
        """Outputs of a durable block, and points that are reserved from it on."""
        if entries:
            self.table.append(list(entries))
            self.classes.extend(class_ for class_, _, _ in entries)
        if reserved:
            self.table.reserve(b"".join(reserved))

    def wrote(self, writes: dict[tuple[int, bytes], bytes]) -> None:
        """Entries of a durable block."""
        with self._lock:
            self._blocks += 1
            for key, value in writes.items():
                self._keep(key, value)

    def stands(self, height: int, log: LogAt, images: SparseTree, state: SparseTree, window: int) -> None:
        """The chain stands at this height now; what falls out of the windows is let go."""
        self.log_at[height] = log
        self.log_at.pop(height - HEIGHTS_KEPT, None)
        self.trees[height] = (images, state)
        for old in [at for at in self.trees if at < height - window]:
            del self.trees[old]

    def _keep(self, key: tuple[int, bytes], value: bytes) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > VALUES_KEPT:
            self._values.popitem(last=False)
