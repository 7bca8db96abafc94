"""A ledger that keeps what the contract asks of it in memory: the state of one block after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from specie.ledger import escrow
from specie.ledger.messages.authority import BIP340, AuthorityEntry, Role
from specie.ledger.messages.escrow import Operation, Record
from specie.ledger.messages.state import Domain

FAR_S = 2**40


@dataclass
class Names:
    """What a channel signs of its ledger."""

    chain_id: bytes
    asset: bytes


@dataclass
class Limits:
    """The parameter of escrows."""

    escrow_ops_max: int = 256


@dataclass
class Totals:
    """Sums of a block."""

    escrow_in: int = 0
    escrow_out: int = 0


@dataclass
class Sent:
    """A frame as the contract sees it."""

    type: int
    body: bytes


@dataclass
class Books:
    """State, clock and payments."""

    genesis: Names
    bank_key: bytes
    time_ms: int = 0
    parameters: Limits = field(default_factory=Limits)
    totals: Totals = field(default_factory=Totals)
    entries: dict[tuple[Domain, bytes], bytes] = field(default_factory=dict)
    payments: list[tuple[bytes, int, int, bytes, int]] = field(default_factory=list)
    authority: list[AuthorityEntry] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.authority:
            self.authority = [grant_key(self.bank_key)]

    def get(self, domain: Domain, ident: bytes) -> bytes | None:
        return self.entries.get((domain, ident))

    def put(self, domain: Domain, ident: bytes, value: bytes) -> None:
        self.entries[domain, ident] = value

    def pay(self, cid: bytes, seq: int, party: int, pay: bytes, value: int) -> None:
        self.payments.append((cid, seq, party, pay, value))

    def authorities(self, role: int, key: bytes) -> Sequence[AuthorityEntry]:
        return [entry for entry in self.authority if (entry.role, entry.key) == (role, key)]

    def record(self, cid: bytes) -> Record:
        return Record.decode(self.entries[Domain.ESCROW, cid])

    def run(self, operation: Operation, time_ms: int | None = None) -> list[tuple[int, int]]:
        """Execute an operation; answers its payments as (party, amount)."""
        return self.send(operation.number, operation.encode(), time_ms)

    def send(self, number: int, body: bytes, time_ms: int | None = None) -> list[tuple[int, int]]:
        """Execute a body."""
        self.time_ms = self.time_ms if time_ms is None else time_ms
        before = len(self.payments)
        escrow.apply(self, Sent(number, body))
        return [(party, value) for _, _, party, _, value in self.payments[before:]]

    def fund(self, operation: bytes, burn: int, time_ms: int | None = None) -> None:
        """Execute an OPEN or a TOPUP."""
        self.time_ms = self.time_ms if time_ms is None else time_ms
        escrow.open_or_topup(self, operation, burn)

    def snapshot(self) -> object:
        """Everything that an operation could change."""
        return dict(self.entries), list(self.payments), self.totals.escrow_in, self.totals.escrow_out


def grant_key(key: bytes) -> AuthorityEntry:
    """An admitted grant key without an end."""
    return AuthorityEntry(key[:16], Role.BANK_CHANNEL, "bank-01", key, 0, FAR_S, FAR_S, alg=BIP340)
