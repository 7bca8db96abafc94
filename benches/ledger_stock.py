"""What the benches of the ledger are fed with: a chain whose keys we hold, its mints, transactions ready to be sent.

Nothing here is measured. Building costs about 10 ms of a core for each transaction, so it runs on all cores beforehand.
"""

# SPEC LEDGER-22.1, LEDGER-22.2
from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from harness import ROOT, Result, figure, simd

sys.path.insert(0, str(ROOT / "tests"))

from ledger import makers
from ledger.engine.house import House, Purse, code_of, purse
from specie.crypto.transactions import BuiltTransaction, Plan, build_mint, build_transaction, mint_size
from specie.ledger.messages.authority import AuthorityEntry, Role
from specie.ledger.messages.bodies import Mint, mint_head
from specie.ledger.messages.frames import Frame, OpType, frame_head
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.outputs import OutputKind, ctx_mint
from specie.ledger.store import reading

T = TypeVar("T")
R = TypeVar("R")
RING = 16
MINT_OUTPUTS = 16
COIN = 1_000
"""Minor units of every output of the stock."""
FEE = 1
START_COUNT = 128
"""Outputs of block 0; those of the stock come behind them and are all of class 0."""
YEAR_S = 365 * 86_400
BARRED = ("avx2",)
"""Kinds of processor that section 22 sets bars for."""


# -- results


# SPEC LEDGER-22.3
def at_most(value: float, unit: str, bar: float, compared_with: str) -> Result:
    """A time with its bar; without one where the chapter sets none for this processor."""
    if simd() not in BARRED:
        return figure(value, unit, compared_with)
    return Result(round(value, 3), unit, bar, value <= bar, compared_with)


def at_least(value: float, unit: str, bar: float, compared_with: str) -> Result:
    """A rate with its bar; without one where the chapter sets none for this processor."""
    if simd() not in BARRED:
        return figure(value, unit, compared_with)
    return Result(round(value, 1), unit, bar, value >= bar, compared_with)


def size_of(value: float, bar: float, compared_with: str, *, exactly: bool = True) -> Result:
    """Bytes, which depend on no processor; else an upper bound."""
    return Result(round(value, 1), "B", bar, value == bar if exactly else value <= bar, compared_with)


# SPEC LEDGER-22.2
def cpu_us(work: Callable[[], object], items: int = 1, times: int = 12) -> float:
    """Microseconds of processor time for each item, the best of so many runs.

    Of the whole process: with one thread of the core's pool this is the time of one core, wherever the work runs.
    """
    work()
    best = float("inf")
    for _ in range(max(10, times)):
        begun = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - begun)
    return best / items / 1_000


# -- a chain


@dataclass(frozen=True, slots=True)
class Coin:
    """A mint output of ours."""

    index: int
    ctx: bytes
    output: bytes


@dataclass(frozen=True, slots=True)
class Ground:
    """What transactions stand on: a chain at one height, all of its outputs, the key of its epoch."""

    chain_id: bytes
    anchor: int
    out_root: bytes
    epoch: int
    suite: int
    epoch_key: bytes
    outputs: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Minted:
    """A mint that is ready to be sent."""

    data: bytes
    ctx: bytes
    outputs: tuple[bytes, ...]


def authorities(now_s: int) -> tuple[AuthorityEntry, ...]:
    """The keys under which the stock is minted, in force at this time."""
    found = [
        makers.entry("qc:bit", Role.QUOTA_CONTROL, makers.QC),
        makers.entry("is:unit", Role.ISSUANCE, makers.IS),
    ]
    times = {"nbf": now_s - YEAR_S, "signing_until": now_s + YEAR_S, "verify_until": now_s + 2 * YEAR_S}
    return tuple(replace(entry, **times) for entry in found)


def with_authorities(genesis: Genesis, now_s: int) -> Genesis:
    """The same chain, believing our keys too."""
    entries = (*genesis.authorities, *authorities(now_s))
    return replace(genesis, authorities=tuple(sorted(entries, key=lambda each: each.kid)))


def mint(chain_id: bytes, number: int, owner: Purse, values: Sequence[int], now_s: int, expiry: int) -> Minted:
    """One control bit of one unit, turned into outputs of these values."""
    units = ((sum(values), 1),)
    claims = {"iat": now_s, "exp": now_s + 1_200}
    bit, _, body = makers.control_bit(number, claims=claims, denominations=units, owner=owner.owner)
    head = mint_head(bit, owner.owner, units, b"", sum(values))
    start = frame_head(OpType.MINT, chain_id, expiry, len(head) + mint_size(len(values)) + 80) + head
    tail = build_mint(start, chain_id, body.unit_root, owner.pay, values, os.urandom(64))
    found = Mint.decode(head + tail + makers.kid("is:unit") + bytes(64))
    frame: Frame = makers.signed_frame(OpType.MINT, chain_id, found, "is:unit", expiry)
    return Minted(frame.data, ctx_mint(chain_id, body.unit_root), tuple(output.data for output in found.outputs))


def mints(chain_id: bytes, owner: Purse, coins: int, now_s: int, expiry: int) -> list[Minted]:
    """Mints of so many coins or a few more, made on all cores."""
    values = [COIN] * MINT_OUTPUTS

    def one(number: int) -> Minted:
        return mint(chain_id, number, owner, values, now_s, expiry)

    return on_all_cores(one, range(1, -(-coins // MINT_OUTPUTS) + 1))


def coins_of(minted: Iterable[Minted], outputs: Sequence[bytes]) -> list[Coin]:
    """Where the log holds the outputs of these mints."""
    place = {data: index for index, data in enumerate(outputs)}
    return [Coin(place[data], each.ctx, data) for each in minted for data in each.outputs]


def on_all_cores(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """In order; the core releases the interpreter lock."""
    with ThreadPoolExecutor(os.cpu_count() or 2) as threads:
        return list(threads.map(work, items))


# -- transactions


class Till:
    """Builds transactions out of a stock of coins; each coin is spent once."""

    def __init__(self, owner: Purse, ground: Ground, coins: Sequence[Coin]) -> None:
        self.owner = owner
        self.ground = ground
        self._coins = list(coins)
        self._random = Random(22)
        self._payee = purse("payee").pay

    @property
    def left(self) -> int:
        """Coins that are not spent yet."""
        return len(self._coins)

    def plans(self, count: int, inputs: int, outputs: int = 2, **changes: object) -> list[Plan]:
        """So many plans of this shape."""
        return [self._plan([self._coins.pop() for _ in range(inputs)], outputs, changes) for _ in range(count)]

    def build(self, count: int, inputs: int, outputs: int = 2) -> list[BuiltTransaction]:
        """So many transactions of this shape, built on all cores."""
        keys = self.owner.keys
        return on_all_cores(lambda plan: build_transaction(keys, plan), self.plans(count, inputs, outputs))

    def _plan(self, coins: list[Coin], outputs: int, changes: dict[str, object]) -> Plan:
        ground = self.ground
        left = COIN * len(coins) - FEE
        pays = [(self._payee, left // outputs, b"", False)] * (outputs - 1)
        pays.append((self.owner.pay, left - left // outputs * (outputs - 1), b"", True))
        plan: Plan = {
            "chain_id": ground.chain_id,
            "net": 1,
            "kind": 1,
            "expiry_height": ground.anchor + 10_000,
            "fee": FEE,
            "burn": 0,
            "extra": b"",
            "inputs": [self._input(coin) for coin in coins],
            "outputs": pays,
            "h_a": ground.anchor,
            "out_root": ground.out_root,
            "epoch": ground.epoch,
            "suite": ground.suite,
            "epoch_key": ground.epoch_key,
            "portable": False,
            "note": b"",
            "random": os.urandom(64),
        }
        return {**plan, **changes}  # type: ignore[typeddict-item]

    def _input(self, coin: Coin) -> tuple[bytes, int, bytes, bytes, list[int], bytes, int]:
        ring = {coin.index}
        while len(ring) < RING:
            ring.add(self._random.randrange(START_COUNT, len(self.ground.outputs)))
        indices = sorted(ring)
        members = b"".join(self.ground.outputs[index][:64] for index in indices)
        return coin.ctx, OutputKind.MINT, coin.output, b"", indices, members, indices.index(coin.index)


def stocked(coins: int) -> tuple[House, Till]:
    """A chain in memory, and a till with so many coins of it."""
    house, owner = House(), purse("stock")
    house.block(house.epoch())
    now_s = makers.START_S + 2
    minted = mints(house.chain_id, owner, coins, now_s, 1_000)
    for first in range(0, len(minted), 64):
        result = house.block(*(each.data for each in minted[first : first + 64]))
        refused = [code_of(each.refusal) for each in result.verdicts if each.refusal is not None]
        if refused:
            raise RuntimeError(f"a mint of the stock was refused: {refused[0]}")
    tip = house.machine.tip
    outputs = [data for _, _, _, data in house.database.read_now(lambda tx: reading.outputs(tx, 0, 1 << 30))]
    entry = tip.epochs[-1]
    ground = Ground(
        house.chain_id, tip.height, tip.header.out_root, entry.epoch, entry.suite, entry.public_key, outputs
    )  # fmt: skip
    return house, Till(owner, ground, coins_of(minted, outputs))
