"""What the engines report, as metrics and log lines (ISSUANCE section 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge, Histogram

from specie.issuance.engine.desk import Observer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from specie.issuance.api import Quotas


class MetricsObserver(Observer):
    """Counts calls, batches and alarms of one system."""

    def __init__(self, registry: CollectorRegistry, system: str) -> None:
        self.system = system
        self.log = structlog.get_logger("specie.issuance")
        self.requests = Counter(
            "specie_issuance_requests", "Requests by step and code.", ["step", "code"], registry=registry
        )
        self.steps = Histogram(
            "specie_issuance_step_seconds", "Duration of a batch of a step.", ["step"], registry=registry
        )
        self.batch_size = Histogram(
            "specie_issuance_batch_size",
            "Items per write transaction.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=registry,
        )
        self.commit = Histogram("specie_issuance_commit_seconds", "Duration of a write transaction.", registry=registry)
        self.alarms = Counter("specie_issuance_alarms", "Things a person must look at.", ["code"], registry=registry)
        self.cap = Gauge("specie_issuance_quota_cap", "Cap of a bucket.", ["bucket"], registry=registry)
        self.reserved = Gauge("specie_issuance_quota_reserved", "Reserved in a bucket.", ["bucket"], registry=registry)
        self.used = Gauge("specie_issuance_quota_used", "Used of a bucket.", ["bucket"], registry=registry)
        self.exhaustion = Gauge(
            "specie_issuance_quota_exhaustion_seconds",
            "Time until a bucket is empty at the present rate.",
            ["bucket"],
            registry=registry,
        )
        self.outbox_age = Gauge(
            "specie_issuance_outbox_age_seconds", "Age of the oldest unsent entry.", registry=registry
        )
        self.key_expires = Gauge(
            "specie_issuance_key_expires_seconds", "Time until a signing key stops.", ["role"], registry=registry
        )
        self.reserve_age = Gauge(
            "specie_issuance_reserve_age_seconds",
            "Age of the newest reserve attestation.",
            ["currency"],
            registry=registry,
        )
        self.log_size = Gauge("specie_issuance_log_size", "Leaves of the log.", registry=registry)
        self.invariant = Gauge("specie_issuance_invariant_ok", "1 where an invariant holds.", ["id"], registry=registry)
        self._last: dict[str, tuple[int, int]] = {}

    def request(self, step: str, code: str) -> None:
        self.requests.labels(step, code).inc()

    def step(self, step: str, seconds: float) -> None:
        self.steps.labels(step).observe(seconds)

    def batch(self, size: int, seconds: float) -> None:
        self.batch_size.observe(size)
        self.commit.observe(seconds)

    # SPEC ISSUANCE-17.2
    def alarm(self, code: str, detail: str) -> None:
        self.alarms.labels(code).inc()
        self.log.error("alarm", system=self.system, code=code, detail=detail)

    def figures(self, quotas: Quotas) -> None:
        """Gauges of the buckets; alarms above 90 percent."""
        for bucket in quotas.buckets:
            self.cap.labels(bucket.key).set(bucket.cap)
            self.reserved.labels(bucket.key).set(bucket.reserved)
            self.used.labels(bucket.key).set(bucket.used)
            taken = bucket.used + bucket.reserved
            before = self._last.get(bucket.key)
            self._last[bucket.key] = (quotas.at_s, taken)
            if before is not None and quotas.at_s > before[0] and taken > before[1]:
                rate = (taken - before[1]) / (quotas.at_s - before[0])
                self.exhaustion.labels(bucket.key).set(max(0, bucket.cap - taken) / rate)
            if taken * 10 > bucket.cap * 9 and not (before and before[1] * 10 > bucket.cap * 9):
                self.alarm("QUOTA_90_PERCENT", f"{bucket.name} is used to more than 90 %")
