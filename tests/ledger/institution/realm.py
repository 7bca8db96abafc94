"""Issuance and the ledger as one: what quota control allows is minted on a real chain, burned, and redeemed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any
from zlib import crc32

from ledger import makers
from ledger.wallet.town import Town
from specie.app.chain.founding import authority_of, own_authority
from specie.app.chain.institution import MIGRATIONS
from specie.issuance.api import IssueView, Order
from specie.issuance.wallet.founding import first_entry
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import create_schema
from specie.kms.api import KeyUri
from specie.ledger.api import Ledger
from specie.ledger.engine.registry import LedgerAnchor, LedgerRegistry
from specie.ledger.institution import Institution
from specie.ledger.messages.authority import AuthorityEntry, Role
from specie.ledger.messages.state import Domain, ParametersState
from specie.ledger.wallet.wallet import Wallet
from tests.issuance.house import IS, QC, TYPES, House, KeyRing, make_house

BANK = "bank:harbour"
MINTING = (*TYPES["is:unit"], "op:16")


class Ring(KeyRing):
    """The keys of issuance, and those that the ledger believes beside them."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        super().__init__(folder)
        self.make(IS, "is:unit", "ed25519", MINTING)
        self.publics = {
            "withdrawal": self.store.create("withdrawal", "ed25519", ("op:18", "op:19"), self.randomness).bytes,
            "withdrawal-2": self.store.create("withdrawal-2", "ed25519", ("op:18", "op:19"), self.randomness).bytes,
            "anchor": self.store.create("anchor", "ed25519", ("op:48",), self.randomness).bytes,
        }

    def authorities(self) -> tuple[AuthorityEntry, ...]:
        """What a founder writes into the genesis document."""
        first = (authority_of(first_entry(each, makers.START_S)) for each in self.holdings())
        found = [each for each in first if each is not None]
        found.append(own_authority(Role.BANK_WITHDRAWAL, self.publics["withdrawal"], BANK, makers.START_S))
        found.append(own_authority(Role.ANCHOR, self.publics["anchor"], QC, makers.START_S, topic=5))
        return tuple(sorted(found, key=lambda each: each.kid))


class Realm:
    """One chain, one issuance, one institution."""

    def __init__(self, ring: Ring, name: str, **genesis: Any) -> None:
        seed = crc32(name.encode())
        self.ring = ring
        self.town = Town(seed, authorities=ring.authorities(), **genesis)
        self.clock: ManualClock = self.town.clock
        self.genesis = self.town.house.genesis
        self.line: Ledger = self.town.engine
        """The issuance system's way to the ledger; a test may cut it."""
        self.house: House = make_house(ring, clock=self.clock, randomness=SeededRandomness(seed + 1))
        chain = self.genesis.chain_id.hex()
        self.house.registries = {chain: self.registry(signs=True)}
        self.house.open()
        self.database = self.store()

    async def __aenter__(self) -> Realm:
        await self.town.__aenter__()
        await self.house.found(registry=self.genesis.chain_id.hex(), banks=(BANK,))
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.town.__aexit__(None, None, None)

    @staticmethod
    def store() -> Database:
        """An institution's empty store."""
        database = open_database("sqlite://:memory:", ManualClock(), inline=True)
        create_schema(database, MIGRATIONS)
        return database

    def sleep(self, seconds: int) -> None:
        """So much time passes, for the node's steady clock too."""
        self.clock.advance(seconds=seconds)
        self.town.provider._monotonic = lambda: monotonic() + seconds

    # -- the ledger as issuance sees it

    def registry(self, ledger: Ledger | None = None, *, signs: bool = False) -> LedgerRegistry:
        """With the issuance system's unit key, or without keys as quota control has it."""
        reached = ledger or Reached(self)
        if not signs:
            return LedgerRegistry(self.genesis, reached, self.clock, self.town.randomness)
        return LedgerRegistry(self.genesis, reached, self.clock, self.town.randomness, self.ring.store, self._unit_key)

    def _unit_key(self) -> KeyUri:
        desk = self.house.desks[IS]
        assert desk.cached is not None
        return desk.key_uri(desk.key_set(desk.cached).signer("is:unit", IS, desk.now_s()).kid)

    def anchor(self, ledger: Ledger | None = None) -> LedgerAnchor:
        keys = self.ring.store
        return LedgerAnchor(
            self.genesis, ledger or self.town.engine, keys, keys.uri("anchor"), self.clock, self.town.randomness
        )

    # -- money

    async def wallet(self, name: str) -> Wallet:
        return await self.town.wallet(name)

    async def order(self, wallet: Wallet, amount: int = 15_000, **changes: Any) -> Order:
        """An order whose units go to a wallet."""
        address = wallet.address()
        return self.house.order(amount, **({"owner": address.owner, "address": address.data} | changes))

    async def issue(self, wallet: Wallet, amount: int = 15_000) -> IssueView:
        """New money, minted for a wallet."""
        (view,) = await self.house.issuance.issue([await self.order(wallet, amount)])
        assert isinstance(view, IssueView), view
        assert view.state == "released", view
        await self.house.settle()
        await wallet.sync()
        return view

    async def stock(self) -> int:
        """What quota control counts as out."""
        quotas = await self.house.quota_control.quotas()
        return max((each.used for each in quotas.buckets if each.kind == "stock"), default=0)

    # -- the institution

    def institution(self, **changes: Any) -> Institution:
        """As a program that has just started has it."""
        keys = self.ring.store
        own = Institution(
            me=BANK,
            issuer=IS,
            genesis=self.genesis,
            ledger=self.town.engine,
            redeem_at_quota_control=self.house.quota_control.redeem,
            keys=keys,
            withdrawal_key=keys.uri("withdrawal"),
            register_key=self.ring.uri(self.ring.kids[BANK, "bank:reg"]),
            database=self.database,
            clock=self.clock,
            randomness=self.town.randomness,
        )
        return replace(own, **changes)

    async def govern(self, *entries: AuthorityEntry) -> None:
        """Governance sets keys; in force when this returns."""
        entry = await self.town.engine.state_entry(Domain.PARAMETERS, b"")
        last = ParametersState() if entry.value is None else ParametersState.decode(bytes.fromhex(entry.value))
        frame = makers.change(
            self.genesis.chain_id,
            last.version + 1,
            self.town.house.height + 2,
            makers.set_keys(*entries),
            previous=last.op_id,
        )
        assert (await self.town.engine.submit_operation(frame.data, 20)).state == "final"


class Reached:
    """The ledger over whatever line the realm has now."""

    def __init__(self, realm: Realm) -> None:
        self._realm = realm

    def __getattr__(self, name: str) -> Any:
        return getattr(self._realm.line, name)


def in_realm(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that happens in a realm of its own."""

    def run(realm_ring: Ring) -> None:
        async def work() -> None:
            async with Realm(realm_ring, test.__qualname__) as realm:
                await test(realm)

        asyncio.run(work())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
