"""One line per currency: what is out, what is attested, and whether it covers (ISSUANCE-15.5.1)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from specie.issuance.api import Solvency
from specie.issuance.protocol.plans import root_keys_of
from specie.issuance.protocol.reserve import attested_sum, is_solvent
from specie.issuance.store.buckets import used_of

if TYPE_CHECKING:
    from specie.issuance.engine.quota_control.system import QuotaControlEngine


# SPEC ISSUANCE-15.5.1
async def lines(engine: QuotaControlEngine) -> list[Solvency]:
    """The line of every currency that has a reserve rule."""
    desk = engine.desk
    rules = await desk.current()
    policy = desk.policy_book(rules).newest.policy
    now_s = desk.now_s()
    answer = []
    for code, rule in policy.currencies.items():
        if rule.reserve is None:
            continue
        stock = root_keys_of(code)[0]
        used, _ = await desk.database.read(partial(used_of, key=stock))
        known = list(rules.attestations.get(code, {}).values())
        answer.append(
            Solvency(
                currency=code,
                outstanding=used,
                attested=attested_sum(rule.reserve, known, now_s),
                as_of=max((each.as_of for each in known), default=0),
                ratio=rule.reserve.ratio,
                solvent=is_solvent(rule.reserve, known, used, now_s),
            )
        )
    return answer


async def publish(engine: QuotaControlEngine) -> None:
    """After each attestation: an alarm where the reserve does not cover what is out."""
    for line in await lines(engine):
        if not line.solvent:
            engine.desk.observer.alarm("RESERVE_INSUFFICIENT", f"{line.currency}: the attested reserve does not cover")
