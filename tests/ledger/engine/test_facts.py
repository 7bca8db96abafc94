"""What the engine answers about its chain, checked from the bytes alone (LEDGER-13, 21)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from specie.crypto import merkle
from specie.crypto.trees import sparse_verify
from specie.ledger.engine.embedded import EmbeddedSettings
from specie.ledger.errors import Internal, NotAvailable, Pruned, Unknown
from specie.ledger.messages.bulk import CompactBlocks, OutputPage, decode_images
from specie.ledger.messages.frames import op_id
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import OutputKind, ctx_mint, ctx_transfer
from specie.ledger.messages.parameters import Parameter
from specie.ledger.messages.receipts import Receipt, StateReceipt, image_key, state_key, value_hash
from specie.ledger.messages.record import BlockRecord, ProofsSegment
from specie.ledger.messages.state import Counters, Domain
from specie.ledger.protocol.light import Trusted, verify_finality
from tests.ledger import makers
from tests.ledger.engine.house import House, purse
from tests.ledger.engine.node import Running
from tests.ledger.engine.test_embedded import funded


class Told:
    """A chain with a mint, a transfer and two anchors, and what there is to know of it."""

    def __init__(self, running: Running, house: House, images: list[bytes], leaf: bytes, mint: bytes) -> None:
        self.running, self.house = running, house
        self.engine = running.engine
        self.images, self.leaf, self.mint = images, leaf, mint


async def told(running: Running) -> Told:
    house, alice = await funded(running)
    made = house.spend(alice, alice.coins, [(alice.pay, 5)])
    mint = house.mint(alice, 3)
    await running.engine.submit_envelope(made.envelope)
    await running.engine.submit_operation(mint)
    await running.engine.submit_operation(makers.anchor(house.chain_id, 1, 4).data)
    await running.turn()
    await running.turn()
    return Told(running, house, made.key_images, made.tx_leaf, mint)


def play(scene: Callable[[Told], Any], folder: Path) -> None:
    async def whole() -> None:
        await scene(await told(Running(folder, settings=EmbeddedSettings(threads=False))))

    asyncio.run(whole())


async def header_at(chain: Told, height: int) -> Header:
    """A header, accepted with its finality."""
    data, finality = (await chain.engine.headers(height, 1))[0]
    header = Header.decode(data)
    from specie.ledger.messages.receipts import Finality

    verify_finality(Trusted.of(chain.running.genesis), header, Finality.decode(finality))
    return header


# SPEC LEDGER-13.3, LEDGER-8.5.3
def test_receipts_lead_to_a_header(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        for leaf in (chain.leaf, op_id(chain.mint)):
            receipt = Receipt.decode(await chain.engine.receipt(leaf))
            assert receipt.leaf == leaf
            verify_finality(Trusted.of(chain.running.genesis), receipt.header, receipt.finality)
            found = merkle.leaf_hash(leaf)
            merkle.verify_inclusion(found, receipt.position, receipt.count, receipt.path, receipt.header.tx_root)
        with pytest.raises(Unknown):
            await chain.engine.receipt(bytes(32))

    play(scene, tmp_path)


# SPEC LEDGER-21.5.1
def test_outputs_and_consistency_for_every_height(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        engine, tip = chain.engine, chain.house.height
        for height in range(tip + 1):
            header = await header_at(chain, height)
            for index in (0, header.out_size - 1):
                proof = await engine.prove_output(index, height)
                path = [bytes.fromhex(each) for each in proof.path]
                leaf = merkle.leaf_hash(bytes.fromhex(proof.leaf))
                merkle.verify_inclusion(leaf, index, proof.size, path, header.out_root)
            later = await header_at(chain, tip)
            path = await engine.prove_consistency(height, tip)
            merkle.verify_consistency(header.out_size, later.out_size, path, header.out_root, later.out_root)
        for bad in (engine.prove_output(9999), engine.prove_output(0, 99), engine.prove_consistency(3, 2)):
            with pytest.raises(Unknown):
                await bad
        view = await engine.output(130)
        assert (view.height, view.class_, view.proof.height) == (4, 0, 4)

    play(scene, tmp_path)


# SPEC LEDGER-9.4.2, LEDGER-21.5.1
def test_state_and_key_images_of_the_window(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        engine, image = chain.engine, chain.images[0]
        for height, present in [(3, False), (4, True), (5, True)]:
            header = await header_at(chain, height)
            proof = await engine.prove_key_image(image, height)
            assert (proof.present, proof.spent_height) == (present, 4 if present else None)
            value = value_hash((4).to_bytes(8, "little")) if present else None
            assert sparse_verify(header.ki_root, image_key(image), value, bytes.fromhex(proof.proof))
            receipt = StateReceipt.decode(await engine.state_receipt(Domain.COUNTERS, b"", height))
            key = state_key(Domain.COUNTERS, b"")
            assert sparse_verify(header.state_root, key, value_hash(receipt.value), receipt.proof.encode())
            assert Counters.decode(receipt.value).fees == int(present)
            supply = await engine.supply(height)
            assert supply.minted.value == ("50.00" if present else "25.00")
            assert bytes.fromhex(supply.proof) == receipt.encode()
        absent = await engine.state_entry(Domain.MINT, bytes(32))
        assert (absent.present, absent.value, absent.view) == (False, None, None)
        assert absent.receipt is not None
        there = await engine.state_entry(Domain.ANCHOR, (5).to_bytes(2, "little") + b"qc")
        assert there.view == {"sequence": 1, "size": 4, "root": bytes(32).hex(), "height": 4}
        with pytest.raises(Unknown):
            await engine.supply(99)
        with pytest.raises(Unknown):
            await engine.prove_key_image(image, -1)

    play(scene, tmp_path)


def test_old_heights_leave_the_window(tmp_path: Path) -> None:
    settings = dict(makers.genesis().settings) | {Parameter.ANCHOR_WINDOW: 10}
    house = House(makers.genesis(settings=settings))
    house.blocks(12)
    assert sorted(house.machine.chain.trees) == list(range(2, 13))
    assert sorted(house.again().machine.chain.trees) == list(range(2, 13))


# SPEC LEDGER-21.4.1
def test_bulk_answers_hold_every_output(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        engine, house = chain.engine, chain.house
        compact = CompactBlocks.decode(await engine.compact(0, 1000))
        page = OutputPage.decode(await engine.outputs(0))
        assert [block.height for block in compact.blocks] == list(range(house.height + 1))
        flat = [(group.kind, group.ctx, group.candidates[at : at + 35]) for block in compact.blocks
                for group in block.groups for at in range(0, len(group.candidates), 35)]  # fmt: skip
        assert [each.output.data[64:99] for each in page.outputs] == [each[2] for each in flat]
        assert [block.first_index for block in compact.blocks] == [0, 128, 128, 130, 130, 135]
        root = house.unit_root(purse("alice"), 3)
        kinds = [(kind, ctx) for kind, ctx, _ in flat[130:]]
        assert kinds[:2] == [(OutputKind.TRANSFER, ctx_transfer(house.chain_id))] * 2
        assert kinds[2:4] == [(OutputKind.MINT, ctx_mint(house.chain_id, root))] * 2
        assert kinds[4][0] == OutputKind.FEE
        part = CompactBlocks.decode(await engine.compact(4, 1))
        assert [block.first_index for block in part.blocks] == [130]
        images = decode_images(await engine.key_images(0, 99))
        assert {block.height: len(block.images) for block in images} == {0: 0, 1: 0, 2: 0, 3: 0, 4: 2, 5: 0}
        for bad in (engine.outputs(1), engine.outputs(1 << 60), engine.output(135), engine.block(1 << 63)):
            with pytest.raises(Unknown):
                await bad
        assert CompactBlocks.decode(await engine.compact(99, 5)).blocks == ()

    play(scene, tmp_path)


# SPEC LEDGER-8.2.1, LEDGER-8.2.2
def test_proofs_are_there_until_their_time_has_passed(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        engine, running = chain.engine, chain.running
        record = BlockRecord.decode(await engine.block(4))
        proofs = ProofsSegment.decode(await engine.block_proofs(4))
        assert (len(record.tx_leaves), len(proofs.entries)) == (1, 1)
        await engine.provider.chores.do(engine.machine)
        assert await engine.block_proofs(4)
        running.clock.advance(seconds=91 * 86_400)
        await running.turn()
        await engine.provider.chores.do(engine.machine)
        with pytest.raises(Pruned):
            await engine.block_proofs(4)
        assert BlockRecord.decode(await engine.block(4)) == record
        with pytest.raises(Unknown):
            await engine.block_proofs(99)
        assert running.alarms.heard == []

    play(scene, tmp_path)


def test_an_archive_drops_nothing(tmp_path: Path) -> None:
    async def whole() -> None:
        running = Running(tmp_path, settings=EmbeddedSettings(threads=False, archive=True))
        chain = await told(running)
        running.clock.advance(seconds=91 * 86_400)
        await running.turn()
        await chain.engine.provider.chores.do(chain.engine.machine)
        assert await chain.engine.block_proofs(4)

    asyncio.run(whole())


def test_parameters_by_version_and_events(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        engine, house, running = chain.engine, chain.house, chain.running
        changes = {Parameter.STRICT_PROOFS: True, Parameter.ESCROW_FEE: 9}
        frame = makers.change(house.chain_id, 1, house.height + 3, changes).data
        await engine.submit_operation(frame)
        await running.turn()
        assert (await engine.parameters()).version == 0
        await running.turn()
        # what the next block will judge by
        assert (await engine.parameters()).version == 1
        await running.turn()
        now, first = await engine.parameters(), await engine.parameters(0)
        assert (now.version, now.values["ESCROW_FEE"], first.values["ESCROW_FEE"]) == (1, 9, 1)
        assert (now.operation, first.operation, first.receipt) == (frame.hex(), None, None)
        assert Receipt.decode(bytes.fromhex(now.receipt or "")).leaf == op_id(frame)
        with pytest.raises(Unknown):
            await engine.parameters(2)
        with pytest.raises(NotAvailable):
            await engine.block_proofs(4)
        seen = []
        async for event in engine.events(0):
            seen.append((event.kind, event.height))
            if event.height == house.height and event.kind == "header":
                break
        expected = [("epoch", 1), *(("header", height) for height in range(1, 8)), ("params", 8), ("header", 8)]
        assert seen == expected
        key = await engine.epoch()
        assert (key.epoch, key.pk) == (1, running.keys.keys[1].public().hex())
        assert Receipt.decode(bytes.fromhex(key.receipt)).leaf == op_id(bytes.fromhex(key.operation))
        with pytest.raises(Unknown):
            await engine.epoch(7)

    play(scene, tmp_path)


# SPEC LEDGER-10.1
def test_the_decoy_law_and_the_rate_of_outputs(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        law = await chain.engine.decoys()
        assert (law.version, len(law.weights), law.from_height) == (1, 40, 0)
        # 7 outputs since block 0, whose time is one second before the clock's first
        seconds = (chain.house.machine.tip.time_ms - chain.running.genesis.time_ms) / 1000
        assert abs(float(law.rate_7d) - 7 / seconds) < 1e-5
        chain.running.clock.advance(seconds=8 * 86_400)
        await chain.running.turn()
        later = await chain.engine.decoys()
        assert (later.from_height, later.rate_7d) == (5, "0.000000")

    play(scene, tmp_path)


def test_a_status_counts_real_outputs(tmp_path: Path) -> None:
    async def scene(chain: Told) -> None:
        status = await chain.engine.status()
        assert (status.real_outputs, status.out_size, status.height) == ([6, 1], 135, 5)
        assert (status.dev, status.epoch, status.mempool, status.ring_size) == (True, 1, 0, 16)
        assert await chain.engine.genesis() == chain.running.genesis.encode()

    play(scene, tmp_path)


def test_a_fault_of_ours_hurts_nobody_else(tmp_path: Path) -> None:
    """One frame that the machine stumbles over does not take its micro-batch with it."""

    async def scene(chain: Told) -> None:
        engine, house = chain.engine, chain.house
        bad = house.mint(purse("alice"), 8)
        real = engine.machine.check

        def stumble(frames: Any, time_ms: int | None = None) -> Any:
            if bad in frames:
                raise ZeroDivisionError("a bug")
            return real(frames, time_ms)

        engine.machine.check = stumble  # type: ignore[method-assign]
        good = house.mint(purse("alice"), 9)
        waiting = asyncio.create_task(engine.submit_operation(bad, 5))
        await asyncio.sleep(0)
        await engine.submit_operation(good)
        await chain.running.turn()
        assert (await engine.submit_operation(good)).state == "final"
        with pytest.raises(Internal):
            await waiting
        assert any("ZeroDivisionError" in each for each in chain.running.alarms.heard)

    play(scene, tmp_path)
