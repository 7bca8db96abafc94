"""Real systems with an auditor beside them, in one process, for the tests of the auditor."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specie.app.build import Built, build_all
from specie.app.config.model import Config, Currency
from specie.app.founding import found
from specie.app.keyfolders import People
from specie.issuance.api import IssueView, Order
from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control.batch import Batch
from specie.issuance.engine.quota_control.stating import make
from specie.issuance.wallet.owner import redeem
from specie.kernel.clock import SystemClock, SystemRandomness

CM, QC, IS = "central-management", "quota-control", "issuance"
TABLES_GUARDED = ("log", "entry")


async def found_in(folder: Path) -> None:
    """Keys, certificates, manifest and policy; made once and copied, since each key file costs a scrypt."""
    await found(Config(data_dir=folder, currency=Currency(registry="offline")), SystemClock(), SystemRandomness())


def config_in(folder: Path, founded: Path, **sections: Any) -> Config:
    """A configuration over a copy of a founded deployment."""
    if not folder.exists():
        shutil.copytree(founded, folder)
    return Config.model_validate({"data_dir": folder, "currency": {"registry": "offline"}, **sections})


@dataclass(slots=True)
class Audited:
    """Three systems and their auditor, none of which does anything by itself that a test has to wait for."""

    config: Config
    built: Built

    @property
    def cm(self) -> CentralManagementEngine:
        engine = self.built.parts[CM].engine
        assert isinstance(engine, CentralManagementEngine)
        return engine

    @property
    def qc(self) -> QuotaControlEngine:
        engine = self.built.parts[QC].engine
        assert isinstance(engine, QuotaControlEngine)
        return engine

    @property
    def issuance(self) -> IssuanceSystemEngine:
        engine = self.built.parts[IS].engine
        assert isinstance(engine, IssuanceSystemEngine)
        return engine

    async def alice(self) -> Any:
        return People(self.config, SystemClock(), SystemRandomness()).hand("alice")

    async def issue(self, amount: int = 15_000, piles: Sequence[tuple[int, int]] = ()) -> IssueView:
        """150.00 in one unit by default, for Alice."""
        owner = await (await self.alice()).kid()
        order = Order("XTS", amount, 0, owner, tuple(piles) or ((amount, 1),), "retail")
        (view,) = await self.issuance.issue([order], keys=[os.urandom(16)])
        assert isinstance(view, IssueView), view
        return view

    async def redeem(self, view: IssueView, count: int) -> bytes:
        """Redeem the first units of an issue."""
        units = await self.issuance.units(view.id)
        return await self.issuance.redeem(await redeem(await self.alice(), units[:count], "alice's bank"))

    async def settle(self) -> None:
        """Reports, checkpoints and a supply statement, now."""
        for role in (IS, QC, CM):
            chores = self.built.parts[role].chores
            assert chores is not None
            assert await chores()
        for engine in (self.cm, self.qc, self.issuance):
            await engine.log.make_checkpoint(force=True)
        await make(self.qc)

    async def audit(self, rounds: int = 2) -> None:
        """Rounds of the auditor; one that failed fails the test."""
        auditor = self.built.auditor
        assert auditor is not None
        for _ in range(rounds):
            await auditor.step()
            assert not auditor.last_error, auditor.last_error

    async def codes(self) -> set[str]:
        """What was found so far."""
        return {row["code"] for row in await self.findings()}

    async def findings(self) -> list[dict[str, Any]]:
        assert self.built.auditor is not None
        return await self.built.auditor.figures.findings()

    async def status(self) -> dict[str, Any]:
        assert self.built.auditor is not None
        return await self.built.auditor.figures.status()

    async def supply(self) -> dict[str, Any]:
        assert self.built.auditor is not None
        return await self.built.auditor.figures.supply()

    def store_file(self, role: str) -> Path:
        return Path(self.config.system(role).database.removeprefix("sqlite:///"))

    def edit(self, role: str, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Write to a system's database behind its back, guards and all."""
        connection = sqlite3.connect(self.store_file(role), timeout=30)
        with connection:
            for table in TABLES_GUARDED:
                for verb in ("update", "delete"):
                    connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
            for sql, params in statements:
                connection.execute(sql, params)
        connection.close()


class Forge:
    """An item for quota control's writer that does what an honest one never would."""

    def __init__(self, work: Any) -> None:
        self.work = work

    def decide(self, batch: Batch, desk: Any) -> Any:
        return self.work(batch, desk)


@asynccontextmanager
async def audited(config: Config) -> AsyncIterator[Audited]:
    """Started, and stopped whatever happens."""
    built = build_all(config)
    try:
        await built.start()
        yield Audited(config, built)
    finally:
        await built.stop()
