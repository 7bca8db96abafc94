"""Steps 4 to 6: show credentials, check control bits (D1 to D6), make units (D7), register (D8), report (D9)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from specie.issuance.api import Bit, Registration
from specie.issuance.engine.issuance_system.asking import Conflict, asked_in, commit, denied
from specie.issuance.engine.issuance_system.batch import Batch
from specie.issuance.errors import (
    AlreadyMinted,
    BitExpired,
    BitMismatch,
    BitNotMine,
    CredentialConflict,
    CredentialExpired,
    CredentialRevoked,
    Denial,
    KeyNotActive,
    KeyRevoked,
    WrongAudience,
)
from specie.issuance.messages.claims import Claims, Signed
from specie.issuance.messages.objects import AccountOrder, ControlBit, Minted, Model, Presentation
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import open_many, read_unverified
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.protocol.units import plan_units, unit_root
from specie.issuance.store import issuance_system as store
from specie.issuance.store.issuance_system import IssueRow, IssueState, UnitState
from specie.kernel import codec
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from specie.issuance.api import Registry
    from specie.issuance.engine.issuance_system.system import IssuanceSystemEngine

FINAL = (CredentialExpired, CredentialRevoked, CredentialConflict)
"""Refusals of step 5 after which this credential can never become a bit."""


@dataclass(frozen=True, slots=True)
class Made:
    """Units and notes of one issue, before they are stored."""

    row: IssueRow
    old: IssueState
    values: list[tuple[bytes, int, bytes]]
    """(serial, value, unit)"""
    minted: bytes
    registry: str


# SPEC ISSUANCE-6.1.2
async def present(engine: IssuanceSystemEngine, rows: Sequence[IssueRow]) -> list[IssueRow]:
    """Steps 4 to 6 for a batch of credentialed issues; a refusal in real time leaves the row where it is."""
    if not rows:
        return []
    answers = await answers_for(engine, rows)
    bits = [answer.bit if isinstance(answer, Bit) else None for answer in answers]
    checked = await check_bits(engine, rows, bits)
    fresh: list[IssueRow] = []
    good: list[tuple[IssueRow, Signed[ControlBit]]] = []
    for row, answer, bit in zip(rows, answers, checked, strict=True):
        engine.last_error[row.id] = answer if isinstance(answer, Exception) else None
        if isinstance(bit, BitExpired):
            # it counts in the quota, but its time to mint has passed: kept for a cancellation
            held = replace(row, state=IssueState.BIT, bit=answer.bit, bit_cti=cti_of(answer.bit), code=bit.code)
            fresh.append(held)
        elif isinstance(bit, Denial):
            engine.desk.observer.alarm(bit.chapter, "quota control answered a control bit that does not fit")
            engine.last_error[row.id] = bit
            fresh.append(row)
        elif bit is not None:
            good.append((row, bit))
            fresh.append(row)
        else:
            fresh.append(denied(row, answer) if isinstance(answer, FINAL) else row)
    await keep_moved(engine, rows, fresh)
    if not good:
        return fresh
    minted = {row.id: row for row in await mint(engine, good)}
    return [minted.get(row.id, row) for row in fresh]


# SPEC ISSUANCE-20.19, ISSUANCE-21.11
async def answers_for(engine: IssuanceSystemEngine, rows: Sequence[IssueRow]) -> list[Any]:
    """Show the credentials; one whose presentation was signed by a key that has stopped since is presented anew."""
    control_bits, me = engine.quota_control.control_bits, engine.desk.me
    answers: list[Any] = list(await control_bits([row.presentation or b"" for row in rows], peer=me))
    old = [index for index, answer in enumerate(answers) if isinstance(answer, KeyNotActive | KeyRevoked)]
    if not old:
        return answers
    now_s = engine.desk.now_s()
    items: list[tuple[Claims, Body]] = []
    for index in old:
        before = read_unverified(rows[index].presentation or b"", Presentation)
        claims = Claims(iss=me, aud=before.claims.aud, iat=now_s, cti=engine.desk.new_cti())
        items.append((claims, before.body))
    again = await control_bits(await engine.desk.sign_now("is:req", items), peer=me)
    for index, answer in zip(old, again, strict=True):
        answers[index] = answer
    return answers


def cti_of(bit: bytes) -> bytes:
    """The id of a control bit."""
    return read_unverified(bit, ControlBit).claims.cti


async def keep_moved(engine: IssuanceSystemEngine, before: Sequence[IssueRow], after: Sequence[IssueRow]) -> None:
    """Store what moved without units."""
    from specie.issuance.engine.issuance_system.asking import keep

    await keep(engine, before, after)


async def check_bits(
    engine: IssuanceSystemEngine, rows: Sequence[IssueRow], bits: Sequence[bytes | None]
) -> list[Signed[ControlBit] | Denial | None]:
    """D1 to D5 for a batch; None where there is no bit."""
    desk = engine.desk
    keys = desk.key_set(await desk.current())
    now_s = desk.now_s()
    places = [index for index, bit in enumerate(bits) if bit is not None]

    def work() -> list[Signed[ControlBit] | Denial | None]:
        # SPEC ISSUANCE-6.6.1
        opened = open_many(
            [bits[index] or b"" for index in places],
            ControlBit,
            keys,
            lambda kid: keys.verifiable(kid, ("qc:bit",), now_s),
        )
        answers: list[Signed[ControlBit] | Denial | None] = [None] * len(bits)
        for index, bit in zip(places, opened, strict=True):
            try:
                if isinstance(bit, Denial):
                    raise bit
                check_bit(bit, rows[index], desk.me, now_s)
                answers[index] = bit
            except Denial as refusal:
                answers[index] = refusal
        return answers

    return await desk.offload(work)


# SPEC ISSUANCE-6.6.2, ISSUANCE-6.6.3, ISSUANCE-6.6.4, ISSUANCE-6.6.5
def check_bit(bit: Signed[ControlBit], row: IssueRow, me: str, now_s: int) -> None:
    """D2 to D5. Raises WrongAudience, BitNotMine, BitMismatch, BitExpired."""
    body = bit.body
    if bit.claims.aud != me:
        raise WrongAudience(f"this is {me}")
    if (body.credential_cti, body.credential_hash) != (row.credential, row.credential_hash):
        raise BitNotMine("the bit answers another credential")
    request = asked_in(row.request)
    root, count = unit_root(body.credential_cti, request)
    expected = (
        request.amount,
        request.currency,
        int(request.model),
        root,
        count,
        sha256(request.owner).digest(),
    )
    if (body.amount, body.currency, body.model, body.unit_root, body.unit_count, body.owner_hash) != expected:
        raise BitMismatch("the bit speaks of other units than were asked for")
    if bit.claims.exp is None or bit.claims.exp <= now_s:
        raise BitExpired("the time to mint has passed")


# SPEC ISSUANCE-6.6.7, ISSUANCE-20.10
async def mint(engine: IssuanceSystemEngine, good: Sequence[tuple[IssueRow, Signed[ControlBit]]]) -> list[IssueRow]:
    """D6 and D7: make the units (or the account order), check their sum, store all in one transaction."""
    made = await make_units(engine, good)

    def run(batch: Batch) -> list[IssueRow]:
        return _store(engine, batch, made, [bit for _, bit in good])

    stored: list[IssueRow] = await commit(engine, run)
    waiting = [row for row in stored if row.state == IssueState.MINTED]
    registered = {row.id: row for row in await register(engine, waiting)}
    return [registered.get(row.id, row) for row in stored]


async def make_units(engine: IssuanceSystemEngine, good: Sequence[tuple[IssueRow, Signed[ControlBit]]]) -> list[Made]:
    """Everything of a batch is signed in one call to the keys."""
    desk = engine.desk
    now_s = desk.now_s()
    items: list[tuple[Claims, Body]] = []
    plans: list[list[tuple[bytes, int]]] = []
    for row, bit in good:
        request = asked_in(row.request)
        body = bit.body
        if request.model == Model.ACCOUNT:
            order = AccountOrder(body.currency, body.amount, request.owner, bit.data, body.credential_cti)
            items.append((Claims(iss=desk.me, iat=now_s, cti=desk.new_cti()), order))
            plans.append([(items[-1][0].cti, body.amount)])
        else:
            units = plan_units(desk.me, body.credential_cti, request, bit.data, now_s)
            items.extend((unit.claims, unit.body) for unit in units)
            plans.append([(unit.serial, unit.value) for unit in units])
            if sum(unit.value for unit in units) != body.amount:
                raise BitMismatch("the units do not add up to the bit")
    registries = [await engine.registry_name(row) for row, _ in good]
    notes = [index for index, name in enumerate(registries) if name == OFFLINE]
    for index in notes:
        bit = good[index][1]
        claims = Claims(iss=desk.me, aud=bit.claims.iss, iat=now_s, cti=desk.new_cti())
        items.append((claims, Minted(bit.claims.cti, bit.body.unit_root)))
    signed = iter(await desk.sign_now("is:unit", items))
    values = [[(serial, value, next(signed)) for serial, value in plan] for plan in plans]
    minted = {index: next(signed) for index in notes}
    return [
        Made(
            replace(
                row,
                state=IssueState.RELEASED if registries[index] == OFFLINE else IssueState.MINTED,
                bit=bit.data,
                bit_cti=bit.claims.cti,
                unit_root=bit.body.unit_root,
            ),
            row.state,
            values[index],
            minted.get(index, b""),
            registries[index],
        )
        for index, (row, bit) in enumerate(good)
    ]


# SPEC ISSUANCE-6.6.6, ISSUANCE-6.6.10, ISSUANCE-20.11, ISSUANCE-5.4.5
def _store(
    engine: IssuanceSystemEngine, batch: Batch, made: Sequence[Made], bits: Sequence[Signed[ControlBit]]
) -> list[IssueRow]:
    """Guarded by the state, set-wise: a second mint finds the units of the first."""
    states = store.states_of(batch.tx, [each.row.id for each in made])
    due = [(each, bit) for each, bit in zip(made, bits, strict=True) if states.get(each.row.id) == each.old]
    if store.replace_issues(batch.tx, [(each.old, each.row) for each, _ in due]) != len(due):
        raise Conflict
    store.add_units(
        batch.tx,
        [
            (serial, each.row.id, place, value, int(UnitState.ACTIVE), data)
            for each, _ in due
            for place, (serial, value, data) in enumerate(each.values)
        ],
    )
    for each, bit in due:
        _enter(batch, each, bit)
    done = {each.row.id for each, _ in due}
    return [each.row if each.row.id in done else _minted_before(engine, batch, each.row.id) for each in made]


def _enter(batch: Batch, made: Made, bit: Signed[ControlBit]) -> None:
    """Leaves and outbox of one mint."""
    batch.journal.append("bit", sha256(bit.tbs).digest(), made.row.credential_hash or bytes(32), bit.kid)
    batch.journal.append("mint", bit.body.unit_root, bit.hash)
    if made.minted:
        batch.journal.append("release", sha256(made.minted).digest(), bit.hash)
        batch.journal.send_later("minted", bit.claims.cti, codec.encode([made.minted, b""]))


def _minted_before(engine: IssuanceSystemEngine, batch: Batch, ident: bytes) -> IssueRow:
    """ALREADY_MINTED: the stored units are the answer. Raises Conflict where another call moved the issue elsewhere."""
    stored = store.issue(batch.tx, ident)
    if stored is None or stored.state < IssueState.MINTED:
        raise Conflict
    engine.desk.observer.request("mint", AlreadyMinted.chapter)
    return stored


# SPEC ISSUANCE-6.6.8, ISSUANCE-6.6.9, ISSUANCE-13.4.3
async def register(engine: IssuanceSystemEngine, rows: Sequence[IssueRow]) -> list[IssueRow]:
    """D8 and D9 where the registry is on line: all at once, since a ledger makes one block of many mints.

    An issue whose registry is away or refuses stays MINTED; it is tried again until it succeeds or is cancelled.
    """
    return list(await asyncio.gather(*(register_one(engine, row) for row in rows)))


async def register_one(engine: IssuanceSystemEngine, row: IssueRow) -> IssueRow:
    """One issue into its registry."""
    registry: Registry | None = engine.registries.get(await engine.registry_name(row))
    if registry is None:
        return row
    try:
        receipt = await registry.register(await registration_of(engine, row))
    except Unavailable:
        return row
    except Refused as refusal:
        engine.last_error[row.id] = refusal
        return row
    return await release(engine, row, receipt)


async def registration_of(engine: IssuanceSystemEngine, row: IssueRow) -> Registration:
    """What the registry gets: in the token model the list of units, else the account order."""
    units = await engine.desk.database.read(lambda tx: store.units_of_issue(tx, row.id))
    order = units[0].data if row.model == Model.ACCOUNT else codec.encode([unit.data for unit in units])
    assert row.credential is not None and row.bit is not None and row.unit_root is not None
    return Registration(row.credential, row.bit, order, row.unit_root, row.currency, row.amount, row.address or b"")


async def release(engine: IssuanceSystemEngine, row: IssueRow, receipt: bytes) -> IssueRow:
    """Registered: keep the receipt, note it for quota control, let the units go."""
    desk = engine.desk
    bit = read_unverified(row.bit or b"", ControlBit)
    claims = Claims(iss=desk.me, aud=bit.claims.iss, iat=desk.now_s(), cti=desk.new_cti())
    note = Minted(bit.claims.cti, bit.body.unit_root, sha256(receipt).digest())
    (minted,) = await desk.sign_now("is:unit", [(claims, note)])
    fresh = replace(row, state=IssueState.RELEASED, receipt=receipt)

    def run(batch: Batch) -> IssueRow:
        if not store.replace_issue(batch.tx, IssueState.MINTED, fresh):
            raise Conflict
        batch.journal.append("register", sha256(receipt).digest(), bit.hash)
        batch.journal.append("release", sha256(minted).digest(), bit.hash)
        batch.journal.send_later("minted", bit.claims.cti, codec.encode([minted, receipt]))
        return fresh

    answer: IssueRow = await commit(engine, run)
    return answer
