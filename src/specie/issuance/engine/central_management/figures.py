"""Figures of a system that keeps buckets, as people see them."""

from __future__ import annotations

from specie.issuance.api import BucketFigures, Quotas
from specie.issuance.engine.desk import Desk
from specie.issuance.store import central_management as store
from specie.issuance.store.buckets import all_buckets
from specie.kernel.db import Transaction


async def quotas(desk: Desk, *, with_expired: bool = True) -> Quotas:
    """Every bucket whose window is open. SPEC ISSUANCE-10.4.5."""
    rules = await desk.current()
    now_s = desk.now_s()

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
                    row.cap,
                    row.reserved,
                    row.used,
                    row.available,
                    row.window_end,
                )
                for row in rows
            ),
            reserved_expired=expired,
        )

    return await desk.database.read(read)
