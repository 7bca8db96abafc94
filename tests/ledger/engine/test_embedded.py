"""The embedded provider: answers, bounds, time, crashes, restored backups (LEDGER-16.2, 21.1)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from specie.kernel.clock import ManualClock, SystemClock
from specie.kernel.db import open_database
from specie.kernel.db.migrate import run_migrations
from specie.ledger.api import SUBMITTER, Consensus, Ledger
from specie.ledger.engine.embedded import EmbeddedSettings
from specie.ledger.engine.mark import Mark
from specie.ledger.errors import (
    BurnRule,
    EnvelopeMalformed,
    FeeTooLow,
    Internal,
    KeyImageSpent,
    NonCanonical,
    NotReady,
    Overloaded,
    StoreRestored,
    TooLarge,
    Unknown,
)
from specie.ledger.messages.header import Header, block_signature_input
from specie.ledger.messages.outputs import OutputKind, ctx_mint
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.views import Repeated
from specie.ledger.protocol.order import submission_id
from tests.ledger import makers
from tests.ledger.engine.house import MIGRATIONS, House, Purse, purse
from tests.ledger.engine.node import START_US, EpochDuty, Running
from tests.ledger.engine.test_machine import withdraw


async def funded(running: Running) -> tuple[House, Purse]:
    """A node with an epoch key in block 1 and money for Alice in block 2."""
    engine = await running.start(marked=True)
    house, alice = running.house(), purse("alice")
    await engine.submit_operation(house.epoch())
    await running.turn()
    first = house.machine.tip.header.out_size
    await engine.submit_operation(house.mint(alice))
    await running.turn()
    house.collect(alice, OutputKind.MINT, ctx_mint(house.chain_id, house.unit_root(alice, 1)), first)
    await running.turn()
    return house, alice


def run(scene: Callable[[Running], Any], folder: Path, **settings: Any) -> None:
    """Play a scene on a node of its own."""
    asyncio.run(scene(Running(folder, settings=EmbeddedSettings(threads=False, **settings))))


def test_the_engine_is_what_the_contract_says(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        engine = await running.start()
        assert isinstance(engine, Ledger)
        assert isinstance(engine.provider, Consensus)

    run(scene, tmp_path)


# SPEC LEDGER-16.2.5, LEDGER-16.2.6, LEDGER-21.1.1
def test_the_same_bytes_get_the_same_answer(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        house, alice = await funded(running)
        engine = running.engine
        data = house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope
        first = await engine.submit_envelope(data)
        assert (first.state, first.id, type(first).__name__) == ("received", submission_id(data).hex(), "Submitted")
        assert isinstance(await engine.submit_envelope(data), Repeated)
        await running.turn()
        final = await engine.submit_envelope(data)
        assert (final.state, final.height, final.position) == ("final", house.height, 0)
        assert (await engine.submission(bytes.fromhex(first.id))).state == "final"
        header, finality = (await engine.headers(house.height, 1))[0]
        message = block_signature_input(house.chain_id, house.height, Header.decode(header).app_hash)
        from specie.crypto import ed25519

        ed25519.verify(running.genesis.validators[0], message, Finality.decode(finality).signature)
        # a node that has just started knows it from the tables
        await engine.close()
        engine = await running.start(marked=True)
        again = await engine.submit_envelope(data)
        await running.turn()
        again = await engine.submit_envelope(data)
        assert (again.state, again.height, again.leaf) == ("final", final.height, final.leaf)
        with pytest.raises(Unknown):
            await engine.submission(bytes(32))

    run(scene, tmp_path)


# SPEC LEDGER-21.1.6
def test_only_refusals_that_nothing_lifts_are_remembered(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        house, alice = await funded(running)
        engine = running.engine
        good = house.spend(alice, alice.coins[:1], [(alice.pay, 5)])
        rival = house.spend(alice, alice.coins[:1], [(alice.pay, 6)], ring_seed=4).envelope
        cheap = house.spend(alice, alice.coins[1:], [(alice.pay, 5)], fee=0).envelope
        await engine.submit_envelope(good.envelope)
        await running.turn()
        await engine.submit_envelope(rival)
        await engine.submit_envelope(cheap)
        await running.turn()
        # never: remembered, in memory and in the tables
        for _ in range(2):
            with pytest.raises(KeyImageSpent) as spent:
                await engine.submit_envelope(rival)
            assert spent.value.repeated  # type: ignore[attr-defined]
        assert (await engine.submission(submission_id(rival))).rule == "V-9"
        # FEE_TOO_LOW may be lifted by governance: judged anew
        assert (await engine.submission(submission_id(cheap))).code == "ledger.fee_too_low"
        assert (await engine.submit_envelope(cheap)).state == "received"
        await running.turn()
        await engine.close()
        engine = await running.start(marked=True)
        assert (await engine.submission(submission_id(rival))).code == "ledger.key_image_spent"
        with pytest.raises(Unknown):
            await engine.submission(submission_id(cheap))
        assert (await engine.submit_envelope(rival)).state == "received"
        await running.turn()
        with pytest.raises(KeyImageSpent):
            await engine.submit_envelope(rival)

    run(scene, tmp_path)


def test_a_refusal_is_raised_to_whoever_waits(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        house, alice = await funded(running)
        cheap = house.spend(alice, alice.coins, [(alice.pay, 5)], fee=0).envelope
        waiting = asyncio.create_task(running.engine.submit_envelope(cheap, 5))
        await asyncio.sleep(0)
        await running.turn()
        with pytest.raises(FeeTooLow) as refusal:
            await waiting
        assert refusal.value.rule == "V-6"
        # time is up before anything happens: the state so far, never a failure
        # SPEC LEDGER-21.1.3
        good = house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope
        assert (await running.engine.submit_envelope(good, 0.01)).state == "received"

    run(scene, tmp_path)


def test_bytes_that_can_be_nothing_are_refused_at_once(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        engine = await running.start()
        with pytest.raises(EnvelopeMalformed):
            await engine.submit_envelope(b"PLX2" + bytes(8188))
        with pytest.raises(TooLarge):
            await engine.submit_envelope(bytes(70_000))
        with pytest.raises(NonCanonical):
            await engine.submit_operation(b"PLX1")
        with pytest.raises(NonCanonical):
            await engine.submit_bundle(b"PLB1")

    run(scene, tmp_path)


def test_a_bundle_is_answered_envelope_by_envelope(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        house, alice = await funded(running)
        items = [house.spend(alice, [coin], [(alice.pay, 5)]).envelope for coin in alice.coins]
        bundle = b"PLB1" + len(items).to_bytes(2, "little")
        bundle += b"".join(len(each).to_bytes(4, "little") + each for each in items)
        answers = await running.engine.submit_bundle(bundle)
        assert [each.id for each in answers] == [submission_id(each).hex() for each in items]
        await running.turn()
        assert [each.state for each in await running.engine.submit_bundle(bundle)] == ["final", "final"]

    run(scene, tmp_path)


# SPEC LEDGER-16.1.4
def test_waiting_work_is_bounded_in_all_and_per_source(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        engine = await running.start()
        house = running.house()
        frames = [house.mint(purse("alice"), number) for number in range(1, 7)]
        SUBMITTER.set("one")
        for frame in frames[:2]:
            await engine.submit_operation(frame)
        with pytest.raises(Overloaded):
            await engine.submit_operation(frames[2])
        SUBMITTER.set("two")
        await engine.submit_operation(frames[2])
        await engine.submit_operation(frames[3])
        SUBMITTER.set("three")
        with pytest.raises(Overloaded):
            await engine.submit_operation(frames[4])
        # what is known is answered all the same
        assert (await engine.submit_operation(frames[0])).state == "received"
        await running.turn()
        assert (await engine.submit_operation(frames[4])).state == "received"

    run(scene, tmp_path, waiting_max=4, source_max=2)


# SPEC LEDGER-16.1.4
def test_a_source_that_cost_much_comes_after_all_others(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        from tests.ledger.engine.drafts import seal, take_apart

        house, alice = await funded(running)
        engine, intake = running.engine, running.engine.provider.intake
        draft = take_apart(house, house.spend(alice, alice.coins, [(alice.pay, 5)], portable=True).envelope)
        draft.salt = bytes(32)
        SUBMITTER.set("mallory")
        await engine.submit_envelope(seal(house, draft))
        await running.turn()
        await engine.submit_operation(house.mint(alice, 5))
        SUBMITTER.set("honest")
        await engine.submit_operation(house.mint(alice, 6))
        assert [entry.source for entry in intake.take_now()] == ["honest"]
        assert [entry.source for entry in intake.take_now()] == ["mallory"]
        # forgiven after 1000 blocks
        intake.put(engine.provider.submissions.open(bytes(32), b"", "mallory"), house.height + 1000)
        intake.put(engine.provider.submissions.open(bytes(32), b"", "honest"), house.height + 1000)
        assert [entry.source for entry in intake.take_now()] == ["mallory", "honest"]

    run(scene, tmp_path)


# SPEC LEDGER-16.2.4
def test_time_never_stands_still_or_goes_back(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        engine = await running.start()
        await running.turn()
        last = engine.machine.tip.time_ms
        assert last == running.clock.now_us() // 1000
        running.clock.set(START_US - 5_000_000)
        await engine.provider.make_block()
        assert engine.machine.tip.time_ms == last + 1

    run(scene, tmp_path)


# SPEC LEDGER-16.2.9
def test_an_outage_swallows_no_deadline(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        house, alice = await funded(running)
        await running.engine.submit_envelope(withdraw(house, alice, 300)[0])
        await running.turn()
        assert house.machine.tip.held.waiting == 1
        await running.engine.close()
        running.clock.advance(seconds=86_400)
        engine = await running.start(marked=True)
        before = engine.machine.tip.time_ms
        for _ in range(3):
            await running.turn(1000)
        # three seconds of service: six of the ledger's time at most
        assert engine.machine.tip.time_ms == before + 6000
        # a jump of the clock alone moves nothing
        running.engine.provider._monotonic = lambda: 0.0
        running.engine.provider._last_block = 0.0
        running.clock.advance(seconds=3600)
        await engine.provider.make_block()
        assert engine.machine.tip.time_ms == before + 6001

    run(scene, tmp_path)


# SPEC LEDGER-16.2.10
def test_a_restored_database_is_refused(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        await funded(running)
        tip = running.engine.machine.tip
        await running.engine.close()
        mark = Mark(running.folder)
        assert mark.read() == (tip.height, tip.app_hash)
        mark.write(tip.height + 1, bytes(32))
        with pytest.raises(StoreRestored):
            await running.start(marked=True)
        mark.write(tip.height, bytes(32))
        with pytest.raises(StoreRestored):
            await running.start(marked=True)
        # behind the database: the crash came between the commit and the mark
        header, _ = (await running.engine.headers(tip.height - 1, 1))[0]
        mark.write(tip.height - 1, Header.decode(header).app_hash)
        await running.start(marked=True)
        await running.engine.close()
        assert mark.read() == (tip.height, tip.app_hash)
        (running.folder / "ledger.mark").write_bytes(b"short")
        with pytest.raises(StoreRestored):
            await running.start(marked=True)
        (running.folder / "ledger.mark").unlink()
        with pytest.raises(StoreRestored):
            await running.start(marked=True)

    run(scene, tmp_path)


def test_a_backup_of_the_file_is_refused(tmp_path: Path) -> None:
    """The whole way: an older copy of the database file is put in its place."""

    async def scene(running: Running) -> None:
        path = running.folder / "ledger.db"
        url = f"sqlite:///{path}"
        run_migrations(url, MIGRATIONS)
        running.database = open_database(url, ManualClock(), inline=True)
        engine = await running.start(marked=True)
        await running.turn()
        await engine.close()
        await running.database.close()
        shutil.copy(path, running.folder / "backup.db")
        running.database = open_database(url, ManualClock(), inline=True)
        await running.start(marked=True)
        await running.turn()
        await running.engine.close()
        await running.database.close()
        shutil.copy(running.folder / "backup.db", path)
        running.database = open_database(url, ManualClock(), inline=True)
        with pytest.raises(StoreRestored):
            await running.start(marked=True)

    run(scene, tmp_path)


class Crash(BaseException):
    """The process is gone."""


POINTS = ["check", "finalize", "sign", "commit", "committed", "marked"]


def crash_at(running: Running, point: str) -> None:
    """Let the node die at this point of its next block."""
    provider, machine = running.engine.provider, running.engine.machine
    real_commit, mark = machine.commit, provider._mark
    assert mark is not None

    def die(*_: object, **__: object) -> Any:
        raise Crash

    async def die_signing(*_: object) -> bytes:
        raise Crash

    def commit_and_die() -> int:
        real_commit()
        raise Crash

    real_write = mark.write

    def write_and_die(height: int, app_hash: bytes) -> None:
        real_write(height, app_hash)
        raise Crash

    if point == "check":
        machine.check = die  # type: ignore[method-assign]
    elif point == "finalize":
        machine.finalize = die  # type: ignore[method-assign]
    elif point == "sign":
        provider._sign = die_signing
    elif point == "commit":
        machine.commit = die  # type: ignore[method-assign]
    elif point == "committed":
        machine.commit = commit_and_die  # type: ignore[method-assign]
    else:
        mark.write = write_and_die  # type: ignore[method-assign]


# SPEC LEDGER-16.1.3, LEDGER-16.2.7, LEDGER-8.7.2
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_point_loses_and_doubles_nothing(tmp_path: Path, point: str) -> None:
    """The node dies between receipt and answer; the client sends the same bytes again; the chain is the same."""

    async def scene(running: Running) -> None:
        house, alice = await funded(running)
        data = house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope
        reference = house.machine.finalize([data], house.height + 1, running.clock.now_us() // 1000 + 200).app_hash
        height, now_us = house.height, running.clock.now_us()
        crash_at(running, point)
        await running.engine.submit_envelope(data)
        with pytest.raises(Crash):
            await running.turn()
        running.clock.set(now_us)
        engine = await running.start(marked=True)
        done = point in ("committed", "marked")
        assert engine.machine.tip.height == height + done
        await engine.submit_envelope(data)
        await running.turn()
        answer = await engine.submit_envelope(data)
        assert (answer.state, answer.height) == ("final", height + 1)
        header, _ = (await engine.headers(height + 1, 1))[0]
        assert Header.decode(header).app_hash == reference
        assert engine.machine.tip.counters.fees == 1

    run(scene, tmp_path)


# SPEC LEDGER-9.4.1
def test_a_broken_identity_stops_the_node(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        from dataclasses import replace

        house, alice = await funded(running)
        engine, machine = running.engine, running.engine.machine
        machine.tip = replace(machine.tip, counters=replace(machine.tip.counters, burned=7))
        data = house.spend(alice, alice.coins, [(alice.pay, 5)]).envelope
        entry, _ = engine.provider.enter(data, "")
        await engine.provider.check(engine.provider.intake.take_now())
        engine.provider._since = -1e9
        await engine.provider._block_loop()
        assert any(each.startswith("LEDGER_STOPPED IdentityBroken") for each in running.alarms.heard)
        assert isinstance(entry.refusal, Internal)
        with pytest.raises(Internal):
            await engine.submit_operation(house.mint(alice, 9))
        assert (await engine.status()).validators_up == 0

    run(scene, tmp_path)


def test_a_loop_that_dies_is_told(tmp_path: Path) -> None:
    """Even where what the core raises is no ordinary error, nobody waits for ever."""

    async def scene() -> None:
        running = Running(tmp_path, settings=EmbeddedSettings(batch_ms=0))
        engine = await running.start()

        def die(*_: object) -> Any:
            raise Crash("panic")

        engine.machine.check = die  # type: ignore[method-assign]
        running.clock.advance(seconds=1)
        with pytest.raises(Internal):
            await asyncio.wait_for(engine.submit_operation(running.house().mint(purse("alice")), 20), 20)
        assert running.alarms.heard == ["LEDGER_STOPPED Crash: panic"]
        await engine.close()

    asyncio.run(scene())


def test_who_waits_is_answered_when_the_node_stops(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        engine = await running.start()
        waiting = asyncio.create_task(engine.submit_operation(running.house().mint(purse("alice")), 30))
        await asyncio.sleep(0)
        await engine.close()
        assert (await asyncio.wait_for(waiting, 5)).state == "received"
        with pytest.raises(NotReady):
            await engine.submit_operation(running.house().mint(purse("alice"), 2))

    run(scene, tmp_path)


# SPEC LEDGER-20.1.1, LEDGER-16.2.1, LEDGER-16.2.2, LEDGER-16.2.3
def test_a_node_with_threads_makes_blocks_by_itself(tmp_path: Path) -> None:
    async def scene() -> None:
        running = Running(tmp_path, settings=EmbeddedSettings(block_interval_ms=30, block_idle_s=0.1, batch_ms=5))
        path = tmp_path / "ledger.db"
        url = f"sqlite:///{path}"
        run_migrations(url, MIGRATIONS)
        running.database = open_database(url, SystemClock())
        running.clock = SystemClock()  # type: ignore[assignment]
        house = House.__new__(House)
        house.chain_id, house.genesis, house.keys = running.genesis.chain_id, running.genesis, running.keys

        class First(EpochDuty):
            async def frames(self, chain: Any) -> list[bytes]:
                if chain.epochs:
                    return []
                key = running.keys.make(1)
                return [makers.epoch_key(house.chain_id, 1, 2, 3600, public_key=key.public(), expiry=99).data]

        import time

        engine = await _open_threaded(running, [First(house)], time.monotonic)
        house = running.house()
        alice = purse("alice")
        minted = await engine.submit_operation(house.mint(alice), 20)
        assert (minted.state, (await engine.epoch(1)).start) == ("final", 2)
        house.collect(alice, OutputKind.MINT, ctx_mint(house.chain_id, house.unit_root(alice, 1)), 128)
        envelopes = [house.spend(alice, [coin], [(alice.pay, 5)]).envelope for coin in alice.coins]
        answers = await asyncio.gather(*(engine.submit_envelope(each, 20) for each in envelopes))
        assert [each.state for each in answers] == ["final", "final"]
        with pytest.raises(KeyImageSpent):
            rival = house.spend(alice, alice.coins[:1], [(alice.pay, 5)], ring_seed=5).envelope
            await engine.submit_envelope(rival, 20)
        # nothing waits: no empty blocks
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.provider._next_block(), 0.3)
        alice.coins.clear()
        house.find_change(alice, 130)
        alice.coins.sort(key=lambda coin: -coin.value)
        away = withdraw(house, alice, 100)[0]
        assert (await engine.submit_envelope(away, 20)).state == "final"
        # a withdrawal waits for a time: empty blocks
        for _ in range(2):
            await asyncio.wait_for(engine.provider._next_block(), 20)
        seen = []
        async for event in engine.events(0):
            seen.append((event.kind, event.height))
            if event.height == 2:
                break
        assert seen[:2] == [("epoch", 1), ("header", 1)]
        await engine.close()
        assert running.alarms.heard == []
        await running.database.close()

    asyncio.run(scene())


async def _open_threaded(running: Running, duties: list[Any], monotonic: Callable[[], float]) -> Any:
    from specie.kernel.clock import SystemRandomness
    from specie.ledger.engine.ledger import LedgerEngine, Node

    running.engine = await LedgerEngine.open(
        running.genesis.encode(),
        running.database,
        running.store,
        running.uri,
        running.keys,
        running.clock,
        SystemRandomness(),
        running.folder,
        running.alarms,
        duties=duties,
        node=Node(settings=running.settings),
        monotonic=monotonic,
    )
    return running.engine


def test_what_burns_in_a_transfer_is_refused(tmp_path: Path) -> None:
    async def scene(running: Running) -> None:
        from tests.ledger.engine.drafts import seal, take_apart

        house, alice = await funded(running)
        draft = take_apart(house, house.spend(alice, alice.coins, [(alice.pay, 5)], portable=True).envelope)
        draft.burn = 1
        data = seal(house, draft)
        waiting = asyncio.create_task(running.engine.submit_envelope(data, 5))
        await asyncio.sleep(0)
        await running.turn()
        with pytest.raises(BurnRule):
            await waiting

    run(scene, tmp_path)
