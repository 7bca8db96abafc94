"""Keys ask to be admitted; a manifest may only bring keys that two officers admitted (ISSUANCE section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from specie.crypto import cose, ed25519
from specie.issuance.engine.central_management.batch import Batch, Needs
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.rulebook import ManifestItem
from specie.issuance.errors import AlgorithmNotAllowed, BadSignature, ManifestRefused, Schema
from specie.issuance.messages.keys import KEY_ROLES
from specie.issuance.messages.objects import Decision, Enrolment
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.keyset import AGREEMENT_ROLES, KeySet
from specie.issuance.protocol.quorum import is_signed
from specie.issuance.store import central_management as store
from specie.issuance.store import rules as rules_store

ADMITTING_PERSONS = 2


# SPEC ISSUANCE-2.2.1
@dataclass(frozen=True, slots=True)
class EnrolItem:
    """Take in a self-signed enrolment: the signature is the proof of possession. Answers its hash."""

    data: bytes

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs()

    def decide(self, batch: Batch, desk: Desk) -> bytes:
        item = read_unverified(self.data, Enrolment)
        body = item.body
        key = cose.parse_key(body.cose_key)
        if key.algorithm not in ("ed25519", "es256"):
            raise AlgorithmNotAllowed("an enrolment is signed, so its key is a signing key")
        if body.role not in KEY_ROLES or item.claims.iss != body.holder:
            raise Schema("unknown role, or another holder than the sender")
        if (body.agreement_key is not None) != (body.role in AGREEMENT_ROLES):
            raise Schema("an agreement key goes with a kem role, and only with it")
        if key.algorithm == "ed25519" and not ed25519.is_valid_public(key.public):
            raise BadSignature("the key is not canonical or of small order")
        proof = item.kid == cose.key_id_of(body.cose_key) and is_signed(key.public, item.alg, item.tbs, item.signature)
        if not proof:
            raise BadSignature("the enrolment is not signed by the key that it enrols")
        kid = cose.key_id(body.agreement_key, "x25519") if body.agreement_key else item.kid
        row = store.EnrolmentRow(item.hash, kid, body.role, body.holder, self.data)
        if store.add_enrolment(batch.tx, row):
            batch.journal.append("enrol", item.hash, actor=item.kid)
        return item.hash


@dataclass(frozen=True, slots=True)
class AdmittedManifestItem(ManifestItem):
    """The next manifest, at the system that knows who was admitted."""

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs()

    def check_admitted(self, room: Batch, keys: KeySet) -> None:  # type: ignore[override]
        """Every key that is new after genesis was enrolled and admitted by two officers. Raises ManifestRefused."""
        current = room.rules.keys
        if current is None:
            return
        now_s = room.journal.now_s
        for entry in keys.manifest.entries:
            if entry.kid in current.entries:
                continue
            enrolled = store.enrolment_by_kid(room.tx, entry.kid)
            if enrolled is None or (enrolled.role, enrolled.holder) != (entry.role, entry.holder):
                raise ManifestRefused(f"key {entry.kid.hex()} was never enrolled for {entry.holder}")
            # SPEC ISSUANCE-2.2.2
            if enrolled.delivered is not None and enrolled.receipt is None:
                raise ManifestRefused(f"key {entry.kid.hex()} was delivered, and nobody has confirmed that it arrived")
            admitted = [
                each
                for each in store.approvals_of(room.tx, enrolled.hash)
                if each.decision == Decision.APPROVE and each.exp > now_s
            ]
            if len(admitted) < ADMITTING_PERSONS:
                raise ManifestRefused(f"key {entry.kid.hex()} was admitted by {len(admitted)} of 2 officers")


def manifest_hash(data: bytes) -> bytes:
    """How the next manifest names this one."""
    return sha256(data).digest()
