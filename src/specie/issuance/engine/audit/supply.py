"""The terms of the supply equation (S) of DESIGN section 3, item by item, from signed words.

In this release no room holds outputs, coins or escrows: R, C, E and T2 to T7 are zero. H and D are the figures that
on-line registries state of themselves (form (S'): the ledger's hidden and escrowed outputs, the banks' account money);
without such a registry they are zero too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from specie.issuance.api import Registry
from specie.issuance.engine.audit.counting import Counting
from specie.issuance.engine.audit.issuance_system import Made, Making
from specie.issuance.engine.audit.report import TERMS, left, right
from specie.issuance.messages.objects import Model
from specie.issuance.messages.policy import CurrencyRule, Policy
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.store.quota_control import UseRow, UseState
from specie.kernel.errors import Refused, Unavailable

Terms = dict[str, int]


async def terms_of(
    counting: Counting, makings: Mapping[str, Making], registries: Mapping[str, Registry]
) -> dict[str, Terms]:
    """Currency to its terms."""
    policy = counting.books.policies[-1] if counting.books.policies else None
    if policy is None:
        return {}
    answer: dict[str, Terms] = {}
    for code, rule in policy.currencies.items():
        terms = dict.fromkeys(TERMS, 0)
        terms["issued"] = counting.amounts("use", code)
        terms["redeemed"] = counting.amounts("redeem", code)
        terms["cancelled"] = counting.amounts("cancel", code)
        terms["H"] = await stated([rule.token_registry], code, registries)
        terms["D"] = await stated(rule.banks, code, registries)
        terms["U"] = unredeemed(counting, makings, code, rule)
        terms["T1"] = await on_their_way(counting, makings, registries, policy, code)
        terms["T"] = sum(terms[f"T{number}"] for number in range(1, 8))
        answer[code] = terms
    return answer


async def stated(names: Iterable[str], code: str, registries: Mapping[str, Registry]) -> int:
    """The figures of on-line registries."""
    return sum([await registries[name].supply(code) for name in sorted(set(names)) if name in registries])


def unredeemed(counting: Counting, makings: Mapping[str, Making], code: str, rule: CurrencyRule) -> int:
    """U: units of an off-line registry that were made and are not in the set of redeemed serials."""
    if rule.token_registry != OFFLINE:
        return 0
    gone = {serial for each in counting.returns for serial in each.serials}
    return sum(
        unit.value
        for each in all_made(makings)
        if each.row.currency == code and each.row.model == Model.TOKEN
        for unit in each.units
        if unit.serial not in gone
    )


def all_made(makings: Mapping[str, Making]) -> list[Made]:
    return [each for making in makings.values() for each in making.made.values()]


async def on_their_way(
    counting: Counting,
    makings: Mapping[str, Making],
    registries: Mapping[str, Registry],
    policy: Policy,
    code: str,
) -> int:
    """T1: control bits counted whose value has not arrived; one that shows only its arrival counts with a minus."""
    made = {each.row.credential: each for each in all_made(makings) if each.units}
    total = 0
    for cti, use in counting.uses.items():
        if use.currency == code and use.row.state != UseState.CANCELLED:
            name = registry_name(policy, use.row)
            if not await has_arrived(use.row, name, registries.get(name), made.get(cti)):
                total += use.amount
    for cid, each in made.items():
        if cid in counting.uses or each.row.currency != code:
            continue
        if policy.currencies[code].token_registry == OFFLINE or each.row.receipt is not None:
            total -= each.value
    return total


def registry_name(policy: Policy, row: UseRow) -> str:
    """Which registry takes a bit in."""
    if row.model == Model.ACCOUNT:
        return row.owner.partition(b"/")[0].decode("ascii", "replace")
    return policy.currencies[row.currency].token_registry


async def has_arrived(row: UseRow, name: str, registry: Registry | None, made: Made | None) -> bool:
    """Units were made (off line), or the registry shows that it took the value in.

    Of a registry that does not answer, what the other systems have of it counts.
    """
    if name == OFFLINE:
        return made is not None
    if registry is None or row.unit_root is None:
        return row.state == UseState.MINTED
    try:
        receipt = await registry.receipt(row.unit_root)
    except Unavailable:
        return row.state == UseState.MINTED or (made is not None and made.row.receipt is not None)
    if receipt is None:
        return False
    try:
        registry.check_receipt(receipt, row.unit_root, row.cid, cancelled=False)
    except Refused:
        return False
    return True


def unbalanced(terms: Mapping[str, Mapping[str, int]]) -> Sequence[str]:
    """Currencies whose equation does not hold."""
    return [code for code, each in terms.items() if left(each) != right(each)]
