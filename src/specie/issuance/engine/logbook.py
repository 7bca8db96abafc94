"""A system's log to the outside: leaves, proofs, signed checkpoints; and the watch against a restored old backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.crypto import merkle, note
from specie.issuance.engine.desk import SECOND_US, Desk
from specie.issuance.errors import RestoreDetected, Schema
from specie.issuance.protocol.journal import origin_of
from specie.issuance.store import journal as store
from specie.issuance.store.named import named
from specie.kernel.db import Transaction
from specie.kernel.errors import Unavailable

CHECKPOINT_EVERY_S = 10
CHECKPOINT_EVERY_LEAVES = 1000
LEAVES_MAX = 1000
OBJECTS_MAX = 500


@dataclass(slots=True)
class Logbook:
    """Implements `api.Log` over one desk."""

    desk: Desk
    newest: bytes | None = None
    """The newest checkpoint that this process has signed."""
    reports_to: str = ""
    """Whom this system reports redemptions and cancellations to; their outbox rows keep the received objects."""

    async def size(self) -> int:
        return (await self.desk.database.read(store.read_head)).seq

    async def leaves(self, first: int, count: int) -> Sequence[bytes]:
        """Bodies of leaves first.. (from 1), at most LEAVES_MAX."""
        return await self.desk.database.read(lambda tx: store.leaves(tx, max(1, first), min(max(0, count), LEAVES_MAX)))

    async def checkpoint(self) -> bytes:
        """The newest signed checkpoint. Raises Unavailable before the first."""
        newest = await self.desk.database.read(store.newest_checkpoint)
        if newest is None:
            raise Unavailable("no checkpoint yet")
        return newest[1]

    # SPEC ISSUANCE-15.6.1
    async def objects(self, first: int, count: int) -> Sequence[tuple[int, bytes, bytes]]:
        """(sequence, object, what stands behind it) of leaves first..; fewer than asked where they are large.

        The finished object that a leaf names, made or received; empty where none is kept or its signature waits.
        """
        wanted = min(max(0, count), OBJECTS_MAX)
        return await self.desk.database.read(lambda tx: named(tx, max(1, first), wanted, self.reports_to))

    # SPEC ISSUANCE-15.2.2
    async def inclusion(self, sequence: int, size: int) -> Sequence[bytes]:
        """RFC 9162 path of leaf `sequence` (from 1) in the tree of `size` leaves."""
        hashes = await self._hashes(size)
        if not 1 <= sequence <= len(hashes):
            raise Schema("no such leaf in a tree of this size")
        return await self.desk.offload(merkle.inclusion_proof, hashes, sequence - 1)

    # SPEC ISSUANCE-15.2.2
    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """RFC 9162 proof that the tree of `old` leaves is a beginning of the one of `new` leaves."""
        hashes = await self._hashes(new)
        if not 1 <= old <= new:
            raise Schema("old and new sizes are out of order")
        return await self.desk.offload(merkle.consistency_proof, hashes, old)

    async def _hashes(self, size: int) -> list[bytes]:
        hashes = await self.desk.database.read(lambda tx: store.leaf_hashes(tx, size))
        if size < 1 or len(hashes) != size:
            raise Schema("the log has no such size")
        return hashes

    # SPEC ISSUANCE-15.2.1
    async def make_checkpoint(self, *, force: bool = False) -> bytes | None:
        """Sign a checkpoint when ten seconds or a thousand leaves have passed since the last; else None."""
        desk = self.desk
        head, last = await desk.database.read(lambda tx: (store.read_head(tx), store.newest_checkpoint(tx)))
        if head.seq == 0 or (last is not None and last[0] == head.seq):
            return None
        now_us = desk.clock.now_us()
        due = last is None or head.seq - last[0] >= CHECKPOINT_EVERY_LEAVES
        if not (force or due or (last is not None and now_us - last[3] >= CHECKPOINT_EVERY_S * SECOND_US)):
            return None
        root = merkle.Frontier.decode(head.frontier, head.seq).root
        origin = origin_of(desk.identity.environment, desk.me)
        text = note.format_checkpoint(origin, head.seq, root)
        keys = desk.key_set(await desk.current())
        entry = keys.signer("log", desk.me, now_us // SECOND_US)
        signature = await desk.keys.sign(desk.key_uri(entry.kid), "note", text.encode(), desk.new_cti())
        signed = (
            note.Note(text, (note.make_signature(origin, keys.publics[entry.kid], bytes(signature)),)).encode().encode()
        )
        await desk.database.write(lambda tx: store.add_checkpoint(tx, head.seq, signed, root, now_us))
        self.newest = signed
        return signed

    # SPEC ISSUANCE-17.3, ISSUANCE-20.18
    async def check_witnessed(self, witnessed: bytes | None) -> None:
        """Refuse to go on when the log does not reach what a witness has seen of it. Raises RestoreDetected."""
        if witnessed is None:
            return
        point = note.parse_checkpoint(note.parse(witnessed.decode()).text)
        hashes = await self.desk.database.read(lambda tx: store.leaf_hashes(tx, point.size))
        if len(hashes) < point.size or merkle.root(hashes) != point.root:
            raise RestoreDetected(
                f"a checkpoint of {point.size} leaves was witnessed, and this log does not contain it"
            )


def stored_chain_ok(tx: Transaction) -> str | None:
    """Recompute the whole chain from the stored bodies; the first fault in words, or None."""
    from specie.issuance.protocol.journal import check_chain

    bodies = store.leaves(tx, 1, 2**62)
    head = store.read_head(tx)
    try:
        chain, hashes = check_chain(bodies)
    except ValueError as error:
        return str(error)
    if head.seq != len(bodies):
        return f"the head counts {head.seq} leaves, the log has {len(bodies)}"
    if head.hash != chain:
        return "the chain does not end in the head's hash"
    if hashes and merkle.Frontier.decode(head.frontier, head.seq).root != merkle.root(hashes):
        return "the Merkle frontier does not match the leaves"
    stored = store.leaf_hashes(tx, head.seq)
    for sequence, (kept, computed) in enumerate(zip(stored, hashes, strict=True), 1):
        if kept != computed:
            return f"leaf {sequence} was edited"
    return None
