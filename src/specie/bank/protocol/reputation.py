"""How events make a value (BANK section 8, MICROPAY section 3.10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from specie.bank.errors import BankRefusal, EvidenceInvalid, NotPermitted, ReputationLow
from specie.bank.messages.reputation import FIRST, MOST, NEEDED, START, CaseRecord, Event, Reason, event_id
from specie.kernel import codec

DELTAS: Mapping[Reason, int] = {
    Reason.SILENT: -10,
    Reason.REJECTED: 0,
    Reason.REJECTED_RIGHTLY: 0,
    Reason.NEEDLESS_CLAIM: -2,
    Reason.FRAUD_1: -40,
    Reason.FRAUD_2: -40,
    Reason.CLOSED_TOO_LOW: -15,
    Reason.MANY_MARKS: -10,
    Reason.FAIL_CONFIRMED: -20,
    Reason.FAIL_UNCONFIRMED: -20,
    Reason.RECOVERY: 1,
    Reason.DOUBLE_SPEND: -40,
}
"""Fixed changes; reason 12 reverses one event, reason 14 is what two persons say, at most 40 either way."""
ADJUSTMENT_MAX = 40
WHY_BYTES_MAX = 1_024


# SPEC BANK-8.2
def clamp(value: int) -> int:
    return max(0, min(MOST, value))


# SPEC BANK-8.1
def check_standing(*values: int) -> None:
    """Raises ReputationLow; 50 itself is refused."""
    if any(value <= NEEDED for value in values):
        raise ReputationLow("both parties need a reputation above 50")


# SPEC BANK-8.2: The value MUST be recomputable from the chain of events alone
def value_of(bodies: Iterable[bytes]) -> int:
    """Follow a subject's chain. Raises EvidenceInvalid at the first event that does not follow."""
    value, prev = START, FIRST
    for body in bodies:
        try:
            event = Event.decode(body)
        except BankRefusal as error:
            raise EvidenceInvalid("an event does not decode") from error
        if event.prev != prev or event.after != clamp(value + event.delta):
            raise EvidenceInvalid("an event does not follow the one before it")
        value, prev = event.after, event_id(body)
    return value


# SPEC BANK-8.3: the same fact (reason, subject, cid or case, lane, i) counts once
def fact_of(reason: Reason, subject: bytes, case: bytes, lane: int = 0, number: int = 0) -> bytes:
    """What is counted once, whatever bytes show it."""
    return sha256(codec.encode([int(reason), subject, case, lane, number])).digest()


# SPEC BANK-8.3: or a case record signed by two persons
def check_case(record: CaseRecord) -> None:
    """Raises, in this order: NotPermitted (two persons), EvidenceInvalid."""
    if not record.first or not record.second or record.first == record.second:
        raise NotPermitted("a case is decided by two persons")
    if record.reason not in (Reason.DOUBLE_SPEND, Reason.ADJUSTED):
        raise EvidenceInvalid("cases have the reasons 13 and 14")
    if not 1 <= len(record.why.encode()) <= WHY_BYTES_MAX:
        raise EvidenceInvalid("a case says why")
    if record.reason == Reason.DOUBLE_SPEND:
        if not record.proof or record.delta != DELTAS[Reason.DOUBLE_SPEND]:
            raise EvidenceInvalid("reason 13 needs the proof of guilt, and costs 40")
    elif not 0 < abs(record.delta) <= ADJUSTMENT_MAX:
        raise EvidenceInvalid("an adjustment is at most 40 either way")
