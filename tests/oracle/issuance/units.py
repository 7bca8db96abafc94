"""The unit root of section 4.7: it fixes serial, currency, value, owner and index of every unit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from . import merkle
from .cbor import encode

UNITS_MAX = 1000


def serial(credential_cti: bytes, index: int) -> bytes:
    """16 bytes."""
    return hashlib.sha256(b"dc/1/serial" + credential_cti + index.to_bytes(4, "big")).digest()[:16]


def values(amount: int, denominations: Sequence[Sequence[int]] | None) -> list[int]:
    """The values of the units in their order; the account model has a single one."""
    if denominations is None:
        return [amount]
    return [value for value, count in denominations for _ in range(count)]


def leaf(credential_cti: bytes, currency: str, value: int, owner: bytes, index: int) -> bytes:
    """The hash of one unit's leaf."""
    return merkle.leaf_hash(encode([serial(credential_cti, index), currency, value, owner, index]))


def leaves(credential_cti: bytes, currency: str, owner: bytes, unit_values: Sequence[int]) -> list[bytes]:
    return [leaf(credential_cti, currency, value, owner, i) for i, value in enumerate(unit_values)]


def root(credential_cti: bytes, currency: str, owner: bytes, unit_values: Sequence[int]) -> bytes:
    """Spec: ISSUANCE-4.7.1."""
    return merkle.root(leaves(credential_cti, currency, owner, unit_values))
