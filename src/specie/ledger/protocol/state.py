"""What the rules of public operations see and change: one view of the chain inside one block.

Whatever a rule puts counts only if it returns; the machine drops the view of an operation that was refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.parameters import Parameters
from specie.ledger.messages.state import AuthorityEntry, Domain, EpochState


@dataclass(slots=True)
class Totals:
    """What a block has moved so far, in minor units. The first six go into record and header; with the two last ones
    they are all that the counters of domain 9 need of operations.
    """

    fee: int = 0
    mint: int = 0
    burn: int = 0
    refund: int = 0
    escrow_in: int = 0
    escrow_out: int = 0
    paid_account: int = 0
    """Withdrawals that became PAID with outcome 1."""
    paid_redeemed: int = 0
    """Withdrawals that became PAID with outcome 2."""


@dataclass(frozen=True, slots=True)
class ScheduledChange:
    """An accepted change of parameters; it takes effect at the start of the block `effective_height`."""

    version: int
    op_id: bytes
    effective_height: int
    changes: Mapping[int, Any]
    """As `decode_changes` answers them."""


class State(Protocol):
    """The chain as one operation sees it: the store, over it the block so far, over it the operation itself."""

    genesis: Genesis
    height: int
    """Of the block being made."""
    time_ms: int
    """Of the block being made."""
    prev_app_hash: bytes
    # SPEC LEDGER-7.26
    parameters: Parameters
    """As at the start of the block."""
    totals: Totals
    """Of the block; a rule adds what it moves. Payouts are added by the contract, not by `pay`."""

    @property
    def scheduled(self) -> Parameters:
        """Parameters with every accepted change applied, in effect or not."""
        ...

    @property
    def last_effective_height(self) -> int:
        """The highest effective_height of the accepted changes; 0 for none."""
        ...

    def schedule(self, change: ScheduledChange) -> None:
        """Let a change take effect at its height."""
        ...

    def get(self, domain: Domain, ident: bytes) -> bytes | None:
        """Value of an entry, in this block's order."""
        ...

    def put(self, domain: Domain, ident: bytes, value: bytes) -> None:
        """Set an entry."""
        ...

    def authority(self, kid: bytes) -> AuthorityEntry | None:
        """A key, as at the start of the block."""
        ...

    def authorities(self, role: int, key: bytes) -> Sequence[AuthorityEntry]:
        """The entries of this role with this key, as at the start of the block."""
        ...

    def epoch(self, number: int) -> EpochState | None:
        """An epoch, as at the start of the block."""
        ...

    def is_point_used(self, point: bytes) -> bool:
        """Is it an R or a P of the log, reserved, or of this block?"""
        ...

    def add_output(self, kind: int, class_: int, ctx: bytes, output: bytes) -> None:
        """An output of a mint, or a refund; its R and P become used."""
        ...

    def pay(self, cid: bytes, seq: int, party: int, pay: bytes, value: int) -> None:
        """A payout of an escrow; the machine makes the output (kind 4)."""
        ...

    def reserve_points(self, points: bytes) -> None:
        """R and P of a refund stub, 32 bytes each, become used."""
        ...

    def add_kernel(self, excess: bytes) -> None:
        """The kernel of a mint, for the block equation."""
        ...

    def is_final(self, op_id: bytes) -> bool:
        """Did an operation with this id take effect before?"""
        ...
