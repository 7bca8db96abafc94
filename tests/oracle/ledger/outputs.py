"""Keys, addresses and one-time outputs. Spec: LEDGER sections 3 and 4.

seed -> k_s k_v k_d s_b s_x     address i: K_s K_v K_d     output: P 32 | C 32 | R 32 | vt 3 | ea 8 | an 16 | memo 144
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from oracle.ledger import ristretto
from oracle.ledger.hashes import commit, h8, h16, h32, h64, h_point, h_scalar, hn, u8, u32, u64
from oracle.ledger.ristretto import L, Point, encode, scalar_bytes

OUTPUT, STUB, MEMO = 267, 227, 128
NONCE = bytes(12)
TRANSFER, MINT, FEE, PAYOUT, REFUND, START = range(1, 7)


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


# -- addresses ------------------------------------------------------------------------------------------------


class Address(NamedTuple):
    """Three points in their encodings: 96 bytes."""

    spend: bytes
    view: bytes
    detect: bytes

    @property
    def pay(self) -> bytes:
        return self.spend + self.view + self.detect

    def data(self, net: int) -> bytes:
        """102 bytes: version, network, keys, check."""
        head = bytes([1, net]) + self.pay
        return head + hn("addr", head)[:4]


class Keys:
    """All that a seed gives. Spec: LEDGER section 3."""

    def __init__(self, seed: bytes) -> None:
        self.k_s = h_scalar("key/spend", seed)
        self.k_v = h_scalar("key/view", seed)
        self.k_d = h_scalar("key/detect", scalar_bytes(self.k_v))
        self.s_b = h32("key/balance", seed)
        self.s_x = h32("key/disclose", seed)
        self.spend = ristretto.base(self.k_s)

    def offset(self, a: int, j: int) -> int:
        """m_i."""
        return h_scalar("subaddr", scalar_bytes(self.k_v), encode(self.spend), u32(a), u32(j))

    def address(self, a: int, j: int) -> Address:
        spend = ristretto.add(self.spend, ristretto.base(self.offset(a, j)))
        view, detect = ristretto.multiply(self.k_v, spend), ristretto.multiply(self.k_d, spend)
        return Address(encode(spend), encode(view), encode(detect))


# -- contexts and public openings -----------------------------------------------------------------------------


def ctx_transfer(chain_id: bytes) -> bytes:
    return h32("ctx", chain_id, u8(TRANSFER))


def ctx_mint(chain_id: bytes, mint_id: bytes) -> bytes:
    return h32("ctx", chain_id, u8(MINT), mint_id)


def ctx_fee(chain_id: bytes, height: int) -> bytes:
    return h32("ctx", chain_id, u8(FEE), u64(height))


def ctx_payout(chain_id: bytes, cid: bytes, seq: int, party: int) -> bytes:
    return h32("ctx", chain_id, u8(PAYOUT), cid, u32(seq), u8(party))


def ctx_refund(chain_id: bytes, withdraw_ref: bytes) -> bytes:
    return h32("ctx", chain_id, u8(REFUND), withdraw_ref)


def mask_fee(prev_app_hash: bytes, height: int) -> int:
    return h_scalar("fee", prev_app_hash, u64(height))


def mask_payout(chain_id: bytes, cid: bytes, seq: int, party: int) -> int:
    return h_scalar("pub/mask", chain_id, u8(PAYOUT), cid, u32(seq), u8(party))


def mask_refund(chain_id: bytes, withdraw_ref: bytes) -> int:
    return h_scalar("pub/mask", chain_id, u8(REFUND), withdraw_ref)


def mask_start(chain_id: bytes, class_: int, k: int) -> int:
    return h_scalar("gen/C", chain_id, u8(class_), u8(k))


def public_anchor(prev_app_hash: bytes, height: int, kind: int, ident: bytes, seq: int, party: int, ctr: int) -> bytes:
    """n of the fee (ident = chain_id, seq = party = 0) and of a payout (ident = cid). Spec: LEDGER 4.5."""
    return h16("pub/n", prev_app_hash, u64(height), u8(kind), ident, u32(seq), u8(party), u32(ctr))


# -- sending --------------------------------------------------------------------------------------------------


class Fields(NamedTuple):
    """The 267 bytes of an output, taken apart."""

    P: bytes
    C: bytes
    R: bytes
    vt: bytes
    ea: bytes
    an: bytes
    memo: bytes

    @classmethod
    def of(cls, data: bytes) -> Fields:
        if len(data) != OUTPUT:
            raise ValueError("an output has 267 bytes")
        cuts = [0, 32, 64, 96, 99, 107, 123, 267]
        return cls(*(data[a:b] for a, b in pairwise(cuts)))

    @property
    def data(self) -> bytes:
        return b"".join(self)

    @property
    def stub(self) -> bytes:
        return self.P + self.R + self.vt + self.an + self.memo


class Shared(NamedTuple):
    """What sender and recipient both know of an output."""

    R: Point
    q: bytes
    vt: bytes
    P: Point
    r: int


def share(address: Address, ctx: bytes, value: int, n: bytes) -> Shared:
    """The sender's half of the exchange. Spec: LEDGER 4.2."""
    r = h_scalar("eph", n, ctx, u64(value), *address)
    spend, view, detect = (ristretto.decode(key) for key in address)
    R = ristretto.multiply(r, spend)
    vt = hn("vt", encode(ristretto.multiply(r, detect)), encode(R), ctx)[:3]
    q = h64("q", encode(ristretto.multiply(r, view)), encode(R), ctx)
    P = ristretto.add(ristretto.base(h_scalar("otk", q)), spend)
    return Shared(R, q, vt, P, r)


def mask_of(q: bytes, value: int, spend: bytes) -> int:
    return h_scalar("mask", q, u64(value), spend)


def seal_memo(key: bytes, P: bytes, C: bytes, memo: bytes) -> bytes:
    return ChaCha20Poly1305(key).encrypt(NONCE, memo, P + C)


def send(
    address: Address, ctx: bytes, value: int, n: bytes, memo: bytes = bytes(MEMO), own: bytes | None = None
) -> tuple[Fields, int]:
    """(output with a hidden opening, mask b). own: s_b, for a change output."""
    s = share(address, ctx, value, n)
    b = mask_of(s.q, value, address.spend)
    P, C = encode(s.P), encode(commit(value, b))
    key = h32("memo", s.q, P) if own is None else h32("memo/own", own, P)
    ea, an = xor(u64(value), h8("amt", s.q, P)), xor(n, h16("anc", s.q, P))
    return Fields(P, C, encode(s.R), s.vt, ea, an, seal_memo(key, P, C, memo)), b


def send_public(address: Address, ctx: bytes, value: int, n: bytes, y: int) -> Fields:
    """An output of kind 3 or 4: amount, anchor and mask in the open. Spec: LEDGER 4.5."""
    s = share(address, ctx, value, n)
    return Fields(encode(s.P), encode(commit(value, y)), encode(s.R), s.vt, u64(value), n, bytes(144))


def send_refund(address: Address, ctx: bytes, value: int, n: bytes, y: int, memo: bytes = bytes(MEMO)) -> Fields:
    """An output of kind 5 as it will be made; its `stub` is what the payer puts into the transaction."""
    s = share(address, ctx, value, n)
    P, C = encode(s.P), encode(commit(value, y))
    an = xor(n, h16("anc", s.q, P))
    return Fields(P, C, encode(s.R), s.vt, u64(value), an, seal_memo(h32("memo", s.q, P), P, C, memo))


@cache
def start_output(chain_id: bytes, class_: int, k: int) -> Fields:
    """Spec: LEDGER 8.6."""
    items = (chain_id, u8(class_), u8(k))
    P, R = h_point("gen/P", *items), h_point("gen/R", *items)
    C = ristretto.base(mask_start(chain_id, class_, k))
    return Fields(encode(P), encode(C), encode(R), bytes(3), bytes(8), bytes(16), bytes(144))


# -- scanning -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """An output that is ours. status: ours, mismatch (the amount does not open C) or hostile (Janus)."""

    status: str
    index: tuple[int, int]
    value: int
    n: bytes
    x: int
    key_image: bytes
    memo: bytes | None


def detect(k_d: int, output: Fields, ctx: bytes) -> bool:
    """Step 1 of section 4.3."""
    shared = ristretto.multiply(k_d, ristretto.decode(output.R))
    return hn("vt", encode(shared), output.R, ctx)[:3] == output.vt


def key_image(x: int, P: bytes) -> bytes:
    return encode(ristretto.multiply(x, h_point("ki", P)))


def open_memo(key: bytes, output: Fields) -> bytes | None:
    try:
        return ChaCha20Poly1305(key).decrypt(NONCE, output.memo, output.P + output.C)
    except InvalidTag:
        return None


def scan(
    keys: Keys, table: list[tuple[int, int]], output: Fields, ctx: bytes, kind: int = TRANSFER, y: int | None = None
) -> Found | None:
    """Section 4.3 for one output. y: the public mask of kinds 3, 4 and 5."""
    if not detect(keys.k_d, output, ctx):
        return None
    S_v = ristretto.multiply(keys.k_v, ristretto.decode(output.R))
    q = h64("q", encode(S_v), output.R, ctx)
    spend = encode(ristretto.subtract(ristretto.decode(output.P), ristretto.base(h_scalar("otk", q))))
    index = next((i for i in table if keys.address(*i).spend == spend), None)
    if index is None:
        return None
    ea = output.ea if y is not None else xor(output.ea, h8("amt", q, output.P))
    n = output.an if kind in (FEE, PAYOUT) else xor(output.an, h16("anc", q, output.P))
    value = int.from_bytes(ea, "little")
    b = mask_of(q, value, spend) if y is None else y
    x = (h_scalar("otk", q) + keys.k_s + keys.offset(*index)) % L
    status = "ours"
    # SPEC LEDGER-4.3.1
    if encode(commit(value, b)) != output.C:
        status = "mismatch"
    # SPEC LEDGER-4.3.2
    elif encode(share(keys.address(*index), ctx, value, n).R) != output.R:
        status = "hostile"
    memo = open_memo(h32("memo", q, output.P), output) or open_memo(h32("memo/own", keys.s_b, output.P), output)
    return Found(status, index, value, n, x, key_image(x, output.P), memo)
