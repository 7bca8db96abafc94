"""`specie issuance audit export`: everything signed or logged, as the bundle that tools/specie_verify.py reads.

One JSON record a line (docs/reference/bundle.md). Each log ends at its newest checkpoint, and what a later leaf names
stays out, so that the bundle proves all that is in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

from specie.crypto import note
from specie.issuance.engine.audit.books import Books, read_books
from specie.issuance.engine.desk import assemble
from specie.issuance.engine.logbook import Logbook
from specie.issuance.messages.objects import ControlBit, Model, Supply
from specie.issuance.messages.parcel import unpack_parcel
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.journal import CHAIN_START, Leaf, chain_hash, leaf_hash
from specie.issuance.store import reading
from specie.kernel import codec
from specie.kernel.errors import Refused, Unavailable

Record = dict[str, Any]
MESSAGE_BYTES_MAX = 2**20
OWN = {
    "dc-cred": "credential",
    "dc-bit": "bit",
    "dc-deny": "deny",
    "dc-used": "used",
    "dc-tomb": "tomb",
    "dc-redeem": "redeem",
    "dc-supply": "supply",
}
"""typ of an object that a system signed itself, to its kind in a bundle."""


# SPEC ISSUANCE-16.4.1, ISSUANCE-15.6.1
async def export(central_management: Any, quota_control: Any, issuance_systems: Sequence[Any]) -> list[Record]:
    """The records of a bundle. Checkpoints are made first where the keys answer: issuance systems, quota control,
    central management, so that what one log rests on is in the next."""
    issuers = [await cut_books(system, reading.ISSUANCE_SYSTEM) for system in issuance_systems]
    qc = await cut_books(quota_control, reading.QUOTA_CONTROL)
    cm = await cut_books(central_management, reading.CENTRAL_MANAGEMENT)
    qc = cut_below(*qc, "use", lambda leaf: leaf.previous, *cm)
    records = [record("keys", row.data) for row in cm[0].tables["manifest"]]
    records += [record("policy", row.data) for row in cm[0].tables["policy"]]
    for books, size in (cm, qc, *issuers):
        records += log_records(books, size)
    records += of_central_management(*cm)
    records += of_quota_control(*qc)
    for books, size in issuers:
        records += of_issuance_system(books, size, *qc)
    return distinct(records)


# SPEC ISSUANCE-15.4.1
async def export_supply(quota_control: Any, issuance_systems: Sequence[Any]) -> list[Record]:
    """What the newest statement is recomputed from: quota control's log to its checkpoint, its own words, and what of
    the issuance systems came back."""
    qc, size = await cut_books(quota_control, reading.QUOTA_CONTROL)
    records = [record("keys", row.data) for row in qc.tables["manifest"]]
    records += log_records(qc, size)
    records += of_quota_control(qc, size)
    for said in qc.said.values():
        # a statement stands in the log behind the leaves that it speaks of, so often beyond the cut
        if said.row.typ == Supply.typ and said.row.signature is not None and said.body.log_size <= size:
            records.append(record("supply", assemble(said.row, said.row.signature)))
    for system in issuance_systems:
        records += of_issuance_system(*await cut_books(system, reading.ISSUANCE_SYSTEM), qc, size)
    return distinct(records)


def to_lines(records: Iterable[Record]) -> str:
    """JSON Lines."""
    return "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in records)


def record(kind: str, data: bytes, **more: Any) -> Record:
    return {"kind": kind, "hex": data.hex(), **more}


def distinct(records: Iterable[Record]) -> list[Record]:
    """Each object once; leaves of different systems are different records."""
    seen: set[tuple[Any, ...]] = set()
    answer = []
    for each in records:
        name = (each["kind"], each["hex"], each.get("system"))
        if name not in seen:
            seen.add(name)
            answer.append(each)
    return answer


async def cut_books(system: Any, wanted: Any) -> tuple[Books, int]:
    """The books of a system, and how many leaves its newest checkpoint covers."""
    log: Logbook = system.log
    with suppress(Refused, Unavailable):
        await log.make_checkpoint(force=True)
    books = await read_books(system.desk, wanted)
    points = books.tables["checkpoint"]
    return books, points[-1].size if points else 0


def cut_below(
    books: Books, size: int, event: str, names: Callable[[Leaf], bytes], other: Books, other_size: int
) -> tuple[Books, int]:
    """An older cut, where a leaf rests on one that the other log has only beyond its own cut: that checkpoint is due.

    What the other log does not have at all stays in: the verifier shall see it.
    """
    for leaf in books.of(event):
        basis = other.by_object.get(names(leaf))
        if leaf.sequence <= size and basis is not None and basis.sequence > other_size:
            sizes = [row.size for row in books.tables["checkpoint"] if row.size < leaf.sequence]
            return books, max(sizes, default=0)
    return books, size


def log_records(books: Books, size: int) -> Iterator[Record]:
    """Leaves with their chain, and every checkpoint."""
    chain = CHAIN_START
    for row in books.tables["log"][:size]:
        chain = chain_hash(chain, leaf_hash(row.body))
        yield record("leaf", row.body, system=books.system, chain=chain.hex())
    for row in books.tables["checkpoint"]:
        if row.size > size:
            continue
        with suppress(Refused, UnicodeDecodeError):
            note.parse(row.note.decode())
            yield record("checkpoint", row.note)


def is_logged(books: Books, size: int, *hashes: bytes) -> bool:
    """Does a leaf below the cut name it?"""
    found = [books.by_object.get(each) for each in hashes]
    return any(leaf is not None and leaf.sequence <= size for leaf in found)


def own_records(books: Books, size: int) -> Iterator[Record]:
    """What the system signed after a commit."""
    for said in books.said.values():
        row = said.row
        if row.signature is not None and row.typ in OWN and is_logged(books, size, row.hash):
            yield record(OWN[row.typ], assemble(row, row.signature))


def rule_records(books: Books, size: int) -> Iterator[Record]:
    """Pauses and attestations that it accepted."""
    for name in ("pause", "reserve"):
        for row in books.tables[name]:
            if is_logged(books, size, row.hash):
                yield record(name, row.data)


def of_central_management(books: Books, size: int) -> Iterator[Record]:
    """Requests, decisions of officers, credentials and denials."""
    yield from own_records(books, size)
    yield from rule_records(books, size)
    for row in books.tables["request"]:
        yield record("request", row.data)
    for row in books.tables["approval"]:
        if is_logged(books, size, row.hash):
            yield record("approval", row.data)


def of_quota_control(books: Books, size: int) -> Iterator[Record]:
    """Control bits, tombstones, receipts, statements; requests of redemption and cancellations as they came."""
    yield from own_records(books, size)
    yield from rule_records(books, size)
    for row in books.tables["outbox"]:
        kind = row.topic.partition(":")[0]
        if kind not in ("redeem", "cancel"):
            continue
        value: Any = codec.decode(row.body, bytes_max=MESSAGE_BYTES_MAX)
        if kind == "cancel" and is_logged(books, size, sha256(value[0]).digest()):
            yield record("cancel", value[0])
        elif kind == "redeem":
            leaf = books.leaf_of(row.key)
            if leaf is not None and leaf.sequence <= size:
                yield record("redreq", value[1])


def of_issuance_system(books: Books, size: int, counted: Books, counted_size: int) -> Iterator[Record]:
    """Units and account orders whose control bit is in quota control's log, notes of mints, keys of redeemers."""
    minted = {row.id: row for row in books.tables["issue"] if is_counted(row, counted, counted_size)}
    for unit in books.tables["unit"]:
        if unit.issue in minted:
            yield record("acct" if minted[unit.issue].model == Model.ACCOUNT else "unit", unit.data)
    for row in books.tables["outbox"]:
        value: Any = codec.decode(row.body, bytes_max=MESSAGE_BYTES_MAX)
        if is_logged(books, size, sha256(value[0]).digest()):
            yield record("minted", value[0])
    for row in books.tables["redemption"]:
        parcel = unpack_parcel(row.parcel)
        if parcel.owner_key:
            yield record("owner_key", parcel.owner_key)
    yield from rule_records(books, size)
    for row in books.tables["unit_freeze"]:
        if is_logged(books, size, row.hash):
            yield record("pause", row.data)


def is_counted(row: Any, counted: Books, size: int) -> bool:
    """Does the bit of an issue stand below the cut of quota control's log?"""
    if row.unit_root is None or row.bit is None:
        return False
    with suppress(Refused):
        return is_logged(counted, size, sha256(read_unverified(row.bit, ControlBit).tbs).digest())
    return False
