"""The batched writer on a PostgreSQL that breaks around COMMIT, under load, for good; two writers at once."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from specie.kernel.clock import SystemClock
from specie.kernel.db import BatchedWriter, ConnectionLost, Database, open_database
from tests.kernel.cutting_proxy import Cut, CuttingProxy, cutting_proxy
from tests.kernel.quota import Exceeded, Take, check, create, make_writer, run
from tests.postgres import PostgresCluster


def _name(url: str) -> str:
    return urlsplit(url).path.strip("/")


@pytest.fixture
def proxy(postgres_cluster: PostgresCluster) -> Iterator[CuttingProxy]:
    with cutting_proxy(postgres_cluster.port) as proxy:
        yield proxy


@pytest.fixture
def database(proxy: CuttingProxy, postgres_url: str) -> Iterator[Database]:
    direct = open_database(postgres_url, SystemClock(), inline=True)
    direct.write_now(create)
    direct.close_now()
    database = open_database(f"postgresql://specie@127.0.0.1:{proxy.port}/{_name(postgres_url)}", SystemClock())
    yield database
    database.close_now()


# SPEC ISSUANCE-9.2.8, ISSUANCE-9.2.9
@pytest.mark.parametrize(
    "cuts", [("before",), ("after",), ("after", "before"), ("before", "after"), ("before", "before", "after")]
)
def test_a_connection_lost_around_commit_is_settled_from_the_database(
    database: Database, proxy: CuttingProxy, cuts: Any
) -> None:
    async def act(writer: BatchedWriter[Take, int]) -> tuple[list[Any], list[Any]]:
        await writer.submit(Take(0, 1))
        proxy.cut_next(*cuts)
        items = [Take(cid, 1) for cid in range(1, 11)]
        return await writer.submit_many(items), await writer.submit_many(items)

    first, again = run(database, act)
    assert proxy.cuts_done == len(cuts)
    unknown = [answer for answer in first if isinstance(answer, ConnectionLost)]
    assert len(unknown) <= 1  # three cuts in a row: one item is told to ask again
    # Whoever asks again is told what is stored, and nothing happened twice.
    assert [new for old, new in zip(first, again, strict=True) if old not in unknown] == [
        old for old in first if old not in unknown
    ]
    assert sorted(again) == list(range(2, 12))
    assert database.read_now(check) == 11


def test_the_loss_says_whether_it_was_during_commit(database: Database, proxy: CuttingProxy) -> None:
    cuts: list[Cut] = ["before", "after"]
    for cut in cuts:
        database.write_now(lambda tx: tx.one("SELECT 1"))
        proxy.cut_next(cut)
        with pytest.raises(ConnectionLost) as caught:
            database.write_now(lambda tx: tx.run("UPDATE head SET seq = seq"))
        assert caught.value.during_commit


# SPEC ISSUANCE-9.2.8, ISSUANCE-21.5
def test_a_crash_of_the_server_under_load(postgres_cluster: PostgresCluster, postgres_url: str) -> None:
    database = open_database(postgres_url, SystemClock())
    database.write_now(create)
    answered: dict[int, int] = {}
    marks = {150: threading.Event(), 500: threading.Event()}

    async def client(writer: BatchedWriter[Take, int], first: int) -> None:
        for cid in range(first, first + 40):
            while cid not in answered:
                try:
                    answered[cid] = await writer.submit(Take(cid, 1))
                except ConnectionLost:
                    continue
                if len(answered) in marks:
                    marks[len(answered)].set()

    def crash() -> None:
        for mark in marks.values():
            mark.wait()
            postgres_cluster.restart("immediate")

    async def act(writer: BatchedWriter[Take, int]) -> None:
        crashing = asyncio.create_task(asyncio.to_thread(crash))
        await asyncio.gather(*(client(writer, n * 40) for n in range(20)))
        await crashing

    run(database, act)
    assert database.read_now(check) == 800
    stored: dict[int, int] = dict(database.read_now(lambda tx: tx.all("SELECT cid, seq FROM cred_use")))
    assert stored == answered
    database.close_now()


def test_a_database_that_stays_away_is_unavailable(postgres_cluster: PostgresCluster, postgres_url: str) -> None:
    database = open_database(postgres_url, SystemClock())
    database.write_now(create)
    waits: list[float] = []

    async def no_sleep(seconds: float) -> None:
        waits.append(seconds)

    async def act(writer: BatchedWriter[Take, int]) -> list[Any]:
        postgres_cluster.stop()
        try:
            answers = await writer.submit_many([Take(cid, 1) for cid in range(5)])
        finally:
            postgres_cluster.start()
        return [*answers, await writer.submit(Take(9, 1))]

    answers = run(database, act, sleep=no_sleep)
    assert [type(answer) for answer in answers] == [ConnectionLost] * 5 + [int]
    assert not any(answer.during_commit for answer in answers[:5])
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert database.read_now(check) == 1
    database.close_now()


# SPEC ISSUANCE-20.14, ISSUANCE-9.2.2
def test_two_writers_never_overspend_one_row(postgres_url: str) -> None:
    databases = [open_database(postgres_url, SystemClock()) for _ in range(2)]
    databases[0].write_now(lambda tx: create(tx, cap=1_050))

    async def main() -> list[Any]:
        writers = [make_writer(database, batch_max=16) for database in databases]
        work = []
        for cid in range(600):
            # Each is asked of one writer, every third of both: the second must get the first one's answer.
            work.append(writers[cid % 2].submit_many([Take(cid, 4)]))
            if cid % 3 == 0:
                work.append(writers[1 - cid % 2].submit_many([Take(cid, 4)]))
        answers = [answer for (answer,) in await asyncio.gather(*work)]
        for writer in writers:
            await writer.close()
        return answers

    answers = asyncio.run(main())
    assert databases[1].read_now(check) == 262  # 1,050 // 4
    granted = [answer for answer in answers if not isinstance(answer, Exception)]
    assert set(granted) == set(range(1, 263))
    assert {type(answer) for answer in answers if isinstance(answer, Exception)} == {Exceeded}
    for database in databases:
        database.close_now()
