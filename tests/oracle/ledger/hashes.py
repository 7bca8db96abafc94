"""The framed hash and what is made of it. Spec: LEDGER section 2.

Hn(dst; x1..xk) = SHA512("PL1" | u8 len(dst) | dst | u32 len(x1) | x1 | ...)
"""

from __future__ import annotations

from hashlib import sha256, sha512

from oracle.ledger import ristretto
from oracle.ledger.ristretto import L, Point


def hn(dst: str, *items: bytes) -> bytes:
    """64 bytes."""
    tag = dst.encode("ascii")
    text = b"PL1" + bytes([len(tag)]) + tag
    for item in items:
        text += len(item).to_bytes(4, "little") + item
    return sha512(text).digest()


def h_scalar(dst: str, *items: bytes) -> int:
    return int.from_bytes(hn(dst, *items), "little") % L


def h_point(dst: str, *items: bytes) -> Point:
    return ristretto.from_uniform(hn(dst, *items))


def h64(dst: str, *items: bytes) -> bytes:
    return hn(dst, *items)


def h32(dst: str, *items: bytes) -> bytes:
    return hn(dst, *items)[:32]


def h16(dst: str, *items: bytes) -> bytes:
    return hn(dst, *items)[:16]


def h8(dst: str, *items: bytes) -> bytes:
    return hn(dst, *items)[:8]


def sha(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def u8(value: int) -> bytes:
    return value.to_bytes(1, "little")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


VALUE_BASE = h_point("gen/value")
"""H of section 2."""


def commit(value: int, mask: int) -> Point:
    """C(v, b) = b G + v H."""
    return ristretto.add(ristretto.base(mask), ristretto.multiply(value, VALUE_BASE))
