"""The one hash of the protocol: SHA-512, framed, with a tag for each use (LEDGER sections 2 and 23.3)."""

from __future__ import annotations

from hashlib import sha512

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
"""The prime order of ristretto255."""

_PROTOCOL = b"PL1"


# SPEC LEDGER-2.3
def framed_hash(tag: str, *items: bytes) -> bytes:
    """Hn of LEDGER section 2: 64 bytes over the tag and every item, each with its length before it."""
    name = tag.encode("ascii")
    parts = [_PROTOCOL, len(name).to_bytes(1, "little"), name]
    for item in items:
        parts += (len(item).to_bytes(4, "little"), item)
    return sha512(b"".join(parts)).digest()


def hash32(tag: str, *items: bytes) -> bytes:
    """H_32."""
    return framed_hash(tag, *items)[:32]


def hash16(tag: str, *items: bytes) -> bytes:
    """H_16."""
    return framed_hash(tag, *items)[:16]


def hash8(tag: str, *items: bytes) -> bytes:
    """H_8."""
    return framed_hash(tag, *items)[:8]


def hash_scalar(tag: str, *items: bytes) -> bytes:
    """H_s: the 64 bytes as an integer reduced modulo the group order, 32 bytes little-endian."""
    wide = int.from_bytes(framed_hash(tag, *items), "little")
    return (wide % GROUP_ORDER).to_bytes(32, "little")
