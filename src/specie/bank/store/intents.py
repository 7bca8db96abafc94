"""Work that spans rooms: outgoing payments, burns to be credited, redemptions; roots of issues; subaddresses."""

from __future__ import annotations

from dataclasses import dataclass

from specie.bank.messages.holds import Burn, BurnState, Outgoing, OutState, Redeeming, RedeemState
from specie.kernel.db import Row, Transaction

_OUT = "id, account, currency, amount, fee, address, state, at_s, detail"
_BURN = "withdraw_ref, token, account, currency, amount, state, at_s, frame, detail"
_REDEEM = "cti, account, currency, amount, issuer, beneficiary, posting, state, at_s, request, receipt, detail"


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


# -- outgoing payments


def _out(row: Row) -> Outgoing:
    ident, account, currency, amount, fee, address, state, at_s, detail = row
    return Outgoing(ident, account, currency, amount, fee, address, OutState(state), at_s, detail)


def add_outgoing(tx: Transaction, row: Outgoing) -> None:
    tx.run(
        f"INSERT INTO outgoing({_OUT}) VALUES ({_marks(_OUT)})",
        (row.id, row.account, row.currency, row.amount, row.fee, row.address, int(row.state), row.at_s, row.detail),
    )


def outgoing(tx: Transaction, ident: bytes) -> Outgoing | None:
    row = tx.one(f"SELECT {_OUT} FROM outgoing WHERE id = ?", (ident,))
    return None if row is None else _out(row)


def open_outgoing(tx: Transaction) -> list[Outgoing]:
    """What is on its way out, oldest first."""
    return [_out(row) for row in tx.all(f"SELECT {_OUT} FROM outgoing WHERE state = 0 ORDER BY at_s, id")]


def end_outgoing(tx: Transaction, ident: bytes, state: OutState) -> bool:
    """STARTED becomes what it is now; False where it was ended before."""
    return tx.run("UPDATE outgoing SET state = ? WHERE id = ? AND state = 0", (int(state), ident)) == 1


def note_outgoing(tx: Transaction, ident: bytes, detail: str) -> None:
    tx.run("UPDATE outgoing SET detail = ? WHERE id = ?", (detail, ident))


def outgoing_sum(tx: Transaction) -> dict[str, int]:
    """Amounts and fees of what is on its way out, by currency."""
    rows = tx.all("SELECT currency, SUM(amount + fee) FROM outgoing WHERE state = 0 GROUP BY currency")
    return {row[0]: int(row[1]) for row in rows}


# -- burns


def _burn(row: Row) -> Burn:
    reference, token, account, currency, amount, state, at_s, frame, detail = row
    return Burn(reference, token, account, currency, amount, BurnState(state), at_s, frame, detail)


def add_burn(tx: Transaction, row: Burn) -> None:
    """Raises UniqueViolation."""
    values = (row.withdraw_ref, row.token, row.account, row.currency, row.amount, int(row.state), row.at_s)
    tx.run(f"INSERT INTO burn({_BURN}) VALUES ({_marks(_BURN)})", (*values, row.frame, row.detail))


def burn(tx: Transaction, reference: bytes) -> Burn | None:
    row = tx.one(f"SELECT {_BURN} FROM burn WHERE withdraw_ref = ?", (reference,))
    return None if row is None else _burn(row)


def open_burns(tx: Transaction) -> list[Burn]:
    return [_burn(row) for row in tx.all(f"SELECT {_BURN} FROM burn WHERE state < 3 ORDER BY at_s, withdraw_ref")]


def move_burn(tx: Transaction, old: Burn, row: Burn) -> bool:
    """The next step, unless another call took one before."""
    changed = tx.run(
        "UPDATE burn SET amount = ?, state = ?, frame = ?, detail = ?"
        " WHERE withdraw_ref = ? AND state = ? AND frame = ?",
        (row.amount, int(row.state), row.frame, row.detail, old.withdraw_ref, int(old.state), old.frame),
    )
    return changed == 1


def open_intents_of(tx: Transaction, account: str) -> int:
    """How many intents of an account are open: burns that are answered, payments, redemptions."""
    row = tx.one(
        "SELECT (SELECT COUNT(*) FROM burn WHERE account = ? AND state IN (1, 2))"
        " + (SELECT COUNT(*) FROM outgoing WHERE account = ? AND state = 0)"
        " + (SELECT COUNT(*) FROM redeeming WHERE account = ? AND state = 0)",
        (account, account, account),
    )
    return int(row[0]) if row else 0


# -- redemptions of account money


def _redeeming(row: Row) -> Redeeming:
    cti, account, currency, amount, issuer, beneficiary, posting, state, *rest = row
    return Redeeming(cti, account, currency, amount, issuer, beneficiary, posting, RedeemState(state), *rest)


def add_redeeming(tx: Transaction, row: Redeeming) -> None:
    values = (row.cti, row.account, row.currency, row.amount, row.issuer, row.beneficiary, row.posting, int(row.state))
    tx.run(
        f"INSERT INTO redeeming({_REDEEM}) VALUES ({_marks(_REDEEM)})",
        (*values, row.at_s, row.request, row.receipt, row.detail),
    )


def redeeming(tx: Transaction, cti: bytes) -> Redeeming | None:
    row = tx.one(f"SELECT {_REDEEM} FROM redeeming WHERE cti = ?", (cti,))
    return None if row is None else _redeeming(row)


def open_redeeming(tx: Transaction) -> list[Redeeming]:
    return [_redeeming(row) for row in tx.all(f"SELECT {_REDEEM} FROM redeeming WHERE state = 0 ORDER BY at_s, cti")]


def fix_request(tx: Transaction, cti: bytes, request: bytes) -> bool:
    """Store the signed dc-redreq once, before it is sent."""
    return tx.run("UPDATE redeeming SET request = ? WHERE cti = ? AND request = ?", (request, cti, b"")) == 1


def end_redeeming(tx: Transaction, cti: bytes, receipt: bytes) -> bool:
    sql = "UPDATE redeeming SET state = 1, receipt = ?, detail = ? WHERE cti = ? AND state = 0"
    return tx.run(sql, (receipt, "", cti)) == 1


def note_redeeming(tx: Transaction, cti: bytes, detail: str) -> None:
    tx.run("UPDATE redeeming SET detail = ? WHERE cti = ?", (detail, cti))


# -- roots of issues


@dataclass(frozen=True, slots=True)
class Root:
    """What became of an issue. One row for posted and cancelled: both exclude each other."""

    unit_root: bytes
    cti: bytes
    status: int
    posting: bytes
    account: str
    currency: str
    amount: int
    at_s: int
    word: bytes
    """cti of the receipt."""


_ROOT = "unit_root, cti, status, posting, account, currency, amount, at_s, word"


def root(tx: Transaction, unit_root: bytes) -> Root | None:
    row = tx.one(f"SELECT {_ROOT} FROM root WHERE unit_root = ?", (unit_root,))
    return None if row is None else Root(*row)


# SPEC BANK-6.3
def add_root(tx: Transaction, row: Root) -> None:
    """Raises UniqueViolation."""
    values = (row.unit_root, row.cti, row.status, row.posting, row.account, row.currency, row.amount, row.at_s)
    tx.run(f"INSERT INTO root({_ROOT}) VALUES ({_marks(_ROOT)})", (*values, row.word))


def all_roots(tx: Transaction) -> list[Root]:
    return [Root(*row) for row in tx.all(f"SELECT {_ROOT} FROM root ORDER BY unit_root")]


def receipt(tx: Transaction, unit_root: bytes) -> bytes | None:
    row = tx.one("SELECT data FROM receipt WHERE unit_root = ?", (unit_root,))
    return None if row is None else row[0]


def add_receipt(tx: Transaction, unit_root: bytes, data: bytes) -> bytes:
    """Keep the signed receipt; the one that stands there where another call was faster."""
    found = receipt(tx, unit_root)
    if found is not None:
        return found
    tx.insert_many("receipt", {"unit_root": "blob", "data": "blob"}, [(unit_root, data)])
    return data


# -- subaddresses of the reserve


def add_subaddress(tx: Transaction, currency: str, name: str, account: str, address: bytes) -> None:
    """name: how the wallet calls it; account: empty where it belongs to none (change)."""
    columns = {"currency": "text", "name": "text", "account": "text", "address": "blob"}
    tx.insert_many("subaddress", columns, [(currency, name, account, address)])  # type: ignore[arg-type]


def subaddress_of(tx: Transaction, currency: str, account: str) -> bytes | None:
    sql = "SELECT address FROM subaddress WHERE currency = ? AND account = ? ORDER BY name LIMIT 1"
    row = tx.one(sql, (currency, account))
    return None if row is None else row[0]


def accounts_of_names(tx: Transaction, currency: str) -> dict[str, str]:
    """Subaddress to account."""
    rows = tx.all("SELECT name, account FROM subaddress WHERE currency = ?", (currency,))
    return {row[0]: row[1] for row in rows}


def note(tx: Transaction, name: str) -> bytes | None:
    """A small named value of this store."""
    row = tx.one("SELECT value FROM note WHERE name = ?", (name,))
    return row[0] if row else None


def set_note(tx: Transaction, name: str, value: bytes) -> None:
    if tx.run("UPDATE note SET value = ? WHERE name = ?", (value, name)) == 0:
        tx.insert_many("note", {"name": "text", "value": "blob"}, [(name, value)])
