"""What the contract needs of the ledger that it runs in; nothing here knows where that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from specie.ledger.messages.authority import AuthorityEntry
from specie.ledger.messages.state import Domain


class ChainNames(Protocol):
    """The two names of this ledger that a channel signs."""

    @property
    def chain_id(self) -> bytes: ...

    @property
    def asset(self) -> bytes:
        """4 bytes."""
        ...


class Limits(Protocol):
    """The one parameter of escrows."""

    @property
    def escrow_ops_max(self) -> int: ...


class EscrowTotals(Protocol):
    """The block's sums of money into and out of escrows; the contract adds to them."""

    escrow_in: int
    escrow_out: int


class Books(Protocol):
    """The state as the operation before this one left it."""

    @property
    def genesis(self) -> ChainNames: ...

    @property
    def parameters(self) -> Limits:
        """As at the start of the block."""
        ...

    @property
    def totals(self) -> EscrowTotals: ...

    @property
    def time_ms(self) -> int:
        """Ledger time: the time of the block."""
        ...

    def get(self, domain: Domain, ident: bytes) -> bytes | None: ...

    def put(self, domain: Domain, ident: bytes, value: bytes) -> None: ...

    def pay(self, cid: bytes, seq: int, party: int, pay: bytes, value: int) -> None:
        """Make one output to an address; the totals are the contract's affair."""
        ...

    def authorities(self, role: int, key: bytes) -> Sequence[AuthorityEntry]:
        """The entries of this role with this key, as at the start of the block."""
        ...


class Operated(Protocol):
    """A frame: its type and its body."""

    @property
    def type(self) -> int: ...

    @property
    def body(self) -> bytes: ...
