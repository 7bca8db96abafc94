"""The Merkle-sum tree of ISSUANCE-15.4.2, in the shape of RFC 9162.

A leaf is (amount, hash of the log leaf), a node (l + r, SHA-256(0x03 || sum_l || h_l || sum_r || h_r)), with
sums in 16 bytes. The amount of a leaf is bound by the node above it, and by the statement where it is alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .merkle import leaf_hash, split

Node = tuple[int, bytes]

EMPTY: Node = (0, hashlib.sha256(b"").digest())


def sum_bytes(amount: int) -> bytes:
    """16 bytes, big endian. Raises OverflowError for a negative sum."""
    return amount.to_bytes(16, "big")


def packed(node: Node) -> bytes:
    return sum_bytes(node[0]) + node[1]


def leaf(amount: int, body: bytes) -> Node:
    sum_bytes(amount)
    return amount, leaf_hash(body)


def join(left: Node, right: Node) -> Node:
    return left[0] + right[0], hashlib.sha256(b"\x03" + packed(left) + packed(right)).digest()


def root(leaves: Sequence[Node]) -> Node:
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return join(root(leaves[:k]), root(leaves[k:]))


def proof(leaves: Sequence[Node], index: int) -> list[Node]:
    """The siblings from the leaf up."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*proof(leaves[:k], index), root(leaves[k:])]
    return [*proof(leaves[k:], index - k), root(leaves[:k])]


def root_from_proof(start: Node, index: int, size: int, path: Sequence[Node]) -> Node:
    """The root that a proof claims. Raises ValueError for a proof of the wrong length."""
    if not 0 <= index < size or (size == 1) != (not path):
        raise ValueError("the proof is not of this place")
    if size == 1:
        return start
    k = split(size)
    if index < k:
        return join(root_from_proof(start, index, k, path[:-1]), path[-1])
    return join(path[-1], root_from_proof(start, index - k, size - k, path[:-1]))


def statement_root(bits: Node, redemptions: Node) -> bytes:
    """Field 4 of dc-supply: both roots in one hash."""
    return hashlib.sha256(b"\x04" + packed(bits) + packed(redemptions)).digest()
