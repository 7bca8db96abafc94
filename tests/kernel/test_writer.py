"""The batched writer: fair, all or one by one, and never an answer before its commit."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from specie.kernel.clock import SystemClock
from specie.kernel.db import BatchedWriter, Database, Transaction, UniqueViolation, open_database
from specie.kernel.errors import Overloaded, Unavailable
from tests.kernel.quota import Exceeded, Poisoned, Take, check, create, decide, make_writer, recover, run


@pytest.fixture(params=["threads", "inline"])
def database(request: pytest.FixtureRequest, database_url: str) -> Iterator[Database]:
    database = open_database(database_url, SystemClock(), inline=request.param == "inline")
    database.write_now(create)
    yield database
    database.close_now()


def test_many_callers_share_few_commits(database: Database) -> None:
    sizes: list[int] = []

    async def act(writer: BatchedWriter[Take, int]) -> list[int]:
        return await asyncio.gather(*(writer.submit(Take(cid, 1)) for cid in range(200)))

    answers = run(database, act, observe=lambda size, seconds: sizes.append(size) if seconds > 0 else None)
    assert sorted(answers) == list(range(1, 201))
    assert database.read_now(check) == 200
    assert sum(sizes) == 200
    assert max(sizes) <= 64
    assert len(sizes) <= 5


def test_nobody_waits_for_company(database: Database) -> None:
    async def act(writer: BatchedWriter[Take, int]) -> list[int]:
        return [await writer.submit(Take(cid, 1)) for cid in range(5)]

    assert run(database, act) == [1, 2, 3, 4, 5]


# SPEC ISSUANCE-9.2.1, ISSUANCE-20.25
def test_issuers_take_turns(database: Database) -> None:
    order: list[str] = []

    def watch(tx: Transaction, items: Sequence[Take]) -> list[Any]:
        order.extend(item.issuer for item in items)
        return decide(tx, items)

    async def act(writer: BatchedWriter[Take, int]) -> None:
        flood = [Take(cid, 1, "greedy") for cid in range(300)]
        modest = [Take(1_000 + cid, 1, "modest") for cid in range(3)]
        await asyncio.gather(
            writer.submit_many(flood), writer.submit_many(modest), writer.submit(Take(9_999, 1, "third"))
        )

    run(database, act, decide=watch, batch_max=4)
    assert order[:8] == ["greedy", "modest", "third", "greedy", "modest", "greedy", "modest", "greedy"]
    assert len(order) == 304


def test_one_issuer_is_served_in_order_of_arrival(database: Database) -> None:
    async def act(writer: BatchedWriter[Take, int]) -> list[Any]:
        return await writer.submit_many([Take(cid, 1) for cid in range(150)])

    assert run(database, act) == list(range(1, 151))


# SPEC ISSUANCE-9.2.4
def test_a_denied_item_does_not_stop_smaller_ones(database: Database) -> None:
    async def act(writer: BatchedWriter[Take, int]) -> list[Any]:
        with pytest.raises(Exceeded):
            await writer.submit(Take(1, 1_000_001))
        return await writer.submit_many([Take(2, 2_000_000), Take(3, 999_999), Take(4, 2), Take(5, 1), Take(5, 1)])

    answers = run(database, act)
    assert [type(answer) for answer in answers] == [Exceeded, int, Exceeded, int, int]
    assert answers[3] == answers[4]
    assert database.read_now(check) == 2


# SPEC ISSUANCE-9.2.7
def test_one_bad_item_spoils_only_itself(database: Database) -> None:
    tries: list[int] = []

    def watch(tx: Transaction, items: Sequence[Take]) -> list[Any]:
        tries.append(len(items))
        return decide(tx, items)

    async def act(writer: BatchedWriter[Take, int]) -> list[Any]:
        return await writer.submit_many([Take(1, 1), Take(2, -1), Take(3, 1)])

    answers = run(database, act, decide=watch)
    assert [type(answer) for answer in answers] == [int, Poisoned, int]
    assert tries == [3, 1, 1, 1]
    assert database.read_now(check) == 2


# SPEC ISSUANCE-9.2.11
def test_a_conflict_in_the_database_spoils_only_its_item(database: Database) -> None:
    """A `decide` that forgets to look: the unique index has the last word."""

    def blind(tx: Transaction, items: Sequence[Take]) -> list[Any]:
        for item in items:
            tx.run("UPDATE bucket SET used = used + ? WHERE id = 1", (item.amount,))
            tx.run("UPDATE head SET seq = seq + 1 WHERE id = 1")
        (start,) = tx.one("SELECT seq FROM head WHERE id = 1") or (0,)
        rows = [(item.cid, item.amount, start - n) for n, item in enumerate(items)]
        tx.insert_many("cred_use", {"cid": "int", "amount": "int", "seq": "int"}, rows)
        return [start] * len(items)

    async def act(writer: BatchedWriter[Take, int]) -> list[Any]:
        return await writer.submit_many([Take(1, 5), Take(2, 5), Take(1, 5), Take(3, 5)])

    answers = run(database, act, decide=blind)
    assert [type(answer) for answer in answers] == [int, int, UniqueViolation, int]
    assert database.read_now(check) == 3


def test_a_wrong_number_of_answers_is_a_bug_and_keeps_nothing(database: Database) -> None:
    async def act(writer: BatchedWriter[Take, int]) -> list[Any]:
        return await writer.submit_many([Take(1, 1), Take(2, 1)])

    answers = run(database, act, decide=lambda tx, items: [*decide(tx, items), 0])
    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError]
    assert database.read_now(check) == 0


def test_the_queue_is_bounded(database: Database) -> None:
    async def act(writer: BatchedWriter[Take, int]) -> None:
        first = asyncio.ensure_future(writer.submit_many([Take(cid, 1) for cid in range(10)]))
        await asyncio.sleep(0)
        if writer.queued:  # inline, the queue is empty again as soon as anyone can look
            with pytest.raises(Overloaded):
                await writer.submit_many([Take(100 + cid, 1) for cid in range(10)])
        with pytest.raises(Overloaded):
            await writer.submit_many([Take(200 + cid, 1) for cid in range(11)])
        await first

    run(database, act, queue_max=10)
    assert database.read_now(check) == 10


def test_a_caller_who_leaves_changes_nothing(database: Database) -> None:
    async def act(writer: BatchedWriter[Take, int]) -> int:
        gone = asyncio.ensure_future(writer.submit(Take(1, 1)))
        await asyncio.sleep(0)
        gone.cancel()
        return await writer.submit(Take(2, 1))

    assert run(database, act) == 2
    assert database.read_now(check) == 2


def test_a_closed_writer_is_unavailable(database: Database) -> None:
    async def main() -> None:
        writer = make_writer(database)
        waiting = asyncio.ensure_future(writer.submit(Take(1, 1)))
        await asyncio.sleep(0)
        await writer.close()
        assert await waiting == 1
        with pytest.raises(Unavailable):
            await writer.submit(Take(2, 1))

    asyncio.run(main())


def test_a_broken_meter_does_not_undo_a_commit(database: Database) -> None:
    def broken(size: int, seconds: float) -> None:
        raise ZeroDivisionError

    async def act(writer: BatchedWriter[Take, int]) -> int:
        return await writer.submit(Take(1, 1))

    assert run(database, act, observe=broken) == 1
    assert database.read_now(check) == 1


def test_the_same_calls_give_the_same_batches_inline() -> None:
    def trace() -> list[list[int]]:
        database = open_database("sqlite://:memory:", SystemClock(), inline=True)
        database.write_now(create)
        batches: list[list[int]] = []

        def watch(tx: Transaction, items: Sequence[Take]) -> list[Any]:
            batches.append([item.cid for item in items])
            return decide(tx, items)

        async def one(writer: BatchedWriter[Take, int], lane: int) -> None:
            for n in range(20):
                await writer.submit(Take(lane * 100 + n, 1, str(lane % 3)))

        async def act(writer: BatchedWriter[Take, int]) -> None:
            await asyncio.gather(*(one(writer, lane) for lane in range(7)))

        run(database, act, decide=watch)
        assert database.read_now(check) == 140
        database.close_now()
        return batches

    assert trace() == trace()


def test_the_helpers_of_this_test_agree(database: Database) -> None:
    database.write_now(lambda tx: decide(tx, [Take(1, 1)]))
    assert database.read_now(lambda tx: recover(tx, Take(1, 1))) == 1
    assert database.read_now(lambda tx: recover(tx, Take(2, 1))) is None
