"""Redemption and destruction: each serial, burn or posting returns stock quota once (section 14)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from specie.issuance.engine.desk import Desk
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.quota_control.batch import Batch, Needs
from specie.issuance.errors import AlreadyRedeemed, IdempotencyMismatch, Schema, UnitInvalid
from specie.issuance.messages.claims import Claims, Signed
from specie.issuance.messages.objects import Redemption, RedemptionRequest
from specie.issuance.messages.policy import Kind
from specie.issuance.protocol.plans import BucketPlan, issuer_stock_key, root_keys_of
from specie.issuance.protocol.policy import check_pauses
from specie.issuance.protocol.units import serials_root
from specie.issuance.store import quota_control as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import KEEP_CAP, unpack_ids
from specie.issuance.store.journal import objects_by_cti
from specie.kernel import codec


@dataclass(frozen=True, slots=True)
class Share:
    """One unit, or one burn or posting, with the value that comes back."""

    reference: bytes
    """Serial, or the registry's reference."""
    value: int
    cid: bytes
    """Credential cti of the unit's bit; zero for account money and burns."""
    shard_amount: int | None = None
    """Amount of the bit, where a shard signed it: then the value is taken off what the shard was lent."""


@dataclass(frozen=True, slots=True)
class RedeemItem:
    """One verified `dc-redreq` (owner, units, proofs hold)."""

    request: Signed[RedemptionRequest]
    issuer: str
    """Whose stock is relieved."""
    shares: tuple[Share, ...]
    central_management: str
    bank: str = ""
    """Set where account money of this bank is redeemed (ISSUANCE-14.14)."""

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        cids = sorted({share.cid for share in self.shares if any(share.cid) and share.shard_amount is None})
        if cids or any(share.shard_amount is not None for share in self.shares):
            root = root_keys_of(self.request.body.currency)[0]
            return Needs(cids=cids, bucket_cids=cids, plans=[BucketPlan(root, root, Kind.STOCK, KEEP_CAP, 0, 0, 0)])
        keys = (
            root_keys_of(self.request.body.currency)[0],
            issuer_stock_key(self.request.body.currency, self.issuer),
        )
        return Needs(plans=[BucketPlan(key, key, Kind.STOCK, KEEP_CAP, 0, 0, 0) for key in keys])

    # SPEC ISSUANCE-14.3, ISSUANCE-14.15
    def decide(self, batch: Batch, desk: Desk) -> Outcome:
        claims, body, tx = self.request.claims, self.request.body, batch.tx
        known = store.redemption(tx, claims.iss, claims.cti)
        if known is not None:
            if known.hash != self.request.hash:
                raise IdempotencyMismatch("this id was used for another redemption")
            return Outcome(objects_by_cti(tx, [known.receipt])[known.receipt], replayed=True)
        references = [share.reference for share in self.shares]
        if len(set(references)) != len(references):
            raise Schema("a serial stands twice in the request")
        if store.redeemed_refs(tx, references):
            raise AlreadyRedeemed("a serial or reference was redeemed before")
        policies = desk.policy_book(batch.rules).binding(batch.journal.now_us)
        # SPEC ISSUANCE-14.13 (refused for a pause, it may come again; nothing is stored)
        scopes = set(batch.rules.pauses).union(*(policy.paused for policy in policies))
        check_pauses(scopes, body.currency, self.issuer, "redeem")
        desk.check_fresh(batch.rules, batch.journal.now_us)
        self.check_bounds(batch, desk)
        return self.count(batch, desk)

    # SPEC ISSUANCE-14.7, ISSUANCE-14.10, ISSUANCE-14.14
    def check_bounds(self, batch: Batch, desk: Desk) -> None:
        """No more comes back than went out: per control bit, per issuer's stock, per bank. Raises UnitInvalid."""
        body, tx = self.request.body, batch.tx
        per_cid = Counter[bytes]()
        for share in self.shares:
            per_cid[share.cid] += share.value
        if per_cid.total() != body.amount:
            raise UnitInvalid("the values do not add up to the amount")
        cids = [cid for cid in per_cid if any(cid)]
        before = store.redeemed_sums(tx, cids) if cids else {}
        shard_amounts = {each.cid: each.shard_amount for each in self.shares if each.shard_amount is not None}
        for cid in cids:
            use = batch.uses.get(cid)
            issued = shard_amounts.get(cid, use.amount if use is not None else 0)
            if issued < before.get(cid, 0) + per_cid[cid]:
                desk.observer.alarm("REDEEMED_BEYOND_ISSUE", "more would be redeemed than a control bit issued")
                raise UnitInvalid("more would be redeemed than its control bit issued")
            if use is not None and use.state == store.UseState.CANCELLED:
                raise UnitInvalid("its control bit was cancelled")
        if not cids:
            stock = batch.buckets.by_key[issuer_stock_key(body.currency, self.issuer)]
            if stock.used < body.amount:
                raise UnitInvalid("the issuer has less outstanding than this")
        if self.bank and store.bank_credit(tx, self.bank, body.currency) < body.amount:
            desk.observer.alarm("REDEEMED_BEYOND_ISSUE", f"{self.bank} redeems account money that it never had")
            raise UnitInvalid("this bank never had that much account money")

    # SPEC ISSUANCE-14.5, ISSUANCE-14.8
    def count(self, batch: Batch, desk: Desk) -> Outcome:
        body, claims, journal = self.request.body, self.request.claims, batch.journal
        seq = journal.next_seq()
        receipt = Redemption(serials_root([share.reference for share in self.shares]), body.currency, body.amount, seq)
        row = desk.fix(
            journal,
            "qc:bit",
            desk.key_set(batch.rules),
            Claims(iss=desk.me, aud=claims.iss, iat=journal.now_s, cti=desk.new_cti()),
            receipt,
        )
        journal.append("redeem", row.hash, self.request.hash, self.request.kid)
        rows = [(share.reference, share.value, share.cid, claims.cti, seq) for share in self.shares]
        store.add_redeemed(batch.tx, rows)
        store.add_redemption(
            batch.tx,
            store.RedemptionRow(
                claims.iss,
                claims.cti,
                self.request.hash,
                row.cti,
                body.currency,
                body.amount,
                self.issuer,
                seq,
            ),
        )
        batch.counted.append(store.CountedRow(seq, "redeem", body.currency, self.issuer, body.amount, row.hash))
        self.give_back(batch, seq)
        if self.bank:
            store.change_bank_credit(batch.tx, self.bank, body.currency, -body.amount)
        shares = [[share.cid, share.value] for share in self.shares if any(share.cid)]
        message = codec.encode([row.cti, self.request.data, shares])
        journal.send_later(f"redeem:{self.central_management}", row.cti, message)
        return Outcome(row)

    def give_back(self, batch: Batch, seq: int) -> None:
        """Stock buckets fall: those of each credential, or the issuer's and the root's."""
        body, cti = self.request.body, self.request.claims.cti
        for share in self.shares:
            if share.shard_amount is not None:
                bucket = batch.buckets.by_key[root_keys_of(body.currency)[0]]
                batch.buckets.move(bucket, seq, cti, bucket.release(share.value))
            elif any(share.cid):
                for ident in unpack_ids(batch.uses[share.cid].buckets):
                    bucket = batch.buckets.by_id[ident]
                    batch.buckets.move(bucket, seq, cti, bucket.give_back(share.value))
            else:
                for key in (root_keys_of(body.currency)[0], issuer_stock_key(body.currency, self.issuer)):
                    bucket = batch.buckets.by_key[key]
                    batch.buckets.move(bucket, seq, cti, bucket.give_back(share.value))
