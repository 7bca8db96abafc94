"""The quota policy `dc-policy` (ISSUANCE section 5.1): who may issue what, how much, and who must agree.

A limit is a template: it names a kind, a cap and the dimensions that make one bucket. A dimension with a value binds
the limit to it; with `*` there is one bucket per value; without the dimension all values share the bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from specie.issuance.messages.wire import (
    Body,
    array_of,
    currency,
    hash32,
    map_of,
    minor_units,
    octets,
    pair_of,
    part,
    system_id,
    text,
    time_s,
    uint,
    wire,
)

ANY = "*"


class Kind(IntEnum):
    """The five kinds of bucket (ISSUANCE section 5.2)."""

    STOCK = 0
    LIFETIME = 1
    WINDOW = 2
    RATE = 3
    COUNT = 4


@dataclass(frozen=True, slots=True)
class ReserveRule(Body):
    """When issuing needs an attested reserve."""

    custodians: tuple[str, ...] = wire(1, array_of(system_id, 1, 16))
    quorum: int = wire(2, uint(16, 1))
    ratio: tuple[int, int] = wire(3, pair_of(uint(10**9, 1), uint(10**9, 1)))
    """outstanding <= ratio[0] / ratio[1] * attested."""
    staleness_s: int = wire(4, uint(10**9, 1))


@dataclass(frozen=True, slots=True)
class CurrencyRule(Body):
    """What holds for one currency."""

    digits: int = wire(1, uint(18))
    token_registry: str = wire(2, text(64))
    """`offline`, or the chain id of the ledger; empty: no token model."""
    banks: tuple[str, ...] = wire(3, array_of(system_id, 0, 64))
    """System ids of the banks that take account money."""
    least: int = wire(4, minor_units)
    most: int = wire(5, minor_units)
    denominations: tuple[int, ...] = wire(6, array_of(minor_units, 0, 64))
    """Allowed unit values; empty: any."""
    quota_control: str = wire(7, system_id)
    """The quota control that keeps the root bucket."""
    shards: tuple[str, ...] = wire(9, array_of(system_id, 0, 16))
    """Further quota controls that work on leases of the root."""
    reserve: ReserveRule | None = wire(8, part(ReserveRule), optional=True)


@dataclass(frozen=True, slots=True)
class IssuerRule(Body):
    """What an issuance system may ask for."""

    currencies: tuple[str, ...] = wire(1, array_of(currency, 0, 64))
    models: tuple[int, ...] = wire(2, array_of(uint(1), 0, 2))
    purposes: tuple[str, ...] = wire(3, array_of(text(64), 0, 64))
    """Empty: any."""
    owners: tuple[bytes, ...] = wire(4, array_of(octets(1, 129), 0, 1000))
    """Empty: any."""


@dataclass(frozen=True, slots=True)
class Limit(Body):
    """A template of buckets."""

    name: str = wire(1, text(64))
    kind: int = wire(2, uint(4))
    cap: int = wire(3, uint(2**62 - 1))
    currency: str = wire(4, currency)
    issuer: str | None = wire(5, text(64), optional=True)
    owner_class: str | None = wire(6, text(64), optional=True)
    purpose: str | None = wire(7, text(64), optional=True)
    model: str | None = wire(8, text(8), optional=True)
    """`0`, `1` or `*`."""
    window: str | None = wire(9, text(8), optional=True)
    """hour, day or month; kinds WINDOW and COUNT."""
    zone: str | None = wire(10, text(64), optional=True)
    """IANA time zone of the window; UTC without it."""
    refill_per_s: int | None = wire(11, uint(2**62 - 1), optional=True)
    """Kind RATE: minor units that come back per second."""


@dataclass(frozen=True, slots=True)
class Tier(Body):
    """How many persons must agree up to this amount."""

    up_to: int = wire(1, minor_units)
    persons: int = wire(2, uint(16))
    titles: tuple[str, ...] = wire(3, array_of(text(32), 0, 8))
    """Each of these must be among them, in different persons."""


@dataclass(frozen=True, slots=True)
class Lifetimes(Body):
    """Times to live and delays, all in seconds."""

    credential_s: int = wire(1, uint(86400, 1))
    bit_s: int = wire(2, uint(86400, 1))
    approval_s: int = wire(3, uint(7 * 86400, 1))
    loosen_delay_s: int = wire(4, uint(365 * 86400))
    manifest_age_s: int = wire(5, uint(365 * 86400, 1))


@dataclass(frozen=True, slots=True)
class Policy(Body):
    """`dc-policy`: signed by m of n officers; the genesis policy by root."""

    typ: ClassVar[str] = "dc-policy"
    environment: str = wire(1, text(32))
    version: int = wire(2, uint(least=1))
    previous: bytes = wire(3, hash32)
    effective_from: int = wire(4, time_s)
    quorum: int = wire(5, uint(32, 1))
    """m: officers that must sign the next policy."""
    oldest_accepted: int = wire(6, uint(least=1))
    """Credentials under an older version are refused."""
    currencies: dict[str, CurrencyRule] = wire(7, map_of(currency, part(CurrencyRule)))
    issuers: dict[str, IssuerRule] = wire(8, map_of(system_id, part(IssuerRule)))
    limits: tuple[Limit, ...] = wire(9, array_of(part(Limit), 0, 256))
    tiers: dict[str, tuple[Tier, ...]] = wire(10, map_of(currency, array_of(part(Tier), 1, 16)))
    lifetimes: Lifetimes = wire(11, part(Lifetimes))
    disclose_available: int = wire(12, uint(1))
    paused: tuple[str, ...] = wire(13, array_of(text(96), 0, 64))
    """Scopes that this policy itself keeps paused."""
    owner_classes: dict[str, tuple[bytes, ...]] = wire(14, map_of(text(64), array_of(octets(1, 129), 1, 1000)))
    """Class name to owners; an owner in no class is of the class `other`."""
