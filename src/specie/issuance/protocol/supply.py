"""The figures and the Merkle-sum root of a supply statement (ISSUANCE section 15.4), kept as the log grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from specie.crypto import sumtree
from specie.kernel import codec

Totals = dict[str, tuple[int, int, dict[str, tuple[int, int]]]]
STATE_BYTES_MAX = 2**20


class Counted(Protocol):
    """A log leaf that changed the supply."""

    @property
    def kind(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def issuer(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def object(self) -> bytes: ...


def sum_leaf(amount: int, object_hash: bytes) -> sumtree.Node:
    """A leaf of the sum trees: the amount, and SHA-256(0x00 || the object hash that the log leaf names)."""
    return sumtree.Node(amount, sha256(b"\x00" + object_hash).digest())


# SPEC ISSUANCE-15.4.2
def supply_root(issued: sumtree.Node, returned: sumtree.Node) -> bytes:
    """One root over two trees, since sums are never negative: what was issued, and what came back."""
    return sha256(b"\x04" + issued.pack() + returned.pack()).digest()


@dataclass(frozen=True, slots=True)
class SupplyState:
    """Everything counted up to a log position."""

    seq: int = 0
    issued: sumtree.SumFrontier = field(default_factory=sumtree.SumFrontier)
    returned: sumtree.SumFrontier = field(default_factory=sumtree.SumFrontier)
    totals: Totals = field(default_factory=dict)

    def after(self, rows: Sequence[Counted], seq: int) -> SupplyState:
        """The state with further leaves counted, in log order."""
        totals = {code: (a, b, dict(issuers)) for code, (a, b, issuers) in self.totals.items()}
        for row in rows:
            out, back = (row.amount, 0) if row.kind == "use" else (0, row.amount)
            a, b, issuers = totals.get(row.currency, (0, 0, {}))
            mine = issuers.get(row.issuer, (0, 0))
            issuers[row.issuer] = (mine[0] + out, mine[1] + back)
            totals[row.currency] = (a + out, b + back, issuers)
        out_leaves = [sum_leaf(row.amount, row.object) for row in rows if row.kind == "use"]
        back_leaves = [sum_leaf(row.amount, row.object) for row in rows if row.kind != "use"]
        return SupplyState(seq, self.issued.append(out_leaves), self.returned.append(back_leaves), totals)

    def encode(self) -> bytes:
        """As the store keeps it."""
        return codec.encode(
            [
                self.seq,
                [self.issued.size, self.issued.encode()],
                [self.returned.size, self.returned.encode()],
                {
                    code: [a, b, {k: list(v) for k, v in issuers.items()}]
                    for code, (a, b, issuers) in self.totals.items()
                },
            ]
        )

    @classmethod
    def decode(cls, data: bytes | None) -> SupplyState:
        """The stored state; the empty one for None."""
        if data is None:
            return cls()
        value: Any = codec.decode(data, bytes_max=STATE_BYTES_MAX)
        seq, issued, returned, totals = value
        return cls(
            seq,
            sumtree.SumFrontier.decode(issued[1], issued[0]),
            sumtree.SumFrontier.decode(returned[1], returned[0]),
            {
                code: (a, b, {issuer: (pair[0], pair[1]) for issuer, pair in issuers.items()})
                for code, (a, b, issuers) in totals.items()
            },
        )
