"""Where operators type: a ledger with issuance in another thread, the institution's and the governors' keys here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger import makers
from ledger.cli.typing_at import Across, Place, Street
from ledger.institution.realm import Realm, Ring
from specie.app.chain.founding import authority_of
from specie.app.chain.institution import MIGRATIONS
from specie.crypto.secret import Secret
from specie.issuance.protocol.keyset import KeySet
from specie.kernel.db import open_database
from specie.kernel.db.migrate import run_migrations
from specie.kernel.errors import Refused
from specie.kms.api import KeyUri
from specie.kms.keystore import FileKeystore
from specie.ledger.institution import Institution
from specie.ledger.messages.parameters import AuthorityUpdate
from tests.issuance.house import CM

GOVERNORS = ("governor-0", "governor-1", "governor-2")


class NobodyKnown(Refused):
    code = "request.person_unknown"
    status = 404


@dataclass
class Office(Place):
    """A `LedgerPlace` of operators."""

    realm: Realm
    quarter: Quarter
    keys: FileKeystore

    def governors(self) -> tuple[str, ...]:
        return GOVERNORS

    def governor(self, name: str) -> tuple[FileKeystore, KeyUri]:
        if name not in self.keys.key_ids():
            raise NobodyKnown(name)
        return self.keys, self.keys.uri(name)

    async def manifest(self) -> AuthorityUpdate:
        keys = self.quarter.key_set()
        entries = [found for each in keys.manifest.entries if (found := authority_of(each)) is not None]
        return AuthorityUpdate(keys.version, keys.hash, tuple(sorted(entries, key=lambda entry: entry.kid)))

    @asynccontextmanager
    async def institution(self) -> AsyncIterator[Institution]:
        url = f"sqlite:///{self.folder / 'redemptions.sqlite3'}"
        await asyncio.to_thread(run_migrations, url, MIGRATIONS)
        database = open_database(url, self.realm.clock, inline=True)
        redeem = Across(self.realm.house.quota_control, self.quarter.loop).redeem
        try:
            yield self.realm.institution(database=database, ledger=self.reached, redeem_at_quota_control=redeem)
        finally:
            await database.close()


class Quarter(Street):
    """A realm in a thread of its own, and operators who type."""

    def __init__(self, folder: Path, ring: Ring, name: str) -> None:
        super().__init__(folder)
        self.do(self.town.__aexit__(None, None, None))
        self.realm = Realm(ring, name)
        self.town = self.realm.town
        self.do(self.realm.__aenter__())
        keys = FileKeystore(folder / "governors", Secret(b"passphrase"), scrypt_n=2, inline=True)
        for number, each in enumerate(GOVERNORS):
            seed = sha256(f"ledger-test-key/governance-{number}".encode()).digest()
            public = keys.add(each, "ed25519", ("op:64",), Secret(seed))
            assert public.bytes == makers.key(f"governance-{number}").public()
        keys.create("mallory", "ed25519", ("op:64",))
        reached = Across(self.realm.town.engine, self.loop)
        self.place: Any = Office(self.town, reached, folder, self.realm, self, keys)

    def key_set(self) -> KeySet:
        """The manifest in force at central management."""
        cached = self.realm.house.desks[CM].cached
        assert cached is not None
        assert cached.keys is not None
        return cached.keys
