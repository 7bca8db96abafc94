"""The journal as a log: checkpoints, proofs for owners, and a backup that is too old."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bank.house import BANK, Town, keystore
from specie.bank import errors
from specie.bank.engine.bank import Surroundings
from specie.crypto import merkle, note


class Ledger:
    """The port `Anchor`, and what a light verifier reads back of it."""

    def __init__(self) -> None:
        self.last: tuple[int, bytes] | None = None
        self.calls = 0

    async def anchor(self, topic: int, source: str, size: int, root: bytes, signature: bytes) -> None:
        assert (topic, source, len(signature)) == (11, BANK, 64)
        self.last, self.calls = (size, root), self.calls + 1

    async def anchored(self, topic: int, source: str) -> tuple[int, bytes] | None:
        return self.last


def make_town() -> tuple[Town, Ledger]:
    ledger: Any = Ledger()
    around = Surroundings(log_key=keystore().uri("log"), anchor=ledger, chain=ledger)
    return Town(parts={"around": around}), ledger


# SPEC BANK-2.8, BANK-5.5
def test_checkpoints_are_signed_and_anchored_every_day() -> None:
    async def work() -> None:
        town, ledger = make_town()
        await town.found("alice", "bob")
        assert await town.bank.checkpoints.make() is None
        with pytest.raises(errors.BankUnavailable):
            await town.bank.checkpoints.newest()
        await town.rich("alice", 100)
        signed = await town.bank.checkpoints.make()
        assert signed is not None and await town.bank.checkpoints.newest() == signed
        public = (await keystore().public_key(keystore().uri("log"))).bytes
        parsed = note.parse(signed.decode())
        note.verify(parsed, f"specie/dev/{BANK}", public)
        assert note.parse_checkpoint(parsed.text).size == 1
        assert await town.bank.checkpoints.anchor_newest()
        await town.bank.transfer("k", "alice", "bob", 1)
        town.clock.advance(seconds=20)
        await town.bank.checkpoints.make()
        assert not await town.bank.checkpoints.anchor_newest()
        town.clock.advance(seconds=24 * 3600)
        assert await town.bank.checkpoints.anchor_newest()
        assert ledger.calls == 2 and ledger.last is not None and ledger.last[0] == 2
        await town.check()

    asyncio.run(work())


# SPEC BANK-2.8
def test_an_owner_gets_the_leaves_of_his_account() -> None:
    async def work() -> None:
        town, _ = make_town()
        await town.found("alice", "bob", "carol")
        await town.rich("alice", 100)
        receipt = await town.bank.transfer("k", "alice", "bob", 1)
        await town.bank.transfer("l", "alice", "bob", 1)
        signed = await town.bank.checkpoints.make(force=True)
        assert signed is not None
        body, size, path = await town.bank.checkpoints.leaf(receipt.posting, "bob")
        root = note.parse_checkpoint(note.parse(signed.decode()).text).root
        assert merkle.is_included(merkle.leaf_hash(body), receipt.posting - 1, size, path, root)
        with pytest.raises(errors.NotPermitted):
            await town.bank.checkpoints.leaf(receipt.posting, "carol")
        await town.bank.checkpoints.leaf(receipt.posting, "carol", auditor=True)

    asyncio.run(work())


# SPEC BANK-2.9
@pytest.mark.parametrize("seen_by", ["ledger", "witness"])
def test_a_bank_from_an_old_backup_does_not_start(seen_by: str) -> None:
    async def work() -> None:
        town, _ = make_town()
        await town.found("alice", "bob")
        await town.rich("alice", 100)
        assert await town.bank.start() == 0
        database: Any = town.database
        backup = database._session._open().serialize()
        await town.bank.transfer("k", "alice", "bob", 1)
        signed = await town.bank.checkpoints.make(force=True)
        witnessed: list[bytes] = []
        if seen_by == "ledger":
            await town.bank.checkpoints.anchor_newest()
        else:
            assert signed is not None
            witnessed.append(signed)
        assert await town.bank.start(witnessed) == 0
        database._session._open().deserialize(backup)
        town.open()
        with pytest.raises(errors.BankUnavailable):
            await town.bank.start(witnessed)
        with pytest.raises(errors.BankUnavailable):
            await town.bank.transfer("m", "alice", "bob", 1)

    asyncio.run(work())
