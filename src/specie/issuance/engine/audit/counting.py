"""What quota control counted, from its signed words: supply, buckets, statements, messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from specie.crypto import merkle
from specie.issuance.engine.audit.books import Books, Said, by
from specie.issuance.engine.audit.entries import check_entries, expected_of, ids_of
from specie.issuance.messages.objects import Model
from specie.issuance.protocol.plans import issuer_stock_key, root_keys_of
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.protocol.supply import SupplyState, supply_root
from specie.issuance.store.quota_control import CountedRow, UseRow, UseState


@dataclass(frozen=True, slots=True)
class Returned:
    """A redemption or a cancellation, with what came back of each credential."""

    kind: str
    reference: bytes
    """By which central management knows it: cti of the receipt, or of the dc-cancel."""
    sequence: int
    currency: str
    issuer: str
    amount: int
    object_hash: bytes
    """Of the leaf here."""
    told_hash: bytes
    """Of the object that central management was shown."""
    shares: tuple[tuple[bytes, int], ...]
    serials: dict[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """A credential that was counted: by its control bit, or held after a restore (ISSUANCE-17.4)."""

    row: UseRow
    bit: Said | None
    sequence: int
    """Of the leaf that counted it."""
    object_hash: bytes
    """Of that leaf."""
    currency: str
    issuer: str
    amount: int


@dataclass(slots=True)
class Counting:
    """What quota control counted, from its signed words alone."""

    books: Books
    bits: dict[bytes, Said] = field(default_factory=dict)
    """Credential cti to its control bit."""
    rows: dict[bytes, UseRow] = field(default_factory=dict)
    uses: dict[bytes, Use] = field(default_factory=dict)
    """What counts, by credential cti."""
    returns: list[Returned] = field(default_factory=list)
    counted: list[CountedRow] = field(default_factory=list)

    def amounts(self, kind: str, currency: str) -> int:
        return sum(row.amount for row in self.counted if (row.kind, row.currency) == (kind, currency))

    def outstanding(self, currency: str) -> int:
        return sum(row.amount if row.kind == "use" else -row.amount for row in self.counted if row.currency == currency)


# SPEC ISSUANCE-5.4.4
def check_counted(counting: Counting) -> None:
    """What changed the supply, from signed words; the table says the same."""
    books = counting.books
    rows = [
        CountedRow(use.sequence, "use", use.currency, use.issuer, use.amount, use.object_hash)
        for use in counting.uses.values()
    ]
    rows += [
        CountedRow(each.sequence, each.kind, each.currency, each.issuer, each.amount, each.object_hash)
        for each in counting.returns
    ]
    counting.counted = sorted(rows, key=lambda row: row.seq)
    stored = {row.seq: row for row in books.tables["counted"]}
    for row in counting.counted:
        books.expect(stored.pop(row.seq, None) == row, "ROW", f"leaf {row.seq} is counted otherwise than it was signed")
    for seq in stored:
        books.fault("ROW", f"leaf {seq} is counted, and nothing signed says so")
    check_roots(counting)


# SPEC ISSUANCE-5.4.4, ISSUANCE-5.4.6
def check_roots(counting: Counting) -> None:
    """I4 and I6: the two roots of each currency, against the sums of what was signed."""
    books = counting.books
    for bucket in books.tables["bucket"]:
        scope, _, currency = bucket.key.partition(":")
        if scope == "lifetime" and currency.isalnum():
            issued = counting.amounts("use", currency)
            same = bucket.used == issued
            books.expect(same, "I4", f"{currency}: bits and lifetime root differ", bits=issued, used=bucket.used)
        if scope == "stock" and currency.isalnum():
            out = counting.outstanding(currency)
            same = bucket.used == out
            books.expect(same, "I6", f"{currency}: outstanding and stock root differ", out=out, used=bucket.used)


def check_quota(counting: Counting) -> None:
    """The buckets, from bits, redemptions and cancellations."""
    books, expected = counting.books, expected_of(counting.books)
    key_to_id = {row.key: row.id for row in books.tables["bucket"]}
    lists: dict[bytes, list[int]] = {}
    for cid, use in counting.uses.items():
        lists[cid] = ids_of(books, use.row.buckets, f"use of {cid.hex()}")
        expected.take(lists[cid], use.sequence, cid, use.amount)
    by_receipt = by(books.tables["redemption"], "receipt")
    for each in counting.returns:
        if each.kind == "cancel":
            cid, amount = each.shares[0]
            expected.give_back(lists.get(cid, []), each.sequence, cid, amount)
            continue
        request = by_receipt[each.reference].cti
        for cid, value in each.shares:
            if any(cid):
                expected.give_back(lists.get(cid, []), each.sequence, request, value)
            else:
                keys = (root_keys_of(each.currency)[0], issuer_stock_key(each.currency, each.issuer))
                ids = [key_to_id[key] for key in keys if key in key_to_id]
                expected.give_back(ids, each.sequence, request, value)
    check_entries(books, expected)


# SPEC ISSUANCE-5.4.10
def check_outbox(counting: Counting) -> None:
    """Every use, redemption and cancellation is reported, and nothing else."""
    books = counting.books
    wanted = {("use", said.row.cti): said.row.cti for said in counting.bits.values()}
    kept = {("redeem", each.reference) for each in counting.returns if each.kind == "redeem"}
    kept |= {("cancel", each.reference) for each in counting.returns if each.kind == "cancel"}
    for row in books.tables["outbox"]:
        name = (row.topic.partition(":")[0], row.key)
        if name in wanted:
            books.expect(wanted.pop(name) == row.body, "ROW", f"message {name[0]} {row.key.hex()} was edited")
        else:
            books.expect(name in kept, "ROW", f"message {name[0]} {row.key.hex()} reports nothing that happened")
    for kind, key in wanted:
        books.fault("ROW", f"message {kind} {key.hex()} is missing from the outbox")


# SPEC ISSUANCE-15.4.1, ISSUANCE-15.4.2
def check_statements(counting: Counting) -> None:
    """Each supply statement, from the leaves before it."""
    books, state = counting.books, SupplyState()
    for row in books.tables["supply"]:
        said = books.said.get(row.cti)
        if said is None or said.row.typ != "dc-supply":
            books.fault("ROW", f"the supply statement of {row.log_size} leaves is missing")
            continue
        fresh = [each for each in counting.counted if state.seq < each.seq <= row.log_size]
        state = state.after(fresh, row.log_size)
        body = said.body
        holds = (body.log_size, body.totals) == (row.log_size, state.totals)
        holds = holds and body.sum_root == supply_root(state.issued.root(), state.returned.root())
        hashes = [leaf.leaf for leaf in books.tables["log"][: row.log_size]]
        holds = holds and body.log_root == merkle.root(hashes)
        books.expect(holds, "SUPPLY", f"the statement of {row.log_size} leaves is not what the leaves add up to")


# SPEC ISSUANCE-14.14
def check_banks(counting: Counting) -> None:
    """What each bank may still redeem, where no burn on a ledger muddles the references."""
    books = counting.books
    if not books.policies:
        return
    balances: Counter[tuple[str, str]] = Counter()
    for cid, said in counting.bits.items():
        row = counting.rows[cid]
        if said.body.model == Model.ACCOUNT and row.state == UseState.MINTED:
            balances[row.owner.partition(b"/")[0].decode("ascii", "replace"), said.body.currency] += said.body.amount
    for row in books.tables["redemption"]:
        rule = books.policies[-1].currencies[row.currency]
        if row.iss in rule.banks and rule.token_registry in ("", OFFLINE):
            balances[row.iss, row.currency] -= row.amount
    for row in books.tables["bank_credit"]:
        rule = books.policies[-1].currencies[row.currency]
        if rule.token_registry in ("", OFFLINE):
            same = balances[row.bank, row.currency] == row.balance
            books.expect(same, "ROW", f"{row.bank} has another credit in {row.currency} than its receipts show")
