"""Operations with faults: made, spoiled, signed as far as the faults allow, and executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from specie.ledger.errors import Rejected, of_rule
from specie.ledger.messages.escrow import (
    Claim,
    CloseRequest,
    Cooperate,
    EscrowStatus,
    FraudWitness,
    LaneClaim,
    LockClaim,
    OpenLock,
    Record,
    Respond,
    Settle,
)
from specie.ledger.messages.state import Domain
from tests.ledger.escrow.ledger import Books
from tests.ledger.escrow.makers import NO_SIGNATURE, START_MS, ZERO, Channel
from tests.oracle import secp256k1 as curve

NOW_MS = START_MS + 60_000
Fault = tuple[str, Callable[[Any], None]]
JUNK_POINT = b"\xff" * 32


def cases(faults: list[Fault]) -> list[Any]:
    """(label, spoilers) for each fault alone and for each with all later ones."""
    alone = [pytest.param(label, [spoil], id=f"{label}-alone") for label, spoil in faults]
    first = [
        pytest.param(faults[i][0], [spoil for _, spoil in faults[i:]], id=f"{faults[i][0]}-first")
        for i in range(len(faults) - 1)
    ]
    return alone + first


def expect(label: str, ledger: Books, execute: Callable[[], object]) -> None:
    before = ledger.snapshot()
    with pytest.raises(Rejected) as caught:
        execute()
    assert caught.value.rule == label
    assert type(caught.value) is of_rule(label)
    assert ledger.snapshot() == before


def put(name: str, value: Any) -> Callable[[Any], None]:
    return lambda draft: setattr(draft, name, value)


@dataclass
class Draft:
    """An operation before it is signed, with the record that it will meet."""

    channel: Channel
    operation: Any
    ledger: Books
    record: Record
    time_ms: int = NOW_MS
    tail: bytes = b""
    is_known: bool = True
    inner: list[Callable[[Any], Any]] = field(default_factory=list)
    """What is done to the operation once its states are signed and before it is signed itself."""
    outer: list[Callable[[Any], Any]] = field(default_factory=list)
    """What is done to it in the end."""

    def run(self, label: str) -> None:
        operation = self._seal_states(self.operation)
        for spoil in self.inner:
            operation = spoil(operation)
        operation = self._sign(operation)
        for spoil in self.outer:
            operation = spoil(operation)
        self.ledger.put(Domain.ESCROW, self.channel.cid, self.record.encode())
        if not self.is_known:
            del self.ledger.entries[Domain.ESCROW, self.channel.cid]
        body = operation.encode() + self.tail
        expect(label, self.ledger, lambda: self.ledger.send(operation.number, body, self.time_ms))

    def _seal_states(self, operation: Any) -> Any:
        if isinstance(operation, Settle | Claim | CloseRequest):
            return replace(operation, claims=tuple(self._sealed(claim) for claim in operation.claims))
        if isinstance(operation, LockClaim | FraudWitness):
            state = operation.lock.state
            digest = state.digest(self.channel.cid, operation.lane)
            nonce, k, _ = curve.presign(self.channel.client.secret, digest, curve.lift(state.point))
            return replace(operation, lock=replace(operation.lock, nonce=nonce, scalar=k.to_bytes(32, "big")))
        return operation

    def _sealed(self, claim: LaneClaim) -> LaneClaim:
        if claim.state.index == 0:
            return claim
        return replace(claim, signature=self.channel.client.sign(claim.state.digest(self.channel.cid, claim.lane)))

    def _sign(self, operation: Any) -> Any:
        client, vendor = self.channel.client, self.channel.vendor
        if isinstance(operation, Settle | Claim | LockClaim):
            return replace(operation, signature=vendor.sign(operation.digest))
        if isinstance(operation, CloseRequest) or (isinstance(operation, Respond) and operation.answer == 2):
            return replace(operation, signature=client.sign(operation.digest))
        if isinstance(operation, Cooperate):
            digest = operation.digest
            return replace(operation, client_signature=client.sign(digest), vendor_signature=vendor.sign(digest))
        return operation


def draft(make: Callable[[Channel], Any]) -> Draft:
    channel = Channel.of()
    ledger = channel.opened()
    return Draft(channel, make(channel), ledger, ledger.record(channel.cid))


def status(value: EscrowStatus) -> Callable[[Draft], None]:
    return lambda draft: setattr(draft.record, "status", value)


def late(draft: Draft) -> None:
    draft.time_ms = draft.channel.end_ms + 1


def lane_of(number: int) -> Callable[[Draft], None]:
    """Another lane in the operation or in its last claim."""

    def spoil(draft: Draft) -> None:
        claims = getattr(draft.operation, "claims", None)
        if claims is None:
            draft.operation = replace(draft.operation, lane=number)
        else:
            draft.operation = replace(draft.operation, claims=(*claims[:-1], replace(claims[-1], lane=number)))

    return spoil


def state_with(**changes: Any) -> Callable[[Draft], None]:
    """Other fields in the state that the operation shows last."""

    def spoil(draft: Draft) -> None:
        operation = draft.operation
        claims = getattr(operation, "claims", None)
        if claims is None:
            lock = replace(operation.lock, state=replace(operation.lock.state, **changes))
            draft.operation = replace(operation, lock=lock)
        else:
            last = replace(claims[-1], state=replace(claims[-1].state, **changes))
            draft.operation = replace(operation, claims=(*claims[:-1], last))

    return spoil


def high_best(draft: Draft) -> None:
    for lane in draft.record.lanes:
        lane.best_amount = 2**40


def open_lock(draft: Draft) -> None:
    for lane in draft.record.lanes:
        lane.lock = OpenLock(9, 2**41, ZERO, ZERO, NOW_MS)


def used_up(draft: Draft) -> None:
    draft.record.operations = 256


def operation_with(**changes: Any) -> Callable[[Draft], None]:
    return lambda draft: setattr(draft, "operation", replace(draft.operation, **changes))


def outer(**changes: Any) -> Callable[[Draft], None]:
    return lambda draft: draft.outer.append(lambda operation: replace(operation, **changes))


def bad_state_signature(draft: Draft) -> None:
    draft.inner.append(lambda operation: replace(operation, claims=(replace_signature(operation.claims[0]),)))


def replace_signature(claim: LaneClaim) -> LaneClaim:
    return replace(claim, signature=claim.signature[:63] + bytes([claim.signature[63] ^ 1]))


def bad_tick(draft: Draft) -> None:
    draft.inner.append(lambda operation: replace(operation, claims=(replace(operation.claims[0], tick=ZERO),)))


def bad_lock(draft: Draft) -> None:
    def spoil(operation: Any) -> Any:
        scalar = operation.lock.scalar
        return replace(operation, lock=replace(operation.lock, scalar=scalar[:31] + bytes([scalar[31] ^ 1])))

    draft.inner.append(spoil)


def honest_point(draft: Draft) -> None:
    index = draft.operation.lock.state.index
    state_with(point=draft.channel.point(0, min(index, 64)))(draft)


def unsigned_offer(draft: Draft) -> None:
    draft.operation = replace(draft.operation, offer=replace(draft.operation.offer, signature=NO_SIGNATURE))


def good_goods(draft: Draft) -> None:
    good = draft.channel.fraud_goods(0, 3, 100, goods=b"good")
    draft.operation = replace(good, lane=draft.operation.lane)


def best_three(draft: Draft) -> Draft:
    draft.record.lanes[0].best_index = 3
    return draft
