"""The three logs against each other: each names what the other decided, and nothing is only in one of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from specie.issuance.engine.audit.books import Books, Said
from specie.issuance.engine.audit.central_management import Promised
from specie.issuance.engine.audit.counting import Counting
from specie.issuance.engine.audit.entries import ids_of, is_in_all
from specie.issuance.engine.audit.issuance_system import Making
from specie.issuance.messages.objects import Minted
from specie.issuance.messages.policy import Kind
from specie.issuance.protocol.plans import plan_buckets
from specie.issuance.protocol.policy import PolicyBook
from specie.issuance.store.central_management import CredentialState
from specie.issuance.store.issuance_system import IssueState
from specie.issuance.store.quota_control import UseState

FREE = (UseState.TOMBSTONED, UseState.REVOKED)


# SPEC ISSUANCE-15.3.1, ISSUANCE-15.3.2
def reconcile(promised: Promised, counting: Counting, makings: Mapping[str, Making]) -> None:
    """Every link between the systems; differences are noted at the system that lacks its side."""
    check_promises(promised, counting)
    check_bits(promised, counting)
    check_plans(promised, counting)
    check_returns(promised, counting)
    check_twins(promised, counting)
    for making in makings.values():
        check_issues(promised, counting, making)
    check_mints(counting, makings)
    check_serials(counting, makings)


def check_promises(promised: Promised, counting: Counting) -> None:
    """What central management closed, quota control has closed: its leaf names the leaf there."""
    cm, qc = promised.books, counting.books
    sent = {row.key for row in qc.tables["outbox"] if row.topic.startswith("use:") and row.sent is not None}
    for cti, row in promised.credentials.items():
        use, what = counting.rows.get(cti), f"credential {cti.hex()}"
        leaf = promised.closing.get(cti)
        there = qc.first_leaf(leaf.object_hash) if leaf is not None else None
        if row.state == CredentialState.CONSUMED:
            lost = use is not None and is_held(qc, use.hash)
            holds = lost or (there is not None and there.event in ("use", "answered") and use is not None)
            state = use.state if use is not None else None
            cm.expect(holds and state not in FREE, "LINK", f"{what}: consumed, and not counted there")
            cm.expect(use is None or lost or row.used_seq == use.seq, "ROW", f"{what}: names another position there")
        elif row.state == CredentialState.RELEASED:
            holds = there is not None and there.event in ("tombstone", "revoke", "answered") and use is not None
            holds = holds and use is not None and use.state in FREE
            cm.expect(holds, "LINK", f"{what}: released, and not closed there")
        elif use is not None and use.bit in sent:
            cm.fault("LINK", f"{what}: its use was reported and never applied")


# SPEC ISSUANCE-17.4
def is_held(qc: Books, credential_hash: bytes) -> bool:
    """Was it counted after a restore? Then what central management was told of it before is lost there."""
    leaf = qc.by_object.get(credential_hash)
    return leaf is not None and leaf.event == "hold"


# SPEC ISSUANCE-20.9, ISSUANCE-1.4.5, ISSUANCE-5.4.9
def check_bits(promised: Promised, counting: Counting) -> None:
    """Each control bit stands on a credential in central management's log, with the same sums."""
    cm, qc = promised.books, counting.books
    for cti, bit in counting.bits.items():
        what = f"control bit {bit.row.cti.hex()}"
        credential, row = cm.said.get(cti), promised.credentials.get(cti)
        use = qc.first_leaf(bit.row.hash)
        if credential is None or row is None or cm.by_object.get(credential.row.hash) is None:
            qc.fault("LINK", f"{what}: no credential leaf in the log of central management", amount=bit.body.amount)
            continue
        named = use is not None and use.previous == credential.row.hash
        qc.expect(named and bit.body.credential_hash == row.hash, "LINK", f"{what}: names another credential")
        qc.expect(of_bit(bit) == of_credential(credential), "LINK", f"{what}: another sum than its credential")
        qc.expect(counting.rows[cti].req == row.request, "ROW", f"{what}: names another request")
    for cti, counted in counting.uses.items():
        if counted.bit is None:
            check_held(promised, counting, cti)


def check_held(promised: Promised, counting: Counting, cti: bytes) -> None:
    """A use whose bit was lost in a restore says what its credential says."""
    cm, qc, use = promised.books, counting.books, counting.uses[cti]
    credential, row = cm.said.get(cti), promised.credentials.get(cti)
    same = credential is not None and row is not None and use.row.hash == row.hash
    if credential is not None:
        body = credential.body
        sums = (body.issuer, body.currency, body.amount, body.model, body.unit_root)
        same = same and sums == (use.issuer, use.currency, use.amount, use.row.model, use.row.unit_root)
    qc.expect(same, "LINK", f"use of {cti.hex()}: not the credential of central management", amount=use.amount)


def of_bit(bit: Said) -> tuple[Any, ...]:
    body = bit.body
    return bit.claims.iss, bit.claims.aud, body.currency, body.amount, body.model, body.unit_root


def of_credential(credential: Said) -> tuple[Any, ...]:
    body = credential.body
    return credential.claims.aud, body.issuer, body.currency, body.amount, body.model, body.unit_root


# SPEC ISSUANCE-15.6.1
def check_plans(promised: Promised, counting: Counting) -> None:
    """Each decision touched exactly the buckets that the policy of its moment names."""
    cm, qc = promised.books, counting.books
    for digest, row in promised.rows.items():
        first = cm.by_object.get(row.hash) or cm.leaf_of(row.credential)
        if row.buckets and first is not None:
            asked = promised.requests[digest]
            check_plan(cm, row.buckets, asked, row.at_us, first.sequence, f"request {row.cti.hex()}")
    for cti, use in counting.rows.items():
        credential = promised.credentials.get(cti)
        origin = promised.requests.get(credential.request) if credential is not None else None
        if cti in counting.uses and origin is not None:
            check_plan(qc, use.buckets, origin, use.at_us, counting.uses[cti].sequence, f"use of {cti.hex()}")


def check_plan(books: Books, packed: bytes, asked: Any, at_us: int, sequence: int, what: str) -> None:
    book: PolicyBook | None = books.book_at(sequence)
    if book is None or any(asked.body.currency not in policy.currencies for policy in book.binding(at_us)):
        books.fault("ROW", f"{what}: no policy was in force")
        return
    keys = {row.id: row.key for row in books.tables["bucket"]}
    found = {keys[ident] for ident in ids_of(books, packed, what)}
    plans = plan_buckets(book.binding(at_us), asked.body, asked.claims.iss, at_us)
    wanted = {plan.key for plan in plans}
    books.expect(found == wanted, "ROW", f"{what}: other buckets than the policy names", buckets=sorted(found ^ wanted))


def check_returns(promised: Promised, counting: Counting) -> None:
    """What came back at central management came back at quota control first."""
    cm, qc = promised.books, counting.books
    told = {each.reference: each for each in counting.returns}
    applied = set()
    for row in cm.tables["returned"]:
        each, leaf = told.get(row.ref), cm.leaves[row.seq - 1] if row.seq <= len(cm.leaves) else None
        applied.add(row.ref)
        if each is None:
            cm.fault("LINK", f"return {row.ref.hex()}: nothing came back at quota control", amount=row.amount)
            continue
        same = (each.kind, each.currency, each.issuer, each.amount) == (row.kind, row.currency, row.iss, row.amount)
        same = same and leaf is not None and (leaf.event, leaf.object_hash) == ("returned", each.told_hash)
        cm.expect(same, "ROW", f"return {row.ref.hex()}: not as quota control signed it")
    for row in qc.tables["outbox"]:
        kind = row.topic.partition(":")[0]
        if kind in ("redeem", "cancel") and row.sent is not None and row.key not in applied:
            cm.fault("LINK", f"return {row.key.hex()}: reported and never applied")


# SPEC ISSUANCE-5.4.7
def check_twins(promised: Promised, counting: Counting) -> None:
    """I7: two accounts of one bucket follow the same events."""
    cm, qc = promised.books, counting.books
    mine = {row.key: row for row in cm.tables["bucket"]}
    applied = {row.ref for row in cm.tables["returned"]}
    late = {each.sequence for each in counting.returns if each.reference not in applied}
    pending: dict[int, int] = defaultdict(int)
    for entry in qc.tables["entry"]:
        if entry.seq in late:
            pending[entry.bucket] -= entry.d_used
    policies = [*cm.policies, *qc.policies]
    for row in qc.tables["bucket"]:
        other = mine.get(row.key)
        if row.kind not in (Kind.STOCK, Kind.LIFETIME) or not is_in_all(policies, row.key):
            continue
        used, reserved = (other.used, other.reserved) if other is not None else (0, 0)
        t = pending[row.id] if row.kind == Kind.STOCK else 0
        qc.expect(
            used <= row.used + t and row.used <= used + reserved,
            "I7",
            f"bucket {row.key}: the two accounts part",
            central_management=[used, reserved],
            quota_control=row.used,
            on_its_way=t,
        )


# SPEC ISSUANCE-5.4.9
def check_issues(promised: Promised, counting: Counting, making: Making) -> None:
    """What an issuance system was answered is durable where the answer came from."""
    books = making.books
    for made in making.made.values():
        row, what = made.row, f"issue {made.row.id.hex()}"
        if row.credential is not None:
            promise = promised.credentials.get(row.credential)
            holds = promise is not None and (promise.hash, promise.request) == (row.credential_hash, row.request_hash)
            books.expect(holds, "I9", f"{what}: central management has no such credential")
        if made.bit is None:
            continue
        bit = counting.books.said.get(made.bit.claims.cti)
        said = bit is not None and bit.row.signature == made.bit.signature and bit.row.kid == made.bit.kid
        detail = "units without a control bit" if made.units else "a control bit that quota control never signed"
        said = said or is_held(counting.books, made.bit.body.credential_hash)
        books.expect(said, "I9", f"{what}: {detail}", value=made.value)
        use = counting.rows.get(made.bit.body.credential_cti)
        if made.units and use is not None and use.state == UseState.CANCELLED:
            registered = row.receipt is not None or row.state == IssueState.RELEASED
            books.expect(not registered, "LINK", f"{what}: registered, and its control bit was cancelled")
    for digest, receipt in making.receipts.items():
        there = counting.books.said.get(receipt.claims.cti)
        holds = there is not None and there.row.signature == receipt.signature
        books.expect(holds, "I9", f"redemption {digest.hex()}: quota control has no such receipt")


# SPEC ISSUANCE-13.2.11
def check_mints(counting: Counting, makings: Mapping[str, Making]) -> None:
    """MINTED at quota control and the note of the issuance system name each other."""
    qc = counting.books
    minted = {leaf.object_hash for leaf in qc.of("minted")}
    for cti, bit in counting.bits.items():
        row, making = counting.rows[cti], makings.get(bit.claims.aud or "")
        if making is None:
            continue
        note = making.notes.get(bit.row.cti)
        if row.state == UseState.MINTED:
            holds = note is not None and note[0].hash in minted and of_note(note[0]) == (bit.row.cti, row.unit_root)
            qc.expect(holds, "LINK", f"control bit {bit.row.cti.hex()}: minted, and no issuance system says so")
        elif note is not None:
            sent = any(m.key == bit.row.cti and m.sent is not None for m in making.books.tables["outbox"])
            qc.expect(
                note[0].hash not in minted and not sent,
                "LINK",
                f"control bit {bit.row.cti.hex()}: its mint was reported and is not entered",
            )


def of_note(note: Any) -> tuple[bytes, bytes]:
    body: Minted = note.body
    return body.bit_cti, body.unit_root


# SPEC ISSUANCE-14.7
def check_serials(counting: Counting, makings: Mapping[str, Making]) -> None:
    """Serials that were redeemed are units that were made, at their value, once."""
    qc = counting.books
    made = {
        unit.serial: (unit.value, each.row.credential)
        for making in makings.values()
        for each in making.made.values()
        for unit in each.units
    }
    returned: dict[bytes, int] = defaultdict(int)
    for each in counting.returns:
        for cid, value in each.shares:
            if each.kind == "redeem" and any(cid):
                returned[cid] += value
        if each.kind != "redeem" or each.issuer not in makings:
            continue
        for (serial, value), (cid, _) in zip(each.serials.items(), each.shares, strict=True):
            if any(cid):
                qc.expect(
                    made.get(serial) == (value, cid),
                    "LINK",
                    f"serial {serial.hex()}: redeemed, and not the unit that was made",
                    value=value,
                )
    for cid, value in returned.items():
        bit = counting.bits.get(cid)
        amount = bit.body.amount if bit is not None else 0
        qc.expect(value <= amount, "I5", f"credential {cid.hex()}: more redeemed than issued", redeemed=value)
    ended = {serial for each in counting.returns for serial in each.serials}
    for making in makings.values():
        for serial in making.redeemed:
            making.books.expect(serial in ended, "I9", f"unit {serial.hex()}: redeemed here only")


def all_faults(parts: Sequence[Books]) -> list[Any]:
    """The differences of all systems, in order."""
    return [fault for books in parts for fault in books.faults]
