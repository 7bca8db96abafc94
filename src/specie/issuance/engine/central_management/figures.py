"""Figures of a system that keeps buckets, as people see them."""

from __future__ import annotations

from collections.abc import Sequence

from specie.issuance.api import BucketFigures, Quotas
from specie.issuance.engine.desk import Desk
from specie.issuance.messages.policy import Kind, Policy
from specie.issuance.store import central_management as store
from specie.issuance.store.buckets import all_buckets
from specie.kernel.db import Transaction


async def quotas(desk: Desk, *, with_expired: bool = True) -> Quotas:
    """Every bucket whose window is open. SPEC ISSUANCE-10.4.5."""
    rules = await desk.current()
    now_s = desk.now_s()

    caps = caps_in_force(rules.book.binding(desk.clock.now_us()) if rules.book else ())

    def read(tx: Transaction) -> Quotas:
        rows = all_buckets(tx, now_s)
        expired: dict[str, int] = {}
        if with_expired:
            for (currency, _), amount in store.expired_sums(tx, now_s).items():
                expired[currency] = expired.get(currency, 0) + amount
        return Quotas(
            system=desk.me,
            at_s=now_s,
            policy_version=rules.book.newest.policy.version if rules.book else 0,
            buckets=tuple(
                BucketFigures(
                    row.key,
                    row.name,
                    row.kind.name.lower(),
                    (cap := caps.get((row.name, row.kind), row.cap)),
                    row.reserved,
                    row.used,
                    row.available if row.kind == Kind.RATE else cap - row.reserved - row.used,
                    row.window_end,
                )
                for row in rows
            ),
            reserved_expired=expired,
        )

    return await desk.database.read(read)


def caps_in_force(policies: Sequence[Policy]) -> dict[tuple[str, int], int]:
    """(name, kind) of a limit to its lowest cap in force; a bucket row learns of a new one at its next use."""
    caps: dict[tuple[str, int], int] = {}
    for policy in policies:
        for limit in policy.limits:
            name = (limit.name, limit.kind)
            caps[name] = min(limit.cap, caps.get(name, limit.cap))
    return caps
