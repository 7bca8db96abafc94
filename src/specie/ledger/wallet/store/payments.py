"""What the wallet means to pay or has paid: written before it is sent, so that a crash loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specie.kernel.db import Transaction

PREPARED, SENT, DOUBT, FINAL, REFUSED, EXPIRED = "prepared", "sent", "doubt", "final", "refused", "expired"
OPEN = (PREPARED, SENT, DOUBT)
"""States in which the payment may still take effect."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One transaction of this wallet."""

    id: bytes
    key: str | None
    """Idempotency key: the same key again is the same payment; None once another attempt has it."""

    asked: bytes
    """SHA-256 of what was asked for, so that a key is not used for something else."""

    kind: int
    account: int
    amount: int
    fee: int
    state: str
    envelope: bytes | None = field(repr=False)
    """None once its fate is known."""

    envelope_id: bytes
    tx_id: bytes = field(repr=False)
    tx_public: bytes = field(repr=False)
    leaf: bytes
    images: bytes = field(repr=False)
    """Key images, 32 bytes each."""

    expiry_height: int
    anchor: int
    at_us: int
    height: int | None = None
    position: int | None = None
    code: str | None = None
    rule: str | None = None
    note: str = ""
    ref: bytes | None = None
    """withdraw_ref or cid."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Payee:
    """One output of a payment, with what proves it: (n, address, v)."""

    place: int
    """Position in TxPublic."""

    address: bytes = field(repr=False)
    """102 bytes."""

    value: int
    anchor: bytes = field(repr=False)
    """n, 16 bytes."""

    data: bytes = field(repr=False)
    """The output, 267 bytes."""

    own: bool


_COLUMNS = (
    "id, key, asked, kind, account, amount, fee, state, envelope, envelope_id, tx_id, tx_public, leaf, images,"
    " expiry_height, anchor, at_us, height, position, code, rule, note, ref"
)
_MARKS = ", ".join("?" * 23)


def add_payment(tx: Transaction, payment: Payment, payees: Sequence[Payee]) -> None:
    """Write a payment before it is sent. Raises UniqueViolation for a key or an envelope that came before."""
    tx.run(
        f"INSERT INTO payment({_COLUMNS}) VALUES ({_MARKS})",
        (
            *(payment.id, payment.key, payment.asked, payment.kind, payment.account, payment.amount, payment.fee),
            *(payment.state, payment.envelope, payment.envelope_id, payment.tx_id, payment.tx_public, payment.leaf),
            *(payment.images, payment.expiry_height, payment.anchor, payment.at_us, payment.height),
            *(payment.position, payment.code, payment.rule, payment.note, payment.ref),
        ),
    )
    tx.insert_many(
        "payee",
        {
            "payment": "blob",
            "place": "int",
            "address": "blob",
            "value": "int",
            "anchor": "blob",
            "data": "blob",
            "own": "int",
        },
        [(payment.id, each.place, each.address, each.value, each.anchor, each.data, int(each.own)) for each in payees],
    )


def drop_payment(tx: Transaction, ident: bytes) -> None:
    """Take back a payment that never left and never will: its key can be used again."""
    tx.run("DELETE FROM payee WHERE payment = ?", (ident,))
    tx.run("DELETE FROM payment WHERE id = ?", (ident,))


def payment(tx: Transaction, ident: bytes) -> Payment | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM payment WHERE id = ?", (ident,))
    return None if row is None else Payment(*row)


def payment_of_key(tx: Transaction, key: str) -> Payment | None:
    row = tx.one(f"SELECT {_COLUMNS} FROM payment WHERE key = ?", (key,))
    return None if row is None else Payment(*row)


def open_payments(tx: Transaction) -> list[Payment]:
    """Payments whose fate is not known, oldest first."""
    rows = tx.all(f"SELECT {_COLUMNS} FROM payment WHERE state NOT IN ('final', 'refused', 'expired') ORDER BY rowid")
    return [Payment(*row) for row in rows]


def recoverable(tx: Transaction, first: int) -> list[Payment]:
    """Open payments, and refused ones that could still stand in a block from this height on."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM payment WHERE state IN ('prepared', 'sent', 'doubt')"
        " OR (state = 'refused' AND expiry_height >= ?) ORDER BY rowid",
        (first,),
    )
    return [Payment(*row) for row in rows]


def came_through(tx: Transaction, ident: bytes, height: int) -> None:
    """The ledger has it, whatever a node answered."""
    tx.run(
        "UPDATE payment SET state = 'final', height = ?, code = NULL, rule = NULL, envelope = NULL WHERE id = ?",
        (height, ident),
    )


def refused_like(tx: Transaction, asked: bytes, height: int) -> Payment | None:
    """The newest refused payment of the same wish whose bytes could still be taken after a height."""
    row = tx.one(
        f"SELECT {_COLUMNS} FROM payment WHERE asked = ? AND state = 'refused' AND expiry_height > ?"
        " ORDER BY rowid DESC",
        (asked, height),
    )
    return None if row is None else Payment(*row)


def retire_key(tx: Transaction, ident: bytes) -> None:
    """A key whose payment came to nothing may be used for another attempt; the row stays."""
    tx.run("UPDATE payment SET key = NULL WHERE id = ?", (ident,))


def payments(tx: Transaction, limit: int) -> list[Payment]:
    """The newest payments, newest first."""
    return [Payment(*row) for row in tx.all(f"SELECT {_COLUMNS} FROM payment ORDER BY rowid DESC LIMIT ?", (limit,))]


def find_payments(tx: Transaction, prefix: str) -> list[Payment]:
    """Payments whose id begins with these hexadecimal digits."""
    low = bytes.fromhex(prefix.ljust(32, "0"))
    high = bytes.fromhex(prefix.ljust(32, "f"))
    return [Payment(*row) for row in tx.all(f"SELECT {_COLUMNS} FROM payment WHERE id BETWEEN ? AND ?", (low, high))]


def payees(tx: Transaction, ident: bytes) -> list[Payee]:
    rows = tx.all(
        "SELECT place, address, value, anchor, data, own FROM payee WHERE payment = ? ORDER BY place", (ident,)
    )
    return [Payee(*items) for items in ([*row[:5], bool(row[5])] for row in rows)]


def settle(
    tx: Transaction,
    ident: bytes,
    state: str,
    *,
    height: int | None = None,
    position: int | None = None,
    code: str | None = None,
    rule: str | None = None,
) -> None:
    """Write what became of a payment that was open. A known end also drops the envelope."""
    tx.run(
        "UPDATE payment SET state = ?, height = COALESCE(?, height), position = COALESCE(?, position), code = ?,"
        " rule = ?, envelope = CASE WHEN ? THEN envelope ELSE NULL END"
        " WHERE id = ? AND state NOT IN ('final', 'refused', 'expired')",
        (state, height, position, code, rule, int(state in OPEN), ident),
    )


# -- what left the outputs and may come back


@dataclass(frozen=True, slots=True)
class Departure:
    """A withdrawal or an escrow of this wallet."""

    ref: bytes
    """withdraw_ref or cid."""

    kind: int
    """2 withdraw, 3 fund."""

    number: int
    """Index of the change output that told of it."""

    account: int
    value: int
    height: int
    rest: int
    """What of it is not settled yet, minor units."""

    state: str
    """`pending`, `paid`, `refunded`; of an escrow `open` or `closed`."""


def add_departure(tx: Transaction, each: Departure) -> None:
    """A top-up adds to the escrow that is there."""
    tx.run(
        "INSERT INTO departure(ref, kind, number, account, value, height, rest, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(ref) DO UPDATE SET value = value + excluded.value, rest = rest + excluded.rest",
        (each.ref, each.kind, each.number, each.account, each.value, each.height, each.rest, each.state),
    )


def departures(tx: Transaction) -> list[Departure]:
    rows = tx.all("SELECT ref, kind, number, account, value, height, rest, state FROM departure ORDER BY number")
    return [Departure(*row) for row in rows]


def settle_departure(tx: Transaction, ref: bytes, rest: int, state: str) -> None:
    tx.run("UPDATE departure SET rest = ?, state = ? WHERE ref = ?", (rest, state, ref))


@dataclass(frozen=True, slots=True)
class Token:
    """What a withdrawal was made for; only the wallet that made it knows."""

    ref: bytes
    bank: str
    name: str = field(repr=False)
    """The account at the bank."""

    salt: bytes = field(repr=False)
    token: bytes = field(repr=False)


def add_token(tx: Transaction, token: Token) -> None:
    tx.run(
        "INSERT INTO token(ref, bank, name, salt, token) VALUES (?, ?, ?, ?, ?)",
        (token.ref, token.bank, token.name, token.salt, token.token),
    )


def token(tx: Transaction, ref: bytes) -> Token | None:
    row = tx.one("SELECT ref, bank, name, salt, token FROM token WHERE ref = ?", (ref,))
    return None if row is None else Token(*row)
