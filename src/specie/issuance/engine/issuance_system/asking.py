"""Steps 1 and 3 at the issuance system: requests out, sealed credentials in, presentations made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from specie.issuance.api import Granted, Order, Pending
from specie.issuance.engine.issuance_system.batch import Batch, Work
from specie.issuance.errors import Denial, KeyNotActive, KeyRevoked, RequestExpired, Schema, UnknownRequest
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import Presentation, Request
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.requests import REQUEST_LIFETIME_S, check_shape
from specie.issuance.store import issuance_system as store
from specie.issuance.store.issuance_system import IssueRow, IssueState
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from specie.issuance.engine.issuance_system.system import IssuanceSystemEngine


@lru_cache(maxsize=1024)
def asked_in(request: bytes) -> Request:
    """The body of a request of this system, which is looked into at every step of its issue."""
    return read_unverified(request, Request).body


@lru_cache(maxsize=1024)
def request_of(order: Order) -> Request:
    """The body of a request. Raises Schema."""
    body = Request.from_wire(
        Request(
            order.currency,
            order.amount,
            int(order.model),
            order.owner,
            order.purpose,
            order.denominations,
            order.supersedes,
            order.operator,
        ).to_wire()
    )
    check_shape(body)
    # SPEC ISSUANCE-13.2.2 (the owner of units of a ledger is the hash of its address)
    if order.address and sha256(order.address).digest() != order.owner:
        raise Schema("the owner is not the hash of the address")
    return body


# SPEC ISSUANCE-6.1.1
async def create(engine: IssuanceSystemEngine, orders: Sequence[Order], idents: Sequence[bytes]) -> list[IssueRow]:
    """Sign requests and store them before anything is sent."""
    desk = engine.desk
    now_s = desk.now_s()
    items: list[tuple[Claims, Body]] = [
        (
            Claims(
                iss=desk.me,
                aud=engine.central_management_id,
                iat=now_s,
                exp=now_s + REQUEST_LIFETIME_S,
                cti=desk.new_cti(),
            ),
            request_of(order),
        )
        for order in orders
    ]
    signed = await desk.sign_now("is:req", items)
    rows = [
        IssueRow(
            ident,
            claims.cti,
            IssueState.NEW,
            order.currency,
            order.amount,
            int(order.model),
            data,
            sha256(data).digest(),
            address=order.address or None,
            at_us=desk.clock.now_us(),
        )
        for ident, order, data, (claims, _) in zip(idents, orders, signed, items, strict=True)
    ]

    def run(batch: Batch) -> None:
        # a commit whose answer was lost is tried again
        known = store.issues(batch.tx, [row.id for row in rows])
        fresh = [row for row in rows if row.id not in known]
        store.add_issues(batch.tx, fresh)
        for row in fresh:
            batch.journal.append("request", row.request_hash)

    await engine.writer.submit(Work(run))
    return rows


# SPEC ISSUANCE-6.1.2, ISSUANCE-6.4.1
async def ask(engine: IssuanceSystemEngine, rows: Sequence[IssueRow]) -> list[IssueRow]:
    """Send requests (again, the same bytes), and turn answers into states. Unavailable leaves a row where it is."""
    if not rows:
        return []
    answers = await answers_for(engine, rows)
    granted = [index for index, answer in enumerate(answers) if isinstance(answer, Granted)]
    shown = await present_objects(engine, [answers[index] for index in granted])
    moved: dict[int, IssueRow] = {}
    for index, presentation in zip(granted, shown, strict=True):
        answer: Granted = answers[index]
        moved[index] = replace(
            rows[index],
            state=IssueState.CREDENTIALED,
            credential=answer.cti,
            credential_hash=answer.hash,
            sealed=answer.sealed,
            credential_exp=answer.exp,
            presentation=presentation,
        )
    for index, answer in enumerate(answers):
        if isinstance(answer, Pending) and rows[index].state == IssueState.NEW:
            moved[index] = replace(rows[index], state=IssueState.REQUESTED)
        elif isinstance(answer, Refused) and getattr(answer, "code", "") != "issuance.in_progress":
            moved[index] = denied(rows[index], answer)
    fresh = [moved.get(index, row) for index, row in enumerate(rows)]
    await keep(engine, rows, fresh)
    for index, answer in enumerate(answers):
        engine.last_error[rows[index].id] = answer if isinstance(answer, Exception) else None
    return fresh


LATE = (RequestExpired, KeyNotActive, KeyRevoked)
"""What the same bytes are told when they come again too late, whatever became of them the first time."""


# SPEC ISSUANCE-6.1.2, ISSUANCE-20.19
async def answers_for(engine: IssuanceSystemEngine, rows: Sequence[IssueRow]) -> list[Any]:
    """Send what is new; ask what has become of the rest, since officers may take longer than a request lives."""
    me, central_management = engine.desk.me, engine.central_management
    new = [index for index, row in enumerate(rows) if row.state == IssueState.NEW]
    sent = await central_management.submit_requests([rows[index].request for index in new], peer=me) if new else ()
    answers: list[Any] = [None] * len(rows)
    for index, answer in zip(new, sent, strict=True):
        answers[index] = answer
    for index, row in enumerate(rows):
        if answers[index] is not None and not isinstance(answers[index], LATE):
            continue
        try:
            answers[index] = await central_management.request_answer(row.cti, peer=me)
        except UnknownRequest as refusal:
            answers[index] = answers[index] or refusal
        except (Refused, Unavailable) as error:
            answers[index] = error
    return answers


def denied(row: IssueRow, refusal: Refused) -> IssueRow:
    """The row with the refusal and its evidence."""
    evidence = refusal.evidence if isinstance(refusal, Denial) else b""
    return replace(row, state=IssueState.DENIED, code=refusal.code, detail=refusal.detail, denial=evidence or None)


async def present_objects(engine: IssuanceSystemEngine, granted: Sequence[Granted]) -> list[bytes]:
    """SPEC ISSUANCE-6.4.1 (presentations, with the sealed credentials unchanged inside)."""
    desk = engine.desk
    now_s = desk.now_s()
    items: list[tuple[Claims, Body]] = [
        (
            Claims(iss=desk.me, aud=answer.quota_control, iat=now_s, cti=desk.new_cti()),
            Presentation(answer.sealed, sha256(answer.sealed).digest()),
        )
        for answer in granted
    ]
    return await desk.sign_now("is:req", items)


class Conflict(RuntimeError):
    """An issue was moved by another call in between; nothing of this batch is kept and it is tried again later."""


async def commit(engine: IssuanceSystemEngine, run: Callable[[Batch], Any]) -> Any:
    """Run a stage's work by the writer. Raises Unavailable where an issue has moved; what is stored stands."""
    try:
        return await engine.writer.submit(Work(run))
    except Conflict as error:
        raise Unavailable("this issue was moved by another call; ask again") from error


# SPEC ISSUANCE-8.3, ISSUANCE-8.5
async def keep(engine: IssuanceSystemEngine, before: Sequence[IssueRow], after: Sequence[IssueRow]) -> None:
    """Store rows that moved, each by an update that succeeds only from the state it was in."""
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old.state != new.state]
    if not changed:
        return

    def run(batch: Batch) -> None:
        if store.replace_issues(batch.tx, [(old.state, new) for old, new in changed]) != len(changed):
            raise Conflict
        for _, new in changed:
            name = object_of(new)
            if name is not None:
                batch.journal.append(new.state.name.lower(), name, new.request_hash)

    await commit(engine, run)


def object_of(row: IssueRow) -> bytes | None:
    """The object that a state change speaks of; None where it adds none."""
    if row.state == IssueState.CREDENTIALED and row.presentation is not None:
        return sha256(row.presentation).digest()
    if row.state == IssueState.DENIED and row.denial:
        return sha256(row.denial).digest()
    return None
