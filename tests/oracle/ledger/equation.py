"""The public block equation, the public masks of a block, and the supply identity. Spec: LEDGER 8.4, 9.4, 4.5."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from oracle.ledger import outputs as out
from oracle.ledger import ristretto
from oracle.ledger.blocks import Mint, PublicOutput, Record, frame_body
from oracle.ledger.hashes import VALUE_BASE, commit
from oracle.ledger.reader import Reader, need
from oracle.ledger.ristretto import encode


# SPEC LEDGER-8.4.1
def holds(record: Record, masks: Iterable[int]) -> bool:
    """ps_sum + (mint + refund + escrow_out) H + sum E + (sum y) G = sum of outputs + (burn + escrow_in) H."""
    _, mint, burn, refund, escrow_in, escrow_out = record.totals
    mints = [Mint.of(frame) for frame in record.frames if frame[6] == 16]
    left = [ristretto.decode(record.ps_sum), ristretto.multiply(mint + refund + escrow_out, VALUE_BASE)]
    left += [ristretto.decode(item.kernel) for item in mints]
    left.append(ristretto.base(sum(masks)))
    right = [ristretto.decode(output[32:64]) for _, _, output in record.log_entries()]
    right.append(ristretto.multiply(burn + escrow_in, VALUE_BASE))
    return ristretto.equal(ristretto.total(left), ristretto.total(right))


class Masks:
    """Finds y of every output that the ledger made; remembers the withdrawals and escrows of earlier blocks."""

    def __init__(self, chain_id: bytes) -> None:
        self.chain_id = chain_id
        self.next_seq: dict[bytes, int] = {}
        self.first_seq: tuple[int, ...] = (0, 1)

    def of(self, record: Record, prev_app_hash: bytes) -> list[int]:
        """Raises Malformed for an output whose mask nobody can know, or that opens otherwise."""
        refunds = {frame_body(frame)[:32] for frame in record.frames if frame[6] == 19}
        cids = {frame_body(frame)[:32] for frame in record.frames if 34 <= frame[6] <= 41}
        found, k = [], 0
        for made in record.public:
            if made.kind == out.FEE:
                need(made.ctx == out.ctx_fee(self.chain_id, record.height), "ctx of the fee")
                y = out.mask_fee(prev_app_hash, record.height)
            elif made.kind == out.PAYOUT:
                y = self.payout(made, cids)
            elif made.kind == out.REFUND:
                ref = next((r for r in refunds if out.ctx_refund(self.chain_id, r) == made.ctx), None)
                need(ref is not None, "a refund of nothing")
                y = out.mask_refund(self.chain_id, ref or b"")
            else:
                need(made.kind == out.START and record.height == 0, "kind")
                y, k = out.mask_start(self.chain_id, *divmod(k, 64)), k + 1
            value = int.from_bytes(out.Fields.of(made.output).ea, "little")
            need(encode(commit(value, y)) == made.output[32:64], "the public opening")
            found.append(y)
        return found

    def payout(self, made: PublicOutput, cids: set[bytes]) -> int:
        for cid in cids:
            for seq in [self.next_seq[cid]] if cid in self.next_seq else self.first_seq:
                for party in (0, 1):
                    if out.ctx_payout(self.chain_id, cid, seq, party) == made.ctx:
                        self.next_seq[cid] = seq + 1
                        return out.mask_payout(self.chain_id, cid, seq, party)
        need(False, "a payout of no escrow")
        raise AssertionError


@dataclass
class Supply:
    """The counters of domain 9, summed from records alone."""

    minted: int = 0
    burned: int = 0
    paid_account: int = 0
    paid_redeemed: int = 0
    refunded: int = 0
    escrow_in: int = 0
    escrow_out: int = 0
    fees: int = 0
    outputs: int = 0

    def add(self, record: Record) -> None:
        fee, mint, burn, refund, escrow_in, escrow_out = record.totals
        self.fees, self.minted, self.burned = self.fees + fee, self.minted + mint, self.burned + burn
        self.refunded, self.outputs = self.refunded + refund, self.outputs + len(record.log_entries())
        self.escrow_in, self.escrow_out = self.escrow_in + escrow_in, self.escrow_out + escrow_out

    def pay(self, record: Record, pending: dict[bytes, int]) -> None:
        """Frames 18 and 19 answer withdrawals; pending: withdraw_ref -> V, over all blocks."""
        for item in record.carried:
            if item.type == 2:
                need(item.data[8:40] not in pending, "V-19")
                pending[item.data[8:40]] = int.from_bytes(item.data[:8], "little")
        for frame in record.frames:
            body = Reader(frame_body(frame))
            if frame[6] == 18:
                value = pending.pop(body.take(32))
                body.take(body.number(1) + 32)
                if body.number(1) == 1:
                    self.paid_account += value
                else:
                    self.paid_redeemed += value
            elif frame[6] == 19:
                pending.pop(body.take(32))

    @property
    def pending(self) -> int:
        return self.burned - self.paid_account - self.paid_redeemed - self.refunded

    @property
    def escrow_pool(self) -> int:
        return self.escrow_in - self.escrow_out

    @property
    def hidden(self) -> int:
        return self.minted - self.burned + self.refunded - self.escrow_in + self.escrow_out

    def encode(self) -> bytes:
        """The value of domain 9: 9 x u128."""
        counters = (
            self.minted,
            self.burned,
            self.paid_account,
            self.paid_redeemed,
            self.refunded,
            self.escrow_in,
            self.escrow_out,
            self.fees,
            self.outputs,
        )
        return b"".join(value.to_bytes(16, "little") for value in counters)

    def holds(self) -> bool:
        """The identity of section 9.4, and nothing below zero."""
        left = self.minted - self.paid_account - self.paid_redeemed
        parts = (self.hidden, self.escrow_pool, self.pending)
        return left == sum(parts) and min(parts) >= 0
