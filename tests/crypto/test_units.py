"""Units: the core against the definition of ISSUANCE section 4.7."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.crypto import merkle, units
from specie.crypto.errors import UnitsOutOfRange, WrongLength
from specie.kernel import codec

CTI = bytes(range(16))
VALUE_MAX = (1 << 62) - 1

denominations = st.lists(st.tuples(st.integers(1, VALUE_MAX), st.integers(1, 20)), min_size=1, max_size=8)


# SPEC ISSUANCE-4.7.1
@given(st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=129), denominations)
def test_the_core_follows_the_definition(cti: bytes, owner: bytes, pairs: list[tuple[int, int]]) -> None:
    values = [value for value, count in pairs for _ in range(count)]
    serials = [sha256(b"dc/1/serial" + cti + i.to_bytes(4, "big")).digest()[:16] for i in range(len(values))]
    leaves = [
        sha256(b"\x00" + codec.encode([serial, "XTS", value, owner, index])).digest()
        for index, (serial, value) in enumerate(zip(serials, values, strict=True))
    ]
    root = merkle.root(leaves)
    assert units.root(cti, "XTS", owner, pairs) == (root, len(values))
    made = units.leaves(cti, "XTS", owner, pairs)
    assert [(unit.serial, unit.value, unit.leaf) for unit in made] == list(zip(serials, values, leaves, strict=True))
    assert units.serials_and_paths(cti, "XTS", owner, pairs) == (serials, [unit.path for unit in made])
    for index, unit in enumerate(made):
        assert units.leaf_hash(unit.serial, "XTS", unit.value, owner, index) == unit.leaf
        merkle.verify_inclusion(unit.leaf, index, len(made), unit.path, root)


def test_a_batch_is_its_items() -> None:
    issues = [(bytes([i]) * 16, "XTS", b"owner", [(i + 1, i + 1)]) for i in range(40)]
    assert units.root_many(issues) == [units.root(*issue) for issue in issues]


def test_one_more_unit_is_another_root() -> None:
    assert units.root(CTI, "XTS", b"o", [(5, 2)])[0] != units.root(CTI, "XTS", b"o", [(5, 3)])[0]
    assert units.root(CTI, "XTS", b"o", [(5, 2)]) == units.root(CTI, "XTS", b"o", [(5, 1), (5, 1)])


@pytest.mark.parametrize(
    ("currency", "owner", "pairs"),
    [
        ("XTS", b"o", []),
        ("XTS", b"o", [(1, 0)]),
        ("XTS", b"o", [(0, 1)]),
        ("XTS", b"o", [(-1, 1)]),
        ("XTS", b"o", [(1, -1)]),
        ("XTS", b"o", [(1 << 64, 1)]),
        ("XTS", b"o", [(VALUE_MAX + 1, 1)]),
        ("XTS", b"o", [(1, 1001)]),
        ("XTS", b"o", [(1, 1000), (1, 1)]),
        ("XTS", b"o", [(1, 2**63), (1, 2**63)]),
        ("XTS", b"", [(1, 1)]),
        ("XTS", bytes(130), [(1, 1)]),
        ("XT", b"o", [(1, 1)]),
        ("XTSXTSXTSXTSX", b"o", [(1, 1)]),
        ("xts", b"o", [(1, 1)]),
    ],
)
def test_what_is_out_of_range_is_refused(currency: str, owner: bytes, pairs: list[tuple[int, int]]) -> None:
    with pytest.raises(UnitsOutOfRange):
        units.root(CTI, currency, owner, pairs)
    with pytest.raises(UnitsOutOfRange):
        units.root_many([(CTI, "XTS", b"o", [(1, 1)]), (CTI, currency, owner, pairs)])
    with pytest.raises(UnitsOutOfRange):
        units.leaves(CTI, currency, owner, pairs)


def test_the_cti_has_16_bytes() -> None:
    with pytest.raises(WrongLength):
        units.root(bytes(15), "XTS", b"o", [(1, 1)])
