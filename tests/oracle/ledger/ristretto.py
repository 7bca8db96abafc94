"""ristretto255 by the formulas of RFC 9496, section 4, over the points of edwards25519.

x, y, z, t      a point in extended coordinates: x/z and y/z are affine, t = xy/z
-x^2 + y^2 = 1 + D x^2 y^2
"""

from __future__ import annotations

from collections.abc import Iterable

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]
IDENTITY: Point = (0, 1, 1, 0)
IDENTITY_BYTES = bytes(32)


class BadEncoding(ValueError):
    """Bytes that are no canonical encoding of an element or of a scalar."""


def is_negative(a: int) -> bool:
    return a % P & 1 == 1


def ct_abs(a: int) -> int:
    a %= P
    return P - a if a & 1 else a


def sqrt_ratio_m1(u: int, v: int) -> tuple[bool, int]:
    """(was_square, r) of section 4.2: r = sqrt(u/v), or sqrt(SQRT_M1 u/v)."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    correct = check == u % P
    flipped = check == -u % P
    flipped_i = check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, ct_abs(r)


# The constants of section 4.1. Of the two roots of AD - 1 the RFC names the odd one.
INVSQRT_A_MINUS_D = sqrt_ratio_m1(1, -1 - D)[1]
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


def decode(data: bytes) -> Point:
    """Section 4.3.1. Raises BadEncoding."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or s & 1:
        raise BadEncoding("not the canonical encoding of a field element, or negative")
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    u2_sqr = u2 * u2 % P
    v = (-(D * u1 * u1) - u2_sqr) % P
    was_square, invsqrt = sqrt_ratio_m1(1, v * u2_sqr)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x * v % P
    x = ct_abs(2 * s * den_x)
    y = u1 * den_y % P
    t = x * y % P
    if not was_square or is_negative(t) or y == 0:
        raise BadEncoding("no element of the group")
    return x, y, 1, t


def encode(point: Point) -> bytes:
    """Section 4.3.2."""
    x0, y0, z0, t0 = point
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    _, invsqrt = sqrt_ratio_m1(1, u1 * u2 * u2)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * t0 % P
    if is_negative(t0 * z_inv):
        x, y = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P
        den_inv = den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den_inv = x0, y0, den2
    if is_negative(x * z_inv):
        y = -y % P
    return ct_abs(den_inv * (z0 - y)).to_bytes(32, "little")


def map_to_point(t: int) -> Point:
    """MAP of section 4.3.4."""
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio_m1(u, v)
    s_prime = -ct_abs(s * t) % P
    c = -1
    if not was_square:
        s, c = s_prime, r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - s * s) % P, (1 + s * s) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P


def from_uniform(data: bytes) -> Point:
    """The element derived from 64 bytes: the sum of two maps, the top bit of each half dropped."""
    if len(data) != 64:
        raise BadEncoding("64 bytes are needed")
    halves = [int.from_bytes(half, "little") & (2**255 - 1) for half in (data[:32], data[32:])]
    return add(map_to_point(halves[0] % P), map_to_point(halves[1] % P))


def add(a: Point, b: Point) -> Point:
    """The complete addition law in extended coordinates (RFC 8032, section 5.1.4)."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e1, e2 = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2)
    c, d = 2 * D * t1 * t2, 2 * z1 * z2
    e, f, g, h = e2 - e1, d - c, d + c, e2 + e1
    return e * f % P, g * h % P, f * g % P, e * h % P


def negate(a: Point) -> Point:
    return -a[0] % P, a[1], a[2], -a[3] % P


def subtract(a: Point, b: Point) -> Point:
    return add(a, negate(b))


def multiply(k: int, a: Point) -> Point:
    """k times a, by doubling and adding."""
    k %= L
    total = IDENTITY
    for bit in bin(k)[2:]:
        total = add(total, total)
        if bit == "1":
            total = add(total, a)
    return total


def total(points: Iterable[Point]) -> Point:
    """The sum of points; the identity for none."""
    found = IDENTITY
    for point in points:
        found = add(found, point)
    return found


def equal(a: Point, b: Point) -> bool:
    """Section 4.3.3: whether two representatives stand for one element."""
    return (a[0] * b[1] - a[1] * b[0]) % P == 0 or (a[1] * b[1] - a[0] * b[0]) % P == 0


def scalar(data: bytes) -> int:
    """A canonical scalar. Raises BadEncoding."""
    value = int.from_bytes(data, "little")
    if len(data) != 32 or value >= L:
        raise BadEncoding("not a canonical scalar")
    return value


def scalar_bytes(value: int) -> bytes:
    return (value % L).to_bytes(32, "little")


BASE = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


def base(k: int) -> Point:
    """k times the generator."""
    return multiply(k, BASE)
