"""A ledger with its real engine in this process, and people with wallets on it: they mint, pay, withdraw, restore."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Any

from ledger import makers
from ledger.engine.house import House, Purse
from specie.crypto.aead import Aes256GcmSiv
from specie.crypto.secret import Secret
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import create_schema
from specie.kernel.errors import Unavailable
from specie.kms.api import KeyUri
from specie.ledger.api import Ledger, Submitted
from specie.ledger.engine.embedded import Embedded, EmbeddedSettings
from specie.ledger.engine.ledger import LedgerEngine, Node
from specie.ledger.messages.header import block_signature_input
from specie.ledger.wallet.paying import Manners
from specie.ledger.wallet.seeds import Seed, Vault
from specie.ledger.wallet.store import MIGRATIONS
from specie.ledger.wallet.wallet import Surroundings, Wallet, create, open_wallet

WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Drawer:
    """`Keys` with one sealing key in memory; wallets use nothing else of it."""

    cipher: Aes256GcmSiv = field(default_factory=lambda: Aes256GcmSiv(bytes(range(32))))

    async def seal(self, key: KeyUri, plaintext: bytes, aad: bytes) -> bytes:
        nonce = sha256(plaintext + aad).digest()[:12]
        return nonce + self.cipher.seal(nonce, plaintext, aad)

    async def open(self, key: KeyUri, sealed: bytes, aad: bytes) -> bytes:
        return self.cipher.open(sealed[:12], sealed[12:], aad)


class Town:
    """One chain and everybody on it."""

    def __init__(self, seed: int = 11, **genesis: Any) -> None:
        self.house = House(makers.genesis(**genesis))
        self.randomness = SeededRandomness(seed)
        self.clock = ManualClock()
        self.mints = 0

        async def sign(height: int, app_hash: bytes) -> bytes:
            return makers.key("validator").sign(block_signature_input(self.house.chain_id, height, app_hash))

        settings = EmbeddedSettings(block_interval_ms=1, batch_ms=1, block_idle_s=3600)
        self.provider = Embedded(sign, self.clock, settings=settings)
        genesis_ = self.house.genesis
        self.engine = LedgerEngine(genesis_, genesis_.encode(), self.provider, self.house.machine, Node())

    async def __aenter__(self) -> Town:
        self.house.block(self.house.epoch(length=100_000))
        await self.provider.start(self.house.machine)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.provider.stop()

    # -- wallets

    def world(self, ledger: Ledger | None = None, **changes: Any) -> Surroundings:
        vault = Vault(Drawer(), KeyUri.kms("local", "wallet"), self.randomness)  # type: ignore[arg-type]
        manners = changes.pop("manners", Manners(delay_s=0, wait_s=WAIT_S))
        found: Ledger = ledger or self.engine
        return Surroundings(found, vault, self.clock, self.randomness, dev=True, manners=manners, **changes)

    @staticmethod
    def database() -> Database:
        database = open_database("sqlite://:memory:", ManualClock(), inline=True)
        create_schema(database, MIGRATIONS)
        return database

    async def wallet(self, name: str, ledger: Ledger | None = None, **changes: Any) -> Wallet:
        """A wallet whose seed is its name."""
        return await create(self.database(), self.world(ledger, **changes), seed_of(name))

    async def again(self, wallet: Wallet, ledger: Ledger | None = None, **changes: Any) -> Wallet:
        """The same database, opened by a program that has just started."""
        return await open_wallet(wallet.database, self.world(ledger, **changes))

    # -- money

    async def mint(self, wallet: Wallet, *units: tuple[int, int]) -> bytes:
        """Units of an issue, minted for a wallet's first address; the mint_id."""
        self.mints += 1
        packed = units or ((1000, 2), (500, 1))
        purse = Purse(wallet._keys)
        found = await self.engine.submit_operation(self.house.mint(purse, self.mints, packed), WAIT_S)
        assert found.state == "final", found
        return self.house.unit_root(purse, self.mints, packed)

    async def rich(self, name: str, *units: tuple[int, int]) -> Wallet:
        """A wallet with money in it, up to date."""
        wallet = await self.wallet(name)
        await self.mint(wallet, *units)
        await wallet.sync()
        return wallet


def in_town(test: Callable[[Town], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that happens in a town of its own."""

    def run() -> None:
        async def work() -> None:
            async with Town() as town:
                await test(town)

        asyncio.run(work())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def seed_of(name: str) -> Seed:
    return Seed(Secret(sha256(b"wallet" + name.encode()).digest()))


class Lost(Unavailable):
    """The request left and no answer came."""

    code = "system.in_doubt"
    in_doubt = True


class Closed(Unavailable):
    """The request never left."""

    code = "system.unreachable"
    in_doubt = False


class Line:
    """The way to a ledger, which can break before or after a submission arrives. Everything else goes through."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.broken = ""
        """`closed`, `request` or `answer` of submissions are lost; `mute` loses everything."""
        self.sent: list[bytes] = []
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        if self.broken == "mute":
            raise Closed("no way")
        found = getattr(self.ledger, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            self.asked.append((name, *arguments))
            return found(*arguments, **named)

        return noted

    async def submit_envelope(self, data: bytes, wait_s: float = 0) -> Submitted:
        if self.broken in ("closed", "mute"):
            raise Closed("no way")
        self.sent.append(data)
        if self.broken == "request":
            raise Lost("lost on its way")
        answer = await self.ledger.submit_envelope(data, wait_s)
        if self.broken == "answer":
            raise Lost("the answer was lost")
        return answer
