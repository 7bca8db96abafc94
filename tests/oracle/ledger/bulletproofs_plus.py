"""Aggregated range proofs over 64 bits, verified one at a time by folding. Spec: LEDGER section 2.

    proof = 1 u8 | d 32 | A 32 | A1 32 | B 32 | r 32 | s 32 | L_1 R_1 .. L_k R_k      2^k = 64 m

Source: Bulletproofs+, ePrint 2020/735, sections 4.2 and 6. Generators, transcript and byte order are those of the crate
that the chapter names: the i-th generator of party j is the i-th element of SHAKE256("GeneratorsChain" | G or H | j).
"""

from __future__ import annotations

from functools import cache
from hashlib import shake_256

from oracle.ledger import ristretto
from oracle.ledger.hashes import VALUE_BASE
from oracle.ledger.merlin import Transcript
from oracle.ledger.ristretto import L, Point, encode, multiply, scalar

BITS = 64
FACTORS = (2, 4, 8, 16)


@cache
def generators(side: bytes, party: int) -> tuple[Point, ...]:
    stream = shake_256(b"GeneratorsChain" + side + party.to_bytes(4, "little")).digest(64 * BITS)
    return tuple(ristretto.from_uniform(stream[at : at + 64]) for at in range(0, len(stream), 64))


class Proof:
    """The words of a proof."""

    def __init__(self, data: bytes, factor: int) -> None:
        rounds = (BITS * factor).bit_length() - 1
        if len(data) != 1 + 32 * (6 + 2 * rounds) or data[0] != 1:
            raise ristretto.BadEncoding("length or degree of a range proof")
        words = [data[at : at + 32] for at in range(1, len(data), 32)]
        self.d, self.r, self.s = scalar(words[0]), scalar(words[4]), scalar(words[5])
        self.A, self.A1, self.B = words[1:4]
        self.lefts, self.rights = words[6::2], words[7::2]


class Drawn:
    """The challenges of a proof."""

    def __init__(self, commitments: list[bytes], proof: Proof, context: bytes) -> None:
        self.transcript = Transcript(b"PL1/bp+")
        self.transcript.append(b"ctx", context)
        self.transcript.append(b"dom-sep", b"Bulletproofs+ Range Proof")
        self.point(b"H", encode(VALUE_BASE))
        self.point(b"G", encode(ristretto.BASE))
        for label, number in ((b"N", BITS), (b"T", 1), (b"M", len(commitments))):
            self.transcript.append(label, number.to_bytes(8, "little"))
        for commitment in commitments:
            self.transcript.append(b"Ci", commitment)
        for _ in commitments:
            self.transcript.append(b"vi - minimum_value", bytes(8))
        self.point(b"A", proof.A)
        self.y, self.z = self.number(b"y"), self.number(b"z")
        self.rounds = []
        for left, right in zip(proof.lefts, proof.rights, strict=True):
            self.point(b"L", left)
            self.point(b"R", right)
            self.rounds.append(self.number(b"e"))
        self.point(b"A1", proof.A1)
        self.point(b"B", proof.B)
        self.e = self.number(b"e")

    def point(self, label: bytes, data: bytes) -> None:
        if data == ristretto.IDENTITY_BYTES:
            raise ristretto.BadEncoding("the identity in a range proof")
        self.transcript.append(label, data)

    def number(self, label: bytes) -> int:
        found = int.from_bytes(self.transcript.challenge(label, 64), "little") % L
        if not found:
            raise ristretto.BadEncoding("a challenge of zero")
        return found


def shifted(commitments: list[bytes], proof: Proof, drawn: Drawn, g: list[Point], h: list[Point]) -> Point:
    """A-hat: the statement about bits, as a commitment to the two vectors of the inner product."""
    y, z, size = drawn.y, drawn.z, len(g)
    terms = [ristretto.decode(proof.A)]
    weights = 0
    for at in range(size):
        party, bit = divmod(at, BITS)
        d = pow(z, 2 * (party + 1), L) * 2**bit % L
        weights = (weights + d) % L
        terms.append(multiply(-z, g[at]))
        terms.append(multiply(d * pow(y, size - at, L) + z, h[at]))
    y_next = pow(y, size + 1, L)
    for party, commitment in enumerate(commitments):
        terms.append(multiply(pow(z, 2 * (party + 1), L) * y_next, ristretto.decode(commitment)))
    powers = sum(pow(y, at, L) for at in range(1, size + 1))
    terms.append(multiply((z - z * z) * powers - z * y_next * weights, VALUE_BASE))
    return ristretto.total(terms)


def folded(drawn: Drawn, g: list[Point], h: list[Point]) -> tuple[Point, Point]:
    """The one generator of each side that is left after all rounds."""
    for e in drawn.rounds:
        half = len(g) // 2
        inverse, turned = pow(e, -1, L), e * pow(drawn.y, -half, L)
        g = [ristretto.add(multiply(inverse, a), multiply(turned, b)) for a, b in zip(g[:half], g[half:], strict=True)]
        h = [ristretto.add(multiply(e, a), multiply(inverse, b)) for a, b in zip(h[:half], h[half:], strict=True)]
    return g[0], h[0]


def verify(commitments: list[bytes], data: bytes, context: bytes) -> bool:
    """Whether every commitment opens to a value below 2^64."""
    try:
        proof = Proof(data, len(commitments))
        drawn = Drawn(commitments, proof, context)
        g = [point for party in range(len(commitments)) for point in generators(b"G", party)]
        h = [point for party in range(len(commitments)) for point in generators(b"H", party)]
        left = shifted(commitments, proof, drawn, g, h)
        for e, L_k, R_k in zip(drawn.rounds, proof.lefts, proof.rights, strict=True):
            left = ristretto.add(left, multiply(e * e, ristretto.decode(L_k)))
            left = ristretto.add(left, multiply(pow(e, -2, L), ristretto.decode(R_k)))
        left = ristretto.add(multiply(drawn.e**2, left), multiply(drawn.e, ristretto.decode(proof.A1)))
        left = ristretto.add(left, ristretto.decode(proof.B))
    except ristretto.BadEncoding:
        return False
    g_last, h_last = folded(drawn, g, h)
    right = ristretto.total(
        [
            multiply(proof.r * drawn.e, g_last),
            multiply(proof.s * drawn.e, h_last),
            multiply(proof.r * drawn.y * proof.s, VALUE_BASE),
            ristretto.base(proof.d),
        ]
    )
    return ristretto.equal(left, right)
