"""The HTTP doors of the ledger and of a trusted node: decode, one call, encode (LEDGER §21).

Nothing here logs, and metrics name a route's template only: request bodies, indices, key images and client addresses
never meet (LEDGER-21.1.5).
"""

from __future__ import annotations

from typing import Any

from specie.ledger.api import Ledger, TrustedNode
from specie.ledger.service.blocks import block_routes
from specie.ledger.service.chain import chain_routes
from specie.ledger.service.events import events_route
from specie.ledger.service.health import LedgerMetrics, readiness
from specie.ledger.service.proofs import proof_routes
from specie.ledger.service.submitting import submission_routes
from specie.ledger.service.trusted import trusted_routes

__all__ = ["LedgerMetrics", "ledger_routes", "readiness", "trusted_node_routes"]


# SPEC LEDGER-21.1.5
def ledger_routes(ledger: Ledger) -> list[Any]:
    """All doors of §21.2 to §21.5, below `/v1`."""
    return [
        *submission_routes(ledger),
        events_route(ledger),
        *chain_routes(ledger),
        *block_routes(ledger),
        *proof_routes(ledger),
    ]


def trusted_node_routes(node: TrustedNode) -> list[Any]:
    """All doors of §21.6, below `/v1`."""
    return trusted_routes(node)
