"""Rows of central management: requests, credentials, approvals, enrolments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Any

from specie.kernel.db import Columns, Transaction


class RequestState(IntEnum):
    """ISSUANCE-8.1. NEW is never stored: the same transaction moves it on."""

    DENIED = 1
    PENDING = 2
    REJECTED = 3
    EXPIRED = 4
    CREDENTIALED = 5
    CONSUMED = 6
    RELEASED = 7


class CredentialState(IntEnum):
    """What central management knows of a credential."""

    OPEN = 0
    CONSUMED = 1
    RELEASED = 2


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request and what became of it."""

    iss: str
    cti: bytes
    hash: bytes
    data: bytes
    currency: str
    amount: int
    state: RequestState
    tier: int
    at_us: int
    until_s: int
    buckets: bytes
    credential: bytes | None = None
    denial: bytes | None = None
    detail: str | None = None
    """Refusal as JSON: code, text, facts; what a replay answers."""


_REQUEST = "iss, cti, hash, data, currency, amount, state, tier, at_us, until_s, buckets, credential, denial, detail"
_REQUEST_KINDS: Columns = {
    "iss": "text",
    "cti": "blob",
    "hash": "blob",
    "data": "blob",
    "currency": "text",
    "amount": "int",
    "state": "int",
    "tier": "int",
    "at_us": "int",
    "until_s": "int",
    "buckets": "blob",
    "credential": "blob",
    "denial": "blob",
    "detail": "text",
}


def _request(row: tuple[Any, ...]) -> RequestRow:
    values = list(row)
    values[6] = RequestState(values[6])
    return RequestRow(*values)


def requests_by_cti(tx: Transaction, ctis: Sequence[bytes]) -> dict[tuple[str, bytes], RequestRow]:
    rows = tx.select_in(f"SELECT {_REQUEST} FROM request WHERE cti {{}}", ctis, "blob")
    return {(row[0], row[1]): _request(row) for row in rows}


def request_by_hash(tx: Transaction, digest: bytes) -> RequestRow | None:
    row = tx.one(f"SELECT {_REQUEST} FROM request WHERE hash = ?", (digest,))
    return _request(row) if row else None


def requests_by_hash(tx: Transaction, digests: Sequence[bytes]) -> dict[bytes, RequestRow]:
    rows = tx.select_in(f"SELECT {_REQUEST} FROM request WHERE hash {{}}", digests, "blob")
    return {row[2]: _request(row) for row in rows}


def list_requests(tx: Transaction, states: Sequence[int], limit: int) -> list[RequestRow]:
    rows = tx.select_in(f"SELECT {_REQUEST} FROM request WHERE state {{}} ORDER BY at_us DESC", states, "int")
    return [_request(row) for row in rows[:limit]]


# SPEC ISSUANCE-9.2.11, ISSUANCE-10.1.6, ISSUANCE-10.1.8
def add_requests(tx: Transaction, rows: Sequence[RequestRow]) -> None:
    tx.insert_many("request", _REQUEST_KINDS, list(map(attrgetter(*_REQUEST_KINDS), rows)))


# SPEC ISSUANCE-8.5
def move_request(
    tx: Transaction,
    digest: bytes,
    old: RequestState,
    new: RequestState,
    *,
    credential: bytes | None = None,
    denial: bytes | None = None,
    detail: str | None = None,
) -> bool:
    changed = tx.run(
        "UPDATE request SET state = ?, credential = COALESCE(?, credential), denial = COALESCE(?, denial),"
        " detail = COALESCE(?, detail) WHERE hash = ? AND state = ?",
        (int(new), credential, denial, detail, digest, int(old)),
    )
    return changed == 1


def move_requests(tx: Transaction, digests: Sequence[bytes], new: RequestState) -> None:
    """CREDENTIALED to CONSUMED or RELEASED, set-wise; callers have checked the credential's state under lock."""
    tx.update_many("request", {"hash": "blob"}, {"state": "int"}, [(digest, int(new)) for digest in digests])


def due_requests(tx: Transaction, now_s: int, limit: int) -> list[RequestRow]:
    """Pending requests whose time for approvals has passed."""
    rows = tx.all(f"SELECT {_REQUEST} FROM request WHERE state = 2 AND until_s < ? LIMIT ?", (now_s, limit))
    return [_request(row) for row in rows]


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """A credential that central management made."""

    cti: bytes
    request: bytes
    iss: str
    currency: str
    amount: int
    iat: int
    exp: int
    quota_control: str
    buckets: bytes
    state: CredentialState = CredentialState.OPEN
    hash: bytes | None = None
    sealed: bytes | None = None
    used_seq: int | None = None


_CREDENTIAL_KINDS: Columns = {
    "cti": "blob",
    "request": "blob",
    "iss": "text",
    "currency": "text",
    "amount": "int",
    "iat": "int",
    "exp": "int",
    "quota_control": "text",
    "buckets": "blob",
    "state": "int",
}
_CREDENTIAL = "cti, request, iss, currency, amount, iat, exp, quota_control, buckets, state, hash, sealed, used_seq"


def _credential(row: tuple[Any, ...]) -> CredentialRow:
    values = list(row)
    values[9] = CredentialState(values[9])
    return CredentialRow(*values)


def add_credentials(tx: Transaction, rows: Sequence[CredentialRow]) -> None:
    tx.insert_many("credential", _CREDENTIAL_KINDS, list(map(attrgetter(*_CREDENTIAL_KINDS), rows)))


def credentials_by_cti(tx: Transaction, ctis: Sequence[bytes], *, lock: bool = False) -> dict[bytes, CredentialRow]:
    suffix = tx.lock_suffix if lock else ""
    rows = tx.select_in(f"SELECT {_CREDENTIAL} FROM credential WHERE cti {{}}{suffix}", ctis, "blob")
    return {row[0]: _credential(row) for row in rows}


def store_sealed(tx: Transaction, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
    """rows: (cti, hash, sealed); a sealed form is stored once and then always the one that is answered."""
    # the caller holds the head's lock, so nobody stores another form between these two statements
    bare = {
        row[0]
        for row in tx.select_in(
            "SELECT cti FROM credential WHERE sealed IS NULL AND cti {}", [cti for cti, *_ in rows], "blob"
        )
    }
    tx.update_many(
        "credential",
        {"cti": "blob"},
        {"hash": "blob", "sealed": "blob"},
        [row for row in rows if row[0] in bare],
    )


def replace_credential(tx: Transaction, old: bytes, row: CredentialRow) -> None:
    """ISSUANCE-12.1.5: the unsigned bytes were fixed anew, so the credential has a new cti."""
    tx.run(
        "UPDATE credential SET cti = ?, iat = ?, exp = ? WHERE cti = ? AND sealed IS NULL",
        (row.cti, row.iat, row.exp, old),
    )
    tx.run("UPDATE request SET credential = ? WHERE credential = ?", (row.cti, old))


# SPEC ISSUANCE-8.5
def move_credential(tx: Transaction, cti: bytes, old: CredentialState, new: CredentialState, seq: int | None) -> bool:
    changed = tx.run(
        "UPDATE credential SET state = ?, used_seq = ? WHERE cti = ? AND state = ?",
        (int(new), seq, cti, int(old)),
    )
    return changed == 1


def consume_credentials(tx: Transaction, rows: Sequence[tuple[bytes, int]]) -> None:
    """rows: (cti, sequence at quota control); callers hold the rows' locks and have checked their state."""
    tx.update_many(
        "credential",
        {"cti": "blob"},
        {"state": "int", "used_seq": "int"},
        [(cti, int(CredentialState.CONSUMED), seq) for cti, seq in rows],
    )


def unsealed_credentials(tx: Transaction, limit: int) -> list[bytes]:
    """Credentials that were fixed and never sealed: a crash came between."""
    rows = tx.all("SELECT cti FROM credential WHERE sealed IS NULL AND state = 0 ORDER BY cti LIMIT ?", (limit,))
    return [row[0] for row in rows]


# SPEC ISSUANCE-10.4.1
def expired_credentials(tx: Transaction, before_s: int, limit: int) -> list[CredentialRow]:
    rows = tx.all(
        f"SELECT {_CREDENTIAL} FROM credential WHERE state = 0 AND exp < ? ORDER BY exp LIMIT ?",
        (before_s, limit),
    )
    return [_credential(row) for row in rows]


def held_credentials(tx: Transaction, after: int) -> list[tuple[CredentialRow, bytes]]:
    """Reserved credentials, and those used beyond a log position of quota control, each with its request."""
    names = ", ".join(f"credential.{name}" for name in _CREDENTIAL.split(", "))
    rows = tx.all(
        f"SELECT {names}, request.data FROM credential JOIN request ON request.hash = credential.request"
        " WHERE credential.state = 0 OR (credential.state = 1 AND credential.used_seq > ?) ORDER BY credential.cti",
        (after,),
    )
    return [(_credential(row[:-1]), row[-1]) for row in rows]


# SPEC ISSUANCE-10.4.5
def expired_sums(tx: Transaction, now_s: int) -> dict[tuple[str, str], int]:
    """(currency, issuer) to what is still reserved for credentials that have expired."""
    rows = tx.all(
        "SELECT currency, iss, SUM(amount) FROM credential WHERE state = 0 AND exp <= ? GROUP BY currency, iss",
        (now_s,),
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One officer's decision on one object."""

    hash: bytes
    object: bytes
    person: str
    title: str | None
    decision: int
    data: bytes
    exp: int


def approvals_of(tx: Transaction, digest: bytes) -> list[ApprovalRow]:
    rows = tx.all(
        "SELECT hash, object, person, title, decision, data, exp FROM approval WHERE object = ? ORDER BY person",
        (digest,),
    )
    return [ApprovalRow(*row) for row in rows]


def add_approval(tx: Transaction, row: ApprovalRow) -> None:
    kinds: Columns = {
        "hash": "blob",
        "object": "blob",
        "person": "text",
        "title": "text",
        "decision": "int",
        "data": "blob",
        "exp": "int",
    }
    tx.insert_many("approval", kinds, [tuple(getattr(row, name) for name in kinds)])


@dataclass(frozen=True, slots=True)
class EnrolmentRow:
    """A key that asks to stand in the manifest."""

    hash: bytes
    kid: bytes
    role: str
    holder: str
    data: bytes
    delivered: bytes | None = None
    receipt: bytes | None = None


def add_enrolment(tx: Transaction, row: EnrolmentRow) -> bool:
    """False where this key has asked before."""
    if tx.one("SELECT kid FROM enrolment WHERE kid = ?", (row.kid,)) is not None:
        return False
    tx.insert_many(
        "enrolment",
        {"hash": "blob", "kid": "blob", "role": "text", "holder": "text", "data": "blob"},
        [(row.hash, row.kid, row.role, row.holder, row.data)],
    )
    return True


def enrolments(tx: Transaction) -> list[EnrolmentRow]:
    rows = tx.all("SELECT hash, kid, role, holder, data, delivered, receipt FROM enrolment ORDER BY kid")
    return [EnrolmentRow(*row) for row in rows]


def enrolment_by_kid(tx: Transaction, kid: bytes) -> EnrolmentRow | None:
    row = tx.one("SELECT hash, kid, role, holder, data, delivered, receipt FROM enrolment WHERE kid = ?", (kid,))
    return EnrolmentRow(*row) if row else None


# SPEC ISSUANCE-2.2.2
def deliver_once(tx: Transaction, kid: bytes, sealed_hash: bytes) -> bool:
    """Note that the key was handed out; False where it was before."""
    return tx.run("UPDATE enrolment SET delivered = ? WHERE kid = ? AND delivered IS NULL", (sealed_hash, kid)) == 1


def note_receipt(tx: Transaction, kid: bytes, receipt: bytes) -> bool:
    changed = tx.run(
        "UPDATE enrolment SET receipt = ? WHERE kid = ? AND delivered IS NOT NULL AND receipt IS NULL",
        (receipt, kid),
    )
    return changed == 1


def add_return(tx: Transaction, ref: bytes, kind: str, currency: str, iss: str, amount: int, seq: int) -> bool:
    """A redemption or cancellation that quota control reported; False where it was applied before."""
    if tx.one("SELECT ref FROM returned WHERE ref = ?", (ref,)) is not None:
        return False
    kinds: Columns = {
        "ref": "blob",
        "kind": "text",
        "currency": "text",
        "iss": "text",
        "amount": "int",
        "seq": "int",
    }
    tx.insert_many("returned", kinds, [(ref, kind, currency, iss, amount, seq)])
    return True
