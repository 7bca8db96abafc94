"""What central management does besides answering: expire, close, sign what waits, checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from specie.issuance.engine.central_management.keep import RefixItem
from specie.issuance.engine.central_management.requests import ExpireItem, quota_control_of
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.rounds import try_each
from specie.issuance.messages.claims import Claims, read_payload, tbs_hash
from specie.issuance.messages.objects import Credential, Deny
from specie.issuance.protocol.keyset import may_sign
from specie.issuance.store import central_management as store
from specie.issuance.store import journal as journal_store
from specie.issuance.store.journal import ObjectRow
from specie.kernel import codec
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from specie.issuance.engine.central_management.system import CentralManagementEngine

GRACE_S = 60
BATCH_MAX = 256


async def step(engine: CentralManagementEngine) -> None:
    """One round of chores; each can fail without the others. Raises the first failure."""
    await try_each(
        lambda: confirm(engine),
        lambda: sign_leftovers(engine),
        lambda: expire(engine),
        lambda: close_expired(engine),
        engine.log.make_checkpoint,
    )


async def confirm(engine: CentralManagementEngine) -> None:
    """Central management is the registry of keys: its own newest manifest is the newest."""
    rules = await engine.desk.current()
    if rules.keys is not None:
        await engine.rules.confirm_keys(rules.keys.version)


async def expire(engine: CentralManagementEngine) -> int:
    """End pending requests whose time for approvals has passed."""
    now_s = engine.desk.now_s()
    rows = await engine.desk.database.read(lambda tx: store.due_requests(tx, now_s, BATCH_MAX))
    decided = await engine.writer.submit_many([ExpireItem(row) for row in rows])
    await engine.finish([each for each in decided if isinstance(each, Outcome)])
    return len(rows)


# SPEC ISSUANCE-10.4.1, ISSUANCE-10.4.3
async def close_expired(engine: CentralManagementEngine) -> int:
    """Ask quota control about credentials that expired a minute ago; only its signed word frees what is reserved."""
    before_s = engine.desk.now_s() - GRACE_S
    rows = await engine.desk.database.read(lambda tx: store.expired_credentials(tx, before_s, BATCH_MAX))
    for name, quota_control in engine.quota_controls.items():
        mine = [(row.cti, row.hash) for row in rows if row.quota_control == name and row.hash is not None]
        if not mine:
            continue
        answers = await quota_control.tombstones(mine, peer=engine.desk.me)
        await engine.close([each.answer for each in answers if not isinstance(each, Exception)])
    return len(rows)


# SPEC ISSUANCE-9.6.1, ISSUANCE-12.1.5
async def sign_leftovers(engine: CentralManagementEngine) -> int:
    """Sign and seal what a crash or absent keys left behind; returns how many."""

    def read(tx: Transaction) -> list[ObjectRow]:
        rows = {row.cti: row for row in journal_store.unsigned_objects(tx, BATCH_MAX)}
        rows.update(journal_store.objects_by_cti(tx, store.unsealed_credentials(tx, BATCH_MAX)))
        return list(rows.values())

    rows = await engine.desk.database.read(read)
    ready = [await refix(engine, row) for row in rows]
    await engine.finish([Outcome(row) for row in ready if row is not None])
    return len(rows)


async def refix(engine: CentralManagementEngine, old: ObjectRow) -> ObjectRow | None:
    """The row itself, or its words fixed anew where its key no longer signs; None where it has gone."""
    desk = engine.desk
    keys = desk.key_set(await desk.current())
    now_s = desk.now_s()
    entry = keys.entries.get(old.kid)
    if old.signature is not None or (entry is not None and may_sign(entry, now_s)):
        return old
    kind = Credential if old.typ == Credential.typ else Deny
    claims, body = read_payload(kind, old.payload)
    signer = keys.signer("cm:cred", desk.me, now_s)
    exp = None if claims.exp is None else now_s + claims.exp - claims.iat
    nbf = None if claims.nbf is None else now_s
    # the id stays: the row of its request names a refusal by it, and a revocation names a credential by it
    fresh = Claims(claims.iss, now_s, claims.cti, claims.aud, exp, nbf)
    credential = await row_of(engine, fresh) if isinstance(body, Credential) else None
    payload = codec.encode(fresh.to_wire(body))
    new = ObjectRow(fresh.cti, old.typ, signer.kid, payload, tbs_hash(old.typ, signer.kid, payload), None)
    stands: ObjectRow | None = await engine.writer.submit(RefixItem(old, new, credential))
    return stands


async def row_of(engine: CentralManagementEngine, fresh: Claims) -> store.CredentialRow:
    """The row of a credential with its new times. Raises Unavailable where it has gone."""
    found = await engine.desk.database.read(lambda tx: store.credentials_by_cti(tx, [fresh.cti]))
    if fresh.cti not in found or fresh.exp is None:
        raise Unavailable("this credential is not there")
    return replace(found[fresh.cti], iat=fresh.iat, exp=fresh.exp)


async def settle(engine: CentralManagementEngine) -> bool:
    """One round of chores that never raises; False where something has to be tried again."""
    try:
        await step(engine)
    except (Refused, Unavailable) as error:
        engine.desk.observer.alarm("CHORE_FAILED", f"{type(error).__name__}: {error}")
        return False
    return True


__all__ = ["close_expired", "confirm", "expire", "quota_control_of", "settle", "sign_leftovers", "step"]
