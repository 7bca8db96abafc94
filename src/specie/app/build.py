"""Composition: the one place that knows which room gets an engine and which a client of its neighbour."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Router

from specie.app.auditor.composing import open_auditor, seen_by_auditor
from specie.app.auditor.part import AuditorPart
from specie.app.config.model import AUDITOR, SYSTEMS, Config, SystemSettings
from specie.app.founding import KEYS_FILE, POLICY_FILE, found, is_founded, pinned_roots, system_store
from specie.app.http.application import create_application
from specie.app.http.client import ServiceClient
from specie.app.http.idempotency import idempotency_key
from specie.app.observing import MetricsObserver
from specie.app.opening import digits_of, prepare_folder
from specie.app.telemetry import new_registry
from specie.issuance import store as store_package
from specie.issuance.client import CentralManagementClient, QuotaControlClient
from specie.issuance.client.calling import LogClient
from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.central_management import chores as cm_chores
from specie.issuance.engine.desk import Desk, Identity
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.issuance_system import chores as is_chores
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control import chores as qc_chores
from specie.issuance.service import central_management_routes, issuance_routes, quota_control_routes
from specie.issuance.store.journal import oldest_unsent_us, read_head
from specie.kernel.clock import Clock, SystemClock, SystemRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import run_migrations
from specie.kernel.errors import Refused, Unavailable
from specie.kms.keystore import FileKeystore

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from specie.crypto.x25519 import X25519Secret
    from specie.issuance.api import CentralManagement, Log, QuotaControl

MIGRATIONS = Path(store_package.__file__).parent / "migrations"
CHORES_EVERY_S = 0.25
FIGURES_EVERY = 40
"""Every so many rounds the gauges are set."""
Engine = CentralManagementEngine | QuotaControlEngine | IssuanceSystemEngine
TIMEOUT_S = 30.0


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
            assert self.chores is not None and self.engine is not None
            self.last_round_ok = await self.chores()
            self.keep_witness()
            await self.take_new_agreement_keys()
            if rounds % FIGURES_EVERY == 0:
                await self.set_gauges()
            rounds += 1
            try:
                await asyncio.wait_for(self._stopping.wait(), CHORES_EVERY_S)
            except TimeoutError:
                continue

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


class Built:
    """A role, or all of them, ready to be served."""

    def __init__(self, config: Config, roles: Sequence[str], clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.roles = tuple(roles)
        self.registry = new_registry()
        self.parts: dict[str, Part] = {}
        self.auditor: AuditorPart | None = None
        self._callers: list[ServiceClient] = []

    @property
    def alone(self) -> bool:
        """One role in this process; the others are called over mutual TLS."""
        return len(self.roles) == 1

    async def start(self) -> None:
        """Found a sandbox that is not there yet, open every part, begin the chores."""
        if not is_founded(self.config) and self.config.environment == "dev" and not self.alone:
            await found(self.config, self.clock, SystemRandomness())
        desks = {}
        for role in self.roles:
            if role == AUDITOR:
                continue
            part = Part(self.config, role, new_registry() if not self.alone else self.registry, self.clock)
            self.parts[role] = part
            desks[role] = await part.open()
        if desks:
            await self._engines(desks)
        self.auditor = await open_auditor(self.config, self.roles, self._log_of, self.registry, self.clock)
        for part in self.parts.values():
            assert part.engine is not None
            await part.check(part.engine, self.auditor)
        await self._take_back()
        for part in self.parts.values():
            part.begin()
        if self.auditor is not None:
            self.auditor.begin()

    async def _engines(self, desks: Mapping[str, Desk]) -> None:
        """Hand each system an engine of its neighbour where that is here, else a client."""
        names = {role: self.config.system(role).id for role in SYSTEMS}
        quota_control: QuotaControl
        central_management: CentralManagement
        counting: QuotaControlEngine | None = None
        if "quota-control" in desks:
            part = self.parts["quota-control"]
            counting = QuotaControlEngine(
                desks["quota-control"], await part.agreement_keys(), names["central-management"]
            )
            part.engine = quota_control = counting
        elif set(desks) & {"central-management", "issuance"}:
            quota_control = QuotaControlClient(self._caller("quota-control"))
        if "central-management" in desks:
            managing = CentralManagementEngine(desks["central-management"], {names["quota-control"]: quota_control})
            part = self.parts["central-management"]
            part.engine = central_management = managing
            part.chores = partial(cm_chores.settle, managing)
        else:
            central_management = CentralManagementClient(self._caller("central-management"))
        self._central_management = central_management
        if counting is not None:
            self.parts["quota-control"].chores = partial(qc_chores.settle, counting, central_management)
        if "issuance" in desks:
            issuing = IssuanceSystemEngine(
                desks["issuance"], central_management, quota_control, names["central-management"]
            )
            part = self.parts["issuance"]
            part.engine = issuing
            part.chores = partial(is_chores.settle, issuing)

    # SPEC ISSUANCE-17.4
    async def _take_back(self) -> None:
        """A quota control whose store was restored counts what others hold of it, before its first decision.

        The operator says so by the file `restored` beside the store; so does a use that central management knows and
        the log does not. Raises Unavailable where the file is there and central management does not answer.
        """
        part = self.parts.get("quota-control")
        if part is None or not isinstance(part.engine, QuotaControlEngine):
            return
        marker = self.config.data_dir / "quota-control" / "restored"
        try:
            count = await part.engine.take_back(self._central_management, restored=marker.exists())
        except (Refused, Unavailable) as error:
            if marker.exists():
                raise
            part.observer.log.warning("not_asked_after_restore", detail=str(error))
            return
        if count:
            part.observer.alarm("RESTORED", f"{count} credentials were counted after a restore")
        marker.unlink(missing_ok=True)

    def _log_of(self, role: str) -> Log:
        """A system's log: here, or in another process."""
        engine = self.parts[role].engine if role in self.parts else None
        return engine.log if engine is not None else LogClient(self._caller(role))

    def _caller(self, role: str) -> ServiceClient:
        """A client of another process, under this role's own certificate."""
        target, own = self.config.system(role), self.config.system(self.roles[0])
        client = ServiceClient(
            target.url,
            tls=own.tls if target.url.startswith("https") else None,
            server_id=target.id if target.url.startswith("https") else None,
            timeout_s=TIMEOUT_S,
        )
        self._callers.append(client)
        return client

    # SPEC ISSUANCE-16.1.2
    def litestar_app(self) -> Litestar:
        """The application: one system's paths under /v1, or all systems' under /v1/SYSTEM."""
        routers = [
            Router(path="/v1" if self.alone else f"/v1/{role}", route_handlers=part.routes())
            for role, part in self.parts.items()
        ]
        if self.auditor is not None:
            routers.append(Router(path="/v1", route_handlers=self.auditor.routes()))
        application = create_application(
            title=self.roles[0] if self.alone else "specie",
            routes=routers,
            readiness=self.readiness,
            registry=self.registry,
        )
        # behind one door all callers are strangers; alone, a system knows them by their certificates
        application.state.public_door = not self.alone
        application.state.operators = frozenset({self.config.system(self.roles[0]).id, *self.config.issuance.operators})
        application.state.auditors = frozenset({self.config.auditor.id})
        return application

    async def readiness(self) -> dict[str, bool | str]:
        """Every part's checks."""
        answer: dict[str, bool | str] = {}
        for role, part in self.parts.items():
            for name, value in (await part.readiness()).items():
                answer[name if self.alone else f"{role}.{name}"] = value
        for name, value in (await self.auditor.readiness()).items() if self.auditor is not None else ():
            answer[name if self.alone else f"{AUDITOR}.{name}"] = value
        return answer

    async def stop(self) -> None:
        """Close every part."""
        if self.auditor is not None:
            await self.auditor.close()
        for part in reversed(list(self.parts.values())):
            await part.close()
        for caller in self._callers:
            await caller.close()


def build_service(config: Config, role: str, clock: Clock | None = None) -> Built:
    """One role in a process of its own."""
    return Built(config, [role], clock)


# SPEC ISSUANCE-1.2.3
def build_all(config: Config, clock: Clock | None = None) -> Built:
    """All roles in one process: separate stores and keys, the same messages."""
    return Built(config, list(SYSTEMS), clock)
