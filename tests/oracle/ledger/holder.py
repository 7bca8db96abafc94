"""What a holder shows others: payment, receive and reserve proofs over a chain of `world`. Spec: LEDGER section 13.

"PLV1" | kind u8 | header | finality | ...        place = index u64 | class u8 | height u64 | output | n u8 | n x 32
"""

from __future__ import annotations

from oracle.ledger import outputs as out
from oracle.ledger import ristretto
from oracle.ledger.hashes import h64, h_point, h_scalar, u8, u16, u64
from oracle.ledger.proofs import dleq_context, dleq_prove
from oracle.ledger.ristretto import encode, scalar_bytes
from oracle.ledger.world import Chain, Sent

PAYMENT, RECEIVE, RESERVE = 1, 2, 3


def head(chain: Chain, kind: int) -> bytes:
    return b"PLV1" + u8(kind) + chain.headers[-1].encode() + chain.finalities[-1]


def place(chain: Chain, output: bytes) -> bytes:
    index = chain.index_of(output)
    class_, height, _ = chain.entries[index]
    path = chain.output_path(index)
    return u64(index) + u8(class_) + u64(height) + output + u8(len(path)) + b"".join(path)


def payment(chain: Chain, sent: Sent, ctx: bytes | None = None) -> bytes:
    ctx = ctx or out.ctx_transfer(chain.id)
    body = place(chain, sent.output.data) + ctx + sent.n + u64(sent.value) + sent.address.data(1)
    return head(chain, PAYMENT) + body


def receive(chain: Chain, keys: out.Keys, sent: Sent, challenge: bytes, ctx: bytes | None = None) -> bytes:
    ctx = ctx or out.ctx_transfer(chain.id)
    R = ristretto.decode(sent.output.R)
    shared = encode(ristretto.multiply(keys.k_v, R))
    context = dleq_context(u8(RECEIVE), chain.id, chain.height - 1, challenge)
    proof = dleq_prove(context, keys.k_v, ristretto.decode(sent.address.spend), R, chain.number())
    body = place(chain, sent.output.data) + ctx + u64(sent.value) + sent.address.data(1) + shared + proof
    return head(chain, RECEIVE) + body + u8(len(challenge)) + challenge


def spend_key(keys: out.Keys, at: tuple[int, int], sent: Sent, ctx: bytes) -> int:
    """x of an output of ours."""
    shared = encode(ristretto.multiply(keys.k_v, ristretto.decode(sent.output.R)))
    return h_scalar("otk", h64("q", shared, sent.output.R, ctx)) + keys.k_s + keys.offset(*at)


def reserve(chain: Chain, keys: out.Keys, held: list[tuple[tuple[int, int], Sent]], challenge: bytes) -> bytes:
    """held: (account and index, output); all of transactions."""
    context = dleq_context(u8(RESERVE), chain.id, chain.height - 1, challenge)
    total, mask, items = sum(s.value for _, s in held), sum(s.mask for _, s in held), b""
    for at, sent in sorted(held, key=lambda each: chain.index_of(each[1].output.data)):
        x = spend_key(keys, at, sent, out.ctx_transfer(chain.id))
        base = h_point("ki", sent.output.P)
        image = encode(ristretto.multiply(x, base))
        absence = chain.image_proof(image)
        items += place(chain, sent.output.data) + image
        items += dleq_prove(context, x, ristretto.BASE, base, chain.number()) + u16(len(absence)) + absence
    body = u8(len(challenge)) + challenge + total.to_bytes(16, "little") + u16(len(held)) + items
    return head(chain, RESERVE) + body + scalar_bytes(mask)
