"""Events of reputation: one chain per subject, each fact once."""

from __future__ import annotations

from specie.kernel.db import Transaction


def chain(tx: Transaction, subject: bytes) -> list[tuple[bytes, bytes | None]]:
    """(event, signature) in their order."""
    rows = tx.all("SELECT body, signature FROM event WHERE subject = ? ORDER BY seq", (subject,))
    return [(row[0], row[1]) for row in rows]


def by_fact(tx: Transaction, fact: bytes) -> bytes | None:
    """The event that counted this fact."""
    row = tx.one("SELECT body FROM event WHERE fact = ?", (fact,))
    return None if row is None else row[0]


def by_id(tx: Transaction, ident: bytes) -> bytes | None:
    row = tx.one("SELECT body FROM event WHERE id = ?", (ident,))
    return None if row is None else row[0]


def add(tx: Transaction, subject: bytes, seq: int, body: bytes, ident: bytes, fact: bytes, evidence: bytes) -> None:
    """Raises UniqueViolation for a fact that was counted."""
    tx.run(
        "INSERT INTO event(subject, seq, body, id, fact, evidence) VALUES (?, ?, ?, ?, ?, ?)",
        (subject, seq, body, ident, fact, evidence),
    )


def sign(tx: Transaction, ident: bytes, signature: bytes) -> None:
    """Store a signature where there is none."""
    tx.run("UPDATE event SET signature = ? WHERE id = ? AND signature IS NULL", (signature, ident))


def unsigned(tx: Transaction) -> list[bytes]:
    """Events that a crash left without their signature."""
    return [row[0] for row in tx.all("SELECT body FROM event WHERE signature IS NULL ORDER BY id")]


def all_chains(tx: Transaction) -> dict[bytes, list[tuple[int, bytes, bytes]]]:
    """Subject to (number, event, id)."""
    found: dict[bytes, list[tuple[int, bytes, bytes]]] = {}
    for row in tx.all("SELECT subject, seq, body, id FROM event ORDER BY subject, seq"):
        found.setdefault(row[0], []).append((row[1], row[2], row[3]))
    return found
