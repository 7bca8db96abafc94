"""What a wallet needs of the world, and how it says where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from specie.kernel.clock import Clock, Randomness
from specie.ledger.api import Ledger
from specie.ledger.wallet.pausing import Pause, pause
from specie.ledger.wallet.paying import Manners
from specie.ledger.wallet.rings import RingService
from specie.ledger.wallet.scanning import Finder
from specie.ledger.wallet.seeds import Vault


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a wallet needs of the world."""

    ledger: Ledger
    vault: Vault
    clock: Clock
    randomness: Randomness
    dev: bool
    """True for a sandbox: play money and real money never meet."""

    service: RingService | None = None
    """A trusted node for rings; without one whole pages are fetched."""

    finder: Finder | None = None
    """A scan service, for a device too weak to scan: put here only with the holder's consent (LEDGER-11.4.7)."""

    manners: Manners = field(default_factory=Manners)
    threads: int = 0
    """For detection; 0: one a core."""

    pause: Pause = pause


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a wallet has read, in its own words."""

    height: int | None
    """None: nothing yet."""

    time_ms: int
    tier: str
    locked: bool
    chain_id: bytes
    currency: str
    scale: int
