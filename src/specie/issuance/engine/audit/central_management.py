"""The tables of central management against requests, approvals and the credentials that it signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from specie.issuance.engine.audit.books import Books, attempt, by
from specie.issuance.engine.audit.chain import check_count, check_log, check_objects
from specie.issuance.engine.audit.entries import check_entries, expected_of, ids_of
from specie.issuance.engine.desk import assemble
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Approval, Credential, Enrolment, Request
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.plans import issuer_stock_key, root_keys_of
from specie.issuance.protocol.quorum import is_signed
from specie.issuance.store.central_management import CredentialRow, CredentialState, RequestRow, RequestState
from specie.kernel.amount import AMOUNT_MAX

Shares = Mapping[bytes, Sequence[tuple[bytes, int]]]
"""Reference of a return to what came back of each credential; from quota control's books."""
ENDED = {RequestState.REJECTED: "reject", RequestState.EXPIRED: "expire"}
CLOSED = {CredentialState.CONSUMED: "consumed", CredentialState.RELEASED: "released"}
AFTER_CREDENTIAL = {
    RequestState.CREDENTIALED: CredentialState.OPEN,
    RequestState.CONSUMED: CredentialState.CONSUMED,
    RequestState.RELEASED: CredentialState.RELEASED,
}


@dataclass(slots=True)
class Promised:
    """What central management promised, from signed words."""

    books: Books
    requests: dict[bytes, Signed[Request]] = field(default_factory=dict)
    """By request hash."""
    rows: dict[bytes, RequestRow] = field(default_factory=dict)
    credentials: dict[bytes, CredentialRow] = field(default_factory=dict)
    """By cti; the body is the signed one of `books.said`."""
    closing: dict[bytes, Leaf] = field(default_factory=dict)
    """Credential cti to its leaf `consumed` or `released`."""


def check(books: Books, shares: Shares) -> Promised:
    """Every table of central management."""
    check_log(books)
    check_objects(books)
    promised = Promised(books)
    check_requests(promised)
    check_credentials(promised)
    check_approvals(books)
    check_quota(promised, shares)
    states = Counter(row.state for row in books.tables["request"])
    closings = Counter(row.state for row in books.tables["credential"])
    pending = [row for row in books.tables["request"] if leaf_of_pending(books, row) is not None]
    events = {
        "deny": states[RequestState.DENIED],
        # one id for two requests: the second is denied, and the row stays the first one's
        "mismatch": sum(1 for row in books.tables["object"] if row.typ == "dc-deny")
        - sum(1 for row in books.tables["request"] if row.denial is not None),
        "reject": states[RequestState.REJECTED],
        "expire": states[RequestState.EXPIRED],
        "pending": len(pending),
        "credential": len(books.tables["credential"]),
        "consumed": closings[CredentialState.CONSUMED],
        "released": closings[CredentialState.RELEASED],
        "approval": len(books.tables["approval"]),
        "returned": len(books.tables["returned"]),
        "enrol": len(books.tables["enrolment"]),
    }
    check_count(books, events)
    return promised


def leaf_of_pending(books: Books, row: RequestRow) -> Leaf | None:
    """Its leaf, where the request had to wait for officers."""
    leaf = books.by_object.get(row.hash)
    return leaf if leaf is not None and leaf.event == "pending" else None


# SPEC ISSUANCE-15.6.1, ISSUANCE-20.16, ISSUANCE-8.1
def check_requests(promised: Promised) -> None:
    """Each row is what its signed request says, and its state is what the log says became of it."""
    books = promised.books
    for row in books.tables["request"]:
        what = f"request {row.cti.hex()}"
        opened = attempt(books, "ROW", what, read_unverified, row.data, Request)
        if opened is None:
            continue
        promised.requests[opened.hash], promised.rows[opened.hash] = opened, row
        amount = min(opened.body.amount, AMOUNT_MAX)
        asked = (opened.claims.iss, opened.claims.cti, opened.hash, opened.body.currency, amount)
        stored = (row.iss, row.cti, row.hash, row.currency, row.amount)
        books.expect(stored == asked, "ROW", f"{what}: not as it was signed")
        books.expect(is_by(books, opened, ("is:req",)), "SIGNATURE", f"{what}: its signature does not verify")
        check_state(promised, row, what)


def check_state(promised: Promised, row: RequestRow, what: str) -> None:
    books = promised.books
    if row.state == RequestState.DENIED or row.state in ENDED:
        leaf = books.leaf_of(row.denial)
        event = ENDED.get(row.state, "deny")
        holds = leaf is not None and (leaf.event, leaf.previous) == (event, row.hash)
        books.expect(holds, "ROW", f"{what}: no signed refusal in the log")
    elif row.state == RequestState.PENDING:
        holds = leaf_of_pending(books, row) is not None and (row.credential, row.denial) == (None, None)
        books.expect(holds, "ROW", f"{what}: nothing in the log says that it waits")
    else:
        books.expect(row.credential is not None, "ROW", f"{what}: its credential is missing")


def is_by(books: Books, item: Signed[Any], roles: Sequence[str]) -> bool:
    """Was it signed by the holder whom it names, under any manifest so far?"""
    for keys in reversed([*(keys for _, keys in books.key_sets), *books.authority]):
        entry = keys.entries.get(item.kid)
        if entry is not None:
            good = entry.role in roles and entry.holder == item.claims.iss
            return good and is_signed(keys.publics[item.kid], item.alg, item.tbs, item.signature)
    return False


def check_credentials(promised: Promised) -> None:
    """Each row is what its signed credential says; its end is one leaf, and only one."""
    books, requests = promised.books, by(promised.books.tables["request"], "hash")
    for row in books.tables["credential"]:
        what = f"credential {row.cti.hex()}"
        said, leaf = books.said.get(row.cti), books.leaf_of(row.cti)
        request = requests.get(row.request)
        if said is None or leaf is None or request is None or said.row.typ != Credential.typ:
            books.fault("ROW", f"{what}: credential, leaf or request is missing")
            continue
        promised.credentials[row.cti] = row
        body, claims = said.body, said.claims
        signed = (body.request_hash, body.issuer, body.currency, body.amount, claims.iat, claims.exp, claims.aud)
        stored = (row.request, row.iss, row.currency, row.amount, row.iat, row.exp, row.quota_control)
        holds = signed == stored and sha256(body.request).digest() == row.request
        books.expect(holds, "ROW", f"{what}: not as it was signed")
        holds = (leaf.event, leaf.previous) == ("credential", row.request) and request.credential == row.cti
        books.expect(holds, "ROW", f"{what}: not as its leaf or its request says")
        if row.hash is not None:
            whole = sha256(assemble(said.row, said.row.signature)).digest() if said.row.signature else None
            books.expect(row.hash == whole, "ROW", f"{what}: its hash is not that of the signed credential")
        check_closing(promised, row, request, what)


# SPEC ISSUANCE-5.4.3
def check_closing(promised: Promised, row: CredentialRow, request: RequestRow, what: str) -> None:
    books = promised.books
    ends = [leaf for event in CLOSED.values() for leaf in books.by_previous.get((event, row.request), [])]
    books.expect(len(ends) <= 1, "I3", f"{what}: {len(ends)} ends in the log")
    event = ends[0].event if ends else None
    if ends:
        promised.closing[row.cti] = ends[0]
    books.expect(CLOSED.get(row.state) == event, "ROW", f"{what}: its state is not what the log says")
    same = AFTER_CREDENTIAL.get(request.state) == row.state
    books.expect(same, "ROW", f"{what}: request and credential are in different states")


def check_approvals(books: Books) -> None:
    """Each decision of an officer is the signed one, and in the log."""
    for row in books.tables["approval"]:
        what = f"approval {row.hash.hex()}"
        opened = attempt(books, "ROW", what, read_unverified, row.data, Approval)
        if opened is None:
            continue
        signed = (opened.hash, opened.body.request_hash, opened.claims.iss, opened.body.decision, opened.claims.exp)
        books.expect(
            signed == (row.hash, row.object, row.person, row.decision, row.exp), "ROW", f"{what}: not as signed"
        )
        books.expect(row.hash in books.by_object, "ROW", f"{what}: in no leaf")
        books.expect(is_by(books, opened, ("officer",)), "SIGNATURE", f"{what}: its signature does not verify")
    for row in books.tables["enrolment"]:
        what = f"enrolment {row.hash.hex()}"
        opened = attempt(books, "ROW", what, read_unverified, row.data, Enrolment)
        if opened is not None:
            holds = (opened.hash, opened.body.role, opened.body.holder) == (row.hash, row.role, row.holder)
            books.expect(holds and row.hash in books.by_object, "ROW", f"{what}: not as it was signed")


def check_quota(promised: Promised, shares: Shares) -> None:
    """The buckets: holds of requests, their ends, and what came back."""
    books, expected = promised.books, expected_of(promised.books)
    key_to_id = {row.key: row.id for row in books.tables["bucket"]}
    lists: dict[bytes, list[int]] = {}
    for digest, row in promised.rows.items():
        if row.state == RequestState.DENIED:
            continue
        ids = ids_of(books, row.buckets, f"request {row.cti.hex()}")
        amount = promised.requests[digest].body.amount
        first = leaf_of_pending(books, row) or books.leaf_of(row.credential)
        if first is not None:
            expected.reserve(ids, first.sequence, row.cti, amount)
        end = books.leaf_of(row.denial)
        if row.state in ENDED and end is not None:
            expected.release(ids, end.sequence, row.cti, amount)
    for cti, credential in promised.credentials.items():
        amount = books.said[cti].body.amount
        lists[cti] = ids_of(books, credential.buckets, f"credential {cti.hex()}")
        leaf = promised.closing.get(cti)
        if leaf is not None and leaf.event == "consumed":
            expected.settle(lists[cti], leaf.sequence, cti, amount)
        elif leaf is not None:
            expected.release(lists[cti], leaf.sequence, cti, amount)
    for row in books.tables["returned"]:
        known = [(cid, value) for cid, value in shares.get(row.ref, ()) if any(cid)]
        for cid, value in known:
            expected.give_back(lists.get(cid, []), row.seq, row.ref, value)
        if not known:
            keys = (root_keys_of(row.currency)[0], issuer_stock_key(row.currency, row.iss))
            expected.give_back([key_to_id[key] for key in keys if key in key_to_id], row.seq, row.ref, row.amount)
    check_entries(books, expected)
