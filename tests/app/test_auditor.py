"""The independent auditor over real systems: a clean run, and every fault that it is there for."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from specie.app.build import build_service
from specie.app.config.model import AUDITOR, Config
from specie.app.http.server import HttpServer
from specie.app.keyfolders import system_store
from specie.crypto import cose, merkle, note
from specie.issuance.api import Order
from specie.issuance.engine.issuance_system.asking import ask, create
from specie.issuance.engine.issuance_system.minting import present
from specie.issuance.errors import RestoreDetected
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import ControlBit, Supply
from specie.issuance.protocol.journal import Leaf, chain_hash, leaf_hash
from specie.issuance.protocol.supply import SupplyState, supply_root
from specie.issuance.store import journal as journal_store
from tests.app.auditing import CM, IS, QC, Audited, Forge, audited, config_in, found_in
from tests.app.serving import run
from tests.postgres import PostgresCluster
from tests.services import free_port

EXTRA = 77_700


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("founded") / "data"
    asyncio.run(found_in(folder))
    return folder


@pytest.fixture
def config(tmp_path: Path, founded: Path) -> Config:
    return config_in(tmp_path / "data", founded)


def test_a_clean_run_is_counted_and_witnessed(tmp_path: Path, founded: Path, database_url: str) -> None:
    """SPEC ISSUANCE-15.6.1, ISSUANCE-15.4.1, ISSUANCE-15.2.1, ISSUANCE-5.4.4, ISSUANCE-5.4.5"""
    config = config_in(tmp_path / "data", founded, auditor={"database": database_url})

    async def work() -> None:
        async with audited(config) as world:
            first = await world.issue(15_000, ((10_000, 1), (2_000, 2), (1_000, 1)))
            await world.issue(40_000)
            await world.redeem(first, 2)
            await world.settle()
            await world.audit()
            assert await world.findings() == []
            status = await world.status()
            assert status["ok"]
            for engine in (world.cm, world.qc, world.issuance):
                assert status["logs"][engine.desk.me]["read"] == await engine.log.size()
            supply = await world.supply()
            figures = supply["currencies"]["XTS"]
            assert (figures["issued"], figures["redeemed"]) == ("550.00", "120.00")
            assert (figures["minted"], figures["outstanding"]) == ("550.00", "430.00")
            assert supply["statement"]["holds"]
            await check_cosigned(world, config)

    run(work())


async def check_cosigned(world: Audited, config: Config) -> None:
    """Each log's newest checkpoint carries the log's signature and the auditor's cosignature."""
    assert world.built.auditor is not None
    store = system_store(config, AUDITOR)
    public = (await store.public_key(store.uri(store.key_ids()[0]))).bytes
    for engine in (world.cm, world.qc, world.issuance):
        data = await world.built.auditor.figures.witnessed(engine.desk.me)
        assert data is not None
        signed = note.parse(data.decode())
        assert note.verify_cosignature(signed, "auditor-1", public) > 0
        await engine.log.check_witnessed(data)


def test_systems_on_postgresql_hand_out_the_same(
    tmp_path: Path, founded: Path, postgres_cluster: PostgresCluster
) -> None:
    """SPEC ISSUANCE-15.6.1 (the doors of objects over the other database)."""
    names = [postgres_cluster.take_database() for _ in range(3)]
    urls = [{"database": postgres_cluster.url(name)} for name in names]
    sections = dict(zip(("central_management", "quota_control", "issuance_system"), urls, strict=True))
    config = config_in(tmp_path / "data", founded, issuance=sections)

    async def work() -> None:
        async with audited(config) as world:
            await world.redeem(await world.issue(), 1)
            await world.settle()
            await world.audit()
            assert await world.findings() == []
            figures = (await world.supply())["currencies"]["XTS"]
            assert (figures["issued"], figures["outstanding"]) == ("150.00", "0.00")

    run(work())
    for name in names:
        postgres_cluster.give_back(name)


def test_a_credential_held_after_a_restore_is_counted_once(config: Config) -> None:
    """SPEC ISSUANCE-17.4 (it is counted without a bit; the bit comes later and counts nothing)."""

    async def work() -> None:
        async with audited(config) as world:
            owner = await (await world.alice()).kid()
            order = Order("XTS", 15_000, 0, owner, ((15_000, 1),), "retail")
            rows = await ask(world.issuance, await create(world.issuance, [order], [bytes(16)]))
            assert await world.qc.take_back(world.cm, restored=True) == 1
            await world.audit()
            assert (await world.supply())["currencies"]["XTS"]["issued"] == "150.00"
            await present(world.issuance, rows)
            await world.settle()
            await world.audit()
            assert await world.findings() == []
            figures = (await world.supply())["currencies"]["XTS"]
            assert (figures["issued"], figures["minted"]) == ("150.00", "150.00")

    run(work())


def test_nothing_is_counted_twice_when_rounds_are_repeated(config: Config) -> None:
    """SPEC ISSUANCE-15.6.1"""

    async def work() -> None:
        async with audited(config) as world:
            for _ in range(3):
                await world.issue()
                await world.audit()
            await world.settle()
            await world.audit(3)
            assert (await world.supply())["currencies"]["XTS"]["issued"] == "450.00"
            assert await world.findings() == []
        async with audited(config) as world:
            await world.issue()
            await world.settle()
            await world.audit()
            assert (await world.supply())["currencies"]["XTS"]["issued"] == "600.00"
            assert await world.findings() == []

    run(work())


async def planted(config: Config, fault: Callable[[Audited], Any], before: int = 2) -> tuple[set[str], dict[str, Any]]:
    """Issue and audit, plant a fault, audit again: what was found, and the status."""
    async with audited(config) as world:
        for _ in range(before):
            await world.issue()
        await world.settle()
        await world.audit()
        assert await world.findings() == []
        outcome = fault(world)
        if outcome is not None:
            await outcome
        await world.audit()
        return await world.codes(), await world.status()


def test_an_edited_object_is_found(config: Config) -> None:
    """SPEC ISSUANCE-20.16, ISSUANCE-1.4.6 (the amount of a control bit is changed in quota control's table)."""

    def fault(world: Audited) -> None:
        with sqlite3.connect(world.store_file(QC)) as connection:
            cti, payload = connection.execute("SELECT cti, payload FROM object WHERE typ = 'dc-bit'").fetchone()
        edited = payload.replace(b"\x19\x3a\x98", b"\x19\x3a\x99")
        assert edited != payload
        world.edit(QC, ("UPDATE object SET payload = ? WHERE cti = ?", (edited, cti)))

    found, status = run(planted(config, fault))
    assert "OBJECT_EDITED" in found
    assert status["emergencies"] == 1


def test_an_object_edited_before_it_was_read_is_found(config: Config) -> None:
    """SPEC ISSUANCE-20.16, ISSUANCE-20.4"""

    async def fault(world: Audited) -> None:
        await world.issue()
        sql = "UPDATE object SET signature = zeroblob(64) WHERE typ = 'dc-bit' AND cti = (SELECT MAX(cti) FROM object)"
        with sqlite3.connect(world.store_file(QC)) as connection:
            connection.execute(sql.replace("FROM object)", "FROM object WHERE typ = 'dc-bit')"))

    found, _ = run(planted(config, fault))
    assert "OBJECT_FORGED" in found


def test_an_edited_leaf_is_found(config: Config) -> None:
    """SPEC ISSUANCE-20.16, ISSUANCE-1.4.6"""

    def fault(world: Audited) -> None:
        body = Leaf(3, 0, "use", bytes(32)).encode()
        world.edit(QC, ("UPDATE log SET body = ? WHERE seq = 3", (body,)))

    found, status = run(planted(config, fault))
    assert "LOG_EDITED" in found
    assert not status["ok"]


def cut(world: Audited, count: int) -> int:
    """Take the last leaves of quota control's log away, head and all; answers its new size."""
    with sqlite3.connect(world.store_file(QC)) as connection:
        rows = connection.execute("SELECT leaf FROM log ORDER BY seq").fetchall()
    kept = [row[0] for row in rows[: len(rows) - count]]
    chain = bytes(32)
    for leaf in kept:
        chain = chain_hash(chain, leaf)
    frontier = merkle.Frontier().append(kept).encode()
    world.edit(
        QC,
        ("DELETE FROM log WHERE seq > ?", (len(kept),)),
        ("DELETE FROM checkpoint WHERE size > ?", (len(kept),)),
        ("UPDATE head SET seq = ?, hash = ?, frontier = ?", (len(kept), chain, frontier)),
    )
    return len(kept)


def test_a_truncated_log_is_an_emergency_for_ever(config: Config) -> None:
    """SPEC ISSUANCE-20.17"""

    async def fault(world: Audited) -> None:
        cut(world, 2)

    found, status = run(planted(config, fault))
    assert found == {"LOG_SHRANK"}
    assert status["logs"]["qc-1"]["stopped"]

    async def later() -> None:
        async with audited(config) as world:
            await world.issue()
            await world.audit()
            assert (await world.codes(), (await world.status())["emergencies"]) == ({"LOG_SHRANK"}, 1)

    # the witness beside the store knows of the leaves too; an attacker would have removed it
    (config.data_dir / "witnessed" / f"{QC}.note").unlink()
    with pytest.raises(RestoreDetected):
        run(later())


def test_a_forked_log_is_an_emergency(config: Config) -> None:
    """SPEC ISSUANCE-20.17, ISSUANCE-15.2.1 (the log is cut, and grows again with other leaves)."""

    async def fault(world: Audited) -> None:
        cut(world, 2)

        def forge(batch: Batch_, desk: Any) -> None:
            for number in range(4):
                batch.journal.append("answered", sha256(bytes([number])).digest())

        await world.qc.writer.submit(Forge(forge))

    found, status = run(planted(config, fault))
    assert found == {"LOG_FORKED"}
    assert status["logs"]["qc-1"]["stopped"]


def test_a_checkpoint_over_another_log_is_an_emergency(config: Config) -> None:
    """SPEC ISSUANCE-15.2.1, ISSUANCE-17.3 (quota control shows one log and signs another)."""

    async def fault(world: Audited) -> None:
        engine = world.qc
        await world.issue()
        size = await engine.log.size()
        frontier = merkle.Frontier().append([leaf_hash(b"another log")] * size).encode()
        honest = await engine.desk.database.read(lambda tx: tx.one("SELECT frontier FROM head"))
        assert honest is not None
        world.edit(QC, ("UPDATE head SET frontier = ?", (frontier,)))
        await engine.log.make_checkpoint(force=True)
        world.edit(QC, ("UPDATE head SET frontier = ?", (honest[0],)))

    found, _ = run(planted(config, fault))
    assert found == {"LOG_FORKED"}


Batch_ = Any


def forged_bit(desk: Any, journal: Any, keys: Any, sequence: int) -> tuple[Any, ControlBit]:
    """The fixed bytes of a control bit for a credential that nobody made."""
    body = ControlBit(bytes(16), bytes(32), "XTS", EXTRA, 0, bytes(32), bytes(32), 1, sequence)
    claims = Claims(iss=desk.me, aud="is-1", iat=journal.now_s, exp=journal.now_s + 600, cti=desk.new_cti())
    return desk.fix(journal, "qc:bit", keys, claims, body), body


async def sign_everything(world: Audited) -> None:
    """Sign what quota control has fixed, as it does after a crash."""
    from specie.issuance.engine.quota_control.chores import sign_leftovers

    await sign_leftovers(world.qc)


def test_a_control_bit_without_a_credential_is_found(config: Config) -> None:
    """SPEC ISSUANCE-20.9, ISSUANCE-1.4.5, ISSUANCE-15.3.1"""

    async def fault(world: Audited) -> None:
        def forge(batch: Batch_, desk: Any) -> None:
            journal = batch.journal
            row, _ = forged_bit(desk, journal, desk.key_set(batch.rules), journal.next_seq())
            journal.append("use", row.hash, sha256(b"no credential").digest())

        await world.qc.writer.submit(Forge(forge))
        await sign_everything(world)

    async def work() -> None:
        async with audited(config) as world:
            await world.issue()
            await world.settle()
            await world.audit()
            await fault(world)
            await world.audit()
            found = await world.findings()
            assert [row["code"] for row in found] == ["BIT_WITHOUT_CREDENTIAL"]
            assert found[0]["emergency"]
            assert str(EXTRA) in found[0]["detail"]
            # the forged value is in the auditor's own figures: nothing is hidden because it is wrong
            assert (await world.supply())["currencies"]["XTS"]["issued"] == "927.00"

    run(work())


def test_units_under_a_bit_that_was_never_logged_are_found(config: Config) -> None:
    """SPEC ISSUANCE-1.4.5, ISSUANCE-20.9 (quota control signs off the log, the issuance system mints)."""

    async def fault(world: Audited) -> None:
        from specie.issuance.engine.issuance_system.batch import Work

        await world.issuance.writer.submit(
            Work(lambda batch: batch.journal.append("mint", sha256(b"root").digest(), sha256(b"bit").digest()))
        )

    found, _ = run(planted(config, fault))
    assert found == {"MINT_WITHOUT_BIT"}


def test_bucket_rows_are_not_believed(config: Config) -> None:
    """SPEC ISSUANCE-15.6.1, ISSUANCE-1.4.4 (both systems forget what was used of the day, and let more through)."""

    async def work() -> None:
        async with audited(config) as world:
            for _ in range(10):
                await world.issue(100_000)
            await world.settle()
            for role in (CM, QC):
                world.edit(role, ("UPDATE bucket SET used = 0, reserved = 0", ()))
            assert (await world.issue(100_000)).state == "released"
            await world.audit()
            found = await world.findings()
            assert [row["code"] for row in found] == ["CAP_EXCEEDED"]
            assert "daily" in found[0]["detail"]

    run(work())


def test_a_supply_statement_that_lies_is_found(config: Config) -> None:
    """SPEC ISSUANCE-15.4.1, ISSUANCE-15.4.2"""

    async def fault(world: Audited) -> None:
        def forge(batch: Batch_, desk: Any) -> None:
            batch.settle()
            head = batch.journal.head
            state = SupplyState.decode(journal_store.note(batch.tx, "supply"))
            issued, back, issuers = state.totals["XTS"]
            totals = {"XTS": (issued - 15_000, back, issuers)}
            root = merkle.Frontier.decode(head.frontier, head.seq).root
            body = Supply(head.seq, root, totals, supply_root(state.issued.root(), state.returned.root()))
            claims = Claims(iss=desk.me, iat=batch.journal.now_s, cti=desk.new_cti())
            row = desk.fix(batch.journal, "qc:bit", desk.key_set(batch.rules), claims, body)
            batch.journal.append("supply", row.hash)

        await world.qc.writer.submit(Forge(forge))
        await sign_everything(world)

    found, status = run(planted(config, fault))
    assert found == {"SUPPLY_FALSE"}
    assert status["emergencies"] == 1


def test_an_object_that_is_withheld_is_waited_for_and_then_reported(config: Config) -> None:
    """SPEC ISSUANCE-15.6.1 (a leaf without its object cannot be added up)."""

    async def work() -> None:
        async with audited(config) as world:
            assert world.built.auditor is not None
            auditor = world.built.auditor.auditor
            assert auditor is not None
            await world.issue()
            newest = "cti = (SELECT MAX(cti) FROM object WHERE typ = 'dc-bit')"
            with sqlite3.connect(world.store_file(QC)) as connection:
                (signature,) = connection.execute(f"SELECT signature FROM object WHERE {newest}").fetchone()
            world.edit(QC, ("UPDATE object SET typ = 'withheld', signature = NULL WHERE " + newest, ()))
            await world.audit()
            assert await world.findings() == []
            assert "XTS" not in (await world.supply())["currencies"]
            auditor.limits = type(auditor.limits)(grace_us=-1)
            await world.audit()
            assert await world.codes() == {"OBJECT_WITHHELD"}
            world.edit(
                QC,
                ("UPDATE object SET typ = 'dc-bit', signature = ? WHERE typ = 'withheld'", (signature,)),
            )
            await world.audit()
            assert [row["resolved_at"] is not None for row in await world.findings()] == [True]
            assert (await world.status())["ok"]
            assert (await world.supply())["currencies"]["XTS"]["issued"] == "150.00"

    run(work())


def test_a_restored_backup_does_not_start_beside_its_auditor(config: Config) -> None:
    """SPEC ISSUANCE-17.3, ISSUANCE-20.18 (the note beside the store was restored too, the auditor remembers)."""

    async def work() -> None:
        beside = config.data_dir / "witnessed" / f"{QC}.note"
        async with audited(config) as world:
            await world.issue()
            await world.settle()
            await world.audit()
            store = world.store_file(QC)
        old, old_note = store.read_bytes(), beside.read_bytes()
        async with audited(config) as world:
            await world.issue()
            await world.settle()
            await world.audit()
        for suffix in ("-wal", "-shm"):
            store.with_name(store.name + suffix).unlink(missing_ok=True)
        store.write_bytes(old)
        beside.write_bytes(old_note)
        with pytest.raises(RestoreDetected):
            async with audited(config):
                pass

    run(work())


@pytest.mark.parametrize("tls", [True, False])
def test_a_start_does_not_wait_for_an_auditor_that_is_away(tmp_path: Path, founded: Path, *, tls: bool) -> None:
    """SPEC ISSUANCE-17.3"""
    systems = {name: {"tls": tls} for name in ("central_management", "quota_control", "issuance_system")}
    sections = {"issuance": systems, "auditor": {"listen_port": free_port()}}
    alone = config_in(tmp_path / "data", founded, **sections)

    async def work() -> None:
        built = build_service(alone, QC)
        await built.start()
        await built.stop()

    run(work())


def test_over_mutual_tls_the_auditor_reads_and_a_restored_system_asks_it(tmp_path: Path, founded: Path) -> None:
    """SPEC ISSUANCE-15.6.1, ISSUANCE-17.3, ISSUANCE-21.8 (four services with certificates of their own)."""
    ports = {
        "central_management": {"listen_port": free_port()},
        "quota_control": {"listen_port": free_port()},
        "issuance_system": {"listen_port": free_port()},
    }
    config = config_in(
        tmp_path / "data", founded, issuance=ports, auditor={"listen_port": free_port(), "embedded": False}
    )
    shutil.rmtree(config.data_dir / "issuance" / "witnessed", ignore_errors=True)

    async def work() -> None:
        services = {role: build_service(config, role) for role in (CM, QC, IS, AUDITOR)}
        servers = {}
        try:
            for role, built in services.items():
                await built.start()
                system = config.system(role)
                server = HttpServer(built.litestar_app(), host="127.0.0.1", port=system.listen_port, tls=system.tls)
                await server.start()
                servers[role] = server
            await check_remote(config, services)
        finally:
            for role in reversed(services):
                if role in servers:
                    await servers[role].stop()
                await services[role].stop()

    run(work())


async def check_remote(config: Config, services: Any) -> None:
    world = Audited(config, services[IS])
    auditor = services[AUDITOR].auditor
    assert (await world.issue()).state == "released"
    engine = services[QC].parts[QC].engine
    await engine.log.make_checkpoint(force=True)
    for _ in range(2):
        await auditor.step()
        assert not auditor.last_error
    status = await auditor.figures.status()
    assert status["ok"], status
    assert (await auditor.figures.supply())["currencies"]["XTS"]["issued"] == "150.00"
    # a system that starts over an older store asks the auditor, which has seen more
    older = config.model_copy(update={"data_dir": config.data_dir.parent / "older"})
    shutil.copytree(config.data_dir, older.data_dir)
    (older.data_dir / "witnessed" / f"{QC}.note").unlink(missing_ok=True)
    for path in (older.data_dir / QC).glob("store.sqlite3*"):
        path.unlink()
    restored = build_service(older, QC)
    with pytest.raises(RestoreDetected):
        await restored.start()
    await restored.stop()


def test_typ_of_garbage_is_nothing() -> None:
    """SPEC ISSUANCE-20.22"""
    from specie.app.auditor.reading import typ_of

    assert typ_of(b"\xff" * 40) == ""
    assert typ_of(cose.cose_key(bytes(32), "ed25519")) == ""
