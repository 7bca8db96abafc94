"""Edwards25519 by the formulas of RFC 8032 section 5.1: only to judge public keys (ISSUANCE-3.4.1)."""

from __future__ import annotations

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]
NEUTRAL: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    """The complete affine addition law."""
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P
    return x, y


def decode_point(data: bytes) -> Point:
    """The point of 32 bytes. Raises ValueError for bytes that are no canonical encoding."""
    n = int.from_bytes(data, "little")
    sign, y = n >> 255, n & (2**255 - 1)
    if len(data) != 32 or y >= P:
        raise ValueError("y is not canonical")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or (x == 0 and sign):
        raise ValueError("not on the curve, or minus zero")
    return (P - x if x & 1 != sign else x), y


def is_small_order(point: Point) -> bool:
    """Whether eight times the point is the neutral element (its order divides the cofactor)."""
    for _ in range(3):
        point = add(point, point)
    return point == NEUTRAL


def check_public(data: bytes) -> None:
    """Raises ValueError for a public key that may not be registered. Spec: ISSUANCE-3.4.1."""
    if is_small_order(decode_point(data)):
        raise ValueError("small order")


def check_signature_form(signature: bytes) -> None:
    """Raises ValueError where S >= L or R is not canonical. Spec: ISSUANCE-3.4.2."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L:
        raise ValueError("S is not reduced")
    decode_point(signature[:32])
