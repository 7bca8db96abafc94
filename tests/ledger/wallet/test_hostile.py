"""What strangers and nodes try, and what a wallet makes of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256

import pytest

from ledger import makers
from ledger.wallet.forger import Forger, make_output
from ledger.wallet.town import Drawer, Town, seed_of
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kms.api import KeyUri
from specie.ledger.errors import NetworkMismatch, PayeeHostile, ProofInvalid, Unknown
from specie.ledger.messages.bulk import CompactBlock
from specie.ledger.messages.outputs import OutputKind, ctx_fee, ctx_transfer, mask_fee
from specie.ledger.wallet.errors import HistoryDiffers
from specie.ledger.wallet.seeds import Vault
from specie.ledger.wallet.wallet import Surroundings, Wallet, create


def world(node: Forger, *, dev: bool = True) -> Surroundings:
    randomness = SeededRandomness(5)
    vault = Vault(Drawer(), KeyUri.kms("local", "wallet"), randomness)  # type: ignore[arg-type]
    return Surroundings(node, vault, ManualClock(), randomness, dev=dev)  # type: ignore[arg-type]


async def wallet_on(node: Forger, name: str = "alice") -> Wallet:
    return await create(Town.database(), world(node), seed_of(name))


def paying(node: Forger, wallet: Wallet, value: int, number: int = 0, place: int = 0) -> bytes:
    n = sha256(bytes([number])).digest()[:16]
    return make_output(ctx_transfer(node.chain_id), wallet.address(0, place).pay, value, n)


def padding(count: int, first: int = 0) -> list[bytes]:
    """Outputs of strangers: bytes that no wallet ever decodes."""
    return [sha256(b"%d" % (first + number)).digest() * 8 + bytes(11) for number in range(count)]


# SPEC LEDGER-4.3.2, LEDGER-4.3.3, LEDGER-4.3.1, LEDGER-15.14, LEDGER-15.15
def test_a_janus_output_is_shown_as_hostile_and_never_acknowledged() -> None:
    async def work() -> None:
        node = Forger()
        wallet = await wallet_on(node)
        one, other = wallet.address(0, 1), wallet.address(0, 2)
        ctx = ctx_transfer(node.chain_id)
        janus = make_output(ctx, one.pay, 500, bytes(range(16)), found_as=other.spend)
        lying = make_output(ctx, one.pay, 500, bytes(range(1, 17)), committed=5)
        node.add((OutputKind.TRANSFER, ctx, [janus, lying, paying(node, wallet, 70)]))
        await wallet.sync()
        found = {each.number: each.status for each in await wallet.outputs()}
        assert found == {128: "hostile", 129: "mismatch", 130: "ours"}
        assert (await wallet.balance()).total == 70
        shown = [(each.what, each.amount, each.acknowledged) for each in await wallet.history()]
        assert shown == [("received", 70, True), ("hostile", 0, False), ("hostile", 0, False)]
        for number, refusal in ((128, PayeeHostile), (129, Unknown)):
            with pytest.raises(refusal):
                await wallet.prover.prove_receive(number, b"who are you")

    asyncio.run(work())


# SPEC LEDGER-4.4.2
def test_two_outputs_with_one_key_image_count_once() -> None:
    async def work() -> None:
        node = Forger()
        wallet = await wallet_on(node)
        output = paying(node, wallet, 70)
        node.add((OutputKind.TRANSFER, ctx_transfer(node.chain_id), [output]))
        node.add((OutputKind.TRANSFER, ctx_transfer(node.chain_id), [output]))
        for each in (wallet, await create(Town.database(), world(node), wallet.reveal_view())):
            await each.sync()
            assert (await each.balance()).total == 70
            assert [one.status for one in await each.outputs()] == ["ours", "duplicate"]

    asyncio.run(work())


def test_outputs_of_the_ledger_are_found_with_their_public_masks() -> None:
    async def work() -> None:
        from specie.crypto.ring import public_outputs

        node = Forger()
        wallet = await wallet_on(node)
        node.add()
        before, height = node.headers_[-1].app_hash, node.height + 1
        mask, ctx = mask_fee(before, height), ctx_fee(node.chain_id, height)
        (fee,) = public_outputs([(wallet.address().pay, ctx, bytes(16), 9, mask)])
        node.add((OutputKind.FEE, ctx, [fee]))
        await wallet.sync()
        (item,) = await wallet.history()
        assert (item.what, item.amount) == ("fee_income", 9)
        (owned,) = await wallet.outputs()
        assert (owned.class_, owned.mask) == (1, mask)

    asyncio.run(work())


# SPEC LEDGER-21.4.1
@pytest.mark.parametrize("before", [0, 3000, 4000, 9000])
def test_pages_are_checked_wherever_the_output_lies(before: int) -> None:
    async def work() -> None:
        node = Forger()
        wallet = await wallet_on(node)
        ctx = ctx_transfer(node.chain_id)
        node.add((OutputKind.TRANSFER, ctx, padding(before)))
        node.add((OutputKind.TRANSFER, ctx, [paying(node, wallet, 70), *padding(5, 10_000)]))
        node.add((OutputKind.TRANSFER, ctx, padding(200, 20_000)))
        await wallet.sync()
        assert (await wallet.balance()).total == 70
        place = await wallet.chain.place(128 + before, (await wallet.chain.tip()).header)
        from specie.ledger.protocol.light import verify_output

        logged, header = place.logged, (await wallet.chain.tip()).header
        verify_output(header, place.index, logged.class_, logged.height, logged.output.data, place.path)

    asyncio.run(work())


# SPEC LEDGER-13.1
def test_a_node_that_lies_is_found_out() -> None:
    async def work() -> None:
        node = Forger()
        wallet = await wallet_on(node)
        ctx = ctx_transfer(node.chain_id)
        node.add((OutputKind.TRANSFER, ctx, [paying(node, wallet, 70), *padding(3)]))
        honest = node.blocks[1]
        (group,) = honest.groups
        lies: list[CompactBlock] = [
            replace(honest, groups=()),
            replace(honest, groups=(replace(group, candidates=group.candidates[:-35]),)),
            replace(honest, groups=(replace(group, ctx=bytes(32)),)),
            replace(honest, first_index=127),
            replace(honest, time_ms=honest.time_ms + 1),
            replace(honest, groups=(replace(group, class_=1),)),
        ]
        for lie in lies:
            node.blocks[1] = lie
            with pytest.raises(ProofInvalid):
                await wallet.sync()
        node.blocks[1] = honest
        for at in range(len(node.log) - 4, len(node.log)):
            true = node.log[at]
            node.log[at] = replace(true, height=0)
            with pytest.raises(ProofInvalid):
                await wallet.sync()
            node.log[at] = true
        images, node.images[1] = node.images[1], replace(node.images[1], height=7)
        with pytest.raises(ProofInvalid):
            await wallet.sync()
        node.images[1] = images
        await wallet.sync()
        assert (await wallet.balance()).total == 70

    asyncio.run(work())


def test_another_history_is_refused() -> None:
    async def work() -> None:
        node, other = Forger(), Forger()
        wallet = await wallet_on(node)
        node.add((OutputKind.TRANSFER, ctx_transfer(node.chain_id), padding(2)))
        await wallet.sync()
        other.add((OutputKind.TRANSFER, ctx_transfer(node.chain_id), padding(3)))
        other.add()
        again = Wallet(wallet.database, world(other), wallet.chain, wallet._keys, wallet._holder)
        again.chain.ledger = other  # type: ignore[assignment]
        with pytest.raises(HistoryDiffers):
            await again.sync()

    asyncio.run(work())


def test_a_header_that_nobody_signed_is_refused() -> None:
    async def work() -> None:
        node = Forger()
        wallet = await wallet_on(node)
        node.add()
        node.headers_[-1] = replace(node.headers_[-1], chain_id=bytes(32))
        with pytest.raises(ProofInvalid):
            await wallet.sync()

        class Unsigned(Forger):
            def finality(self, header: object) -> bytes:
                return super().finality(self.headers_[0])

        unsigned = Unsigned()
        unsigned.add()
        with pytest.raises(ProofInvalid):
            await (await wallet_on(unsigned)).sync()

    asyncio.run(work())


# SPEC LEDGER-1.3
def test_play_money_and_real_money_never_meet() -> None:
    async def work() -> None:
        dev, live = Forger(), Forger(makers.genesis(dev=False))
        with pytest.raises(NetworkMismatch):
            await create(Town.database(), world(dev, dev=False), seed_of("alice"))
        with pytest.raises(NetworkMismatch):
            await create(Town.database(), world(live), seed_of("alice"))
        wallet = await wallet_on(dev)
        real = await create(Town.database(), world(live, dev=False), seed_of("alice"))
        assert real.address().text.startswith("speciel1")
        with pytest.raises(NetworkMismatch):
            wallet.parse_address(real.address().text)

    asyncio.run(work())
