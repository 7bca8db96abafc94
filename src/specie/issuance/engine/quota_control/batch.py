"""One write transaction of quota control: what its items read, lock and write together (ISSUANCE-9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from specie.issuance.engine.desk import Desk
from specie.issuance.protocol.plans import BucketPlan
from specie.issuance.store import quota_control as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import Buckets, unpack_ids
from specie.issuance.store.journal import Journal, ObjectRow, objects_by_cti, read_head
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable


@dataclass(slots=True)
class Needs:
    """What an item will look at."""

    plans: list[BucketPlan] = field(default_factory=list)
    cids: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    bucket_cids: list[bytes] = field(default_factory=list)
    """Uses whose own buckets will be moved."""


@dataclass(slots=True)
class Batch:
    """The context that every item decides in."""

    desk: Desk
    journal: Journal
    rules: rules_store.InForce
    buckets: Buckets
    uses: dict[bytes, store.UseRow] = field(default_factory=dict)
    by_request: dict[bytes, bytes] = field(default_factory=dict)
    objects: dict[bytes, ObjectRow] = field(default_factory=dict)
    new_uses: list[store.UseRow] = field(default_factory=list)
    minted: list[bytes] = field(default_factory=list)
    counted: list[store.CountedRow] = field(default_factory=list)

    @property
    def tx(self) -> Transaction:
        return self.journal.tx

    def add_use(self, row: store.UseRow) -> None:
        """Enter what happened to a credential; later items of the batch see it."""
        self.new_uses.append(row)
        self.uses[row.cid] = row
        if row.req is not None:
            self.by_request[row.req] = row.cid

    def settle(self) -> None:
        """Write what was decided so far, so that the next item finds it in the tables."""
        self.flush()
        self.new_uses, self.minted, self.counted = [], [], []
        self.buckets.moves.clear()
        for bucket in self.buckets.by_id.values():
            bucket.changed = False
        self.journal = Journal(self.tx, read_head(self.tx), self.journal.now_us)

    def flush(self) -> None:
        """Write what the items decided, set-wise; the head last."""
        with self.tx.together():
            if self.new_uses:
                store.add_uses(self.tx, self.new_uses)
            if self.minted:
                store.mark_minted(self.tx, self.minted)
            if self.counted:
                store.add_counted(self.tx, self.counted)
            self.buckets.flush()
            self.journal.flush()


class Item(Protocol):
    """One thing to decide."""

    def decide(self, batch: Batch, desk: Desk) -> Any:
        """The answer; raises a refusal, which changes nothing."""


# SPEC ISSUANCE-9.2.2, ISSUANCE-9.2.3, ISSUANCE-9.2.4
def run_batch(desk: Desk, tx: Transaction, items: Sequence[Item]) -> list[Any]:
    """Lock the buckets, then the head, then look; decide in order of arrival; write set-wise."""
    head = read_head(tx)
    rules = desk.in_force(tx, head.rules)
    now_us = max(tx.now_us(), head.at_us, head.high_us)
    needs: list[Needs] = [item.needs(rules, now_us) if hasattr(item, "needs") else Needs() for item in items]
    buckets = Buckets(tx)
    returning = sorted({cid for need in needs for cid in need.bucket_cids})
    ids: set[int] = set()
    if returning:
        # a use never changes its buckets, so reading it before the lock is safe
        ids = {i for row in store.uses_by_cid(tx, returning).values() for i in unpack_ids(row.buckets)}
    buckets.lock([plan for need in needs for plan in need.plans], ids, now_us)
    journal = Journal.open(tx)
    desk.saw(journal.head.at_us)
    if journal.head.rules != rules.rules:
        rules = desk.in_force(tx, journal.head.rules)
    batch = Batch(desk, journal, rules, buckets)
    cids = sorted({cid for need in needs for cid in (*need.cids, *need.bucket_cids)})
    batch.uses = store.uses_by_cid(tx, cids) if cids else {}
    requests = sorted({digest for need in needs for digest in need.requests})
    batch.by_request = store.uses_by_request(tx, requests) if requests else {}
    bits = [cti for row in batch.uses.values() for cti in (row.bit, row.closed) if cti is not None]
    batch.objects = objects_by_cti(tx, bits) if bits else {}
    answers: list[Any] = []
    for item in items:
        try:
            answers.append(item.decide(batch, desk))
        except (Refused, Unavailable) as refusal:
            answers.append(refusal)
        if batch.journal.rules_changed:
            batch.settle()
            batch.rules = desk.in_force(tx, batch.journal.head.rules)
    if batch.journal.leaves:
        desk.saw(batch.journal.now_us)
    batch.flush()
    return answers
