"""A redemption with all that its checker needs, as rows keep it and as HTTP carries it."""

from __future__ import annotations

from dataclasses import dataclass

from specie.issuance.errors import Schema
from specie.kernel import codec

PARCEL_BYTES_MAX = 2**21


@dataclass(frozen=True, slots=True)
class Parcel:
    """A `dc-redreq` and what goes beside it."""

    request: bytes
    """dc-redreq"""
    owner_key: bytes = b""
    """COSE_Key of the owner, where the owner signs."""
    units: tuple[bytes, ...] = ()
    approvals: tuple[bytes, ...] = ()
    """Officers, for destruction."""
    proof: bytes = b""
    """Proof of the burn, where the registry is a ledger."""


def pack_parcel(parcel: Parcel) -> bytes:
    """An array of the five fields."""
    return codec.encode([parcel.request, parcel.owner_key, list(parcel.units), list(parcel.approvals), parcel.proof])


def unpack_parcel(data: bytes) -> Parcel:
    """Raises codec refusals, Schema."""
    value = codec.decode(data, bytes_max=PARCEL_BYTES_MAX)
    if not isinstance(value, list | tuple) or len(value) != 5:
        raise Schema("a parcel is an array of five")
    request, owner_key, units, approvals, proof = value
    if not isinstance(units, list | tuple) or not isinstance(approvals, list | tuple):
        raise Schema("units and approvals are arrays")
    if not all(isinstance(part, bytes) for part in (request, owner_key, proof, *units, *approvals)):
        raise Schema("a parcel holds byte strings")
    return Parcel(request, owner_key, tuple(units), tuple(approvals), proof)
