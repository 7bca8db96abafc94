"""The ledger's books, recomputed from its public records: for the audit, which needs no key and changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from specie.app.chain.founding import read_genesis
from specie.app.config.model import VERIFICATION_NODE, Config
from specie.issuance.api import Registration, RegistryBooks
from specie.kernel.db import Database, open_database
from specie.kernel.errors import Refused, Unavailable
from specie.ledger.engine.replay import Replay
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.state import Domain, MintState, MintStatus, WithdrawalState, WithdrawalStatus
from specie.ledger.protocol import vouching
from specie.ledger.store import reading

if TYPE_CHECKING:
    from specie.kernel.clock import Clock

BLOCKS_AT_ONCE = 200
TO_ACCOUNT = 1
"""Outcome of a withdrawal that a bank credited; 2 stands for redeemed."""


@dataclass(slots=True)
class LedgerBooks:
    """What the records of a chain give; the part of `Registry` that an audit asks."""

    genesis: Genesis
    height: int = 0
    app_hash: bytes = b""
    fault: str = ""
    """The first thing that does not follow from the records; empty where everything does."""
    figures: RegistryBooks = field(default_factory=lambda: RegistryBooks(0, 0, {}))

    async def books(self, currency: str) -> RegistryBooks:
        """Item by item. Raises Unavailable for a currency that the chain does not carry."""
        if currency != self.genesis.currency:
            raise Unavailable("the chain carries another currency")
        return self.figures

    async def supply(self, currency: str) -> int:
        return self.figures.hidden + self.figures.escrowed if currency == self.genesis.currency else 0

    async def register(self, registration: Registration) -> bytes:
        raise Unavailable("an audit registers nothing")

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        raise Unavailable("an audit cancels nothing")

    async def receipt(self, unit_root: bytes) -> bytes | None:
        raise Unavailable("an audit reads the records themselves")

    def check_receipt(self, receipt: bytes, unit_root: bytes, credential_cti: bytes, *, cancelled: bool) -> None:
        vouching.check_registered(self.genesis, receipt, unit_root, credential_cti, cancelled=cancelled)

    def check_burn(self, proof: bytes, request: bytes) -> None:
        vouching.check_burned(self.genesis, proof, request)


# SPEC LEDGER-8.4.1, LEDGER-9.4.2
async def read_books(config: Config, clock: Clock) -> LedgerBooks:
    """Replay the chain of this installation from its first block. Raises OSError, DatabaseBusy."""
    genesis = read_genesis(config)
    database = open_database(config.system(VERIFICATION_NODE).database, clock)
    try:
        return await asyncio.to_thread(_replay, genesis, database)
    finally:
        await database.close()


def _replay(genesis: Genesis, database: Database) -> LedgerBooks:
    books = LedgerBooks(genesis)
    replay = Replay(genesis)
    try:
        _follow_all(replay, database)
    except Refused as refusal:
        books.fault = f"block {replay.height + 1}: {refusal.detail}"
    books.height, books.app_hash = replay.height, replay.tip.app_hash
    books.figures = figures_of(replay)
    return books


def _follow_all(replay: Replay, database: Database) -> None:
    """Every block to the tip. Raises ProofInvalid and what the decoders refuse."""
    first = 0
    while rows := database.read_now(partial(reading.blocks_with_records, first=first, count=BLOCKS_AT_ONCE)):
        for row, record, proofs in rows:
            if row.height == 0:
                replay.check_first(row.header, row.finality, record)
            else:
                replay.follow(row.header, row.finality, record, proofs)
        first = rows[-1][0].height + 1


def figures_of(replay: Replay) -> RegistryBooks:
    """The terms of the supply equation that the ledger knows (DESIGN section 3)."""
    counters = replay.tip.counters
    registered: dict[bytes, int] = {}
    pending: dict[bytes, int] = {}
    to_accounts: dict[bytes, int] = {}
    redeemed: dict[bytes, int] = {}
    for (domain, ident), value in replay.chain.entries.items():
        if domain == Domain.MINT:
            mint = MintState.decode(value)
            if mint.status == MintStatus.MINTED:
                registered[ident] = mint.value
        elif domain == Domain.WITHDRAWAL:
            withdrawal = WithdrawalState.decode(value)
            if withdrawal.status == WithdrawalStatus.PENDING:
                pending[ident] = withdrawal.value
            elif withdrawal.status == WithdrawalStatus.PAID:
                (to_accounts if withdrawal.outcome == TO_ACCOUNT else redeemed)[ident] = withdrawal.value
    return RegistryBooks(counters.hidden, counters.escrow_pool, registered, pending, to_accounts, redeemed)
