"""Logs, metrics and traces. Logs carry ids and codes; secrets and bodies do not get through.

Only entry points call ``configure_logging``: structlog and logging are process-wide by their nature.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from specie.app.redaction import redacted

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: hides secrets by name and by form, and shows no bytes."""
    for name, value in event.items():
        event[name] = redacted(name, value)
    return event


def configure_logging(level: str, *, pretty: bool, stream: IO[str] | None = None) -> None:
    """Send structlog's and logging's records to one stream, redacted.

    level: debug, info, warning or error. pretty: for people at a terminal; else one JSON object a line.
    stream: standard output by default, as containers expect.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        redact,
    ]
    final: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, final],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    logging.getLogger("uvicorn.error").setLevel(max(number, logging.WARNING))


def new_registry() -> CollectorRegistry:
    """A registry of its own for one process, with the figures of process, platform and collector."""
    registry = CollectorRegistry(auto_describe=True)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class Tracing:
    """Spans under trace ids that messages bring with them; free where no OpenTelemetry SDK is set up."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    @classmethod
    def found(cls) -> Tracing:
        """With the process's tracer provider, if ``opentelemetry-instrument`` or code set one up."""
        try:
            from opentelemetry import trace
        except ImportError:
            return cls()
        provider = trace.get_tracer_provider()
        if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
            return cls()
        return cls(provider.get_tracer("specie"))

    @contextmanager
    def span(self, name: str, trace_id: bytes, **attributes: str | int | bool) -> Iterator[None]:
        """A span in the trace of a 16-byte message id, the same in every system that sees the message.

        # SPEC ISSUANCE-17.1
        """
        if self._tracer is None:
            yield
            return
        from opentelemetry import trace

        parent = trace.SpanContext(
            trace_id=int.from_bytes(trace_id, "big"),
            span_id=int.from_bytes(hashlib.sha256(trace_id).digest()[:8], "big"),
            is_remote=True,
            trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
        )
        context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        with self._tracer.start_as_current_span(name, context=context, attributes=attributes):
            yield
