"""Opening what leaves name: the right type for the event, the bytes that the leaf names, a key that may sign it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from specie.app.auditor.findings import Findings
from specie.app.auditor.rules import could_sign
from specie.crypto import cose
from specie.issuance.errors import Denial
from specie.issuance.messages import objects
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import OBJECT_BYTES_MAX, open_many
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.keyset import KeySet

CM, QC, IS = "central-management", "quota-control", "issuance"
REFIXED = "refixed"
_BIT, _TOMB, _USED, _DENY = (objects.ControlBit, objects.Tombstone, objects.Used, objects.Deny)
MADE: Mapping[tuple[str, str], tuple[type[Body], ...]] = {
    (CM, "credential"): (objects.Credential,),
    (CM, "deny"): (_DENY,),
    (CM, "reject"): (_DENY,),
    (CM, "expire"): (_DENY,),
    (CM, REFIXED): (objects.Credential, _DENY),
    (QC, "use"): (_BIT,),
    (QC, "bit"): (_BIT,),
    (QC, "deny"): (_DENY,),
    (QC, "tombstone"): (_TOMB,),
    (QC, "revoke"): (_TOMB,),
    (QC, "answered"): (_USED, _TOMB),
    (QC, "redeem"): (objects.Redemption,),
    (QC, "supply"): (objects.Supply,),
    (QC, "lease"): (objects.Lease,),
    (QC, "lease-back"): (objects.Lease,),
    (QC, REFIXED): (_BIT, _TOMB, _USED, _DENY, objects.Redemption, objects.Supply, objects.Lease),
}
"""What a system signs itself, by its log and the event of the leaf."""
RECEIVED: Mapping[tuple[str, str], tuple[type[Body], ...]] = {
    (CM, "pending"): (objects.Request,),
    (CM, "approval"): (objects.Approval,),
    (QC, "cancel"): (objects.Cancel,),
    **{(role, "pause"): (objects.Pause,) for role in (CM, QC, IS)},
    **{(role, "reserve"): (objects.Reserve,) for role in (CM, QC, IS)},
    (IS, "freeze"): (objects.Pause,),
    (IS, "unfreeze"): (objects.Pause,),
}
"""What others signed and the log names."""
SIGNERS: Mapping[type[Body], tuple[str, ...]] = {
    objects.Credential: ("cm:cred",),
    _DENY: ("cm:cred", "qc:bit"),
    **{kind: ("qc:bit",) for kind in (_BIT, _TOMB, _USED, objects.Redemption, objects.Supply, objects.Lease)},
    objects.Request: ("is:req",),
    objects.Cancel: ("is:unit",),
    objects.Approval: ("officer",),
    objects.Pause: ("officer",),
    objects.Reserve: ("custodian",),
}
_PERSONS = (objects.Approval, objects.Pause, objects.Reserve)


@dataclass(frozen=True, slots=True)
class Opened:
    """An object that is what its leaf says, signed by a key that could."""

    leaf: Leaf
    item: Signed[Any]
    behind: bytes


def typ_of(data: bytes) -> str:
    """The type that an object claims; empty where it does not parse."""
    (item,) = cose.parse_sign1_many([data], bytes_max=OBJECT_BYTES_MAX)
    return item.typ if item.status == cose.OK else ""


# SPEC ISSUANCE-15.6.1
def open_named(
    findings: Findings, role: str, system: str, keys: KeySet | None, rows: Sequence[tuple[Leaf, bytes, bytes]]
) -> list[Opened]:
    """Open (leaf, object, behind) of one log in batches by type; what does not hold is a finding and is left out."""
    by_kind: dict[type[Body], list[tuple[Leaf, bytes, bytes]]] = {}
    for leaf, data, behind in rows:
        kinds = MADE.get((role, leaf.event)) or RECEIVED.get((role, leaf.event))
        if kinds is None:
            continue
        typ = typ_of(data)
        kind = next((each for each in kinds if each.typ == typ), None)  # type: ignore[attr-defined]
        if kind is None:
            findings.add("OBJECT_MISMATCH", system, f"leaf {leaf.sequence}", f"{leaf.event} names a {typ}", data)
            continue
        by_kind.setdefault(kind, []).append((leaf, data, behind))
    answer: list[Opened] = []
    for kind, group in by_kind.items():
        if keys is None:
            for leaf, data, _ in group:
                findings.add("OBJECT_FORGED", system, f"leaf {leaf.sequence}", "it came before any manifest", data)
            continue
        answer += _open_kind(findings, role, system, keys, kind, group)
    return sorted(answer, key=lambda opened: opened.leaf.sequence)


def _open_kind(
    findings: Findings,
    role: str,
    system: str,
    keys: KeySet,
    kind: type[Body],
    group: Sequence[tuple[Leaf, bytes, bytes]],
) -> list[Opened]:
    roles = SIGNERS[kind]
    algorithms = (cose.EDDSA, cose.ES256) if kind in _PERSONS else (cose.EDDSA,)
    opened = open_many(
        [data for _, data, _ in group], kind, keys, lambda kid: keys.entry(kid, roles), algorithms=algorithms
    )
    answer = []
    for (leaf, data, behind), item in zip(group, opened, strict=True):
        subject = f"leaf {leaf.sequence}"
        if isinstance(item, Denial):
            findings.add("OBJECT_FORGED", system, subject, f"{leaf.event}: {item.chapter}: {item.detail}", data)
            continue
        own = (role, leaf.event) in MADE
        named = sha256(item.tbs).digest() if own else item.hash
        if named != leaf.object_hash:
            findings.add("OBJECT_MISMATCH", system, subject, f"{leaf.event} names another object", data)
            continue
        entry = keys.entries[item.kid]
        maker = system if own else entry.holder
        # SPEC ISSUANCE-12.2.2 (own objects are judged by their leaf, received ones by their own time)
        at_s, place = (leaf.at_s, leaf.sequence) if own else (item.claims.iat, 0)
        if entry.holder != maker or item.claims.iss != maker or not could_sign(entry, at_s, place):
            findings.add("OBJECT_FORGED", system, subject, f"key {item.kid.hex()} could not sign this {kind.__name__}")
            continue
        answer.append(Opened(leaf, item, behind))
    return answer


# SPEC ISSUANCE-20.1, ISSUANCE-6.5.10
def check_requests(findings: Findings, system: str, keys: KeySet, credentials: Sequence[Opened]) -> None:
    """The request inside each credential is signed by the issuance system that it names."""
    datas = [each.item.body.request for each in credentials]
    opened = open_many(datas, objects.Request, keys, lambda kid: keys.entry(kid, ("is:req",)))
    for each, request in zip(credentials, opened, strict=True):
        if isinstance(request, Denial):
            fault = f"{request.chapter}: {request.detail}"
        else:
            entry = keys.entries[request.kid]
            good = entry.holder == request.claims.iss and could_sign(entry, request.claims.iat, 0)
            fault = "" if good else "its key could not sign it"
        if fault:
            detail = f"the request inside a credential: {fault}"
            findings.add("OBJECT_FORGED", system, f"leaf {each.leaf.sequence}, request", detail, each.item.data)
