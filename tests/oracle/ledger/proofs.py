"""Schnorr and DLEQ proofs, and the three proofs of section 13 that open an output. Spec: LEDGER 9.1, 9.6, 13.

Schnorr = A 32 | s 32     DLEQ = c 32 | s 32
"""

from __future__ import annotations

from oracle.ledger import ristretto
from oracle.ledger.hashes import VALUE_BASE, commit, h8, h64, h_point, h_scalar, u64
from oracle.ledger.outputs import Address, Fields, mask_of, share, xor
from oracle.ledger.ristretto import Point, encode, scalar, scalar_bytes


def schnorr_sign(tag: str, secret: int, items: list[bytes], nonce: int) -> bytes:
    """c = H_s(tag; A, Y, items), s = k + c x."""
    A, Y = encode(ristretto.base(nonce)), encode(ristretto.base(secret))
    return A + scalar_bytes(nonce + h_scalar(tag, A, Y, *items) * secret)


def schnorr_verify(tag: str, public: bytes, items: list[bytes], signature: bytes) -> bool:
    A, s = signature[:32], scalar(signature[32:])
    c = h_scalar(tag, A, public, *items)
    right = ristretto.add(ristretto.decode(A), ristretto.multiply(c, ristretto.decode(public)))
    return ristretto.equal(ristretto.base(s), right)


def dleq_prove(context: bytes, x: int, B1: Point, B2: Point, nonce: int) -> bytes:
    """That log_B1 Y1 = log_B2 Y2 = x."""
    names = [encode(point) for point in (B1, ristretto.multiply(x, B1), B2, ristretto.multiply(x, B2))]
    A = [encode(ristretto.multiply(nonce, point)) for point in (B1, B2)]
    c = h_scalar("dleq", context, *names, *A)
    return scalar_bytes(c) + scalar_bytes(nonce - c * x)


def dleq_verify(context: bytes, B1: bytes, Y1: bytes, B2: bytes, Y2: bytes, proof: bytes) -> bool:
    c, s = scalar(proof[:32]), scalar(proof[32:])
    A = []
    for base, image in ((B1, Y1), (B2, Y2)):
        first = ristretto.multiply(s, ristretto.decode(base))
        A.append(encode(ristretto.add(first, ristretto.multiply(c, ristretto.decode(image)))))
    return h_scalar("dleq", context, B1, Y1, B2, Y2, *A) == c


# SPEC LEDGER-13.5
def dleq_context(kind: bytes, chain_id: bytes, height: int, challenge: bytes) -> bytes:
    """One string that names proof kind, chain, height and the verifier's challenge, in this order."""
    return kind + chain_id + u64(height) + challenge


def payment_matches(output: Fields, ctx: bytes, n: bytes, address: Address, value: int, y: int | None = None) -> bool:
    """The sender's proof: R, P and C come out of (n, address, v)."""
    s = share(address, ctx, value, n)
    b = mask_of(s.q, value, address.spend) if y is None else y
    return (encode(s.P), encode(commit(value, b)), encode(s.R)) == (output.P, output.C, output.R)


def receive_opens(output: Fields, ctx: bytes, address: Address, S_v: bytes, context: bytes, proof: bytes) -> int | None:
    """The recipient's proof: the amount that S_v opens, or None."""
    if not dleq_verify(context, address.spend, address.view, output.R, S_v, proof):
        return None
    q = h64("q", S_v, output.R, ctx)
    P = ristretto.add(ristretto.base(h_scalar("otk", q)), ristretto.decode(address.spend))
    value = int.from_bytes(xor(output.ea, h8("amt", q, output.P)), "little")
    C = commit(value, mask_of(q, value, address.spend))
    return value if (encode(P), encode(C)) == (output.P, output.C) else None


def reserve_holds(items: list[tuple[Fields, bytes, bytes]], total: int, mask_sum: int, context: bytes) -> bool:
    """items: (output, key image, DLEQ); total and mask_sum open the sum of the commitments."""
    generator = encode(ristretto.BASE)
    for output, image, proof in items:
        if not dleq_verify(context, generator, output.P, encode(h_point("ki", output.P)), image, proof):
            return False
    found = ristretto.total(ristretto.decode(output.C) for output, _, _ in items)
    opened = ristretto.add(ristretto.base(mask_sum), ristretto.multiply(total, VALUE_BASE))
    return ristretto.equal(found, opened)
