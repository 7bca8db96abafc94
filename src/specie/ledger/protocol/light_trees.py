"""Paths in the trees that a header names, walked in plain Python: the log of RFC 6962 and the sparse Merkle tree.

    log      leaf = SHA-256(0x00 | data)               node = SHA-256(0x01 | left | right)
    sparse   leaf = SHA-256(0x00 | key | value hash)   node as above; an empty place is 32 zero bytes

Every function returns nothing and raises ProofInvalid. Spec: LEDGER sections 8.1 and 13.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.receipts import OTHER_LEAF, PRESENT, SparseProof

EMPTY = bytes(32)
EMPTY_LOG = sha256(b"").digest()
HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """The leaf of a log over these bytes."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two nodes, in both kinds of tree."""
    return sha256(b"\x01" + left + right).digest()


def verify_inclusion(root: bytes, data: bytes, index: int, size: int, path: Sequence[bytes]) -> None:
    """That these bytes are the leaf data at `index` of the log of `size` leaves."""
    verify_leaf(root, leaf_hash(data), index, size, path)


def verify_leaf(root: bytes, leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> None:
    """The same from the leaf's hash on. Source: RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        raise ProofInvalid("the index is outside the tree")
    _check_hashes([root, leaf, *path])
    at, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    if last or node != root:
        raise ProofInvalid("the path does not lead from the leaf to the root")


def verify_consistency(old_root: bytes, old_size: int, new_root: bytes, new_size: int, path: Sequence[bytes]) -> None:
    """That the log of `old_size` leaves is the beginning of the other. Source: RFC 9162 section 2.1.4.2.

    A log begins itself, with an empty path. Of the empty log there is no proof: it begins every log.
    """
    _check_hashes(path)
    if not 0 <= old_size <= new_size or (old_size == 0 and (new_size, old_root) != (0, EMPTY_LOG)):
        raise ProofInvalid("a log does not shrink, and nothing is proved about the empty one")
    if old_size == new_size:
        if path or old_root != new_root:
            raise ProofInvalid("equal sizes mean equal roots and an empty path")
        return
    steps = list(path) if old_size & old_size - 1 else [old_root, *path]
    if not steps:
        raise ProofInvalid("the path is too short")
    at, last = old_size - 1, new_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if at & 1 or at == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, step)
        at, last = at >> 1, last >> 1
    if last or old != old_root or new != new_root:
        raise ProofInvalid("the path does not lead to both roots")


# SPEC LEDGER-13.4
def verify_sparse(root: bytes, key: bytes, value_hash: bytes | None, proof: SparseProof) -> None:
    """That the value behind `key` has this SHA-256, or with None that there is no such entry."""
    if (proof.kind == PRESENT) != (value_hash is not None):
        raise ProofInvalid("the proof says the opposite about the entry")
    if len(proof.siblings) != proof.depth or len(key) != HASH_BYTES:
        raise ProofInvalid("a sibling for each depth, and a key of 32 bytes")
    bits = int.from_bytes(key, "big")
    node = EMPTY
    if value_hash is not None:
        node = sha256(b"\x00" + key + value_hash).digest()
    elif proof.kind == OTHER_LEAF:
        other = int.from_bytes(proof.other_key, "big")
        if other == bits or other >> 256 - proof.depth != bits >> 256 - proof.depth:
            raise ProofInvalid("the other leaf must have another key and stand in the same place")
        node = sha256(b"\x00" + proof.other_key + proof.other_value_hash).digest()
    for depth in reversed(range(proof.depth)):
        sibling = proof.siblings[depth]
        node = node_hash(sibling, node) if bits >> 255 - depth & 1 else node_hash(node, sibling)
    if node != root:
        raise ProofInvalid("the path does not lead to the root")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofInvalid("a hash has 32 bytes")
