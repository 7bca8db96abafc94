"""Hashes of the channel chapter: TH and WS of MICROPAY section 0.1. Plain Python: reading a channel needs no core."""

from __future__ import annotations

from hashlib import sha3_256, sha3_512

HASH_BYTES = 32
SCALAR_BYTES = 32

GROUP_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""q, the order of secp256k1."""


def _framed(tag: str, data: bytes) -> bytes:
    name = tag.encode("ascii")
    return len(name).to_bytes(1, "big") + name + data


def tagged_hash(tag: str, data: bytes) -> bytes:
    """TH(tag, m) = SHA3-256(u8 len(tag) || tag || m), 32 bytes; the tag is ASCII of at most 255 bytes."""
    return sha3_256(_framed(tag, data)).digest()


def wide_scalar(tag: str, data: bytes) -> bytes:
    """WS(tag, m): a scalar in [1, q-1], 32 bytes big-endian, of bias below 2^-250."""
    wide = int.from_bytes(sha3_512(_framed(tag, data)).digest(), "big")
    return (wide % (GROUP_ORDER - 1) + 1).to_bytes(SCALAR_BYTES, "big")
