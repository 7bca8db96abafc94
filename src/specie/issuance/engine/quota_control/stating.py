"""`dc-supply`: what is out, signed per checkpoint, with a Merkle-sum root that each holder can check (15.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specie.crypto import merkle
from specie.issuance.engine.desk import Desk, assemble
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.quota_control.batch import Batch
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import Supply
from specie.issuance.protocol.supply import SupplyState, supply_root
from specie.issuance.store import journal as journal_store
from specie.issuance.store import quota_control as store
from specie.kernel.db import Transaction
from specie.kernel.errors import Unavailable

if TYPE_CHECKING:
    from specie.issuance.engine.quota_control.system import QuotaControlEngine


# SPEC ISSUANCE-15.4.1, ISSUANCE-15.4.2
class SupplyItem:
    """State the supply at the newest leaf, once per log size."""

    def decide(self, batch: Batch, desk: Desk) -> Outcome | None:
        batch.settle()
        tx, head = batch.tx, batch.journal.head
        state = SupplyState.decode(journal_store.note(tx, "supply"))
        rows = store.counted_since(tx, state.seq, head.seq)
        newest = store.newest_supply(tx)
        if head.seq == 0 or (newest is not None and not rows):
            return None
        state = state.after(rows, head.seq)
        if not state.totals:
            return None  # a statement names at least one currency (annex A)
        journal_store.set_note(tx, "supply", state.encode())
        root = merkle.Frontier.decode(head.frontier, head.seq).root
        body = Supply(head.seq, root, state.totals, supply_root(state.issued.root(), state.returned.root()))
        claims = Claims(iss=desk.me, iat=batch.journal.now_s, cti=desk.new_cti())
        row = desk.fix(batch.journal, "qc:bit", desk.key_set(batch.rules), claims, body)
        batch.journal.append("supply", row.hash)
        store.add_supply(tx, head.seq, row.cti)
        return Outcome(row)


async def make(engine: QuotaControlEngine) -> bytes | None:
    """Sign a statement if anything has happened since the last."""
    decided = await engine.writer.submit(SupplyItem())
    if decided is None:
        return None
    (answer,) = await engine.finish([decided])
    if isinstance(answer, Exception):
        raise answer
    return answer[0]


async def is_due(engine: QuotaControlEngine) -> bool:
    """Whether value was counted and no statement has been made yet: the first one does not wait for its time."""

    def read(tx: Transaction) -> bool:
        return store.newest_supply(tx) is None and store.anything_counted(tx)

    return await engine.desk.database.read(read)


async def newest(engine: QuotaControlEngine) -> bytes:
    """The newest signed statement. Raises Unavailable before the first."""

    def read(tx: Transaction) -> journal_store.ObjectRow | None:
        found = store.newest_supply(tx)
        return journal_store.objects_by_cti(tx, [found[1]]).get(found[1]) if found else None

    row = await engine.desk.database.read(read)
    if row is None or row.signature is None:
        raise Unavailable("no supply statement yet")
    return assemble(row, row.signature)
