"""The tables of quota control against the objects that it signed and the leaves that name them."""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import sha256
from typing import Any

from specie.issuance.engine.audit.books import Books, Said, attempt
from specie.issuance.engine.audit.chain import check_count, check_log, check_objects
from specie.issuance.engine.audit.counting import (
    Counting,
    Returned,
    Use,
    check_banks,
    check_counted,
    check_outbox,
    check_quota,
    check_statements,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Cancel, ControlBit, RedemptionRequest
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.units import serials_root
from specie.issuance.store.quota_control import RedemptionRow, UseState
from specie.kernel import codec

COUNTED = (UseState.USED, UseState.MINTED, UseState.CANCELLED)
CLOSED = {UseState.TOMBSTONED: "tombstone", UseState.REVOKED: "revoke"}
MESSAGE_BYTES_MAX = 2**20


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
        "hold": sum(1 for use in counting.uses.values() if books.leaves[use.sequence - 1].event == "hold"),
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
            place = (leaf.event, leaf.sequence) if leaf is not None else None
            holds = place == (CLOSED[row.state], row.seq) and (row.bit, row.req) == (None, None)
            body = said.body if said else None
            named = (getattr(body, "credential_cti", None), getattr(body, "credential_hash", None))
            books.expect(holds and named == (row.cid, row.hash), "ROW", f"{what}: not as its tombstone says")
            continue
        held = books.by_object.get(row.hash)
        held = held if held is not None and held.event == "hold" else None
        if row.state == UseState.HELD:
            holds = held is not None and (held.sequence, held.previous) == (row.seq, row.req) and row.bit is None
            if books.expect(holds, "ROW", f"{what}: held, and the log does not say so") and held is not None:
                counting.uses[row.cid] = Use(row, None, row.seq, row.hash, row.currency, row.iss, row.amount)
            continue
        said, leaf = books.said.get(row.bit or b""), books.leaf_of(row.bit)
        if said is None or leaf is None or said.row.typ != ControlBit.typ:
            books.fault("ROW", f"{what}: its control bit is missing")
            continue
        counting.bits[row.cid] = said
        body, first = said.body, held or leaf
        counting.uses[row.cid] = Use(
            row, said, first.sequence, first.object_hash, body.currency, said.claims.aud or "", body.amount
        )
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
        same = (leaf.event, leaf.sequence, first.at_s) == ("use", row.seq, row.at_us // 1_000_000)
        books.expect(same and sha256(row.owner).digest() == body.owner_hash, "ROW", f"{what}: not as its leaf says")
        closed = books.leaf_of(row.closed)
        books.expect(row.closed is None or (closed and closed.event == "answered"), "ROW", f"{what}: its answer")


def read_redemption(body: bytes) -> tuple[Signed[RedemptionRequest], list[Any]]:
    """The `dc-redreq` and the shares of each credential, as the outbox keeps them."""
    value: Any = codec.decode(body, bytes_max=MESSAGE_BYTES_MAX)
    return read_unverified(value[1], RedemptionRequest), list(value[2])


# SPEC ISSUANCE-14.3, ISSUANCE-15.6.1
def check_redemptions(counting: Counting) -> None:
    """Each redemption is what receipt and request say; `redeemed` holds exactly their serials."""
    books = counting.books
    told_of = {row.key: row.body for row in books.tables["outbox"] if row.topic.startswith("redeem:")}
    by_ref: dict[tuple[bytes, int], list[Any]] = defaultdict(list)
    for row in books.tables["redeemed"]:
        by_ref[row.ref, row.seq].append(row)
    for row in books.tables["redemption"]:
        what = f"redemption {row.cti.hex()}"
        said, leaf = books.said.get(row.receipt), books.leaf_of(row.receipt)
        asked = attempt(books, "ROW", f"message of {what}", read_redemption, told_of.get(row.receipt))
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
        told = sorted((bytes(cid), value) for cid, value in shares)
        known = sorted((part.cid, part.value) for part in parts if any(part.cid))
        books.expect(told == known, "ROW", f"{what}: the shares of its control bits were edited")
        counting.returns.append(
            Returned(
                "redeem",
                row.receipt,
                row.seq,
                row.currency,
                row.issuer,
                row.amount,
                leaf.object_hash,
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
        opened = attempt(books, "ROW", what, read_cancel, row.body)
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
