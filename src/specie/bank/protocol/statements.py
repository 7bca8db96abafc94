"""Statements as JSON and CSV: the same rows, the same bytes whenever they are asked for (BANK section 9)."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from hashlib import sha256

from specie.bank.messages.postings import Side
from specie.bank.messages.statements import Row, Statement
from specie.kernel import codec
from specie.kernel.amount import format_minor

COLUMNS = ("posting", "time", "kind", "reference", "debit", "credit", "other", "balance")


def rows_hash(statement: Statement) -> bytes:
    """SHA-256 of the canonical rows and holds: what is signed."""
    rows = [
        [row.posting, row.at_s, str(row.kind), row.ref, int(row.side), row.amount, row.other, row.balance]
        for row in statement.rows
    ]
    promises = [[each.ref, each.amount, each.until_s] for each in statement.holds]
    return sha256(codec.encode([rows, promises])).digest()


def cells(row: Row, digits: int) -> tuple[str, ...]:
    """One line, in the order of COLUMNS."""
    amount = format_minor(row.amount, digits)
    debit, credit = (amount, "") if row.side == Side.DEBIT else ("", amount)
    head = (str(row.posting), time_text(row.at_s), str(row.kind), row.ref.hex())
    return (*head, debit, credit, row.other, format_minor(row.balance, digits))


def time_text(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# SPEC BANK-9.2: CSV, JSON and PDF MUST give the same rows
def to_csv(statement: Statement, digits: int) -> bytes:
    """Opening balance, rows, closing balance; RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    opening, closing = (format_minor(each, digits) for each in (statement.opening, statement.closing))
    writer.writerow(("", time_text(statement.from_s), "opening", "", "", "", "", opening))
    writer.writerows(cells(row, digits) for row in statement.rows)
    writer.writerow(("", time_text(statement.to_s), "closing", "", "", "", "", closing))
    return out.getvalue().encode()


def to_json(statement: Statement, digits: int, word: bytes) -> bytes:
    """Everything, with the signed word beside it."""
    value = {
        "account": statement.account,
        "currency": statement.currency,
        "from": time_text(statement.from_s),
        "to": time_text(statement.to_s),
        "opening": format_minor(statement.opening, digits),
        "closing": format_minor(statement.closing, digits),
        "rows": [dict(zip(COLUMNS, cells(row, digits), strict=True)) for row in statement.rows],
        "holds": [
            {"reference": each.ref.hex(), "amount": format_minor(each.amount, digits), "until": time_text(each.until_s)}
            for each in statement.holds
        ],
        "position": statement.position,
        "hash": statement.hash.hex(),
        "signed": word.hex(),
    }
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
