"""Merkle trees of RFC 9162 section 2.1 over leaf hashes, frontiers, and the hash chain of a log.

    leaf = SHA-256(0x00 || body)    node = SHA-256(0x01 || left || right)
    chain_i = SHA-256(0x02 || chain_(i-1) || leaf_i)

Trees are built in the Rust core; proofs are verified here, since a proof is a few dozen hashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from specie.crypto.core import _core
from specie.crypto.errors import ProofInvalid, WrongLength

HASH_BYTES = 32
EMPTY_ROOT = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""SHA-256 of nothing."""


def leaf_hash(body: bytes) -> bytes:
    """The leaf of a body."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two nodes."""
    return sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes. Raises WrongLength for a hash that has not 32 bytes, as all of these do."""
    return _core.merkle_root(list(leaves))


# SPEC ISSUANCE-15.1.1
def chain_many(previous: bytes, leaves: Sequence[bytes]) -> list[bytes]:
    """The chain hash after each leaf."""
    return _core.chain_many(previous, list(leaves))


def append_many(frontier: bytes, size: int, leaves: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Append leaf hashes to a frontier: (frontier, root).

    frontier: the roots of the full subtrees of the tree of `size` leaves, the largest first, 32 bytes each.
    Raises WrongLength if it does not fit `size`.
    """
    if not 0 <= size < 1 << 63:
        raise WrongLength("the size of a tree is from 0 to 2^63 - 1")
    return _core.frontier_append_many(frontier, size, list(leaves))


@dataclass(frozen=True, slots=True)
class Frontier:
    """All of a tree that appending needs."""

    size: int = 0
    peaks: bytes = b""
    root: bytes = EMPTY_ROOT

    def append(self, leaves: Sequence[bytes]) -> "Frontier":
        """The frontier after these leaf hashes."""
        peaks, root = append_many(self.peaks, self.size, leaves)
        return Frontier(self.size + len(leaves), peaks, root)

    def encode(self) -> bytes:
        """The bytes of its peaks; the size is kept beside them."""
        return self.peaks

    @classmethod
    def decode(cls, peaks: bytes, size: int) -> "Frontier":
        """Raises WrongLength."""
        return cls(size, *append_many(peaks, size, []))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings from a leaf up (section 2.1.3.1). Hashes the whole tree. Raises OutOfTree."""
    return _core.merkle_path(list(leaves), _in_tree(index))


def inclusion_proofs(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The proof of every leaf."""
    return _core.merkle_paths(list(leaves))


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """That the tree of the first `size` leaves is a beginning of all (section 2.1.4.1). Raises OutOfTree."""
    return _core.merkle_consistency(list(leaves), _in_tree(size))


def _in_tree(number: int) -> int:
    """What is below zero lies as far outside as what is too large."""
    return number if 0 <= number < 1 << 62 else (1 << 62)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Refuse a leaf that is not at this place of the tree. Raises ProofInvalid.

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes([leaf, root, *path]):
        raise ProofInvalid("the index is outside the tree, or a hash has not 32 bytes")
    at, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofInvalid("the path is too long")
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    if last != 0 or node != root:
        raise ProofInvalid("the path does not lead from the leaf to the root")


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """What `verify_inclusion` decides, for a caller that has a refusal of his own."""
    try:
        verify_inclusion(leaf, index, size, path, root)
    except ProofInvalid:
        return False
    return True


def verify_consistency(old_size: int, new_size: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Refuse a tree that is not the continuation of an older one. Raises ProofInvalid.

    Of the empty tree there is no proof: it begins every tree. Source: RFC 9162 section 2.1.4.2.
    """
    if old_size == 0 and (new_size != 0 or new_root != EMPTY_ROOT):
        raise ProofInvalid("nothing is proved about the empty tree")
    verify_subtree_consistency(0, old_size, new_size, path, old_root, new_root)


def verify_subtree_consistency(
    start: int, end: int, size: int, path: Sequence[bytes], subtree_root: bytes, root: bytes
) -> None:
    """Refuse a tree of `size` leaves of which the leaves from `start` to before `end` are not this subtree.

    An empty subtree is part of any tree, with an empty path. With start 0 this is the proof of RFC 9162,
    section 2.1.4.2. Raises ProofInvalid.
    Source: draft-ietf-plants-merkle-tree-certs, subtree consistency proofs.
    """
    if 0 <= start == end <= size:
        if path or subtree_root != EMPTY_ROOT:
            raise ProofInvalid("not the root of the empty tree, or a path that must be empty is not")
        return
    if not is_subtree(start, end) or end > size or not _are_hashes(path):
        raise ProofInvalid("no such subtree, or a hash has not 32 bytes")
    first, last, tree_last = start, end - 1, size - 1
    is_suffix = last == tree_last
    while first != last and (is_suffix or last & 1):
        first, last, tree_last = first >> 1, last >> 1, tree_last >> 1
    steps = list(path) if first != last else [subtree_root, *path]
    if not steps:
        raise ProofInvalid("the path is too short")
    below = above = steps[0]
    for step in steps[1:]:
        if tree_last == 0:
            raise ProofInvalid("the path is too long")
        if last & 1 or last == tree_last:
            if first < last:
                below = node_hash(step, below)
            above = node_hash(step, above)
            while not last & 1 and last:
                first, last, tree_last = first >> 1, last >> 1, tree_last >> 1
        else:
            above = node_hash(above, step)
        first, last, tree_last = first >> 1, last >> 1, tree_last >> 1
    if tree_last != 0 or below != subtree_root or above != root:
        raise ProofInvalid("the path does not lead to both roots")


def is_subtree(start: int, end: int) -> bool:
    """True if the leaves from `start` to before `end` stand under one node of their own."""
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def _are_hashes(values: Sequence[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
