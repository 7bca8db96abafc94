"""The auditor's own database: copies of the logs, and what follows from them. The only SQL of the auditor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.issuance.protocol.journal import CHAIN_START
from specie.kernel.db import Transaction

PATROL_FROM = 1


@dataclass(frozen=True, slots=True)
class Followed:
    """How far one log was read."""

    role: str
    system: str
    size: int = 0
    chain: bytes = CHAIN_START
    frontier: bytes = b""
    at_s: int = 0
    patrol: int = PATROL_FROM
    """The next leaf that is read a second time."""
    broken: int = 0
    """1: the log was seen shrunken, forked or edited, and is read no further."""
    seen_us: int = 0


@dataclass(frozen=True, slots=True)
class LeafRow:
    """A leaf as it was read."""

    role: str
    seq: int
    hash: bytes
    body: bytes
    object: bytes
    event: str


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """What a leaf names, byte for byte."""

    role: str
    seq: int
    typ: str
    kid: bytes
    data: bytes
    behind: bytes


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A checkpoint that was verified and found in the copy of its log."""

    role: str
    size: int
    note: bytes
    root: bytes
    cosigned: bytes | None
    at_us: int


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A key manifest or a policy as one log accepted it."""

    role: str
    kind: str
    version: int
    seq: int
    at_s: int
    hash: bytes
    data: bytes


def followed(tx: Transaction, role: str, system: str = "") -> Followed:
    """Where a log stands; the beginning of it where nothing was read."""
    row = tx.one(
        "SELECT role, system, size, chain, frontier, at_s, patrol, broken, seen_us FROM followed WHERE role = ?",
        (role,),
    )
    return Followed(*row) if row else Followed(role, system)


def set_followed(tx: Transaction, row: Followed) -> None:
    values = (row.system, row.size, row.chain, row.frontier, row.at_s, row.patrol, row.broken, row.seen_us, row.role)
    changed = tx.run(
        "UPDATE followed SET system = ?, size = ?, chain = ?, frontier = ?, at_s = ?, patrol = ?, broken = ?,"
        " seen_us = ? WHERE role = ?",
        values,
    )
    if changed == 0:
        tx.run(
            "INSERT INTO followed(system, size, chain, frontier, at_s, patrol, broken, seen_us, role)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )


def add_leaves(tx: Transaction, rows: Sequence[LeafRow]) -> None:
    tx.insert_many(
        "leaf",
        {"role": "text", "seq": "int", "hash": "blob", "body": "blob", "object": "blob", "event": "text"},
        [(row.role, row.seq, row.hash, row.body, row.object, row.event) for row in rows],
    )


def leaf_bodies(tx: Transaction, role: str, first: int, count: int) -> list[bytes]:
    rows = tx.all("SELECT body FROM leaf WHERE role = ? AND seq >= ? ORDER BY seq LIMIT ?", (role, first, count))
    return [row[0] for row in rows]


def leaf_hashes(tx: Transaction, role: str, size: int) -> list[bytes]:
    rows = tx.all("SELECT hash FROM leaf WHERE role = ? AND seq <= ? ORDER BY seq", (role, size))
    return [row[0] for row in rows]


def leaf_named(tx: Transaction, role: str, object_hash: bytes) -> LeafRow | None:
    """The leaf of one log that names this object."""
    row = tx.one(
        "SELECT role, seq, hash, body, object, event FROM leaf WHERE object = ? AND role = ? ORDER BY seq LIMIT 1",
        (object_hash, role),
    )
    return LeafRow(*row) if row else None


def leaves_of(tx: Transaction, role: str, first: int, last: int) -> list[LeafRow]:
    rows = tx.all(
        "SELECT role, seq, hash, body, object, event FROM leaf WHERE role = ? AND seq >= ? AND seq <= ? ORDER BY seq",
        (role, first, last),
    )
    return [LeafRow(*row) for row in rows]


def repeated_objects(tx: Transaction, role: str, hashes: Sequence[bytes], before: int) -> list[tuple[int, bytes]]:
    """(sequence, object) of leaves before this one that name one of these objects already."""
    rows = tx.select_in("SELECT seq, object, role FROM leaf WHERE seq < ? AND object {}", hashes, "blob", (before,))
    return [(row[0], row[1]) for row in rows if row[2] == role]


def add_objects(tx: Transaction, rows: Sequence[ObjectRow]) -> None:
    tx.insert_many(
        "object",
        {"role": "text", "seq": "int", "typ": "text", "kid": "blob", "data": "blob", "behind": "blob"},
        [(row.role, row.seq, row.typ, row.kid, row.data, row.behind) for row in rows],
    )


def object_at(tx: Transaction, role: str, seq: int) -> ObjectRow | None:
    row = tx.one(
        "SELECT role, seq, typ, kid, data, behind FROM object WHERE role = ? AND seq = ?",
        (role, seq),
    )
    return ObjectRow(*row) if row else None


def objects_between(tx: Transaction, role: str, first: int, last: int) -> dict[int, ObjectRow]:
    rows = tx.all(
        "SELECT role, seq, typ, kid, data, behind FROM object WHERE role = ? AND seq >= ? AND seq <= ?",
        (role, first, last),
    )
    return {row[1]: ObjectRow(*row) for row in rows}


def objects_by_key_from(tx: Transaction, role: str, kid: bytes, first: int) -> list[int]:
    """Positions from `first` on whose objects this key signed."""
    rows = tx.all("SELECT seq FROM object WHERE kid = ? AND role = ? AND seq >= ? ORDER BY seq", (kid, role, first))
    return [row[0] for row in rows]


def add_missing(tx: Transaction, role: str, rows: Sequence[tuple[int, bytes]], now_us: int) -> None:
    """Leaves whose object the system has not handed out yet: (sequence, object hash)."""
    tx.insert_many(
        "missing",
        {"role": "text", "seq": "int", "object": "blob", "since_us": "int"},
        [(role, seq, object_hash, now_us) for seq, object_hash in rows],
    )


def missing(tx: Transaction, role: str, limit: int) -> list[tuple[int, bytes, int]]:
    """(sequence, object hash, since), the oldest first."""
    rows = tx.all("SELECT seq, object, since_us FROM missing WHERE role = ? ORDER BY seq LIMIT ?", (role, limit))
    return [(row[0], row[1], row[2]) for row in rows]


def found(tx: Transaction, role: str, seq: int) -> None:
    """It was handed out after all."""
    tx.run("DELETE FROM missing WHERE role = ? AND seq = ?", (role, seq))


def add_root(tx: Transaction, role: str, size: int, root: bytes) -> None:
    if root_at(tx, role, size) is None:
        tx.insert_many("root", {"role": "text", "size": "int", "root": "blob"}, [(role, size, root)])


def root_at(tx: Transaction, role: str, size: int) -> bytes | None:
    row = tx.one("SELECT root FROM root WHERE role = ? AND size = ?", (role, size))
    return row[0] if row else None


def add_checkpoint(tx: Transaction, row: CheckpointRow) -> None:
    tx.insert_many(
        "checkpoint",
        {"role": "text", "size": "int", "note": "blob", "root": "blob", "cosigned": "blob", "at_us": "int"},
        [(row.role, row.size, row.note, row.root, row.cosigned, row.at_us)],
    )


def set_cosigned(tx: Transaction, role: str, size: int, note: bytes) -> None:
    tx.run("UPDATE checkpoint SET cosigned = ? WHERE role = ? AND size = ?", (note, role, size))


def newest_checkpoint(tx: Transaction, role: str) -> CheckpointRow | None:
    row = tx.one(
        "SELECT role, size, note, root, cosigned, at_us FROM checkpoint WHERE role = ? ORDER BY size DESC LIMIT 1",
        (role,),
    )
    return CheckpointRow(*row) if row else None


def add_rule(tx: Transaction, row: RuleRow) -> None:
    tx.insert_many(
        "rule",
        {
            "role": "text",
            "kind": "text",
            "version": "int",
            "seq": "int",
            "at_s": "int",
            "hash": "blob",
            "data": "blob",
        },
        [(row.role, row.kind, row.version, row.seq, row.at_s, row.hash, row.data)],
    )


def rules(tx: Transaction, role: str, kind: str) -> list[RuleRow]:
    """All accepted versions, oldest first."""
    rows = tx.all(
        "SELECT role, kind, version, seq, at_s, hash, data FROM rule WHERE role = ? AND kind = ? ORDER BY version",
        (role, kind),
    )
    return [RuleRow(*row) for row in rows]


def rule_count(tx: Transaction, role: str) -> int:
    row = tx.one("SELECT COUNT(*) FROM rule WHERE role = ?", (role,))
    return row[0] if row else 0


def rule_hashes(tx: Transaction, kind: str, version: int) -> list[tuple[str, bytes]]:
    """(role, hash) of one version in every log that accepted it."""
    rows = tx.all("SELECT role, hash FROM rule WHERE kind = ? AND version = ? ORDER BY role", (kind, version))
    return [(row[0], row[1]) for row in rows]


def note(tx: Transaction, name: str) -> bytes | None:
    """A small named value."""
    row = tx.one("SELECT value FROM note WHERE name = ?", (name,))
    return row[0] if row else None


def set_note(tx: Transaction, name: str, value: bytes) -> None:
    if tx.run("UPDATE note SET value = ? WHERE name = ?", (value, name)) == 0:
        tx.insert_many("note", {"name": "text", "value": "blob"}, [(name, value)])


def clear_note(tx: Transaction, name: str) -> None:
    tx.run("DELETE FROM note WHERE name = ?", (name,))
