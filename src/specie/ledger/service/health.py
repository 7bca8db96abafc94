"""What operators see of a verification node (LEDGER §21.7): whether it is ready, and its figures for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from specie.kernel.errors import Refused, Unavailable
from specie.ledger.api import Ledger
from specie.ledger.messages.parameters import Parameters

BATCHES = (1, 2, 4, 8, 16, 32, 64)
ALL_RULES = "all"
"""The rules of a micro-batch are measured together: one multiscalar multiplication judges them."""


class _Epoch(Protocol):
    @property
    def start(self) -> int: ...


class _Chain(Protocol):
    """The chain after a block."""

    @property
    def height(self) -> int: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def epochs(self) -> Sequence[_Epoch]: ...


class LedgerMetrics:
    """Figures of one node. The engine reports to it as to its observer, and calls it after every block like a duty
    that has nothing to submit. Labels are codes and rules, never anything of a submission."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._height = Gauge("specie_ledger_height", "Height of the last block.", registry=registry)
        self._blocks = Histogram("specie_ledger_block_seconds", "Time to make a block.", registry=registry)
        self._verify = Histogram(
            "specie_ledger_verify_seconds", "Time to judge a micro-batch.", ["rule"], registry=registry
        )
        self._batch = Histogram(
            "specie_ledger_batch_size", "Submissions in a micro-batch.", buckets=BATCHES, registry=registry
        )
        self._mempool = Gauge("specie_ledger_mempool", "Submissions that wait.", registry=registry)
        self._refusals = Counter("specie_ledger_refusals", "Refused submissions.", ["code"], registry=registry)
        self._ring = Gauge("specie_ledger_ring_size", "RING_SIZE in force.", registry=registry)
        self._age = Gauge("specie_ledger_epoch_age_blocks", "Blocks since the epoch began.", registry=registry)
        self._pool = Gauge("specie_ledger_escrow_pool_minor", "Minor units in escrows.", registry=registry)
        self._difference = Gauge(
            "specie_ledger_supply_difference_minor", "What is missing or too much; must be 0.", registry=registry
        )
        self._alarms = Counter("specie_ledger_alarms", "What a person must look at.", ["code"], registry=registry)

    def block(self, height: int, frames: int, seconds: float) -> None:
        """A block is durable."""
        self._height.set(height)
        self._blocks.observe(seconds)

    def verified(self, size: int, seconds: float) -> None:
        """A micro-batch was judged."""
        self._batch.observe(size)
        self._verify.labels(ALL_RULES).observe(seconds)

    def refused(self, code: str) -> None:
        """A submission was refused."""
        self._refusals.labels(code).inc()

    def waiting(self, count: int) -> None:
        """So many frames wait."""
        self._mempool.set(count)

    def supply(self, escrow_pool: int, difference: int) -> None:
        """After each block."""
        self._pool.set(escrow_pool)
        self._difference.set(difference)

    def alarm(self, code: str, detail: str) -> None:
        """Something a person must look at; the detail goes where the composition logs it."""
        self._alarms.labels(code).inc()

    async def frames(self, chain: _Chain) -> Sequence[bytes]:
        """Takes what only the chain knows; has nothing to submit."""
        self._height.set(chain.height)
        self._ring.set(chain.parameters.ring_size)
        begun = [epoch.start for epoch in chain.epochs if epoch.start <= chain.height]
        self._age.set(chain.height - begun[-1] if begun else 0)
        return []


def readiness(ledger: Ledger, has_key: Callable[[int], bool]) -> Callable[[], Awaitable[Mapping[str, bool | str]]]:
    """Checks for `/readyz`: the database answers, the key of the epoch in force is here, the validators are up.

    has_key: whether this node holds the key of an epoch.
    """

    async def checks() -> Mapping[str, bool | str]:
        try:
            await ledger.headers(0, 1)
            status = await ledger.status()
        except (Refused, Unavailable) as error:
            return {"database": str(error)}
        key = has_key(status.epoch) or f"the key of epoch {status.epoch} is not here"
        lag = status.validators_up >= status.validators or "the node has stopped making blocks"
        return {"database": True, "epoch_key": key, "blocks": lag}

    return checks
