"""The auditor's copy of a chain: every block executed again, what it brought, and what is wrong with one that fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

from specie.app.auditor.anchors import Anchored
from specie.crypto import ed25519
from specie.kernel.errors import Refused
from specie.ledger.engine.replay import Replay
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header, block_signature_input
from specie.ledger.messages.receipts import EMBEDDED, Finality
from specie.ledger.messages.record import record_hash
from specie.ledger.messages.state import Domain, MintState, MintStatus, WithdrawalState, WithdrawalStatus

TO_ACCOUNT = 1
"""Outcome of a withdrawal that a bank credited; 2 stands for redeemed."""
STRANGE = (TypeError, ValueError, LookupError)
"""What decoding bytes of a wrong shape raises besides refusals."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One block as the node handed it out."""

    header: bytes
    finality: bytes
    record: bytes
    proofs: bytes | None
    """None where the node has dropped them, or keeps them to itself."""

    @property
    def signed(self) -> bytes:
        """What proves the header to anybody: its bytes and its finality."""
        return self.header + self.finality


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a block."""

    code: str
    subject: str
    detail: str
    evidence: bytes
    stops: bool = False
    """The chain cannot be followed beyond it."""


@dataclass(slots=True)
class Items:
    """What the state of a chain holds that other systems know by the same ids; amounts in minor units."""

    mints: dict[bytes, MintState] = field(default_factory=dict)
    """By unit root."""
    cancels: dict[bytes, MintState] = field(default_factory=dict)
    pending: dict[bytes, int] = field(default_factory=dict)
    """Burns that are neither paid nor refunded, by reference."""
    to_accounts: dict[bytes, int] = field(default_factory=dict)
    redeemed: dict[bytes, int] = field(default_factory=dict)
    seen: int = 0
    """Entries of the state that were looked at; entries are added at the end and never leave."""

    def take(self, entries: dict[tuple[int, bytes], bytes]) -> None:
        """What is new, and what became of the burns that waited."""
        for (domain, ident), value in islice(entries.items(), self.seen, None):
            if domain == Domain.MINT:
                mint = MintState.decode(value)
                (self.mints if mint.status == MintStatus.MINTED else self.cancels)[ident] = mint
            elif domain == Domain.WITHDRAWAL:
                self.pending[ident] = 0
        self.seen = len(entries)
        for ident in list(self.pending):
            burn = WithdrawalState.decode(entries[Domain.WITHDRAWAL, ident])
            if burn.status == WithdrawalStatus.PENDING:
                self.pending[ident] = burn.value
                continue
            del self.pending[ident]
            if burn.status == WithdrawalStatus.PAID:
                (self.to_accounts if burn.outcome == TO_ACCOUNT else self.redeemed)[ident] = burn.value


class ChainCopy:
    """One chain from block 0 on, in memory. After a fault that stops it, it is read no further."""

    def __init__(self, genesis: Genesis, anchored: Anchored) -> None:
        self.genesis = genesis
        self.anchored = anchored
        self.replay = Replay(genesis)
        self.items = Items()
        self.hashes: list[bytes] = []
        """app_hash of every height that was executed."""

    @property
    def height(self) -> int:
        """The last block that was executed; -1 before block 0."""
        return len(self.hashes) - 1

    # SPEC LEDGER-8.4.1, LEDGER-9.4.1, LEDGER-13.1
    def take(self, block: Fetched) -> Fault | None:
        """Execute the next block. Raises ValueError for an answer that is another height's."""
        height = self.height + 1
        fault = self.look(height, block)
        if fault is not None:
            return fault
        header = Header.decode(block.header)
        if height and header.prev_app_hash != self.hashes[-1]:
            detail = f"it follows {header.prev_app_hash.hex()}, and block {height - 1} was {self.hashes[-1].hex()}"
            return Fault("CHAIN_FORKED", f"block {height}", detail, block.signed, stops=True)
        try:
            if height == 0:
                self.replay.check_first(block.header, block.finality, block.record)
            else:
                self.replay.follow(block.header, block.finality, block.record, block.proofs)
        except (Refused, *STRANGE) as error:
            return Fault("BLOCK_INVALID", f"block {height}", str(error), block.signed, stops=True)
        self.hashes.append(header.app_hash)
        self.items.take(self.replay.chain.entries)
        self.anchored.take(self.replay.chain.entries)
        return None

    # SPEC LEDGER-13.1
    def look(self, height: int, block: Fetched) -> Fault | None:
        """Whether these are the bytes of a final block of this height. Raises ValueError for another height's."""
        subject = f"block {height}"
        try:
            header = Header.decode(block.header)
            final = is_final(self.genesis, header, Finality.decode(block.finality))
        except Refused as refusal:
            return Fault("BLOCK_FORGED", subject, refusal.detail or refusal.code, block.signed)
        if not final:
            return Fault("BLOCK_FORGED", subject, "no validator of this chain signed it", block.signed)
        if header.height != height:
            raise ValueError(f"block {header.height} in place of block {height}")
        for name, data, digest in (
            ("record", block.record, header.record_hash),
            ("range proofs", block.proofs, header.proofs_hash),
        ):
            if data is not None and record_hash(data) != digest:
                detail = f"its {name} have the hash {record_hash(data).hex()}, and its header names {digest.hex()}"
                return Fault("BLOCK_MISMATCH", f"{subject}, {name}", detail, block.signed)
        return None

    # SPEC LEDGER-8.2.1
    def compare(self, height: int, block: Fetched) -> Fault | None:
        """A block that was executed before must still be the same one."""
        fault = self.look(height, block)
        if fault is None and sha256(block.header).digest() != self.hashes[height]:
            detail = f"it was {self.hashes[height].hex()} when it was executed"
            return Fault("CHAIN_FORKED", f"block {height}", detail, block.signed, stops=True)
        return fault


# SPEC LEDGER-13.1, LEDGER-16.2.5
def is_final(genesis: Genesis, header: Header, finality: Finality) -> bool:
    """The validator of the genesis document signed this header of its chain; the core checks it: chains are long."""
    if (
        header.chain_id != genesis.chain_id
        or finality.kind != EMBEDDED
        or finality.key_index >= len(genesis.validators)
    ):
        return False
    signed = block_signature_input(header.chain_id, header.height, header.app_hash)
    return ed25519.is_signature(genesis.validators[finality.key_index], signed, finality.signature)
