"""The same wallet over HTTP, with rings from a trusted node over a sealed and attested session."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.engine.house import House, Purse
from ledger.service.world import WAIT_S, World, living
from ledger.wallet.town import Drawer, Town, seed_of
from specie.crypto.secret import Secret
from specie.enclave.simulated import SimulatedVerifier
from specie.kernel.clock import SeededRandomness
from specie.kms.api import KeyUri
from specie.ledger.client import SealedNode, quote_rules
from specie.ledger.errors import ProofInvalid
from specie.ledger.wallet.paying import Manners
from specie.ledger.wallet.seeds import Vault
from specie.ledger.wallet.wallet import Surroundings, Wallet, create


class Watched:
    """A ring service that remembers what it was asked for, and may lie."""

    def __init__(self, service: SealedNode) -> None:
        self.service = service
        self.asked: list[tuple[int, ...]] = []
        self.lies = False

    async def rings(self, h_a: int, indices: Any, out_root: bytes, out_size: int) -> Any:
        self.asked.append(tuple(indices))
        found = await self.service.rings(h_a, indices, out_root, out_size)
        return (found[1], found[0], *found[2:]) if self.lies else found


def watched(world: World) -> Watched:
    rules = quote_rules(world.parameters, dev=True, development_roots=[world.enclave.development_root])
    return Watched(
        SealedNode(
            world.node_client, SimulatedVerifier(), rules, world.genesis.chain_id, world.clock, SeededRandomness(11)
        )
    )


async def wallet_of(world: World, name: str, service: Watched | None, finder: Any = None) -> Wallet:
    randomness = SeededRandomness(sum(name.encode()))
    vault = Vault(Drawer(), KeyUri.kms("local", "wallet"), randomness)  # type: ignore[arg-type]
    surroundings = Surroundings(
        world.client,
        vault,
        world.clock,
        randomness,
        dev=True,
        service=service,
        manners=Manners(delay_s=0, wait_s=WAIT_S),
    )
    return await create(Town.database(), replace(surroundings, finder=finder), seed_of(name))


async def mint(world: World, wallet: Wallet) -> None:
    frame = House(world.genesis).mint(Purse(wallet._keys), 1)
    assert (await world.engine.submit_operation(frame, WAIT_S)).state == "final"


# SPEC LEDGER-10.4, LEDGER-11.1.1
def test_pay_over_http_with_rings_from_a_trusted_node(tmp_path: Path) -> None:
    async def work() -> None:
        async with living(tmp_path) as world:
            service = watched(world)
            alice, bob = await wallet_of(world, "alice", service), await wallet_of(world, "bob", None)
            await mint(world, alice)
            await alice.sync()
            real = {each.number for each in await alice.outputs() if each.value}
            service.lies = True
            with pytest.raises(ProofInvalid):
                await alice.pay(bob.address(), 700)
            service.lies = False
            paid = await alice.pay(bob.address(), 700)
            assert paid.state == "final"
            for ring in service.asked:
                assert len(ring) == 16
                assert list(ring) == sorted(set(ring))
                assert len(real & set(ring)) == 1
            # SPEC LEDGER-10.8
            assert len(set(service.asked)) == 1
            await bob.sync()
            assert (await bob.balance()).total == 700
            back = await bob.pay(alice.address(), 100)  # rings by whole pages
            assert back.state == "final"
            await alice.sync()
            assert (await alice.balance()).total == 2500 - 700 - paid.fee + 100
            assert isinstance(await alice.reveal_seed(), type(seed_of("alice")))
            assert isinstance(alice.reveal_detect(), Secret)

    asyncio.run(work())


# SPEC LEDGER-11.4.5, LEDGER-11.4.7
def test_a_weak_device_lets_a_scan_service_look(tmp_path: Path) -> None:
    async def work() -> None:
        async with living(tmp_path) as world:
            alice = await wallet_of(world, "alice", None)
            await mint(world, alice)
            weak = await wallet_of(world, "alice", None, watched(world).service)
            await alice.sync()
            await weak.sync()
            assert (await weak.balance()).total == 2500
            assert await weak.outputs() == await alice.outputs()

    asyncio.run(work())
