"""SIGKILL of the verification node at random moments under load, an old backup in its place, raced double spends."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from specie.kernel.db.sqlite import backup_sqlite
from specie.ledger.client import LedgerClient
from tests.faults.ledger_load import FEE, ISSUED, Follower, Transfers, issue_to
from tests.services import CM, IS, QC, VN, Deployment, NotReady, make_deployment, run

SEED = int(os.environ.get("SPECIE_FAULT_SEED", "1"))
ROUNDS, ROUNDS_LONG = 4, 40
ISSUES = 3
PER_ROUND = 24
RACERS = 64


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Alice has 48 coins; only the verification node still runs."""

    async def work() -> Deployment:
        found = await make_deployment(tmp_path_factory.mktemp("deployment"), registry="ledger")
        found.services.start(VN, CM, QC, IS)
        follower = Follower(found)
        alice = follower.people[0]
        await asyncio.gather(*(issue_to(found, alice, f"issue {number}") for number in range(ISSUES)))
        await found.close()
        assert await asyncio.to_thread(found.services.stop, CM, QC, IS) == [0, 0, 0]
        return found

    made = run(work())
    with made.services:
        yield made


async def kill_rounds(deployment: Deployment, rounds: int) -> tuple[Follower, Transfers]:
    """Each round: envelopes of many clients at once, and a SIGKILL at a random moment of it."""
    chance, follower = random.Random(SEED), Follower(deployment)
    transfers = Transfers(follower)
    alice, bob = follower.people
    for _ in range(rounds):
        await follower.catch_up()
        payers = [(payer, coin) for payer in (alice, bob) for coin in payer.coins if coin.value > 2 * FEE]
        chosen = chance.sample(payers, min(PER_ROUND, len(payers)))
        envelopes = []
        for payer, coin in chosen:
            value = chance.randrange(1, coin.value - FEE)
            payee = alice if payer is bob else bob
            built = await asyncio.to_thread(follower.build, payer, coin, [(payee.pay, value)])
            envelopes.append(built.envelope)
        clients = [asyncio.create_task(transfers.hand_in(data)) for data in envelopes]
        await wait_for_some(transfers, clients, chance)
        await asyncio.to_thread(deployment.services.restart, VN)
        await asyncio.gather(*clients)
        for payer, coin in chosen:
            payer.coins.remove(coin)
        await transfers.check_answers()
    return follower, transfers


async def wait_for_some(transfers: Transfers, clients: list[asyncio.Task[None]], chance: random.Random) -> None:
    """A random moment: before, while, or after the first answers come."""
    wanted = len(transfers.final) + chance.choice((0, 1, PER_ROUND // 2))
    until = time.monotonic() + 20
    while len(transfers.final) < wanted and not all(client.done() for client in clients):
        assert time.monotonic() < until
        await transfers.moves.breathe(0.2)
    await asyncio.wait(clients, timeout=chance.uniform(0, 0.3))


def check_money(follower: Follower, transfers: Transfers) -> None:
    """Every transfer moved value once."""
    assert transfers.refused == {}
    counters = follower.replay.tip.counters
    assert counters.minted == ISSUES * ISSUED
    assert counters.fees == FEE * len(transfers.final)
    assert sum(each.value for each in follower.people) == counters.minted - counters.fees
    assert len({told.leaf for told in transfers.final.values()}) == len(transfers.final)


# SPEC LEDGER-16.1.3, LEDGER-16.2.6, LEDGER-16.2.7, LEDGER-21.1.1
def test_a_killed_node_loses_nothing_that_was_final(deployment: Deployment) -> None:
    async def work() -> None:
        follower, transfers = await kill_rounds(deployment, ROUNDS)
        check_money(follower, transfers)
        assert transfers.repeats > 0
        assert len(transfers.final) == ROUNDS * PER_ROUND
        await deployment.close()

    run(work(), 150)


# SPEC LEDGER-16.1.3, LEDGER-16.2.7
@pytest.mark.long
def test_a_node_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        found = await make_deployment(tmp_path, registry="ledger")
        with found.services as services:
            services.start(VN, CM, QC, IS)
            alice = Follower(found).people[0]
            await asyncio.gather(*(issue_to(found, alice, f"issue {number}") for number in range(ISSUES)))
            await asyncio.to_thread(services.stop, CM, QC, IS)
            follower, transfers = await kill_rounds(found, ROUNDS_LONG)
            check_money(follower, transfers)
            await found.close()

    run(work(), 900)


# SPEC LEDGER-8.5.2, LEDGER-8.7.1
def test_of_64_clients_who_spend_one_coin_one_is_served(deployment: Deployment) -> None:
    """B-07, over HTTP: 64 transactions of one output, from 64 connections at once."""

    async def work() -> None:
        follower = Follower(deployment)
        await follower.catch_up()
        alice, bob = follower.people
        before = follower.replay.tip.counters
        # the coins that earlier tests spent are known by their key images
        coin = next(coin for coin in reversed(alice.coins) if coin.value > 100 and not follower.is_spent(alice, coin))
        built = [
            await asyncio.to_thread(follower.build, alice, coin, [(bob.pay, 1 + number)], ring_seed=number)
            for number in range(RACERS)
        ]
        assert len({each.key_images[0] for each in built}) == 1
        assert len({each.tx_leaf for each in built}) == RACERS
        transfers = Transfers(follower)
        await asyncio.gather(*(transfers.hand_in(each.envelope) for each in built))
        assert len(transfers.final) == 1
        assert Counter(transfers.refused.values()) == {"ledger.key_image_spent": RACERS - 1}
        # whoever asks again hears the same
        await asyncio.gather(*(Transfers(follower).hand_in(each.envelope) for each in built[:4]))
        await transfers.check_answers()
        after = follower.replay.tip.counters
        assert (after.fees - before.fees, after.hidden) == (FEE, before.hidden)
        await deployment.close()

    run(work(), 120)


# SPEC LEDGER-16.2.10
def test_an_old_backup_does_not_start(deployment: Deployment) -> None:
    """The store of yesterday would sign a second history; the one of today goes on."""
    services, config = deployment.services, deployment.config
    store = Path(config.system(VN).database.removeprefix("sqlite:///"))
    old, kept = config.data_dir / "old", config.data_dir / "kept"
    backup_sqlite(config.system(VN).database, old)

    async def one_more() -> int:
        follower = Follower(deployment)
        await follower.catch_up()
        alice, bob = follower.people
        coin = next(coin for coin in reversed(alice.coins) if coin.value > 100 and not follower.is_spent(alice, coin))
        transfers = Transfers(follower)
        await transfers.hand_in(follower.build(alice, coin, [(bob.pay, 5)]).envelope)
        await transfers.check_answers()
        await deployment.close()
        return len(follower.headers)

    blocks = run(one_more())
    services.stop(VN)
    backup_sqlite(config.system(VN).database, kept)
    put(old, store)
    with pytest.raises(NotReady, match=r"does not hold block|StoreRestored"):
        services.start(VN)
    assert services.by_role[VN].end(9) != 0
    put(kept, store)
    services.start(VN)

    async def height() -> int:
        found = (await LedgerClient(deployment.caller(VN)).status()).height
        await deployment.close()
        return found

    assert run(height()) >= blocks - 1


def put(copy: Path, store: Path) -> None:
    """A copy takes the store's place."""
    for companion in ("-wal", "-shm"):
        store.with_name(store.name + companion).unlink(missing_ok=True)
    shutil.copyfile(copy, store)
