"""What the engine needs of others: epoch keys, duties, and whoever wants to hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from specie.crypto.transactions import EpochKey
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.parameters import Parameters


class EpochKeys(Protocol):
    """Private keys of epochs; they live in the enclave."""

    def key(self, epoch: int) -> EpochKey | None:
        """The key of an epoch, or None where this node has none (LEDGER-7.25)."""
        ...

    def erase_through(self, epoch: int) -> None:
        """Erase the keys of this epoch and of all before it, for ever (LEDGER-12.3.2, 20.1.1)."""
        ...


@dataclass(frozen=True, slots=True)
class EpochEntry:
    """An epoch as the ledger knows it."""

    epoch: int
    suite: int
    public_key: bytes
    key_id: bytes
    ratchet_commit: bytes
    start: int
    end: int
    """First and last height."""
    height: int
    """Where its operation stands."""


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """The chain after its last block, for whoever has something to submit."""

    genesis: Genesis
    chain_id: bytes
    height: int
    time_ms: int
    parameters: Parameters
    epochs: tuple[EpochEntry, ...]


class Duty(Protocol):
    """Work that follows blocks: it may answer with frames, which are submitted like anybody's."""

    async def frames(self, chain: ChainFacts) -> Sequence[bytes]:
        """Called at the start and after every block; the same frame may come again until it is final."""
        ...


class Observer:
    """What the engine reports of itself; the app hangs its metrics here. This one reports nothing."""

    def block(self, height: int, frames: int, seconds: float) -> None:
        """A block is durable."""

    def verified(self, size: int, seconds: float) -> None:
        """A micro-batch was judged."""

    def refused(self, code: str) -> None:
        """A submission was refused."""

    def waiting(self, count: int) -> None:
        """So many frames wait for verification or for a block."""

    def supply(self, escrow_pool: int, difference: int) -> None:
        """After each block; the difference of LEDGER-9.4 must be 0."""

    def alarm(self, code: str, detail: str) -> None:
        """Something a person must look at."""
