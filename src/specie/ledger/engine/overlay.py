"""The state while a block is executed: what stood before, and over it what this block has done so far.

A `Block` gathers the effects of all that took effect. A `Turn` is the view of one transaction or operation: what it
does counts only when it is merged, so that whatever is refused leaves nothing behind (LEDGER-8.5.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from typing import Protocol

from specie.ledger import escrow
from specie.ledger.engine.tip import Tip
from specie.ledger.errors import BlockFull
from specie.ledger.messages.binary import AMOUNT_MAX
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.outputs import OutputKind, mask_refund
from specie.ledger.messages.parameters import Parameters
from specie.ledger.messages.receipts import image_key, state_key
from specie.ledger.messages.record import RecordedOperation
from specie.ledger.messages.state import AuthorityEntry, Domain, EpochState, epoch_ident
from specie.ledger.messages.transaction import FundTail, WithdrawTail
from specie.ledger.protocol.public_outputs import Made, make_payout
from specie.ledger.protocol.rules import Candidate
from specie.ledger.protocol.state import ScheduledChange, Totals
from specie.ledger.protocol.supply import Change

HELD_ONCE = (Domain.MINT, Domain.USED_ID, Domain.WITHDRAWAL, Domain.ESCROW, Domain.CHANNEL_KEY)
"""Domains in which an id is made one time only (LEDGER-8.7.1)."""


class ChainReader(Protocol):
    """What stood before the block, where memory alone does not say it."""

    def used(self, points: bytes) -> bytes:
        """Per point 1 where it is an R or P of the log, or reserved."""
        ...

    def entry(self, domain: int, ident: bytes) -> bytes | None:
        """The value of an entry after the last block."""
        ...

    def outputs_at(self, height: int) -> int:
        """Size of the output log after a height; 0 below height 0 and for heights that are long past."""
        ...

    def is_final(self, leaf: bytes) -> bool:
        """Whether a tx_leaf or op_id took effect."""
        ...


class Block:
    """The effects of a block under execution; also the `View` of the rules of envelopes."""

    def __init__(self, tip: Tip, time_ms: int, chain: ChainReader) -> None:
        self.tip = tip
        self.chain = chain
        self.rules = tip.rules
        self.height = tip.rules.height
        self.parameters: Parameters = tip.rules.parameters
        self.time_ms = time_ms
        self.totals = Totals()
        self.entries: dict[tuple[int, bytes], bytes] = {}
        self.made_once: list[tuple[int, bytes]] = []
        self.points: set[bytes] = set()
        self.new_points: list[bytes] = []
        """Used or reserved by this block, in the order of their making."""
        self.reserved: list[bytes] = []
        self.images: set[bytes] = set()
        self.leaves: set[bytes] = set()
        self.candidates: list[Candidate] = []
        self.withdrawals: list[WithdrawTail] = []
        self.fundings: list[tuple[bytes, FundTail]] = []
        self.frames: list[RecordedOperation] = []
        self.frame_leaves: list[bytes] = []
        self.minted: list[bytes] = []
        """Outputs of mints, in ledger order."""
        self.made: list[Made] = []
        self.kernels: list[bytes] = []
        self.escrow_operations = 0
        self.changes: list[tuple[ScheduledChange, bytes]] = []
        """Accepted parameter changes, each with its frame."""
        self.epoch_keys: list[tuple[bytes, EpochKeyOp, bytes]] = []
        """(op_id, body, frame)"""
        # SPEC LEDGER-9.8.5
        self.entries.update(tip.rules.writes)

    # -- View

    def is_live(self, epoch: int) -> bool:
        return epoch in self.rules.live

    def is_any_spent(self, images: Sequence[bytes]) -> bool:
        spent, tree = self.images, self.tip.images
        return any(image in spent or tree.get(image_key(image)) is not None for image in images)

    def is_withdrawal_known(self, ref: bytes) -> bool:
        return self.has(Domain.WITHDRAWAL, ref)

    def is_any_point_used(self, points: Sequence[bytes]) -> bool:
        if not self.points.isdisjoint(points):
            return True
        return any(self.chain.used(b"".join(points)))

    def check_funding(self, operation: bytes, burn: int) -> None:
        escrow.check_funding(Turn(self), operation, burn)

    def outputs_at(self, height: int) -> int:
        return self.chain.outputs_at(height)

    # -- entries

    def has(self, domain: int, ident: bytes) -> bool:
        """Whether an entry exists; asks the tree, not the tables."""
        return (domain, ident) in self.entries or self.tip.state.get(state_key(domain, ident)) is not None

    def get(self, domain: int, ident: bytes) -> bytes | None:
        """The value of an entry as the last turn left it."""
        found = self.entries.get((domain, ident))
        return found if found is not None else self.get_before(domain, ident)

    def get_before(self, domain: int, ident: bytes) -> bytes | None:
        """The value of an entry after the last block."""
        if self.tip.state.get(state_key(domain, ident)) is None:
            return None
        return self.chain.entry(domain, ident)

    # SPEC LEDGER-8.5.2, LEDGER-8.5.5
    def merge(self, turn: Turn) -> None:
        """Let the effects of a turn count. Raises BlockFull, and then none of them does."""
        if max(astuple(turn.totals)) > AMOUNT_MAX:
            raise BlockFull("the block moves all the value that one block may move", rule="8.5.5")
        self.totals = turn.totals
        self.entries.update(turn.entries)
        self.made_once.extend(turn.made_once)
        self.points.update(turn.points)
        self.new_points.extend(turn.points)
        self.reserved.extend(turn.reserved)
        self.minted.extend(turn.minted)
        self.made.extend(turn.made)
        self.kernels.extend(turn.kernels)

    def changed(self) -> Iterator[Change]:
        """Entries that this block set: (domain, value before, value after)."""
        for (domain, ident), value in self.entries.items():
            known = self.tip.state.get(state_key(domain, ident)) is not None
            yield domain, self.chain.entry(domain, ident) if known else None, value


class Turn:
    """The `State` of one transaction or operation."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self.genesis: Genesis = block.tip.genesis
        self.height: int = block.height
        self.time_ms: int = block.time_ms
        self.prev_app_hash: bytes = block.tip.app_hash
        self.parameters: Parameters = block.parameters
        self.totals: Totals = replace(block.totals)
        self.entries: dict[tuple[int, bytes], bytes] = {}
        self.made_once: list[tuple[int, bytes]] = []
        self.points: list[bytes] = []
        self.reserved: list[bytes] = []
        self.minted: list[bytes] = []
        self.made: list[Made] = []
        self.kernels: list[bytes] = []
        self.change: ScheduledChange | None = None

    @property
    def scheduled(self) -> Parameters:
        """Parameters with every accepted change applied, those of this block too."""
        parameters = self._block.rules.scheduled
        for change, _ in self._block.changes:
            parameters = parameters.apply(change.changes, change.version)
        return parameters

    @property
    def last_effective_height(self) -> int:
        """The highest effective_height of accepted changes; 0 before the first."""
        here = (change.effective_height for change, _ in self._block.changes)
        return max(here, default=self._block.rules.last_effective_height)

    def schedule(self, change: ScheduledChange) -> None:
        """A parameter change was accepted."""
        self.change = change

    def get(self, domain: Domain, ident: bytes) -> bytes | None:
        """The value of an entry, as this turn sees it."""
        found = self.entries.get((domain, ident))
        return found if found is not None else self._block.get(domain, ident)

    def put(self, domain: Domain, ident: bytes, value: bytes) -> None:
        """Set an entry."""
        if domain in HELD_ONCE and (domain, ident) not in self.entries and not self._block.has(domain, ident):
            self.made_once.append((domain, ident))
        self.entries[domain, ident] = value

    # SPEC LEDGER-7.26
    def authority(self, kid: bytes) -> AuthorityEntry | None:
        """A key of the authority table as it stood at the start of the block."""
        return self._block.rules.authority.get(kid)

    def authorities(self, role: int, key: bytes) -> list[AuthorityEntry]:
        """The entries of a role with a key, as at the start of the block."""
        return [entry for entry in self._block.rules.authority.values() if (entry.role, entry.key) == (role, key)]

    def epoch(self, number: int) -> EpochState | None:
        """An epoch as it stood at the start of the block."""
        value = self._block.get_before(Domain.EPOCH, epoch_ident(number))
        return None if value is None else EpochState.decode(value)

    def is_point_used(self, point: bytes) -> bool:
        """Whether an R or P is on the ledger, reserved, or in this block."""
        return point in self.points or self._block.is_any_point_used((point,))

    def add_output(self, kind: int, class_: int, ctx: bytes, output: bytes) -> None:
        """An output of a mint, or the refund of a withdrawal, whose points were reserved before."""
        if kind == OutputKind.MINT:
            self.minted.append(output)
            self.points += (output[64:96], output[:32])
        else:
            self.made.append(Made(kind, class_, ctx, output, b""))

    def open_refund(self, withdraw_ref: bytes) -> None:
        """Give the refund that this turn made the mask which everybody can compute."""
        mask = mask_refund(self._block.tip.chain_id, withdraw_ref)
        self.made = [replace(made, mask=mask) for made in self.made]

    def pay(self, cid: bytes, seq: int, party: int, pay: bytes, value: int) -> None:
        """A payout of an escrow becomes an output here and now; nothing for an amount of 0."""
        if value == 0:
            return
        made = make_payout(
            self._block.tip.chain_id,
            self.prev_app_hash,
            self.height,
            cid,
            seq,
            party,
            pay,
            value,
            self.is_point_used,
        )
        self.made.append(made)
        self.points += (made.output[64:96], made.output[:32])

    def reserve_points(self, points: bytes) -> None:
        """R and P that nobody else may use from now on (LEDGER-9.3.6)."""
        items = [points[at : at + 32] for at in range(0, len(points), 32)]
        self.points += items
        self.reserved += items

    def add_kernel(self, excess: bytes) -> None:
        """E of a mint, for the equation of the block."""
        self.kernels.append(excess)

    def is_final(self, op_id: bytes) -> bool:
        """Whether an operation took effect before, or earlier in this block."""
        return op_id in self._block.leaves or self._block.chain.is_final(op_id)
