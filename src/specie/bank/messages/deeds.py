"""A deed: what happened to an account other than money, chained like the postings (BANK sections 1 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Any

from specie.bank.errors import Malformed
from specie.kernel import codec

DOMAIN = b"bank/1/deed"
DEED_BYTES_MAX = 70_000


class What(StrEnum):
    """What was done."""

    OPENED = "opened"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    CLOSED = "closed"
    TIER = "tier"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry of the chronicle."""

    id: int
    at_s: int
    what: What
    account: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Persons, reasons, the fields of a new account."""
    prev: bytes = bytes(32)

    def encode(self) -> bytes:
        return codec.encode(
            {1: self.id, 2: self.at_s, 3: str(self.what), 4: self.account, 5: dict(self.facts), 6: self.prev}
        )

    @property
    def hash(self) -> bytes:
        return deed_hash(self.encode())

    @classmethod
    def decode(cls, body: bytes) -> Deed:
        """Raises Malformed."""
        try:
            value: Any = codec.decode(body, bytes_max=DEED_BYTES_MAX)
            return cls(value[1], value[2], What(value[3]), value[4], value[5], value[6])
        except (codec.Malformed, codec.NonCanonical, codec.TooLarge, ValueError, TypeError, KeyError) as error:
            raise Malformed("not a deed") from error


def deed_hash(body: bytes) -> bytes:
    return sha256(DOMAIN + body).digest()
