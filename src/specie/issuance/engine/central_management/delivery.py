"""Way (b) of ISSUANCE section 2.2: central management makes a key, seals it to the component, and forgets it.

The secret is never stored: what is lost on the way stays lost, is admitted by nobody, and another one is delivered.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from specie.crypto import cose
from specie.crypto.ed25519 import SigningKey
from specie.issuance.api import Delivered
from specie.issuance.engine.central_management.batch import Batch, Needs
from specie.issuance.engine.central_management.enrolments import EnrolItem
from specie.issuance.engine.desk import Desk
from specie.issuance.errors import ChannelMismatch, IdempotencyMismatch, Schema, UnknownRequest
from specie.issuance.messages.claims import Claims, payload_of
from specie.issuance.messages.keys import KEY_ROLES
from specie.issuance.messages.objects import Enrolment
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.keyset import AGREEMENT_ROLES, PERSON_ROLES
from specie.issuance.store import central_management as store
from specie.issuance.store import rules as rules_store

SEALED_KEY = "dc-key-sealed"
"""The typ of a sealed key, so that it can never be taken for a sealed credential."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key on its way out."""

    kid: bytes
    enrolment: bytes
    sealed: bytes


# SPEC ISSUANCE-2.2.2
def make_key(desk: Desk, role: str, holder: str, agreement: bytes) -> Made:
    """A fresh Ed25519 key with its enrolment, sealed to the component's X25519 key.

    Raises Schema (a role whose keys are not delivered), crypto refusals for an unusable agreement key.
    """
    if role not in KEY_ROLES or role in AGREEMENT_ROLES or role in PERSON_ROLES:
        raise Schema("only signing keys of systems are delivered")
    seed = desk.randomness.bytes(32)
    key = SigningKey.from_seed(seed)
    cose_key = cose.cose_key(key.public(), "ed25519")
    kid = cose.key_id_of(cose_key)
    claims = Claims(iss=holder, iat=desk.now_s(), cti=desk.new_cti())
    payload = payload_of(claims, Enrolment(cose_key, role, holder))
    signature = key.sign(cose.to_be_signed(Enrolment.typ, kid, payload))
    enrolment = cose.assemble_sign1(Enrolment.typ, kid, payload, signature)
    return Made(kid, enrolment, cose.seal(seed, agreement, claims.cti, desk.randomness, typ=SEALED_KEY))


@dataclass(frozen=True, slots=True)
class DeliverItem:
    """Enrol a key that was made here and note that it is handed out, in one transaction."""

    made: Made

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs()

    def decide(self, batch: Batch, desk: Desk) -> Delivered:
        enrolment = EnrolItem(self.made.enrolment).decide(batch, desk)
        if not store.deliver_once(batch.tx, self.made.kid, sha256(self.made.sealed).digest()):
            raise IdempotencyMismatch("this key was delivered before")
        return Delivered(self.made.kid, enrolment, self.made.sealed)


@dataclass(frozen=True, slots=True)
class ReceiptItem:
    """The component has the key: a second `dc-enrol` signed by it, other bytes than central management's own."""

    data: bytes

    def needs(self, rules: rules_store.InForce, now_us: int) -> Needs:
        return Needs()

    def decide(self, batch: Batch, desk: Desk) -> None:
        receipt = read_unverified(self.data, Enrolment)
        known = store.enrolment_by_kid(batch.tx, receipt.kid)
        if known is None or known.delivered is None:
            raise UnknownRequest("no key with this id was delivered")
        if known.receipt is not None:
            if known.receipt != receipt.hash:
                raise IdempotencyMismatch("the receipt of this key was given before")
            return
        first = read_unverified(known.data, Enrolment)
        if receipt.hash == known.hash or receipt.body != first.body or receipt.claims.iss != known.holder:
            raise Schema("a receipt repeats the enrolment's words under an id of its own")
        check_proof(self.data)
        store.note_receipt(batch.tx, receipt.kid, receipt.hash)


def check_proof(data: bytes) -> None:
    """The signature is by the key in the object. Raises BadSignature."""
    from specie.issuance.errors import BadSignature
    from specie.issuance.protocol.quorum import is_signed

    item = read_unverified(data, Enrolment)
    key = cose.parse_key(item.body.cose_key)
    if item.kid != cose.key_id_of(item.body.cose_key) or not is_signed(key.public, item.alg, item.tbs, item.signature):
        raise BadSignature("the receipt is not signed by the key that it is for")


def check_component(holder: str, peer: str | None, me: str) -> None:
    """A key goes to the component that asks over its own channel. Raises ChannelMismatch."""
    if peer is not None and peer not in (holder, me):
        raise ChannelMismatch("a key is delivered to the component that it is for")
