"""Composition: the one place that knows which room gets an engine and which a client of its neighbour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Router

from specie.app.auditor.composing import open_auditor
from specie.app.auditor.part import AuditorPart
from specie.app.chain.composing import Chain, open_chain
from specie.app.config.model import AUDITOR, LEDGER_ROLES, SYSTEMS, Config
from specie.app.founding import found, is_founded
from specie.app.http.application import create_application
from specie.app.http.client import ANSWER_BYTES_MAX, LEDGER_ANSWER_BYTES_MAX, ServiceClient
from specie.app.part import Part
from specie.app.telemetry import new_registry
from specie.issuance.client import CentralManagementClient, QuotaControlClient
from specie.issuance.client.calling import LogClient
from specie.issuance.engine.central_management import CentralManagementEngine
from specie.issuance.engine.central_management import chores as cm_chores
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.issuance_system import chores as is_chores
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control import chores as qc_chores
from specie.kernel.clock import Clock, SystemClock, SystemRandomness
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from specie.issuance.api import CentralManagement, Log, QuotaControl, Registry

TIMEOUT_S = 30.0


class Built:
    """A role, or all of them, ready to be served."""

    def __init__(self, config: Config, roles: Sequence[str], clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.roles = tuple(roles)
        self.registry = new_registry()
        self.parts: dict[str, Part] = {}
        self.auditor: AuditorPart | None = None
        self.chain: Chain | None = None
        self._callers: list[ServiceClient] = []

    @property
    def alone(self) -> bool:
        """One role in this process; the others are called over mutual TLS."""
        return len(self.roles) == 1

    async def start(self) -> None:
        """Found a sandbox that is not there yet, open every part, begin the chores."""
        if not is_founded(self.config) and self.config.environment == "dev" and not self.alone:
            await found(self.config, self.clock, SystemRandomness())
        self.chain = await open_chain(self.config, self.roles, self._caller, self.registry, self.clock)
        desks = {}
        for role in self.roles:
            if role not in SYSTEMS:
                continue
            part = Part(self.config, role, new_registry() if not self.alone else self.registry, self.clock)
            self.parts[role] = part
            desks[role] = await part.open()
        if desks:
            await self._engines(desks)
        self.auditor = await open_auditor(self.config, self.roles, self._log_of, self.registry, self.clock, self.chain)
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
            desk = desks["quota-control"]
            counting = QuotaControlEngine(
                desk, await part.agreement_keys(), names["central-management"], self._registries(desk)
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
            desk = desks["issuance"]
            issuing = IssuanceSystemEngine(
                desk,
                central_management,
                quota_control,
                names["central-management"],
                self._registries(desk, signs=True),
            )
            part = self.parts["issuance"]
            part.engine = issuing
            part.chores = partial(is_chores.settle, issuing)
        if self.chain is not None:
            for role, desk in desks.items():
                part = self.parts[role]
                part.anchoring = self.chain.anchoring(role, desk, part.keystore)

    def _registries(self, desk: Desk, *, signs: bool = False) -> Mapping[str, Registry]:
        return {} if self.chain is None else self.chain.registries(desk, signs=signs)

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
            answer_bytes_max=LEDGER_ANSWER_BYTES_MAX if role in LEDGER_ROLES else ANSWER_BYTES_MAX,
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
        if self.chain is not None:
            routers += [Router(path="/v1", route_handlers=part.routes()) for part in self.chain.parts]
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
        others: dict[str, Any] = {AUDITOR: self.auditor} if self.auditor is not None else {}
        others |= {part.role: part for part in self.chain.parts} if self.chain is not None else {}
        for role, other in others.items():
            for name, value in (await other.readiness()).items():
                answer[name if self.alone else f"{role}.{name}"] = value
        return answer

    async def stop(self) -> None:
        """Close every part."""
        if self.auditor is not None:
            await self.auditor.close()
        for part in reversed(list(self.parts.values())):
            await part.close()
        if self.chain is not None:
            await self.chain.close()
        for caller in self._callers:
            await caller.close()


def build_service(config: Config, role: str, clock: Clock | None = None) -> Built:
    """One role in a process of its own."""
    return Built(config, [role], clock)


# SPEC ISSUANCE-1.2.3
def build_all(config: Config, clock: Clock | None = None) -> Built:
    """All roles in one process: separate stores and keys, the same messages."""
    return Built(config, [*SYSTEMS, *LEDGER_ROLES], clock)
