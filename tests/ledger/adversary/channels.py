"""Escrows on the chain of a court: a channel of its own for each test, its operations signed by the oracle."""

from __future__ import annotations

from typing import Any

from ledger.adversary.court import Court
from ledger.adversary.workshop import Coin
from ledger.escrow.makers import DAY_S, Channel
from specie.ledger.messages.frames import Frame, OpType

CAPACITY, BOND = 1000, 200


def channel(court: Court, name: str, **changes: Any) -> Channel:
    """A channel that this chain would open now; its burn is 1200."""
    now_ms = court.machine.tip.time_ms
    fields: dict[str, Any] = {
        "ledger_id": court.chain_id,
        "asset": court.genesis.asset,
        "capacity": CAPACITY,
        "bond": BOND,
        "limit": 100,
        "opened_ms": now_ms,
        "expires_ms": now_ms + 30 * DAY_S * 1000,
    }
    return Channel.of(name, 4, 4, **fields | changes)


def funding(court: Court, coin: Coin, operation: bytes, burn: int, fee: int = 2) -> bytes:
    """A good type 3 transaction around an operation, true or not."""
    purse = court.as_purse(coin)
    rest = coin.value - burn - fee
    options = {"kind": 3, "burn": burn, "extra": operation, "fee": fee, "expiry": court.height + 5000}
    return court.house.spend(purse, purse.coins, [(purse.pay, rest // 2)], **options).envelope


def open_channel(court: Court, name: str, **changes: Any) -> Channel:
    """A channel that is open on the chain."""
    coin = court.take_worth(CAPACITY + BOND + 3)
    made = channel(court, name, **changes)
    court.accepts(funding(court, coin, made.opening().encode(), made.burn))
    return made


def operation(court: Court, kind: OpType, body: bytes) -> bytes:
    """The frame of an operation of the contract."""
    return Frame.of(kind, court.chain_id, court.height + 100, body).data
