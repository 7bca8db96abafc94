"""A deployment with a ledger, played once and copied, and an auditor beside it whose ledger may be made to lie."""

from __future__ import annotations

import os
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
from specie.app.chain.founding import REGISTER, VALIDATOR, read_genesis, treasury_keys
from specie.app.config.model import SYSTEMS, VERIFICATION_NODE, Config
from specie.app.demo.running import ACTS
from specie.app.demo.stage import at, open_stage
from specie.app.demo.story import play
from specie.app.keyfolders import People, system_store
from specie.crypto import cose
from specie.issuance.api import IssueView, Order
from specie.issuance.engine.issuance_system import IssuanceSystemEngine
from specie.issuance.engine.issuance_system.chores import give_up
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.engine.quota_control.chores import sign_leftovers
from specie.issuance.messages.claims import Claims, Signed, payload_of
from specie.issuance.messages.objects import Cancel, ControlBit, Redemption, RedemptionRequest
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.units import serials_root
from specie.issuance.store.issuance_system import issue
from specie.kernel import codec
from specie.kernel.clock import SystemClock, SystemRandomness
from specie.kernel.ids import uuid7
from specie.kms.api import KeyUri
from specie.kms.keystore import FileKeystore
from specie.ledger.api import Ledger
from specie.ledger.messages.address import Address
from specie.ledger.messages.header import Header
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.views import Status
from tests.app.auditing import Forge

CHAPTERS = (
    "found", "request", "validate", "credential", "present", "control_bit", "units", "mint", "pay", "redeem"
)  # fmt: skip
"""5000.00 issued and minted, 250.00 paid, 100.00 redeemed."""
CM, QC, IS = SYSTEMS


def config_of(folder: Path, *, embedded: bool = False, auditor_database: str = "") -> Config:
    """The auditor of these tests is opened by themselves, unless it shall be the deployment's own."""
    config = at(Config(), folder)
    changes = {"embedded": embedded, "database": auditor_database}
    return config.model_copy(update={"auditor": config.auditor.model_copy(update=changes)})


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

    @property
    def issuance(self) -> IssuanceSystemEngine:
        engine = self.built.parts[IS].engine
        assert isinstance(engine, IssuanceSystemEngine)
        return engine

    @property
    def quota_control(self) -> QuotaControlEngine:
        engine = self.built.parts[QC].engine
        assert isinstance(engine, QuotaControlEngine)
        return engine

    async def issue_without_registry(self, amount: int) -> bytes:
        """An issue whose units are made while the ledger is away; its id."""
        pay = treasury_keys(self.config, SystemRandomness()).address(0, 0)
        address = Address.of_pay(read_genesis(self.config).net, pay)
        order = Order("XTS", amount, 0, address.owner, ((amount, 1),), "retail", address=address.data)
        registries, self.issuance.registries = self.issuance.registries, {}
        try:
            (view,) = await self.issuance.issue([order], keys=[os.urandom(16)])
        finally:
            self.issuance.registries = registries
        assert isinstance(view, IssueView), view
        assert view.state == "minted", view
        return view.id

    async def give_up(self, ident: bytes) -> None:
        """Cancel an issue on the ledger, then at quota control."""
        row = await self.issuance.desk.database.read(lambda tx: issue(tx, ident))
        assert row is not None
        await give_up(self.issuance, row)

    async def cancel_the_minted(self) -> None:
        """A cancellation of the one control bit there is, in quota control's log without a look at the ledger."""
        desk = self.issuance.desk
        row = await desk.database.read(lambda tx: tx.one("SELECT bit FROM issue WHERE bit IS NOT NULL"))
        assert row is not None
        bit = read_unverified(row[0], ControlBit)
        claims = Claims(iss=desk.me, aud=bit.claims.iss, iat=desk.now_s(), cti=bit.body.credential_cti)
        (data,) = await desk.sign_now("is:unit", [(claims, Cancel(bit.claims.cti, bit.body.unit_root, None))])
        cancel = read_unverified(data, Cancel)

        def forge(batch: Any, desk: Any) -> None:
            batch.journal.append("cancel", cancel.hash, actor=cancel.kid)
            batch.journal.send_later("cancel:cm-1", cancel.claims.cti, codec.encode([cancel.data, bit.data]))

        await self.quota_control.writer.submit(Forge(forge))

    async def redeem_without_burn(self, amount: int) -> None:
        """A receipt of quota control for a request of the bank that names no burn of the ledger."""
        name = self.config.ledger.institution
        keys = People(self.config, SystemClock(), SystemRandomness()).store(name)
        request = await signed_request(keys, keys.uri(REGISTER), name, amount)

        def forge(batch: Any, desk: Any) -> None:
            journal, asked = batch.journal, request.body
            body = Redemption(serials_root((asked.reference or b"",)), "XTS", amount, journal.next_seq())
            claims = Claims(iss=desk.me, aud=name, iat=journal.now_s, cti=desk.new_cti())
            row = desk.fix(journal, "qc:bit", desk.key_set(batch.rules), claims, body)
            journal.append("redeem", row.hash, request.hash, request.kid)
            journal.send_later("redeem:cm-1", row.cti, codec.encode([row.cti, request.data, []]))

        await self.quota_control.writer.submit(Forge(forge))
        await sign_leftovers(self.quota_control)

    @asynccontextmanager
    async def auditor(
        self, ledger: Any = None, logs: Mapping[str, Any] | None = None, limits: ChainLimits | None = None
    ) -> AsyncIterator[Audit]:
        """An auditor over its store, which outlives it. ledger and logs: in place of the real ones."""
        registry = CollectorRegistry()
        part = AuditorPart(self.config, registry, SystemClock(), embedded=True)
        part.chain_limits = limits or part.chain_limits
        await part.open()
        own = {role: self.built.parts[role].engine.log for role in SYSTEMS} | dict(logs or {})  # type: ignore[union-attr]
        part.follow({role: Source(role, self.config.system(role).id, log) for role, log in own.items()})
        part.follow_chain(read_genesis(self.config), ledger or self.ledger)
        try:
            yield Audit(part, registry)
        finally:
            await part.close()


async def signed_request(keys: FileKeystore, key: KeyUri, bank: str, amount: int) -> Signed[RedemptionRequest]:
    """A dc-redreq in the amount form, signed by a bank for a burn that never was."""
    body = RedemptionRequest("XTS", amount, "nobody", reference=os.urandom(32))
    now_us = SystemClock().now_us()
    cti = uuid7(now_us, SystemRandomness())
    payload = payload_of(Claims(bank, now_us // 1_000_000, cti, aud="is-1"), body)
    kid = cose.key_id((await keys.public_key(key)).bytes)
    signature = await keys.sign(key, "cose", cose.to_be_signed(body.typ, kid, payload, cose.EDDSA), cti)
    data = cose.assemble_sign1(body.typ, kid, payload, bytes(signature), cose.EDDSA)
    return read_unverified(data, RedemptionRequest)


@dataclass
class Audit:
    """One auditor."""

    part: AuditorPart
    registry: CollectorRegistry

    def gauge(self, name: str) -> float | None:
        """A figure of the chain, as it is scraped."""
        return self.registry.get_sample_value(f"specie_auditor_chain_{name}", {"system": self.chain.system})

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
async def running(
    folder: Path, played: Path, *, embedded: bool = False, auditor_database: str = ""
) -> AsyncIterator[World]:
    """A copy of what was played, started again."""
    shutil.copytree(played, folder)
    config = config_of(folder, embedded=embedded, auditor_database=auditor_database)
    built = build_all(config)
    try:
        await built.start()
        yield World(config, built)
    finally:
        await built.stop()
