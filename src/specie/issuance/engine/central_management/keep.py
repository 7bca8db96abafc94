"""After the commit: signatures and sealed credentials are stored before they are answered (ISSUANCE-6.3.2, 6.3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from specie.issuance.engine.central_management.batch import Batch, Needs
from specie.issuance.engine.desk import Desk, keep_signatures
from specie.issuance.store import central_management as store
from specie.issuance.store import rules as rules_store
from specie.issuance.store.journal import ObjectRow, objects_by_cti, refix_object


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored now, whoever came first."""

    signatures: dict[bytes, bytes]
    credentials: dict[bytes, store.CredentialRow]


@dataclass(frozen=True, slots=True)
class KeepItem:
    """Signatures to store, sealed credentials to store, credentials to read back."""

    signed: Mapping[bytes, tuple[bytes, bytes]]
    """cti -> (signature, hash of the bytes it signs)"""
    sealed: list[tuple[bytes, bytes, bytes]] = field(default_factory=list)
    """(cti, hash, sealed)"""
    wanted: tuple[bytes, ...] = ()

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs()

    def decide(self, batch: Batch, desk: Desk) -> Kept:
        signatures = keep_signatures(batch.tx, self.signed) if self.signed else {}
        # a credential is sealed only beside the signature that is stored
        good = [row for row in self.sealed if signatures.get(row[0]) == self.signed[row[0]][0]]
        store.store_sealed(batch.tx, good)
        return Kept(signatures, store.credentials_by_cti(batch.tx, list(self.wanted)) if self.wanted else {})


# SPEC ISSUANCE-12.1.5
@dataclass(frozen=True, slots=True)
class RefixItem:
    """Bytes whose key stopped before they were signed are fixed anew under the key in force."""

    old: ObjectRow
    new: ObjectRow
    credential: store.CredentialRow | None

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs()

    def decide(self, batch: Batch, desk: Desk) -> ObjectRow | None:
        """The row that stands now; None where it has gone."""
        if not refix_object(batch.tx, self.old, self.new):
            # signed meanwhile, or fixed anew by a commit whose answer was lost
            found = objects_by_cti(batch.tx, [self.new.cti, self.old.cti])
            return found.get(self.new.cti, found.get(self.old.cti))
        if self.credential is not None:
            store.replace_credential(batch.tx, self.old.cti, self.credential)
        batch.journal.append("refixed", self.new.hash, self.old.hash)
        return self.new
