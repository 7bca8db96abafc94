"""What the leaves of a log name: objects that this system made, and received ones where its rows keep them.

A leaf holds a hash, and whoever adds up a log needs the words behind it. Nothing here is indexed by hash beside what
decisions need anyway: an own object is found by the time in its id, which is the time of its leaf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from specie.crypto import cose
from specie.issuance.protocol.journal import Leaf
from specie.issuance.store.journal import leaves
from specie.kernel import codec
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused

BYTES_MAX = 2**19
MESSAGE_BYTES_MAX = 2**20
NEAR_S = 120
"""How far the time in an id may lie from the time of its leaf before the whole table is searched."""
RECEIVED = {
    "keys": ("manifest", "hash"),
    "policy": ("policy", "hash"),
    "pause": ("pause", "hash"),
    "reserve": ("reserve", "hash"),
    "pending": ("request", "hash"),
    "approval": ("approval", "hash"),
    "enrol": ("enrolment", "hash"),
    "freeze": ("unit_freeze", "hash"),
    "unfreeze": ("unit_freeze", "hash"),
}
"""Event of a leaf to the table and column that keep the received object, byte for byte in `data`."""
MADE = frozenset(
    {
        *("credential", "deny", "reject", "expire", "refixed"),
        *("use", "bit", "tombstone", "revoke", "answered", "redeem", "supply", "lease", "lease-back"),
    }
)
"""Events whose leaf names an object that this system signed."""


@dataclass(frozen=True, slots=True)
class Made:
    """An own object: its id and its finished bytes, empty while it waits for its signature."""

    cti: bytes
    data: bytes


def named(tx: Transaction, first: int, count: int, reports_to: str = "") -> list[tuple[int, bytes, bytes]]:
    """(sequence, object, what stands behind it) for each leaf from `first`, until `BYTES_MAX` is reached.

    Empty bytes where the system keeps no such object, or has not signed it yet. Behind a redemption stands its
    `dc-redreq`. reports_to: whose outbox topics hold redemptions.
    """
    found = [Leaf.decode(body) for body in leaves(tx, first, count)]
    made = _made(tx, found)
    datas = {leaf.sequence: made[leaf.object_hash].data for leaf in found if leaf.object_hash in made}
    for event, (table, column) in RECEIVED.items():
        wanted = [leaf for leaf in found if leaf.event == event]
        if wanted:
            rows = _received(tx, table, column, [leaf.object_hash for leaf in wanted])
            datas.update({leaf.sequence: rows.get(leaf.object_hash, b"") for leaf in wanted})
    cancels = [leaf for leaf in found if leaf.event == "cancel"]
    if cancels:
        rows = _cancellations(tx, reports_to)
        datas.update({leaf.sequence: rows.get(leaf.object_hash, b"") for leaf in cancels})
    behind = _behind(tx, found, made, reports_to)
    answer: list[tuple[int, bytes, bytes]] = []
    size = 0
    for leaf in found:
        row = (leaf.sequence, datas.get(leaf.sequence, b""), behind.get(leaf.sequence, b""))
        size += len(row[1]) + len(row[2])
        if answer and size > BYTES_MAX:
            break
        answer.append(row)
    return answer


def _made(tx: Transaction, found: Sequence[Leaf]) -> dict[bytes, Made]:
    """Own objects by hash: near the time of the leaves first, then anywhere."""
    wanted = [leaf for leaf in found if leaf.event in MADE]
    if not wanted:
        return {}
    first = _id_at(min(leaf.at_s for leaf in wanted) - NEAR_S)
    last = _id_at(max(leaf.at_s for leaf in wanted) + NEAR_S)
    hashes = [leaf.object_hash for leaf in wanted]
    sql = "SELECT hash, cti, typ, kid, payload, signature FROM object WHERE"
    rows = tx.select_in(f"{sql} cti >= ? AND cti <= ? AND hash {{}}", hashes, "blob", (first, last))
    known = {row[0] for row in rows}
    missing = [digest for digest in hashes if digest not in known]
    if missing:
        # a clock that was set, or bytes that were fixed anew and are gone
        rows = [*rows, *tx.select_in(f"{sql} hash {{}}", missing, "blob")]
    return {row[0]: Made(row[1], _finished(row[2:])) for row in rows}


def _id_at(at_s: int) -> bytes:
    """The least id of this second."""
    return (max(0, at_s) * 1000).to_bytes(6, "big") + bytes(10)


def _finished(row: tuple[Any, ...]) -> bytes:
    typ, kid, payload, signature = row
    return b"" if signature is None else cose.assemble_sign1(typ, kid, payload, signature)


def _received(tx: Transaction, table: str, column: str, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
    rows = tx.select_in(f"SELECT {column}, data FROM {table} WHERE {column} {{}}", hashes, "blob")
    return {row[0]: row[1] for row in rows}


def _cancellations(tx: Transaction, reports_to: str) -> dict[bytes, bytes]:
    """`dc-cancel` by its hash; there are few."""
    rows = tx.all("SELECT body FROM outbox WHERE topic = ?", (f"cancel:{reports_to}",))
    parts = [_part(row[0], 0) for row in rows]
    return {sha256(data).digest(): data for data in parts}


def _behind(tx: Transaction, found: Sequence[Leaf], made: Mapping[bytes, Made], reports_to: str) -> dict[int, bytes]:
    answer: dict[int, bytes] = {}
    redeemed = {made[x.object_hash].cti: x.sequence for x in found if x.event == "redeem" and x.object_hash in made}
    if redeemed:
        sql = "SELECT key, body FROM outbox WHERE topic = ? AND key {}"
        for key, body in tx.select_in(sql, list(redeemed), "blob", (f"redeem:{reports_to}",)):
            answer[redeemed[key]] = _part(body, 1)
    return answer


def _part(body: bytes, place: int) -> bytes:
    """One byte string of a stored message; empty where the row was edited."""
    try:
        value: Any = codec.decode(body, bytes_max=MESSAGE_BYTES_MAX)
        part = value[place]
    except (Refused, TypeError, LookupError):
        return b""
    return part if isinstance(part, bytes) else b""
