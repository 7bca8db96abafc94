"""The journal as a log: checkpoints, signed and anchored on the ledger, and the watch against an old backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.bank.api import Chain
from specie.bank.engine.desk import SECOND_US, Desk
from specie.bank.errors import BankUnavailable, Halted, Malformed, NotPermitted
from specie.bank.messages.postings import Posting
from specie.bank.store import journal as store
from specie.crypto import merkle, note
from specie.issuance.api import Anchor
from specie.kernel.db import Transaction
from specie.kms.api import KeyUri

TOPIC = 11
"""Bank journal checkpoints (LEDGER section 9.7)."""
CHECKPOINT_EVERY_S = 10
CHECKPOINT_EVERY_LEAVES = 1_000
ANCHOR_EVERY_S = 12 * 3600
"""Twice as often as it must be."""


@dataclass(slots=True)
class Checkpoints:
    """One bank's log. log_key: `bank:log`."""

    desk: Desk
    log_key: KeyUri | None = None
    anchor: Anchor | None = None
    chain: Chain | None = None

    # SPEC BANK-2.8
    async def make(self, *, force: bool = False) -> bytes | None:
        """Sign a checkpoint when ten seconds or a thousand postings have passed since the last; else None."""
        if self.log_key is None:
            return None
        desk = self.desk
        head, known = await desk.read(lambda tx: (store.read_head(tx), store.checkpoints(tx)[-1:]))
        last_size, last_us = (known[0][0], known[0][3]) if known else (0, 0)
        now_us = desk.clock.now_us()
        fresh = head.seq - last_size
        due = fresh >= CHECKPOINT_EVERY_LEAVES or now_us - last_us >= CHECKPOINT_EVERY_S * SECOND_US
        if fresh == 0 or not (due or force):
            return None
        root = merkle.Frontier.decode(head.frontier, head.seq).root
        origin = f"specie/{desk.environment}/{desk.me}"
        text = note.format_checkpoint(origin, head.seq, root)
        public = (await desk.keys.public_key(self.log_key)).bytes
        signature = bytes(await desk.keys.sign(self.log_key, "note", text.encode(), desk.new_id()))
        signed = note.Note(text, (note.make_signature(origin, public, signature),)).encode().encode()

        def write(tx: Transaction) -> None:
            store.add_checkpoint(tx, head.seq, signed, root, now_us)

        await desk.write(write)
        return signed

    async def newest(self) -> bytes:
        """The newest signed checkpoint. Raises BankUnavailable before the first."""
        found = await self.desk.read(store.checkpoints)
        if not found:
            raise BankUnavailable("no checkpoint yet")
        return found[-1][1]

    # SPEC BANK-2.8: anchored on the ledger at least once a day
    async def anchor_newest(self, *, force: bool = False) -> bool:
        """Anchor the newest checkpoint when half a day has passed since the last one. Raises what the ledger says."""
        if self.anchor is None:
            return False
        found, last = await self.desk.read(lambda tx: (store.checkpoints(tx)[-1:], store.last_anchored(tx)))
        now_us = self.desk.clock.now_us()
        due = last is None or now_us - last[1] >= ANCHOR_EVERY_S * SECOND_US
        if not found or not (due or force) or (last is not None and last[0] == found[0][0]):
            return False
        size, signed, root, _ = found[0]
        signature = note.parse(signed.decode()).signatures[0].signature
        await self.anchor.anchor(TOPIC, self.desk.me, size, root, signature)

        def write(tx: Transaction) -> None:
            store.mark_anchored(tx, size, now_us)

        await self.desk.write(write)
        return True

    # SPEC BANK-2.9
    async def check_extends(self, witnessed: Sequence[bytes] = ()) -> None:
        """Refuse to go on where this journal does not contain what the ledger, a witness or an auditor has seen of it.

        witnessed: signed checkpoints of this journal, as others hold them. Raises Halted, Malformed.
        """
        points = [note.parse_checkpoint(note.parse(data.decode()).text) for data in witnessed]
        seen = [(point.size, point.root) for point in points]
        if self.chain is not None and (anchored := await self.chain.anchored(TOPIC, self.desk.me)) is not None:
            seen.append(anchored)
        for size, root in seen:
            leaves = await self.desk.read(lambda tx, size=size: store.leaves(tx, size))  # type: ignore[misc]
            if len(leaves) < size or merkle.root(leaves) != root:
                self.desk.halted = f"this journal does not contain what was seen of it: {size} postings"
                raise Halted(self.desk.halted)

    # SPEC BANK-2.8: Leaves are not public: an account's owner gets those of his account
    async def leaf(self, seq: int, account: str, *, auditor: bool = False) -> tuple[bytes, int, list[bytes]]:
        """(posting, size, path) of a posting of this account. Raises Malformed, NotPermitted."""
        row, hashes = await self.desk.read(lambda tx: (store.posting(tx, seq), store.leaves(tx, 2**62)))
        if row is None:
            raise Malformed("there is no such posting")
        if not auditor and account not in {leg.account for leg in Posting.decode(row.body).legs}:
            raise NotPermitted("this posting is of other accounts")
        return row.body, len(hashes), merkle.inclusion_proof(hashes, seq - 1)
