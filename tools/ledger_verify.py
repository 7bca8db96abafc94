#!/usr/bin/env python3
"""ledger-verify: check receipts, proofs and whole chains of the private ledger on your own machine.

One file on purpose (LEDGER-13.2): to copy, to read, and to run with Python 3.11 alone, without a node, a package or a
compiler. It trusts nothing but the genesis document. Spec: docs/spec/ledger.md.

    ledger-verify {receipt|state} FILE... --genesis FILE [--json]
    ledger-verify {payment|receive|reserve} FILE... --genesis FILE [--challenge HEX] [--json]
    ledger-verify blocks FOLDER [--genesis FILE] [--ranges] [--json]

A FILE is one object, raw or in hex. A FOLDER holds genesis.cbor and for every height from 0 on <height>.header (the
header and its finality), <height>.record and, where it was kept, <height>.proofs. Of blocks it checks headers and
finality, every root but state_root, the block equation, public openings, mint kernels, key images and the supply
identity, and with --ranges the range proofs, where their segments were kept. Rings are not published.
Exit 0: all that was asked for verifies. 9: something does not, and each failure is named. 2: wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, reduce
from hashlib import sha3_256, sha256, sha512, shake_256
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

OK, FAILED = 0, 9
SHOWN_MAX = 20
ZERO = bytes(32)
HEADER, OUTPUT, STUB = 378, 267, 227
FEE, PAYOUT, REFUND, START = 3, 4, 5, 6
SEQUENCES_MAX = 1 << 16
AMOUNT_MAX = 2**62 - 1


class Wrong(Exception):
    """Something does not verify: a code and what was seen."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def need(holds: object, code: str, detail: str = "") -> None:
    if not holds:
        raise Wrong(code, detail)


def sha(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def hashed(tag: bytes, data: bytes) -> bytes:
    """The tagged hash of the channels (MICROPAY section 0)."""
    return sha3_256(bytes([len(tag)]) + tag + data).digest()


def u(size: int, value: int) -> bytes:
    return value.to_bytes(size, "little")


def number(data: bytes | bytearray) -> int:
    return int.from_bytes(data, "little")


def is_ascending(items: Iterable[bytes]) -> bool:
    return all(a < b for a, b in pairwise(items))


class Reader:
    """Strict little-endian reading."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        need(size <= len(self.data) - self.at, "MALFORMED", "ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def u(self, size: int) -> int:
        return number(self.take(size))

    def many(self, count: int, size: int) -> list[bytes]:
        data = self.take(count * size)
        return [data[at : at + size] for at in range(0, len(data), size)]

    def magic(self, expected: bytes) -> None:
        need(self.take(len(expected)) == expected, "MALFORMED", f"{expected[:4].decode()} expected")

    def done(self) -> None:
        need(self.at == len(self.data), "MALFORMED", "trailing bytes")


# -- ristretto255 (RFC 9496), hashes (section 2), strict Ed25519 ---------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
Point = tuple[int, int, int, int]  # x, y, z, t with x/z, y/z affine and t = xy/z
IDENTITY: Point = (0, 1, 1, 0)


def even(a: int) -> int:
    a %= P
    return P - a if a & 1 else a


def root_of_ratio(a: int, b: int) -> tuple[bool, int]:
    r = a * pow(b, 3, P) * pow(a * pow(b, 7, P), (P - 5) // 8, P) % P
    check, a = b * r * r % P, a % P
    if check in (-a % P, -a * SQRT_M1 % P):
        r = r * SQRT_M1 % P
    return check in (a, -a % P), even(r)


def decode(data: bytes) -> Point:
    s = number(data)
    need(len(data) == 32 and s < P and not s & 1, "POINT", "not a canonical encoding")
    a, b = 1 - s * s, 1 + s * s
    v = (-D * a * a - b * b) % P
    square, root = root_of_ratio(1, v * b * b)
    dx = root * b % P
    x = even(2 * s * dx)
    y = a * root * dx * v % P
    t = x * y % P
    need(square and not t & 1 and y, "POINT", "not in the group")
    return x, y, 1, t


def element(data: bytes) -> Point:
    need(data != ZERO, "POINT", "the identity")
    return decode(data)


def encode(point: Point) -> bytes:
    x, y, z, t = point
    a, b = (z + y) * (z - y) % P, x * y % P
    root = root_of_ratio(1, a * b * b)[1]
    d1, d2 = root * a % P, root * b % P
    inverse = d1 * d2 * t % P
    d = d2
    if t * inverse % P & 1:
        x, y, d = y * SQRT_M1 % P, x * SQRT_M1 % P, d1 * INVSQRT_A_MINUS_D % P
    if x * inverse % P & 1:
        y = -y
    return even(d * (z - y)).to_bytes(32, "little")


def add(a: Point, b: Point) -> Point:
    m, n = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    c, d = 2 * D * a[3] * b[3] % P, 2 * a[2] * b[2]
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(k: int, point: Point) -> Point:
    """Four bits at a time."""
    multiples = [IDENTITY]
    for _ in range(15):
        multiples.append(add(multiples[-1], point))
    found = IDENTITY
    for digit in f"{k % L:x}":
        for _ in range(4):
            found = add(found, found)
        found = add(found, multiples[int(digit, 16)])
    return found


def total(points: Iterable[Point]) -> Point:
    return reduce(add, points, IDENTITY)


def same(a: Point, b: Point) -> bool:
    return (a[0] * b[1] - a[1] * b[0]) % P == 0 or (a[1] * b[1] - a[0] * b[0]) % P == 0


def scalar(data: bytes) -> int:
    need(len(data) == 32 and number(data) < L, "SCALAR", "not canonical")
    return number(data)


def hn(tag: str, *items: bytes) -> bytes:
    """The framed hash, 64 bytes."""
    parts = [b"PL1", u(1, len(tag)), tag.encode()]
    for item in items:
        parts += (u(4, len(item)), item)
    return sha512(b"".join(parts)).digest()


def hs(tag: str, *items: bytes) -> int:
    return number(hn(tag, *items)) % L


def hp(tag: str, *items: bytes) -> Point:
    return uniform(hn(tag, *items))


def uniform(wide: bytes) -> Point:
    return add(*(elligator(number(half) % 2**255) for half in (wide[:32], wide[32:])))


def elligator(t: int) -> Point:
    r = SQRT_M1 * t * t % P
    v = (-1 - r * D) * (r + D) % P
    square, s = root_of_ratio((r + 1) * (1 - D * D), v)
    c = -1
    if not square:
        s, c = -even(s * t), r
    n = c * (r - 1) * (D - 1) ** 2 - v
    w0, w1, w2, w3 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P, 1 - s * s, 1 + s * s
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


@cache
def G() -> Point:
    return decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


@cache
def H() -> Point:
    return hp("gen/value")


def commit(value: int, mask: int) -> Point:
    return add(multiply(mask, G()), multiply(value, H()))


def is_schnorr(tag: str, public: bytes, items: list[bytes], signature: bytes) -> bool:
    c = hs(tag, signature[:32], public, *items)
    right = add(element(signature[:32]), multiply(c, element(public)))
    return same(multiply(scalar(signature[32:]), G()), right)


def is_dleq(context: bytes, pairs: list[tuple[bytes, bytes]], proof: bytes) -> bool:
    """pairs: (base, image), twice."""
    c, s = scalar(proof[:32]), scalar(proof[32:])
    made = [encode(add(multiply(s, element(base)), multiply(c, element(image)))) for base, image in pairs]
    return hs("dleq", context, *(name for pair in pairs for name in pair), *made) == c


def edwards(data: bytes) -> Point:
    y, sign = number(data) % 2**255, data[31] >> 7
    square, x = root_of_ratio(y * y - 1, D * y * y + 1)
    need(y < P and square and not (x == 0 and sign), "SIGNATURE", "a bad point")
    x = P - x if x & 1 != sign else x
    point = (x, y, 1, x * y % P)
    eightfold = reduce(lambda p, _: add(p, p), range(3), point)
    need(eightfold[0] % P or (eightfold[1] - eightfold[2]) % P, "SIGNATURE", "small order")
    return point


def check_ed25519(public: bytes, message: bytes, signature: bytes) -> None:
    """The strict rule: no cofactor, S < L, canonical A and R, neither of small order."""
    need(len(public) == 32 and len(signature) == 64 and number(signature[32:]) < L, "SIGNATURE", "form")
    c = number(sha512(signature[:32] + public + message).digest())
    left = multiply(number(signature[32:]), edwards(bytes.fromhex("58" + "66" * 31)))
    right = add(edwards(signature[:32]), multiply(c, edwards(public)))
    need(all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1)), "SIGNATURE", "does not verify")


# -- trees -----------------------------------------------------------------------------------------------------


def join(left: bytes, right: bytes) -> bytes:
    return sha(b"\x01", left, right)


class Log:
    """A growing RFC 6962 tree: one node for each full subtree, the largest first."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.nodes: list[bytes] = []
        self.size = 0
        for leaf in leaves:
            self.push(leaf)

    def push(self, leaf: bytes) -> None:
        self.nodes.append(sha(b"\x00", leaf))
        self.size += 1
        for _ in range((self.size & -self.size).bit_length() - 1):
            right = self.nodes.pop()
            self.nodes[-1] = join(self.nodes[-1], right)

    def root(self) -> bytes:
        return reduce(lambda right, left: join(left, right), reversed(self.nodes)) if self.nodes else sha()


def check_path(root: bytes, leaf: bytes, index: int, size: int, path: list[bytes]) -> None:
    """RFC 9162 section 2.1.3.2."""
    need(0 <= index < size, "PROOF", "index outside the tree")
    fn, sn, node = index, size - 1, sha(b"\x00", leaf)
    for step in path:
        need(sn > 0, "PROOF", "path too long")
        if fn & 1 or fn == sn:
            node = join(step, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = join(node, step)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and node == root, "PROOF", "does not lead to the root")


class Sparse:
    """The compact sparse Merkle tree: a leaf is (key, node), an inner node (left, right, node)."""

    def __init__(self) -> None:
        self.top: tuple[Any, ...] | None = None

    def put(self, key: bytes, value: bytes) -> None:
        leaf = (key, sha(b"\x00", key, sha(value)))
        self.top = self.insert(self.top, number(key[::-1]), leaf, 255)

    def insert(self, here: tuple[Any, ...] | None, bits: int, leaf: tuple[Any, ...], at: int) -> tuple[Any, ...]:
        if here is None:
            return leaf
        if len(here) == 2:
            here = (here, None) if not number(here[0][::-1]) >> at & 1 else (None, here)
        sides = list(here[:2])
        side = bits >> at & 1
        sides[side] = self.insert(sides[side], bits, leaf, at - 1)
        return (*sides, join(*(side[-1] if side else ZERO for side in sides)))

    def root(self) -> bytes:
        return self.top[-1] if self.top else ZERO


def check_sparse(root: bytes, key: bytes, value: bytes | None, proof: Reader) -> None:
    """LEDGER-13.4. value: None where the proof must show absence."""
    kind, depth = proof.u(1), proof.u(2)
    need(kind <= 2 and depth <= 256 and (kind == 1) == (value is not None), "PROOF", "kind or depth")
    bitmap = proof.take((depth + 7) // 8)
    bits = f"{number(bitmap[::-1]):0{len(bitmap) * 8}b}" if bitmap else ""
    need("1" not in bits[depth:], "PROOF", "a bit beyond depth")
    siblings = [proof.take(32) if bit == "1" else ZERO for bit in bits[:depth]]
    need(
        all((bit == "1") == (step != ZERO) for bit, step in zip(bits, siblings, strict=False)),
        "PROOF",
        "an empty sibling",
    )
    at, node = number(key[::-1]), ZERO
    if value is not None:
        node = sha(b"\x00", key, sha(value))
    elif kind == 2:
        other, hashed = proof.take(32), proof.take(32)
        need(other != key and not (number(other[::-1]) ^ at) >> 256 - depth, "PROOF", "the other leaf")
        node = sha(b"\x00", other, hashed)
    for deep in reversed(range(depth)):
        node = join(siblings[deep], node) if at >> 255 - deep & 1 else join(node, siblings[deep])
    need(node == root, "PROOF", "does not lead to the root")


# -- genesis, headers, finality --------------------------------------------------------------------------------


def cbor(at: Reader, depth: int = 0) -> Any:
    """One item of deterministic CBOR, of the kinds that a genesis document has."""
    first = at.take(1)[0]
    major, n = first >> 5, first & 31
    need(depth < 8 and (n < 28 if major < 7 else n in (20, 21, 22)), "MALFORMED", "CBOR")
    if major == 7:
        return {20: False, 21: True, 22: None}[n]
    if n > 23:
        least, n = (1 << 8 * (1 << n - 25)) if n > 24 else 24, int.from_bytes(at.take(1 << n - 24), "big")
        need(n >= least, "MALFORMED", "CBOR: not the shortest head")
    if major in (2, 3):
        data = at.take(n)
        return data if major == 2 else data.decode("utf-8", "replace")
    need(major in (0, 1, 4, 5) and (major < 4 or n <= len(at.data)), "MALFORMED", "CBOR")
    if major == 4:
        return [cbor(at, depth + 1) for _ in range(n)]
    if major == 5:
        pairs = {}
        for _ in range(n):
            key = cbor(at, depth + 1)
            need(isinstance(key, int | str | bytes) and key not in pairs, "MALFORMED", "CBOR: key")
            pairs[key] = cbor(at, depth + 1)
        return pairs
    return n if major == 0 else -1 - n


class Genesis:
    """What the document fixes: the chain, its start, its validators."""

    def __init__(self, document: bytes) -> None:
        at = Reader(document)
        fields = cbor(at)
        at.done()
        need(isinstance(fields, dict) and fields.get(1) == 1, "GENESIS", "version 1 of a genesis document expected")
        # where many validators agree, the signature of a single one proves nothing
        need(fields.get(6) == "embedded", "FINALITY", "only chains of one validator are checked here")
        keys, created = fields.get(7), fields.get(5)
        need(
            isinstance(keys, list) and all(isinstance(k, bytes) and len(k) == 32 for k in keys), "GENESIS", "validators"
        )
        need(type(created) is int and created >= 0, "GENESIS", "created")
        self.validators: list[bytes] = keys
        self.start_ms = 1000 * created
        self.dev = fields.get(4) is True
        self.chain_id = hn("chain", document)[:32]


class Header(NamedTuple):
    """The 378 bytes, taken apart."""

    data: bytes
    chain_id: bytes
    height: int
    time_ms: int
    prev_app_hash: bytes
    tx_root: bytes
    out_root: bytes
    out_size: int
    ki_root: bytes
    state_root: bytes
    record_hash: bytes
    proofs_hash: bytes
    totals: tuple[int, ...]
    epoch: int
    ratchet_commit: bytes
    tx_count: int
    params_version: int

    @property
    def app_hash(self) -> bytes:
        return sha(self.data)


def read_header(at: Reader) -> Header:
    data = at.take(HEADER)
    r = Reader(data)
    r.magic(b"PLH1\x01\x00")
    first = (data, r.take(32), r.u(8), r.u(8), r.take(32), r.take(32), r.take(32), r.u(8))
    roots = (r.take(32), r.take(32), r.take(32), r.take(32))
    return Header(*first, *roots, tuple(r.u(8) for _ in range(6)), r.u(4), r.take(32), r.u(4), r.u(4))


def read_final_header(at: Reader, genesis: Genesis) -> Header:
    """A header, and the validator's signature that makes it final. Spec: LEDGER-13.1, 16.2.5."""
    header = read_header(at)
    need(header.chain_id == genesis.chain_id, "WRONG_CHAIN", "the header is of another chain")
    need(at.u(1) == 1, "FINALITY", "only the finality of an embedded validator is checked here")
    index, signature = at.u(1), at.take(64)
    need(index < len(genesis.validators), "FINALITY", "no such validator")
    message = hn("block", header.chain_id, u(8, header.height), header.app_hash)
    check_ed25519(genesis.validators[index], message, signature)
    return header


def check_receipt(data: bytes, genesis: Genesis) -> str:
    """PLQ1."""
    at = Reader(data)
    at.magic(b"PLQ1")
    header = read_final_header(at, genesis)
    leaf, position, count = at.take(32), at.u(4), at.u(4)
    path = at.many(at.u(1), 32)
    at.done()
    # SPEC LEDGER-13.3
    need(count == header.tx_count and position < count, "PROOF", "count or position")
    check_path(header.tx_root, leaf, position, count, path)
    return f"{leaf.hex()} took effect at height {header.height}"


def check_state(data: bytes, genesis: Genesis) -> str:
    """PLQ2."""
    at = Reader(data)
    at.magic(b"PLQ2")
    header = read_final_header(at, genesis)
    domain, ident = at.u(1), at.take(at.u(1))
    value = at.take(at.u(2))
    present = data[at.at : at.at + 1] == b"\x01"
    need(present or not value, "PROOF", "an absent entry with a value")
    check_sparse(header.state_root, sha(b"PL1/st", u(1, domain), ident), value if present else None, at)
    at.done()
    what = f"is {value.hex()}" if present else "is absent"
    return f"domain {domain}, id {ident.hex() or '(empty)'} {what} at height {header.height}"


# -- payment, receive and reserve proofs -----------------------------------------------------------------------


class Logged(NamedTuple):
    """An output that stands in the log of a header."""

    class_: int
    output: bytes
    P: bytes
    C: bytes
    R: bytes
    ea: bytes


def read_place(at: Reader, header: Header) -> tuple[int, Logged]:
    """(index, output), its path checked."""
    index, class_, height, output = at.u(8), at.u(1), at.u(8), at.take(OUTPUT)
    path = at.many(at.u(1), 32)
    need(class_ < 2 and height <= header.height, "PROOF", "class or height of an output")
    check_path(header.out_root, u(1, class_) + u(8, height) + output, index, header.out_size, path)
    return index, Logged(class_, output, output[:32], output[32:64], output[64:96], output[99:107])


def start_proof(data: bytes, kind: int, genesis: Genesis) -> tuple[Reader, Header]:
    at = Reader(data)
    at.magic(b"PLV1" + u(1, kind))
    return at, read_final_header(at, genesis)


def read_address(at: Reader, genesis: Genesis) -> list[bytes]:
    data = at.take(102)
    need(data[0] == 1 and hn("addr", data[:98])[:4] == data[98:], "ADDRESS", "version or checksum")
    need(data[1] == int(genesis.dev), "ADDRESS", "of another network than the chain")
    return [data[2:34], data[34:66], data[66:98]]


def check_ctx(genesis: Genesis, output: Logged, ctx: bytes, mint_id: bytes | None) -> None:
    """The recipient finds an output only under its true context, so no other one proves anything."""
    expected = (
        hn("ctx", genesis.chain_id, b"\x01") if mint_id is None else hn("ctx", genesis.chain_id, b"\x02", mint_id)
    )
    need(output.class_ == 0 and ctx == expected[:32], "PROOF", "not an output of a transaction, or of --mint")


def check_opening(output: Logged, shared: bytes, ctx: bytes, spend: bytes, value: int) -> None:
    q = hn("q", shared, output.R, ctx)
    key = add(multiply(hs("otk", q), G()), element(spend))
    need(encode(key) == output.P, "PROOF", "the one-time key does not follow")
    need(number(output.ea) ^ number(hn("amt", q, output.P)[:8]) == value, "PROOF", "the amount is another one")
    need(encode(commit(value, hs("mask", q, u(8, value), spend))) == output.C, "PROOF", "the commitment does not open")


def check_payment(data: bytes, genesis: Genesis, asked: Asked) -> str:
    at, header = start_proof(data, 1, genesis)
    index, output = read_place(at, header)
    ctx, n, value = at.take(32), at.take(16), at.u(8)
    keys = read_address(at, genesis)
    at.done()
    check_ctx(genesis, output, ctx, asked.mint_id)
    r = hs("eph", n, ctx, u(8, value), *keys)
    points = [element(key) for key in keys]
    need(encode(multiply(r, points[0])) == output.R, "PROOF", "not made by this anchor")
    check_opening(output, encode(multiply(r, points[1])), ctx, keys[0], value)
    return f"output {index} paid {value} minor units to {b''.join(keys).hex()}"


def dleq_context(kind: int, header: Header, challenge: bytes) -> bytes:
    return u(1, kind) + header.chain_id + u(8, header.height) + challenge


def check_receive(data: bytes, genesis: Genesis, asked: Asked) -> str:
    at, header = start_proof(data, 2, genesis)
    index, output = read_place(at, header)
    ctx, value = at.take(32), at.u(8)
    keys = read_address(at, genesis)
    shared, proof, challenge = at.take(32), at.take(64), at.take(at.u(1))
    at.done()
    # SPEC LEDGER-13.5
    need(challenge and challenge == asked.challenge, "CHALLENGE", "the proof answers another challenge")
    check_ctx(genesis, output, ctx, asked.mint_id)
    check_opening(output, shared, ctx, keys[0], value)
    pairs = [(keys[0], keys[1]), (output.R, shared)]
    need(is_dleq(dleq_context(2, header, challenge), pairs, proof), "PROOF", "the shared secret is not the address's")
    return f"output {index} gave {value} minor units to {b''.join(keys).hex()}"


def check_reserve(data: bytes, genesis: Genesis, asked: Asked) -> str:
    at, header = start_proof(data, 3, genesis)
    challenge, held, count = at.take(at.u(1)), at.u(16), at.u(2)
    need(challenge and challenge == asked.challenge, "CHALLENGE", "the proof answers another challenge")
    context, last, sums = dleq_context(3, header, challenge), -1, IDENTITY
    for _ in range(count):
        index, output = read_place(at, header)
        image, proof, absence = at.take(32), at.take(64), Reader(at.take(at.u(2)))
        need(index > last, "MALFORMED", "outputs ascend by index")
        pairs = [(encode(G()), output.P), (encode(hp("ki", output.P)), image)]
        need(is_dleq(context, pairs, proof), "PROOF", "a key image does not belong to its output")
        check_sparse(header.ki_root, sha(b"PL1/ki", image), None, absence)
        absence.done()
        last, sums = index, add(sums, element(output.C))
    mask = scalar(at.take(32))
    at.done()
    need(same(sums, commit(held, mask)), "PROOF", "the outputs do not add up to the total")
    return f"{count} outputs of {held} minor units were held, unspent at height {header.height}"


# -- range proofs ----------------------------------------------------------------------------------------------

BITS, RATE, WORD = 64, 166, 2**64 - 1


def rotated(word: int, by: int) -> int:
    return (word << by | word >> 64 - by) & WORD


def keccak(state: bytearray) -> None:
    """Keccak-f[1600] (FIPS 202)."""
    a = [number(state[8 * i : 8 * i + 8]) for i in range(25)]  # lane (x, y) at x + 5y
    register = 1
    for _ in range(24):
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        a = [a[i] ^ c[(i + 4) % 5] ^ rotated(c[(i + 1) % 5], 1) for i in range(25)]
        x, y, word = 1, 0, a[1]
        for t in range(1, 25):
            x, y = y, (2 * x + 3 * y) % 5
            word, a[x + 5 * y] = a[x + 5 * y], rotated(word, t * (t + 1) // 2 % 64)
        a = [a[i] ^ (~a[i - i % 5 + (i + 1) % 5] & a[i - i % 5 + (i + 2) % 5] & WORD) for i in range(25)]
        for j in range(7):
            a[0] ^= (register & 1) << (1 << j) - 1
            register = register << 1 ^ (register >> 7) * 0x171
    state[:] = b"".join(u(8, word) for word in a)


class Transcript:
    """Merlin over STROBE-128: messages go in, challenges come out."""

    def __init__(self, label: bytes) -> None:
        self.state = bytearray(bytes([1, RATE + 2, 1, 0, 1, 96]) + b"STROBEv1.0.2" + bytes(182))
        keccak(self.state)
        self.at = self.begun = 0
        self.operate(18, b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def move(self) -> None:
        self.at += 1
        if self.at == RATE:
            self.permute()

    def permute(self) -> None:
        self.state[self.at] ^= self.begun
        self.state[self.at + 1] ^= 4
        self.state[RATE + 1] ^= 128
        keccak(self.state)
        self.at = self.begun = 0

    def operate(self, flags: int, data: bytes = b"") -> None:
        begun, self.begun = self.begun, self.at + 1
        for byte in bytes([begun, flags]) + data:
            self.state[self.at] ^= byte
            self.move()

    def append(self, label: bytes, message: bytes) -> None:
        self.operate(18, label + u(4, len(message)))
        self.operate(2, message)

    def append_point(self, label: bytes, data: bytes) -> None:
        need(data != ZERO, "RANGE", "the identity")
        self.append(label, data)

    def challenge(self, label: bytes) -> int:
        self.operate(18, label + u(4, 64))
        self.operate(7)
        if self.at:
            self.permute()
        out = bytearray()
        for _ in range(64):
            out.append(self.state[self.at])
            self.state[self.at] = 0
            self.move()
        need(number(out) % L, "RANGE", "a challenge of zero")
        return number(out) % L


@cache
def generators(side: bytes, party: int) -> list[Point]:
    stream = shake_256(b"GeneratorsChain" + side + u(4, party)).digest(64 * BITS)
    return [uniform(stream[at : at + 64]) for at in range(0, len(stream), 64)]


def check_range(commitments: list[bytes], data: bytes, context: bytes) -> None:
    """Bulletproofs+ (ePrint 2020/735): every commitment opens to less than 2^64. Spec: LEDGER section 2."""
    size = BITS * len(commitments)
    rounds = size.bit_length() - 1
    need(len(data) == 1 + 32 * (6 + 2 * rounds) and data[0] == 1, "RANGE", "length")
    d, A, A1, B, r, s, *steps = (data[at : at + 32] for at in range(1, len(data), 32))
    transcript = Transcript(b"PL1/bp+")
    transcript.append(b"ctx", context)
    transcript.append(b"dom-sep", b"Bulletproofs+ Range Proof")
    transcript.append(b"H", encode(H()))
    transcript.append(b"G", encode(G()))
    for label, value in ((b"N", BITS), (b"T", 1), (b"M", len(commitments))):
        transcript.append(label, u(8, value))
    for label, values in ((b"Ci", commitments), (b"vi - minimum_value", [bytes(8)] * len(commitments))):
        for each in values:
            transcript.append(label, each)
    transcript.append_point(b"A", A)
    y, z = transcript.challenge(b"y"), transcript.challenge(b"z")
    es = []
    for left, right in zip(steps[::2], steps[1::2], strict=True):
        transcript.append_point(b"L", left)
        transcript.append_point(b"R", right)
        es.append(transcript.challenge(b"e"))
    transcript.append_point(b"A1", A1)
    transcript.append_point(b"B", B)
    e = transcript.challenge(b"e")
    terms = range_terms(y, z, es, e, scalar(r), scalar(s), scalar(d), size)
    terms += [(-e, decode(A1)), (-1, decode(B)), (-e * e, decode(A))]
    for at, challenge in enumerate(es):
        terms.append((-((e * challenge) ** 2), decode(steps[2 * at])))
        terms.append((-((e * pow(challenge, -1, L)) ** 2), decode(steps[2 * at + 1])))
    for party, commitment in enumerate(commitments):
        terms.append((-e * e * pow(z, 2 * party + 2, L) * pow(y, size + 1, L), decode(commitment)))
    need(same(total(multiply(k, point) for k, point in terms), IDENTITY), "RANGE", "does not verify")


def range_terms(y: int, z: int, es: list[int], e: int, r: int, s: int, d: int, size: int) -> list[tuple[int, Point]]:
    """What the fixed generators get: both vectors, H and G."""
    terms, weights, inverse = [], 0, pow(y, -1, L)
    folds = [1]
    for challenge in es:
        low = pow(challenge, -1, L)
        folds = [fold * by % L for fold in folds for by in (low, challenge)]
    for at in range(size):
        party, bit = divmod(at, BITS)
        weight = pow(z, 2 * party + 2, L) * 2**bit % L
        weights += weight
        left = r * e * pow(inverse, at, L) * folds[at] + e * e * z
        right = s * e * folds[size - 1 - at] - e * e * (weight * pow(y, size - at, L) + z)
        terms.append((left, generators(b"G", party)[bit]))
        terms.append((right, generators(b"H", party)[bit]))
    powers = sum(pow(y, at, L) for at in range(1, size + 1))
    value = r * y * s + e * e * (pow(y, size + 1, L) * z * weights + (z * z - z) * powers)
    return [*terms, (value, H()), (d, G())]


# -- blocks ----------------------------------------------------------------------------------------------------


class Made(NamedTuple):
    """An output that the ledger made."""

    kind: int
    class_: int
    ctx: bytes
    output: bytes


class Operation(NamedTuple):
    """A frame or a tail; of a frame `body` is what follows its 52 bytes."""

    type: int
    data: bytes

    @property
    def body(self) -> bytes:
        return self.data[52:]


class Mint(NamedTuple):
    value: int
    outputs: list[bytes]
    kernel: bytes
    unproven: bytes
    """The frame up to and without bp_len."""
    range_proof: bytes
    core: bytes
    proof: bytes


class Record(NamedTuple):
    height: int
    leaves: list[bytes]
    operations: list[Operation]
    images: list[bytes]
    ps_sum: bytes
    outputs: list[bytes]
    made: list[Made]
    totals: tuple[int, ...]


def read_record(data: bytes) -> Record:
    at = Reader(data)
    at.magic(b"PLR1\x01\x00")
    height, leaves = at.u(8), at.many(at.u(4), 32)
    operations = [Operation(at.u(1), at.take(at.u(4))) for _ in range(at.u(4))]
    images, ps_sum, outputs = at.many(at.u(4), 32), at.take(32), at.many(at.u(4), OUTPUT)
    made = [Made(at.u(1), at.u(1), at.take(32), at.take(OUTPUT)) for _ in range(at.u(2))]
    totals = tuple(at.u(8) for _ in range(6))
    at.done()
    ascending = is_ascending(leaves) and is_ascending(images) and is_ascending(output[64:96] for output in outputs)
    need(ascending, "MALFORMED", "a list of the record does not ascend")
    return Record(height, leaves, operations, images, ps_sum, outputs, made, totals)


def read_mint(frame: Operation) -> Mint:
    at = Reader(frame.body)
    at.take(at.u(2))
    at.take(32)
    at.take(12 * at.u(2))
    at.take(at.u(2))
    value, count = at.u(8), at.u(1)
    need(count in (2, 4, 8, 16), "MALFORMED", "outputs of a mint")
    outputs, kernel = at.many(count, OUTPUT), at.take(32)
    unproven, range_proof = frame.data[: 52 + at.at], at.take(at.u(2))
    mint = Mint(value, outputs, kernel, unproven, range_proof, frame.data[: 52 + at.at], at.take(64))
    at.take(80)
    at.done()
    need(is_ascending(output[64:96] for output in outputs), "MALFORMED", "outputs of a mint ascend by R")
    return mint


class Block:
    """One height: what its files hold, read; nothing is judged yet."""

    def __init__(self, folder: Path, height: int, genesis: Genesis) -> None:
        self.final = (folder / f"{height}.header").read_bytes()
        self.data = (folder / f"{height}.record").read_bytes()
        proofs = folder / f"{height}.proofs"
        self.segment = proofs.read_bytes() if proofs.is_file() else None
        at = Reader(self.final)
        self.header = read_final_header(at, genesis)
        at.done()
        need(self.header.height == height, "HEADER", "another height than its file says")
        need(sha(self.data) == self.header.record_hash, "RECORD", "not the record of the header")
        self.record = read_record(self.data)
        self.frames = [operation for operation in self.record.operations if operation.type > 3]
        self.mints = [read_mint(frame) for frame in self.frames if frame.type == 16]

    @property
    def log(self) -> list[tuple[int, bytes]]:
        """(class, output) in the order of global indices."""
        minted = [output for mint in self.mints for output in mint.outputs]
        return [(0, output) for output in self.record.outputs + minted] + [
            (m.class_, m.output) for m in self.record.made
        ]


@dataclass
class Supply:
    """Sums of the whole chain, from records alone (section 9.4)."""

    totals: list[int] = field(default_factory=lambda: [0] * 6)
    paid_account: int = 0
    paid_redeemed: int = 0

    def figures(self) -> dict[str, int]:
        fees, minted, burned, refunded, escrow_in, escrow_out = self.totals
        return {
            "minted": minted,
            "paid_account": self.paid_account,
            "paid_redeemed": self.paid_redeemed,
            "hidden": minted - burned + refunded - escrow_in + escrow_out,
            "escrow_pool": escrow_in - escrow_out,
            "pending": burned - self.paid_account - self.paid_redeemed - refunded,
            "fees": fees,
        }

    def check(self) -> None:
        f = self.figures()
        left, right = (
            f["minted"] - f["paid_account"] - f["paid_redeemed"],
            f["hidden"] + f["escrow_pool"] + f["pending"],
        )
        need(
            left == right and min(f.values()) >= 0, "SUPPLY", f"{left} is backed by {right}, or something is below zero"
        )


class Walk:
    """Goes from block to block and keeps what the next one is judged by."""

    def __init__(self, genesis: Genesis, ranges: bool) -> None:
        self.genesis, self.chain_id, self.ranges = genesis, genesis.chain_id, ranges
        self.last: Header | None = None
        self.log, self.images, self.seen_images = Log(), Sparse(), set[bytes]()
        self.points, self.op_ids = set[bytes](), set[bytes]()
        self.withdrawals: dict[bytes, tuple[int, bytes]] = {}
        self.answered: set[bytes] = set()
        self.sequences: dict[bytes, int] = {}
        self.supply = Supply()
        self.judged = 0

    def step(self, block: Block) -> None:
        self.check_header(block)
        self.check_operations(block)
        self.check_log(block)
        self.check_images(block)
        self.check_equation(block)
        self.check_segment(block)
        self.supply.totals = [a + b for a, b in zip(self.supply.totals, block.record.totals, strict=True)]
        self.supply.check()
        self.last = block.header

    def check_header(self, block: Block) -> None:
        header, record = block.header, block.record
        if self.last is None:
            # SPEC LEDGER-8.6.3
            start = (header.time_ms, header.prev_app_hash, header.ratchet_commit, header.epoch, header.params_version)
            need(start == (self.genesis.start_ms, ZERO, ZERO, 0, 0), "HEADER", "block 0 is not that of the genesis")
            need(
                not block.record.operations and not record.leaves and not record.outputs,
                "RECORD",
                "block 0 has no frames",
            )
        else:
            need(header.prev_app_hash == self.last.app_hash, "HEADER", "does not follow the header before")
            need(header.time_ms > self.last.time_ms, "HEADER", "time goes back")
        need(record.height == header.height and record.totals == header.totals, "RECORD", "height or totals")
        need(max(record.totals) <= AMOUNT_MAX, "RECORD", "a total above 2^62 - 1")

    # SPEC LEDGER-8.5.1
    def check_operations(self, block: Block) -> None:
        """Order, ids and chain of what the block carries, and tx_root."""
        header, operations = block.header, block.record.operations
        keys = [self.order_of(operation, header) for operation in operations]
        # a TOPUP may come twice, byte for byte: its money comes twice too
        in_order = all(a < b or (a == b and a[0] == 3) for a, b in pairwise(keys))
        need(in_order, "RECORD", "operations do not stand in ledger order")
        op_ids = [key[1] for key in keys if key[0] > 3]
        need(not self.op_ids & set(op_ids), "RECORD", "an operation took effect twice")
        self.op_ids.update(op_ids)
        leaves = [*block.record.leaves, *op_ids]
        need(Log(leaves).root() == header.tx_root and len(leaves) == header.tx_count, "ROOT", "tx_root")
        burnt = funded = 0
        for operation in operations:
            if operation.type == 2:
                burnt += self.withdraw(operation)
            elif operation.type == 3:
                funded += number(operation.data[:8])
            elif operation.type == 18:
                self.pay(operation)
        need((burnt, funded) == (header.totals[2], header.totals[4]), "TOTALS", "burn_total or escrow_in")

    def order_of(self, operation: Operation, header: Header) -> tuple[int, bytes]:
        kind, data = operation
        if kind == 2:
            need(len(data) == 40 + STUB, "MALFORMED", "tail of a withdrawal")
            return kind, data[8:40]
        if kind == 3:
            funding = data[8:]
            if funding[:1] == b"\x20":
                return kind, b"\x20" + hashed(b"CMS/cid", funding[3:315]) + funding
            need(funding[:1] == b"\x21" and len(funding) == 113, "MALFORMED", "tail of a funding")
            return kind, funding[:33] + funding[41:49] + funding
        at = Reader(data)
        at.magic(b"PLP1\x01\x00" + u(1, kind) + b"\x00" + self.chain_id)
        expiry = at.u(8)
        need(at.u(4) == len(data) - 52, "MALFORMED", "body_len")
        need(header.height < expiry <= header.height + 20160, "RECORD", "an operation had expired")
        return kind, hn("op/id", data)[:32]

    def withdraw(self, tail: Operation) -> int:
        value, ref, stub = number(tail.data[:8]), tail.data[8:40], tail.data[40:]
        need(
            0 < value <= AMOUNT_MAX and ref not in self.withdrawals, "WITHDRAWAL", "no value, or its reference was used"
        )
        self.withdrawals[ref] = value, stub
        return value

    def answer(self, ref: bytes) -> tuple[int, bytes]:
        """A withdrawal is paid or refunded once."""
        need(ref in self.withdrawals and ref not in self.answered, "WITHDRAWAL", "unknown, or answered before")
        self.answered.add(ref)
        return self.withdrawals[ref]

    def pay(self, frame: Operation) -> None:
        at = Reader(frame.body)
        value, _ = self.answer(at.take(32))
        at.take(at.u(1) + 32)
        outcome = at.u(1)
        need(outcome in (1, 2), "MALFORMED", "outcome")
        self.supply.paid_account += value if outcome == 1 else 0
        self.supply.paid_redeemed += value if outcome == 2 else 0

    # SPEC LEDGER-4.4.1
    def check_log(self, block: Block) -> None:
        for class_, output in block.log:
            for point in (output[:32], output[64:96]):
                need(point not in self.points, "REUSED", "an R or a P stands twice")
                self.points.add(point)
                element(point)
            self.log.push(u(1, class_) + u(8, block.header.height) + output)
        need(self.log.root() == block.header.out_root and self.log.size == block.header.out_size, "ROOT", "out_root")

    def check_images(self, block: Block) -> None:
        for image in block.record.images:
            need(image not in self.seen_images, "DOUBLE_SPEND", image.hex())
            element(image)
            self.seen_images.add(image)
            self.images.put(sha(b"PL1/ki", image), u(8, block.header.height))
        need(self.images.root() == block.header.ki_root, "ROOT", "ki_root")

    # SPEC LEDGER-8.4.1
    def check_equation(self, block: Block) -> None:
        _, minted, burnt, refunded, escrow_in, escrow_out = block.record.totals
        need(sum(mint.value for mint in block.mints) == minted, "TOTALS", "mint_total")
        for mint in block.mints:
            opened = add(element(mint.kernel), multiply(mint.value, H()))
            need(same(total(element(output[32:64]) for output in mint.outputs), opened), "MINT", "kernel")
            need(is_schnorr("mint/kernel", mint.kernel, [mint.core], mint.proof), "MINT", "sig_E")
            self.check_range(mint.outputs, mint.range_proof, hn("bp/ctx", self.chain_id, ZERO, mint.unproven))
        masks = sum(self.masks(block))
        kernels = [element(mint.kernel) for mint in block.mints]
        left = total([decode(block.record.ps_sum), *kernels, commit(minted + refunded + escrow_out, masks)])
        outputs = total(element(output[32:64]) for _, output in block.log)
        need(same(left, add(outputs, multiply(burnt + escrow_in, H()))), "EQUATION", "the block equation does not hold")

    def masks(self, block: Block) -> Iterator[int]:
        """y of each output that the ledger made, its opening checked against the totals."""
        sums, made = dict.fromkeys((FEE, PAYOUT, REFUND, START), 0), block.record.made
        refunds = [frame.body[:32] for frame in block.frames if frame.type == 19]
        cids = {frame.body[:32] for frame in block.frames if 34 <= frame.type <= 41}
        need(block.header.height or len(made) == 128, "RECORD", "block 0 has 128 start outputs")
        for at, each in enumerate(made):
            need(each.kind in sums and (each.class_ == 1 or each.kind == START), "RECORD", "kind or class")
            if each.kind == FEE:
                y = self.mask_of_fee(block, each, at == len(made) - 1)
            elif each.kind == REFUND:
                y = self.mask_of_refund(each, refunds)
            elif each.kind == PAYOUT:
                y = self.mask_of_payout(each, cids)
            else:
                y = self.mask_of_start(block, each, at)
            value = number(each.output[99:107])
            need(value or each.kind == START, "RECORD", "a public output of nothing")
            need(encode(commit(value, y)) == each.output[32:64], "OPENING", "a public output does not open")
            sums[each.kind] += value
            yield y
        need(not refunds, "WITHDRAWAL", "a refund without its output")
        totals = block.record.totals
        need((sums[FEE], sums[REFUND], sums[PAYOUT]) == (totals[0], totals[3], totals[5]), "TOTALS", "public outputs")

    def mask_of_fee(self, block: Block, made: Made, is_last: bool) -> int:
        height = u(8, block.header.height)
        need(is_last and made.ctx == hn("ctx", self.chain_id, b"\x03", height)[:32], "RECORD", "the fee output")
        return hs("fee", block.header.prev_app_hash, height)

    def mask_of_refund(self, made: Made, refunds: list[bytes]) -> int:
        for ref in refunds:
            if hn("ctx", self.chain_id, b"\x05", ref)[:32] == made.ctx:
                refunds.remove(ref)
                value, stub = self.answer(ref)
                output = made.output
                found = output[:32] + output[64:99] + output[107:]
                need(
                    found == stub and number(output[99:107]) == value,
                    "WITHDRAWAL",
                    "the refund is not that of its stub",
                )
                return hs("pub/mask", self.chain_id, b"\x05", ref)
        raise Wrong("WITHDRAWAL", "a refund that no operation names")

    def mask_of_payout(self, made: Made, cids: set[bytes]) -> int:
        for cid in cids:
            for seq in [self.sequences[cid]] if cid in self.sequences else range(SEQUENCES_MAX):
                for party in (b"\x00", b"\x01"):
                    named = (self.chain_id, b"\x04", cid, u(4, seq), party)
                    if hn("ctx", *named)[:32] == made.ctx:
                        self.sequences[cid] = seq + 1
                        return hs("pub/mask", *named)
        raise Wrong("RECORD", "a payout that no operation explains")

    def mask_of_start(self, block: Block, made: Made, at: int) -> int:
        named = (self.chain_id, u(1, at // 64), u(1, at % 64))
        y = hs("gen/C", *named)
        points = [encode(point) for point in (hp("gen/P", *named), multiply(y, G()), hp("gen/R", *named))]
        expected = Made(START, at // 64, ZERO, b"".join(points) + bytes(171))
        need(block.header.height == 0 and made == expected, "RECORD", "start outputs")
        return y

    def check_range(self, outputs: list[bytes], proof: bytes, context: bytes) -> None:
        if self.ranges:
            check_range([output[32:64] for output in outputs], proof, context)
            self.judged += 1

    def check_segment(self, block: Block) -> None:
        """The proofs segment, where it was kept: each output of a transaction has one range proof."""
        if block.segment is None:
            return
        need(sha(block.segment) == block.header.proofs_hash, "SEGMENT", "not the segment of the header")
        at, places, last = Reader(block.segment), [], -1
        at.magic(b"PLT1")
        need(at.u(8) == block.header.height, "SEGMENT", "height")
        for _ in range(at.u(4)):
            positions = [at.u(4) for _ in range(at.u(1))]
            need(len(positions) in (2, 4, 8, 16) and all(a < b for a, b in pairwise(positions)), "SEGMENT", "positions")
            need(positions[0] > last, "SEGMENT", "order")
            last = positions[0]
            places += positions
            context, proof = at.take(64), at.take(at.u(2))
            need(positions[-1] < len(block.record.outputs), "SEGMENT", "a position outside of the block")
            self.check_range([block.record.outputs[place] for place in positions], proof, context)
        at.done()
        need(
            sorted(places) == list(range(len(block.record.outputs))), "SEGMENT", "an output has no range proof, or two"
        )


# -- program ---------------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """What the reader of a proof asked for."""

    challenge: bytes
    mint_id: bytes | None


@dataclass
class Report:
    """What verified, what did not, and what else is worth saying."""

    verified: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def judging(self, what: str, kind: str) -> Iterator[None]:
        try:
            yield
            self.verified[kind] += 1
        except Wrong as wrong:
            self.failures.append({"code": wrong.code, "what": what, "detail": wrong.detail})

    def show(self, as_json: bool) -> int:
        status = FAILED if self.failures else OK
        if as_json:
            answer = {"ok": status == OK, "verified": dict(sorted(self.verified.items())), "failures": self.failures}
            print(json.dumps(answer | {"notes": self.notes}, indent=1))
            return status
        for failure in self.failures[:SHOWN_MAX]:
            print(f"FAILED {failure['code']}: {failure['what']}: {failure['detail']}")
        if len(self.failures) > SHOWN_MAX:
            print(f"FAILED {len(self.failures) - SHOWN_MAX} more; --json shows them all")
        for note in self.notes:
            print(f"note: {note}")
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(self.verified.items())) or "nothing"
        print(f"{'ok' if status == OK else 'NOT OK'}: verified {told}")
        return status


CHECKS: dict[str, Callable[[bytes, Genesis, Asked], str]] = {
    "receipt": lambda data, genesis, _: check_receipt(data, genesis),
    "state": lambda data, genesis, _: check_state(data, genesis),
    "payment": check_payment,
    "receive": check_receive,
    "reserve": check_reserve,
}


def load(path: str) -> bytes:
    """The bytes of a file, raw or in hex."""
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        return data


def walk_blocks(folder: Path, genesis: Genesis, report: Report, ranges: bool) -> None:
    """Every block from height 0 on; after the first that is wrong nothing further can be judged."""
    walk, height, kept = Walk(genesis, ranges), 0, 0
    while (folder / f"{height}.header").is_file() and not report.failures:
        with report.judging(f"block {height}", "block"):
            block = Block(folder, height, genesis)
            walk.step(block)
            kept += block.segment is not None
        height += 1
    if not report.verified and not report.failures:
        report.failures.append({"code": "NOTHING", "what": str(folder), "detail": "no 0.header"})
    beyond = [path.stem for path in folder.glob("*.header") if path.stem.isdecimal() and int(path.stem) >= height]
    if beyond and not report.failures:
        report.failures.append(
            {"code": "GAP", "what": f"block {height}", "detail": f"missing, {len(beyond)} lie beyond"}
        )
    if walk.last is not None:
        report.notes.append(f"height {walk.last.height}, app_hash {walk.last.app_hash.hex()}")
        report.notes.append("supply: " + ", ".join(f"{name} {value}" for name, value in walk.supply.figures().items()))
        judged = f"{walk.judged} range proofs were judged" if ranges else "range proofs were not judged"
        report.notes.append(f"{kept} proofs segments were there; {judged}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("ledger-verify", description="Check the private ledger on your own machine.")
    parser.add_argument("command", choices=[*CHECKS, "blocks"])
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="object, raw or in hex, - is standard input; or a folder"
    )
    parser.add_argument("--genesis", metavar="FILE", help="genesis document; of blocks by default FOLDER/genesis.cbor")
    parser.add_argument("--chain", metavar="HEX", help="refuse a genesis document of another chain_id than this")
    parser.add_argument("--challenge", metavar="HEX", default="", help="what you asked the prover to bind in")
    parser.add_argument("--mint", metavar="HEX", help="mint_id, where the output of a proof is one of a mint")
    parser.add_argument("--ranges", action="store_true", help="of blocks: judge range proofs too, about a second each")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    report = Report()
    try:
        where = options.genesis or (options.command == "blocks" and str(Path(options.files[0]) / "genesis.cbor"))
        need(where, "USAGE", "--genesis is missing")
        genesis = Genesis(load(where))
        need(not options.chain or bytes.fromhex(options.chain) == genesis.chain_id, "USAGE", "another chain_id")
        asked = Asked(bytes.fromhex(options.challenge), bytes.fromhex(options.mint) if options.mint else None)
        if options.command == "blocks":
            need(len(options.files) == 1, "USAGE", "one folder")
            walk_blocks(Path(options.files[0]), genesis, report, options.ranges)
        for path in options.files if options.command != "blocks" else []:
            data = load(path)
            with report.judging(path, options.command):
                report.notes.append(CHECKS[options.command](data, genesis, asked))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    except Wrong as wrong:
        parser.error(f"{wrong.code}: {wrong.detail}")
    report.notes += ["a dev chain: its money is no money"] if genesis.dev else []
    return report.show(options.json)


if __name__ == "__main__":
    sys.exit(main())
