"""Lockable signatures of payment channels: the check of a lock, of a secret and of a hash chain (MICROPAY 3.2, 3.6).

A lock `(R^, k)` under a point `T = t G` is a BIP-340 signature that whoever learns `t` can finish. This file judges
locks, witnesses and chains; it makes none. What it sees is public, so nothing here needs to be constant in time.

Symbols: `cid` the channel, `T` a lock's point, `R^` its nonce point, `k` its scalar, `t` the secret that opens it,
`w` a witness (chain of kind `w`), `v` a tick (chain of kind `v`). Points are 32 bytes, x alone, y even; scalars have 32
bytes, big-endian.
"""

from __future__ import annotations

from hashlib import sha256

from specie.crypto.core import _core
from specie.crypto.tagged import tagged_hash, wide_scalar

__all__ = [
    "NO_POINT",
    "is_opening",
    "is_point",
    "tagged_hash",
    "verify_lock",
    "walk_chain",
    "wide_scalar",
    "witness_point",
]

NO_POINT = bytes(32)
"""x32(O): the place of T in a state that is not locked."""

_EVEN = b"\x02"


def is_point(x: bytes) -> bool:
    """Whether `lift` succeeds: 32 bytes below p that are the x of a point."""
    return _core.lockable_is_point(x)


def verify_lock(public: bytes, message: bytes, point: bytes, nonce: bytes, scalar: bytes) -> bool:
    """PreVerify: whoever learns t with tG = T can make a signature of `public` on `message` out of this lock.

    message: 32 bytes. Answers False also for a point that does not lift, a scalar not below q, a wrong length.
    Source: Aumayr et al., Asiacrypt 2021.
    """
    return _core.lockable_preverify_many([public], [message], [point], [nonce], [scalar]) == b"\x01"


def is_opening(secret: bytes, point: bytes) -> bool:
    """Whether t is in [1, q-1] and tG = lift(T); the y of tG counts."""
    return _core.lockable_point(secret) == _EVEN + point


def witness_point(cid: bytes, lane: int, chain: int, index: int, witness: bytes) -> bytes:
    """x32(T_i) that an honest lock of state i has: T_i = H_t(w_i) G. chain: epoch_w."""
    place = cid + lane.to_bytes(1, "big") + chain.to_bytes(4, "big") + index.to_bytes(4, "big")
    return _core.lockable_point(wide_scalar("CMS/t", place + witness))[1:]


def walk_chain(kind: str, cid: bytes, lane: int, chain: int, index: int, value: bytes, steps: int) -> bytes:
    """H_c(index, .), H_c(index-1, .) … applied to `value`, `steps` times: what stands `steps` places nearer the anchor.

    kind: "w" for witnesses (chain: epoch_w) or "v" for ticks (chain: the state's epoch). Steps: at most index.
    Raises WrongLength for a value that has not 32 bytes, OutOfTree for more steps than there are places.
    """
    place = tagged_hash("CMS/lane", cid + lane.to_bytes(1, "big") + chain.to_bytes(4, "big"))
    prefix = sha256(b"CMS/" + kind.encode("ascii")).digest() + place
    return _core.lockable_walk(prefix, value, index, steps)
