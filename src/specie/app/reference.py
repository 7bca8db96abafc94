"""What the reference pages are written from: the HTTP doors of every service, as OpenAPI documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from litestar import Router

from specie import __version__
from specie.app.auditor.figures import Figures
from specie.app.auditor.service import auditor_routes
from specie.app.http.client import ServiceClient
from specie.app.http.idempotency import idempotency_key
from specie.app.http.openapi import openapi_document
from specie.issuance.client import CentralManagementClient, IssuanceSystemClient, QuotaControlClient
from specie.issuance.service import central_management_routes, issuance_routes, quota_control_routes
from specie.ledger.client import LedgerClient, TrustedNodeClient
from specie.ledger.service import ledger_routes, trusted_node_routes

NOWHERE = "http://localhost:1"


def openapi_documents() -> Mapping[str, dict[str, Any]]:
    """Service name to its document. The doors are those of the services; behind them stand clients that call nobody."""
    caller = ServiceClient(NOWHERE)
    routes = {
        "central-management": central_management_routes(CentralManagementClient(caller)),
        "quota-control": quota_control_routes(QuotaControlClient(caller)),
        "issuance": issuance_routes(IssuanceSystemClient(caller, lambda code: 2), idempotency_key, lambda code: 2),
        "verification-node": ledger_routes(LedgerClient(caller)),
        "trusted-node": trusted_node_routes(TrustedNodeClient(caller)),
        "auditor": auditor_routes(cast(Figures, None)),  # described here, never called
    }
    return {
        name: json.loads(openapi_document(name, __version__, [Router(path="/v1", route_handlers=found)]))
        for name, found in routes.items()
    }
