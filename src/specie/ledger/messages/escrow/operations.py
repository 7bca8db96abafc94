"""SETTLE to FINALIZE: the bodies of the frames of types 34 to 41 (LEDGER section 9.6).

Each has `number` (its type), `cid`, `encode()`, and where a party signs it `digest`: what the signature is on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from specie.crypto.tagged import tagged_hash
from specie.ledger.errors import NonCanonical
from specie.ledger.messages.escrow.channel import LaneClaim, Lock
from specie.ledger.messages.escrow.layout import ID_BYTES, NO_SIGNATURE, SIGNATURE_BYTES, ZERO, Cursor
from specie.ledger.messages.escrow.offer import Offer
from specie.ledger.messages.escrow.types import Answer, EscrowType

CLAIMS_MAX = 16
REASON_MAX = 4
"""Reasons of a rejection: 1 not delivered, 2 other goods than agreed, 3 cancelled by the vendor, 4 something else."""


def encode_claims(claims: tuple[LaneClaim, ...]) -> bytes:
    """The claim records alone, without their count: the form that is signed."""
    return b"".join(claim.encode() for claim in claims)


def _with_count(claims: tuple[LaneClaim, ...]) -> bytes:
    return len(claims).to_bytes(1, "big") + encode_claims(claims)


def _read_claims(cursor: Cursor, least: int) -> tuple[LaneClaim, ...]:
    count = cursor.number(1)
    if not least <= count <= CLAIMS_MAX:
        raise NonCanonical(f"{count} claims")
    return tuple(LaneClaim.read(cursor) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Settle:
    """The vendor takes what is due; the channel goes on."""

    number: ClassVar[EscrowType] = EscrowType.SETTLE
    cid: bytes
    claims: tuple[LaneClaim, ...]
    signature: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> Settle:
        return cls(cursor.take(ID_BYTES), _read_claims(cursor, 1), cursor.take(SIGNATURE_BYTES))

    def encode(self) -> bytes:
        return self.cid + _with_count(self.claims) + self.signature

    @property
    def digest(self) -> bytes:
        return tagged_hash("CMS/settle", self.cid + encode_claims(self.claims))


@dataclass(frozen=True, slots=True)
class Claim:
    """The vendor shows its best states; `final` takes what is due and closes the channel."""

    number: ClassVar[EscrowType] = EscrowType.CLAIM
    cid: bytes
    claims: tuple[LaneClaim, ...]
    final: bool
    signature: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> Claim:
        cid, claims, final = cursor.take(ID_BYTES), _read_claims(cursor, 1), cursor.number(1)
        if final > 1:
            raise NonCanonical("final is 0 or 1")
        return cls(cid, claims, final == 1, cursor.take(SIGNATURE_BYTES))

    def encode(self) -> bytes:
        return self.cid + _with_count(self.claims) + self.final.to_bytes(1, "big") + self.signature

    @property
    def digest(self) -> bytes:
        return tagged_hash("CMS/claim", self.cid + encode_claims(self.claims) + self.final.to_bytes(1, "big"))


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """The client wants its rest back, and may show what it owes."""

    number: ClassVar[EscrowType] = EscrowType.CLOSE_REQ
    cid: bytes
    claims: tuple[LaneClaim, ...]
    signature: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> CloseRequest:
        return cls(cursor.take(ID_BYTES), _read_claims(cursor, 0), cursor.take(SIGNATURE_BYTES))

    def encode(self) -> bytes:
        return self.cid + _with_count(self.claims) + self.signature

    @property
    def digest(self) -> bytes:
        return tagged_hash("CMS/close", self.cid + encode_claims(self.claims))


@dataclass(frozen=True, slots=True)
class Cooperate:
    """Both agree on all that the vendor is to have received; the channel closes at once."""

    number: ClassVar[EscrowType] = EscrowType.COOP
    cid: bytes
    total: int
    """`sum` of the chapter, in minor units."""
    client_signature: bytes
    vendor_signature: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> Cooperate:
        cid, total = cursor.take(ID_BYTES), cursor.number(8)
        return cls(cid, total, cursor.take(SIGNATURE_BYTES), cursor.take(SIGNATURE_BYTES))

    def encode(self) -> bytes:
        return self.cid + self.total.to_bytes(8, "big") + self.client_signature + self.vendor_signature

    @property
    def digest(self) -> bytes:
        return tagged_hash("CMS/coop", self.cid + self.total.to_bytes(8, "big"))


@dataclass(frozen=True, slots=True)
class LockClaim:
    """The vendor delivered under a lock and the witness did not come: the client has to answer."""

    number: ClassVar[EscrowType] = EscrowType.LOCK_CLAIM
    cid: bytes
    lane: int
    lock: Lock
    signature: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> LockClaim:
        return cls(cursor.take(ID_BYTES), cursor.number(1), Lock.read(cursor), cursor.take(SIGNATURE_BYTES))

    def encode(self) -> bytes:
        return self.cid + self.lane.to_bytes(1, "big") + self.lock.encode() + self.signature

    @property
    def digest(self) -> bytes:
        return tagged_hash("CMS/lockclaim", self.cid + self.lane.to_bytes(1, "big") + self.lock.encode())


@dataclass(frozen=True, slots=True)
class Respond:
    """The client's answer to a lock claim: the secret t, or a signed rejection."""

    number: ClassVar[EscrowType] = EscrowType.RESPOND
    cid: bytes
    lane: int
    index: int
    answer: Answer
    secret: bytes
    reason: int
    signature: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> Respond:
        cid, lane, index, what = cursor.take(ID_BYTES), cursor.number(1), cursor.number(4), cursor.number(1)
        secret, reason, signature = cursor.take(32), cursor.number(1), cursor.take(SIGNATURE_BYTES)
        if what == Answer.RELEASE:
            canonical = reason == 0 and signature == NO_SIGNATURE
        else:
            canonical = what == Answer.REJECT and secret == ZERO and 1 <= reason <= REASON_MAX
        if not canonical:
            raise NonCanonical("an answer is a secret alone or a reason with a signature")
        return cls(cid, lane, index, Answer(what), secret, reason, signature)

    @classmethod
    def release(cls, cid: bytes, lane: int, index: int, secret: bytes) -> Respond:
        return cls(cid, lane, index, Answer.RELEASE, secret, 0, NO_SIGNATURE)

    def encode(self) -> bytes:
        place = self.cid + self.lane.to_bytes(1, "big") + self.index.to_bytes(4, "big")
        answer = self.answer.to_bytes(1, "big") + self.secret + self.reason.to_bytes(1, "big")
        return place + answer + self.signature

    @property
    def digest(self) -> bytes:
        """What a rejection signs."""
        place = self.cid + self.lane.to_bytes(1, "big") + self.index.to_bytes(4, "big")
        return tagged_hash("CMS/reject", place + self.reason.to_bytes(1, "big"))


@dataclass(frozen=True, slots=True)
class FraudWitness:
    """The client's witness hashes to its anchor and does not open its own lock. Form 1 of FRAUD."""

    number: ClassVar[EscrowType] = EscrowType.FRAUD
    form: ClassVar[int] = 1
    cid: bytes
    lane: int
    lock: Lock
    witness: bytes

    @classmethod
    def read(cls, cid: bytes, cursor: Cursor) -> FraudWitness:
        return cls(cid, cursor.number(1), Lock.read(cursor), cursor.take(32))

    def encode(self) -> bytes:
        return self.cid + bytes([self.form, self.lane]) + self.lock.encode() + self.witness


@dataclass(frozen=True, slots=True)
class FraudGoods:
    """The vendor's goods are not what it signed. Form 2 of FRAUD."""

    number: ClassVar[EscrowType] = EscrowType.FRAUD
    form: ClassVar[int] = 2
    cid: bytes
    lane: int
    index: int
    offer: Offer
    secret: bytes
    """y, the key of the goods."""
    ciphertext: bytes

    @classmethod
    def read(cls, cid: bytes, cursor: Cursor) -> FraudGoods:
        lane, index = cursor.number(1), cursor.number(4)
        offer = Offer.decode(cursor.take(cursor.number(2)))
        return cls(cid, lane, index, offer, cursor.take(32), cursor.take(cursor.number(2)))

    def encode(self) -> bytes:
        offer = self.offer.encode()
        place = self.cid + bytes([self.form, self.lane]) + self.index.to_bytes(4, "big")
        evidence = len(offer).to_bytes(2, "big") + offer + self.secret
        return place + evidence + len(self.ciphertext).to_bytes(2, "big") + self.ciphertext


@dataclass(frozen=True, slots=True)
class Finalize:
    """Anybody may say that a time has passed."""

    number: ClassVar[EscrowType] = EscrowType.FINALIZE
    cid: bytes

    @classmethod
    def read(cls, cursor: Cursor) -> Finalize:
        return cls(cursor.take(ID_BYTES))

    def encode(self) -> bytes:
        return self.cid


Operation = Settle | Claim | CloseRequest | Cooperate | LockClaim | Respond | FraudWitness | FraudGoods | Finalize


def _read_fraud(cursor: Cursor) -> FraudWitness | FraudGoods:
    cid, form = cursor.take(ID_BYTES), cursor.number(1)
    if form == FraudWitness.form:
        return FraudWitness.read(cid, cursor)
    if form == FraudGoods.form:
        return FraudGoods.read(cid, cursor)
    raise NonCanonical(f"there is no evidence of form {form}")


_READERS: dict[int, Callable[[Cursor], Operation]] = {
    EscrowType.SETTLE: Settle.read,
    EscrowType.CLAIM: Claim.read,
    EscrowType.CLOSE_REQ: CloseRequest.read,
    EscrowType.COOP: Cooperate.read,
    EscrowType.LOCK_CLAIM: LockClaim.read,
    EscrowType.RESPOND: Respond.read,
    EscrowType.FRAUD: _read_fraud,
    EscrowType.FINALIZE: Finalize.read,
}


# SPEC LEDGER-9.5.4
def decode_operation(number: int, body: bytes) -> Operation:
    """The body of a frame of types 34 to 41. Raises NonCanonical; KeyError for another type is the caller's bug."""
    cursor = Cursor(body)
    operation = _READERS[number](cursor)
    cursor.done()
    return operation


def effect_id(number: int, body: bytes) -> bytes:
    """The same for one operation in whatever frame it stands.

    Anybody can put a body into a new frame of another `expiry_height`. Whoever sent the first frame is then refused
    though the effect is there; looking for the receipt under this id finds it.
    """
    return tagged_hash("CMS/effect", number.to_bytes(1, "big") + body)
