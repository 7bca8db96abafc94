"""What quota control tells central management: uses, tombstones, redemptions, cancellations (sections 5.4, 10, 14)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from specie.issuance.engine.central_management.batch import Batch, Needs
from specie.issuance.engine.central_management.requests import release
from specie.issuance.engine.desk import Desk
from specie.issuance.errors import CredentialConflict
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import ControlBit, Redemption, Tombstone, Used
from specie.issuance.messages.policy import Kind
from specie.issuance.protocol.plans import BucketPlan, issuer_stock_key, root_keys_of
from specie.issuance.store import central_management as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import KEEP_CAP, unpack_ids
from specie.kernel.errors import Unavailable


# SPEC ISSUANCE-5.4.10, ISSUANCE-15.3.1
@dataclass(frozen=True, slots=True)
class UseItem:
    """Quota control counted a credential: what was reserved is now used."""

    cti: bytes
    hash: bytes
    object_hash: bytes
    """Of the bit or of the dc-used that says so: the leaf here names the leaf there."""
    sequence: int

    @classmethod
    def of_bit(cls, bit: Signed[ControlBit], object_hash: bytes) -> UseItem:
        body = bit.body
        return cls(body.credential_cti, body.credential_hash, object_hash, body.sequence)

    @classmethod
    def of_used(cls, used: Signed[Used], object_hash: bytes) -> UseItem:
        return cls(used.body.credential_cti, used.body.credential_hash, object_hash, used.body.sequence)

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(credential_ctis=[self.cti])

    def decide(self, batch: Batch, desk: Desk) -> bool:
        row = batch.credentials.get(self.cti)
        if row is None or (row.hash is not None and row.hash != self.hash):
            desk.observer.alarm("CREDENTIAL_CONFLICT", "quota control counted a credential that was never made here")
            raise CredentialConflict("no such credential was made here")
        if row.state != store.CredentialState.OPEN:
            if row.state == store.CredentialState.RELEASED:
                desk.observer.alarm("CREDENTIAL_CONFLICT", "a released credential was counted as used")
                raise CredentialConflict("this credential was released")
            return False
        seq = batch.journal.append("consumed", self.object_hash, row.request)
        for ident in unpack_ids(row.buckets):
            bucket = batch.buckets.by_id[ident]
            batch.buckets.move(bucket, seq, self.cti, bucket.settle(row.amount))
        batch.consumed.append((self.cti, self.sequence))
        batch.consumed_requests.append(row.request)
        batch.credentials[self.cti] = replace(row, state=store.CredentialState.CONSUMED)
        return True


# SPEC ISSUANCE-10.4.1, ISSUANCE-10.4.6
@dataclass(frozen=True, slots=True)
class TombItem:
    """Quota control has closed a credential unused: what was reserved is free again."""

    tomb: Signed[Tombstone]
    object_hash: bytes

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(credential_ctis=[self.tomb.body.credential_cti])

    def decide(self, batch: Batch, desk: Desk) -> bool:
        body = self.tomb.body
        row = batch.credentials.get(body.credential_cti)
        if row is None or (row.hash is not None and body.credential_hash not in (row.hash, bytes(32))):
            raise CredentialConflict("no such credential was made here")
        if row.state != store.CredentialState.OPEN:
            if row.state == store.CredentialState.CONSUMED:
                desk.observer.alarm("CREDENTIAL_CONFLICT", "a used credential was closed as unused")
                raise CredentialConflict("this credential was used")
            return False
        seq = batch.journal.append("released", self.object_hash, row.request)
        release(batch, row.buckets, seq, row.cti, row.amount)
        store.move_credential(
            batch.tx, row.cti, store.CredentialState.OPEN, store.CredentialState.RELEASED, body.sequence
        )
        store.move_request(batch.tx, row.request, store.RequestState.CREDENTIALED, store.RequestState.RELEASED)
        batch.credentials[row.cti] = replace(row, state=store.CredentialState.RELEASED)
        return True


# SPEC ISSUANCE-14.8
@dataclass(frozen=True, slots=True)
class ReturnItem:
    """Stock that quota control gave back, on a redemption or a cancellation. Applied once by its reference."""

    reference: bytes
    kind: str
    currency: str
    issuer: str
    amount: int
    object_hash: bytes
    credentials: tuple[tuple[bytes, int], ...] = ()
    """Per credential what came back, where it is known: then every stock bucket of the credential is relieved."""

    @classmethod
    def of_redemption(cls, receipt: Signed[Redemption], issuer: str, object_hash: bytes) -> ReturnItem:
        body = receipt.body
        return cls(receipt.claims.cti, "redeem", body.currency, issuer, body.amount, object_hash)

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        if self.credentials:
            return Needs(credential_ctis=[cti for cti, _ in self.credentials])
        return Needs(plans=[stock_plan(key) for key in self.keys()])

    def keys(self) -> tuple[str, str]:
        return root_keys_of(self.currency)[0], issuer_stock_key(self.currency, self.issuer)

    def decide(self, batch: Batch, desk: Desk) -> bool:
        known = [batch.credentials.get(cti) for cti, _ in self.credentials]
        if any(row is not None and row.state == store.CredentialState.OPEN for row in known):
            # another shard counted it, and its report is still on the way
            raise Unavailable("the use of a credential has not been reported yet")
        if any(cti not in batch.credentials for cti, _ in self.credentials):
            raise CredentialConflict("value came back for a credential that was never made here")
        seq = batch.journal.next_seq()
        if not store.add_return(batch.tx, self.reference, self.kind, self.currency, self.issuer, self.amount, seq):
            return False
        batch.journal.append("returned", self.object_hash)
        if not self.credentials:
            for key in self.keys():
                bucket = batch.buckets.by_key[key]
                batch.buckets.move(bucket, seq, self.reference, bucket.give_back(self.amount))
        for cti, amount in self.credentials:
            for ident in unpack_ids(batch.credentials[cti].buckets):
                bucket = batch.buckets.by_id[ident]
                batch.buckets.move(bucket, seq, self.reference, bucket.give_back(amount))
        return True


def stock_plan(key: str) -> BucketPlan:
    """A stock bucket, by name only."""
    return BucketPlan(key, key, Kind.STOCK, KEEP_CAP, 0, 0, 0)
