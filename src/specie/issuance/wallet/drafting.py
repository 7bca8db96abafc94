"""Drafting the next policy: raise, lower or set a cap, each an act of its own (ISSUANCE-5.1.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from specie.issuance.errors import PolicyRefused
from specie.issuance.messages.policy import Limit, Policy
from specie.issuance.protocol.policy import policy_hash


def next_policy(data: bytes, current: Policy, effective_from: int) -> Policy:
    """The draft after a signed policy: the same words, the next number. data: the exact bytes of the current one."""
    return replace(current, version=current.version + 1, previous=policy_hash(data), effective_from=effective_from)


# SPEC ISSUANCE-5.1.4
def raise_cap(policy: Policy, limit: str, by: int) -> Policy:
    """The cap of a limit, higher by so many minor units. Raises PolicyRefused."""
    return _change(policy, limit, lambda cap: cap + _positive(by))


# SPEC ISSUANCE-5.1.4
def lower_cap(policy: Policy, limit: str, by: int) -> Policy:
    """The cap of a limit, lower by so many minor units, not below zero. Raises PolicyRefused."""
    return _change(policy, limit, lambda cap: max(0, cap - _positive(by)))


# SPEC ISSUANCE-5.1.4
def set_cap(policy: Policy, limit: str, cap: int) -> Policy:
    """The cap of a limit, whatever it was. Raises PolicyRefused."""
    return _change(policy, limit, lambda _: cap)


def _positive(by: int) -> int:
    if by <= 0:
        raise PolicyRefused("a cap is raised or lowered by a positive amount")
    return by


def _change(policy: Policy, name: str, new: Callable[[int], int]) -> Policy:
    found = [each for each in policy.limits if each.name == name]
    if not found:
        known = ", ".join(each.name for each in policy.limits)
        raise PolicyRefused(f"there is no limit {name}; known are: {known}")

    def changed(each: Limit) -> Limit:
        return replace(each, cap=new(each.cap)) if each.name == name else each

    return replace(policy, limits=tuple(changed(each) for each in policy.limits))
