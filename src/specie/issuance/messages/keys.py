"""The key manifest `dc-keys` (ISSUANCE sections 2.1 and 12.1): which key speaks for whom, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from specie.issuance.messages.wire import (
    Body,
    array_of,
    hash32,
    id16,
    octets,
    part,
    system_id,
    text,
    time_s,
    uint,
    wire,
)

KEY_ROLES = frozenset(
    {
        "root",
        "officer",
        "cm:cred",
        "cm:kem",
        "qc:bit",
        "qc:kem",
        "is:req",
        "is:unit",
        "bank:reg",
        "custodian",
        "log",
        "witness",
    }
)


class KeyStatus(IntEnum):
    """Where a key stands in its life."""

    PENDING = 0
    ACTIVE = 1
    RETIRED = 2
    REVOKED = 3


@dataclass(frozen=True, slots=True)
class KeyEntry(Body):
    """One key of the manifest."""

    kid: bytes = wire(1, id16)
    cose_key: bytes = wire(2, octets(1, 256))
    role: str = wire(3, text(32))
    holder: str = wire(4, system_id)
    """System id, or the person's id: quorums count holders, never keys."""
    nbf: int = wire(5, time_s)
    signing_until: int = wire(6, time_s)
    verify_until: int = wire(7, time_s)
    status: int = wire(8, uint(3))
    compromised_from: int | None = wire(9, uint(), optional=True)
    """Log position from which on objects of a revoked key are invalid."""
    title: str | None = wire(10, text(32), optional=True)
    """An officer's role in a quorum, such as treasury or risk."""
    employer: str | None = wire(11, system_id, optional=True)
    """An officer who signs for this issuance system may not approve its requests."""


@dataclass(frozen=True, slots=True)
class KeyManifest(Body):
    """`dc-keys`: signed by r of s root keys."""

    typ: ClassVar[str] = "dc-keys"
    environment: str = wire(1, text(32))
    version: int = wire(2, uint(least=1))
    previous: bytes = wire(3, hash32)
    """Hash of the manifest before; zero bytes for version 1."""
    entries: tuple[KeyEntry, ...] = wire(4, array_of(part(KeyEntry), 1, 512))
    threshold: int = wire(5, uint(32, 1))
    """How many distinct root keys must sign the next manifest."""
