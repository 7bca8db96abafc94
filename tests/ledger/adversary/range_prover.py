"""A prover of aggregated range proofs that proves whatever it is told to, true or not. Spec: LEDGER section 2.

The counterpart of the verifier in `oracle.ledger.bulletproofs_plus`, from the same source: ePrint 2020/735. It works
with the digits that it is given, so a cheat can show digits that are no bits, other widths or other commitments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from oracle.ledger import ristretto
from oracle.ledger.bulletproofs_plus import BITS, generators
from oracle.ledger.hashes import VALUE_BASE, h_scalar, u32
from oracle.ledger.merlin import Transcript
from oracle.ledger.ristretto import IDENTITY, L, Point, encode, scalar_bytes

WINDOW = 6
DIGITS = 253 // WINDOW + 1


def sum_of_multiples(scalars: Sequence[int], points: Sequence[Point]) -> Point:
    """Σ scalar·point, by the buckets of Pippenger with signed digits."""
    terms = [(_signed(scalar), point) for scalar, point in zip(scalars, points, strict=True)]
    total = IDENTITY
    for place in reversed(range(DIGITS)):
        for _ in range(WINDOW):
            total = ristretto.add(total, total)
        buckets: dict[int, Point] = {}
        for digits, point in terms:
            digit = digits[place]
            if digit:
                signed = point if digit > 0 else ristretto.negate(point)
                known = buckets.get(abs(digit))
                buckets[abs(digit)] = signed if known is None else ristretto.add(known, signed)
        running = gathered = IDENTITY
        for digit in range(max(buckets, default=0), 0, -1):
            if digit in buckets:
                running = ristretto.add(running, buckets[digit])
            gathered = ristretto.add(gathered, running)
        total = ristretto.add(total, gathered)
    return total


def _signed(scalar: int) -> list[int]:
    """Digits from -2^(WINDOW-1) on, the lowest first. The shorter of a number and its negative is written."""
    scalar %= L
    sign = 1 if scalar <= L // 2 else -1
    rest, digits = min(scalar, L - scalar), []
    for _ in range(DIGITS):
        digit = (rest + (1 << WINDOW - 1)) % (1 << WINDOW) - (1 << WINDOW - 1)
        digits.append(sign * digit)
        rest = (rest - digit) >> WINDOW
    return digits


def digits_of(value: int, bits: int = BITS) -> list[int]:
    """The bits of a value below 2^bits; of a larger or negative one digits of which the last is no bit."""
    low = [value >> at & 1 for at in range(bits - 1)]
    return [*low, (value - sum(bit << at for at, bit in enumerate(low))) >> bits - 1]


@dataclass
class Prover:
    """One proof in the making. digits and masks: of each commitment."""

    commitments: Sequence[bytes]
    digits: Sequence[Sequence[int]]
    masks: Sequence[int]
    context: bytes
    bits: int = BITS
    seed: bytes = b""
    drawn: int = 0
    transcript: Transcript = field(init=False)

    def random(self) -> int:
        self.drawn += 1
        return h_scalar("test/range", self.seed, self.context, u32(self.drawn), *self.commitments)

    def challenge(self, label: bytes) -> int:
        return int.from_bytes(self.transcript.challenge(label, 64), "little") % L

    def say(self, label: bytes, point: Point) -> bytes:
        data = encode(point)
        self.transcript.append(label, data)
        return data

    def begin(self) -> None:
        self.transcript = Transcript(b"PL1/bp+")
        self.transcript.append(b"ctx", self.context)
        self.transcript.append(b"dom-sep", b"Bulletproofs+ Range Proof")
        self.say(b"H", VALUE_BASE)
        self.say(b"G", ristretto.BASE)
        for label, number in ((b"N", self.bits), (b"T", 1), (b"M", len(self.commitments))):
            self.transcript.append(label, number.to_bytes(8, "little"))
        for commitment in self.commitments:
            self.transcript.append(b"Ci", commitment)
        for _ in self.commitments:
            self.transcript.append(b"vi - minimum_value", bytes(8))

    def prove(self) -> bytes:
        """The bytes of the proof."""
        self.begin()
        parties = range(len(self.commitments))
        g = [point for party in parties for point in generators(b"G", party)[: self.bits]]
        h = [point for party in parties for point in generators(b"H", party)[: self.bits]]
        a = [digit for each in self.digits for digit in each]
        b = [digit - 1 for digit in a]
        alpha = self.random()
        A = self.say(b"A", sum_of_multiples([*a, *b, alpha], [*g, *h, ristretto.BASE]))
        y, z = self.challenge(b"y"), self.challenge(b"z")
        size = len(a)
        for at in range(size):
            party, bit = divmod(at, self.bits)
            d = pow(z, 2 * (party + 1), L) << bit
            a[at], b[at] = (a[at] - z) % L, (b[at] + d * pow(y, size - at, L) + z) % L
        alpha += pow(y, size + 1, L) * sum(pow(z, 2 * (j + 1), L) * mask for j, mask in enumerate(self.masks))
        return self.fold(A, g, h, a, b, alpha, y)

    def fold(self, A: bytes, g: list[Point], h: list[Point], a: list[int], b: list[int], alpha: int, y: int) -> bytes:
        """The weighted inner product argument. Generators stay as they are; their weights are folded."""
        on_g, on_h, rounds = [1] * len(g), [1] * len(h), b""
        while len(a) > 1:
            size, half = len(a), len(a) // 2
            up, down = pow(y, half, L), pow(y, -half, L)
            c_left = sum(a[at] * b[at + half] * pow(y, at + 1, L) for at in range(half))
            c_right = sum(up * a[at + half] * b[at] * pow(y, at + 1, L) for at in range(half))
            d_left, d_right = self.random(), self.random()
            low = [at for at in range(len(g)) if at % size < half]
            high = [at for at in range(len(g)) if at % size >= half]
            left = [down * a[at % half] * on_g[at] for at in high] + [b[at % half + half] * on_h[at] for at in low]
            right = [up * a[at % half + half] * on_g[at] for at in low] + [b[at % half] * on_h[at] for at in high]
            ends = [VALUE_BASE, ristretto.BASE]
            points = [g[at] for at in high] + [h[at] for at in low] + ends
            rounds += self.say(b"L", sum_of_multiples([*left, c_left, d_left], points))
            points = [g[at] for at in low] + [h[at] for at in high] + ends
            rounds += self.say(b"R", sum_of_multiples([*right, c_right, d_right], points))
            e = self.challenge(b"e")
            inverse = pow(e, -1, L)
            for at in range(len(g)):
                on_g[at] = on_g[at] * (inverse if at % size < half else e * down) % L
                on_h[at] = on_h[at] * (e if at % size < half else inverse) % L
            a, b = (
                [(e * a[at] + inverse * up * a[at + half]) % L for at in range(half)],
                [(inverse * b[at] + e * b[at + half]) % L for at in range(half)],
            )
            alpha = (alpha + e * e * d_left + inverse * inverse * d_right) % L
        r, s, delta, eta = (self.random() for _ in range(4))
        ends = [VALUE_BASE, ristretto.BASE]
        cross = r * y * b[0] + s * y * a[0]
        weights = [r * weight for weight in on_g] + [s * weight for weight in on_h]
        A1 = self.say(b"A1", sum_of_multiples([*weights, cross, delta], [*g, *h, *ends]))
        B = self.say(b"B", sum_of_multiples([r * y * s, eta], ends))
        e = self.challenge(b"e")
        d = eta + delta * e + alpha * e * e
        numbers = (r + a[0] * e, s + b[0] * e)
        return b"".join([b"\1", scalar_bytes(d), A, A1, B, *map(scalar_bytes, numbers), rounds])


def prove(values: Sequence[int], masks: Sequence[int], commitments: Sequence[bytes], context: bytes) -> bytes:
    """A proof over 64 bits; of values that have no 64 bits it is one that should fail."""
    return Prover(commitments, [digits_of(value) for value in values], masks, context).prove()
