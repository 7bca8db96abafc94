"""Reputation: a chain of signed events per party, as MICROPAY section 3.10 lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from specie.bank.errors import Malformed
from specie.crypto.tagged import tagged_hash
from specie.kernel import codec

START = 60
MOST = 100
NEEDED = 50
"""A grant needs more than this of both parties."""
EVENT_BYTES = 120
VERSION = 1
FIRST = bytes(32)

_EVENT = Struct(">B32sBbB32sQIQ32s")


class Reason(IntEnum):
    """Why a value changes; the numbers are those of MICROPAY section 3.10."""

    SILENT = 1
    REJECTED = 2
    REJECTED_RIGHTLY = 3
    NEEDLESS_CLAIM = 4
    FRAUD_1 = 5
    FRAUD_2 = 6
    CLOSED_TOO_LOW = 7
    MANY_MARKS = 8
    FAIL_CONFIRMED = 9
    FAIL_UNCONFIRMED = 10
    RECOVERY = 11
    APPEAL = 12
    DOUBLE_SPEND = 13
    ADJUSTED = 14


def subject_of(account: str) -> bytes:
    """TH("CMS/subject", id_X)."""
    return tagged_hash("CMS/subject", account.encode("ascii"))


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one party's value: 120 bytes."""

    subject: bytes
    reason: Reason
    delta: int
    """As the reason says; the value is clamped to 0..100 afterwards."""
    after: int
    cid: bytes
    """The channel, or the hash of the case record."""
    height: int
    index: int
    at_ms: int
    prev: bytes
    """Id of the subject's event before it."""

    def encode(self) -> bytes:
        return _EVENT.pack(
            *(VERSION, self.subject, int(self.reason), self.delta, self.after, self.cid),
            *(self.height, self.index, self.at_ms, self.prev),
        )

    @property
    def id(self) -> bytes:
        return event_id(self.encode())

    @classmethod
    def decode(cls, data: bytes) -> Event:
        """Raises Malformed."""
        if len(data) != EVENT_BYTES:
            raise Malformed(f"an event has {EVENT_BYTES} bytes")
        version, subject, reason, delta, after, *rest = _EVENT.unpack(data)
        if version != VERSION or reason not in Reason.__members__.values() or after > MOST:
            raise Malformed("not an event of this version")
        return cls(subject, Reason(reason), delta, after, *rest)


def event_id(data: bytes) -> bytes:
    return tagged_hash("CMS/rep-event", data)


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """An event with the bank's signature (BIP-340, `bank:grant`) over its id."""

    event: Event
    signature: bytes


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """What two persons of the bank decided: the evidence of reasons 13 and 14."""

    account: str
    reason: Reason
    delta: int
    why: str
    first: str
    second: str
    proof: bytes = b""
    """The proof of guilt, of reason 13."""

    def encode(self) -> bytes:
        return codec.encode(
            [self.account, int(self.reason), self.delta, self.why, self.first, self.second, self.proof]
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reputation:
    """A party's value and the events that make it."""

    account: str
    value: int
    events: tuple[SignedEvent, ...]
