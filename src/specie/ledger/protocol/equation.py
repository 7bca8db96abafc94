"""The public equation of a block: value in equals value out, checkable by anyone without a key. Spec: LEDGER-8.4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.crypto import ring

IDENTITY = bytes(32)
"""ps_sum of a block without transactions."""


@dataclass(frozen=True, slots=True)
class Sides:
    """All that the equation of one block speaks of."""

    pseudo_sum: bytes
    """Sum of the pseudo-outputs, 32 bytes."""
    kernels: Sequence[bytes]
    """E of every mint."""
    masks: Sequence[bytes]
    """Public masks of fee, payouts and refunds; in block 0 of the start outputs."""
    commitments: Sequence[bytes]
    """C of every output of the block."""
    mint_total: int
    refund_total: int
    escrow_out: int
    burn_total: int
    escrow_in: int


# SPEC LEDGER-8.4.1
def is_balanced(sides: Sides) -> bool:
    """Whether ps_sum + (mint + refund + escrow_out)·H + ΣE + (Σy)·G = Σ outputs + (burn + escrow_in)·H.

    It proves balance, not that each pseudo-output is a real unspent output.
    """
    left = b"".join(sides.kernels)
    if sides.pseudo_sum != IDENTITY:
        left = sides.pseudo_sum + left
    return ring.group_equation(
        left,
        b"".join(sides.commitments),
        sides.mint_total + sides.refund_total + sides.escrow_out,
        sides.burn_total + sides.escrow_in,
        b"".join(sides.masks),
    )
