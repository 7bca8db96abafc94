"""What becomes of a bit: minted and registered, or given up and its quota returned (sections 6.6, 10.6)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.issuance.engine.desk import Desk
from specie.issuance.engine.quota_control.batch import Batch, Needs
from specie.issuance.errors import BitMismatch, NotCancellable, UnknownRequest
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Cancel, Minted, Model
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.store import quota_control as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import unpack_ids
from specie.kernel import codec


@dataclass(frozen=True, slots=True)
class MintedItem:
    """SPEC ISSUANCE-13.2.11 (the registry's receipt was checked before; USED becomes MINTED)."""

    minted: Signed[Minted]
    cid: bytes
    bank: str = ""
    """The bank that posted it, in the account model."""

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(cids=[self.cid])

    def decide(self, batch: Batch, desk: Desk) -> bool:
        row = batch.uses.get(self.cid)
        if row is None or row.bit != self.minted.body.bit_cti:
            raise UnknownRequest("no such control bit was signed here")
        if row.unit_root != self.minted.body.unit_root or row.iss != self.minted.claims.iss:
            raise BitMismatch("root or issuer differ from the control bit")
        if row.state == store.UseState.MINTED:
            return False
        if row.state != store.UseState.USED:
            raise NotCancellable("this control bit was cancelled")
        batch.journal.append("minted", self.minted.hash, actor=self.minted.kid)
        batch.minted.append(self.cid)
        batch.uses[self.cid] = moved(row, store.UseState.MINTED)
        if self.bank:
            store.change_bank_credit(batch.tx, self.bank, row.currency, row.amount)
        return True


# SPEC ISSUANCE-10.6.1, ISSUANCE-10.6.2, ISSUANCE-10.6.3
@dataclass(frozen=True, slots=True)
class CancelItem:
    """A bit that was never minted comes back: only with an on-line registry's proof that its root is cancelled."""

    cancel: Signed[Cancel]
    cid: bytes
    bit: bytes
    """cti of the bit."""
    central_management: str

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(cids=[self.cid], bucket_cids=[self.cid])

    def decide(self, batch: Batch, desk: Desk) -> bool:
        row = batch.uses.get(self.cid)
        if row is None or row.bit != self.cancel.body.bit_cti or row.iss != self.cancel.claims.iss:
            raise UnknownRequest("no such control bit was signed here for this system")
        if row.unit_root != self.cancel.body.unit_root:
            raise BitMismatch("root differs from the control bit")
        if row.state == store.UseState.CANCELLED:
            return False
        policies = desk.policy_book(batch.rules).binding(batch.journal.now_us)
        rule = policies[0].currencies[row.currency]
        if row.state != store.UseState.USED or (row.model == Model.TOKEN and rule.token_registry == OFFLINE):
            raise NotCancellable("it was minted, or its registry is off line")
        seq = batch.journal.append("cancel", self.cancel.hash, actor=self.cancel.kid)
        for ident in unpack_ids(row.buckets):
            bucket = batch.buckets.by_id[ident]
            batch.buckets.move(bucket, seq, self.cid, bucket.give_back(row.amount))
        if self.cid in {each.cid for each in batch.new_uses}:
            batch.settle()
        store.move_use(batch.tx, self.cid, store.UseState.USED, store.UseState.CANCELLED)
        batch.uses[self.cid] = moved(row, store.UseState.CANCELLED)
        batch.counted.append(store.CountedRow(seq, "cancel", row.currency, row.iss, row.amount, self.cancel.hash))
        batch.journal.send_later(
            f"cancel:{self.central_management}",
            self.cancel.claims.cti,
            codec.encode([self.cancel.data, self.bit]),
        )
        return True


def moved(row: store.UseRow, state: store.UseState) -> store.UseRow:
    """The row as later items of the batch must see it."""
    values = [getattr(row, name) for name in store.UseRow.__slots__]
    values[store.UseRow.__slots__.index("state")] = state
    return store.UseRow(*values)
