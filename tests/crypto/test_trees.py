"""The trees of the ledger: the sparse tree against its definition, the output log against `crypto.merkle`."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.crypto import merkle, ring, trees
from specie.crypto.errors import BadPoint, OutOfTree, WrongLength
from specie.crypto.trees import OutputTable, SparseTree, sparse_verify

Items = dict[bytes, bytes]


def digest(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> (7 - depth % 8) & 1


def textbook_root(items: Items, depth: int = 0) -> bytes:
    """LEDGER 8.1 as it is written."""
    if not items:
        return bytes(32)
    if len(items) == 1:
        ((key, value),) = items.items()
        return digest(b"\x00", key, value)
    halves: tuple[Items, Items] = ({}, {})
    for key, value in items.items():
        halves[bit(key, depth)][key] = value
    return digest(b"\x01", textbook_root(halves[0], depth + 1), textbook_root(halves[1], depth + 1))


def textbook_proof(items: Items, key: bytes) -> bytes:
    """The siblings of a key, collected from the definition."""
    siblings, depth = [], 0
    while len(items) > 1:
        other = {k: v for k, v in items.items() if bit(k, depth) != bit(key, depth)}
        siblings.append(textbook_root(other, depth + 1))
        items = {k: v for k, v in items.items() if bit(k, depth) == bit(key, depth)}
        depth += 1
    bits = "".join("0" if sibling == bytes(32) else "1" for sibling in siblings).ljust(-(-depth // 8) * 8, "0")
    bitmap = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    kind = 0 if not items else 1 if key in items else 2
    tail = b"".join(next(iter(items.items()))) if kind == 2 else b""
    body = b"".join(sibling for sibling in siblings if sibling != bytes(32))
    return bytes([kind]) + depth.to_bytes(2, "little") + bitmap + body + tail


# Few first bytes and few last bits, so that keys share long beginnings.
keys = st.builds(
    lambda first, last: bytes([first]) + bytes(30) + bytes([last]), st.integers(0, 3), st.integers(0, 7)
) | st.binary(min_size=32, max_size=32)
values = st.binary(min_size=32, max_size=32)


@given(st.lists(st.lists(st.tuples(keys, values), max_size=6), max_size=5), st.lists(keys, max_size=4))
def test_the_sparse_tree_is_its_definition(batches: list[list[tuple[bytes, bytes]]], others: list[bytes]) -> None:
    tree, items = SparseTree(), Items()
    history = []
    for batch in batches:
        history.append((tree.clone(), tree.root(), len(items)))
        tree.update(batch)
        items.update(batch)
        assert (tree.root(), tree.size()) == (textbook_root(items), len(items))
    for clone, root, size in history:
        assert (clone.root(), clone.size()) == (root, size)
    for key in [*items, *others]:
        proof = tree.prove(key)
        assert tree.get(key) == items.get(key)
        assert proof == textbook_proof(items, key)
        assert sparse_verify(tree.root(), key, items.get(key), proof)
        wrong = None if key in items else bytes(32)
        assert not sparse_verify(tree.root(), key, wrong, proof)


def filled(count: int) -> SparseTree:
    tree = SparseTree()
    tree.update([(digest(b"key", bytes([i])), digest(b"value", bytes([i]))) for i in range(count)])
    return tree


# SPEC LEDGER-13.4
def test_every_changed_proof_is_refused() -> None:
    tree = filled(20)
    for i in (3, 60):
        key, value = digest(b"key", bytes([i])), digest(b"value", bytes([i])) if i < 20 else None
        proof = tree.prove(key)
        for at in range(8 * len(proof)):
            bad = bytearray(proof)
            bad[at // 8] ^= 1 << at % 8
            assert not sparse_verify(tree.root(), key, value, bytes(bad))
        for loose in (proof + b"\x00", proof[:-1], b"", proof[:3], bytes(3)):
            assert not sparse_verify(tree.root(), key, value, loose)


# SPEC LEDGER-13.4
def test_the_key_itself_is_no_other_leaf() -> None:
    key, value = digest(b"key"), digest(b"value")
    root = digest(b"\x00", key, value)
    assert sparse_verify(root, key, value, b"\x01\x00\x00")
    assert not sparse_verify(root, key, None, b"\x02\x00\x00" + key + value)
    assert sparse_verify(root, digest(b"other"), None, b"\x02\x00\x00" + key + value)


def test_the_empty_tree() -> None:
    tree = SparseTree()
    assert (tree.root(), tree.size(), tree.get(bytes(32))) == (trees.EMPTY_ROOT, 0, None)
    assert sparse_verify(tree.root(), bytes(32), None, tree.prove(bytes(32)))
    tree.update([])
    assert tree.root() == trees.EMPTY_ROOT


def test_lengths_are_checked() -> None:
    tree = SparseTree()
    for bad in ([(b"1", bytes(32))], [(bytes(32), b"1")]):
        with pytest.raises(WrongLength):
            tree.update(bad)
    for call in (tree.get, tree.prove):
        with pytest.raises(WrongLength):
            call(b"1")
    with pytest.raises(WrongLength):
        sparse_verify(bytes(31), bytes(32), None, b"")


def output(number: int) -> bytes:
    """267 bytes whose P, C and R are points."""
    points = [ring.commit(number * 3 + at, bytes(31) + b"\x01") for at in range(3)]
    return b"".join(points) + bytes([number % 256]) * (267 - 96)


def entries(count: int) -> list[tuple[int, int, bytes]]:
    return [(number % 2, number // 3, output(number)) for number in range(count)]


def leaf(entry: tuple[int, int, bytes]) -> bytes:
    kind, height, data = entry
    return merkle.leaf_hash(bytes([kind]) + height.to_bytes(8, "little") + data)


@pytest.mark.parametrize("step", [1, 5, 40])
def test_the_output_log_is_the_tree_of_the_rfc(step: int) -> None:
    rows = entries(40)
    leaves = [leaf(row) for row in rows]
    table = OutputTable()
    for start in range(0, 40, step):
        assert table.root_with(rows[start : start + step]) == merkle.root(leaves[: start + step])
        table.append(rows[start : start + step])
        assert table.size() == start + step
    assert table.root() == table.root_at(40) == merkle.root(leaves)
    for size in range(41):
        root = merkle.root(leaves[:size])
        assert table.root_at(size) == root
        for index in range(size):
            merkle.verify_inclusion(leaves[index], index, size, table.inclusion(index, size), root)
        for old in range(1, size + 1):
            merkle.verify_consistency(old, size, table.consistency(old, size), merkle.root(leaves[:old]), root)


def test_places_outside_the_log_are_refused() -> None:
    table = OutputTable()
    table.append(entries(5))
    for call in (
        lambda: table.root_at(6),
        lambda: table.inclusion(5, 5),
        lambda: table.inclusion(0, 6),
        lambda: table.consistency(0, 5),
        lambda: table.consistency(5, 4),
        lambda: table.members([0, 5]),
    ):
        with pytest.raises(OutOfTree):
            call()


def test_members_and_used_points() -> None:
    table, rows = OutputTable(), entries(5)
    table.append(rows)
    ((kind, height, points),) = table.members([3])
    data = rows[3][2]
    assert (kind, height, points[:64]) == (1, 1, data[:64])
    assert points[64:] == ring.pl1_point("ki", [data[:32]])
    # SPEC LEDGER-4.4.1
    asked = data[:32] + data[32:64] + data[64:96] + bytes(32)
    assert table.used(asked) == b"\x01\x00\x01\x00"
    # SPEC LEDGER-9.3.6
    table.reserve(bytes(32))
    assert table.used(asked) == b"\x01\x00\x01\x01"
    with pytest.raises(WrongLength):
        table.used(b"1")


def test_a_bad_entry_appends_nothing() -> None:
    table, rows = OutputTable(), entries(20)
    for bad in (b"\xff" * 267, bytes(267)):
        with pytest.raises(BadPoint):
            table.append([*rows, (0, 1, bad)])
    with pytest.raises(WrongLength):
        table.append([(0, 1, bytes(266))])
    assert (table.size(), table.root()) == (0, merkle.EMPTY_ROOT)
    assert table.used(rows[0][2][:32]) == b"\x00"
