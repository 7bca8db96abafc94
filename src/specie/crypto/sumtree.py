"""The Merkle-sum tree of ISSUANCE-15.4.2: a tree whose root also states the sum of its leaves.

    node = (sum_l + sum_r, SHA-256(0x03 || sum_l || h_l || sum_r || h_r))      sums 16 bytes, big endian

A leaf is (amount, 32-byte hash of what is counted). The shape is that of RFC 9162. A node binds the sums
below it, so a holder who finds his amount under the root knows that it is in the total, and nobody can count
below zero. A root that is a single leaf binds nothing below: whoever signs it states its sum beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from specie.crypto.errors import OutOfTree, ProofInvalid, WrongLength

SUM_BYTES = 16
HASH_BYTES = 32


class Node(NamedTuple):
    """A leaf, an inner node or the root."""

    sum: int
    """0 to 2^128 - 1."""
    hash: bytes

    def pack(self) -> bytes:
        """Sum and hash, 48 bytes. Raises WrongLength for a sum below zero or too large, or another hash."""
        if not 0 <= self.sum < 1 << (8 * SUM_BYTES) or len(self.hash) != HASH_BYTES:
            raise WrongLength("a sum has 16 bytes and is not negative, a hash has 32")
        return self.sum.to_bytes(SUM_BYTES, "big") + self.hash

    @classmethod
    def unpack(cls, data: bytes) -> "Node":
        """Raises WrongLength."""
        if len(data) != SUM_BYTES + HASH_BYTES:
            raise WrongLength("a node has 48 bytes")
        return cls(int.from_bytes(data[:SUM_BYTES], "big"), data[SUM_BYTES:])


EMPTY = Node(0, bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
"""The root without leaves: sum 0 and SHA-256 of nothing."""


# SPEC ISSUANCE-15.4.2
def join(left: Node, right: Node) -> Node:
    """The node above two nodes. Raises WrongLength."""
    digest = sha256(b"\x03" + left.pack() + right.pack()).digest()
    return Node(left.sum + right.sum, digest)


@dataclass(frozen=True, slots=True)
class SumFrontier:
    """The full subtrees of a growing tree, the largest first: all that appending needs."""

    size: int = 0
    peaks: tuple[Node, ...] = ()

    def append(self, leaves: Iterable[Node]) -> "SumFrontier":
        """The frontier after these leaves. Raises WrongLength."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            leaf.pack()
            node, bits = leaf, size
            while bits & 1:
                node = join(peaks.pop(), node)
                bits >>= 1
            peaks.append(node)
            size += 1
        return SumFrontier(size, tuple(peaks))

    def root(self) -> Node:
        """The root of the tree so far."""
        if not self.peaks:
            return EMPTY
        *rest, node = self.peaks
        for left in reversed(rest):
            node = join(left, node)
        node.pack()
        return node

    def encode(self) -> bytes:
        """48 bytes for each peak; the size is kept beside them."""
        return b"".join(peak.pack() for peak in self.peaks)

    @classmethod
    def decode(cls, data: bytes, size: int) -> "SumFrontier":
        """Raises WrongLength if there is not one peak for each bit of the size."""
        step = SUM_BYTES + HASH_BYTES
        if size < 0 or len(data) != step * size.bit_count():
            raise WrongLength("a frontier has one peak for each bit of its size")
        return cls(size, tuple(Node.unpack(data[at : at + step]) for at in range(0, len(data), step)))


def build(leaves: Iterable[Node]) -> Node:
    """The root over leaves. Raises WrongLength."""
    return SumFrontier().append(leaves).root()


def prove(leaves: Sequence[Node], index: int) -> list[Node]:
    """The siblings from a leaf up. Raises OutOfTree, WrongLength."""
    if not 0 <= index < len(leaves):
        raise OutOfTree("the index is not inside the tree")
    path, at, level = [], index, list(leaves)
    while len(level) > 1:
        if at ^ 1 < len(level):
            path.append(level[at ^ 1])
        above = [join(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = above + level[2 * len(above) :]
        at >>= 1
    return path


def verify(leaf: Node, index: int, size: int, path: Sequence[Node], root: Node) -> None:
    """Refuse a leaf that is not at this place under the root, with sums as they are. Raises ProofInvalid."""
    if not 0 <= index < size:
        raise ProofInvalid("the index is outside the tree")
    at, last, node = index, size - 1, leaf
    try:
        node.pack()
        for sibling in path:
            if last == 0:
                raise ProofInvalid("the path is too long")
            if at & 1 or at == last:
                node = join(sibling, node)
                while not at & 1 and at:
                    at, last = at >> 1, last >> 1
            else:
                node = join(node, sibling)
            at, last = at >> 1, last >> 1
    except WrongLength as error:
        raise ProofInvalid(error.detail) from error
    if last != 0 or node != root:
        raise ProofInvalid("the path does not lead from the leaf to the root")
