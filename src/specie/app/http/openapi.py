"""The OpenAPI 3.1 document of a service, made from the types of its routes.

# SPEC ISSUANCE-16.1.1
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from specie.app.http.media_types import PROBLEM

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. Refusals are 4xx, unavailable is 503, anything else is our bug (500).",
    "required": ["type", "title", "status", "code", "detail", "funds", "retry", "next", "trace_id"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:specie:error:request.invalid"]},
        "docs": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^[a-z0-9]+\\.[a-z0-9_]+$"},
        "detail": {"type": "string"},
        "funds": {"enum": ["unmoved", "moved", "held", "in_doubt"]},
        "retry": {
            "type": "object",
            "properties": {
                "safe": {"type": "boolean"},
                "how": {"enum": ["same_key", "new_key", "new_amount", "after", "never"]},
            },
        },
        "retry_after": {"type": "integer", "description": "seconds"},
        "next": {"type": "array", "items": {"type": "object"}},
        "evidence": {"type": "string", "description": "the signed denial (COSE), base64url"},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
}
_KEY_PARAMETER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Chosen by the caller; the same key with the same body gets the same answer.",
}
_METHODS = {"get", "put", "post", "delete", "patch", "head"}


def openapi_document(title: str, version: str, routes: Sequence[ControllerRouterHandler]) -> bytes:
    """The document as JSON.

    A second application of the same routes makes it, so that Litestar's documentation pages stay off the
    real one.
    """
    config = OpenAPIConfig(
        title=title,
        version=version,
        path="/openapi",
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
    )
    shadow = Litestar(route_handlers=list(routes), openapi_config=config, logging_config=None)
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(shadow.openapi_schema.to_schema()))
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM_SCHEMA
    answer = {
        "description": "The refusal, as a problem",
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    idempotent = {
        (route.path_format, method.lower())
        for route in shadow.routes
        for handler in getattr(route, "route_handlers", ())
        if handler.opt.get("idempotent")
        for method in handler.http_methods
    }
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if method not in _METHODS:
                continue
            operation.setdefault("responses", {})["default"] = answer
            if (path, method) in idempotent:
                operation.setdefault("parameters", []).append(_KEY_PARAMETER)
    return msgspec.json.encode(document)
