"""Counters of the HTTP frame, cheap enough to run on every request (about 1 µs).

``specie_http_requests_total{method,route,status}`` and ``specie_http_request_duration_seconds{route}``. The
route is the template, never the path: paths carry ids.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class HttpMetrics(Collector):
    """Counts answers; one instance per application. Not for several threads."""

    def __init__(self, registry: CollectorRegistry, service: str) -> None:
        self._service = service
        self._answers: dict[tuple[str, str, int], int] = {}
        self._durations: dict[str, list[float]] = {}
        registry.register(self)

    def observe(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count one answer; ``seconds`` is None where the server took no start time."""
        key = (method, route, status)
        self._answers[key] = self._answers.get(key, 0) + 1
        if seconds is None:
            return
        row = self._durations.get(route)
        if row is None:
            row = self._durations[route] = [0.0] * (len(BOUNDS_S) + 2)
        row[bisect_left(BOUNDS_S, seconds)] += 1
        row[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        """What a scrape sees."""
        answers = CounterMetricFamily(
            "specie_http_requests",
            "Answers of this service.",
            labels=("service", "method", "route", "status"),
        )
        for (method, route, status), number in list(self._answers.items()):
            answers.add_metric((self._service, method, route, str(status)), number)
        yield answers
        durations = HistogramMetricFamily(
            "specie_http_request_duration_seconds",
            "From the first byte of a request to the head of its answer.",
            labels=("service", "route"),
        )
        for route, row in list(self._durations.items()):
            total = 0.0
            buckets: list[tuple[str, float]] = []
            for bound, count in zip((*BOUNDS_S, "+Inf"), row[:-1], strict=True):
                total += count
                buckets.append((str(bound), total))
            durations.add_metric((self._service, route), buckets, row[-1])
        yield durations
