"""The institution of this deployment, as its operator runs it: keys and intents below its own folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from specie.app.chain.founding import REGISTER, WITHDRAWAL, read_genesis
from specie.issuance.client import QuotaControlClient
from specie.kernel.db import open_database
from specie.kernel.db.migrate import run_migrations
from specie.ledger import institution as institution_package
from specie.ledger.institution import Institution

if TYPE_CHECKING:
    from specie.app.chain.place import LedgerWorkplace

assert institution_package.__file__ is not None
MIGRATIONS = Path(institution_package.__file__).parent / "migrations"


@asynccontextmanager
async def open_institution(wallets: LedgerWorkplace) -> AsyncIterator[Institution]:
    """The institution over the services as they are reached from here. Raises OSError, kms refusals."""
    place = wallets.place
    name = place.config.ledger.institution
    keys = place.key_folder(name)
    url = f"sqlite:///{place.config.data_dir / 'people' / name / 'redemptions.sqlite3'}"
    await asyncio.to_thread(run_migrations, url, MIGRATIONS)
    database = open_database(url, place.clock, inline=True)
    try:
        yield Institution(
            me=name,
            issuer=place.system_id("issuance"),
            genesis=read_genesis(place.config),
            ledger=wallets.ledger(),
            redeem_at_quota_control=QuotaControlClient(place.caller("quota-control")).redeem,
            keys=keys,
            withdrawal_key=keys.uri(WITHDRAWAL),
            register_key=keys.uri(REGISTER),
            database=database,
            clock=place.clock,
            randomness=place.randomness,
        )
    finally:
        await database.close()
