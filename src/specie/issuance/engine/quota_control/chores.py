"""What quota control does besides answering: sign what waits, report, state the supply, keep its keys fresh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from specie.issuance.api import CentralManagement, Report
from specie.issuance.engine.desk import Desk, assemble
from specie.issuance.engine.quota_control.batch import Batch
from specie.issuance.engine.quota_control.stating import is_due, make
from specie.issuance.engine.rounds import try_each
from specie.issuance.messages.claims import Claims, read_payload, tbs_hash
from specie.issuance.messages.objects import ControlBit
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.keyset import may_sign
from specie.issuance.store import journal as journal_store
from specie.issuance.store import quota_control as store
from specie.issuance.store.journal import Message, ObjectRow
from specie.kernel import codec
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from specie.issuance.engine.quota_control.system import QuotaControlEngine

REPORTS_MAX = 256
UNSIGNED_MAX = 256


async def step(engine: QuotaControlEngine, central_management: CentralManagement) -> None:
    """One round of chores; each can fail without the others. Raises the first failure."""
    await try_each(
        lambda: follow(engine, central_management),
        lambda: sign_leftovers(engine),
        lambda: report(engine, central_management),
        lambda: state_supply(engine),
    )


# SPEC ISSUANCE-15.4.1
async def state_supply(engine: QuotaControlEngine) -> None:
    """A supply statement per checkpoint; the first does not wait until a checkpoint is due."""
    if await engine.log.make_checkpoint(force=await is_due(engine)) is not None:
        await make(engine)


# SPEC ISSUANCE-2.1.3, ISSUANCE-2.1.4
async def follow(engine: Any, central_management: CentralManagement) -> None:
    """Fetch manifests that were missed, one after the other, and confirm that ours is the newest."""
    rules = await engine.desk.current()
    version = rules.keys.version if rules.keys else 0
    for data in await central_management.rules.keys_since(version):
        version = await engine.rules.apply_keys(data)
    if version:
        await engine.rules.confirm_keys(version)


class RefixItem:
    """SPEC ISSUANCE-12.1.5 (bytes whose key stopped before they were signed are fixed anew under the key in force)."""

    def __init__(self, old: ObjectRow) -> None:
        self.old = old

    def decide(self, batch: Batch, desk: Desk) -> ObjectRow | None:
        keys = desk.key_set(batch.rules)
        entry = keys.entries.get(self.old.kid)
        if entry is not None and may_sign(entry, batch.journal.now_s):
            return None
        new = refixed(desk, batch, self.old)
        if not journal_store.refix_object(batch.tx, self.old, new):
            return None
        if new.typ == ControlBit.typ:
            store.replace_bit(batch.tx, self.old.cti, new.cti)
            journal_store.rename_message(batch.tx, self.old.cti, new.cti)
        batch.journal.append("refixed", new.hash, self.old.hash)
        return new


def refixed(desk: Desk, batch: Batch, old: ObjectRow) -> ObjectRow:
    """The same words with new times, under the key that signs now; a bit gets a new cti too.

    The others keep theirs: rows of redemptions, closed credentials and statements name them by it.
    """
    kind = {each.typ: each for each in signed_kinds()}[old.typ]  # type: ignore[attr-defined]
    claims, body = read_payload(kind, old.payload)
    now_s = batch.journal.now_s
    exp = None if claims.exp is None else now_s + claims.exp - claims.iat
    nbf = None if claims.nbf is None else now_s
    entry = desk.key_set(batch.rules).signer("qc:bit", desk.me, now_s)
    cti = desk.new_cti() if old.typ == ControlBit.typ else claims.cti
    fresh = Claims(claims.iss, now_s, cti, claims.aud, exp, nbf)
    payload = codec.encode(fresh.to_wire(body))
    return ObjectRow(fresh.cti, old.typ, entry.kid, payload, tbs_hash(old.typ, entry.kid, payload), None)


def signed_kinds() -> Sequence[type[Body]]:
    """Everything that quota control signs after a commit."""
    from specie.issuance.messages.objects import Deny, Lease, Redemption, Supply, Tombstone, Used

    return (ControlBit, Used, Tombstone, Deny, Redemption, Supply, Lease)


# SPEC ISSUANCE-9.6.1
async def sign_leftovers(engine: QuotaControlEngine) -> int:
    """Sign what a crash or absent keys left unsigned; returns how many."""
    from specie.issuance.engine.quota_control.system import SignItem

    rows = await engine.desk.database.read(lambda tx: journal_store.unsigned_objects(tx, UNSIGNED_MAX))
    if not rows:
        return 0
    answers: list[Any] = await engine.writer.submit_many([RefixItem(row) for row in rows])
    if failed := next((each for each in answers if isinstance(each, Exception)), None):
        raise failed
    ready = [new or row for new, row in zip(answers, rows, strict=True)]
    signatures = await engine.desk.sign_rows(ready)
    hashes = {row.cti: row.hash for row in ready}
    await engine.writer.submit(SignItem({cti: (each, hashes[cti]) for cti, each in signatures.items()}))
    return len(signatures)


# SPEC ISSUANCE-5.4.10, ISSUANCE-9.6.1
async def report(engine: QuotaControlEngine, central_management: CentralManagement) -> int:
    """Send what the outbox holds, in order of kinds; receivers drop repeats. Returns how many went."""
    sent = 0
    for kind in ("use", "redeem", "cancel"):
        while count := await send(engine, central_management, kind):
            sent += count
            if count < REPORTS_MAX:
                break
    return sent


async def send(engine: QuotaControlEngine, central_management: CentralManagement, kind: str) -> int:
    """One call's worth of reports of a kind."""
    desk = engine.desk
    topic = f"{kind}:{engine.central_management}"
    pairs = await desk.database.read(lambda tx: due(tx, topic, kind))
    if pairs:
        await central_management.report([each for _, each in pairs], peer=desk.me)
        ids = [message.id for message, _ in pairs]
        now_us = desk.clock.now_us()
        await desk.database.write(lambda tx: journal_store.mark_sent(tx, ids, now_us))
    return len(pairs)


def due(tx: Transaction, topic: str, kind: str) -> list[tuple[Message, Report]]:
    """Outbox rows whose objects are signed, with what they say."""
    messages = journal_store.unsent(tx, topic, REPORTS_MAX)
    heads = {message.id: _object_of(kind, message) for message in messages}
    rows = journal_store.objects_by_cti(tx, [cti for cti in heads.values() if cti]) if heads else {}
    answer = []
    for message in messages:
        cti = heads[message.id]
        if kind == "cancel":
            value: Any = codec.decode(message.body, bytes_max=65536)
            data, bit = value
            answer.append((message, Report(kind, message.key, (data, bit))))
            continue
        row = rows.get(cti)
        if row is None or row.signature is None:
            continue
        signed = assemble(row, row.signature)
        if kind == "use":
            answer.append((message, Report(kind, message.key, (signed,))))
        else:
            whole: Any = codec.decode(message.body, bytes_max=2**20)
            _, request, shares = whole
            answer.append((message, Report(kind, message.key, (signed, request, codec.encode(shares)))))
    return answer


def _object_of(kind: str, message: Message) -> bytes:
    if kind == "use":
        return message.body
    if kind == "cancel":
        return b""
    return bytes(codec.decode(message.body, bytes_max=2**20)[0])  # type: ignore[index]


async def settle(engine: QuotaControlEngine, central_management: CentralManagement) -> bool:
    """One round of chores that never raises; False where something has to be tried again."""
    try:
        await step(engine, central_management)
    except (Refused, Unavailable) as error:
        engine.desk.observer.alarm("CHORE_FAILED", f"{type(error).__name__}: {error}")
        return False
    return True
