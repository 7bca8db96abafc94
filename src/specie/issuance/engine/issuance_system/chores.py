"""What an issuance system does besides answering: take issues up again, report mints, give up bits, checkpoint."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from specie.issuance.api import MintNote
from specie.issuance.engine.issuance_system import redeeming
from specie.issuance.engine.issuance_system.batch import Batch, Work
from specie.issuance.engine.quota_control.chores import follow
from specie.issuance.engine.rounds import try_each
from specie.issuance.errors import KeyNotActive, KeyRevoked, UnknownKey
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import Cancel, ControlBit, Minted, Model, Request
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.store import issuance_system as store
from specie.issuance.store import journal as journal_store
from specie.issuance.store.issuance_system import IssueRow, IssueState
from specie.kernel import codec
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from specie.issuance.engine.issuance_system.system import IssuanceSystemEngine

BATCH_MAX = 100
PATIENCE_US = 2_000_000
"""An issue younger than this is still in the hands of the call that began it."""


async def step(engine: IssuanceSystemEngine, *, patience_us: int = PATIENCE_US) -> None:
    """One round of chores; each can fail without the others. Raises the first failure."""
    await try_each(
        lambda: follow(engine, engine.central_management),
        lambda: follow_policies(engine),
        lambda: take_up(engine, patience_us),
        lambda: report(engine),
        lambda: redeeming.resume(engine),
        engine.log.make_checkpoint,
    )


async def follow_policies(engine: IssuanceSystemEngine) -> None:
    """Fetch policies that were missed, one after the other."""
    for data in await engine.central_management.rules.policies_since(await policy_version(engine)):
        await engine.rules.apply_policy(data)


async def policy_version(engine: IssuanceSystemEngine) -> int:
    rules = await engine.desk.current()
    return rules.book.newest.policy.version if rules.book else 0


# SPEC ISSUANCE-9.6.1, ISSUANCE-6.1.2
async def take_up(engine: IssuanceSystemEngine, patience_us: int = PATIENCE_US) -> int:
    """Go on with issues that a crash, or a system that was away, left under way."""
    before_us = engine.desk.clock.now_us() - patience_us
    rows = await engine.desk.database.read(lambda tx: store.open_issues(tx, before_us, BATCH_MAX))
    due = [row for row in rows if row.id not in engine.busy]
    given_up = [partial(give_up, engine, row) for row in due if row.state == IssueState.BIT]
    engine.busy.take(row.id for row in due)
    try:
        await engine.advance([row for row in due if row.state != IssueState.BIT])
    finally:
        engine.busy.leave(row.id for row in due)
    await abandon(engine, due)
    await try_each(*given_up)
    return len(due)


async def abandon(engine: IssuanceSystemEngine, rows: list[IssueRow]) -> None:
    """A credential that expired without a bit is of no more use; central management will have it closed."""
    now_s = engine.desk.now_s()
    for row in rows:
        if row.state == IssueState.CREDENTIALED and row.credential_exp is not None:
            last = engine.last_error.get(row.id)
            if row.credential_exp < now_s and last is not None and not isinstance(last, Unavailable):
                await end(engine, row, getattr(last, "code", "issuance.credential_expired"))


async def end(engine: IssuanceSystemEngine, row: IssueRow, code: str) -> None:
    fresh = replace(row, state=IssueState.ABANDONED, code=code)

    def run(batch: Batch) -> bool:
        return store.replace_issue(batch.tx, row.state, fresh)

    await engine.writer.submit(Work(run))


# SPEC ISSUANCE-10.6.2, ISSUANCE-10.6.3
async def give_up(engine: IssuanceSystemEngine, row: IssueRow) -> None:
    """A bit whose time to mint has passed: cancelled where the registry is on line, else used for good."""
    name = await engine.registry_name(row)
    registry = engine.registries.get(name)
    if name == OFFLINE:
        await end(engine, row, "issuance.bit_expired")
        return
    if registry is None or row.bit is None:
        return
    desk = engine.desk
    bit = read_unverified(row.bit, ControlBit)
    owner = read_unverified(row.request, Request).body.owner if row.model == Model.ACCOUNT else None
    claims = Claims(iss=desk.me, aud=bit.claims.iss, iat=desk.now_s(), cti=bit.body.credential_cti)
    (cancel,) = await desk.sign_now("is:unit", [(claims, Cancel(bit.claims.cti, bit.body.unit_root, owner))])
    receipt = await registry.cancel(cancel, row.bit)
    await engine.quota_control.cancel(cancel, receipt, peer=desk.me)
    await end(engine, row, "issuance.bit_expired")


async def report(engine: IssuanceSystemEngine) -> int:
    """D9 from the outbox; receivers drop repeats."""
    sent = 0
    while count := await send(engine):
        sent += count
        if count < BATCH_MAX:
            break
    return sent


async def send(engine: IssuanceSystemEngine) -> int:
    """One call's worth of mint notes; how many are done with."""
    messages = await engine.desk.database.read(lambda tx: journal_store.unsent(tx, "minted", BATCH_MAX))
    if not messages:
        return 0
    values: list[Any] = [codec.decode(message.body, bytes_max=2**20) for message in messages]
    answers = await engine.quota_control.minted([MintNote(*value) for value in values], peer=engine.desk.me)
    done = []
    for message, value, answer in zip(messages, values, answers, strict=True):
        if isinstance(answer, KeyNotActive | KeyRevoked):
            await renew(engine, message, value)
            continue
        if isinstance(answer, UnknownKey):
            continue  # quota control has not heard of a new key yet
        if isinstance(answer, Refused):
            engine.desk.observer.alarm("MINT_NOTE_REFUSED", f"{answer.code}: {answer.detail}")
        if not isinstance(answer, Unavailable):
            done.append(message.id)
    now_us = engine.desk.clock.now_us()
    await engine.writer.submit(Work(lambda batch: journal_store.mark_sent(batch.tx, done, now_us)))
    return len(done)


# SPEC ISSUANCE-12.1.5, ISSUANCE-20.19
async def renew(engine: IssuanceSystemEngine, message: journal_store.Message, value: Any) -> None:
    """A note whose key stopped before it arrived says the same under the key in force, in the next round."""
    desk = engine.desk
    old = read_unverified(value[0], Minted)
    claims = Claims(iss=desk.me, aud=old.claims.aud, iat=desk.now_s(), cti=desk.new_cti())
    (note,) = await desk.sign_now("is:unit", [(claims, old.body)])
    body = codec.encode([note, value[1]])

    def run(batch: Batch) -> None:
        if journal_store.replace_message(batch.tx, message.id, message.body, body):
            batch.journal.append("refixed", sha256(note).digest(), old.hash)

    await engine.writer.submit(Work(run))


async def settle(engine: IssuanceSystemEngine) -> bool:
    """One round of chores that never raises; False where something has to be tried again."""
    try:
        await step(engine)
    except (Refused, Unavailable) as error:
        engine.desk.observer.alarm("CHORE_FAILED", f"{type(error).__name__}: {error}")
        return False
    return True
