"""CLSAG-X, one signature at a time. Spec: LEDGER section 5.  Source: CLSAG, ePrint 2019/654.

sigma = c_1 32 | D 32 | s_1..s_N | L_1..L_N | R_1..R_N
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from oracle.ledger import ristretto
from oracle.ledger.hashes import h32, h64, h_point, h_scalar, u8, u64
from oracle.ledger.ristretto import L, Point, encode, scalar_bytes


class Member(NamedTuple):
    """A ring member: its index on the ledger, key P and commitment C in their encodings."""

    index: int
    P: bytes
    C: bytes

    @property
    def image_base(self) -> Point:
        return h_point("ki", self.P)


class Signature(NamedTuple):
    """In encodings."""

    c1: bytes
    D: bytes
    s: tuple[bytes, ...]
    L: tuple[bytes, ...]
    R: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        return b"".join([self.c1, self.D, *self.s, *self.L, *self.R])

    @classmethod
    def of(cls, data: bytes, ring_size: int) -> Signature:
        words = [data[at : at + 32] for at in range(0, len(data), 32)]
        if len(data) != 64 + 96 * ring_size:
            raise ValueError("a signature has 64 + 96 N bytes")
        n = ring_size
        return cls(
            words[0], words[1], tuple(words[2 : 2 + n]), tuple(words[2 + n : 2 + 2 * n]), tuple(words[2 + 2 * n :])
        )


class Statement(NamedTuple):
    """What is signed: k_ring, message, position among the inputs, ring, pseudo-output and key image."""

    k_ring: bytes
    m: bytes
    input_no: int
    ring: Sequence[Member]
    pseudo: bytes
    image: bytes

    def transcript(self, D: bytes) -> bytes:
        """T of section 5.2."""
        indices = b"".join(u64(member.index) for member in self.ring)
        members = b"".join(member.P + member.C for member in self.ring)
        return h64("clsag/T", self.k_ring, self.m, u8(self.input_no), indices, members, self.pseudo, self.image, D)


def message(chain_id: bytes, tx_public: bytes, h_a: int, out_root: bytes) -> bytes:
    return h64("tx/msg", chain_id, tx_public, u64(h_a), out_root)


def request_key(m: bytes, exporter: bytes) -> bytes:
    """k_req, which is k_ring too; exporter: 32 zero bytes in portable mode."""
    return h32("req/key", m, exporter)


class Challenges:
    """mu_P, mu_C and F of one transcript."""

    def __init__(self, statement: Statement, D: bytes) -> None:
        self.k_ring, self.T = statement.k_ring, statement.transcript(D)
        self.mu_P, self.mu_C = h_scalar("clsag/muP", self.T), h_scalar("clsag/muC", self.T)

    def F(self, left: bytes, right: bytes) -> int:
        return h_scalar("clsag/rnd", self.k_ring, self.T, left, right)


def sides(statement: Statement, hashes: Challenges, D: Point, j: int, c: int, s: int) -> tuple[Point, Point]:
    """L_j and R_j of section 5.3, from c_j and s_j."""
    member = statement.ring[j]
    difference = ristretto.subtract(ristretto.decode(member.C), ristretto.decode(statement.pseudo))
    key, image = ristretto.decode(member.P), ristretto.decode(statement.image)
    a, b = c * hashes.mu_P % L, c * hashes.mu_C % L
    left = ristretto.total([ristretto.base(s), ristretto.multiply(a, key), ristretto.multiply(b, difference)])
    right = ristretto.total(
        [ristretto.multiply(s, member.image_base), ristretto.multiply(a, image), ristretto.multiply(b, D)]
    )
    return left, right


def sign(statement: Statement, real: int, x: int, z: int, alpha: int, responses: Sequence[int]) -> Signature:
    """Section 5.3 with given nonces; responses[real] is not used."""
    n = len(statement.ring)
    D = ristretto.multiply(z, statement.ring[real].image_base)
    hashes = Challenges(statement, encode(D))
    lefts, rights, challenges, s = [b""] * n, [b""] * n, [0] * n, [value % L for value in responses]
    left, right = ristretto.base(alpha), ristretto.multiply(alpha, statement.ring[real].image_base)
    for step in range(n):
        j = (real + step) % n
        if step:
            left, right = sides(statement, hashes, D, j, challenges[j], s[j])
        lefts[j], rights[j] = encode(left), encode(right)
        challenges[(j + 1) % n] = hashes.F(lefts[j], rights[j])
    s[real] = (alpha - challenges[real] * (hashes.mu_P * x + hashes.mu_C * z)) % L
    return Signature(scalar_bytes(challenges[0]), encode(D), tuple(map(scalar_bytes, s)), tuple(lefts), tuple(rights))


def verify(statement: Statement, signature: Signature) -> str:
    """The name of the first of section 5.4's steps that fails: scalars, pseudo, points, glue, equations; "" if none."""
    n = len(statement.ring)
    if any(int.from_bytes(word, "little") >= L for word in (signature.c1, *signature.s)):
        return "scalars"
    if statement.pseudo in [member.C for member in statement.ring]:
        return "pseudo"
    hashes = Challenges(statement, signature.D)
    challenges = [int.from_bytes(signature.c1, "little")]
    challenges += [hashes.F(signature.L[j], signature.R[j]) for j in range(n)]
    try:
        points = [ristretto.decode(word) for word in (signature.D, statement.image, statement.pseudo)]
        points += [ristretto.decode(word) for word in signature.L + signature.R]
    except ristretto.BadEncoding:
        return "points"
    if any(ristretto.equal(point, ristretto.IDENTITY) for point in points):
        return "points"
    if scalar_bytes(challenges[n]) != signature.c1:
        return "glue"
    for j in range(n):
        s = int.from_bytes(signature.s[j], "little")
        left, right = sides(statement, hashes, points[0], j, challenges[j], s)
        if encode(left) != signature.L[j] or encode(right) != signature.R[j]:
            return "equations"
    return ""
