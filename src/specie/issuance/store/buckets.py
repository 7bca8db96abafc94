"""Bucket rows and their journal of entries, locked and written as one set per batch (ISSUANCE-9.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from specie.issuance.messages.policy import Kind
from specie.issuance.protocol.buckets import Bucket
from specie.issuance.protocol.plans import BucketPlan
from specie.kernel import codec
from specie.kernel.amount import AMOUNT_MAX
from specie.kernel.db import Transaction

KEEP_CAP = -1
"""Cap of a plan that only names a bucket: what is there stays."""
_COLUMNS = "id, key, kind, cap, reserved, used, level, last_us"


@dataclass(slots=True)
class Buckets:
    """The locked buckets of one batch, and what the batch does to them."""

    tx: Transaction
    by_key: dict[str, Bucket] = field(default_factory=dict)
    by_id: dict[int, Bucket] = field(default_factory=dict)
    moves: dict[tuple[int, int], list[int | bytes]] = field(default_factory=dict)
    """(bucket, seq) -> [cid, d_used, d_reserved]"""

    # SPEC ISSUANCE-9.2.2
    def lock(self, plans: Iterable[BucketPlan], ids: Iterable[int], now_us: int) -> None:
        """Insert what is missing, then lock every row that the batch may touch, in the order of their ids."""
        wanted = {plan.key: plan for plan in plans}
        missing = wanted.keys() - self._known(wanted)
        for key in sorted(missing):
            plan = wanted[key]
            self.tx.run(
                "INSERT INTO bucket(key, name, kind, cap, reserved, used, level, last_us, win_start, win_end)"
                " VALUES (?, ?, ?, ?, 0, 0, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                (
                    key,
                    plan.name,
                    int(plan.kind),
                    AMOUNT_MAX if plan.cap == KEEP_CAP else plan.cap,
                    plan.cap,
                    now_us,
                    plan.window_start,
                    plan.window_end,
                ),
            )
        rows = self.tx.select_in(
            f"SELECT {_COLUMNS} FROM bucket WHERE key {{}} ORDER BY id{self.tx.lock_suffix}",
            sorted(wanted),
            "text",
        )
        self._take_in(rows)
        others = sorted(set(ids) - self.by_id.keys())
        if others:
            rows = self.tx.select_in(
                f"SELECT {_COLUMNS} FROM bucket WHERE id {{}} ORDER BY id{self.tx.lock_suffix}", others, "int"
            )
            self._take_in(rows)
        for key, plan in wanted.items():
            self._apply_plan(self.by_key[key], plan)

    def plan_again(self, plans: Sequence[BucketPlan], now_us: int) -> None:
        """Rules or windows changed since the batch was planned: lock what is new, and let the new caps count."""
        self.lock([plan for plan in plans if plan.key not in self.by_key], [], now_us)
        for plan in plans:
            self._apply_plan(self.by_key[plan.key], plan)

    def _known(self, wanted: dict[str, BucketPlan]) -> set[str]:
        return {row[0] for row in self.tx.select_in("SELECT key FROM bucket WHERE key {}", list(wanted), "text")}

    def _take_in(self, rows: Sequence[tuple[object, ...]]) -> None:
        for row in rows:
            bucket = Bucket(*row)  # type: ignore[arg-type]
            self.by_key[bucket.key] = bucket
            self.by_id[bucket.id] = bucket

    def _apply_plan(self, bucket: Bucket, plan: BucketPlan) -> None:
        """The policy, not the row, says the cap; the row remembers whether it was ever lowered (I1)."""
        if plan.cap == KEEP_CAP:
            return
        bucket.refill_per_s = plan.refill_per_s
        if bucket.cap != plan.cap:
            self.tx.run(
                "UPDATE bucket SET cap = ?, name = ?, lowered = CASE WHEN ? < cap THEN 1 ELSE lowered END WHERE id = ?",
                (plan.cap, plan.name, plan.cap, bucket.id),
            )
            bucket.cap = plan.cap

    def move(self, bucket: Bucket, seq: int, cid: bytes, change: tuple[int, int]) -> None:
        """Enter a change in the journal; several of one leaf in one bucket are one row."""
        if change == (0, 0):
            return
        row = self.moves.get((bucket.id, seq))
        if row is None:
            self.moves[bucket.id, seq] = [cid, *change]
        else:
            row[1] += change[0]  # type: ignore[operator]
            row[2] += change[1]  # type: ignore[operator]

    # SPEC ISSUANCE-9.2.5
    def flush(self) -> None:
        changed = [bucket for bucket in self.by_id.values() if bucket.changed]
        if changed:
            self.tx.update_many(
                "bucket",
                {"id": "int"},
                {"reserved": "int", "used": "int", "level": "int", "last_us": "int"},
                [(b.id, b.reserved, b.used, b.level, b.last_us) for b in changed],
            )
        if self.moves:
            self.tx.insert_many(
                "entry",
                {"bucket": "int", "seq": "int", "cid": "blob", "d_used": "int", "d_reserved": "int"},
                [(bucket, seq, cid, used, held) for (bucket, seq), (cid, used, held) in self.moves.items()],
            )


def peek(tx: Transaction, plans: Sequence[BucketPlan], now_us: int) -> dict[str, Bucket]:
    """The buckets of these plans as they stand, under the caps of the plans; nothing is locked, made or written."""
    keys = [plan.key for plan in plans]
    rows = tx.select_in(f"SELECT {_COLUMNS} FROM bucket WHERE key {{}}", keys, "text")
    known = {row[1]: Bucket(*row) for row in rows}
    for plan in plans:
        fresh = Bucket(0, plan.key, int(plan.kind), plan.cap, 0, 0, plan.cap, now_us)
        bucket = known.setdefault(plan.key, fresh)
        bucket.cap, bucket.refill_per_s = plan.cap, plan.refill_per_s
    return known


def pack_ids(ids: Sequence[int]) -> bytes:
    """The bucket ids of a credential, kept beside it so that a return goes into the very same rows."""
    return codec.encode(list(ids))


def unpack_ids(data: bytes) -> list[int]:
    value = codec.decode(data, bytes_max=65536)
    return list(value) if isinstance(value, list | tuple) else []


@dataclass(frozen=True, slots=True)
class BucketRow:
    """A bucket as shown to people."""

    key: str
    name: str
    kind: Kind
    cap: int
    reserved: int
    used: int
    level: int
    window_start: int
    window_end: int
    lowered: bool

    @property
    def available(self) -> int:
        return self.level if self.kind == Kind.RATE else self.cap - self.reserved - self.used


def all_buckets(tx: Transaction, since_s: int = 0) -> list[BucketRow]:
    """Every bucket whose window has not ended before `since_s`."""
    rows = tx.all(
        "SELECT key, name, kind, cap, reserved, used, level, win_start, win_end, lowered FROM bucket"
        " WHERE win_end = 0 OR win_end > ? ORDER BY id",
        (since_s,),
    )
    return [BucketRow(r[0], r[1], Kind(r[2]), r[3], r[4], r[5], r[6], r[7], r[8], bool(r[9])) for r in rows]


def used_of(tx: Transaction, key: str) -> tuple[int, int]:
    """(used, reserved) of one bucket; zeros where it does not exist yet."""
    row = tx.one("SELECT used, reserved FROM bucket WHERE key = ?", (key,))
    return (row[0], row[1]) if row else (0, 0)


def entry_sums(tx: Transaction) -> dict[str, tuple[int, int]]:
    """Bucket key to the sums of its journal, for I2."""
    rows = tx.all(
        "SELECT bucket.key, SUM(entry.d_used), SUM(entry.d_reserved) FROM entry JOIN bucket ON bucket.id = entry.bucket"
        " GROUP BY bucket.key"
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}
