"""The tables of an issuance system: issues, units and redemptions against what was signed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from specie.issuance.engine.audit.books import Books, attempt
from specie.issuance.engine.audit.central_management import is_by
from specie.issuance.engine.audit.chain import check_count, check_log
from specie.issuance.engine.issuance_system.redeeming import DONE
from specie.issuance.errors import Denial
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import (
    AccountOrder,
    ControlBit,
    Minted,
    Model,
    Pause,
    PauseAction,
    Redemption,
    RedemptionRequest,
    Request,
    Unit,
)
from specie.issuance.messages.parcel import Parcel, unpack_parcel
from specie.issuance.protocol.envelope import open_many, read_unverified
from specie.issuance.protocol.units import check_unit
from specie.issuance.store.issuance_system import IssueRow, IssueState, UnitRow, UnitState
from specie.kernel import codec

MESSAGE_BYTES_MAX = 2**20


@dataclass(frozen=True, slots=True)
class Made:
    """One issue with its units, as signed."""

    row: IssueRow
    request: Signed[Request]
    bit: Signed[ControlBit] | None
    units: tuple[UnitRow, ...]
    value: int
    """Sum of the signed values."""


@dataclass(slots=True)
class Making:
    """What an issuance system made, from signed words."""

    books: Books
    made: dict[bytes, Made] = field(default_factory=dict)
    """By issue id."""
    redeemed: dict[bytes, UnitState] = field(default_factory=dict)
    """Serials that a receipt has ended, with the state that follows."""
    receipts: dict[bytes, Signed[Redemption]] = field(default_factory=dict)
    notes: dict[bytes, tuple[Signed[Minted], bytes]] = field(default_factory=dict)
    """Bit cti to the `dc-minted` and the registry's receipt."""


def check(books: Books) -> Making:
    """Every table of an issuance system."""
    check_log(books)
    making = Making(books)
    check_notes(making)
    check_redemptions(making)
    check_issues(making)
    check_states(making)
    made = [each for each in making.made.values() if each.units]
    issues = books.tables["issue"]
    events = {
        "request": len(issues),
        "credentialed": sum(1 for row in issues if row.presentation is not None),
        "denied": sum(1 for row in issues if row.state == IssueState.DENIED and row.denial),
        "bit": len(made),
        "mint": len(made),
        "register": sum(1 for row in issues if row.receipt is not None),
        "release": len(making.notes),
        "redeemed": len(making.receipts),
        "freeze": sum(1 for row in moving_words(books) if row.action == PauseAction.PAUSE),
        "unfreeze": sum(1 for row in moving_words(books) if row.action == PauseAction.RESUME),
    }
    check_count(books, events)
    return making


# SPEC ISSUANCE-6.6.9
def check_notes(making: Making) -> None:
    """The outbox holds the signed notes that the log names."""
    books = making.books
    for row in books.tables["outbox"]:
        what = f"message {row.topic} {row.key.hex()}"

        def read(body: bytes = row.body) -> tuple[Signed[Minted], bytes]:
            value: Any = codec.decode(body, bytes_max=MESSAGE_BYTES_MAX)
            return read_unverified(value[0], Minted), value[1]

        found = attempt(books, "ROW", what, read)
        if found is None:
            continue
        note, receipt = found
        leaf = books.first_leaf(note.hash)
        holds = leaf is not None and leaf.event == "release" and note.body.bit_cti == row.key
        holds = holds and (note.body.receipt_hash is None or note.body.receipt_hash == sha256(receipt).digest())
        books.expect(holds and is_by(books, note, ("is:unit",)), "ROW", f"{what}: not as the log says")
        making.notes[row.key] = (note, receipt)


# SPEC ISSUANCE-15.6.1, ISSUANCE-20.16, ISSUANCE-8.3
def check_issues(making: Making) -> None:
    """Each issue is what request, bit and units say."""
    books = making.books
    units: dict[bytes, list[UnitRow]] = defaultdict(list)
    for unit in books.tables["unit"]:
        units[unit.issue].append(unit)
    for row in books.tables["issue"]:
        what = f"issue {row.id.hex()}"
        request = attempt(books, "ROW", what, read_unverified, row.request, Request)
        if request is None:
            continue
        asked = (request.claims.cti, request.hash, request.body.currency, request.body.amount, request.body.model)
        stored = (row.cti, row.request_hash, row.currency, row.amount, row.model)
        holds = asked == stored and request.hash in books.by_object and is_by(books, request, ("is:req",))
        books.expect(holds, "ROW", f"{what}: not as its request was signed")
        bit = None
        if row.bit is not None:
            bit = attempt(books, "ROW", what, read_unverified, row.bit, ControlBit)
        mine = tuple(units.pop(row.id, ()))
        making.made[row.id] = Made(row, request, bit, mine, check_units(making, row, bit, mine, what))
        check_state(books, making.made[row.id], what)
    for issue, rows in units.items():
        books.fault("ROW", f"{len(rows)} units belong to no issue", issue=issue.hex())


def check_state(books: Books, made: Made, what: str) -> None:
    """The state, from the leaves: it is nowhere else signed."""
    row, bit = made.row, made.bit
    minted = row.state in (IssueState.MINTED, IssueState.REGISTERED, IssueState.RELEASED)
    if row.state == IssueState.DENIED and row.denial:
        holds = sha256(row.denial).digest() in books.by_object
        books.expect(holds, "ROW", f"{what}: its denial is not in the log")
    if bit is None:
        books.expect(not minted and not made.units, "ROW", f"{what}: minted without a control bit")
        return
    books.expect(made.units or not minted, "I5", f"{what}: its units are gone", bit=bit.body.amount)
    mint = books.by_object.get(bit.body.unit_root)
    books.expect((mint is not None) == minted, "ROW", f"{what}: its state is not what the log says")
    released = any(books.by_previous.get(("release", bit.hash), ()))
    books.expect(released == (row.state == IssueState.RELEASED), "ROW", f"{what}: released, and the log says otherwise")
    same = (bit.claims.cti, bit.body.credential_cti) == (row.bit_cti, row.credential)
    same = same and bit.body.credential_hash == row.credential_hash
    if minted:
        same = same and bit.body.unit_root == row.unit_root and mint is not None and mint.previous == bit.hash
        same = same and sha256(bit.tbs).digest() in books.by_object
    books.expect(same, "ROW", f"{what}: not as its control bit says")


# SPEC ISSUANCE-5.4.5, ISSUANCE-20.10
def check_units(
    making: Making, row: IssueRow, bit: Signed[ControlBit] | None, units: tuple[UnitRow, ...], what: str
) -> int:
    """I5: the sum of unit values is the amount of the bit; every unit stands under it. Answers the sum."""
    books, keys = making.books, making.books.keys
    if not units or bit is None or keys is None:
        return 0
    kind: Any = AccountOrder if row.model == Model.ACCOUNT else Unit
    opened = open_many([unit.data for unit in units], kind, keys, lambda kid: keys.entry(kid, ("is:unit",)))
    total = 0
    for place, (unit, item) in enumerate(zip(units, opened, strict=True)):
        name = f"unit {unit.serial.hex()}"
        if isinstance(item, Denial):
            books.fault("ROW", f"{name} does not verify", code=item.chapter)
            continue
        value = item.body.amount if row.model == Model.ACCOUNT else item.body.value
        total += value
        holds = (unit.serial, unit.value, unit.place) == (item.claims.cti, value, place)
        books.expect(holds, "ROW", f"{name}: not as it was signed")
        if row.model == Model.TOKEN:
            fault = None
            try:
                check_unit(item, bit)
            except Denial as refusal:
                fault = refusal.detail
            books.expect(fault is None, "I5", f"{name}: {fault}")
    holds = total == bit.body.amount and len(units) == bit.body.unit_count
    books.expect(holds, "I5", f"{what}: units and control bit differ", units=total, bit=bit.body.amount)
    return total


def check_redemptions(making: Making) -> None:
    """Redemptions under way and done, with the receipts of quota control."""
    books = making.books
    for row in books.tables["redemption"]:
        what = f"redemption {row.cti.hex()}"
        request = attempt(books, "ROW", what, read_unverified, row.data, RedemptionRequest)
        if request is None:
            continue
        parcel: Parcel | None = attempt(books, "ROW", what, unpack_parcel, row.parcel)
        asked = (request.claims.iss, request.claims.cti, request.hash)
        holds = asked == (row.iss, row.cti, row.hash) and parcel is not None and parcel.request == row.data
        books.expect(holds, "ROW", f"{what}: not as it was signed")
        if row.state != DONE:
            continue
        receipt = attempt(books, "ROW", what, read_unverified, row.receipt, Redemption)
        leaf = books.by_object.get(sha256(row.receipt or b"").digest())
        holds = receipt is not None and leaf is not None and (leaf.event, leaf.previous) == ("redeemed", row.hash)
        if books.expect(holds and is_by(books, receipt, ("qc:bit",)), "ROW", f"{what}: its receipt"):
            making.receipts[row.hash] = receipt
            end = UnitState.REDEEMED if request.body.beneficiary else UnitState.DESTROYED
            making.redeemed.update(dict.fromkeys(request.body.units or (), end))


def moving_words(books: Books) -> list[Any]:
    """The officers' words that moved a unit: of the two that agree the log names the first."""
    return [row for row in books.tables["unit_freeze"] if row.hash in books.by_object]


# SPEC ISSUANCE-8.4, ISSUANCE-12.4.1
def check_states(making: Making) -> None:
    """A unit is redeemed where a receipt says so, frozen where the last word of the officers says so."""
    books = making.books
    frozen: dict[bytes, tuple[int, int]] = {}
    for row in books.tables["unit_freeze"]:
        word = attempt(books, "ROW", f"freeze {row.hash.hex()}", read_unverified, row.data, Pause)
        if word is not None:
            said = (word.hash, word.body.scope, word.body.action)
            holds = said == (row.hash, f"unit:{row.serial.hex()}", row.action) and is_by(books, word, ("officer",))
            books.expect(holds, "ROW", f"freeze {row.hash.hex()} is not what an officer signed")
    for row in moving_words(books):
        place = books.by_object[row.hash].sequence
        frozen[row.serial] = max(frozen.get(row.serial, (0, 0)), (place, row.action))
    for row in books.tables["unit"]:
        _, action = frozen.get(row.serial, (0, PauseAction.RESUME))
        expected = UnitState.FROZEN if action == PauseAction.PAUSE else UnitState.ACTIVE
        expected = making.redeemed.get(row.serial, expected)
        books.expect(row.state == expected, "ROW", f"unit {row.serial.hex()} is not {expected.name.lower()}")
