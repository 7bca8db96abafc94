"""The keeper on a living chain: its keys open epochs, and are gone when their time is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.service.world import World, living
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.frames import Frame, op_id
from specie.ledger.protocol.light import Trusted, verify_operation
from tests.app.serving import run

X25519, HYBRID = 1, 2


async def next_anchor(world: World) -> int:
    entry = await world.engine.state_entry(5, b"\x05\x00qc")
    assert entry.value is not None
    return int.from_bytes(bytes.fromhex(entry.value)[:8], "little") + 1


async def grow(world: World, blocks: int) -> None:
    """So many blocks more."""
    for _ in range(blocks):
        await world.make_final(world.anchor(await next_anchor(world)))


# SPEC LEDGER-2.7
@pytest.mark.parametrize("suite", [X25519, HYBRID])
def test_the_ledger_takes_the_first_key_and_shows_it_with_its_certificate(tmp_path: Path, suite: int) -> None:
    async def story() -> None:
        async with living(tmp_path, suite=suite) as world:
            shown = await world.client.epoch()
            frame = bytes.fromhex(shown.operation)
            body = EpochKeyOp.decode(Frame.decode(frame).body)
            receipt = verify_operation(Trusted.of(world.genesis), bytes.fromhex(shown.receipt), frame)
            assert (shown.epoch, shown.suite, receipt.header.height) == (1, suite, 1)
            assert shown.pk == body.public_key.hex()
            key = world.keeper.key(1)
            assert key is not None
            assert key.public() == body.public_key
            assert await world.client.receipt(op_id(frame)) == bytes.fromhex(shown.receipt)

    run(story())


# SPEC LEDGER-20.1.1
def test_keys_follow_one_another_and_old_ones_are_erased(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as world:
            for epoch in (2, 3):
                world.keeper.rotate()
                await grow(world, 4)
                assert (await world.engine.status()).epoch == epoch
            assert world.keeper.key(1) is None
            assert world.keeper.held == (2, 3)
            files = sorted(path.name for path in (tmp_path / "epochs").iterdir())
            assert files == ["epoch-0000000002.sealed", "epoch-0000000003.sealed"]

    run(story())


def test_a_restarted_keeper_goes_on_where_the_chain_stands(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as world:
            before = await world.client.epoch()
        async with living(tmp_path) as world:
            await grow(world, 2)
            assert await world.client.epoch() == before
            assert world.keeper.held == (1,)

    run(story())
