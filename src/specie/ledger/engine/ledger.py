"""The ledger of one node: implements `api.Ledger` over the state machine and the embedded provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

from specie.kernel.clock import Clock, Randomness
from specie.kernel.db import Database, Transaction
from specie.kms.api import Keys, KeyUri
from specie.ledger.api import SUBMITTER
from specie.ledger.engine import facts, state_facts
from specie.ledger.engine.decoys import decoy_law
from specie.ledger.engine.embedded import Embedded, EmbeddedSettings
from specie.ledger.engine.founding import found
from specie.ledger.engine.machine import Machine
from specie.ledger.engine.mark import Mark
from specie.ledger.engine.ports import Duty, EpochKeys, Observer
from specie.ledger.engine.submissions import Entry, repeated
from specie.ledger.errors import EnvelopeMalformed, NonCanonical, NotAvailable, StoreDamaged, StoreRestored, Unknown
from specie.ledger.messages.binary import put_u64
from specie.ledger.messages.bulk import Bundle
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.receipts import Finality
from specie.ledger.messages.views import (
    DecoyLaw,
    EpochKeyView,
    Event,
    KeyImageProof,
    OutputProof,
    OutputView,
    Params,
    StateEntry,
    Status,
    Submitted,
    Supply,
    header_view,
    time_text,
)
from specie.ledger.protocol.order import is_envelope
from specie.ledger.protocol.rules import read_head
from specie.ledger.store import reading

T = TypeVar("T")
WAIT_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Node:
    """What the composition knows of this node."""

    enclave: Literal["simulated", "gramine"] = "simulated"
    separation_of_duties: bool = False
    settings: EmbeddedSettings = field(default_factory=EmbeddedSettings)


class LedgerEngine:
    """One node with the embedded provider; made by `open`."""

    def __init__(self, genesis: Genesis, document: bytes, provider: Embedded, machine: Machine, node: Node) -> None:
        self._genesis = genesis
        self._document = document
        self._node = node
        self.provider = provider
        self.machine = machine

    @classmethod
    async def open(
        cls,
        document: bytes,
        database: Database,
        keys: Keys,
        validator: KeyUri,
        epoch_keys: EpochKeys,
        clock: Clock,
        randomness: Randomness,
        folder: Path | None = None,
        observer: Observer | None = None,
        *,
        duties: Sequence[Duty] = (),
        node: Node | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> LedgerEngine:
        """Open the chain of a genesis document, or found it, and begin to make blocks.

        folder: where the mark of LEDGER-16.2.10 stands; None only for databases in memory. Raises NonCanonical (not a
        genesis document), NotAvailable (another provider), ValueError (not this validator's key), StoreRestored,
        StoreDamaged.
        """
        genesis = Genesis.decode(document)
        if genesis.provider != "embedded":
            raise NotAvailable("this release has the embedded provider only", rule="20.1.2")
        public = await keys.public_key(validator)
        if public.bytes != genesis.validators[0]:
            raise ValueError("the validator key is not the one that the genesis document names")
        chain_id, node = genesis.chain_id, node or Node()

        async def sign(height: int, app_hash: bytes) -> bytes:
            payload = chain_id + put_u64(height) + app_hash
            return await keys.sign(validator, "block", payload, sha256(payload).digest()[:16])

        mark = None if folder is None else Mark(folder)
        await _prepare(genesis, document, database, sign, mark)
        if node.settings.threads:
            machine = await asyncio.to_thread(Machine, genesis, database, epoch_keys, randomness)
        else:
            machine = Machine(genesis, database, epoch_keys, randomness)
        provider = Embedded(
            sign,
            clock,
            settings=node.settings,
            mark=mark,
            duties=duties,
            observer=observer,
            monotonic=monotonic,
        )
        engine = cls(genesis, document, provider, machine, node)
        await provider.start(machine)
        return engine

    async def close(self) -> None:
        """Finish the block in hand and stop."""
        await self.provider.stop()

    # -- submissions

    async def submit_envelope(self, data: bytes, wait_s: float = 0) -> Submitted:
        """As `api.Ledger`."""
        read_head(data)
        return await self._submit(data, wait_s)

    async def submit_operation(self, data: bytes, wait_s: float = 0) -> Submitted:
        """As `api.Ledger`."""
        if is_envelope(data):
            raise NonCanonical("an envelope is no public operation", rule="9.5.1")
        return await self._submit(data, wait_s)

    async def submit_bundle(self, data: bytes) -> list[Submitted]:
        """As `api.Ledger`."""
        answers = []
        for envelope in Bundle.decode(data).envelopes:
            if not is_envelope(envelope):
                raise EnvelopeMalformed("a bundle holds envelopes", rule="V-1")
            entry, is_new = self.provider.enter(envelope, SUBMITTER.get())
            answers.append(entry.view(repeated=not is_new))
        return answers

    # SPEC LEDGER-21.1.1, LEDGER-21.1.3, LEDGER-21.1.6
    async def _submit(self, data: bytes, wait_s: float) -> Submitted:
        entry, is_new = self.provider.enter(data, SUBMITTER.get())
        was_ended = entry.is_ended
        await self.provider.wait(entry, min(wait_s, WAIT_S_MAX))
        return _answer(entry, repeated_bytes=not is_new, before=was_ended)

    async def submission(self, ident: bytes, wait_s: float = 0) -> Submitted:
        """As `api.Ledger`."""
        return await self.provider.wait_final(ident, min(wait_s, WAIT_S_MAX))

    async def receipt(self, leaf: bytes) -> bytes:
        """As `api.Ledger`."""
        return await self._read(lambda tx: facts.receipt(tx, leaf))

    # -- the chain

    async def status(self) -> Status:
        """As `api.Ledger`."""
        tip, consensus = self.machine.tip, await self.provider.status()
        parameters = tip.rules.parameters
        public = self.machine.chain.classes.count(1)
        real = [len(self.machine.chain.classes) - public, public]
        return Status(
            chain_id=tip.chain_id.hex(),
            currency=self._genesis.currency,
            scale=self._genesis.scale,
            dev=self._genesis.dev,
            provider="embedded",
            height=tip.height,
            time=time_text(tip.time_ms),
            app_hash=tip.app_hash.hex(),
            out_size=tip.header.out_size,
            real_outputs=[count - START for count in real],
            epoch=tip.rules.epoch,
            params_version=parameters.version,
            ring_size=parameters.ring_size,
            validators=consensus.validators,
            validators_up=consensus.validators_up,
            block_interval_ms=consensus.block_interval_ms,
            mempool=consensus.waiting,
            enclave=self._node.enclave,
            separation_of_duties=self._node.separation_of_duties,
        )

    async def genesis(self) -> bytes:
        """As `api.Ledger`."""
        return self._document

    async def headers(self, first: int, limit: int) -> list[tuple[bytes, bytes]]:
        """As `api.Ledger`."""
        facts.check_number(first)
        count = max(0, min(limit, facts.HEADERS_MAX))
        rows = await self._read(lambda tx: reading.blocks(tx, first, count))
        return [(row.header, row.finality) for row in rows]

    async def epoch(self, number: int | None = None) -> EpochKeyView:
        """As `api.Ledger`."""
        tip = self.machine.tip
        return await self._read(lambda tx: state_facts.epoch(tx, tip, number))

    async def parameters(self, version: int | None = None) -> Params:
        """As `api.Ledger`."""
        tip = self.machine.tip
        return await self._read(lambda tx: state_facts.parameters(tx, tip, version))

    async def decoys(self) -> DecoyLaw:
        """As `api.Ledger`."""
        tip = self.machine.tip
        return await self._read(lambda tx: decoy_law(tx, tip))

    async def supply(self, height: int | None = None) -> Supply:
        """As `api.Ledger`."""
        at = self._height(height)
        return await self._read(lambda tx: state_facts.supply(tx, self.machine.chain, self._genesis, at))

    async def state_entry(self, domain: int, ident: bytes, height: int | None = None) -> StateEntry:
        """As `api.Ledger`."""
        at = self._height(height)
        return await self._read(lambda tx: state_facts.state_entry(tx, self.machine.chain, at, domain, ident))

    async def state_receipt(self, domain: int, ident: bytes, height: int | None = None) -> bytes:
        """As `api.Ledger`."""
        at = self._height(height)
        return await self._read(lambda tx: state_facts.state_receipt(tx, self.machine.chain, at, domain, ident))

    # -- blocks and outputs

    async def block(self, height: int) -> bytes:
        """As `api.Ledger`."""
        facts.check_number(height)
        return await self._read(lambda tx: facts.record_bytes(tx, height))

    async def block_proofs(self, height: int) -> bytes:
        """As `api.Ledger`; in strict mode the segment is not shown (LEDGER-8.2)."""
        facts.check_number(height)
        if self.machine.tip.rules.parameters.strict_proofs:
            raise NotAvailable("this chain keeps its proofs segments to itself", rule=None)
        return await self._read(lambda tx: facts.proofs_bytes(tx, height))

    async def compact(self, first: int, count: int) -> bytes:
        """As `api.Ledger`."""
        facts.check_number(first)
        return await self._read(lambda tx: facts.compact(tx, self.machine.tip.chain_id, first, count))

    async def outputs(self, page: int) -> bytes:
        """As `api.Ledger`."""
        facts.check_number(page)
        return await self._read(lambda tx: facts.page(tx, page))

    async def output(self, index: int) -> OutputView:
        """As `api.Ledger`."""
        facts.check_number(index)
        found = await self._read(lambda tx: facts.output(tx, index))
        # at its own height, so that the answer never changes (LEDGER-21.1.4)
        proof = await self.prove_output(index, found.height)
        data = found.output.data.hex()
        return OutputView(index=index, class_=found.class_, height=found.height, output=data, proof=proof)

    async def key_images(self, first: int, count: int) -> bytes:
        """As `api.Ledger`."""
        facts.check_number(first)
        return await self._read(lambda tx: facts.key_images(tx, first, count))

    # -- proofs

    # SPEC LEDGER-21.5.1
    async def prove_output(self, index: int, height: int | None = None) -> OutputProof:
        """As `api.Ledger`."""
        at = self._height(height)
        size = await self._size(at)
        if not 0 <= index < size:
            raise Unknown(f"output {index} is not in the log of height {at}")
        found = await self._read(lambda tx: facts.output(tx, index))
        path = [each.hex() for each in self.machine.chain.table.inclusion(index, size)]
        return OutputProof(height=at, leaf=found.encode().hex(), index=index, size=size, path=path)

    async def prove_consistency(self, first: int, last: int) -> list[bytes]:
        """As `api.Ledger`."""
        facts.check_number(first, last)
        if first > last:
            raise Unknown("the first height comes before the last one")
        return self.machine.chain.table.consistency(await self._size(first), await self._size(last))

    async def prove_key_image(self, image: bytes, height: int | None = None) -> KeyImageProof:
        """As `api.Ledger`."""
        at = self._height(height)
        return await self._read(lambda tx: state_facts.key_image(tx, self.machine.chain, at, image))

    # -- events

    async def events(self, after: int) -> AsyncIterator[Event]:
        """As `api.Ledger`."""
        version = await self._version_at(max(0, after))
        async for block in self.provider.blocks(after + 1):
            genesis, header = self._genesis, Header.decode(block.header)
            if header.params_version != version:
                version = header.params_version
                yield Event(block.height, "params", await self.parameters(version))
            for entry in self.machine.tip.epochs:
                if entry.height == block.height:
                    yield Event(block.height, "epoch", await self.epoch(entry.epoch))
            # last: whoever has seen it has seen all of this height
            view = header_view(block.header, block.finality, genesis.currency, genesis.scale)
            yield Event(block.height, "header", view)

    # -- inside

    def _height(self, height: int | None) -> int:
        if height is None:
            return self.machine.tip.height
        facts.check_number(height)
        return height

    async def _version_at(self, height: int) -> int:
        row = await self._read(lambda tx: reading.block(tx, height))
        return 0 if row is None else Header.decode(row.header).params_version

    async def _size(self, height: int) -> int:
        known = self.machine.chain.log_at.get(height)
        if known is not None:
            return known.size
        return (await self._read(lambda tx: facts.block_at(tx, height))).out_size

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        return await self.machine.database.read(work)


START = 64
"""Start outputs of each class."""


def _answer(entry: Entry, *, repeated_bytes: bool, before: bool) -> Submitted:
    """The state of a submission, or its refusal raised."""
    refusal = entry.refusal
    if refusal is not None and entry.state != "final":
        raise repeated(refusal) if repeated_bytes and before else refusal
    return entry.view(repeated=repeated_bytes)


# SPEC LEDGER-16.2.7, LEDGER-16.2.10
async def _prepare(
    genesis: Genesis,
    document: bytes,
    database: Database,
    sign: Callable[[int, bytes], object],
    mark: Mark | None,
) -> None:
    """Found the chain where the database is empty; refuse a database that is not the one this node left.

    Raises StoreDamaged, StoreRestored.
    """
    last = await database.read(reading.last_block)
    if last is None:
        if mark is not None and mark.read() is not None:
            raise StoreRestored("the database is empty, and a mark says that it was not")
        founding = found(genesis)
        signature = await sign(0, founding.app_hash)  # type: ignore[misc]
        finality = Finality.embedded(0, signature).encode()
        await database.write(lambda tx: founding.write(tx, finality))
        if mark is not None:
            mark.write(0, founding.app_hash)
        return
    if await database.read(reading.genesis) != document:
        raise StoreDamaged("the database holds another chain")
    if mark is None:
        return
    found_mark = mark.read()
    row = None
    if found_mark is not None:
        row = await database.read(lambda tx: reading.block(tx, found_mark[0]))
    mark.check(last.height, lambda _: None if row is None else row.app_hash)
    mark.write(last.height, last.app_hash)
