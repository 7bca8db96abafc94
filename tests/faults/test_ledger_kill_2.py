"""Issuance and ledger agree after every crash: SIGKILL of either side while value is minted, and redeemed."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from specie.app.chain.institution import open_institution
from specie.app.chain.place import LedgerWorkplace
from specie.app.workplace import Workplace
from specie.issuance.client import QuotaControlClient
from specie.kernel.errors import Unavailable
from specie.ledger.institution import Institution
from specie.ledger.messages.outputs import ctx_refund, mask_refund
from specie.ledger.messages.state import Domain, MintState, MintStatus, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.withdrawals import account_token, withdraw_reference
from specie.ledger.store.institution import RedemptionState
from tests.faults.ledger_load import ISSUED, Follower, Moves, Transfers, issue_to
from tests.faults.load import scalar, settled
from tests.services import CM, IS, QC, VN, Deployment, make_deployment, run

SEED = int(os.environ.get("SPECIE_FAULT_SEED", "1"))
KILLED = (VN, QC, IS)
ROUNDS, ROUNDS_LONG = 4, 30
CLIENTS = 4
BURNS = 8
SETTLED_WITHIN_S = 60


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    found = run(make_deployment(tmp_path_factory.mktemp("deployment"), registry="ledger"))
    with found.services as services:
        services.start(VN, CM, QC, IS)
        yield found


class Issues:
    """Clients who issue one after the other, whatever happens to the systems."""

    def __init__(self, deployment: Deployment, follower: Follower) -> None:
        self.deployment, self.follower = deployment, follower
        self.released: dict[str, str] = {}
        self.asked = 0
        self.moves = Moves()
        self.stopped = False

    async def client(self) -> None:
        alice = self.follower.people[0]
        while not self.stopped:
            self.asked += 1
            key = f"issue {self.asked}"
            self.released[key] = await issue_to(self.deployment, alice, key, self.moves)


# SPEC ISSUANCE-13.2.8, ISSUANCE-13.2.4, ISSUANCE-21.5, LEDGER-9.1.7
async def kill_while_minting(deployment: Deployment, rounds: int) -> int:
    """Kills in turn at random moments of issue and mint; then everything that was asked for is minted, once."""
    chance, follower = random.Random(SEED), Follower(deployment)
    issues = Issues(deployment, follower)
    clients = [asyncio.create_task(issues.client()) for _ in range(CLIENTS)]
    for number in range(rounds):
        wanted = len(issues.released) + chance.choice((0, 1, 3))
        while len(issues.released) < wanted:
            await progress(issues, clients)
        await asyncio.wait(clients, timeout=chance.uniform(0, 0.4))
        await asyncio.to_thread(deployment.services.restart, KILLED[number % len(KILLED)])
    issues.stopped = True
    await asyncio.gather(*clients)
    await settled(deployment)
    await follower.catch_up()
    await check_minted(deployment, follower, issues)
    return len(issues.released)


async def progress(issues: Issues, clients: list[asyncio.Task[None]]) -> None:
    """Until something moves; raises what a client met."""
    for client in clients:
        if client.done():
            client.result()
    await issues.moves.breathe()


async def check_minted(deployment: Deployment, follower: Follower, issues: Issues) -> None:
    """Nothing minted twice, nothing issued that is not minted, and the audit says so too."""
    count = issues.asked
    assert len(set(issues.released.values())) == count
    minted = [
        MintState.decode(value)
        for (domain, _), value in follower.replay.chain.entries.items()
        if domain == Domain.MINT
    ]  # fmt: skip
    assert [each.status for each in minted] == [MintStatus.MINTED] * count
    assert len({each.control_bit_id for each in minted}) == count
    counters = follower.replay.tip.counters
    assert counters.minted == ISSUED * count == sum(each.value for each in minted)
    assert follower.people[0].value == counters.minted
    stores = {role: deployment.config.system(role).database for role in (QC, IS)}
    assert scalar(stores[IS], "SELECT COUNT(*) FROM issue WHERE state <> 6") == 0
    assert scalar(stores[QC], "SELECT used FROM bucket WHERE key = 'stock:XTS'") == counters.minted
    report = await deployment.audit()
    assert report["balanced"], report["differences"][:5]


# SPEC ISSUANCE-14.11, LEDGER-9.3.1, LEDGER-9.3.2, LEDGER-9.3.7
async def kill_while_redeeming(deployment: Deployment, rounds: int, burns: int) -> None:
    """Burns and redemptions while systems die; the institution's own runs are cut off at random too."""
    chance, follower = random.Random(SEED + 1), Follower(deployment)
    await follower.catch_up()
    before, quota_before = follower.replay.tip.counters, await stock(deployment)
    wallets = LedgerWorkplace(Workplace(deployment.config, timeout_s=10))
    burned = await burn(follower, chance, burns, deployment.config.ledger.institution)
    transfers = Transfers(follower)
    handing = [asyncio.create_task(transfers.hand_in(data)) for data, _, _ in burned]
    async with open_institution(wallets) as bank:
        for _, token, _ in burned:
            await bank.claim(token, "cash desk")
        for number in range(rounds):
            run_once = asyncio.create_task(settle_on(bank))
            await asyncio.wait([run_once], timeout=chance.uniform(0, 0.6))
            await asyncio.to_thread(deployment.services.restart, KILLED[number % len(KILLED)])
            run_once.cancel()
            with suppress(asyncio.CancelledError):
                await run_once
        await asyncio.gather(*handing)
        assert transfers.refused == {}
        until = time.monotonic() + SETTLED_WITHIN_S
        while await bank.settle_all():
            assert time.monotonic() < until
        for _, token, ref in burned:
            row = await bank.show(ref)
            assert (row.state, row.token) == (RedemptionState.DONE, token), row.detail
    await transfers.check_answers()
    await settled(deployment)
    await follower.catch_up()
    total = sum(value_of(follower, ref) for _, _, ref in burned)
    after = follower.replay.tip.counters
    assert after.burned - before.burned == after.paid_redeemed - before.paid_redeemed == total
    assert (after.pending, after.refunded) == (0, 0)
    assert quota_before - await stock(deployment) == total
    report = await deployment.audit()
    assert report["balanced"], report["differences"][:5]
    await wallets.close()


async def settle_on(bank: Institution) -> None:
    """The institution at work until it is cut off."""
    while True:
        await bank.settle_all()
        await Moves().breathe(0.02)


async def burn(
    follower: Follower, chance: random.Random, count: int, institution: str
) -> list[tuple[bytes, bytes, bytes]]:
    """(envelope, token, withdraw_ref) of so many withdrawals."""
    alice, made = follower.people[0], []
    coins = [coin for coin in alice.coins if not follower.is_spent(alice, coin) and coin.value > 200]
    for coin in chance.sample(coins, count):
        salt, value = chance.randbytes(32), chance.randrange(100, coin.value - 50)
        token = account_token("cash desk", salt)
        ref, chain_id = withdraw_reference(institution, token), follower.genesis.chain_id
        stub = alice.keys.refund_stub(
            0, 1, ctx_refund(chain_id, ref), value, mask_refund(chain_id, ref), sha256(salt).digest()[:16]
        )
        built = await asyncio.to_thread(follower.build, alice, coin, [], kind=2, burn=value, extra=ref + stub)
        made.append((built.envelope, token, ref))
    return made


def value_of(follower: Follower, ref: bytes) -> int:
    """Of a withdrawal that is paid."""
    found = WithdrawalState.decode(follower.replay.chain.entries[Domain.WITHDRAWAL, ref])
    assert (found.status, found.outcome) == (WithdrawalStatus.PAID, 2)
    return found.value


async def stock(deployment: Deployment) -> int:
    """What quota control counts as out, minor units."""
    while True:
        with suppress(Unavailable):
            quotas = await QuotaControlClient(deployment.caller(QC)).quotas()
            return max(each.used for each in quotas.buckets if each.kind == "stock")


def test_kills_between_issue_and_mint_neither_lose_nor_double(deployment: Deployment) -> None:
    async def work() -> None:
        assert await kill_while_minting(deployment, ROUNDS) >= CLIENTS
        await deployment.close()

    run(work(), 180)


def test_kills_between_burn_and_redemption_neither_lose_nor_double(deployment: Deployment) -> None:
    async def work() -> None:
        await kill_while_redeeming(deployment, ROUNDS, BURNS)
        await deployment.close()

    run(work(), 180)


@pytest.mark.long
def test_kills_again_and_again_leave_both_sides_agreed(tmp_path: Path) -> None:
    async def work() -> None:
        found = await make_deployment(tmp_path, registry="ledger")
        with found.services as services:
            services.start(VN, CM, QC, IS)
            await kill_while_minting(found, ROUNDS_LONG)
            await kill_while_redeeming(found, ROUNDS_LONG, 3 * BURNS)
            await found.close()

    run(work(), 1500)
