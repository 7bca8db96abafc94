"""How the auditor stands beside the systems: what it reads of them, and what they ask it when they start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from specie.app.auditor.following import Source
from specie.app.auditor.part import AuditorPart
from specie.app.config.model import AUDITOR, SYSTEMS, Config
from specie.app.http.client import RemoteRefused, ServiceClient
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from specie.app.chain.composing import Chain
    from specie.issuance.api import Log
    from specie.kernel.clock import Clock

WITNESS_TIMEOUT_S = 2.0


# SPEC ISSUANCE-15.6.1
async def open_auditor(
    config: Config,
    roles: Sequence[str],
    log_of: Callable[[str], Log],
    registry: CollectorRegistry,
    clock: Clock,
    chain: Chain | None = None,
) -> AuditorPart | None:
    """The auditor of a process with these roles: alone, or beside all systems; None where it runs elsewhere.

    log_of: role to a system's log, which is all that the auditor gets of it. chain: the ledger as this process has it,
    of which the auditor gets the pinned genesis document and `api.Ledger`.
    """
    embedded = len(roles) > 1 and config.auditor.embedded
    if not embedded and AUDITOR not in roles:
        return None
    part = AuditorPart(config, registry, clock, embedded=embedded)
    await part.open()
    part.follow({role: Source(role, config.system(role).id, log_of(role)) for role in SYSTEMS})
    if chain is not None:
        part.follow_chain(chain.genesis, chain.ledger)
    return part


# SPEC ISSUANCE-17.3
async def seen_by_auditor(config: Config, role: str, embedded: AuditorPart | None) -> bytes | None:
    """The newest checkpoint of this system that the auditor has witnessed; None where it has none, or is not there.

    An auditor that does not answer holds up nobody: that is logged, and the checkpoint beside the store still counts.
    """
    if embedded is not None:
        return await embedded.figures.witnessed(role)
    try:
        return await _ask(config, role)
    except (Refused, Unavailable) as error:
        if isinstance(error, RemoteRefused) and error.status == 404:
            return None
        log = structlog.get_logger("specie.issuance")
        log.warning("auditor_not_asked", system=config.system(role).id, detail=str(error))
        return None


async def _ask(config: Config, role: str) -> bytes:
    """Ask the configured auditor over HTTP. Raises Refused, Unavailable."""
    own, auditor = config.system(role), config.system(AUDITOR)
    is_tls = auditor.url.startswith("https")
    if is_tls and own.tls is None:
        raise Unavailable("the auditor wants mutual TLS, and this system has it off")
    client = ServiceClient(
        auditor.url,
        tls=own.tls if is_tls else None,
        server_id=auditor.id if is_tls else None,
        timeout_s=WITNESS_TIMEOUT_S,
    )
    try:
        return (await client.get(f"/v1/log/witnessed/{own.id}")).body
    finally:
        await client.close()
