"""Who the wallet is: its chain and sealed keys, its accounts and addresses, its contacts, how far it has read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specie.kernel.db import Transaction
from specie.ledger.wallet.decoys import Extent


@dataclass(frozen=True, slots=True)
class Holder:
    """The one row of a wallet. Keys stand here only sealed."""

    chain: bytes
    """chain_id, 32 bytes."""

    genesis: bytes
    """The genesis document, which chain_id is the hash of."""

    tier: str
    """`spend` or `view`."""

    spend_sealed: bytes | None = field(repr=False)
    """The sealed seed; None in a view-only wallet."""

    view_sealed: bytes = field(repr=False)
    """The sealed view export, so that a locked wallet still sees."""

    birthday: int
    """Height before which nothing can be the wallet's."""

    locked: bool
    created_us: int


def write_holder(tx: Transaction, holder: Holder) -> None:
    """The first and only row. Raises UniqueViolation where there is one."""
    tx.run(
        "INSERT INTO holder(id, chain, genesis, tier, spend_sealed, view_sealed, birthday, locked, created_us)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(holder.chain, holder.genesis, holder.tier, holder.spend_sealed, holder.view_sealed),
            *(holder.birthday, int(holder.locked), holder.created_us),
        ),
    )


def read_holder(tx: Transaction) -> Holder | None:
    row = tx.one(
        "SELECT chain, genesis, tier, spend_sealed, view_sealed, birthday, locked, created_us FROM holder WHERE id = 1"
    )
    if row is None:
        return None
    items = [*row[:6], bool(row[6]), row[7]]
    return Holder(*items)


def write_lock(tx: Transaction, locked: bool, spend_sealed: bytes) -> None:
    """Lock or unlock: the seed is sealed anew either way."""
    tx.run("UPDATE holder SET locked = ?, spend_sealed = ? WHERE id = 1", (int(locked), spend_sealed))


# -- accounts, addresses, contacts


@dataclass(frozen=True, slots=True)
class Issued:
    """A subaddress that was given to somebody."""

    account: int
    place: int
    name: str
    """To whom: a counterparty of its own."""

    ahead: int = 0
    """How far it lies beyond the last one that was paid; a restored wallet looks 200 ahead."""


def add_account(tx: Transaction, account: int, name: str) -> None:
    tx.run("INSERT INTO account(account, name) VALUES (?, ?)", (account, name))


def accounts(tx: Transaction) -> list[tuple[int, str]]:
    return [(row[0], row[1]) for row in tx.all("SELECT account, name FROM account ORDER BY account")]


def issue_address(tx: Transaction, account: int, name: str, now_us: int) -> Issued:
    """The next subaddress of an account; place 0 is never given twice to different people."""
    paid = tx.one("SELECT COALESCE(MAX(place), 0) FROM output WHERE account = ?", (account,))
    place = places_used(tx, account)
    tx.run("INSERT INTO account(account, name) VALUES (?, ?) ON CONFLICT(account) DO NOTHING", (account, ""))
    tx.run("INSERT INTO address(account, place, name, at_us) VALUES (?, ?, ?, ?)", (account, place, name, now_us))
    return Issued(account, place, name, place - (paid[0] if paid else 0))


def accounts_used(tx: Transaction) -> int:
    """One more than the highest account that was opened or has received."""
    opened = tx.one("SELECT COALESCE(MAX(account), 0) FROM account")
    got = tx.one("SELECT COALESCE(MAX(account), 0) FROM output")
    return max(opened[0] if opened else 0, got[0] if got else 0) + 1


def issued(tx: Transaction, account: int) -> list[Issued]:
    rows = tx.all("SELECT account, place, name FROM address WHERE account = ? ORDER BY place", (account,))
    return [Issued(*row) for row in rows]


def names_of_addresses(tx: Transaction) -> dict[tuple[int, int], str]:
    return {(row[0], row[1]): row[2] for row in tx.all("SELECT account, place, name FROM address")}


def places_used(tx: Transaction, account: int) -> int:
    """One more than the highest place that was given or has received."""
    given = tx.one("SELECT COALESCE(MAX(place), 0) FROM address WHERE account = ?", (account,))
    got = tx.one("SELECT COALESCE(MAX(place), 0) FROM output WHERE account = ?", (account,))
    return max(given[0] if given else 0, got[0] if got else 0) + 1


def write_contact(tx: Transaction, name: str, address: bytes) -> None:
    tx.run(
        "INSERT INTO contact(name, address) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET address = excluded.address",
        (name, address),
    )


def contacts(tx: Transaction) -> list[tuple[str, bytes]]:
    return [(row[0], row[1]) for row in tx.all("SELECT name, address FROM contact ORDER BY name")]


# -- how far it has read


@dataclass(frozen=True, slots=True)
class Progress:
    """The last block that the wallet took in, as a verified header."""

    height: int
    header: bytes
    finality: bytes
    min_age: int = 1
    """MIN_AGE when the wallet last came to the tip."""


def write_progress(tx: Transaction, progress: Progress) -> None:
    tx.run(
        "INSERT INTO progress(id, height, header, finality) VALUES (1, ?, ?, ?)"
        " ON CONFLICT(id) DO UPDATE SET height = excluded.height, header = excluded.header,"
        " finality = excluded.finality",
        (progress.height, progress.header, progress.finality),
    )


def read_progress(tx: Transaction) -> Progress | None:
    row = tx.one("SELECT height, header, finality, min_age FROM progress WHERE id = 1")
    return None if row is None else Progress(*row)


def write_min_age(tx: Transaction, min_age: int) -> None:
    tx.run("UPDATE progress SET min_age = ? WHERE id = 1", (min_age,))


def add_extents(tx: Transaction, extents: Sequence[Extent]) -> None:
    tx.insert_many(
        "extent",
        {"height": "int", "time_ms": "int", "first": "int", "hidden": "int", "public": "int"},
        [(each.height, each.time_ms, each.first, each.hidden, each.public) for each in extents],
    )


def extents(tx: Transaction) -> list[Extent]:
    """Every block that has outputs, ascending."""
    return [Extent(*row) for row in tx.all("SELECT height, time_ms, first, hidden, public FROM extent ORDER BY height")]
