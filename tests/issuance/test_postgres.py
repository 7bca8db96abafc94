"""The same decisions on PostgreSQL: order of faults, one use, one return, one redemption, across processes' engines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from zlib import crc32

import pytest

from specie.issuance import errors
from specie.issuance.api import Bit, Granted, Parcel
from specie.issuance.engine.logbook import stored_chain_ok
from specie.issuance.store.buckets import entry_sums
from specie.issuance.wallet.owner import redemption_request
from specie.kernel.clock import ManualClock, SeededRandomness, SystemClock
from specie.kernel.db import ConstraintViolation, Database, open_database
from specie.kernel.db.migrate import create_schema
from tests.issuance.forge import all_figures, asynchronous, draft_presentation, draft_request, figures
from tests.issuance.house import CM, CURRENCY, DATABASES, IS, MIGRATIONS, QC, House, KeyRing, make_house
from tests.postgres import PostgresCluster

STOCK = f"stock:{CURRENCY}"


@pytest.fixture
def stores(postgres_cluster: PostgresCluster) -> Iterator[dict[str, Database]]:
    """A database for each of the three systems."""
    names = {system: postgres_cluster.take_database() for system in DATABASES}
    made: dict[str, Database] = {}
    for system, name in names.items():
        made[system] = open_database(postgres_cluster.url(name), SystemClock(), inline=True)
        create_schema(made[system], MIGRATIONS / DATABASES[system])
    yield made
    for system, name in names.items():
        made[system].close_now()
        postgres_cluster.give_back(name)


@pytest.fixture
def house(request: pytest.FixtureRequest, ring: KeyRing, stores: dict[str, Database]) -> House:
    """PostgreSQL has a clock of its own, so the people's starts beside it."""
    clock = ManualClock(SystemClock().now_us())
    seeded = SeededRandomness(crc32(request.node.nodeid.encode()) + clock.now_us())
    return make_house(ring, clock=clock, databases=stores, randomness=seeded)


# SPEC ISSUANCE-21.3, ISSUANCE-20.3, ISSUANCE-14.3
@asynchronous
async def test_one_issue_and_its_redemption(house: House) -> None:
    await house.found()
    (view,) = await house.issuance.issue([house.order()])
    await house.settle()
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 15_000)] * 2
    owner = house.hand("alice", "owner")
    data = await redemption_request(owner, list(await house.issuance.units(view.id)), "account 7")  # type: ignore[union-attr]
    parcel = Parcel(data, await owner.cose_key())
    assert await house.issuance.redeem(parcel) == await house.issuance.redeem(parcel)
    await house.settle()
    assert all(STOCK not in held for held in await all_figures(house))
    for system in (CM, QC, IS):
        assert await house.databases[system].read(stored_chain_ok) is None


# SPEC ISSUANCE-20.14, ISSUANCE-5.4.2, ISSUANCE-9.2.2
@asynchronous
async def test_the_last_unit_of_quota_is_granted_once(house: House) -> None:
    await house.found(stock_cap=30_000)
    datas = [await draft_request(house).finish(house) for _ in range(12)]
    answers = await asyncio.gather(*(house.central_management.submit_requests([data]) for data in datas))
    granted = [answer for (answer,) in answers if isinstance(answer, Granted)]
    assert len(granted) == 2
    assert {type(answer) for (answer,) in answers} == {Granted, errors.QuotaExceeded}
    shown = [await draft_presentation(house, each.sealed).finish(house) for each in granted]
    bits = await house.quota_control.control_bits(shown)
    assert all(isinstance(bit, Bit) for bit in bits)
    sums = await house.databases[QC].read(entry_sums)
    assert sums[STOCK][0] == 30_000
    assert (await figures(house, QC))[STOCK] == (0, 30_000)


# SPEC ISSUANCE-9.1.1
@asynchronous
async def test_append_only_tables(house: House) -> None:
    """What is written stays: neither UPDATE nor DELETE goes through."""
    await house.found()
    await house.issuance.issue([house.order()])
    for system, sql in ((CM, "UPDATE log SET leaf = prev"), (QC, "DELETE FROM entry"), (IS, "DELETE FROM log")):
        with pytest.raises(ConstraintViolation):
            await house.databases[system].write(lambda tx, sql=sql: tx.run(sql))
