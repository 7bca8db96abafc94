"""When blocks are cut, and how much may wait: the settings of the embedded provider (LEDGER-16.1.4, 16.2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """What an operator may choose; none of it changes what a block does."""

    block_interval_ms: int = 200
    """How long the first frame of a block waits for others."""
    block_tx_max: int = 256
    block_bytes_max: int = 4 << 20
    block_idle_s: float = 10
    """An empty block after so long, while an escrow or a withdrawal waits for a time."""
    batch_max: int = 64
    batch_ms: int = 20
    waiting_max: int = 16_384
    """Submissions that wait for verification or for a block."""
    source_max: int = 4_096
    """The same of one source, before verification."""
    checkers: int = 2
    """Micro-batches in work at once; the core uses all cores for each."""
    archive: bool = False
    """Keep proofs segments and old values for ever (LEDGER-8.2.2)."""
    threads: bool = True
    """Off in tests that want one order of events."""
