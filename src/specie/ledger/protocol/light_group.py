"""ristretto255 and strict Ed25519 in plain Python, for those who check proofs without the Rust core.

Everything here is variable time and works on public data alone. Points are (x, y, z, t) in extended coordinates on
edwards25519, x/z and y/z affine, t = xy/z; scalars are integers. Sources: RFC 9496 section 4, RFC 8032 section 5.1.
Spec: LEDGER-13.2, LEDGER section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, reduce
from hashlib import sha512

from specie.ledger.errors import PointInvalid, ScalarInvalid
from specie.ledger.messages.hashing import GROUP_ORDER, framed_hash

Point = tuple[int, int, int, int]

IDENTITY: Point = (0, 1, 1, 0)
IDENTITY_BYTES = bytes(32)

_P = 2**255 - 19
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
_SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
_INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
_BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
"""4/5: the y of the base point of Ed25519, which stands for the generator of the group too."""


def _root_of_ratio(u: int, v: int) -> tuple[bool, int]:
    """SQRT_RATIO_M1 of RFC 9496 section 4.2: (u/v is a square, the even root)."""
    v3 = v * v % _P * v % _P
    r = u * v3 % _P * pow(u * v3 % _P * v3 % _P * v % _P, (_P - 5) // 8, _P) % _P
    check, u = v * r % _P * r % _P, u % _P
    turned = check in (_P - u, -u * _SQRT_M1 % _P)
    if turned:
        r = r * _SQRT_M1 % _P
    return check in (u, (_P - u) % _P), (_P - r if r & 1 else r)


def decode_point(data: bytes) -> Point:
    """The element with this encoding, the identity too. Raises PointInvalid for any other bytes."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= _P or s & 1:
        raise PointInvalid("not a canonical encoding")
    ss = s * s % _P
    u1, u2 = 1 - ss, 1 + ss
    u2_squared = u2 * u2 % _P
    v = (-_D * u1 * u1 - u2_squared) % _P
    is_square, root = _root_of_ratio(1, v * u2_squared % _P)
    dx = root * u2 % _P
    x = 2 * s * dx % _P
    x = _P - x if x & 1 else x
    y = u1 * (root * dx % _P * v % _P) % _P
    t = x * y % _P
    if not is_square or t & 1 or y == 0:
        raise PointInvalid("not an element of the group")
    return x, y, 1, t


def decode_element(data: bytes) -> Point:
    """As `decode_point`, and the identity is refused too. Raises PointInvalid."""
    if data == IDENTITY_BYTES:
        raise PointInvalid("the identity")
    return decode_point(data)


def encode_point(point: Point) -> bytes:
    """The one encoding of an element."""
    x, y, z, t = point
    u1, u2 = (z + y) * (z - y) % _P, x * y % _P
    root = _root_of_ratio(1, u1 * u2 % _P * u2 % _P)[1]
    d1, d2 = root * u1 % _P, root * u2 % _P
    z_inverse = d1 * d2 % _P * t % _P
    d = d2
    if t * z_inverse % _P & 1:
        x, y, d = y * _SQRT_M1 % _P, x * _SQRT_M1 % _P, d1 * _INVSQRT_A_MINUS_D % _P
    if x * z_inverse % _P & 1:
        y = -y
    s = d * (z - y) % _P
    return (_P - s if s & 1 else s).to_bytes(32, "little")


def _map(t: int) -> Point:
    r = _SQRT_M1 * t % _P * t % _P
    u = (r + 1) * (1 - _D * _D) % _P
    v = (-1 - r * _D) * (r + _D) % _P
    is_square, s = _root_of_ratio(u, v)
    c = _P - 1
    if not is_square:
        s = s * t % _P
        s, c = (s if s & 1 else -s % _P), r
    n = (c * (r - 1) % _P * (_D - 1) * (_D - 1) - v) % _P
    w0, w1, w2, w3 = 2 * s * v % _P, n * _SQRT_AD_MINUS_ONE % _P, 1 - s * s, 1 + s * s
    return w0 * w3 % _P, w2 * w1 % _P, w1 * w3 % _P, w0 * w2 % _P


def point_of_hash(wide: bytes) -> Point:
    """The element derived from 64 bytes (RFC 9496 section 4.3.4)."""
    low, high = (int.from_bytes(half, "little") & 2**255 - 1 for half in (wide[:32], wide[32:64]))
    return add(_map(low % _P), _map(high % _P))


def hash_point(tag: str, *items: bytes) -> Point:
    """H_p of LEDGER section 2."""
    return point_of_hash(framed_hash(tag, *items))


def hash_number(tag: str, *items: bytes) -> int:
    """H_s of LEDGER section 2, as a number."""
    return int.from_bytes(framed_hash(tag, *items), "little") % GROUP_ORDER


# -- the group law --------------------------------------------------------------------------------------------


def add(a: Point, b: Point) -> Point:
    """The sum."""
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m, n = (y1 - x1) * (y2 - x2) % _P, (y1 + x1) * (y2 + x2) % _P
    c, d = 2 * _D * t1 % _P * t2 % _P, 2 * z1 * z2 % _P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def double(a: Point) -> Point:
    """Twice the point."""
    x, y, z, _ = a
    m, n, c = x * x % _P, y * y % _P, 2 * z * z % _P
    h = m + n
    e, g = h - (x + y) * (x + y), m - n
    f = c + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def negate(a: Point) -> Point:
    """What gives the identity when added."""
    x, y, z, t = a
    return _P - x, y, z, _P - t


def multiply(scalar: int, point: Point) -> Point:
    """scalar times the point: four bits at a time."""
    scalar %= GROUP_ORDER
    multiples = [IDENTITY, point]
    for _ in range(14):
        multiples.append(add(multiples[-1], point))
    found = IDENTITY
    for digit in f"{scalar:x}":
        found = double(double(double(double(found))))
        found = add(found, multiples[int(digit, 16)])
    return found


def total(points: Iterable[Point]) -> Point:
    """The sum of many; the identity for none."""
    return reduce(add, points, IDENTITY)


def is_same(a: Point, b: Point) -> bool:
    """Whether two representatives stand for one element (RFC 9496 section 4.3.3)."""
    return (a[0] * b[1] - a[1] * b[0]) % _P == 0 or (a[1] * b[1] - a[0] * b[0]) % _P == 0


@cache
def base() -> Point:
    """The generator G, as the base point of Ed25519."""
    point = _edwards_point(_BASE_Y.to_bytes(32, "little"))
    if point is None:
        raise AssertionError("the base point is on the curve")
    return point


@cache
def _multiples_of_base() -> tuple[tuple[Point, ...], ...]:
    """For each of 64 digits of four bits, what each of its values stands for."""
    rows, step = [], base()
    for _ in range(64):
        row = [IDENTITY]
        for _ in range(15):
            row.append(add(row[-1], step))
        rows.append(tuple(row))
        step = add(row[-1], step)
    return tuple(rows)


def multiply_base(scalar: int) -> Point:
    """scalar times G, by table: a fifth of what `multiply` takes."""
    digits = f"{scalar % GROUP_ORDER:064x}"[::-1]
    return total(row[int(digit, 16)] for row, digit in zip(_multiples_of_base(), digits, strict=True))


@cache
def value_base() -> Point:
    """The value generator H."""
    return hash_point("gen/value")


def commit(value: int, mask: int) -> Point:
    """C(v, b) = b G + v H."""
    return add(multiply_base(mask), multiply(value, value_base()))


def decode_scalar(data: bytes) -> int:
    """A canonical scalar. Raises ScalarInvalid."""
    number = int.from_bytes(data, "little")
    if len(data) != 32 or number >= GROUP_ORDER:
        raise ScalarInvalid("not a canonical scalar")
    return number


def encode_scalar(number: int) -> bytes:
    """32 bytes, little-endian."""
    return (number % GROUP_ORDER).to_bytes(32, "little")


# -- proofs of knowledge --------------------------------------------------------------------------------------


def is_schnorr(tag: str, public: bytes, items: Sequence[bytes], signature: bytes) -> bool:
    """s G = A + c Y with c = H_s(tag; A, Y, items): sig_E of a mint, sig_W of a top-up."""
    try:
        commitment, s = decode_element(signature[:32]), decode_scalar(signature[32:])
        c = hash_number(tag, signature[:32], public, *items)
        return is_same(multiply_base(s), add(commitment, multiply(c, decode_element(public))))
    except (PointInvalid, ScalarInvalid):
        return False


# SPEC LEDGER-13.5
def is_dleq(context: bytes, bases: tuple[bytes, bytes], images: tuple[bytes, bytes], proof: bytes) -> bool:
    """That both images have the same logarithm, each to its base; the context names who asked (LEDGER section 13)."""
    try:
        c, s = decode_scalar(proof[:32]), decode_scalar(proof[32:])
        named: list[bytes] = []
        made: list[bytes] = []
        for one, image in zip(bases, images, strict=True):
            commitment = add(multiply(s, decode_element(one)), multiply(c, decode_element(image)))
            named += (one, image)
            made.append(encode_point(commitment))
    except (PointInvalid, ScalarInvalid):
        return False
    return hash_number("dleq", context, *named, *made) == c


# -- Ed25519 --------------------------------------------------------------------------------------------------


def _edwards_point(data: bytes) -> Point | None:
    """RFC 8032 section 5.1.3, canonical encodings only."""
    number = int.from_bytes(data, "little")
    y, sign = number & 2**255 - 1, number >> 255
    if y >= _P:
        return None
    is_square, x = _root_of_ratio(y * y - 1, _D * y * y + 1)
    if not is_square or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _is_small_order(point: Point) -> bool:
    eightfold = double(double(double(point)))
    return eightfold[0] % _P == 0 and (eightfold[1] - eightfold[2]) % _P == 0


# SPEC LEDGER-2.8
def is_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """The strict rule of ISSUANCE section 3.4, as specie.crypto.ed25519 has it: a test holds them to one answer."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _edwards_point(public), _edwards_point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or s >= GROUP_ORDER or _is_small_order(key) or _is_small_order(commitment):
        return False
    c = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little")
    left, right = multiply_base(s), add(commitment, multiply(c, key))
    # the points themselves, not their classes: no cofactor, and no torsion is forgiven
    return all((left[at] * right[2] - right[at] * left[2]) % _P == 0 for at in (0, 1))
