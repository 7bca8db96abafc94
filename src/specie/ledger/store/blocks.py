"""Writing a block: every row of it, in the transaction that the caller opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from specie.kernel.db import Transaction

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
    """Remember how submissions ended. One that was refused before and is final now takes the new end."""
    refused = [(row[0],) for row in rows]
    for (ident,) in tx.select_in(
        "SELECT id FROM submission WHERE state = 2 AND id {}", [r[0] for r in refused], "blob"
    ):
        tx.run("DELETE FROM submission WHERE id = ? AND state = 2", (ident,))
    tx.insert_many(
        "submission",
        {"id": "blob", "state": "int", "code": "text", "rule": "text", "height": "int", "leaf": "blob"},
        rows,
    )


def write_genesis(tx: Transaction, chain_id: bytes, document: bytes) -> None:
    """Remember which chain this database holds."""
    tx.insert_many("genesis", {"id": "int", "chain_id": "blob", "document": "blob"}, [(1, chain_id, document)])


# SPEC LEDGER-8.2.1
def drop_proofs(tx: Transaction, before_ms: int, limit: int) -> int:
    """Drop proofs segments of blocks older than a time, the oldest first, so many at once; how many there were."""
    rows = tx.all(
        "SELECT b.height FROM block b JOIN block_record r ON r.height = b.height"
        " WHERE b.time_ms < ? AND r.proofs IS NOT NULL ORDER BY b.height LIMIT ?",
        (before_ms, limit),
    )
    return tx.update_many("block_record", {"height": "int"}, {"proofs": "blob"}, [(height, None) for (height,) in rows])


def drop_refusals(tx: Transaction, below: int) -> int:
    """Forget refusals of blocks below a height."""
    return tx.run("DELETE FROM submission WHERE state = 2 AND height < ?", (below,))


def drop_superseded(tx: Transaction, below: int, limit: int) -> int:
    """Drop values of entries that a newer one had replaced before that height; so many at once."""
    rows = tx.all(
        "SELECT e.domain, e.id, e.height FROM entry e WHERE e.height < ? AND EXISTS (SELECT 1 FROM entry n"
        " WHERE n.domain = e.domain AND n.id = e.id AND n.height > e.height AND n.height < ?) LIMIT ?",
        (below, below, limit),
    )
    for row in rows:
        tx.run("DELETE FROM entry WHERE domain = ? AND id = ? AND height = ?", row)
    return len(rows)
