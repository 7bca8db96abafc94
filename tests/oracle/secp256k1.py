"""secp256k1 and BIP-340 in textbook Python, written from BIP 340 and MICROPAY sections 0 and 3 alone.

Slow, variable in time, and independent of the core: what tests compare the core with, and what they sign with.
A point is (x, y), or None for the neutral point O.
"""

from __future__ import annotations

from hashlib import sha3_256, sha3_512, sha256

P = 2**256 - 2**32 - 977
Q = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

Point = tuple[int, int] | None


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if a[1] != b[1] or a[1] == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def negate(a: Point) -> Point:
    return None if a is None else (a[0], -a[1] % P)


Projective = tuple[int, int, int]
"""(X, Y, Z) for x = X / Z^2, y = Y / Z^3: sums without a division; Z = 0 is O."""


def _double(a: Projective) -> Projective:
    x, y, z = a
    s, m = 4 * x * y * y % P, 3 * x * x % P
    new_x = (m * m - 2 * s) % P
    return new_x, (m * (s - new_x) - 8 * y**4) % P, 2 * y * z % P


def _add(a: Projective, b: Projective) -> Projective:
    if not a[2] or not b[2]:
        return b if not a[2] else a
    a_z, b_z = a[2] * a[2] % P, b[2] * b[2] % P
    u, v = a[0] * b_z % P, b[0] * a_z % P
    s, t = a[1] * b_z * b[2] % P, b[1] * a_z * a[2] % P
    if u == v:
        return _double(a) if s == t else (1, 1, 0)
    h, r = v - u, t - s
    h_2 = h * h % P
    h_3, w = h * h_2 % P, u * h_2 % P
    x = (r * r - h_3 - 2 * w) % P
    return x, (r * (w - x) - s * h_3) % P, h * a[2] * b[2] % P


def multiply(k: int, point: Point = G) -> Point:
    total, power = (1, 1, 0), (1, 1, 0) if point is None else (*point, 1)
    while k:
        if k & 1:
            total = _add(total, power)
        power = _double(power)
        k >>= 1
    if not total[2]:
        return None
    inverse = pow(total[2], -1, P)
    return total[0] * inverse**2 % P, total[1] * inverse**3 % P


def x32(point: Point) -> bytes:
    return bytes(32) if point is None else point[0].to_bytes(32, "big")


def lift(data: bytes) -> Point:
    """The point with this x and even y. Raises ValueError."""
    x = int.from_bytes(data, "big")
    square = (pow(x, 3, P) + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if len(data) != 32 or x >= P or y * y % P != square:
        raise ValueError("no point has this x")
    return x, P - y if y & 1 else y


def even(k: int) -> tuple[int, Point]:
    point = multiply(k)
    assert point is not None
    return (Q - k, negate(point)) if point[1] & 1 else (k, point)


def tagged(tag: str, data: bytes) -> bytes:
    """SHA256tag of BIP 340."""
    name = sha256(tag.encode()).digest()
    return sha256(name + name + data).digest()


def challenge(nonce: Point, public: bytes, message: bytes) -> int:
    return int.from_bytes(tagged("BIP0340/challenge", x32(nonce) + public + message), "big") % Q


def public_key(secret: int) -> bytes:
    return x32(multiply(secret))


def sign(secret: int, message: bytes, aux: bytes = bytes(32)) -> bytes:
    """BIP 340's own signing, with its own nonce."""
    d, point = even(secret)
    masked = (d ^ int.from_bytes(tagged("BIP0340/aux", aux), "big")).to_bytes(32, "big")
    k = int.from_bytes(tagged("BIP0340/nonce", masked + x32(point) + message), "big") % Q
    k, nonce = even(k)
    s = (k + challenge(nonce, x32(point), message) * d) % Q
    return x32(nonce) + s.to_bytes(32, "big")


def is_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key = lift(public)
    except ValueError:
        return False
    if len(signature) != 64 or r >= P or s >= Q:
        return False
    e = int.from_bytes(tagged("BIP0340/challenge", signature[:32] + public + message), "big") % Q
    nonce = add(multiply(s), multiply(Q - e, key))
    return nonce is not None and nonce[1] % 2 == 0 and nonce[0] == r


def th(tag: str, data: bytes) -> bytes:
    return sha3_256(bytes([len(tag)]) + tag.encode() + data).digest()


def ws(tag: str, data: bytes) -> int:
    return int.from_bytes(sha3_512(bytes([len(tag)]) + tag.encode() + data).digest(), "big") % (Q - 1) + 1


def presign(secret: int, message: bytes, point: Point, aux: bytes = bytes(32)) -> tuple[bytes, int, int]:
    """x32(R^), k and b. secret: already even."""
    place = secret.to_bytes(32, "big") + public_key(secret) + message + x32(point) + aux
    r, nonce = even(ws("CMS/nonce", place))
    total = add(nonce, point)
    assert total is not None
    b = total[1] & 1
    return x32(nonce), ((-r if b else r) + challenge(total, public_key(secret), message) * secret) % Q, b


def is_lock(public: bytes, message: bytes, point: bytes, nonce: bytes, k: int) -> bool:
    try:
        hidden, key = lift(nonce), lift(public)
        total = add(hidden, None if point == bytes(32) else lift(point))
    except ValueError:
        return False
    if k >= Q or total is None:
        return False
    e = challenge(total, public, message)
    right = add(multiply(e, key), negate(hidden) if total[1] & 1 else hidden)
    return multiply(k) == right


def adapt(message: bytes, point: Point, nonce: bytes, k: int, t: int) -> bytes:
    """The signature that a lock hides."""
    total = add(lift(nonce), point)
    assert total is not None
    s = (k - t if total[1] & 1 else k + t) % Q
    return x32(total) + s.to_bytes(32, "big")


def sign_open(secret: int, message: bytes, aux: bytes = bytes(32)) -> bytes:
    """`Sign` of MICROPAY 3.6: a lock without a point."""
    nonce, k, _ = presign(secret, message, None, aux)
    return nonce + k.to_bytes(32, "big")


def chain_step(kind: str, lane_tag: bytes, index: int, value: bytes) -> bytes:
    """H_c(index, value)."""
    return sha256(sha256(b"CMS/" + kind.encode()).digest() + lane_tag + index.to_bytes(4, "big") + value).digest()


def chain(kind: str, cid: bytes, lane: int, epoch: int, seed: bytes, length: int) -> list[bytes]:
    """The values of a chain, the anchor first."""
    place = cid + bytes([lane]) + epoch.to_bytes(4, "big")
    lane_tag = th("CMS/lane", place)
    values = [th("CMS/top", kind.encode() + place + seed)]
    for index in range(length, 0, -1):
        values.append(chain_step(kind, lane_tag, index, values[-1]))
    return values[::-1]


def secret_of(cid: bytes, lane: int, epoch: int, index: int, witness: bytes) -> tuple[int, Point]:
    """(t_i, T_i) of an honest lock."""
    return even(ws("CMS/t", cid + bytes([lane]) + epoch.to_bytes(4, "big") + index.to_bytes(4, "big") + witness))
