"""One system of issuance in this process: its store, keys, engine, chores and doors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specie.app.auditor.composing import seen_by_auditor
from specie.app.auditor.part import AuditorPart
from specie.app.config.model import SYSTEMS, Config, SystemSettings
from specie.app.founding import KEYS_FILE, POLICY_FILE, pinned_roots
from specie.app.http.idempotency import idempotency_key
from specie.app.keyfolders import system_store
from specie.app.observing import MetricsObserver
from specie.app.opening import digits_of, prepare_folder
from specie.issuance import store as store_package
from specie.issuance.engine.anchoring import Anchoring
from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.desk import Desk, Identity
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.service import central_management_routes, issuance_routes, quota_control_routes
from specie.issuance.store.journal import oldest_unsent_us, read_head
from specie.kernel.clock import Clock, SystemRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import run_migrations
from specie.kernel.errors import Refused, Unavailable
from specie.kms.keystore import FileKeystore

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from specie.crypto.x25519 import X25519Secret

MIGRATIONS = Path(store_package.__file__).parent / "migrations"
CHORES_EVERY_S = 0.25
FIGURES_EVERY = 40
"""Every so many rounds the gauges are set."""
Engine = CentralManagementEngine | QuotaControlEngine | IssuanceSystemEngine


class Part:
    """One system of this process: its store, keys, engine, chores and doors."""

    def __init__(self, config: Config, role: str, registry: CollectorRegistry, clock: Clock) -> None:
        self.config = config
        self.role = role
        self.settings: SystemSettings = config.system(role)
        self.clock = clock
        self.observer = MetricsObserver(registry, self.settings.id)
        self.keystore: FileKeystore = system_store(config, role)
        self.database: Database | None = None
        self.engine: Engine | None = None
        self.chores: Callable[[], Awaitable[bool]] | None = None
        self.anchoring: Anchoring | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.last_round_ok = True
        self._key_names: list[str] = []

    async def open(self) -> Desk:
        """Check key files, migrate the store, make the desk."""
        self.keystore.check()
        prepare_folder(self.settings.database)
        await asyncio.to_thread(run_migrations, self.settings.database, MIGRATIONS / SYSTEMS[self.role])
        self.database = open_database(self.settings.database, self.clock)
        identity = Identity(self.settings.id, self.config.environment, pinned_roots(self.config))
        return Desk(
            identity,
            self.database,
            self.keystore,
            lambda kid: self.keystore.uri(kid.hex()),
            self.clock,
            SystemRandomness(),
            self.observer,
        )

    async def agreement_keys(self) -> list[tuple[bytes, X25519Secret]]:
        """The X25519 keys of this system's folder, newest first."""
        found_keys = []
        for name in self.keystore.key_ids():
            uri = self.keystore.uri(name)
            if (await self.keystore.public_key(uri)).algorithm == "x25519":
                found_keys.append((bytes.fromhex(name), await self.keystore.agreement_key(uri)))
        return found_keys[::-1]

    # SPEC ISSUANCE-17.3
    async def check(self, engine: Engine, auditor: AuditorPart | None = None) -> None:
        """What must hold before the first decision: the rules of founding, and the log that was witnessed.

        auditor: the one of this process; without it the configured one is asked, if it answers.
        """
        witnessed = self.witness_file()
        await engine.log.check_witnessed(witnessed.read_bytes() if witnessed.exists() else None)
        await engine.log.check_witnessed(await seen_by_auditor(self.config, self.role, auditor))
        await apply_founding(self.config, engine)

    def witness_file(self) -> Path:
        """The newest checkpoint, kept outside the database, so that an old backup is noticed (ISSUANCE-17.3)."""
        return self.config.data_dir / "witnessed" / f"{self.role}.note"

    def begin(self) -> None:
        """Start the chores beside the doors."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        rounds = 0
        while not self._stopping.is_set():
            self.last_round_ok = await self._goes_on(self._chores)
            await self._goes_on(self.anchor)
            await self._goes_on(self._witness)
            await self._goes_on(self.take_new_agreement_keys)
            if rounds % FIGURES_EVERY == 0:
                await self._goes_on(self.set_gauges)
            rounds += 1
            try:
                await asyncio.wait_for(self._stopping.wait(), CHORES_EVERY_S)
            except TimeoutError:
                continue

    async def _goes_on(self, step: Callable[[], Awaitable[bool | None]]) -> bool:
        try:
            return await step() is not False
        except Exception as error:
            # our own bug, or a store that refused a row: the other steps and the next round must go on
            self.observer.alarm("CHORES_FAILED", f"{type(error).__name__}: {error}")
            return False

    async def _chores(self) -> bool:
        assert self.chores is not None
        return await self.chores()

    async def _witness(self) -> None:
        self.keep_witness()

    # SPEC ISSUANCE-15.2.3
    async def anchor(self) -> None:
        """The newest checkpoint onto the ledger, where there is one; a ledger that is away holds up nobody."""
        if self.anchoring is None:
            return
        try:
            await self.anchoring.step()
        except (Refused, Unavailable) as error:
            self.observer.log.warning("not_anchored", detail=str(error))

    # SPEC ISSUANCE-12.1.3
    async def take_new_agreement_keys(self) -> None:
        """A rotated key opens what is sealed to it, and the old one what was sealed before, without a restart."""
        names = self.keystore.key_ids()
        if isinstance(self.engine, QuotaControlEngine) and names != self._key_names:
            self._key_names = names
            self.engine.opener.secrets = await self.agreement_keys()

    def keep_witness(self) -> None:
        """Write the newest checkpoint beside the database, whole or not at all."""
        assert self.engine is not None
        newest = self.engine.log.newest
        if newest is None or newest == getattr(self, "_witnessed", None):
            return
        path = self.witness_file()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_bytes(newest)
        temporary.replace(path)
        self._witnessed = newest

    async def set_gauges(self) -> None:
        """Figures for the metrics."""
        engine, database = self.engine, self.database
        assert engine is not None and database is not None
        try:
            if not isinstance(engine, IssuanceSystemEngine):
                self.observer.figures(await engine.quotas())
            head, oldest = await database.read(lambda tx: (read_head(tx), oldest_unsent_us(tx)))
        except (Refused, Unavailable):
            return
        now_us = self.clock.now_us()
        self.observer.log_size.set(head.seq)
        age_s = 0 if oldest is None else max(0, now_us - oldest) // 1_000_000
        self.observer.outbox_age.set(age_s)
        if age_s > 60:
            self.observer.alarm("OUTBOX_OLD", f"the oldest unsent message is {age_s} s old")
        self.warn_of_keys(engine, now_us // 1_000_000)

    # SPEC ISSUANCE-12.1.4
    def warn_of_keys(self, engine: Engine, now_s: int) -> None:
        """Gauges of key life, and a warning at 80 percent of it."""
        rules = engine.desk.cached
        if rules is None or rules.keys is None:
            return
        mine = [each for each in rules.keys.manifest.entries if each.holder == self.settings.id and each.nbf <= now_s]
        newest = {each.role: each for each in sorted(mine, key=lambda each: each.nbf)}
        for entry in newest.values():  # those before them have been replaced
            self.observer.key_expires.labels(entry.role).set(entry.signing_until - now_s)
            if (now_s - entry.nbf) * 10 >= (entry.signing_until - entry.nbf) * 8:
                self.observer.alarm("KEY_80_PERCENT", f"the {entry.role} key has used 80 % of its life")

    async def close(self) -> None:
        """End the chores, finish what is queued, close the store."""
        self._stopping.set()
        if self._task is not None:
            await self._task
        if self.engine is not None:
            await self.engine.writer.close()
        if self.database is not None:
            await self.database.close()

    # SPEC ISSUANCE-16.1.1
    def routes(self) -> list[Any]:
        """The doors of this system."""
        engine = self.engine
        if isinstance(engine, CentralManagementEngine):
            return central_management_routes(engine)
        if isinstance(engine, QuotaControlEngine):
            return quota_control_routes(engine)
        assert isinstance(engine, IssuanceSystemEngine)
        return issuance_routes(engine, idempotency_key, lambda code: digits_of(engine, code))

    async def readiness(self) -> dict[str, bool | str]:
        """Database, keys and policy age, for /readyz."""
        engine, database = self.engine, self.database
        if engine is None or database is None:
            return {"started": "not yet"}
        answer: dict[str, bool | str] = {}
        try:
            await database.read(read_head)
            answer["database"] = True
            rules = await engine.desk.current()
            engine.desk.check_fresh(rules, self.clock.now_us())
            answer["keys"] = rules.keys is not None or "no key manifest"
            answer["policy"] = rules.book is not None or "no quota policy"
        except (Refused, Unavailable) as error:
            answer["database" if "database" not in answer else "keys"] = str(error)
        return answer


async def apply_founding(config: Config, engine: Engine) -> None:
    """Version 1 of manifest and policy, where the store has none yet."""
    rules = await engine.desk.refresh()
    if rules.keys is None and (config.data_dir / KEYS_FILE).exists():
        await engine.rules.apply_keys((config.data_dir / KEYS_FILE).read_bytes())
    if rules.book is None and (config.data_dir / POLICY_FILE).exists():
        await engine.rules.apply_policy((config.data_dir / POLICY_FILE).read_bytes())
