"""The terms of the supply equation (S) of DESIGN section 3, item by item, from signed words.

H, E and T1 to T4 are read item by item from the ledger's blocks where those are at hand, else H is the figure that the
ledger states of itself (form (S'): hidden and escrowed outputs). D is what banks state. No room holds coins yet, and no
bank has a reserve: R, C and T5 to T7 are zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from specie.issuance.api import Booked, Registry, RegistryBooks
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
        booked = await books_of(registries.get(rule.token_registry), code)
        if booked is None:
            terms["H"] = await stated([rule.token_registry], code, registries)
        else:
            terms.update(ledger_terms(booked, counting, code))
        terms["D"] = await stated(rule.banks, code, registries)
        terms["U"] = unredeemed(counting, makings, code, rule)
        terms["T1"] = await on_their_way(counting, makings, registries, policy, code, booked)
        terms["T"] = sum(terms[f"T{number}"] for number in range(1, 8))
        answer[code] = terms
    return answer


async def books_of(registry: Registry | None, code: str) -> RegistryBooks | None:
    """The registry's data, where an audit can read them."""
    if not isinstance(registry, Booked):
        return None
    try:
        return await registry.books(code)
    except Unavailable:
        return None


def ledger_terms(booked: RegistryBooks, counting: Counting, code: str) -> Terms:
    """H, E, T2, T3 and T4 from the ledger's items and quota control's set of redeemed references."""
    seen = {serial: each.amount for each in counting.returns if each.currency == code for serial in each.serials}
    paid = booked.redeemed
    waiting = sum(amount for reference, amount in paid.items() if reference not in seen)
    early = sum(amount for reference, amount in booked.pending.items() if reference in seen)
    return {
        "H": booked.hidden,
        "E": booked.escrowed,
        "T2": sum(booked.pending.values()),
        # no bank keeps books yet, so nothing that went to accounts has been booked
        "T3": sum(booked.to_accounts.values()),
        "T4": waiting - early,
    }


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
    booked: RegistryBooks | None = None,
) -> int:
    """T1: control bits counted whose value has not arrived; one that shows only its arrival counts with a minus."""
    made = {each.row.credential: each for each in all_made(makings) if each.units}
    total = 0
    for cti, use in counting.uses.items():
        if use.currency == code and use.row.state != UseState.CANCELLED:
            name = registry_name(policy, use.row)
            if booked is not None and use.row.model == Model.TOKEN:
                arrived = use.row.unit_root in booked.registered
            else:
                arrived = await has_arrived(use.row, name, registries.get(name), made.get(cti))
            if not arrived:
                total += use.amount
    if booked is not None:
        known = {use.row.unit_root for use in counting.uses.values()}
        total -= sum(amount for root, amount in booked.registered.items() if root not in known)
    for cid, each in made.items():
        if cid in counting.uses or booked is not None or each.row.currency != code:
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
