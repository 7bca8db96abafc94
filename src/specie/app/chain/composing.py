"""How the ledger stands beside the other systems: who gets its engine, who a client, and what issuance sees of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specie.app.chain.founding import ANCHOR, TOPICS, read_genesis
from specie.app.chain.parts import TrustedPart, VerificationPart
from specie.app.config.model import TRUSTED_NODE, VERIFICATION_NODE, Config
from specie.issuance.engine.anchoring import Anchoring
from specie.kernel.clock import Clock, Randomness, SystemRandomness
from specie.ledger.client import LedgerClient
from specie.ledger.engine.registry import LedgerAnchor, LedgerRegistry

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from specie.app.http.client import ServiceClient
    from specie.issuance.api import Registry
    from specie.issuance.engine.desk import Desk
    from specie.kms.api import KeyUri
    from specie.kms.keystore import FileKeystore
    from specie.ledger.api import Ledger
    from specie.ledger.messages.genesis import Genesis


@dataclass(slots=True)
class Chain:
    """The ledger as this process has it."""

    genesis: Genesis
    ledger: Ledger
    clock: Clock
    randomness: Randomness
    verification: VerificationPart | None = None
    trusted: TrustedPart | None = None

    @property
    def parts(self) -> list[VerificationPart | TrustedPart]:
        return [part for part in (self.verification, self.trusted) if part is not None]

    # SPEC ISSUANCE-13.4.2
    def registries(self, desk: Desk, *, signs: bool = False) -> Mapping[str, Registry]:
        """By chain id. signs: for an issuance system, whose unit key signs mints; others only check receipts."""
        return {self.genesis.chain_id.hex(): self.registry(desk if signs else None)}

    def registry(self, desk: Desk | None = None) -> LedgerRegistry:
        """The ledger as a registry; with a desk it signs mints with that system's unit key."""
        if desk is None:
            return LedgerRegistry(self.genesis, self.ledger, self.clock, self.randomness)

        def unit_key() -> KeyUri:
            assert desk.cached is not None
            return desk.key_uri(desk.key_set(desk.cached).signer("is:unit", desk.me, desk.now_s()).kid)

        return LedgerRegistry(self.genesis, self.ledger, self.clock, self.randomness, desk.keys, unit_key)

    # SPEC ISSUANCE-15.2.3
    def anchoring(self, role: str, desk: Desk, keys: FileKeystore) -> Anchoring:
        """The anchors of one system's checkpoints, signed by its own anchor key."""
        port = LedgerAnchor(self.genesis, self.ledger, keys, keys.uri(ANCHOR), self.clock, self.randomness)
        return Anchoring(desk, port, TOPICS[role])

    async def close(self) -> None:
        if self.verification is not None:
            await self.verification.close()


async def open_chain(
    config: Config,
    roles: Sequence[str],
    caller: Callable[[str], ServiceClient],
    registry: CollectorRegistry,
    clock: Clock,
) -> Chain | None:
    """The ledger of a process with these roles; None where the deployment has none. Raises as the parts do."""
    if not config.has_ledger:
        return None
    together = len(roles) > 1
    verification: VerificationPart | None = None
    trusted: TrustedPart | None = None
    ledger: Ledger
    if together or VERIFICATION_NODE in roles:
        verification = VerificationPart(config, registry, clock, alone=not together)
        ledger = await verification.open()
    else:
        ledger = LedgerClient(caller(VERIFICATION_NODE))
    if together or TRUSTED_NODE in roles:
        trusted = TrustedPart(config, clock)
        await trusted.open(ledger)
    return Chain(read_genesis(config), ledger, clock, SystemRandomness(), verification, trusted)
