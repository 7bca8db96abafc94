"""What the ledger must come to, kept beside it in plain numbers: who holds how much, and the supply equation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from specie.ledger.messages.state import Counters
from tests.ledger.engine.house import Coin, Purse

OUTSIDE = "outside"
"""Whoever escrows pay: value that no wallet of the story finds."""


@dataclass(slots=True, eq=False)
class Intent:
    """Something that was handed in, and what it does if it takes effect."""

    what: str
    leaf: bytes
    """The leaf of a transaction, or the op_id of an operation."""
    ident: bytes
    """SHA-256 of its bytes."""
    data: bytes = field(repr=False)
    effect: Callable[[int], None] = field(repr=False)
    """Called with the height."""
    sound: bool = True
    """Nothing speaks against it: a refusal is a fault, unless something else took what it needs."""
    needs: tuple[object, ...] = ()
    """Coins, withdrawals, numbers: whoever comes first takes them."""


@dataclass(slots=True)
class Withdrawal:
    """Value on its way out."""

    owner: str
    value: int
    token: bytes
    time_ms: int = 0
    state: str = "asked"


@dataclass(slots=True)
class Model:
    """All sums in minor units."""

    purses: dict[str, Purse]
    treasury: str
    balance: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    taken: set[object] = field(default_factory=set)
    """What was needed once and is gone: coins, numbers of control bits, answers to withdrawals, sequence numbers."""
    withdrawals: dict[bytes, Withdrawal] = field(default_factory=dict)
    mints: dict[int, str] = field(default_factory=dict)
    escrows: dict[bytes, int] = field(default_factory=dict)
    anchor: tuple[int, int] = (0, 0)
    change: tuple[int, bytes] = (0, bytes(32))
    epoch_end: int = 0
    epochs: int = 0

    def __post_init__(self) -> None:
        self.balance = dict.fromkeys((*self.purses, OUTSIDE), 0)
        names = ("minted", "burned", "paid_account", "paid_redeemed", "refunded", "escrow_in", "escrow_out", "fees")
        self.counters = dict.fromkeys(names, 0)

    def add(self, name: str, value: int) -> None:
        self.counters[name] += value

    def spend(self, owner: str, coins: list[Coin], fee: int, pays: dict[str, int], burn: int = 0) -> None:
        """A transaction took effect."""
        for coin in coins:
            self.purses[owner].coins.remove(coin)
        self.balance[owner] -= fee + burn + sum(pays.values())
        for name, value in pays.items():
            self.balance[name] += value
        self.balance[self.treasury] += fee
        self.add("fees", fee)

    @property
    def hidden(self) -> int:
        return sum(self.balance.values())

    @property
    def pending(self) -> int:
        return sum(each.value for each in self.withdrawals.values() if each.state == "pending")

    # SPEC LEDGER-9.4.1
    def faults(self, counters: Counters) -> list[str]:
        """Where the counters of the ledger are not those of the model, and where its identities do not hold."""
        wrong = [
            f"{name} is {getattr(counters, name)}, not {value}"
            for name, value in self.counters.items()
            if getattr(counters, name) != value
        ]
        expected = {"hidden": self.hidden, "pending": self.pending, "escrow_pool": sum(self.escrows.values())}
        wrong += [
            f"{name} is {getattr(counters, name)}, not {value}"
            for name, value in expected.items()
            if getattr(counters, name) != value
        ]
        left = counters.minted - counters.paid_account - counters.paid_redeemed
        if left != self.hidden + self.pending + sum(self.escrows.values()):
            wrong.append("minted less paid is not hidden, escrow pool and pending")
        for name, purse in self.purses.items():
            if purse.value != self.balance[name]:
                wrong.append(f"{name} finds {purse.value}, not {self.balance[name]}")
        return wrong
