"""The bodies of the objects of ISSUANCE section 4, field by field as annex A lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from specie.issuance.errors import Schema
from specie.issuance.messages.wire import (
    Body,
    array_of,
    blob,
    currency,
    hash32,
    id16,
    map_of,
    minor_units,
    octets,
    pair_of,
    system_id,
    text,
    time_s,
    uint,
    wire,
)

UNITS_MAX = 1000
OWNER_BYTES_MAX = 129


class Model(IntEnum):
    """How issued value is held."""

    TOKEN = 0
    ACCOUNT = 1


class Decision(IntEnum):
    """What an officer says of a request."""

    REJECT = 0
    APPROVE = 1


class PauseAction(IntEnum):
    """Whether a `dc-pause` stops or lets go."""

    PAUSE = 0
    RESUME = 1


@dataclass(frozen=True, slots=True)
class Request(Body):
    """`dc-req`: an issuance system asks for quota. SPEC ISSUANCE section 4.1."""

    typ: ClassVar[str] = "dc-req"
    currency: str = wire(1, currency)
    amount: int = wire(2, uint(2**64 - 1))
    """Minor units. Zero and more than 2^62-1 pass the schema, so that C13 can name them."""
    model: int = wire(3, uint(1))
    owner: bytes = wire(4, octets(1, OWNER_BYTES_MAX))
    purpose: str = wire(6, text(64))
    denominations: tuple[tuple[int, int], ...] | None = wire(
        5, array_of(pair_of(minor_units, uint(2**32, 1)), 1, UNITS_MAX), optional=True
    )
    """(value, count) pairs, order significant; token model only."""
    # SPEC ISSUANCE-10.5.1
    supersedes: bytes | None = wire(7, id16, optional=True)
    operator: str | None = wire(8, system_id, optional=True)
    value_date: int | None = wire(9, time_s, optional=True)

    def unit_count(self) -> int:
        """How many units it asks for; one in the account model."""
        return sum(count for _, count in self.denominations) if self.denominations else 1


@dataclass(frozen=True, slots=True)
class Approval(Body):
    """`dc-appr`: an officer decides on an object, named by its hash."""

    typ: ClassVar[str] = "dc-appr"
    request_hash: bytes = wire(1, hash32)
    decision: int = wire(2, uint(1))
    tier: int = wire(3, uint(2**32))
    reason: str | None = wire(4, text(256), optional=True)


@dataclass(frozen=True, slots=True)
class Credential(Body):
    """`dc-cred`: central management's word that a request is inside the rules."""

    typ: ClassVar[str] = "dc-cred"
    request: bytes = wire(1, blob)
    """The entire request, byte for byte."""
    request_hash: bytes = wire(2, hash32)
    issuer: str = wire(3, system_id)
    currency: str = wire(4, currency)
    amount: int = wire(5, minor_units)
    model: int = wire(6, uint(1))
    policy_version: int = wire(7, uint())
    policy_hash: bytes = wire(8, hash32)
    approvals: tuple[bytes, ...] = wire(9, array_of(blob, 0, 32))
    unit_root: bytes = wire(10, hash32)
    reserve_hash: bytes | None = wire(11, hash32, optional=True)


@dataclass(frozen=True, slots=True)
class Presentation(Body):
    """`dc-pres`: the issuance system shows a sealed credential; binds the presenter."""

    typ: ClassVar[str] = "dc-pres"
    sealed: bytes = wire(1, blob)
    sealed_hash: bytes = wire(2, hash32)


@dataclass(frozen=True, slots=True)
class ControlBit(Body):
    """`dc-bit`: n units with this root, in this sum, are inside the quota, counted at this log position."""

    typ: ClassVar[str] = "dc-bit"
    credential_cti: bytes = wire(1, id16)
    credential_hash: bytes = wire(2, hash32)
    currency: str = wire(3, currency)
    amount: int = wire(4, minor_units)
    model: int = wire(5, uint(1))
    owner_hash: bytes = wire(6, hash32)
    unit_root: bytes = wire(7, hash32)
    unit_count: int = wire(8, uint(UNITS_MAX, 1))
    sequence: int = wire(9, uint())


@dataclass(frozen=True, slots=True)
class Unit(Body):
    """`dc-unit`: one piece of money in the token model; cti is its serial."""

    typ: ClassVar[str] = "dc-unit"
    currency: str = wire(1, currency)
    value: int = wire(2, minor_units)
    owner: bytes = wire(3, octets(1, OWNER_BYTES_MAX))
    control_bit: bytes = wire(4, octets(32, 1024))
    """The bit embedded, or its 32-byte hash in the compact form."""
    index: int = wire(5, uint(UNITS_MAX - 1))
    path: tuple[bytes, ...] = wire(6, array_of(hash32, 0, 10))
    not_after: int | None = wire(7, time_s, optional=True)
    attributes: dict[str, Any] | None = wire(8, map_of(text(64), lambda value: value, 16), optional=True)


@dataclass(frozen=True, slots=True)
class AccountOrder(Body):
    """`dc-acct`: post this amount to an account, once."""

    typ: ClassVar[str] = "dc-acct"
    currency: str = wire(1, currency)
    amount: int = wire(2, minor_units)
    account: bytes = wire(3, octets(1, OWNER_BYTES_MAX))
    control_bit: bytes = wire(4, octets(32, 1024))
    posting_id: bytes = wire(5, id16)


@dataclass(frozen=True, slots=True)
class Deny(Body):
    """`dc-deny`: a refusal as evidence."""

    typ: ClassVar[str] = "dc-deny"
    object_hash: bytes = wire(1, hash32)
    code: str = wire(2, text(64))
    bucket: str | None = wire(3, text(192), optional=True)
    available: int | None = wire(4, uint(), optional=True)
    not_before: int | None = wire(5, time_s, optional=True)


@dataclass(frozen=True, slots=True)
class Used(Body):
    """`dc-used`: the credential was used, at this log position."""

    typ: ClassVar[str] = "dc-used"
    credential_cti: bytes = wire(1, id16)
    credential_hash: bytes = wire(2, hash32)
    sequence: int = wire(3, uint())


@dataclass(frozen=True, slots=True)
class Tombstone(Body):
    """`dc-tomb`: the credential was closed unused, at this log position."""

    typ: ClassVar[str] = "dc-tomb"
    credential_cti: bytes = wire(1, id16)
    credential_hash: bytes = wire(2, hash32)
    sequence: int = wire(3, uint())


@dataclass(frozen=True, slots=True)
class Minted(Body):
    """`dc-minted`: the units of a bit were made and, where the registry is on line, registered."""

    typ: ClassVar[str] = "dc-minted"
    bit_cti: bytes = wire(1, id16)
    unit_root: bytes = wire(2, hash32)
    receipt_hash: bytes | None = wire(3, hash32, optional=True)


@dataclass(frozen=True, slots=True)
class Cancel(Body):
    """`dc-cancel`: the issuance system gives a bit up. Field 3 is the owner in the account model."""

    typ: ClassVar[str] = "dc-cancel"
    bit_cti: bytes = wire(1, id16)
    unit_root: bytes = wire(2, hash32)
    owner: bytes | None = wire(3, octets(1, OWNER_BYTES_MAX), optional=True)


@dataclass(frozen=True, slots=True)
class RedemptionRequest(Body):
    """`dc-redreq`: the owner, or a bank, asks that value be taken back. Exactly one of units and reference."""

    typ: ClassVar[str] = "dc-redreq"
    currency: str = wire(1, currency)
    amount: int = wire(2, minor_units)
    beneficiary: str = wire(5, text(256))
    """Empty: destroy."""
    units: tuple[bytes, ...] | None = wire(3, array_of(id16, 1, UNITS_MAX), optional=True)
    """Serials."""
    reference: bytes | None = wire(4, octets(1, 64), optional=True)
    """Hash of the bank's posting, or reference of the burn."""


@dataclass(frozen=True, slots=True)
class Redemption(Body):
    """`dc-redeem`: quota control's receipt."""

    typ: ClassVar[str] = "dc-redeem"
    serials_root: bytes = wire(1, hash32)
    currency: str = wire(2, currency)
    amount: int = wire(3, minor_units)
    sequence: int = wire(4, uint())


@dataclass(frozen=True, slots=True)
class Reserve(Body):
    """`dc-reserve`: what a custodian holds. An attested sum of zero is an answer too."""

    typ: ClassVar[str] = "dc-reserve"
    currency: str = wire(1, currency)
    amount: int = wire(2, uint(2**62 - 1))
    as_of: int = wire(3, time_s)


@dataclass(frozen=True, slots=True)
class Lease(Body):
    """`dc-lease`: the root of a currency lends quota to a shard."""

    typ: ClassVar[str] = "dc-lease"
    bucket: str = wire(1, text(192))
    amount: int = wire(2, minor_units)
    shard: str = wire(3, system_id)


@dataclass(frozen=True, slots=True)
class Revoke(Body):
    """`dc-revoke`: a key (by kid, from a log position on), a credential (by cti)."""

    typ: ClassVar[str] = "dc-revoke"
    target: bytes = wire(1, id16)
    reason: str = wire(3, text(256))
    from_sequence: int | None = wire(2, uint(), optional=True)


@dataclass(frozen=True, slots=True)
class Pause(Body):
    """`dc-pause`: stop or resume a scope: platform, currency:C, issuer:S, direction:issue or redeem, unit:HEX."""

    typ: ClassVar[str] = "dc-pause"
    scope: str = wire(1, text(96))
    action: int = wire(2, uint(1))
    reason: str = wire(3, text(256))
    lifts: tuple[bytes, ...] | None = wire(4, array_of(hash32, 1, 64), optional=True)
    """Hashes of the pauses that a resume lifts."""


_totals = map_of(system_id, pair_of(uint(), uint()))


def _currency_totals(value: Any) -> tuple[int, int, dict[str, tuple[int, int]]]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise Schema("issued, redeemed and a map of issuers expected")
    return uint()(value[0]), uint()(value[1]), _totals(value[2])


@dataclass(frozen=True, slots=True)
class Supply(Body):
    """`dc-supply`: quota control states what is out, per checkpoint."""

    typ: ClassVar[str] = "dc-supply"
    log_size: int = wire(1, uint())
    log_root: bytes = wire(2, hash32)
    totals: dict[str, tuple[int, int, dict[str, tuple[int, int]]]] = wire(3, map_of(currency, _currency_totals))
    """Currency to issued, redeemed (cancelled included), and per issuer the same two."""
    sum_root: bytes = wire(4, hash32)


@dataclass(frozen=True, slots=True)
class ClockReset(Body):
    """`dc-clock`: officers set a system's stored time back after its clock had jumped ahead."""

    typ: ClassVar[str] = "dc-clock"
    system: str = wire(1, system_id)
    reason: str = wire(2, text(256))


@dataclass(frozen=True, slots=True)
class Enrolment(Body):
    """`dc-enrol`: a new key asks to be admitted; signed by itself, which is the proof of possession."""

    typ: ClassVar[str] = "dc-enrol"
    cose_key: bytes = wire(1, octets(1, 256))
    role: str = wire(2, text(32))
    holder: str = wire(3, system_id)
    agreement_key: bytes | None = wire(4, octets(32), optional=True)
    """X25519 key of a kem role, beside the Ed25519 key that signs."""
