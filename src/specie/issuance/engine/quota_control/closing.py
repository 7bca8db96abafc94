"""A credential ends unused: tombstones and revocations; use excludes them by primary key (sections 10.4 and 12.3)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.issuance.engine.desk import Desk
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.quota_control.batch import Batch, Needs
from specie.issuance.errors import CredentialConflict
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import Tombstone, Used
from specie.issuance.protocol.journal import ZERO_KID
from specie.issuance.store import quota_control as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.buckets import pack_ids


# SPEC ISSUANCE-10.4.2, ISSUANCE-10.4.6, ISSUANCE-12.3.1, ISSUANCE-5.4.3
@dataclass(frozen=True, slots=True)
class CloseItem:
    """Close a credential unused, or say that it was used; the answer is signed either way."""

    cti: bytes
    hash: bytes
    issuer: str
    asker: str
    """Central management, or the officer's system: the audience of the answer."""
    revoke: bool = False
    actor: bytes = ZERO_KID
    reason: bytes = b""
    """Hash of the dc-revoke."""

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs(cids=[self.cti])

    def decide(self, batch: Batch, desk: Desk) -> Outcome:
        known = batch.uses.get(self.cti)
        if known is not None and known.closed is not None and known.closed in batch.objects:
            return Outcome(batch.objects[known.closed], replayed=True)
        if known is not None and self.hash != bytes(32) and known.hash not in (self.hash, bytes(32)):
            desk.observer.alarm("CREDENTIAL_CONFLICT", "a tombstone names another content for a known id")
            raise CredentialConflict("this credential id was used with other content")
        claims = Claims(iss=desk.me, aud=self.asker, iat=batch.journal.now_s, cti=desk.new_cti())
        keys = desk.key_set(batch.rules)
        if known is not None:
            body: Used | Tombstone = (
                Tombstone(self.cti, known.hash, known.seq)
                if known.state in (store.UseState.TOMBSTONED, store.UseState.REVOKED)
                else Used(self.cti, known.hash, known.seq)
            )
            row = desk.fix(batch.journal, "qc:bit", keys, claims, body)
            batch.journal.append("answered", row.hash, self.reason or bytes(32), self.actor)
            store.close_use(batch.tx, self.cti, row.cti)
            return Outcome(row)
        seq = batch.journal.next_seq()
        row = desk.fix(batch.journal, "qc:bit", keys, claims, Tombstone(self.cti, self.hash, seq))
        batch.journal.append("revoke" if self.revoke else "tombstone", row.hash, self.reason or bytes(32), self.actor)
        state = store.UseState.REVOKED if self.revoke else store.UseState.TOMBSTONED
        batch.add_use(
            store.UseRow(
                self.cti,
                self.hash,
                self.issuer,
                "",
                0,
                0,
                state,
                None,
                seq,
                batch.journal.now_us,
                None,
                pack_ids([]),
                None,
                0,
                b"",
                row.cti,
            )
        )
        batch.objects[row.cti] = row
        return Outcome(row)
