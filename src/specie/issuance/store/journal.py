"""The log of one system: head, leaves, objects to be signed, outbox, checkpoints. Shared by the three stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specie.crypto import merkle
from specie.issuance.protocol.journal import ZERO_HASH, ZERO_KID, Leaf, leaf_hash
from specie.kernel.db import Transaction

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands."""

    seq: int
    hash: bytes
    frontier: bytes
    at_us: int
    high_us: int
    """The latest time this store has seen; decisions never go before it."""
    rules: int
    """Counts changes of policy, keys, pauses and reserves, so that every process reloads what another changed."""


def read_head(tx: Transaction, *, lock: bool = False) -> Head:
    """The head row; lock: hold it until commit (after the buckets, ISSUANCE-9.2.10)."""
    suffix = tx.lock_suffix if lock else ""
    row = tx.one(f"SELECT seq, hash, frontier, at_us, high_us, rules FROM head WHERE id = 1{suffix}")
    if row is None:
        raise RuntimeError("the store has no head; its tables were not made by the migrations")
    return Head(*row)


@dataclass(slots=True)
class Journal:
    """What one batch writes to the log, kept in memory until `flush`.

    `now_us` is the time of every decision of the batch: the clock, but never before the last leaf or the latest time
    seen.
    """

    tx: Transaction
    head: Head
    now_us: int
    leaves: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    """(seq, body, object hash)"""
    objects: list[tuple[bytes, str, bytes, bytes, bytes]] = field(default_factory=list)
    """(cti, typ, kid, payload, hash)"""
    messages: list[tuple[str, bytes, bytes, int]] = field(default_factory=list)
    """(topic, key, body, at)"""
    rules_changed: bool = False
    clock_reset: bool = False

    # SPEC ISSUANCE-5.5.1, ISSUANCE-5.5.3, ISSUANCE-20.12
    @classmethod
    def open(cls, tx: Transaction) -> Journal:
        """Lock the head and fix the time of the batch."""
        head = read_head(tx, lock=True)
        return cls(tx, head, max(tx.now_us(), head.at_us, head.high_us))

    def reset_clock(self) -> None:
        """Go back to the clock, but never before the last leaf; the stored latest time follows at `flush`."""
        self.now_us = max(self.tx.now_us(), self.head.at_us)
        self.clock_reset = True

    @property
    def now_s(self) -> int:
        return self.now_us // SECOND_US

    def append(self, event: str, object_hash: bytes, previous: bytes = ZERO_HASH, actor: bytes = ZERO_KID) -> int:
        """One state change; returns its sequence number."""
        seq = self.head.seq + len(self.leaves) + 1
        body = Leaf(seq, self.now_s, event, object_hash, previous, actor).encode()
        self.leaves.append((seq, body, object_hash))
        return seq

    def next_seq(self) -> int:
        """The sequence number that the next `append` will give."""
        return self.head.seq + len(self.leaves) + 1

    # SPEC ISSUANCE-6.3.1
    def sign_later(self, cti: bytes, typ: str, kid: bytes, payload: bytes, tbs_hash: bytes) -> None:
        """Fix the bytes of an object that will be signed after the commit."""
        self.objects.append((cti, typ, kid, payload, tbs_hash))

    def send_later(self, topic: str, key: bytes, body: bytes) -> None:
        """Put a message into the outbox, in the same transaction as its cause."""
        self.messages.append((topic, key, body, self.now_us))

    # SPEC ISSUANCE-9.2.5
    def flush(self) -> None:
        """Write everything set-wise, and the head last."""
        with self.tx.together():
            self._write()

    def _write(self) -> None:
        tx, head = self.tx, self.head
        if self.leaves:
            hashes = [leaf_hash(body) for _, body, _ in self.leaves]
            chain = merkle.chain_many(head.hash, hashes)
            frontier, _ = merkle.append_many(head.frontier, head.seq, hashes)
            before = [head.hash, *chain[:-1]]
            tx.insert_many(
                "log",
                {"seq": "int", "prev": "blob", "leaf": "blob", "body": "blob", "object": "blob"},
                [
                    (seq, prev, leaf, body, name)
                    for (seq, body, name), prev, leaf in zip(self.leaves, before, hashes, strict=True)
                ],
            )
            head = Head(self.leaves[-1][0], chain[-1], frontier, self.now_us, self.now_us, head.rules)
        if self.objects:
            tx.insert_many(
                "object",
                {"cti": "blob", "typ": "text", "kid": "blob", "payload": "blob", "hash": "blob"},
                self.objects,
            )
        if self.messages:
            tx.insert_many("outbox", {"topic": "text", "key": "blob", "body": "blob", "at_us": "int"}, self.messages)
        if self.leaves or self.rules_changed or self.clock_reset or self.now_us - head.high_us > SECOND_US:
            tx.run(
                "UPDATE head SET seq = ?, hash = ?, frontier = ?, at_us = ?, high_us = ?, rules = ? WHERE id = 1",
                (
                    head.seq,
                    head.hash,
                    head.frontier,
                    head.at_us,
                    self.now_us,
                    head.rules + int(self.rules_changed),
                ),
            )


# SPEC ISSUANCE-6.3.4
def store_signatures(tx: Transaction, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
    """Store signatures where none is stored yet and the bytes are still those that were signed.

    rows: (signature, cti, tbs hash).
    """
    for signature, cti, tbs_hash in rows:
        tx.run(
            "UPDATE object SET signature = ? WHERE cti = ? AND hash = ? AND signature IS NULL",
            (signature, cti, tbs_hash),
        )


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """An object of this system, signed or waiting for its signature."""

    cti: bytes
    typ: str
    kid: bytes
    payload: bytes
    hash: bytes
    signature: bytes | None


def objects_by_cti(tx: Transaction, ctis: Sequence[bytes]) -> dict[bytes, ObjectRow]:
    rows = tx.select_in("SELECT cti, typ, kid, payload, hash, signature FROM object WHERE cti {}", ctis, "blob")
    return {row[0]: ObjectRow(*row) for row in rows}


def signatures_by_cti(tx: Transaction, ctis: Sequence[bytes]) -> list[tuple[bytes, bytes, bytes | None]]:
    """(cti, hash of the bytes to be signed, stored signature)"""
    rows = tx.select_in("SELECT cti, hash, signature FROM object WHERE cti {}", ctis, "blob")
    return [(row[0], row[1], row[2]) for row in rows]


def unsigned_objects(tx: Transaction, limit: int) -> list[ObjectRow]:
    """What still waits for its signature, after a crash or while the keys were away."""
    rows = tx.all(
        "SELECT cti, typ, kid, payload, hash, signature FROM object WHERE signature IS NULL ORDER BY cti LIMIT ?",
        (limit,),
    )
    return [ObjectRow(*row) for row in rows]


# SPEC ISSUANCE-12.1.5
def refix_object(tx: Transaction, old: ObjectRow, row: ObjectRow) -> bool:
    """Replace unsigned bytes by new ones under another key; False where a signature, or other bytes, are stored."""
    changed = tx.run(
        "UPDATE object SET cti = ?, kid = ?, payload = ?, hash = ? WHERE cti = ? AND hash = ? AND signature IS NULL",
        (row.cti, row.kid, row.payload, row.hash, old.cti, old.hash),
    )
    return changed == 1


@dataclass(frozen=True, slots=True)
class Message:
    """An outbox row."""

    id: int
    topic: str
    key: bytes
    body: bytes
    at_us: int


def unsent(tx: Transaction, topic: str, limit: int) -> list[Message]:
    rows = tx.all(
        "SELECT id, topic, key, body, at_us FROM outbox WHERE sent IS NULL AND topic = ? ORDER BY id LIMIT ?",
        (topic, limit),
    )
    return [Message(*row) for row in rows]


def rename_message(tx: Transaction, old: bytes, new: bytes) -> None:
    """An outbox row that names an object follows it to its new id."""
    tx.run("UPDATE outbox SET key = ?, body = ? WHERE key = ?", (new, new, old))


def mark_sent(tx: Transaction, ids: Sequence[int], now_us: int) -> None:
    tx.update_many("outbox", {"id": "int"}, {"sent": "int"}, [(ident, now_us) for ident in ids])


def replace_message(tx: Transaction, ident: int, old: bytes, body: bytes) -> bool:
    """Other words for a message that was not sent; False where it was, or says something else by now."""
    sql = "UPDATE outbox SET body = ? WHERE id = ? AND body = ? AND sent IS NULL"
    return tx.run(sql, (body, ident, old)) == 1


def oldest_unsent_us(tx: Transaction) -> int | None:
    row = tx.one("SELECT MIN(at_us) FROM outbox WHERE sent IS NULL")
    return row[0] if row else None


def leaves(tx: Transaction, first: int, count: int) -> list[bytes]:
    """Bodies of a stretch of the log."""
    rows = tx.all("SELECT body FROM log WHERE seq >= ? ORDER BY seq LIMIT ?", (first, count))
    return [row[0] for row in rows]


def leaf_hashes(tx: Transaction, size: int) -> list[bytes]:
    return [row[0] for row in tx.all("SELECT leaf FROM log WHERE seq <= ? ORDER BY seq", (size,))]


def sequence_of(tx: Transaction, object_hash: bytes) -> int | None:
    """Where an object stands in the log."""
    row = tx.one("SELECT seq FROM log WHERE object = ?", (object_hash,))
    return row[0] if row else None


def add_checkpoint(tx: Transaction, size: int, note: bytes, root: bytes, at_us: int) -> None:
    if tx.one("SELECT size FROM checkpoint WHERE size = ?", (size,)) is None:
        tx.insert_many(
            "checkpoint",
            {"size": "int", "note": "blob", "root": "blob", "at_us": "int"},
            [(size, note, root, at_us)],
        )


def newest_checkpoint(tx: Transaction) -> tuple[int, bytes, bytes, int] | None:
    """(size, note, root, at_us)"""
    row = tx.one("SELECT size, note, root, at_us FROM checkpoint ORDER BY size DESC LIMIT 1")
    return (row[0], row[1], row[2], row[3]) if row else None


def mark_anchored(tx: Transaction, size: int, now_us: int) -> None:
    """This checkpoint stands on the ledger."""
    tx.run("UPDATE checkpoint SET anchored = 1 WHERE size = ?", (size,))
    set_note(tx, "anchored", now_us.to_bytes(8, "big"))


def last_anchored_us(tx: Transaction) -> int | None:
    """When a checkpoint was anchored last."""
    value = note(tx, "anchored")
    return None if value is None else int.from_bytes(value, "big")


def note(tx: Transaction, name: str) -> bytes | None:
    """A small named value of this store."""
    row = tx.one("SELECT value FROM note WHERE name = ?", (name,))
    return row[0] if row else None


def set_note(tx: Transaction, name: str, value: bytes) -> None:
    if tx.run("UPDATE note SET value = ? WHERE name = ?", (value, name)) == 0:
        tx.insert_many("note", {"name": "text", "value": "blob"}, [(name, value)])
