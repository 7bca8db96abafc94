"""Serials, leaves and root of the units of one issue (ISSUANCE section 4.7), in the Rust core.

    serial_i = SHA-256("dc/1/serial" || credential cti || u32be(i))[0:16]
    leaf_i   = SHA-256(0x00 || det-CBOR([serial_i, currency, value_i, owner, i]))

In the account model an issue is the single unit (amount, 1).
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from specie.crypto.core import STATUS_OK, _core, refusal_of
from specie.crypto.errors import UnitsOutOfRange
from specie.kernel import codec

UNITS_MAX = 1000

_UINT64_MAX = (1 << 64) - 1

Denominations = Sequence[tuple[int, int]]
"""(value in minor units, count), in the order of the request."""


class UnitLeaf(NamedTuple):
    """One unit before it is signed."""

    serial: bytes
    """16 bytes."""
    value: int
    """In minor units."""
    leaf: bytes
    path: list[bytes]
    """From the leaf up to the unit root."""


def _pairs(denominations: Denominations) -> list[tuple[int, int]]:
    """As the core takes them: numbers of 64 bits without sign; it judges them further."""
    for value, count in denominations:
        if not (0 <= value <= _UINT64_MAX and 0 <= count <= _UINT64_MAX):
            raise UnitsOutOfRange("a value or a count is negative or has more than 64 bits")
    return list(denominations)


def root(cti: bytes, currency: str, owner: bytes, denominations: Denominations) -> tuple[bytes, int]:
    """(unit root, number of units) of one issue.

    Raises, in this order: WrongLength (the cti has 16 bytes), UnitsOutOfRange (1 to 1000 units, values 1 to
    2^62 - 1, owner of 1 to 129 bytes, currency of 3 to 12 characters A-Z and 0-9).
    """
    return _core.unit_root(cti, currency, owner, _pairs(denominations))


def root_many(issues: Sequence[tuple[bytes, str, bytes, Denominations]]) -> list[tuple[bytes, int]]:
    """`root` of each (cti, currency, owner, denominations), on all cores. Raises for the first bad issue."""
    rows = [(cti, currency, owner, _pairs(pairs)) for cti, currency, owner, pairs in issues]
    roots = []
    for index, (status, digest, count) in enumerate(_core.unit_root_many(rows)):
        if status != STATUS_OK:
            raise refusal_of(status, f"issue {index} of the batch")
        roots.append((digest, count))
    return roots


def leaves(cti: bytes, currency: str, owner: bytes, denominations: Denominations) -> list[UnitLeaf]:
    """Every unit of an issue, in order. Raises as `root`."""
    return [UnitLeaf._make(row) for row in _core.unit_leaves(cti, currency, owner, _pairs(denominations))]


def serials_and_paths(
    cti: bytes, currency: str, owner: bytes, denominations: Denominations
) -> tuple[list[bytes], list[list[bytes]]]:
    """Serials and Merkle paths of an issue, in order. Raises as `root`."""
    units = leaves(cti, currency, owner, denominations)
    return [unit.serial for unit in units], [unit.path for unit in units]


def leaf_hash(serial: bytes, currency: str, value: int, owner: bytes, index: int) -> bytes:
    """The leaf of one unit, for whoever checks it."""
    return sha256(b"\x00" + codec.encode([serial, currency, value, owner, index])).digest()
