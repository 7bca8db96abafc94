"""The chain in memory, as the rules of public operations see it: block after block, entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from specie.ledger.messages.frames import Frame
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.parameters import Enclaves, Parameters
from specie.ledger.messages.state import AuthorityEntry, Domain, EpochState, epoch_ident
from specie.ledger.protocol.dispatch import apply_frame
from specie.ledger.protocol.parameters import enclave_writes, take_effect
from specie.ledger.protocol.state import ScheduledChange, State, Totals


@dataclass
class Book:
    """One block after the other; `send` is an operation at its turn, `next` the next block."""

    genesis: Genesis
    height: int = 1
    time_ms: int = 0
    prev_app_hash: bytes = bytes(32)
    entries: dict[tuple[Domain, bytes], bytes] = field(default_factory=dict)
    before: dict[tuple[Domain, bytes], bytes] = field(default_factory=dict)
    """Entries at the start of the block."""
    used: set[bytes] = field(default_factory=set)
    outputs: list[tuple[int, int, bytes, bytes]] = field(default_factory=list)
    """(kind, class, ctx, output) of this block."""
    kernels: list[bytes] = field(default_factory=list)
    payments: list[tuple[bytes, int, int, bytes, int]] = field(default_factory=list)
    """(cid, seq, party, pay, value) of this block."""
    changes: list[ScheduledChange] = field(default_factory=list)
    final: set[bytes] = field(default_factory=set)
    totals: Totals = field(default_factory=Totals)

    def __post_init__(self) -> None:
        self.parameters: Parameters = self.genesis.parameters()
        self.time_ms = self.time_ms or self.genesis.time_ms
        for entry in self.genesis.authorities:
            self.put(Domain.AUTHORITY, entry.kid, entry.encode())
        for domain, ident, value in enclave_writes(Enclaves(), self.genesis.enclaves):
            self.put(domain, ident, value)
        self.before = dict(self.entries)

    @property
    def scheduled(self) -> Parameters:
        found = self.parameters
        for change in self.changes:
            found = found.apply(change.changes, change.version)
        return found

    @property
    def last_effective_height(self) -> int:
        return max((change.effective_height for change in self.changes), default=0)

    def schedule(self, change: ScheduledChange) -> None:
        self.changes.append(change)

    def get(self, domain: Domain, ident: bytes) -> bytes | None:
        return self.entries.get((domain, ident))

    def put(self, domain: Domain, ident: bytes, value: bytes) -> None:
        self.entries[domain, ident] = value

    def authority(self, kid: bytes) -> AuthorityEntry | None:
        found = self.before.get((Domain.AUTHORITY, kid))
        return AuthorityEntry.decode(found) if found is not None else None

    def authorities(self, role: int, key: bytes) -> Sequence[AuthorityEntry]:
        entries = [
            AuthorityEntry.decode(value) for (domain, _), value in self.before.items() if domain == Domain.AUTHORITY
        ]
        return [entry for entry in entries if (entry.role, entry.key) == (role, key)]

    def epoch(self, number: int) -> EpochState | None:
        found = self.before.get((Domain.EPOCH, epoch_ident(number)))
        return EpochState.decode(found) if found is not None else None

    def is_point_used(self, point: bytes) -> bool:
        return point in self.used

    def add_output(self, kind: int, class_: int, ctx: bytes, output: bytes) -> None:
        self.outputs.append((kind, class_, ctx, output))
        self.used |= {output[:32], output[64:96]}

    def pay(self, cid: bytes, seq: int, party: int, pay: bytes, value: int) -> None:
        self.payments.append((cid, seq, party, pay, value))

    def reserve_points(self, points: bytes) -> None:
        self.used |= {points[:32], points[32:]}

    def add_kernel(self, excess: bytes) -> None:
        self.kernels.append(excess)

    def is_final(self, op_id: bytes) -> bool:
        return op_id in self.final

    def send(self, frame: bytes | Frame, *, proven: bool = False) -> Frame:
        """An operation takes effect, or is refused and leaves nothing behind."""
        found = frame if isinstance(frame, Frame) else Frame.decode(frame)
        kept = self._kept()
        try:
            apply_frame(as_state(self), found, proven)
        except Exception:
            assert self._kept() == kept, "a refusal left something behind"
            raise
        self.final.add(found.op_id)
        return found

    def next(self, blocks: int = 1, *, after_ms: int = 200) -> None:
        """Go to a later block; the changes that are due take effect at its start."""
        self.height += blocks
        self.time_ms += after_ms
        self.before = dict(self.entries)
        for change in [each for each in self.changes if each.effective_height <= self.height]:
            self.parameters, writes = take_effect(self.parameters, self.authority, change.version, change.changes)
            for domain, ident, value in writes:
                self.put(domain, ident, value)
            self.before = dict(self.entries)
        self.changes = [each for each in self.changes if each.effective_height > self.height]
        self.totals, self.outputs, self.kernels, self.payments = Totals(), [], [], []

    def _kept(self) -> tuple[Any, ...]:
        lists = list(self.outputs), list(self.kernels), list(self.changes), list(self.payments)
        return dict(self.entries), set(self.used), *lists, replace(self.totals)


def as_state(book: Book) -> State:
    """The book, as the rules see it."""
    return book
