"""The independent auditor over a ledger: a clean run, and every fault of the chain that it is there for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from specie.app.audit import ask_services
from specie.app.auditor.composing import open_auditor
from specie.app.auditor.ledger import ChainLimits
from specie.app.chain.founding import ANCHOR
from specie.app.http.client import LEDGER_ANSWER_BYTES_MAX, ServiceClient
from specie.app.http.server import HttpServer
from specie.app.keyfolders import system_store
from specie.app.workplace import Workplace
from specie.kernel.clock import SystemClock, SystemRandomness
from specie.kernel.errors import Unavailable
from specie.ledger.client import LedgerClient
from specie.ledger.engine.registry import LedgerAnchor
from specie.ledger.errors import Pruned, Unknown
from specie.ledger.messages.header import HEADER_BYTES, Header
from specie.ledger.messages.record import BlockRecord
from specie.ledger.messages.state import MintState
from tests.app.auditing_ledger import CM, IS, QC, Changed, ShortLog, World, config_of, play_in, running
from tests.app.serving import run

VN = "vn-1"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("played") / "data"
    asyncio.run(play_in(folder))
    return folder


async def mint_height(world: World) -> int:
    """The block that mints the issue."""
    for height in range(await world.tip() + 1):
        if BlockRecord.decode(await world.ledger.block(height)).totals.mint:
            return height
    raise AssertionError("nothing was minted")


def edited(record: bytes) -> bytes:
    """One bit changed in the last output."""
    return record[:-60] + bytes([record[-60] ^ 1]) + record[-59:]


# SPEC LEDGER-8.4.1, LEDGER-9.4.2, LEDGER-13.1, ISSUANCE-15.6.1, ISSUANCE-13.2.13
def test_a_clean_run_is_executed_again_and_balances(tmp_path: Path, played: Path, database_url: str) -> None:
    async def work() -> None:
        async with (
            running(tmp_path / "data", played, auditor_database=database_url) as world,
            world.auditor() as audit,
        ):
            await audit.rounds(3)
            assert await audit.findings() == []
            status, equation = await audit.status(), await audit.equation()
            tip = await world.tip()
            assert (status["height"], status["behind"], status["seen"]) == (tip, 0, tip)
            assert status["app_hash"] == (await world.ledger.status()).app_hash
            assert (await audit.part.figures.status())["ok"]
            assert equation["balanced"] is True
            assert equation["terms"] == {
                "issued": "5000.00",
                "redeemed": "100.00",
                "cancelled": "0.00",
                "H": "4900.00",
                **dict.fromkeys(("E", "T1", "T2", "T3", "T4"), "0.00"),
            }
            assert audit.chain.copy is not None
            assert set(audit.chain.copy.anchored.newest) == {CM, QC, IS}
            assert status["anchors_waiting"] == 0
            assert (audit.gauge("height"), audit.gauge("behind")) == (tip, 0)

    run(work())


# SPEC ISSUANCE-15.6.1, LEDGER-8.4.1
def test_the_auditor_of_a_process_gets_its_chain(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            config = config_of(tmp_path / "data", embedded=True)
            built = world.built
            logs = {role: part.engine.log for role, part in built.parts.items() if part.engine is not None}
            part = await open_auditor(
                config, built.roles, logs.__getitem__, CollectorRegistry(), SystemClock(), built.chain
            )
            assert part is not None
            try:
                await part.step()
                assert (await part.figures.status())["ledger"]["height"] == await world.tip()
            finally:
                await part.close()

    run(work())


# SPEC ISSUANCE-15.6.1
def test_over_http_it_comes_to_the_same_and_keeps_its_place(tmp_path: Path, played: Path) -> None:
    """A client of the node's doors, with bounded rounds; after a restart it begins again and shows how far it is."""

    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            server = HttpServer(world.built.litestar_app(), host="127.0.0.1", port=0)
            await server.start()
            caller = ServiceClient(server.url, answer_bytes_max=LEDGER_ANSWER_BYTES_MAX)
            try:
                tip = await world.tip()
                for _ in range(2):
                    async with world.auditor(LedgerClient(caller), limits=ChainLimits(blocks=2, stretch=1)) as audit:
                        await audit.rounds(1)
                        status = await audit.status()
                        assert (status["height"], status["behind"]) == (1, tip - 1)
                        assert audit.chain.has_more
                        assert (await audit.equation())["balanced"] is None
                        await audit.rounds(tip // 2 + 1)
                        assert await audit.findings() == []
                        assert (await audit.status())["height"] == tip
                        assert not audit.chain.has_more
                        assert (await audit.equation())["balanced"] is True
            finally:
                await caller.close()
                await server.stop()

    run(work())


# SPEC LEDGER-8.4.1
def test_an_edited_record_is_found_and_the_true_one_read(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            height = await mint_height(world)
            liar = Changed(world.ledger, records_at={height: edited(await world.ledger.block(height))})
            async with world.auditor(liar) as audit:
                await audit.rounds()
                assert await audit.open() == {("BLOCK_MISMATCH", VN)}
                assert (await audit.status())["height"] == height - 1
                liar.records_at.clear()
                await audit.rounds()
                assert (await audit.status())["height"] == await world.tip()
                # an old row that is edited later is found when it is read again
                liar.records_at[0] = edited(await world.ledger.block(0))
                await audit.rounds()
                assert {row["subject"] for row in await audit.findings()} == {
                    f"block {height}, record",
                    "block 0, record",
                }

    run(work())


# SPEC LEDGER-13.1
def test_a_chain_that_was_rolled_back_is_an_emergency_after_a_restart(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            tip = await world.tip()
            async with world.auditor() as audit:
                await audit.rounds()
                assert await audit.findings() == []
            async with world.auditor(Changed(world.ledger, top=tip - 1)) as audit:
                await audit.rounds(1)
                assert await audit.open() == {("CHAIN_ROLLED_BACK", VN)}
            async with world.auditor() as audit:
                await audit.rounds()
                assert await audit.open() == {("CHAIN_ROLLED_BACK", VN)}
                status = await audit.status()
                assert status["stopped"] is not None
                assert not (await audit.part.figures.status())["ok"]

    run(work())


# SPEC LEDGER-16.2.5, LEDGER-8.4.1
def test_two_signed_histories_are_the_evidence(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            tip = await world.tip()
            true = await world.header(tip)
            other = await world.header(tip, time_ms=true.time_ms + 1)
            async with world.auditor() as audit:
                await audit.rounds()
            async with world.auditor(Changed(world.ledger, headers_at={tip: await world.signed(other)})) as audit:
                await audit.rounds(1)
                (row,) = await audit.findings()
                assert (row["code"], row["emergency"]) == ("CHAIN_FORKED", True)
                evidence = bytes.fromhex(row["evidence"])
                half = len(evidence) // 2
                shown = [Header.decode(part[:HEADER_BYTES]) for part in (evidence[:half], evidence[half:])]
                assert [header.app_hash for header in shown] == [true.app_hash, other.app_hash]

    run(work())


# SPEC LEDGER-8.4.1, LEDGER-13.1
def test_a_final_block_that_does_not_follow(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            tip = await world.tip()
            unsigned = await world.header(tip, state_root=bytes(32))
            ((_, finality),) = await world.ledger.headers(tip, 1)
            liar = Changed(world.ledger, headers_at={tip: (unsigned.data, finality)})
            async with world.auditor(liar) as audit:
                await audit.rounds(1)
                assert await audit.open() == {("BLOCK_FORGED", VN)}
                liar.headers_at[tip] = await world.signed(unsigned)
                await audit.rounds(1)
                assert await audit.open() == {("BLOCK_FORGED", VN), ("BLOCK_INVALID", VN)}
                assert (await audit.status())["stopped"] == f"BLOCK_INVALID: block {tip}"

    run(work())


# SPEC LEDGER-9.4.2
def test_published_figures_that_are_not_those_of_the_blocks(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            liar = Changed(world.ledger, minted="5000.01")
            async with world.auditor(liar) as audit:
                await audit.rounds(1)
                assert await audit.open() == {("COUNTERS_FALSE", VN)}

    run(work())


# SPEC LEDGER-8.2.1
def test_what_is_withheld_ends_when_it_is_handed_out(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            liar = Changed(world.ledger, proofs_at={1: Pruned("dropped"), 2: Unknown("gone")})
            async with world.auditor(liar) as audit:
                await audit.rounds(1)
                assert {row["subject"] for row in await audit.findings()} == {"proofs 1", "proofs 2"}
                assert await audit.open() == {("OBJECT_WITHHELD", VN)}
                assert (await audit.status())["height"] == await world.tip()
            async with world.auditor() as audit:
                await audit.rounds(1)
                assert await audit.open() == set()

    run(work())


# SPEC ISSUANCE-15.6.1
def test_a_node_that_is_away_holds_up_nobody(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            liar = Changed(world.ledger, proofs_at={1: Unavailable("away")})
            async with world.auditor(liar) as audit:
                await audit.rounds()
                assert await audit.findings() == []
                status = await audit.part.figures.status()
                assert not status["ok"]
                assert status["logs"]["qc-1"]["read"] > 0
                assert (await audit.equation())["balanced"] is None
                liar.proofs_at.clear()
                await audit.rounds()
                assert (await audit.part.figures.status())["ok"]

    run(work())


# SPEC ISSUANCE-13.2.11, ISSUANCE-14.10, ISSUANCE-15.6.1
def test_a_mint_and_a_burn_that_the_chain_does_not_have(tmp_path: Path, played: Path) -> None:
    """The logs say that the value arrived and came back; the chain ends before the mint."""

    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            liar = Changed(world.ledger, top=await mint_height(world) - 1)
            async with world.auditor(liar) as audit:
                await audit.rounds()
                found = await audit.open()
                assert {("MINT_MISSING", "is-1"), ("BURN_MISSING", "qc-1"), ("SUPPLY_UNBALANCED", "qc-1")} <= found
                assert (await audit.equation())["balanced"] is False
                liar.top = None
                await audit.rounds()
                # the equation holds again; that it was not so is remembered
                assert (await audit.equation())["balanced"] is True
                assert ("SUPPLY_UNBALANCED", "qc-1") not in await audit.open()
                assert {"MINT_MISSING", "BURN_MISSING"} <= await audit.emergencies()

    run(work())


# SPEC ISSUANCE-13.2.1, ISSUANCE-13.2.6
def test_a_mint_whose_control_bit_is_in_no_log(tmp_path: Path, played: Path) -> None:
    """Until quota control's log was read beyond it, it counts with a minus sign; then it is a finding."""

    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            short = {QC: ShortLog(world.built.parts[QC].engine.log, 2)}  # type: ignore[union-attr]
            async with world.auditor(logs=short) as audit:
                await audit.rounds(3)
                assert ("MINT_WITHOUT_BIT", VN) in await audit.open()
                (mint,) = [
                    row for row in await audit.findings() if (row["code"], row["system"]) == ("MINT_WITHOUT_BIT", VN)
                ]
                assert MintState.decode(bytes.fromhex(mint["evidence"])).value == 500_000
                assert (await audit.equation())["balanced"] is False

    run(work())


# SPEC ISSUANCE-15.2.3
@pytest.mark.parametrize("beyond", [0, 1_000])
def test_an_anchor_that_names_another_root(tmp_path: Path, played: Path, beyond: int) -> None:
    """Of a size that the log has, and of one that it never had."""

    async def work() -> None:
        async with running(tmp_path / "data", played) as world:
            log = world.built.parts[QC].engine.log  # type: ignore[union-attr]
            assert world.built.chain is not None
            keys = system_store(world.config, QC)
            anchor = LedgerAnchor(
                world.built.chain.genesis, world.ledger, keys, keys.uri(ANCHOR), SystemClock(), SystemRandomness()
            )
            await anchor.anchor(5, "qc-1", await log.size() + beyond, bytes(range(32)), b"")
            async with world.auditor() as audit:
                await audit.rounds()
                assert await audit.open() == {("ANCHOR_FORKED", "qc-1")}

    run(work())


# SPEC ISSUANCE-14.9, ISSUANCE-14.10, ISSUANCE-15.6.1
def test_quota_given_back_for_a_burn_that_never_was(tmp_path: Path, played: Path) -> None:
    """The bank asks, quota control signs, and nothing left the ledger."""

    async def work() -> None:
        async with running(tmp_path / "data", played) as world, world.auditor() as audit:
            await audit.rounds()
            await world.redeem_without_burn(7_000)
            await audit.rounds()
            assert await audit.open() == {("BURN_MISSING", "qc-1"), ("SUPPLY_UNBALANCED", "qc-1")}
            equation = await audit.equation()
            assert (equation["balanced"], equation["terms"]["redeemed"]) == (False, "170.00")

    run(work())


# SPEC ISSUANCE-10.6.2, ISSUANCE-13.2.8, ISSUANCE-13.2.9
def test_a_control_bit_that_is_given_up_on_both_sides_is_in_order(tmp_path: Path, played: Path) -> None:
    """Its registry is away; the value is on its way until the ledger and quota control have taken the bit back."""

    async def work() -> None:
        async with running(tmp_path / "data", played) as world, world.auditor() as audit:
            ident = await world.issue_without_registry(30_000)
            await audit.rounds()
            equation = await audit.equation()
            assert (equation["balanced"], equation["terms"]["T1"]) == (True, "300.00")
            await world.give_up(ident)
            await audit.rounds()
            equation = await audit.equation()
            assert (equation["balanced"], equation["terms"]["cancelled"]) == (True, "300.00")
            assert await audit.findings() == []

    run(work())


# SPEC ISSUANCE-13.2.9, ISSUANCE-15.6.1
def test_a_mint_whose_quota_was_given_back(tmp_path: Path, played: Path) -> None:
    """The issuance system signs a cancellation of what it has minted, and quota control takes it."""

    async def work() -> None:
        async with running(tmp_path / "data", played) as world, world.auditor() as audit:
            # central management's own count must not fall below zero
            await world.issue_without_registry(30_000)
            await world.cancel_the_minted()
            await audit.rounds()
            assert await audit.open() == {("MINTED_TWICE", VN), ("SUPPLY_UNBALANCED", "qc-1")}

    run(work())


# SPEC ISSUANCE-15.6.1
def test_the_audit_of_running_services_tells_what_the_auditor_found(tmp_path: Path, played: Path) -> None:
    async def work() -> None:
        async with running(tmp_path / "data", played, embedded=True) as world:
            part = world.built.auditor
            assert part is not None and part.auditor is not None and world.built.chain is not None
            liar = Changed(world.ledger, minted="0.00")
            part.follow_chain(world.built.chain.genesis, liar)
            server = HttpServer(world.built.litestar_app(), host="127.0.0.1", port=0)
            await server.start()
            place = Workplace(world.config, url=server.url)
            try:
                await part.step()
                report = await ask_services(place)
                assert not report["balanced"]
                (found,) = report["differences"]
                assert (found["id"], found["system"]) == ("COUNTERS_FALSE", VN)
            finally:
                await place.close()
                await server.stop()

    run(work())
