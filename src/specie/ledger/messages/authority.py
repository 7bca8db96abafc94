"""Entries of the authority table: keys that the ledger believes (LEDGER section 9.9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from specie.ledger.errors import NonCanonical, Rejected
from specie.ledger.messages.binary import Reader, put_sized8, put_u8, put_u16, put_u64

ED25519, BIP340 = 1, 2
"""Values of `alg`."""


class Role(IntEnum):
    """What a key of the table may sign."""

    QUOTA_CONTROL = 1
    """Control bit objects."""
    ISSUANCE = 2
    """Mints and cancel objects."""
    BANK_WITHDRAWAL = 3
    """Types 18 and 19."""
    BANK_CHANNEL = 4
    """sigma_0 of an escrow (BIP-340)."""
    ANCHOR = 5
    """Type 48, for its topic."""
    SUPERVISOR = 6
    """Nothing; key of regulated mode."""


class AuthorityStatus(IntEnum):
    """Where a key stands."""

    ACTIVE = 1
    ENDED = 2
    REVOKED = 3


@dataclass(frozen=True, slots=True)
class AuthorityEntry:
    """One key: whose it is, what it may sign, and when."""

    kid: bytes
    role: int
    system: str
    key: bytes
    """32 bytes: Ed25519, or the x coordinate of BIP-340."""
    nbf: int
    signing_until: int
    verify_until: int
    """The three times in seconds since 1970."""
    topic: int = 0
    """Of role 5; else 0."""
    alg: int = ED25519
    status: int = AuthorityStatus.ACTIVE
    revoked_from: int = 0
    """Position in the signer's log from which on objects of a revoked key do not count (ISSUANCE section 12.2)."""

    @classmethod
    def decode(cls, data: bytes, refusal: type[Rejected] = NonCanonical, rule: str | None = None) -> AuthorityEntry:
        """The entry of exactly these bytes. Raises NonCanonical, or the refusal asked for."""
        reader = Reader(data, refusal, rule)
        kid, role, topic, name = reader.take(16), reader.u8(), reader.u16(), reader.sized8()
        alg, key = reader.u8(), reader.take(32)
        nbf, signing_until, verify_until = reader.u64(), reader.u64(), reader.u64()
        status, revoked_from = reader.u8(), reader.u64()
        reader.done()
        if role not in Role.__members__.values() or status not in AuthorityStatus.__members__.values():
            reader.fail("unknown role or status of a key")
        if alg != (BIP340 if role == Role.BANK_CHANNEL else ED25519):
            reader.fail("the algorithm does not fit the role")
        if not 1 <= len(name) <= 64 or (topic and role != Role.ANCHOR):
            reader.fail("system id or topic is out of its bounds")
        if revoked_from and status != AuthorityStatus.REVOKED:
            reader.fail("a key that is not revoked has no position of revocation")
        system = reader.ascii(name)
        return cls(kid, role, system, key, nbf, signing_until, verify_until, topic, alg, status, revoked_from)

    def encode(self) -> bytes:
        head = self.kid + put_u8(self.role) + put_u16(self.topic) + put_sized8(self.system.encode())
        dates = put_u64(self.nbf) + put_u64(self.signing_until) + put_u64(self.verify_until)
        return head + put_u8(self.alg) + self.key + dates + put_u8(self.status) + put_u64(self.revoked_from)

    @property
    def is_revoked(self) -> bool:
        return self.status == AuthorityStatus.REVOKED

    def is_in_force(self, at_s: int) -> bool:
        """May it sign at this time? Revocation is asked apart."""
        return self.nbf <= at_s < self.signing_until
