"""A small spender of one capped row, as the rooms are built: lock, look, decide, write sets."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from specie.kernel.db import BatchedWriter, Database, Transaction
from specie.kernel.errors import Refused


class Exceeded(Refused):
    code = "test.exceeded"
    status = 409


@dataclass(frozen=True)
class Take:
    cid: int
    amount: int
    issuer: str = "a"


class Poisoned(Exception):
    """What `decide` raises for a negative amount: a bug that must not spoil the others."""


def create(tx: Transaction, cap: int = 1_000_000) -> None:
    count = "BIGINT NOT NULL"
    tx.run(f"CREATE TABLE bucket (id BIGINT PRIMARY KEY, cap {count}, used {count} CHECK (used >= 0))")
    tx.run(f"CREATE TABLE cred_use (cid BIGINT PRIMARY KEY, amount {count}, seq {count} UNIQUE)")
    tx.run(f"CREATE TABLE head (id BIGINT PRIMARY KEY, seq {count})")
    tx.run("INSERT INTO bucket VALUES (1, ?, 0)", (cap,))
    tx.run("INSERT INTO head VALUES (1, 0)")


def decide(tx: Transaction, items: Sequence[Take]) -> list[Any]:
    """The sequence number of each use; a repeated cid gets the number that it got before."""
    # SPEC ISSUANCE-9.2.2, ISSUANCE-9.2.10
    bucket = tx.one("SELECT cap, used FROM bucket WHERE id = 1" + tx.lock_suffix)
    head = tx.one("SELECT seq FROM head WHERE id = 1" + tx.lock_suffix)
    assert bucket is not None
    assert head is not None
    # SPEC ISSUANCE-9.2.3
    seen: dict[int, int] = dict(
        tx.select_in("SELECT cid, seq FROM cred_use WHERE cid {}", [item.cid for item in items], "int")
    )
    left, seq = bucket[0] - bucket[1], head[0]
    answers: list[Any] = []
    rows = []
    # SPEC ISSUANCE-9.2.4
    for item in items:
        if item.amount < 0:
            raise Poisoned
        if item.cid in seen:
            answers.append(seen[item.cid])
        elif item.amount > left:
            answers.append(Exceeded())
        else:
            seq += 1
            left -= item.amount
            seen[item.cid] = seq
            rows.append((item.cid, item.amount, seq))
            answers.append(seq)
    # SPEC ISSUANCE-9.2.5
    tx.insert_many("cred_use", {"cid": "int", "amount": "int", "seq": "int"}, rows)
    taken = [(1, sum(row[1] for row in rows))]
    tx.update_many("bucket", {"id": "int"}, {"used": "int"}, taken, add=True)
    tx.run("UPDATE head SET seq = ? WHERE id = 1", (seq,))
    return answers


def recover(tx: Transaction, item: Take) -> int | None:
    row = tx.one("SELECT seq FROM cred_use WHERE cid = ?", (item.cid,))
    return None if row is None else int(row[0])


def check(tx: Transaction) -> int:
    """What must hold at any time; the number of uses."""
    row = tx.one("SELECT b.cap, b.used, h.seq FROM bucket b CROSS JOIN head h")
    sums = tx.one("SELECT coalesce(sum(amount), 0), count(*), coalesce(max(seq), 0) FROM cred_use")
    assert row is not None
    assert sums is not None
    assert row[1] <= row[0]
    assert (row[1], row[2], row[2]) == sums
    return int(sums[1])


def make_writer(database: Database, **options: Any) -> BatchedWriter[Take, int]:
    chosen: dict[str, Any] = {"lane": lambda item: item.issuer, "recover": recover, **options}
    return BatchedWriter(database, chosen.pop("decide", decide), **chosen)


def run(database: Database, act: Callable[[BatchedWriter[Take, int]], Any], **options: Any) -> Any:
    async def main() -> Any:
        writer = make_writer(database, **options)
        answer = await act(writer)
        await writer.close()
        return answer

    return asyncio.run(main())
