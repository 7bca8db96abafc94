"""Accounts, holds, sums per day and month, policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.bank.messages.accounts import AccountState, AccountType, AccountView
from specie.bank.messages.holds import Hold, HoldState
from specie.kernel.db import Row, Transaction

_COLUMNS = "id, currency, type, owner, state, tier, tier_until, blocked, wallet_key, opened_s, closed_s, balance, held"


@dataclass(slots=True)
class Account:
    """One row; a batch changes it in memory and writes it once."""

    id: str
    currency: str
    type: AccountType
    owner: str
    state: AccountState
    tier: int
    tier_until: int
    blocked: bool
    wallet_key: bytes
    opened_s: int
    closed_s: int
    balance: int
    held: int

    def tier_at(self, at_s: int) -> int:
        """A licence that has ended leaves tier 0."""
        return self.tier if at_s < self.tier_until else 0

    def view(self, at_s: int) -> AccountView:
        return AccountView(
            *(self.id, self.currency, self.type, self.owner, self.state, self.tier_at(at_s), self.balance, self.held),
            *(self.wallet_key, self.opened_s, self.closed_s, self.blocked),
        )


def _account(row: Row) -> Account:
    ident, currency, kind, owner, state, tier, until, blocked, *rest = row
    return Account(
        ident, currency, AccountType(kind), owner, AccountState(state), tier, until, bool(blocked), *rest
    )  # fmt: skip


# SPEC BANK-2.6
def accounts_by_id(tx: Transaction, ids: Sequence[str], *, lock: bool = False) -> dict[str, Account]:
    """These accounts, in ascending order of their ids; lock: hold them until commit."""
    suffix = tx.lock_suffix if lock else ""
    sql = f"SELECT {_COLUMNS} FROM account WHERE id {{}} ORDER BY id{suffix}"
    return {row[0]: _account(row) for row in tx.select_in(sql, sorted(ids), "text")}


def all_accounts(tx: Transaction) -> list[Account]:
    return [_account(row) for row in tx.all(f"SELECT {_COLUMNS} FROM account ORDER BY id")]


def accounts_of_owner(tx: Transaction, owner: str) -> list[Account]:
    return [_account(row) for row in tx.all(f"SELECT {_COLUMNS} FROM account WHERE owner = ? ORDER BY id", (owner,))]


def add_accounts(tx: Transaction, rows: Sequence[Account]) -> None:
    tx.insert_many(
        "account",
        {
            "id": "text",
            "currency": "text",
            "type": "text",
            "owner": "text",
            "state": "int",
            "tier": "int",
            "tier_until": "int",
            "blocked": "int",
            "wallet_key": "blob",
            "opened_s": "int",
            "closed_s": "int",
            "balance": "int",
            "held": "int",
        },
        [
            (
                *(row.id, row.currency, str(row.type), row.owner, int(row.state), row.tier, row.tier_until),
                *(int(row.blocked), row.wallet_key, row.opened_s, row.closed_s, row.balance, row.held),
            )
            for row in rows
        ],
    )


# SPEC BANK-2.7
def write_balances(tx: Transaction, rows: Sequence[Account]) -> None:
    """Each account once, whatever the number of its postings."""
    tx.update_many(
        "account",
        {"id": "text"},
        {"balance": "int", "held": "int"},
        [(row.id, row.balance, row.held) for row in rows],
    )


def write_states(tx: Transaction, rows: Sequence[Account]) -> None:
    tx.update_many(
        "account",
        {"id": "text"},
        {"state": "int", "tier": "int", "tier_until": "int", "blocked": "int", "closed_s": "int"},
        [(row.id, int(row.state), row.tier, row.tier_until, int(row.blocked), row.closed_s) for row in rows],
    )


_HOLD = "ref, account, amount, until_s, state, captured"


def _hold(row: Row) -> Hold:
    ref, account, amount, until_s, state, captured = row
    return Hold(ref, account, amount, until_s, HoldState(state), captured)


def holds_by_ref(tx: Transaction, refs: Sequence[bytes]) -> dict[bytes, Hold]:
    return {row[0]: _hold(row) for row in tx.select_in(f"SELECT {_HOLD} FROM hold WHERE ref {{}}", refs, "blob")}


def holds_ended(tx: Transaction, accounts: Sequence[str], now_s: int) -> list[Hold]:
    """Holds of these accounts whose time has passed."""
    sql = f"SELECT {_HOLD} FROM hold WHERE state = 0 AND until_s <= ? AND account {{}}"
    return [_hold(row) for row in tx.select_in(sql, accounts, "text", (now_s,))]


def open_holds(tx: Transaction, account: str) -> list[Hold]:
    rows = tx.all(f"SELECT {_HOLD} FROM hold WHERE account = ? AND state = 0 ORDER BY until_s, ref", (account,))
    return [_hold(row) for row in rows]


def held_sums(tx: Transaction) -> dict[str, int]:
    """What open holds add up to, by account."""
    rows = tx.all("SELECT account, SUM(amount) FROM hold WHERE state = 0 GROUP BY account")
    return {row[0]: int(row[1]) for row in rows}


def add_holds(tx: Transaction, rows: Sequence[Hold], made_s: int) -> None:
    tx.insert_many(
        "hold",
        {
            "ref": "blob",
            "account": "text",
            "amount": "int",
            "until_s": "int",
            "made_s": "int",
            "ended_s": "int",
            "state": "int",
            "captured": "int",
        },
        [
            (
                *(row.ref, row.account, row.amount, row.until_s, made_s, made_s if row.state else 0),
                *(int(row.state), row.captured),
            )
            for row in rows
        ],
    )


# SPEC BANK-4.10
def end_hold(tx: Transaction, row: Hold, ended_s: int) -> bool:
    """HELD becomes what it is now; False where something else ended it before."""
    changed = tx.run(
        "UPDATE hold SET state = ?, captured = ?, ended_s = ? WHERE ref = ? AND state = 0",
        (int(row.state), row.captured, ended_s, row.ref),
    )
    return changed == 1


def holds_at(tx: Transaction, account: str, at_s: int) -> list[Hold]:
    """What was held at a time that has passed: the answer never changes afterwards."""
    rows = tx.all(
        "SELECT ref, account, amount, until_s, 0, 0 FROM hold WHERE account = ? AND made_s < ? AND until_s > ?"
        " AND (ended_s = 0 OR ended_s >= ?) ORDER BY until_s, ref",
        (account, at_s, at_s, at_s),
    )
    return [_hold(row) for row in rows]


def sums_used(tx: Transaction, accounts: Sequence[str], day: int, month: int) -> dict[tuple[str, str, int], int]:
    """(account, use, period) to the sum so far."""
    sql = "SELECT account, what, period, amount FROM used WHERE period IN (?, ?) AND account {}"
    return {(row[0], row[1], row[2]): row[3] for row in tx.select_in(sql, accounts, "text", (day, month))}


def write_sums(
    tx: Transaction, old: dict[tuple[str, str, int], int], new: dict[tuple[str, str, int], int]
) -> None:  # fmt: skip
    """Write the sums that changed."""
    columns = {"account": "text", "what": "text", "period": "int", "amount": "int"}
    fresh = [(*key, amount) for key, amount in new.items() if key not in old]
    grown = [(*key, amount) for key, amount in new.items() if key in old and old[key] != amount]
    if fresh:
        tx.insert_many("used", columns, fresh)  # type: ignore[arg-type]
    if grown:
        keys = {"account": "text", "what": "text", "period": "int"}
        tx.update_many("used", keys, {"amount": "int"}, grown)  # type: ignore[arg-type]


def all_sums(tx: Transaction) -> dict[tuple[str, str, int], int]:
    rows = tx.all("SELECT account, what, period, amount FROM used")
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def policies(tx: Transaction) -> list[tuple[int, bytes, int]]:
    """(version, data, in force from), oldest first."""
    rows = tx.all("SELECT version, data, from_us FROM policy ORDER BY version")
    return [(row[0], row[1], row[2]) for row in rows]


def add_policy(tx: Transaction, version: int, data: bytes, from_us: int) -> None:
    tx.insert_many("policy", {"version": "int", "data": "blob", "from_us": "int"}, [(version, data, from_us)])


def proposal(tx: Transaction, digest: bytes) -> tuple[bytes, str] | None:
    """(data, person)"""
    row = tx.one("SELECT data, person FROM proposal WHERE hash = ?", (digest,))
    return None if row is None else (row[0], row[1])


def add_proposal(tx: Transaction, digest: bytes, data: bytes, person: str, at_s: int) -> None:
    columns = {"hash": "blob", "data": "blob", "person": "text", "at_s": "int"}
    tx.insert_many("proposal", columns, [(digest, data, person, at_s)])  # type: ignore[arg-type]
