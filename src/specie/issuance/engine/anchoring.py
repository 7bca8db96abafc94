"""Anchoring checkpoints on a ledger, where one is configured (ISSUANCE-15.2.3): another's clock and another's disk."""

from __future__ import annotations

from dataclasses import dataclass

from specie.issuance.api import Anchor
from specie.issuance.engine.desk import SECOND_US, Desk
from specie.issuance.messages.keys import KeyStatus
from specie.issuance.store import journal as store
from specie.kernel.db import Transaction

ANCHOR_EVERY_S = 3600
TOPICS = {"central_management": 4, "quota_control": 5, "issuance_system": 6}


# SPEC ISSUANCE-15.2.3, ISSUANCE-13.4.5
@dataclass(slots=True)
class Anchoring:
    """The anchors of one system. topic: 4 central management, 5 quota control, 6 issuance system."""

    desk: Desk
    port: Anchor
    topic: int
    revoked: int = 0
    """How many of this system's keys were revoked at the last anchor: a new one is anchored at once."""

    async def step(self) -> int | None:
        """Anchor the newest checkpoint if an hour has passed, or a key was revoked; its size, or None."""
        newest, last_us = await self.desk.database.read(_state)
        if newest is None:
            return None
        size, note, root, _ = newest
        now_us = self.desk.clock.now_us()
        revoked = await self._revoked()
        if last_us is not None and now_us - last_us < ANCHOR_EVERY_S * SECOND_US and revoked == self.revoked:
            return None
        await self.port.anchor(self.topic, self.desk.me, size, root, note)
        await self.desk.database.write(lambda tx: store.mark_anchored(tx, size, now_us))
        self.revoked = revoked
        return size

    async def _revoked(self) -> int:
        keys = self.desk.key_set(await self.desk.current())
        mine = [entry for entry in keys.manifest.entries if entry.holder == self.desk.me]
        return sum(1 for entry in mine if entry.status == KeyStatus.REVOKED)


def _state(tx: Transaction) -> tuple[tuple[int, bytes, bytes, int] | None, int | None]:
    return store.newest_checkpoint(tx), store.last_anchored_us(tx)
