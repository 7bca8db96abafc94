"""Bundles (docs/reference/bundle.md): written as JSON Lines, and a supply statement checked from one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from specie.crypto import merkle
from specie.issuance.cli.errors import ProofFailed
from specie.issuance.errors import Denial, Malformed
from specie.issuance.messages import objects
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import open_one, read_unverified
from specie.issuance.protocol.journal import Leaf, check_chain
from specie.issuance.protocol.keyset import KeySet, read_manifest

Record = dict[str, Any]
KINDS: Mapping[str, tuple[type[Body], tuple[str, ...]]] = {
    "supply": (objects.Supply, ("qc:bit",)),
    "bit": (objects.ControlBit, ("qc:bit",)),
    "redeem": (objects.Redemption, ("qc:bit",)),
    "cancel": (objects.Cancel, ("is:unit",)),
}
OF_SUPPLY = ("keys", "supply", "bit", "redeem", "redreq", "cancel", "owner_key", "checkpoint")
"""What a proof of the supply needs, beside the leaves of quota control."""


def read_records(data: bytes) -> list[Record]:
    """The records of a bundle. Raises Malformed."""
    records = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            record = json.loads(line)
            bytes.fromhex(record["hex"])
            str(record["kind"])
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(f"line {number} is no record of a bundle") from error
        records.append(record)
    if not records:
        raise Malformed("the bundle is empty")
    return records


def to_lines(records: Iterable[Record]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)


def supply_records(records: Sequence[Record], system: str) -> list[Record]:
    """What proves the supply, out of a whole bundle: quota control's log and words, and the units that came back."""
    gone: set[bytes] = set()
    for each in records:
        if each["kind"] == "redreq":
            gone.update(read_unverified(bytes.fromhex(each["hex"]), objects.RedemptionRequest).body.units or ())
    return [each for each in records if is_of_supply(each, system, gone)]


def is_of_supply(record: Record, system: str, gone: Collection[bytes]) -> bool:
    """Does the supply rest on this record?"""
    if record["kind"] == "leaf":
        return bool(record["system"] == system)
    if record["kind"] == "unit":
        return bool(gone) and read_unverified(bytes.fromhex(record["hex"]), objects.Unit).claims.cti in gone
    return record["kind"] in OF_SUPPLY


@dataclass(slots=True)
class Evidence:
    """A bundle opened: verified objects by the hash that a log names them by."""

    keys: KeySet
    bits: dict[bytes, Signed[Any]] = field(default_factory=dict)
    by_cti: dict[bytes, Signed[Any]] = field(default_factory=dict)
    redeems: dict[bytes, Signed[Any]] = field(default_factory=dict)
    cancels: dict[bytes, Signed[Any]] = field(default_factory=dict)
    issuers: dict[bytes, str] = field(default_factory=dict)
    """Hash of a request of redemption to the issuance system that it is addressed to."""
    statements: list[Signed[Any]] = field(default_factory=list)
    leaves: dict[str, list[bytes]] = field(default_factory=dict)


def open_bundle(records: Iterable[Record], roots: Mapping[bytes, bytes], environment: str) -> Evidence:
    """Verify manifests from the pinned root keys, then every object. Raises ManifestRefused, ProofFailed, Denial."""
    keys: KeySet | None = None
    rest = []
    for record in records:
        data = bytes.fromhex(record["hex"])
        if record["kind"] == "keys":
            keys = read_manifest(data, dict(roots), environment, keys)
        else:
            rest.append((record, data))
    if keys is None:
        raise ProofFailed("the bundle holds no key manifest")
    found = Evidence(keys)
    for record, data in rest:
        kind = record["kind"]
        if kind == "leaf":
            found.leaves.setdefault(str(record.get("system")), []).append(data)
        elif kind == "redreq":
            request = read_unverified(data, objects.RedemptionRequest)
            found.issuers[request.hash] = request.claims.aud or ""
        elif kind in KINDS:
            take_in(found, kind, data)
    return found


def take_in(found: Evidence, kind: str, data: bytes) -> None:
    """One object, its signature verified. Raises ProofFailed."""
    body, roles = KINDS[kind]
    try:
        item = open_one(data, body, found.keys, lambda kid: found.keys.entry(kid, roles))
    except Denial as refusal:
        raise ProofFailed(f"a {kind} does not verify: {refusal}") from refusal
    named = sha256(item.tbs).digest()
    if kind == "supply":
        found.statements.append(item)
    elif kind == "bit":
        found.bits[named] = found.by_cti[item.claims.cti] = item
    elif kind == "redeem":
        found.redeems[named] = item
    else:
        found.cancels[item.hash] = item


# SPEC ISSUANCE-15.4.1, ISSUANCE-15.4.2
def check_supply(found: Evidence) -> Signed[Any]:
    """The newest statement, recomputed from the leaves before it. Raises ProofFailed, which says what differs."""
    if not found.statements:
        raise ProofFailed("the bundle holds no supply statement")
    statement = max(found.statements, key=lambda each: each.body.log_size)
    body = statement.body
    leaves = found.leaves.get(statement.claims.iss, [])
    if len(leaves) < body.log_size:
        raise ProofFailed(f"the statement speaks of {body.log_size} leaves; the bundle holds {len(leaves)}")
    try:
        _, hashes = check_chain(leaves[: body.log_size])
    except ValueError as error:
        raise ProofFailed(str(error)) from error
    if merkle.root(hashes) != body.log_root:
        raise ProofFailed("the log has another root than the statement says")
    totals: dict[str, dict[str, list[int]]] = {}
    for data in leaves[: body.log_size]:
        leaf = Leaf.decode(data)
        counted = value_of(found, leaf)
        if counted is not None:
            currency, issuer, amount, side = counted
            totals.setdefault(currency, {}).setdefault(issuer, [0, 0])[side] += amount
    for currency in set(totals) | set(body.totals):
        issued, redeemed, issuers = body.totals.get(currency, (0, 0, {}))
        mine = totals.get(currency, {})
        sums = tuple(sum(pair[side] for pair in mine.values()) for side in (0, 1))
        said = {name: list(pair) for name, pair in issuers.items() if any(pair)}
        if (issued, redeemed) != sums or said != {name: pair for name, pair in mine.items() if any(pair)}:
            raise ProofFailed(f"{currency}: the statement says {issued} − {redeemed}, the log {sums[0]} − {sums[1]}")
    return statement


def value_of(found: Evidence, leaf: Leaf) -> tuple[str, str, int, int] | None:
    """(currency, issuer, amount, 0 issued or 1 returned) of a leaf that counts. Raises ProofFailed."""
    if leaf.event == "use":
        bit = found.bits.get(leaf.object_hash)
        if bit is None:
            raise ProofFailed(f"the control bit of leaf {leaf.sequence} is not in the bundle")
        return bit.body.currency, bit.claims.aud or "", bit.body.amount, 0
    if leaf.event == "redeem":
        receipt, issuer = found.redeems.get(leaf.object_hash), found.issuers.get(leaf.previous)
        if receipt is None or issuer is None:
            raise ProofFailed(f"the redemption of leaf {leaf.sequence} is not in the bundle")
        return receipt.body.currency, issuer, receipt.body.amount, 1
    if leaf.event == "cancel":
        cancel = found.cancels.get(leaf.object_hash)
        bit = found.by_cti.get(cancel.body.bit_cti) if cancel is not None else None
        if bit is None:
            raise ProofFailed(f"what leaf {leaf.sequence} cancels is not in the bundle")
        return bit.body.currency, bit.claims.aud or "", bit.body.amount, 1
    return None
