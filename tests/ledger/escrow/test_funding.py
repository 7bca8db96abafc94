"""OPEN and TOPUP: every check K-01 to K-17 refuses, and of several faults the first is named (MICROPAY section 3.9).

Each fault is tried alone, and together with all that come after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from specie.ledger import escrow
from specie.ledger.messages.escrow import (
    ChannelBody,
    EscrowStatus,
    Record,
)
from specie.ledger.messages.state import Domain
from tests.ledger.escrow.drafts import JUNK_POINT, NOW_MS, Fault, cases, expect, put
from tests.ledger.escrow.ledger import Books
from tests.ledger.escrow.makers import LEDGER, START_MS, ZERO, Channel


@dataclass
class Opening:
    """An OPEN that has not been signed yet."""

    channel: Channel = field(default_factory=Channel.of)
    changes: dict[str, Any] = field(default_factory=dict)
    time_ms: int = START_MS + 1000
    burn: int = 0
    tail: bytes = b""
    pay: bytes | None = None
    is_granted: bool = True
    is_known: bool = False
    burn_more: int = 0

    def body(self) -> ChannelBody:
        return replace(self.channel.body, **self.changes)

    def run(self, label: str) -> None:
        body = self.body()
        channel = replace(self.channel, body=body)
        ledger = Books(LEDGER, channel.bank.public)
        if self.is_known:
            ledger.put(Domain.CHANNEL_KEY, body.client_key, ZERO)
        opening = channel.opening()
        if not self.is_granted:
            opening = replace(opening, grant=opening.acceptance)
        if self.pay is not None:
            opening = replace(opening, pay_vendor=self.pay)
        operation, burn = opening.encode() + self.tail, channel.burn + self.burn_more
        expect(label, ledger, lambda: ledger.fund(operation, burn, self.time_ms))
        expect(label, ledger, lambda: escrow.check_funding(ledger, operation, burn))


def change(**changes: Any) -> Callable[[Opening], None]:
    return lambda opening: opening.changes.update(changes)


def zero_anchor(opening: Opening) -> None:
    first, second = opening.channel.body.anchors
    opening.changes["anchors"] = (first, replace(second, tick_anchor=ZERO))


OPENINGS: list[Fault] = [
    ("K-01", put("tail", b"\0")),
    ("K-02", change(suite=1)),
    ("K-03", change(asset=b"\0\0\0\0")),
    ("K-04", put("is_known", True)),
    ("K-05", put("is_granted", False)),
    ("K-06", change(capacity=0)),
    ("K-07", change(unit=1001)),
    ("K-08", change(bond=1999)),
    ("K-09", change(expires_ms=START_MS)),
    ("K-10", change(dispute_s=599)),
    ("K-11", zero_anchor),
    ("K-12", change(client_key=JUNK_POINT)),
    ("K-13", put("time_ms", START_MS + 600_001)),
    ("K-14", put("burn_more", 1)),
    ("K-17", put("pay", JUNK_POINT * 3)),
]


# SPEC LEDGER-9.6.1, LEDGER-9.6.2, LEDGER-9.6.3, LEDGER-9.6.4, LEDGER-9.6.5, LEDGER-9.6.6, LEDGER-9.6.7
# SPEC LEDGER-7.15, LEDGER-15.27
@pytest.mark.parametrize(("label", "spoilers"), cases(OPENINGS))
def test_open(label: str, spoilers: list[Callable[[Opening], None]]) -> None:
    opening = Opening()
    for spoil in spoilers:
        spoil(opening)
    opening.run(label)


# SPEC LEDGER-9.6.5
# SPEC MICROPAY-3.13.1
@pytest.mark.parametrize(
    ("label", "changes"),
    [
        ("K-02", {"version": 2}),
        ("K-02", {"suite": 4}),
        ("K-03", {"ledger_id": ZERO}),
        ("K-07", {"limit": 0, "unit": 0, "bond": 0}),
        ("K-07", {"limit": 1001, "bond": 2002}),
        ("K-07", {"index_max": 19}),
        ("K-07", {"capacity": 2**62 - 2000, "index_max": 2**32 - 1}),
        ("K-08", {"bond": 2001}),
        ("K-09", {"expires_ms": 2**48}),
        ("K-09", {"expires_ms": START_MS + 2000 * 86_400}),
        ("K-10", {"window": 9, "bond": 18_000}),
        ("K-10", {"dispute_s": 2_592_001, "expires_ms": START_MS + 2000 * 2_592_001 + 1}),
        ("K-10", {"window": 0, "bond": 0}),
        ("K-10", {"suite": 2}),
        ("K-10", {"suite": 2, "lanes": 1, "window": 2}),
    ],
)
def test_numbers_of_open(label: str, changes: dict[str, Any]) -> None:
    opening = Opening(changes=changes)
    if "lanes" in changes:
        opening.changes["anchors"] = opening.channel.body.anchors[: changes["lanes"]]
    opening.run(label)


# SPEC LEDGER-9.6.1
@pytest.mark.parametrize("lanes", [0, 17])
def test_lanes_of_open(lanes: int) -> None:
    lane = Opening().channel.body.anchors[0]
    Opening(changes={"lanes": lanes, "anchors": (lane,) * lanes, "bond": lanes * 1000}).run("K-10")
    Opening(changes={"lanes": 3}).run("K-01")


@pytest.mark.parametrize(("witnesses", "ticks"), [(0, 1), (1, 0), (2**20 + 1, 1), (1, 4097)])
def test_chain_lengths_of_open(witnesses: int, ticks: int) -> None:
    first, second = Opening().channel.body.anchors
    Opening(changes={"anchors": (first, replace(second, witnesses=witnesses, ticks=ticks))}).run("K-10")


# SPEC LEDGER-9.6.4, LEDGER-9.9.1
@pytest.mark.parametrize(
    "changes",
    [
        {"role": 3},
        {"alg": 1},
        {"status": 2},
        {"status": 3},
        {"key": ZERO},
        {"nbf": START_MS // 1000 + 1},
        {"signing_until": START_MS // 1000},
        {"verify_until": START_MS // 1000 + 1},
    ],
)
def test_grant_key_must_be_admitted(changes: dict[str, Any]) -> None:
    channel = Channel.of()
    ledger = Books(LEDGER, channel.bank.public)
    ledger.authority = [replace(ledger.authority[0], **changes)]
    operation = channel.opening().encode()
    expect("K-05", ledger, lambda: ledger.fund(operation, channel.burn, START_MS + 1000))


@dataclass
class Topping:
    """A TOPUP that has not been signed yet."""

    amount: int = 500
    expires_ms: int | None = None
    burn_more: int = 0
    tail: bytes = b""
    is_signed: bool = True
    time_ms: int = NOW_MS
    record: Callable[[Record], None] | None = None

    def run(self, label: str) -> None:
        channel = Channel.of()
        ledger = channel.opened()
        if self.record is not None:
            record = ledger.record(channel.cid)
            self.record(record)
            ledger.put(Domain.ESCROW, channel.cid, record.encode())
        top_up = channel.top_up(self.amount, self.expires_ms)
        if not self.is_signed:
            top_up = replace(top_up, signature=top_up.signature[:32] + ZERO)
        operation = top_up.encode() + self.tail
        expect(label, ledger, lambda: ledger.fund(operation, self.amount + self.burn_more, self.time_ms))


TOPPINGS: list[Fault] = [
    ("K-01", put("tail", b"\0")),
    ("K-14", put("burn_more", -1)),
    ("K-15", put("expires_ms", START_MS + 1)),
    ("K-16", put("is_signed", False)),
]


# SPEC LEDGER-9.6.6, LEDGER-9.6.8
@pytest.mark.parametrize(("label", "spoilers"), cases(TOPPINGS))
def test_top_up(label: str, spoilers: list[Callable[[Topping], None]]) -> None:
    topping = Topping()
    for spoil in spoilers:
        spoil(topping)
    topping.run(label)


# SPEC LEDGER-9.6.8
# SPEC MICROPAY-3.13.6
@pytest.mark.parametrize(
    ("label", "topping"),
    [
        ("K-14", Topping(amount=0)),
        ("K-15", Topping(time_ms=Channel.of().body.expires_ms + 1)),
        ("K-15", Topping(expires_ms=2**48)),
        ("K-15", Topping(amount=2**62 - 22_000)),
        ("K-15", Topping(record=lambda record: setattr(record, "status", EscrowStatus.CLOSING))),
        ("K-15", Topping(record=lambda record: setattr(record, "index_max", 2**32 - 1))),
    ],
)
def test_bounds_of_top_up(label: str, topping: Topping) -> None:
    topping.run(label)


def test_top_up_of_nothing() -> None:
    channel, other = Channel.of(), Channel.of("other")
    ledger = channel.opened()
    operation = other.top_up(500).encode()
    expect("K-15", ledger, lambda: ledger.fund(operation, 500, NOW_MS))
