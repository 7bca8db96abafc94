"""One way to make an HTTP application: the routes of a room, with the habits of the platform round them.

Problems for every error, ids and metrics on every answer, ``/livez /readyz /metrics /openapi.json
/errors/CODE``, bodies under a limit, ``Idempotency-Key`` on the routes that ask for it. Nothing here wraps
a request that does not need it: the whole frame costs a hot door about 20 µs over bare ASGI.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import HTTPRoute
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from specie import __version__
from specie.app.errors_catalogue import Catalogue
from specie.app.http.idempotency import IdempotencyMiddleware, IdempotencyStore
from specie.app.http.media_types import PROBLEM
from specie.app.http.metrics import HttpMetrics
from specie.app.http.openapi import openapi_document
from specie.app.http.problems import is_bug, problem_of
from specie.app.http.requests import BodyRequest
from specie.app.http.tracing import trace_id
from specie.kernel.clock import Randomness, SystemRandomness

if TYPE_CHECKING:
    from litestar.routes.base import BaseRoute
    from litestar.types import BeforeMessageSendHookHandler, ControllerRouterHandler, Message, Scope

Readiness = Callable[[], Awaitable[Mapping[str, bool | str]]]
"""Checks by name: True is ready; False, or a text that says why, is not."""

BODY_BYTES_MAX = 65_536
"""For routes that set no ``request_max_body_size`` of their own."""


def create_application(
    *,
    title: str,
    routes: Sequence[ControllerRouterHandler],
    readiness: Readiness,
    registry: CollectorRegistry,
    idempotency: IdempotencyStore | None = None,
    catalogue: Catalogue | None = None,
    randomness: Randomness | None = None,
    on_startup: Sequence[Callable[[], Awaitable[None]]] = (),
    on_shutdown: Sequence[Callable[[], Awaitable[None]]] = (),
    body_bytes_max: int = BODY_BYTES_MAX,
) -> Litestar:
    """Make the application of one service.

    title: the name in the OpenAPI document and the ``service`` label of the metrics. idempotency: needed
    where a route has ``opt={"idempotent": True}``; raises ValueError if it is missing then.
    """
    texts = catalogue or Catalogue.load()
    source = randomness or SystemRandomness()
    metrics = HttpMetrics(registry, title)
    served = [*routes, _livez(), _readyz(readiness), _metrics(registry), _errors(texts)]
    startup = [*on_startup]
    if idempotency is not None:
        startup.insert(0, idempotency.prepare)
    return Litestar(
        route_handlers=[*served, _openapi(title, served)],
        openapi_config=None,
        logging_config=None,
        request_class=BodyRequest,
        request_max_body_size=body_bytes_max,
        exception_handlers={Exception: _exception_handler(texts, source)},
        before_send=[_before_send(metrics, source)],
        plugins=[_IdempotentRoutes(idempotency)],
        on_startup=startup,
        on_shutdown=list(on_shutdown),
    )


def _exception_handler(
    texts: Catalogue, source: Randomness
) -> Callable[[Request[Any, Any, Any], Exception], Response[bytes]]:
    log = structlog.get_logger("specie.http")

    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        identifier = trace_id(request.scope, source)
        if is_bug(error):
            log.error("internal_error", trace_id=identifier, method=request.method, exc_info=error)
        problem = problem_of(error, texts, identifier)
        return Response(problem.encode(), media_type=PROBLEM, status_code=problem.status, headers=problem.headers)

    return answer


def _before_send(metrics: HttpMetrics, source: Randomness) -> BeforeMessageSendHookHandler:
    async def stamp(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        state = scope["state"]
        started = state.get("started_s")
        route = scope.get("path_template", "(none)")
        metrics.observe(
            str(scope.get("method", "")),
            route if isinstance(route, str) else "(none)",
            message["status"],
            None if started is None else perf_counter() - started,
        )
        identifier = trace_id(scope, source).encode()
        message["headers"] = [*message["headers"], (b"x-request-id", identifier)]

    return stamp


class _IdempotentRoutes(ReceiveRoutePlugin):
    """Puts the idempotency middleware round the routes marked for it, and round no other."""

    def __init__(self, store: IdempotencyStore | None) -> None:
        self._store = store

    def receive_route(self, route: BaseRoute) -> None:
        if not isinstance(route, HTTPRoute):
            return
        for handler in route.route_handlers:
            if not handler.opt.get("idempotent"):
                continue
            if self._store is None:
                raise ValueError(f"{route.path} is idempotent, but the application has no idempotency store")
            limit = handler.resolve_request_max_body_size()
            store = self._store
            handler.middleware = (
                *(handler.middleware or ()),
                lambda app, store=store, limit=limit: IdempotencyMiddleware(
                    app, store, BODY_BYTES_MAX if limit is None else limit
                ),
            )


def _livez() -> ControllerRouterHandler:
    @get("/livez", sync_to_thread=False)
    def livez() -> dict[str, bool]:
        """Whether the process runs."""
        return {"live": True}

    return livez


def _readyz(readiness: Readiness) -> ControllerRouterHandler:
    @get("/readyz")
    async def readyz(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        """Whether the service can do its work, check by check; 503 if not."""
        checks = dict(await readiness())
        if request.app.state.get("draining"):
            checks["draining"] = "the service is stopping"
        ready = all(value is True for value in checks.values())
        return Response({"ready": ready, "checks": checks}, status_code=200 if ready else 503)

    return readyz


def _metrics(registry: CollectorRegistry) -> ControllerRouterHandler:
    @get("/metrics", sync_to_thread=False, media_type="text/plain")
    def metrics() -> Response[bytes]:
        """Figures for Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return metrics


def _openapi(title: str, routes: Sequence[ControllerRouterHandler]) -> ControllerRouterHandler:
    document: list[bytes] = []  # made at the first call: it takes tens of milliseconds and few ask for it

    @get("/openapi.json", sync_to_thread=False, include_in_schema=False)
    def openapi() -> Response[bytes]:
        if not document:
            document.append(openapi_document(title, __version__, routes))
        return Response(document[0], media_type=MediaType.JSON)

    return openapi


def _errors(texts: Catalogue) -> ControllerRouterHandler:
    @get("/errors/{code:str}", sync_to_thread=False)
    def error(code: FromPath[str]) -> dict[str, Any]:
        """What a code means, where the money is, and what to do."""
        if code not in texts:
            raise NotFoundException
        return asdict(texts.entry(code))

    return error
