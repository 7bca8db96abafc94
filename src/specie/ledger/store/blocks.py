"""Writing a block: every row of it, in the transaction that the caller opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from specie.kernel.db import Row, Transaction

PAGE = 8192
REFUSALS_KEPT = 1000
"""Blocks for which a refusal is remembered (LEDGER section 21.1)."""


class SubmissionState(IntEnum):
    """How a remembered submission ended."""

    FINAL = 1
    REFUSED = 2


@dataclass(slots=True)
class BlockRows:
    """All that one block adds to the tables."""

    height: int
    time_ms: int
    app_hash: bytes
    header: bytes
    record: bytes
    proofs: bytes
    out_size: int
    """Outputs of the log after this block."""
    outputs: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    """(index, class, height, output)"""
    points: list[tuple[bytes]] = field(default_factory=list)
    """Every R and P that is used or reserved from now on."""
    key_images: list[tuple[bytes, int]] = field(default_factory=list)
    """(image, height)"""
    leaves: list[tuple[bytes, int, int]] = field(default_factory=list)
    """(leaf, height, position)"""
    once: list[tuple[int, bytes, int]] = field(default_factory=list)
    """(domain, id, height) of what may happen one time only"""
    entries: list[tuple[int, bytes, int, bytes]] = field(default_factory=list)
    """(domain, id, height, value)"""
    parameters: list[tuple[int, bytes, int, int, bytes]] = field(default_factory=list)
    """(version, op_id, height, effective_height, frame)"""
    epochs: list[tuple[int, bytes, int, bytes]] = field(default_factory=list)
    """(epoch, op_id, height, frame)"""
    submissions: list[tuple[bytes, int, str | None, str | None, int, bytes | None]] = field(default_factory=list)
    """(id, state, code, rule, height, leaf)"""


# SPEC LEDGER-8.7.2, LEDGER-16.2.6
def write_block(tx: Transaction, rows: BlockRows, finality: bytes) -> None:
    """Write a block with all of its effects and its signature.

    Raises UniqueViolation where something of it is there already: the indexes have the last word (LEDGER-8.7.1).
    """
    with tx.together():
        tx.insert_many(
            "block",
            {
                "height": "int",
                "time_ms": "int",
                "app_hash": "blob",
                "header": "blob",
                "finality": "blob",
                "out_size": "int",
            },
            [(rows.height, rows.time_ms, rows.app_hash, rows.header, finality, rows.out_size)],
        )
        tx.insert_many(
            "block_record",
            {"height": "int", "record": "blob", "proofs": "blob"},
            [(rows.height, rows.record, rows.proofs)],
        )
        tx.insert_many("output", {"idx": "int", "class": "int", "height": "int", "data": "blob"}, rows.outputs)
        # SPEC LEDGER-8.7.1
        tx.insert_many("used_point", {"point": "blob"}, rows.points)
        tx.insert_many("key_image", {"image": "blob", "height": "int"}, rows.key_images)
        tx.insert_many("leaf", {"leaf": "blob", "height": "int", "position": "int"}, rows.leaves)
        tx.insert_many("once", {"domain": "int", "id": "blob", "height": "int"}, rows.once)
        tx.insert_many("entry", {"domain": "int", "id": "blob", "height": "int", "value": "blob"}, rows.entries)
        tx.insert_many(
            "parameter",
            {"version": "int", "op_id": "blob", "height": "int", "effective_height": "int", "frame": "blob"},
            rows.parameters,
        )
        tx.insert_many("epoch", {"epoch": "int", "op_id": "blob", "height": "int", "frame": "blob"}, rows.epochs)
        write_submissions(tx, rows.submissions)


def write_submissions(
    tx: Transaction, rows: Sequence[tuple[bytes, int, str | None, str | None, int, bytes | None]]
) -> None:
    """Remember how submissions ended. The new end replaces an earlier refusal; what is final stays so."""
    known: list[Row] = []
    for start in range(0, len(rows), PAGE):
        part = [row[0] for row in rows[start : start + PAGE]]
        known += tx.select_in("SELECT id, state FROM submission WHERE id {}", part, "blob")
    final = {ident for ident, state in known if state == SubmissionState.FINAL}
    for ident, state in known:
        if state == SubmissionState.REFUSED:
            tx.run("DELETE FROM submission WHERE id = ?", (ident,))
    tx.insert_many(
        "submission",
        {"id": "blob", "state": "int", "code": "text", "rule": "text", "height": "int", "leaf": "blob"},
        [row for row in rows if row[0] not in final],
    )


def write_genesis(tx: Transaction, chain_id: bytes, document: bytes) -> None:
    """Remember which chain this database holds."""
    tx.insert_many("genesis", {"id": "int", "chain_id": "blob", "document": "blob"}, [(1, chain_id, document)])


# SPEC LEDGER-8.2.1
def drop_proofs(tx: Transaction, before_ms: int, limit: int) -> int:
    """Drop proofs segments of blocks older than a time, the oldest first, so many at once; how many there were."""
    rows = tx.all(
        "SELECT r.height, b.time_ms FROM block_record r JOIN block b ON b.height = r.height"
        " WHERE r.proofs IS NOT NULL ORDER BY r.height LIMIT ?",
        (limit,),
    )
    old = [(height, None) for height, time_ms in rows if time_ms < before_ms]
    return tx.update_many("block_record", {"height": "int"}, {"proofs": "blob"}, old)


def drop_refusals(tx: Transaction, below: int) -> int:
    """Forget refusals of blocks below a height."""
    return tx.run("DELETE FROM submission WHERE state = 2 AND height < ?", (below,))


def drop_superseded(tx: Transaction, first: int, end: int) -> int:
    """Drop the values of entries that blocks from `first` to before `end` replaced; how many there were.

    What entries were from height end - 1 on stays readable.
    """
    newer = tx.all(
        "SELECT domain, id, height FROM entry WHERE height >= ? AND height < ? ORDER BY height", (first, end)
    )
    return sum(tx.run("DELETE FROM entry WHERE domain = ? AND id = ? AND height < ?", row) for row in newer)
