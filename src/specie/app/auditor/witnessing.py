"""Checkpoints: verified, found in the copy of the log, cosigned, and kept for whoever asks what was seen of a log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specie.app.auditor import store
from specie.app.auditor.findings import Findings
from specie.crypto import merkle, note
from specie.issuance.protocol.journal import origin_of
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused

if TYPE_CHECKING:
    from specie.issuance.protocol.keyset import KeySet

Sign = Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Witness:
    """The key with which this auditor cosigns."""

    name: str
    public: bytes
    sign: Sign

    # SPEC ISSUANCE-15.2.1
    async def cosign(self, data: bytes, now_s: int) -> bytes:
        """The note with one more line: cosignature/v1 by this witness."""
        signed = note.parse(data.decode())
        signature = await self.sign(note.to_be_cosigned(signed.text, now_s))
        line = note.make_cosignature(self.name, self.public, now_s, signature)
        return note.Note(signed.text, (*signed.signatures, line)).encode().encode()


def read_size(data: bytes) -> int:
    """The size that a checkpoint names; 0 where it does not parse."""
    try:
        return note.parse_checkpoint(note.parse(data.decode()).text).size
    except (Refused, UnicodeDecodeError):
        return 0


@dataclass(slots=True)
class Checkpoints:
    """Judges the checkpoints of one log."""

    role: str
    system: str
    environment: str

    # SPEC ISSUANCE-15.2.1, ISSUANCE-17.3, ISSUANCE-20.17, ISSUANCE-20.18
    def take(self, tx: Transaction, findings: Findings, keys: KeySet | None, data: bytes) -> bool:
        """Keep a checkpoint that is signed by its log and is a beginning of what was read; else a finding.

        True where the log has to be followed no further: it was forked.
        """
        known = store.newest_checkpoint(tx, self.role)
        if known is not None and known.note == data:
            return False
        try:
            signed = note.parse(data.decode())
            point = note.parse_checkpoint(signed.text)
        except (Refused, UnicodeDecodeError):
            findings.add("CHECKPOINT_FORGED", self.system, "unreadable", "it does not parse", data[:4096])
            return False
        subject = f"size {point.size}"
        origin = origin_of(self.environment, self.system)
        if point.origin != origin or not is_signed(signed, origin, keys, self.system):
            detail = f"it names {point.origin}, or no log key of {self.system} signed it"
            findings.add("CHECKPOINT_FORGED", self.system, subject, detail, data)
            return False
        state = store.followed(tx, self.role, self.system)
        if point.size > state.size:
            return False
        root = store.root_at(tx, self.role, point.size)
        if root is None:
            root = merkle.root(store.leaf_hashes(tx, self.role, point.size))
        if root != point.root:
            detail = f"it signs the root {point.root.hex()}, and the leaves that were read have {root.hex()}"
            findings.add("LOG_FORKED", self.system, subject, detail, data)
            return True
        if known is None or known.size < point.size:
            row = store.CheckpointRow(self.role, point.size, data, point.root, None, findings.now_us)
            store.add_checkpoint(tx, row)
        return False


def is_signed(signed: note.Note, origin: str, keys: KeySet | None, system: str) -> bool:
    """By a `log` key that the manifest names for this system."""
    for entry in keys.of_role("log") if keys is not None else ():
        if entry.holder != system or keys is None:
            continue
        try:
            note.verify(signed, origin, keys.publics[entry.kid])
        except Refused:
            continue
        return True
    return False
