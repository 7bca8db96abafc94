"""Units: the root that a control bit speaks of, the units under it, and how anyone checks one (section 4.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from specie.crypto import merkle, units
from specie.issuance.errors import UnitInvalid
from specie.issuance.messages.claims import Claims, Signed
from specie.issuance.messages.objects import ControlBit, Model, Request, Unit


def pairs_of(request: Request) -> list[tuple[int, int]]:
    """(value, count) pairs; the account model is one leaf with the whole amount (annex A)."""
    if request.model == Model.ACCOUNT or not request.denominations:
        return [(request.amount, 1)]
    return list(request.denominations)


# SPEC ISSUANCE-4.7.1
def unit_root(credential_cti: bytes, request: Request) -> tuple[bytes, int]:
    """(root, number of units), from the request and the credential's cti alone."""
    return units.root(credential_cti, request.currency, request.owner, pairs_of(request))


def unit_roots(items: Sequence[tuple[bytes, Request]]) -> list[tuple[bytes, int]]:
    """`unit_root` for a batch, in one call to the core."""
    return units.root_many([(cti, r.currency, r.owner, pairs_of(r)) for cti, r in items])


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """A unit before it is signed."""

    serial: bytes
    value: int
    claims: Claims
    body: Unit


def plan_units(
    issuer: str, credential_cti: bytes, request: Request, bit: bytes, iat: int, *, compact: bool = False
) -> list[PlannedUnit]:
    """The units of one control bit, in order. compact: name the bit by its hash instead of embedding it."""
    serials, paths = units.serials_and_paths(credential_cti, request.currency, request.owner, pairs_of(request))
    values = [value for value, count in pairs_of(request) for _ in range(count)]
    named = sha256(bit).digest() if compact else bit
    return [
        PlannedUnit(
            serial,
            value,
            Claims(iss=issuer, iat=iat, cti=serial),
            Unit(request.currency, value, request.owner, named, index, tuple(path)),
        )
        for index, (serial, value, path) in enumerate(zip(serials, values, paths, strict=True))
    ]


# SPEC ISSUANCE-20.10, ISSUANCE-14.2
def check_unit(unit: Signed[Unit], bit: Signed[ControlBit]) -> None:
    """Does this unit stand under this (verified) control bit? Raises UnitInvalid.

    The issuer's signature over the unit is checked before, with its key.
    """
    body, word = unit.body, bit.body
    named = body.control_bit
    if named not in (bit.data, bit.hash):
        raise UnitInvalid("the unit names another control bit")
    if unit.claims.iss != bit.claims.aud:
        raise UnitInvalid("the unit is by another issuer than the bit is for")
    if (body.currency, sha256(body.owner).digest()) != (word.currency, word.owner_hash):
        raise UnitInvalid("currency or owner differ from the control bit")
    if body.index >= word.unit_count:
        raise UnitInvalid("the unit's index is beyond the bit's count")
    expected = sha256(b"dc/1/serial" + word.credential_cti + body.index.to_bytes(4, "big")).digest()[:16]
    if unit.claims.cti != expected:
        raise UnitInvalid("the serial is not the one of this place")
    leaf = units.leaf_hash(unit.claims.cti, body.currency, body.value, body.owner, body.index)
    if not merkle.is_included(leaf, body.index, word.unit_count, list(body.path), word.unit_root):
        raise UnitInvalid("the unit does not stand under the bit's root")


def serials_root(serials: Sequence[bytes]) -> bytes:
    """RFC 9162 root over redeemed serials or one reference, in order."""
    return merkle.root([sha256(b"\x00" + serial).digest() for serial in serials])
