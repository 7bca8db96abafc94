"""All that the three systems have of one issue, verified and in the order of the six steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from specie.crypto import cose
from specie.issuance.api import Traced
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, ISSUANCE, QUOTA_CONTROL
from specie.issuance.errors import Denial, UnknownRequest
from specie.issuance.messages import objects
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import open_one, read_unverified
from specie.issuance.protocol.keyset import KeySet
from specie.kernel.errors import Refused

STEPS = {
    "dc-req": (1, "request", objects.Request, ("is:req",)),
    "dc-appr": (2, "approval", objects.Approval, ("officer",)),
    "dc-deny": (2, "denial", objects.Deny, ("cm:cred", "qc:bit")),
    "dc-cred": (3, "credential", objects.Credential, ("cm:cred",)),
    "dc-pres": (4, "presentation", objects.Presentation, ("is:req",)),
    "dc-bit": (5, "control bit", objects.ControlBit, ("qc:bit",)),
    "dc-tomb": (5, "closed unused", objects.Tombstone, ("qc:bit",)),
    "dc-used": (5, "was used", objects.Used, ("qc:bit",)),
    "dc-unit": (6, "unit", objects.Unit, ("is:unit",)),
    "dc-acct": (6, "account order", objects.AccountOrder, ("is:unit",)),
    "dc-minted": (6, "minted", objects.Minted, ("is:unit", "is:req")),
    "dc-redeem": (7, "redeemed", objects.Redemption, ("qc:bit",)),
}
"""typ to step (7: after the six), name for people, body, roles of the keys that may sign it."""
SYSTEMS = {ISSUANCE: "issuance system", CENTRAL_MANAGEMENT: "central management", QUOTA_CONTROL: "quota control"}


@dataclass(slots=True)
class Piece:
    """One object of the issue."""

    step: int
    name: str
    typ: str
    iss: str
    at_s: int
    cti: bytes
    kid: bytes
    hash: bytes
    data: bytes = field(repr=False)
    fault: str = ""
    """Why its signature does not count; empty where it verifies."""
    leaves: dict[str, tuple[int, str]] = field(default_factory=dict)
    """System to (sequence, event) of the leaf that names it."""

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "name": self.name,
            "typ": self.typ,
            "signer": self.iss,
            "key": self.kid.hex(),
            "id": self.cti.hex(),
            "hash": self.hash.hex(),
            "at": self.at_s,
            "verified": not self.fault,
            **({"fault": self.fault} if self.fault else {}),
            "log": {system: {"sequence": place, "event": event} for system, (place, event) in self.leaves.items()},
            "object": self.data.hex(),
        }


@dataclass(slots=True)
class Case:
    """One issue."""

    pieces: list[Piece]
    bare: list[tuple[str, Traced]] = field(default_factory=list)
    """Leaves without an object, and the system of their log."""

    def of(self, typ: str) -> list[Piece]:
        return [piece for piece in self.pieces if piece.typ == typ]

    @property
    def verified(self) -> bool:
        return all(not piece.fault for piece in self.pieces)


async def gather(office: Office, ident: bytes) -> Case:
    """Everything of one issue, by the id of any of its objects. Raises UnknownRequest, and where a system is away.

    Each system is asked under its own certificate, for what it has itself.
    """
    keys = await office.read_keys()
    asked: dict[str, Sequence[Traced]] = {}
    names = [ident]
    asked[ISSUANCE] = await office.issuance.trace(ident)
    names = ids_in(asked[ISSUANCE]) or names
    asked[CENTRAL_MANAGEMENT] = await first_known(office.central_management, names)
    names = [*ids_in(asked[CENTRAL_MANAGEMENT]), *names]
    asked[QUOTA_CONTROL] = await first_known(office.quota_control, names)
    if not asked[ISSUANCE]:
        asked[ISSUANCE] = await first_known(office.issuance, [*ids_in(asked[QUOTA_CONTROL]), *names])
    case = Case([])
    found: dict[bytes, Piece] = {}
    for role, traced in asked.items():
        for each in traced:
            system = office.place.system_id(role)
            if not each.data:
                case.bare.append((system, each))
                continue
            piece = found.setdefault(each.data, piece_of(each.data, keys))
            if each.sequence:
                piece.leaves[system] = (each.sequence, each.event)
    if not found:
        raise UnknownRequest("no issue, request, credential, control bit or unit has this id")
    order = list(STEPS)
    case.pieces = sorted(found.values(), key=lambda piece: (order.index(piece.typ), piece.at_s, piece.cti))
    return case


async def first_known(system: Any, idents: Sequence[bytes]) -> Sequence[Traced]:
    """What a system has of the first of these ids that it knows."""
    for ident in dict.fromkeys(idents):
        found: Sequence[Traced] = await system.trace(ident)
        if found:
            return found
    return []


def ids_in(traced: Sequence[Traced]) -> list[bytes]:
    """The ids by which other systems may know the issue."""
    found: list[bytes] = []
    for each in traced:
        if not each.data:
            continue
        opened = opened_of(each.data)
        if opened.typ in ("dc-req", "dc-cred"):
            found.append(opened.claims.cti)
        elif opened.typ in ("dc-bit", "dc-used", "dc-tomb"):
            found.append(opened.body.credential_cti)
    return found


def opened_of(data: bytes) -> Signed[Any]:
    """An object of any step, its signature not yet judged. Raises Malformed, WrongType, Schema."""
    (parsed,) = cose.parse_sign1_many([data])
    kind: type[Body] = STEPS[parsed.typ][2] if parsed.typ in STEPS else objects.Request
    return read_unverified(data, kind)


def piece_of(data: bytes, keys: KeySet) -> Piece:
    """An object with the verdict on its signature."""
    opened = opened_of(data)
    step, name, kind, roles = STEPS[opened.typ]
    fault = ""
    try:
        open_one(data, kind, keys, lambda kid: keys.entry(kid, roles), algorithms=(cose.EDDSA, cose.ES256))
        if keys.entries[opened.kid].holder != opened.claims.iss:
            fault = "its key belongs to another holder"
    except (Denial, Refused) as refusal:
        fault = refusal.code
    return Piece(
        step,
        name,
        opened.typ,
        opened.claims.iss,
        opened.claims.iat,
        opened.claims.cti,
        opened.kid,
        sha256(data).digest(),
        data,
        fault,
    )
