"""A deployment with a ledger, played once and copied, and an auditor beside it whose ledger may be made to lie."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from specie.app.auditor.findings import EMERGENCIES
from specie.app.auditor.following import Source
from specie.app.auditor.ledger import ChainFollower, ChainLimits
from specie.app.auditor.part import AuditorPart
from specie.app.build import Built, build_all
from specie.app.chain.founding import VALIDATOR, read_genesis
from specie.app.config.model import SYSTEMS, VERIFICATION_NODE, Config
from specie.app.demo.running import ACTS
from specie.app.demo.stage import at, open_stage
from specie.app.demo.story import play
from specie.app.keyfolders import system_store
from specie.kernel.clock import SystemClock
from specie.ledger.api import Ledger
from specie.ledger.messages.header import Header
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.views import Status

CHAPTERS = (
    "found", "request", "validate", "credential", "present", "control_bit", "units", "mint", "pay", "redeem"
)  # fmt: skip
"""5000.00 issued and minted, 250.00 paid, 100.00 redeemed."""
CM, QC, IS = SYSTEMS


def config_of(folder: Path) -> Config:
    """The auditor of these tests is opened by themselves, not by the deployment."""
    config = at(Config(), folder)
    return config.model_copy(update={"auditor": config.auditor.model_copy(update={"embedded": False})})


async def play_in(folder: Path) -> None:
    """Issue, payment and redemption in a deployment of its own, which is stopped afterwards."""
    async with open_stage(config_of(folder)) as stage:
        async for told in play(stage, [act for act in ACTS if act[0] in CHAPTERS]):
            assert told.ok, told.lines


@dataclass
class Changed:
    """A ledger that answers as another one does, but for what is changed. It stands for a node that lies."""

    inner: Ledger
    headers_at: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    records_at: dict[int, bytes] = field(default_factory=dict)
    proofs_at: dict[int, bytes | Exception] = field(default_factory=dict)
    top: int | None = None
    minted: str | None = None

    async def status(self) -> Status:
        said = await self.inner.status()
        return said if self.top is None else _with(said, height=self.top)

    async def headers(self, first: int, limit: int) -> list[tuple[bytes, bytes]]:
        found = await self.inner.headers(first, limit)
        rows = [self.headers_at.get(height, row) for height, row in enumerate(found, first)]
        return rows if self.top is None else rows[: self.top - first + 1]

    async def block(self, height: int) -> bytes:
        return self.records_at.get(height) or await self.inner.block(height)

    async def block_proofs(self, height: int) -> bytes:
        found = self.proofs_at.get(height)
        if isinstance(found, Exception):
            raise found
        return found or await self.inner.block_proofs(height)

    async def supply(self, height: int | None = None) -> Any:
        said = await self.inner.supply(height)
        return said if self.minted is None else _with(said, minted=_with(said.minted, value=self.minted))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _with(struct: Any, **changes: Any) -> Any:
    """A copy of a frozen struct with other members."""
    return type(struct)(**{name: getattr(struct, name) for name in struct.__struct_fields__} | changes)


@dataclass
class ShortLog:
    """A system's log as it was when it had fewer leaves."""

    inner: Any
    length: int

    async def size(self) -> int:
        return self.length

    async def leaves(self, first: int, count: int) -> list[bytes]:
        return list(await self.inner.leaves(first, min(count, self.length - first + 1)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class World:
    """A deployment that runs, and whoever audits it."""

    config: Config
    built: Built

    @property
    def ledger(self) -> Ledger:
        assert self.built.chain is not None
        return self.built.chain.ledger

    async def tip(self) -> int:
        return (await self.ledger.status()).height

    async def signed(self, header: Header) -> tuple[bytes, bytes]:
        """A header made final by the validator's own key."""
        keys = system_store(self.config, VERIFICATION_NODE)
        payload = header.chain_id + header.height.to_bytes(8, "little") + header.app_hash
        sign = keys.sign(keys.uri(VALIDATOR), "block", payload, sha256(payload).digest()[:16])
        return header.data, Finality.embedded(0, bytes(await sign)).encode()

    async def header(self, height: int, **changes: Any) -> Header:
        """A header of the chain, changed."""
        ((data, _),) = await self.ledger.headers(height, 1)
        return replace(Header.decode(data), **changes)

    @asynccontextmanager
    async def auditor(
        self, ledger: Any = None, logs: Mapping[str, Any] | None = None, limits: ChainLimits | None = None
    ) -> AsyncIterator[Audit]:
        """An auditor over its store, which outlives it. ledger and logs: in place of the real ones."""
        part = AuditorPart(self.config, CollectorRegistry(), SystemClock(), embedded=True)
        part.chain_limits = limits or part.chain_limits
        await part.open()
        own = {role: self.built.parts[role].engine.log for role in SYSTEMS} | dict(logs or {})  # type: ignore[union-attr]
        part.follow({role: Source(role, self.config.system(role).id, log) for role, log in own.items()})
        part.follow_chain(read_genesis(self.config), ledger or self.ledger)
        try:
            yield Audit(part)
        finally:
            await part.close()


@dataclass
class Audit:
    """One auditor."""

    part: AuditorPart

    @property
    def chain(self) -> ChainFollower:
        assert self.part.auditor is not None and self.part.auditor.chain is not None
        return self.part.auditor.chain

    async def rounds(self, count: int = 2) -> None:
        """A round that failed fails the test."""
        for _ in range(count):
            await self.part.step()
            assert not self.part.last_error, self.part.last_error

    async def findings(self) -> list[dict[str, Any]]:
        return await self.part.figures.findings()

    async def open(self) -> set[tuple[str, str]]:
        """(code, system) of findings that are not resolved."""
        return {(row["code"], row["system"]) for row in await self.findings() if row["resolved_at"] is None}

    async def emergencies(self) -> set[str]:
        return {code for code, _ in await self.open() if code in EMERGENCIES}

    async def equation(self) -> dict[str, Any]:
        said: dict[str, Any] = (await self.part.figures.supply())["equation"]
        return said

    async def status(self) -> dict[str, Any]:
        said: dict[str, Any] = (await self.part.figures.status())["ledger"]
        return said


@asynccontextmanager
async def running(folder: Path, played: Path) -> AsyncIterator[World]:
    """A copy of what was played, started again."""
    shutil.copytree(played, folder)
    config = config_of(folder)
    built = build_all(config)
    try:
        await built.start()
        yield World(config, built)
    finally:
        await built.stop()
