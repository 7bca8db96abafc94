"""The tables of quota control against the objects that it signed and the leaves that name them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from specie.issuance.engine.audit.books import Books, Said, attempt, by
from specie.issuance.engine.audit.chain import check_count, check_log, check_objects
from specie.issuance.engine.audit.entries import check_entries, expected_of, ids_of
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Cancel, ControlBit, Model, RedemptionRequest
from specie.issuance.messages.policy import Kind
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.policy import OFFLINE, issuer_stock_key, root_keys_of
from specie.issuance.protocol.supply import SupplyState
from specie.issuance.protocol.units import serials_root
from specie.issuance.store.quota_control import CountedRow, RedemptionRow, UseRow, UseState
from specie.kernel import codec

COUNTED = (UseState.USED, UseState.MINTED, UseState.CANCELLED)
CLOSED = {UseState.TOMBSTONED: "tombstone", UseState.REVOKED: "revoke"}
MESSAGE_BYTES_MAX = 2**20


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


@dataclass(slots=True)
class Counting:
    """What quota control counted, from its signed words alone."""

    books: Books
    bits: dict[bytes, Said] = field(default_factory=dict)
    """Credential cti to its control bit."""
    rows: dict[bytes, UseRow] = field(default_factory=dict)
    returns: list[Returned] = field(default_factory=list)
    counted: list[CountedRow] = field(default_factory=list)

    def amounts(self, kind: str, currency: str) -> int:
        return sum(row.amount for row in self.counted if (row.kind, row.currency) == (kind, currency))

    def outstanding(self, currency: str) -> int:
        return sum(
            row.amount if row.kind == "use" else -row.amount for row in self.counted if row.currency == currency
        )


def check(books: Books) -> Counting:
    """Every table of quota control."""
    check_log(books)
    check_objects(books)
    counting = Counting(books)
    check_uses(counting)
    check_redemptions(counting)
    check_cancellations(counting)
    check_counted(counting)
    check_quota(counting)
    check_outbox(counting)
    check_statements(counting)
    check_banks(counting)
    states = Counter(row.state for row in books.tables["cred_use"])
    events = {
        "use": sum(states[state] for state in COUNTED),
        "tombstone": states[UseState.TOMBSTONED],
        "revoke": states[UseState.REVOKED],
        "minted": states[UseState.MINTED],
        "cancel": states[UseState.CANCELLED],
        "answered": sum(1 for row in books.tables["cred_use"] if row.state in COUNTED and row.closed is not None),
        "redeem": len(books.tables["redemption"]),
        "deny": sum(1 for row in books.tables["object"] if row.typ == "dc-deny"),
        "supply": len(books.tables["supply"]),
    }
    check_count(books, events)
    return counting


# SPEC ISSUANCE-15.6.1, ISSUANCE-20.16, ISSUANCE-5.4.3
def check_uses(counting: Counting) -> None:
    """Each use is what its signed bit says; each closed credential what its signed tombstone says."""
    books = counting.books
    for row in books.tables["cred_use"]:
        what = f"use of {row.cid.hex()}"
        counting.rows[row.cid] = row
        if row.state in CLOSED:
            said, leaf = books.said.get(row.closed or b""), books.leaf_of(row.closed)
            holds = said is not None and leaf is not None and (row.bit, row.req) == (None, None)
            holds = holds and (leaf.event, leaf.sequence) == (CLOSED[row.state], row.seq)
            body = said.body if said else None
            named = (getattr(body, "credential_cti", None), getattr(body, "credential_hash", None))
            books.expect(holds and named == (row.cid, row.hash), "ROW", f"{what}: not as its tombstone says")
            continue
        said, leaf = books.said.get(row.bit or b""), books.leaf_of(row.bit)
        if said is None or leaf is None or said.row.typ != ControlBit.typ:
            books.fault("ROW", f"{what}: its control bit is missing")
            continue
        counting.bits[row.cid] = said
        body = said.body
        stored = (row.cid, row.hash, row.iss, row.currency, row.amount, row.model, row.unit_root, row.units, row.seq)
        signed = (
            body.credential_cti,
            body.credential_hash,
            said.claims.aud,
            body.currency,
            body.amount,
            body.model,
            body.unit_root,
            body.unit_count,
            body.sequence,
        )
        books.expect(stored == signed, "ROW", f"{what}: not as its control bit says")
        same = (leaf.event, leaf.sequence, leaf.at_s) == ("use", row.seq, row.at_us // 1_000_000)
        books.expect(same and sha256(row.owner).digest() == body.owner_hash, "ROW", f"{what}: not as its leaf says")
        closed = books.leaf_of(row.closed)
        books.expect(row.closed is None or (closed and closed.event == "answered"), "ROW", f"{what}: its answer")


def request_of(books: Books, receipt: bytes) -> tuple[Signed[RedemptionRequest], list[Any]] | None:
    """The `dc-redreq` behind a receipt and the shares of each credential, from the outbox."""
    for row in books.tables["outbox"]:
        if row.key == receipt and row.topic.startswith("redeem:"):

            def read(body: bytes = row.body) -> tuple[Signed[RedemptionRequest], list[Any]]:
                value: Any = codec.decode(body, bytes_max=MESSAGE_BYTES_MAX)
                return read_unverified(value[1], RedemptionRequest), list(value[2])

            found: tuple[Signed[RedemptionRequest], list[Any]] | None = attempt(
                books, "ROW", f"message of receipt {receipt.hex()}", read
            )
            return found
    return None


# SPEC ISSUANCE-14.3, ISSUANCE-15.6.1
def check_redemptions(counting: Counting) -> None:
    """Each redemption is what receipt and request say; `redeemed` holds exactly their serials."""
    books = counting.books
    by_ref: dict[tuple[bytes, int], list[Any]] = defaultdict(list)
    for row in books.tables["redeemed"]:
        by_ref[row.ref, row.seq].append(row)
    for row in books.tables["redemption"]:
        what = f"redemption {row.cti.hex()}"
        said, leaf, asked = books.said.get(row.receipt), books.leaf_of(row.receipt), request_of(books, row.receipt)
        if said is None or leaf is None or asked is None or said.row.typ != "dc-redeem":
            books.fault("ROW", f"{what}: receipt, leaf or request is missing")
            continue
        request, shares = asked
        check_redemption(books, row, said, request, what)
        books.expect(
            (leaf.event, leaf.sequence, leaf.previous) == ("redeem", row.seq, row.hash), "ROW", f"{what}: its leaf"
        )
        parts = by_ref.pop((row.cti, row.seq), [])
        wanted = request.body.units or (request.body.reference or b"",)
        holds = {part.serial for part in parts} == set(wanted) and serials_root(wanted) == said.body.serials_root
        holds = holds and sum(part.value for part in parts) == row.amount
        books.expect(holds, "ROW", f"{what}: its serials or their values were edited")
        known = Counter({cid: value for cid, value in ()})
        for part in parts:
            known[part.cid] += part.value
        told = Counter[bytes]()
        for cid, value in shares:
            told[cid] += value
        books.expect(told == Counter({c: v for c, v in known.items() if any(c)}), "ROW", f"{what}: its shares")
        object_hash = leaf.object_hash
        counting.returns.append(
            Returned(
                "redeem",
                row.receipt,
                row.seq,
                row.currency,
                row.issuer,
                row.amount,
                object_hash,
                said.row.hash,
                tuple((part.cid, part.value) for part in parts),
                {part.serial: part.value for part in parts},
            )
        )
    for (ref, seq), parts in by_ref.items():
        books.fault("ROW", f"{len(parts)} redeemed serials at leaf {seq} belong to no redemption", request=ref.hex())


def check_redemption(
    books: Books, row: RedemptionRow, said: Said, request: Signed[RedemptionRequest], what: str
) -> None:
    stored = (row.iss, row.cti, row.hash, row.currency, row.amount, row.issuer)
    asked = (
        request.claims.iss,
        request.claims.cti,
        request.hash,
        request.body.currency,
        request.body.amount,
        request.claims.aud,
    )
    books.expect(stored == asked, "ROW", f"{what}: not as its request says")
    body = said.body
    signed = (body.currency, body.amount, body.sequence, said.claims.aud)
    books.expect(signed == (row.currency, row.amount, row.seq, row.iss), "ROW", f"{what}: not as its receipt says")


# SPEC ISSUANCE-10.6.2
def check_cancellations(counting: Counting) -> None:
    """Each `cancel` leaf has its `dc-cancel`, of a bit that says CANCELLED."""
    books = counting.books
    by_bit = {row.bit: row for row in counting.rows.values() if row.bit is not None}
    for row in books.tables["outbox"]:
        if not row.topic.startswith("cancel:"):
            continue
        what = f"cancellation {row.key.hex()}"
        opened = attempt(books, "ROW", what, lambda row=row: read_cancel(row.body))
        if opened is None:
            continue
        use, leaf = by_bit.get(opened.body.bit_cti), books.by_object.get(opened.hash)
        if use is None or leaf is None or leaf.event != "cancel":
            books.fault("ROW", f"{what}: no leaf or no control bit")
            continue
        same = (use.state, use.unit_root, use.iss) == (
            UseState.CANCELLED,
            opened.body.unit_root,
            opened.claims.iss,
        )
        books.expect(same and opened.claims.cti == row.key, "ROW", f"{what}: not as the dc-cancel says")
        counting.returns.append(
            Returned(
                "cancel",
                row.key,
                leaf.sequence,
                use.currency,
                use.iss,
                use.amount,
                opened.hash,
                opened.hash,
                ((use.cid, use.amount),),
            )
        )


def read_cancel(body: bytes) -> Signed[Cancel]:
    value: Any = codec.decode(body, bytes_max=MESSAGE_BYTES_MAX)
    return read_unverified(value[0], Cancel)


# SPEC ISSUANCE-5.4.4
def check_counted(counting: Counting) -> None:
    """What changed the supply, from signed words; the table says the same."""
    books = counting.books
    rows = []
    for cid, said in counting.bits.items():
        leaf, body = books.first_leaf(said.row.hash), said.body
        assert leaf is not None
        del cid
        rows.append(
            CountedRow(leaf.sequence, "use", body.currency, said.claims.aud or "", body.amount, leaf.object_hash)
        )
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
    for bucket in books.tables["bucket"]:
        scope, _, currency = bucket.key.partition(":")
        if scope == "lifetime" and currency.isalnum():
            issued = counting.amounts("use", currency)
            books.expect(
                bucket.used == issued,
                "I4",
                f"{currency}: control bits and lifetime root differ",
                bits=issued,
                used=bucket.used,
            )
    # SPEC ISSUANCE-5.4.6
    for bucket in books.tables["bucket"]:
        scope, _, currency = bucket.key.partition(":")
        if scope == "stock" and currency.isalnum():
            out = counting.outstanding(currency)
            books.expect(
                bucket.used == out,
                "I6",
                f"{currency}: outstanding and stock root differ",
                outstanding=out,
                used=bucket.used,
            )


def check_quota(counting: Counting) -> None:
    """The buckets, from bits, redemptions and cancellations."""
    books, expected = counting.books, expected_of(counting.books)
    key_to_id = {row.key: row.id for row in books.tables["bucket"]}
    lists: dict[bytes, list[int]] = {}
    for cid, said in counting.bits.items():
        row = counting.rows[cid]
        lists[cid] = ids_of(books, row.buckets, f"use of {cid.hex()}")
        expected.take(lists[cid], said.body.sequence, cid, said.body.amount)
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
        holds = holds and body.sum_root == state.root()
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


STOCK = Kind.STOCK
