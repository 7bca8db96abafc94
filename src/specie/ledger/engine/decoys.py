"""The decoy law in force, and how fast outputs came lately. Spec: LEDGER-10."""

from __future__ import annotations

from specie.kernel.db import Transaction
from specie.ledger.engine.tip import Tip
from specie.ledger.messages.views import DecoyLaw
from specie.ledger.store import reading

WEEK_MS = 7 * 86_400_000
_DIGITS = 6


# SPEC LEDGER-10.1
def decoy_law(tx: Transaction, tip: Tip) -> DecoyLaw:
    """The law, and outputs per second over the last seven days, rounded down to six digits."""
    law = tip.rules.parameters.decoy_law
    first = reading.block_before(tx, max(0, tip.time_ms - WEEK_MS)) or reading.block(tx, 0)
    since_ms, before = (tip.time_ms, 0) if first is None else (first.time_ms, first.out_size)
    span_ms = max(1, tip.time_ms - since_ms)
    millionths = (tip.header.out_size - before) * 1000 * 10**_DIGITS // span_ms
    return DecoyLaw(
        version=law.version,
        weights=list(law.weights),
        rate_7d=f"{millionths // 10**_DIGITS}.{millionths % 10**_DIGITS:0{_DIGITS}}",
        from_height=0 if first is None else first.height,
    )
