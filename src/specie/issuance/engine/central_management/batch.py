"""One write transaction of central management: what its items read, lock and write together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from specie.issuance.engine.desk import Desk
from specie.issuance.protocol.plans import BucketPlan
from specie.issuance.store import central_management as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import Buckets, unpack_ids
from specie.issuance.store.journal import Journal, read_head
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable


@dataclass(slots=True)
class Batch:
    """The context that every item decides in."""

    desk: Desk
    journal: Journal
    rules: rules_store.InForce
    buckets: Buckets
    requests: dict[tuple[str, bytes], store.RequestRow] = field(default_factory=dict)
    credentials: dict[bytes, store.CredentialRow] = field(default_factory=dict)
    new_requests: list[store.RequestRow] = field(default_factory=list)
    new_credentials: list[store.CredentialRow] = field(default_factory=list)
    consumed: list[tuple[bytes, int]] = field(default_factory=list)
    consumed_requests: list[bytes] = field(default_factory=list)

    @property
    def tx(self) -> Transaction:
        return self.journal.tx

    def flush(self) -> None:
        """Write what the items decided, set-wise; the head last."""
        with self.tx.together():
            if self.new_requests:
                store.add_requests(self.tx, self.new_requests)
            if self.new_credentials:
                store.add_credentials(self.tx, self.new_credentials)
            if self.consumed:
                store.consume_credentials(self.tx, self.consumed)
                store.move_requests(self.tx, self.consumed_requests, store.RequestState.CONSUMED)
            self.buckets.flush()
            self.journal.flush()


@dataclass(slots=True)
class Needs:
    """What an item will look at, so that a batch reads and locks it in one go, always in the same order."""

    plans: list[BucketPlan] = field(default_factory=list)
    request_ctis: list[bytes] = field(default_factory=list)
    credential_ctis: list[bytes] = field(default_factory=list)
    bucket_keys: list[str] = field(default_factory=list)


class Item(Protocol):
    """One thing to decide."""

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        """What it will look at."""

    def decide(self, batch: Batch, desk: Desk) -> Any:
        """The answer; raises a refusal, which changes nothing."""


def run_batch(desk: Desk, tx: Transaction, items: Sequence[Item]) -> list[Any]:
    """Lock, read, decide in order of arrival, write. Refusals are answers; anything else rolls the batch back."""
    head = read_head(tx)
    rules = desk.in_force(tx, head.rules)
    now_us = max(tx.now_us(), head.at_us, head.high_us)
    needs = [item.needs(rules, now_us) if hasattr(item, "needs") else Needs() for item in items]
    credentials = store.credentials_by_cti(
        tx, sorted({cti for need in needs for cti in need.credential_ctis}), lock=True
    )
    buckets = Buckets(tx)
    ids = {ident for row in credentials.values() for ident in unpack_ids(row.buckets)}
    buckets.lock([plan for need in needs for plan in need.plans], ids, now_us)
    # SPEC ISSUANCE-9.2.10
    journal = Journal.open(tx)
    desk.saw(journal.head.at_us)
    if journal.head.rules != rules.rules:
        rules = desk.in_force(tx, journal.head.rules)
    batch = Batch(desk, journal, rules, buckets, credentials=credentials)
    batch.requests = store.requests_by_cti(tx, sorted({cti for need in needs for cti in need.request_ctis}))
    answers: list[Any] = []
    for item in items:
        try:
            answers.append(item.decide(batch, desk))
        except (Refused, Unavailable) as refusal:
            answers.append(refusal)
        if journal.rules_changed:
            # what follows in this batch must see the new rules
            journal.flush()
            batch.journal = journal = reopen(tx, journal)
            batch.rules = desk.in_force(tx, journal.head.rules)
    if batch.journal.leaves:
        desk.saw(batch.journal.now_us)
    batch.flush()
    return answers


def reopen(tx: Transaction, journal: Journal) -> Journal:
    """A journal that goes on where the flushed one ended, at the same moment."""
    return Journal(tx, read_head(tx), journal.now_us)
