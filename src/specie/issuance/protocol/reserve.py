"""The reserve rule: what is out must be covered by what custodians attest (ISSUANCE section 5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from specie.issuance.errors import ReserveInsufficient, ReserveStale
from specie.issuance.messages.policy import ReserveRule


class Attested(Protocol):
    """One custodian's word."""

    @property
    def custodian(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def as_of(self) -> int: ...
    @property
    def hash(self) -> bytes: ...


# SPEC ISSUANCE-5.6.1, ISSUANCE-5.6.2
def check(rule: ReserveRule, known: Sequence[Attested], needed: int, now_s: int) -> bytes:
    """Refuse what would not be covered; the hash of the newest attestation that counted.

    A quorum of q custodians counts with the lowest of their q highest amounts. Raises ReserveStale,
    ReserveInsufficient.
    """
    fresh = [each for each in known if each.custodian in rule.custodians and each.as_of + rule.staleness_s >= now_s]
    if len(fresh) < rule.quorum:
        raise ReserveStale(f"{len(fresh)} of {rule.quorum} needed attestations are fresh")
    attested = attested_sum(rule, known, now_s)
    numerator, denominator = rule.ratio
    if needed * denominator > attested * numerator:
        raise ReserveInsufficient("the attested reserve does not cover this")
    return max(fresh, key=lambda each: each.as_of).hash


def attested_sum(rule: ReserveRule, known: Sequence[Attested], now_s: int) -> int:
    """What counts as attested: of a quorum of q, the lowest of the q highest fresh amounts; 0 without a quorum."""
    fresh = [
        each.amount for each in known if each.custodian in rule.custodians and each.as_of + rule.staleness_s >= now_s
    ]
    return sorted(fresh, reverse=True)[rule.quorum - 1] if len(fresh) >= rule.quorum else 0


def is_solvent(rule: ReserveRule, known: Sequence[Attested], outstanding: int, now_s: int) -> bool:
    """The verdict of ISSUANCE-15.5.1."""
    try:
        check(rule, known, outstanding, now_s)
    except (ReserveInsufficient, ReserveStale):
        return False
    return True
