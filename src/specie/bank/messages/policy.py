"""Tiers and their limits, as two persons set them (BANK section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from specie.bank.errors import Malformed
from specie.kernel import codec
from specie.kernel.amount import AMOUNT_MAX

POLICY_BYTES_MAX = 65_536
TIERS_MAX = 16


class Use(StrEnum):
    """What is summed per day and month."""

    COINS = "coin_withdraw"
    TRANSFER = "transfer"
    PAY_OUT = "pay_out"
    GRANT = "grant"


@dataclass(frozen=True, slots=True)
class TierRule:
    """The limits of one tier, minor units. What is not named is not allowed at all."""

    balance_max: int
    day: Mapping[Use, int]
    month: Mapping[Use, int]
    grants_open_max: int

    def to_wire(self) -> list[Any]:
        return [self.balance_max, _sums(self.day), _sums(self.month), self.grants_open_max]

    @classmethod
    def from_wire(cls, value: Any) -> TierRule:
        if not isinstance(value, list) or len(value) != 4 or not all(_is_amount(value[at]) for at in (0, 3)):
            raise Malformed("a tier has a balance, two maps and a number of grants")
        return cls(value[0], _read_sums(value[1]), _read_sums(value[2]), value[3])


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """The tiers of one currency's accounts, in force from a time on."""

    version: int
    tiers: Mapping[int, TierRule]

    def encode(self) -> bytes:
        tiers = {tier: rule.to_wire() for tier, rule in self.tiers.items()}
        return codec.encode({1: self.version, 2: tiers})

    @property
    def hash(self) -> bytes:
        return sha256(self.encode()).digest()

    @classmethod
    def decode(cls, data: bytes) -> LimitPolicy:
        """Raises Malformed."""
        try:
            value = codec.decode(data, bytes_max=POLICY_BYTES_MAX)
        except (codec.Malformed, codec.NonCanonical, codec.TooLarge) as error:
            raise Malformed("not a policy") from error
        if not isinstance(value, dict) or set(value) != {1, 2} or not isinstance(value[2], dict):
            raise Malformed("not a policy")
        tiers = value[2]
        if type(value[1]) is not int or not tiers or len(tiers) > TIERS_MAX or 0 not in tiers:
            raise Malformed("a policy has a version and at least the tier 0")
        return cls(value[1], {tier: TierRule.from_wire(rule) for tier, rule in tiers.items()})


def _sums(sums: Mapping[Use, int]) -> dict[str, int]:
    return {str(use): amount for use, amount in sums.items()}


def _read_sums(value: Any) -> dict[Use, int]:
    if not isinstance(value, dict) or not all(_is_amount(amount) for amount in value.values()):
        raise Malformed("sums per use expected")
    try:
        return {Use(use): amount for use, amount in value.items()}
    except ValueError as error:
        raise Malformed("a use that is not known") from error


def _is_amount(value: Any) -> bool:
    return type(value) is int and 0 <= value <= AMOUNT_MAX
