"""Outputs that the ledger makes, with amounts that everybody can check. Spec: LEDGER-4.5, 9.2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from specie.crypto import ring
from specie.ledger.messages import outputs
from specie.ledger.messages.outputs import PUBLIC, OutputKind

COUNTER_END = 1 << 32
IsUsed = Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Made:
    """An output made by the ledger, with the mask that everybody knows."""

    kind: int
    class_: int
    ctx: bytes
    output: bytes
    mask: bytes

    def encode(self) -> bytes:
        """As it stands in the block record."""
        return bytes((self.kind, self.class_)) + self.ctx + self.output


def make_fee(chain_id: bytes, prev_app_hash: bytes, height: int, pay: bytes, value: int, is_used: IsUsed) -> Made:
    """The fee output of a block, to the fee address."""
    ctx, mask = outputs.ctx_fee(chain_id, height), outputs.mask_fee(prev_app_hash, height)

    def anchor(counter: int) -> bytes:
        return outputs.anchor_public(prev_app_hash, height, OutputKind.FEE, chain_id, 0, 0, counter)

    output = _first_free(pay, ctx, value, mask, anchor, is_used)
    return Made(OutputKind.FEE, PUBLIC, ctx, output, mask)


def make_payout(
    chain_id: bytes,
    prev_app_hash: bytes,
    height: int,
    cid: bytes,
    sequence: int,
    party: int,
    pay: bytes,
    value: int,
    is_used: IsUsed,
) -> Made:
    """A payout of an escrow; party 0 client, 1 vendor."""
    ctx = outputs.ctx_payout(chain_id, cid, sequence, party)
    mask = outputs.mask_payout(chain_id, cid, sequence, party)

    def anchor(counter: int) -> bytes:
        return outputs.anchor_public(prev_app_hash, height, OutputKind.PAYOUT, cid, sequence, party, counter)

    output = _first_free(pay, ctx, value, mask, anchor, is_used)
    return Made(OutputKind.PAYOUT, PUBLIC, ctx, output, mask)


def _first_free(
    pay: bytes, ctx: bytes, value: int, mask: bytes, anchor: Callable[[int], bytes], is_used: IsUsed
) -> bytes:
    """The output of the smallest counter whose R and P nobody has taken (LEDGER-4.5)."""
    for counter in range(COUNTER_END):
        (output,) = ring.public_outputs([(pay, ctx, anchor(counter), value, mask)])
        if not is_used(output[64:96]) and not is_used(output[:32]):
            return output
    raise RuntimeError("every counter of a public output is taken")
