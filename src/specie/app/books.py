"""The audit over the stores of this installation: they are read, never written, and no key is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specie.app.chain.books import LedgerBooks, read_books
from specie.app.config.model import SYSTEMS, VERIFICATION_NODE, Config
from specie.app.founding import pinned_roots
from specie.issuance.api import Registry
from specie.issuance.engine.audit import audit
from specie.issuance.engine.audit.export import export, export_supply, to_lines
from specie.issuance.engine.desk import Desk, Identity
from specie.issuance.engine.logbook import Logbook
from specie.kernel.clock import Clock, SystemRandomness
from specie.kernel.db import open_database
from specie.kernel.errors import Unavailable
from specie.kms.api import KeyUri, PayloadKind, PublicKey


class NoKeys:
    """The keys of somebody who only reads."""

    async def public_key(self, key: KeyUri) -> PublicKey:
        raise Unavailable("an audit has no keys")

    async def sign(self, key: KeyUri, kind: PayloadKind, payload: bytes, req_id: bytes) -> Any:
        raise Unavailable("an audit has no keys")

    async def sign_many(self, key: KeyUri, items: Sequence[tuple[PayloadKind, bytes, bytes]]) -> Any:
        raise Unavailable("an audit has no keys")

    async def seal(self, key: KeyUri, plaintext: bytes, aad: bytes) -> bytes:
        raise Unavailable("an audit has no keys")

    async def open(self, key: KeyUri, sealed: bytes, aad: bytes) -> bytes:
        raise Unavailable("an audit has no keys")


@dataclass(frozen=True, slots=True)
class Shelf:
    """One system's store, as an audit looks at it."""

    desk: Desk
    log: Logbook


def has_stores(config: Config) -> bool:
    """Whether the stores of all three systems, and of the ledger, can be opened from here."""
    roles = [*SYSTEMS, VERIFICATION_NODE] if config.has_ledger else list(SYSTEMS)
    urls = [config.system(role).database for role in roles]
    return all(not url.startswith("sqlite:///") or store_file(url).is_file() for url in urls)


def store_file(url: str) -> Path:
    """The file of an SQLite url."""
    return Path(url.removeprefix("sqlite:///").split("?")[0])


@asynccontextmanager
async def open_shelves(config: Config, clock: Clock) -> AsyncIterator[list[Shelf]]:
    """The three stores: central management, quota control, issuance system. Raises DatabaseBusy."""
    shelves: list[Shelf] = []
    try:
        for role in SYSTEMS:
            system = config.system(role)
            identity = Identity(system.id, config.environment, pinned_roots(config))
            database = open_database(system.database, clock)
            desk = Desk(
                identity, database, NoKeys(), lambda kid: KeyUri.kms("none", kid.hex()), clock, SystemRandomness()
            )
            shelves.append(Shelf(desk, Logbook(desk)))
        yield shelves
    finally:
        for shelf in shelves:
            await shelf.desk.database.close()


def witnessed_of(config: Config) -> dict[str, list[bytes]]:
    """Checkpoints that stand beside the databases (ISSUANCE-17.3), by system id."""
    found: dict[str, list[bytes]] = {}
    for role in SYSTEMS:
        note = config.data_dir / "witnessed" / f"{role}.note"
        if note.is_file():
            found[config.system(role).id] = [note.read_bytes()]
    return found


async def audit_books(config: Config, systems: Sequence[Any]) -> Mapping[str, Any]:
    """The report as JSON: balanced, terms, differences, logs. systems: in the order of SYSTEMS."""
    cm, qc, *issuers = systems
    registries: dict[str, Registry] = {}
    books: LedgerBooks | None = None
    if config.has_ledger:
        books = await read_books(config, cm.desk.clock)
        registries[books.genesis.chain_id.hex()] = books
    report = await audit(cm, qc, issuers, registries, witnessed=witnessed_of(config))
    answer = dict(report.to_json())
    if books is not None:
        answer["ledger"] = {"height": books.height, "app_hash": books.app_hash.hex()}
        if books.fault:
            # SPEC LEDGER-8.4.1
            system = config.system(VERIFICATION_NODE).id
            fault = {"id": "LEDGER", "system": system, "detail": books.fault, "figures": {}}
            answer |= {"balanced": False, "differences": [*answer["differences"], fault]}
    return answer


async def bundle_books(systems: Sequence[Any], *, supply: bool = False) -> str:
    """Everything signed and logged, or what proves the supply, as JSON Lines."""
    cm, qc, *issuers = systems
    if supply:
        return to_lines(await export_supply(qc, issuers))
    return to_lines(await export(cm, qc, issuers))
