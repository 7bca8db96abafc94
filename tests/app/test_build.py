"""The composition: all systems in one process keep apart what is theirs, and take back what was restored."""

from __future__ import annotations

import asyncio
from pathlib import Path

from specie.app.build import build_all
from specie.app.config import load
from specie.app.config.model import SYSTEMS, Config
from specie.issuance.api import IssueView, Order
from specie.issuance.store import quota_control as store


def config_at(folder: Path) -> Config:
    environ = {"SPECIE_DATA_DIR": str(folder), "SPECIE_CURRENCY__REGISTRY": "offline"}
    return load(environ=environ, config_file=None, profile=None, flags={}).config


def order(owner: bytes) -> Order:
    return Order("XTS", 15_000, 0, owner, ((10_000, 1), (2_500, 2)), "retail")


# SPEC ISSUANCE-1.2.3
def test_all_in_one_keeps_stores_and_keys_apart(tmp_path: Path) -> None:
    async def work() -> None:
        config = config_at(tmp_path)
        built = build_all(config)
        await built.start()
        try:
            parts = [built.parts[role] for role in SYSTEMS]
            files = {Path(part.settings.database.removeprefix("sqlite:///")) for part in parts}
            assert len(files) == 3 and all(path.exists() for path in files)
            keys = [set(part.keystore.key_ids()) for part in parts]
            assert all(keys) and not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]
            issuance = built.parts["issuance"].engine
            (view,) = await issuance.issue([order(bytes(16))])  # type: ignore[union-attr]
            assert isinstance(view, IssueView) and view.state == "released"
        finally:
            await built.stop()

    asyncio.run(work())


# SPEC ISSUANCE-17.4
def test_the_operators_word_that_a_store_was_restored_is_taken_once(tmp_path: Path) -> None:
    """A credential that is reserved counts as used after the restore, and the file that says so is gone."""

    async def work() -> None:
        config = config_at(tmp_path)
        built = build_all(config)
        await built.start()
        engine = built.parts["issuance"].engine
        from specie.issuance.engine.issuance_system.asking import create

        (row,) = await create(engine, [order(bytes(16))], [bytes(16)])  # type: ignore[arg-type]
        managing = built.parts["central-management"].engine
        await managing.submit_requests([row.request], peer=config.system("issuance").id)  # type: ignore[union-attr]
        await built.stop()
        marker = tmp_path / "quota-control" / "restored"
        marker.touch()
        again = build_all(config)
        await again.start()
        try:
            database = again.parts["quota-control"].database
            assert database is not None and not marker.exists()
            sums = await database.read(store.state_sums)
            held_or_used = {state: pair for (_, state), pair in sums.items()}
            assert sum(count for count, _ in held_or_used.values()) == 1
            assert sum(amount for _, amount in held_or_used.values()) == order(b"x").amount
        finally:
            await again.stop()

    asyncio.run(work())
