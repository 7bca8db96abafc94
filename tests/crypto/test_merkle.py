"""Merkle trees: the published proofs, and the core against the recursive definition of the RFC."""

import json
import tarfile
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from published import published
from specie.crypto import merkle
from specie.crypto.errors import OutOfTree, ProofInvalid, WrongLength


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(index.to_bytes(4, "big")) for index in range(count)]


def recursive_root(part: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1."""
    if len(part) < 2:
        return part[0] if part else sha256(b"").digest()
    split = 1 << (len(part) - 1).bit_length() - 1
    return merkle.node_hash(recursive_root(part[:split]), recursive_root(part[split:]))


def published_cases() -> Iterator[tuple[str, dict[str, Any]]]:
    with tarfile.open(published("ledger/merkle/rfc6962_testdata.tgz")) as archive:
        for member in archive.getmembers():
            if member.name.endswith(".json") and (file := archive.extractfile(member)):
                yield member.name.split("/")[1], json.load(file)


def check_published(kind: str, case: dict[str, Any]) -> None:
    path = [b64decode(step) for step in case["proof"] or []]
    old, new = (b64decode(case.get(name) or "") for name in ("root1", "root2"))
    if kind == "inclusion":
        leaf, root = b64decode(case["leafHash"] or ""), b64decode(case["root"] or "")
        merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], path, root)
    elif kind == "consistency":
        merkle.verify_consistency(case["size1"], case["size2"], path, old, new)
    elif kind == "subtreeinclusion":
        leaf, root = b64decode(case["leafHash"] or ""), b64decode(case["root"] or "")
        start, end = case["start"], case["end"]
        if not merkle.is_subtree(start, end):
            raise ProofInvalid
        merkle.verify_inclusion(leaf, case["leafIdx"] - start, end - start, path, root)
    else:
        merkle.verify_subtree_consistency(case["start"], case["end"], case["size"], path, old, new)


def test_published_proofs() -> None:
    """All 518: good ones are accepted, corrupted ones refused."""
    seen = 0
    for kind, case in published_cases():
        seen += 1
        if case["wantErr"]:
            with pytest.raises(ProofInvalid):
                check_published(kind, case)
        else:
            check_published(kind, case)
    assert seen == 518


@pytest.mark.parametrize("count", range(34))
def test_every_proof_of_small_trees(count: int) -> None:
    all_leaves = leaves(count)
    root = merkle.root(all_leaves)
    assert root == recursive_root(all_leaves)
    paths = merkle.inclusion_proofs(all_leaves)
    for index, leaf in enumerate(all_leaves):
        path = merkle.inclusion_proof(all_leaves, index)
        assert path == paths[index]
        merkle.verify_inclusion(leaf, index, count, path, root)
        assert not merkle.is_included(leaf, index, count, [*path, root], root)
        assert not merkle.is_included(merkle.leaf_hash(b"other"), index, count, path, root)
    for old in range(1, count + 1):
        proof = merkle.consistency_proof(all_leaves, old)
        verify = partial(merkle.verify_consistency, old, count, new_root=root)
        verify(proof, merkle.root(all_leaves[:old]))
        with pytest.raises(ProofInvalid):
            verify([*proof, root], merkle.root(all_leaves[:old]))
        with pytest.raises(ProofInvalid):
            verify(proof, merkle.leaf_hash(b"other"))


def test_sizes_and_the_empty_tree() -> None:
    merkle.verify_consistency(0, 0, [], merkle.EMPTY_ROOT, merkle.EMPTY_ROOT)
    three, four = merkle.root(leaves(3)), merkle.root(leaves(4))
    for arguments in (
        (0, 3, [], merkle.EMPTY_ROOT, three),
        (0, 0, [], bytes(32), merkle.EMPTY_ROOT),
        (0, 0, [], merkle.EMPTY_ROOT, bytes(32)),
        (0, 0, [bytes(32)], merkle.EMPTY_ROOT, merkle.EMPTY_ROOT),
        (0, -1, [], merkle.EMPTY_ROOT, bytes(32)),
        (-1, 3, [], merkle.EMPTY_ROOT, three),
        (4, 3, [], four, three),
        (3, 4, [bytes(31)], three, four),
    ):
        with pytest.raises(ProofInvalid):
            merkle.verify_consistency(*arguments)


@given(st.lists(st.integers(0, 9), max_size=8))
def test_a_frontier_follows_the_tree(steps: list[int]) -> None:
    frontier, all_leaves = merkle.Frontier(), leaves(sum(steps))
    for step in steps:
        frontier = frontier.append(all_leaves[frontier.size : frontier.size + step])
        assert frontier.root == recursive_root(all_leaves[: frontier.size])
        assert merkle.Frontier.decode(frontier.encode(), frontier.size) == frontier


# SPEC ISSUANCE-15.1.1
def test_the_chain() -> None:
    link, expected = bytes(32), []
    for leaf in leaves(5):
        link = sha256(b"\x02" + link + leaf).digest()
        expected.append(link)
    assert merkle.chain_many(bytes(32), leaves(5)) == expected
    assert merkle.chain_many(bytes(32), []) == []


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(WrongLength):
        merkle.root([bytes(31)])
    with pytest.raises(WrongLength):
        merkle.append_many(bytes(32), 3, [])
    with pytest.raises(WrongLength):
        merkle.append_many(b"", -1, [])
    with pytest.raises(WrongLength):
        merkle.chain_many(bytes(31), [])
    for index in (-1, 3, 1 << 70):
        with pytest.raises(OutOfTree):
            merkle.inclusion_proof(leaves(3), index)
    for size in (-1, 0, 4, 1 << 70):
        with pytest.raises(OutOfTree):
            merkle.consistency_proof(leaves(3), size)
    assert not merkle.is_included(leaves(1)[0], -1, 1, [], leaves(1)[0])
