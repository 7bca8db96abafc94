"""One system's tables and log as an audit reads them: at one moment, decoded once, nothing believed yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from specie.issuance.engine.audit.report import Difference
from specie.issuance.engine.desk import Desk
from specie.issuance.messages import objects
from specie.issuance.messages.claims import Claims, read_payload
from specie.issuance.messages.policy import Policy
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.protocol.policy import PolicyBook, Version, read_policy
from specie.issuance.store import reading
from specie.issuance.store.journal import Head, ObjectRow, read_head
from specie.issuance.store.rules import read_chain
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused

KINDS: dict[str, type[Body]] = {
    each.typ: each
    for each in (
        objects.Credential,
        objects.ControlBit,
        objects.Deny,
        objects.Used,
        objects.Tombstone,
        objects.Redemption,
        objects.Supply,
        objects.Lease,
    )
}
"""What systems sign after a commit, by typ."""
REFIXED = "refixed"


@dataclass(frozen=True, slots=True)
class Said:
    """An object that this system made: its row, and what its payload says."""

    row: ObjectRow
    claims: Claims
    body: Any


@dataclass(slots=True)
class Books:
    """Everything that one system has stored."""

    desk: Desk
    head: Head
    tables: dict[str, list[Any]]
    faults: list[Difference] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    by_object: dict[bytes, Leaf] = field(default_factory=dict)
    by_previous: dict[tuple[str, bytes], list[Leaf]] = field(default_factory=dict)
    said: dict[bytes, Said] = field(default_factory=dict)
    """Own objects by cti."""
    key_sets: list[tuple[int, KeySet]] = field(default_factory=list)
    """(position of the leaf, manifest in force from there), oldest first."""
    authority: list[KeySet] = field(default_factory=list)
    """Every manifest of central management, which publishes them: news of keys may not have come here yet."""
    versions: list[tuple[int, Version]] = field(default_factory=list)
    """The same for policies."""

    @property
    def system(self) -> str:
        return self.desk.me

    @property
    def keys(self) -> KeySet | None:
        return self.key_sets[-1][1] if self.key_sets else None

    @property
    def policies(self) -> list[Policy]:
        return [version.policy for _, version in self.versions]

    def fault(self, name: str, detail: str, **figures: Any) -> None:
        """Note a difference of this system."""
        self.faults.append(Difference(name, self.system, detail, figures))

    def expect(self, holds: object, name: str, detail: str, **figures: Any) -> bool:
        """Note a difference unless it holds."""
        if not holds:
            self.fault(name, detail, **figures)
        return bool(holds)

    def of(self, *events: str) -> list[Leaf]:
        """Leaves of these events, in order."""
        return [leaf for leaf in self.leaves if leaf.event in events]

    # SPEC ISSUANCE-12.1.5
    def first_leaf(self, object_hash: bytes) -> Leaf | None:
        """The leaf of the decision behind an object, through every time that its bytes were fixed anew."""
        leaf = self.by_object.get(object_hash)
        for _ in range(len(self.leaves)):
            if leaf is None or leaf.event != REFIXED:
                break
            leaf = self.by_object.get(leaf.previous)
        return leaf

    def leaf_of(self, cti: bytes | None) -> Leaf | None:
        """The leaf of the decision behind one of its own objects."""
        said = self.said.get(cti) if cti is not None else None
        return self.first_leaf(said.row.hash) if said else None

    def book_at(self, sequence: int) -> PolicyBook | None:
        """The policies that were accepted before this leaf."""
        versions = tuple(version for place, version in self.versions if place < sequence)
        return PolicyBook(versions) if versions else None

    def keys_at(self, sequence: int) -> KeySet | None:
        """The manifest in force before this leaf."""
        found = [keys for place, keys in self.key_sets if place < sequence]
        return found[-1] if found else None


async def read_books(desk: Desk, wanted: Any) -> Books:
    """Read one system at one moment and decode what it says; faults of decoding are noted, not raised."""

    def work(tx: Transaction) -> tuple[Head, dict[str, list[Any]]]:
        return read_head(tx), reading.tables(tx, wanted)

    head, tables = await desk.database.read(work)
    return open_books(desk, head, tables)


def open_books(desk: Desk, head: Head, tables: dict[str, list[Any]]) -> Books:
    """Decode log, objects, manifests and policies."""
    books = Books(desk, head, tables)
    for row in tables["log"]:
        leaf = attempt(books, "CHAIN", f"leaf {row.seq} does not decode", Leaf.decode, row.body)
        if leaf is not None:
            books.leaves.append(leaf)
            books.by_object.setdefault(leaf.object_hash, leaf)
            books.by_previous.setdefault((leaf.event, leaf.previous), []).append(leaf)
    for row in tables["object"]:
        detail = f"object {row.cti.hex()} does not decode"
        opened = attempt(books, "ROW", detail, read_own, row)
        if opened is not None:
            books.said[row.cti] = Said(row, *opened)
    _open_manifests(books)
    _open_policies(books)
    return books


def read_own(row: ObjectRow) -> tuple[Claims, Any]:
    """Claims and body of an object that this system made."""
    return read_payload(KINDS[row.typ], row.payload)


def attempt(books: Books, name: str, detail: str, work: Callable[..., Any], *args: Any) -> Any:
    """What `work` answers, or None and a difference; stored bytes may be anything."""
    try:
        return work(*args)
    except (Refused, LookupError, TypeError, ValueError, AttributeError) as error:
        books.fault(name, detail, why=f"{type(error).__name__}: {error}")
        return None


def _open_manifests(books: Books) -> None:
    identity = books.desk.identity
    roots = tuple(sorted(identity.roots.items()))
    datas: tuple[bytes, ...] = ()
    for row in books.tables["manifest"]:
        datas = (*datas, row.data)
        leaf = books.by_object.get(row.hash)
        found = attempt(
            books,
            "ROW",
            f"manifest {row.version} does not hold",
            read_chain,
            datas,
            roots,
            identity.environment,
        )
        if found is None:
            return
        same = leaf is not None and leaf.event == "keys" and (found.version, found.hash) == (row.version, row.hash)
        books.expect(same, "ROW", f"manifest {row.version} is not the one in the log")
        books.key_sets.append((leaf.sequence if leaf else 0, found))


# SPEC ISSUANCE-5.1.3
def _open_policies(books: Books) -> None:
    identity = books.desk.identity
    for row in books.tables["policy"]:
        leaf = books.by_object.get(row.hash)
        place, at_s = (leaf.sequence, leaf.at_s) if leaf else (0, 0)
        keys, book = books.keys_at(place), books.book_at(place)
        if keys is None:
            books.fault("ROW", f"policy {row.version} came before any manifest")
            return
        found = attempt(
            books,
            "ROW",
            f"policy {row.version} does not hold",
            read_policy,
            row.data,
            keys,
            identity.roots,
            book,
            at_s,
        )
        if found is None:
            return
        delay_s = book.newest.policy.lifetimes.loosen_delay_s if book else 0
        same = leaf is not None and leaf.event == "policy" and row.version == found.version
        same = same and row.accepted_us // 1_000_000 == at_s and row.delay_s == delay_s
        books.expect(same, "ROW", f"policy {row.version} is not the one in the log, or its time was edited")
        books.versions.append((place, Version(found, row.hash, row.accepted_us, row.delay_s)))


def by(rows: Iterable[Any], name: str) -> dict[Any, Any]:
    """Rows by one of their columns."""
    return {getattr(row, name): row for row in rows}


def short(values: Sequence[bytes] | bytes) -> str:
    """A hash or id for people."""
    return values.hex() if isinstance(values, bytes) else ", ".join(value.hex() for value in values)
