"""Where commands of the ledger work: the node as it is reached from here, and the wallets of this profile."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from specie.app.chain.founding import (
    DEVELOPMENT_ROOTS,
    GOVERNANCE,
    GOVERNORS,
    authority_of,
    genesis_file,
    read_genesis,
)
from specie.app.config.model import TRUSTED_NODE, VERIFICATION_NODE
from specie.app.config.secrets import read_private
from specie.app.keyfolders import scrypt_n, write_private
from specie.crypto.secret import Secret
from specie.enclave.messages import QuoteRules
from specie.enclave.simulated import SimulatedVerifier
from specie.issuance.client.calling import RulesClient
from specie.issuance.errors import ManifestRefused
from specie.issuance.protocol.keyset import read_manifest
from specie.kernel.db import open_database
from specie.kernel.db.migrate import run_migrations
from specie.kms.api import KeyUri
from specie.kms.keystore import FileKeystore
from specie.ledger.client import LedgerClient, SealedNode, TrustedNodeClient
from specie.ledger.messages.address import Address
from specie.ledger.messages.parameters import AuthorityUpdate
from specie.ledger.wallet.errors import WalletUnknown
from specie.ledger.wallet.paying import Manners
from specie.ledger.wallet.seeds import Seed, Vault
from specie.ledger.wallet.store import MIGRATIONS
from specie.ledger.wallet.wallet import Surroundings, Wallet, create, open_wallet, wallet_file

if TYPE_CHECKING:
    from specie.app.workplace import Workplace
    from specie.ledger.api import Ledger
    from specie.ledger.institution import Institution

WALLETS = "wallets"
SEALING_KEY = "wallets"
ADDRESS_PREFIXES = ("speciel1", "specie-testl1")


@dataclass
class LedgerWorkplace:
    """`ledger.cli.place.LedgerPlace` over the workplace of this profile."""

    place: Workplace
    delay_s: int | None = None
    """Longest random wait before a payment is sent; None is the wallet's own."""
    _ledger: Ledger | None = field(default=None, repr=False)
    _service: SealedNode | None = field(default=None, repr=False)

    def ledger(self) -> Ledger:
        """A client of the verification node."""
        if self._ledger is None:
            self._ledger = LedgerClient(self.place.caller(VERIFICATION_NODE))
        return self._ledger

    def wallets(self) -> Path:
        return self.place.config.data_dir / WALLETS

    def new_id(self) -> bytes:
        return self.place.new_id()

    async def surroundings(self) -> Surroundings:
        """The ledger, the key that seals wallets, and the trusted node for rings where its quotes can be judged."""
        place, config = self.place, self.place.config
        # a sandbox has nobody to hide among, and whoever tries it should not wait (LEDGER section 10)
        delay_s = 0 if self.delay_s is None and config.environment == "dev" else self.delay_s
        manners = Manners() if delay_s is None else Manners(delay_s=delay_s)
        return Surroundings(
            self.ledger(),
            Vault(*self._sealing_key(), place.randomness),
            place.clock,
            place.randomness,
            dev=config.environment != "live",
            service=self._ring_service(),
            manners=manners,
        )

    def _sealing_key(self) -> tuple[FileKeystore, KeyUri]:
        """The key file that all wallets of this profile are sealed under; made when it is first needed."""
        folder = self.wallets() / "keys"
        passphrase = folder.with_name("passphrase")
        if not passphrase.exists():
            write_private(passphrase, secrets.token_urlsafe(24).encode() + b"\n")
        store = FileKeystore(folder, Secret(read_private(passphrase)), scrypt_n=scrypt_n(self.place.config))
        if SEALING_KEY not in (store.key_ids() if folder.is_dir() else []):
            store.create(SEALING_KEY, "aead", [])
        return store, store.uri(SEALING_KEY)

    # SPEC LEDGER-11.4.1
    def _ring_service(self) -> SealedNode | None:
        config = self.place.config
        roots = config.data_dir / DEVELOPMENT_ROOTS
        if self._service is None and roots.exists() and genesis_file(config).exists():
            genesis = read_genesis(config)
            rules = QuoteRules(
                frozenset(genesis.enclaves.measurements),
                hardware=not genesis.dev,
                development_roots=frozenset(bytes.fromhex(line) for line in roots.read_text().split()),
            )
            clock, randomness = self.place.clock, self.place.randomness
            node = TrustedNodeClient(self.place.caller(TRUSTED_NODE))
            self._service = SealedNode(node, SimulatedVerifier(), rules, genesis.chain_id, clock, randomness)
        return self._service

    async def address_of(self, said: str) -> bytes:
        """102 bytes: an address as it was said, or a fresh one of the wallet of this name.

        Raises AddressInvalid, WalletUnknown.
        """
        if said.lower().startswith(ADDRESS_PREFIXES):
            return Address.parse(said).data
        async with self.wallet(said) as wallet:
            _, address = await wallet.receive("issuer")
        return address.data

    def has_wallet(self, name: str) -> bool:
        return wallet_file(self.wallets(), name).is_file()

    async def new_wallet(self, name: str) -> None:
        """A new wallet of this profile, sealed under its key file. Raises WalletExists."""
        world = await self.surroundings()
        path = wallet_file(self.wallets(), name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        await asyncio.to_thread(run_migrations, f"sqlite:///{path}", MIGRATIONS)
        database = open_database(f"sqlite:///{path}", world.clock, inline=True)
        try:
            birthday = (await world.ledger.status()).height
            await create(database, world, Seed.generate(world.randomness, birthday))
        finally:
            await database.close()

    @asynccontextmanager
    async def wallet(self, name: str) -> AsyncIterator[Wallet]:
        """An open wallet of this profile. Raises WalletUnknown, WalletLocked."""
        path = wallet_file(self.wallets(), name)
        if not path.is_file():
            raise WalletUnknown(f"there is no wallet {name} here; make it with: specie wallet new {name}", name=name)
        world = await self.surroundings()
        url = f"sqlite:///{path}"
        await asyncio.to_thread(run_migrations, url, MIGRATIONS)
        database = open_database(url, world.clock, inline=True)
        try:
            yield await open_wallet(database, world)
        finally:
            await database.close()

    # -- the institution and the governors of this deployment

    def institution(self) -> AbstractAsyncContextManager[Institution]:
        """The institution, as its operator runs it. Raises PersonUnknown where its keys are not here."""
        from specie.app.chain.institution import open_institution

        return open_institution(self)

    def governors(self) -> Sequence[str]:
        here = self.place.people()
        return [name for name in GOVERNORS if name in here]

    def governor(self, name: str) -> tuple[FileKeystore, KeyUri]:
        """A governance key. Raises PersonUnknown; NotFound for a person who does not govern."""
        keys = self.place.key_folder(name)
        return keys, keys.uri(GOVERNANCE)

    # SPEC ISSUANCE-13.2.7, ISSUANCE-2.1.2, ISSUANCE-2.1.3
    async def manifest(self) -> AuthorityUpdate:
        """What the key manifest in force says of keys that the ledger believes, verified from the pinned roots on."""
        roots, current = self.place.roots(), None
        for data in await RulesClient(self.place.caller("central-management")).keys_since(0):
            current = read_manifest(data, roots, self.place.environment, current)
        if current is None:
            raise ManifestRefused("there is no key manifest yet")
        entries = [found for each in current.manifest.entries if (found := authority_of(each)) is not None]
        return AuthorityUpdate(current.version, current.hash, tuple(sorted(entries, key=lambda entry: entry.kid)))

    async def close(self) -> None:
        await self.place.close()
