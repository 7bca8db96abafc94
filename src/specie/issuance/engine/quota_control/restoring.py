"""After a restore: what others hold of this system beyond its last leaf comes back before the first decision (17.4).

A restored log may lack its last moments. Whatever central management counted as used after our last leaf was used; and
what it still holds reserved may have been: all of it is counted as used (HELD) until its holder shows the credential,
which then gets its bit without a second decrement. Two bits of one credential have one unit root, so no registry takes
the value in twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specie.issuance.api import CentralManagement, Held
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.quota_control.batch import Batch, Needs
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Request
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.plans import BucketPlan, plan_buckets
from specie.issuance.protocol.units import unit_root
from specie.issuance.store import quota_control as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import pack_ids

if TYPE_CHECKING:
    from specie.issuance.engine.quota_control.system import QuotaControlEngine


@dataclass(slots=True)
class HoldItem:
    """Count a credential as used that a lost decision may have used."""

    held: Held
    request: Signed[Request]
    plans: list[BucketPlan] = field(default_factory=list)

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        needs = Needs(cids=[self.held.cti], requests=[self.request.hash])
        if rules.book is not None:
            self.plans = plan_buckets(rules.book.binding(now_us), self.request.body, self.request.claims.iss, now_us)
            needs.plans = self.plans
        return needs

    def decide(self, batch: Batch, desk: Desk) -> bool:
        if self.held.cti in batch.uses or self.request.hash in batch.by_request:
            return False
        body, claims, journal = self.request.body, self.request.claims, batch.journal
        root, count = unit_root(self.held.cti, body)
        # the leaf names the credential: its bit, if there was one, is not known here
        seq = journal.append("hold", self.held.hash, self.request.hash)
        touched = [batch.buckets.by_key[plan.key] for plan in self.plans]
        for bucket in touched:
            batch.buckets.move(bucket, seq, self.held.cti, bucket.take(body.amount))
        batch.counted.append(store.CountedRow(seq, "use", body.currency, claims.iss, body.amount, self.held.hash))
        batch.add_use(
            store.UseRow(
                self.held.cti,
                self.held.hash,
                claims.iss,
                body.currency,
                body.amount,
                int(body.model),
                store.UseState.HELD,
                None,
                seq,
                journal.now_us,
                self.request.hash,
                pack_ids([bucket.id for bucket in touched]),
                root,
                count,
                body.owner,
            )
        )
        return True


# SPEC ISSUANCE-17.4
async def take_back(engine: QuotaControlEngine, central_management: CentralManagement, *, restored: bool) -> int:
    """Count what central management holds of us and our log does not; how many credentials that was.

    restored: an operator says that the store was restored. Without it only uses beyond our last leaf prove that, and
    then everything reserved is counted too.
    """
    size = await engine.log.size()
    rows = await central_management.held_credentials(size, peer=engine.desk.me)
    if not restored and not any(row.used for row in rows):
        return 0
    items = [HoldItem(row, read_unverified(row.request, Request)) for row in rows]
    answers = await engine.writer.submit_many(items)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return sum(1 for answer in answers if answer is True)
