"""Looking up what one system knows of an issue, read-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specie.issuance.protocol.journal import Leaf
from specie.issuance.store import central_management, issuance_system, quota_control
from specie.issuance.store.journal import ObjectRow, objects_by_cti
from specie.kernel import codec
from specie.kernel.db import Transaction

PARCEL_BYTES_MAX = 2**21


@dataclass(slots=True)
class Found:
    """What a store holds of one issue."""

    datas: list[bytes] = field(default_factory=list)
    """Finished objects."""
    own: list[ObjectRow] = field(default_factory=list)
    """Objects of this system, as fixed and signed."""
    names: list[bytes] = field(default_factory=list)
    """Further hashes that its log may name."""


def at_central_management(tx: Transaction, ident: bytes) -> Found:
    """By the id of the request or of the credential: request, approvals, credential or denial."""
    found = Found()
    credentials = central_management.credentials_by_cti(tx, [ident])
    if credentials:
        requests = list(central_management.requests_by_hash(tx, [credentials[ident].request]).values())
    else:
        requests = list(central_management.requests_by_cti(tx, [ident]).values())
    for row in requests:
        found.datas.append(row.data)
        found.datas += [each.data for each in central_management.approvals_of(tx, row.hash)]
        ctis = [cti for cti in (row.credential, row.denial) if cti is not None]
        found.own += objects_by_cti(tx, ctis).values()
    return found


def at_quota_control(tx: Transaction, ident: bytes) -> Found:
    """By the id of the credential or of the control bit: the bit, tombstones, receipts of redemptions."""
    found = Found()
    uses = quota_control.uses_by_cid(tx, [ident]) or quota_control.uses_by_bit(tx, [ident])
    for use in uses.values():
        ctis = [cti for cti in (use.bit, use.closed) if cti is not None]
        rows = tx.all(
            "SELECT DISTINCT redemption.receipt FROM redeemed JOIN redemption ON redemption.cti = redeemed.ref"
            " AND redemption.seq = redeemed.seq WHERE redeemed.cid = ?",
            (use.cid,),
        )
        found.own += objects_by_cti(tx, [*ctis, *(row[0] for row in rows)]).values()
    return found


def at_issuance_system(tx: Transaction, ident: bytes) -> Found:
    """By any id of an issue, or a unit's serial: request, presentation, bit, units, note of the mint, denial."""
    found = Found()
    row = None
    for column in ("id", "cti", "credential", "bit_cti"):
        hit = tx.one(f"SELECT id FROM issue WHERE {column} = ?", (ident,))
        if hit is not None:
            row = issuance_system.issue(tx, hit[0])
            break
    else:
        units = issuance_system.units_by_serial(tx, [ident])
        row = issuance_system.issue(tx, units[ident].issue) if units else None
    if row is None:
        return found
    found.datas += [each for each in (row.request, row.presentation, row.denial, row.bit) if each]
    if row.bit_cti is not None:
        sent = tx.one("SELECT body FROM outbox WHERE topic = ? AND key = ?", ("minted", row.bit_cti))
        found.datas += [codec.decode(sent[0], bytes_max=PARCEL_BYTES_MAX)[0]] if sent else []  # type: ignore[index]
    found.datas += [unit.data for unit in issuance_system.units_of_issue(tx, row.id)]
    found.names += [row.unit_root] if row.unit_root else []
    return found


def leaves_naming(tx: Transaction, names: Sequence[bytes]) -> dict[bytes, Leaf]:
    """Leaves whose object has one of these hashes, by that hash."""
    rows = tx.select_in("SELECT object, body FROM log WHERE object {}", list(dict.fromkeys(names)), "blob")
    return {row[0]: Leaf.decode(row[1]) for row in rows}
