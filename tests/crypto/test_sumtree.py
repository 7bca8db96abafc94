"""The Merkle-sum tree: a root states the sum of its leaves, and a holder finds his own under it."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.crypto import sumtree
from specie.crypto.errors import OutOfTree, ProofInvalid, WrongLength
from specie.crypto.sumtree import Node

SUM_MAX = (1 << 128) - 1


def leaf(amount: int) -> Node:
    return Node(amount, sha256(amount.to_bytes(16, "big")).digest())


amounts = st.lists(st.integers(0, 1 << 62), max_size=40)


def recursive_root(leaves: list[Node]) -> Node:
    """The shape of RFC 9162 with the node of ISSUANCE-15.4.2, from the definition."""
    if len(leaves) < 2:
        return leaves[0] if leaves else Node(0, sha256(b"").digest())
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = recursive_root(leaves[:split]), recursive_root(leaves[split:])
    body = b"\x03" + left.sum.to_bytes(16, "big") + left.hash + right.sum.to_bytes(16, "big") + right.hash
    return Node(left.sum + right.sum, sha256(body).digest())


# SPEC ISSUANCE-15.4.2
@given(amounts)
def test_the_root_states_the_sum(values: list[int]) -> None:
    leaves = [leaf(value) for value in values]
    root = sumtree.build(leaves)
    assert root == recursive_root(leaves)
    assert root.sum == sum(values)


# SPEC ISSUANCE-15.4.2
@given(amounts.filter(bool), st.data())
def test_a_holder_proves_that_his_leaf_is_counted(values: list[int], data: st.DataObject) -> None:
    leaves = [leaf(value) for value in values]
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, path = sumtree.build(leaves), sumtree.prove(leaves, index)
    sumtree.verify(leaves[index], index, len(leaves), path, root)
    other = Node(leaves[index].sum + 1, leaves[index].hash)
    for bad_leaf, bad_path, bad_root in (
        (other, path, root),
        (leaves[index], [*path, root], root),
        (leaves[index], path, Node(root.sum + 1, root.hash)),
        (leaves[index], [Node(-1, bytes(32)), *path], root),
    ):
        with pytest.raises(ProofInvalid):
            sumtree.verify(bad_leaf, index, len(leaves), bad_path, bad_root)


@given(amounts, st.integers(0, 40))
def test_a_frontier_goes_on_where_it_stopped(values: list[int], cut: int) -> None:
    leaves = [leaf(value) for value in values]
    begun = sumtree.SumFrontier().append(leaves[:cut])
    again = sumtree.SumFrontier.decode(begun.encode(), begun.size)
    assert again == begun
    assert again.append(leaves[cut:]).root() == sumtree.build(leaves)


def test_sums_stay_in_their_bytes() -> None:
    with pytest.raises(WrongLength):
        sumtree.build([Node(-1, bytes(32))])
    with pytest.raises(WrongLength):
        sumtree.build([Node(SUM_MAX, bytes(32)), Node(1, bytes(32))])
    with pytest.raises(WrongLength):
        sumtree.build([Node(1, bytes(31))])
    with pytest.raises(WrongLength):
        sumtree.SumFrontier.decode(bytes(48), 3)


def test_places_outside_are_refused() -> None:
    for index in (-1, 1):
        with pytest.raises(OutOfTree):
            sumtree.prove([leaf(1)], index)
        with pytest.raises(ProofInvalid):
            sumtree.verify(leaf(1), index, 1, [], leaf(1))
