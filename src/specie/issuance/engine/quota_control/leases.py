"""Leases: the root of a currency lends quota to shards, so that they count without asking it (ISSUANCE section 9.4).

What is lent is reserved at the root for as long as it is lent, so used + reserved never passes the cap, whatever the
shards do; no transaction spans two of them. A shard works inside the sum of its leases and may hand back what it has
not used. Redemptions all go to the root: value that a shard issued is taken off what the root holds reserved for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from specie.issuance.engine.desk import Desk
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.quota_control.batch import Batch, Needs
from specie.issuance.errors import ChannelMismatch, LeaseRefused, QuotaExceededRealTime, WrongAudience
from specie.issuance.messages.claims import Claims, Signed
from specie.issuance.messages.objects import Lease
from specie.issuance.messages.policy import CurrencyRule, Kind
from specie.issuance.protocol.envelope import open_one
from specie.issuance.protocol.plans import BucketPlan, root_keys_of
from specie.issuance.store import quota_control as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import KEEP_CAP
from specie.kernel.db import Transaction

if TYPE_CHECKING:
    from specie.issuance.engine.quota_control.system import QuotaControlEngine

RETURN = "return:"
"""Bucket name of a `dc-lease` that a shard signs to hand quota back; the id of the lease follows in hex."""


def lease_key(currency: str) -> str:
    """The bucket in which a shard counts what it has been lent."""
    return f"lease:{currency}"


def lease_plan(tx: Transaction, rule: CurrencyRule, currency: str, me: str) -> BucketPlan | None:
    """A shard's further bucket: the sum of its leases is the cap. None at the root."""
    if me == rule.quota_control:
        return None
    key = lease_key(currency)
    return BucketPlan(key, key, Kind.STOCK, store.leased_out(tx, root_keys_of(currency)[0]), 0, 0, 0)


def root_plans(currency: str) -> list[BucketPlan]:
    """Stock root and lifetime root, by name only."""
    stock, lifetime = root_keys_of(currency)
    return [
        BucketPlan(stock, stock, Kind.STOCK, KEEP_CAP, 0, 0, 0),
        BucketPlan(lifetime, lifetime, Kind.LIFETIME, KEEP_CAP, 0, 0, 0),
    ]


# SPEC ISSUANCE-9.4.1
@dataclass(frozen=True, slots=True)
class LeaseItem:
    """At the root: lend, if the root buckets have room; what is lent is reserved."""

    currency: str
    amount: int
    shard: str

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(plans=self.plans(rules, now_us))

    def plans(self, rules: rules_store.InForce, now_us: int) -> list[BucketPlan]:
        """The root buckets with the caps in force."""
        from dataclasses import replace

        if rules.book is None:
            return []
        caps = {plan.key: plan.cap for plan in root_plans(self.currency)}
        for policy in rules.book.binding(now_us):
            for limit in policy.limits:
                dims = (limit.issuer, limit.owner_class, limit.purpose, limit.model)
                key = f"{Kind(limit.kind).name.lower()}:{limit.currency}"
                if key in caps and not any(dims) and limit.window is None:
                    caps[key] = limit.cap if caps[key] == KEEP_CAP else min(caps[key], limit.cap)
        return [replace(plan, cap=caps[plan.key]) for plan in root_plans(self.currency)]

    def decide(self, batch: Batch, desk: Desk) -> Outcome:
        rule = rule_of(batch, desk, self.currency)
        if rule.quota_control != desk.me or self.shard not in rule.shards:
            raise LeaseRefused(f"{self.shard} is no shard of {self.currency} here")
        buckets = [batch.buckets.by_key[plan.key] for plan in root_plans(self.currency)]
        for bucket in buckets:
            if not bucket.has_room(self.amount, batch.journal.now_us):
                raise QuotaExceededRealTime(f"{bucket.key} has no room to lend this")
        seq = batch.journal.next_seq()
        claims = Claims(iss=desk.me, aud=self.shard, iat=batch.journal.now_s, cti=desk.new_cti())
        body = Lease(root_keys_of(self.currency)[0], self.amount, self.shard)
        row = desk.fix(batch.journal, "qc:bit", desk.key_set(batch.rules), claims, body)
        batch.journal.append("lease", row.hash)
        for bucket in buckets:
            batch.buckets.move(bucket, seq, row.cti, bucket.reserve(self.amount))
        store.add_lease(batch.tx, row.cti, body.bucket, self.amount, self.shard, seq)
        return Outcome(row)


@dataclass(frozen=True, slots=True)
class HoldLeaseItem:
    """At the shard: take in a lease that the root signed; the same one again changes nothing."""

    lease: Signed[Lease]

    def decide(self, batch: Batch, desk: Desk) -> bool:
        body = self.lease.body
        if self.lease.claims.aud != desk.me or body.shard != desk.me:
            raise WrongAudience("the lease is for another shard")
        if store.lease(batch.tx, self.lease.claims.cti) is not None:
            return False
        seq = batch.journal.append("leased", self.lease.hash, actor=self.lease.kid)
        store.add_lease(batch.tx, self.lease.claims.cti, body.bucket, body.amount, desk.me, seq)
        return True


@dataclass(frozen=True, slots=True)
class HandBackItem:
    """At the shard: give up what is left of a lease, before the root hears of it."""

    cti: bytes
    currency: str

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        key = lease_key(self.currency)
        return Needs(plans=[BucketPlan(key, key, Kind.STOCK, KEEP_CAP, 0, 0, 0)])

    def decide(self, batch: Batch, desk: Desk) -> Outcome | None:
        known = store.lease(batch.tx, self.cti)
        if known is None or known[3]:
            raise LeaseRefused("no such lease, or it was handed back before")
        bucket_name, amount, _, _ = known
        bucket = batch.buckets.by_key[lease_key(self.currency)]
        free = min(amount, store.leased_out(batch.tx, bucket_name) - bucket.used - bucket.reserved)
        if free <= 0:
            return None
        claims = Claims(iss=desk.me, iat=batch.journal.now_s, cti=desk.new_cti())
        body = Lease(RETURN + self.cti.hex(), free, desk.me)
        row = desk.fix(batch.journal, "qc:bit", desk.key_set(batch.rules), claims, body)
        batch.journal.append("lease-back", row.hash)
        store.return_lease(batch.tx, self.cti, free)
        return Outcome(row)


@dataclass(frozen=True, slots=True)
class TakeBackItem:
    """At the root: what a shard hands back is free again, once."""

    lease: Signed[Lease]
    cti: bytes
    currency: str

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(plans=root_plans(self.currency))

    def decide(self, batch: Batch, desk: Desk) -> bool:
        known = store.lease(batch.tx, self.cti)
        if known is None or known[2] != self.lease.claims.iss or self.lease.body.amount > known[1]:
            raise LeaseRefused("no such lease of this shard, or more than was lent")
        if not store.return_lease(batch.tx, self.cti, self.lease.body.amount):
            return False
        seq = batch.journal.append("lease-returned", self.lease.hash, actor=self.lease.kid)
        for plan in root_plans(self.currency):
            bucket = batch.buckets.by_key[plan.key]
            batch.buckets.move(bucket, seq, self.cti, bucket.release(self.lease.body.amount))
        return True


def rule_of(batch: Batch, desk: Desk, currency: str) -> CurrencyRule:
    """The newest policy's rule of a currency. Raises LeaseRefused."""
    rule = desk.policy_book(batch.rules).newest.policy.currencies.get(currency)
    if rule is None:
        raise LeaseRefused(f"{currency} is no currency of the policy")
    return rule


async def lend(engine: QuotaControlEngine, currency: str, amount: int, peer: str | None) -> bytes:
    """The root's call: a signed `dc-lease` for the shard that asks."""
    if peer is None:
        raise ChannelMismatch("a lease goes to the shard that asks for it")
    (answer,) = await engine.finish([await engine.writer.submit(LeaseItem(currency, amount, peer))])
    if isinstance(answer, Exception):
        raise answer
    return answer[0]


async def open_lease(engine: QuotaControlEngine, data: bytes) -> Signed[Lease]:
    """A lease, or a return of one, signed by a quota control. Raises the refusal."""
    keys = engine.desk.key_set(await engine.desk.current())
    now_s = engine.desk.now_s()
    item = open_one(data, Lease, keys, lambda kid: keys.active(kid, ("qc:bit",), now_s))
    if keys.entries[item.kid].holder != item.claims.iss:
        raise ChannelMismatch("the lease names another system than the owner of its key")
    return item


async def hold(engine: QuotaControlEngine, data: bytes) -> bool:
    """The shard takes a lease in; it must come from the root that the policy names."""
    item = await open_lease(engine, data)
    book = engine.desk.policy_book(await engine.desk.current())
    rule = book.newest.policy.currencies.get(item.body.bucket.partition(":")[2])
    if rule is None or rule.quota_control != item.claims.iss:
        raise LeaseRefused("the lease is not from the root of its currency")
    return bool(await engine.writer.submit(HoldLeaseItem(item)))


async def hand_back(engine: QuotaControlEngine, cti: bytes, currency: str) -> bytes | None:
    """The shard's return message; None where nothing is left."""
    decided = await engine.writer.submit(HandBackItem(cti, currency))
    if decided is None:
        return None
    (answer,) = await engine.finish([decided])
    if isinstance(answer, Exception):
        raise answer
    return answer[0]


async def take_back(engine: QuotaControlEngine, data: bytes) -> bool:
    """The root frees what a shard hands back."""
    item = await open_lease(engine, data)
    if not item.body.bucket.startswith(RETURN):
        raise LeaseRefused("this is no return of a lease")
    cti = bytes.fromhex(item.body.bucket.removeprefix(RETURN))
    known = await engine.desk.database.read(lambda tx: store.lease(tx, cti))
    if known is None:
        raise LeaseRefused("no such lease")
    return bool(await engine.writer.submit(TakeBackItem(item, cti, known[0].partition(":")[2])))
