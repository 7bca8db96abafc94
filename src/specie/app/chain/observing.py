"""What the ledger's engine reports, as the metrics of LEDGER section 21.7."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge, Histogram

from specie.ledger.engine.ports import Observer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class LedgerObserver(Observer):
    """Counts blocks, batches and refusals of one verification node; never what was in them (LEDGER-21.1.5)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.log = structlog.get_logger("specie.ledger")
        self.height = Gauge("specie_ledger_height", "Height of the last block.", registry=registry)
        self.block_seconds = Histogram("specie_ledger_block_seconds", "Time to make a block.", registry=registry)
        self.verify = Histogram(
            "specie_ledger_verify_seconds", "Time to judge a micro-batch.", ["rule"], registry=registry
        )
        self.batch = Histogram(
            "specie_ledger_batch_size",
            "Transactions of a micro-batch.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.mempool = Gauge("specie_ledger_mempool", "Frames that wait.", registry=registry)
        self.refusals = Counter("specie_ledger_refusals", "Refused submissions.", ["code"], registry=registry)
        self.ring_size = Gauge("specie_ledger_ring_size", "Members of a ring.", registry=registry)
        self.epoch_age = Gauge("specie_ledger_epoch_age_blocks", "Blocks since the epoch began.", registry=registry)
        self.pool = Gauge("specie_ledger_escrow_pool_minor", "Value in open escrows, minor units.", registry=registry)
        self.difference = Gauge(
            "specie_ledger_supply_difference_minor", "Left less right side of LEDGER 9.4; 0.", registry=registry
        )

    def block(self, height: int, frames: int, seconds: float) -> None:
        self.height.set(height)
        self.block_seconds.observe(seconds)

    def verified(self, size: int, seconds: float) -> None:
        self.verify.labels("all").observe(seconds)
        self.batch.observe(size)

    def refused(self, code: str) -> None:
        self.refusals.labels(code).inc()

    def waiting(self, count: int) -> None:
        self.mempool.set(count)

    def supply(self, escrow_pool: int, difference: int) -> None:
        self.pool.set(escrow_pool)
        self.difference.set(difference)

    def alarm(self, code: str, detail: str) -> None:
        self.log.error("alarm", code=code, detail=detail)
