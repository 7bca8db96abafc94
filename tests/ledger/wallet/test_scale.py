"""A wallet made again from its seed, on a ledger with many transactions: balance and history to the last unit."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from specie.crypto.transactions import BuiltTransaction, Plan, build_transaction, envelope_class
from specie.ledger.messages.outputs import OutputKind, ctx_transfer
from specie.ledger.messages.record import BlockRecord
from specie.ledger.wallet.memos import NO_MEMO, ChangeMemo, words_memo
from specie.ledger.wallet.wallet import Wallet, create
from tests.ledger.engine.house import RING, Coin, Purse, code_of
from tests.ledger.wallet.town import Town, seed_of

TRANSACTIONS = 400
TRANSACTIONS_LONG = int(os.environ.get("SPECIE_SCALE", "20000"))
PER_BLOCK = 128
PLACES = 5
FEES = {8192: 1, 16384: 2, 32768: 4, 65536: 8}
NAMES = ("alice", "bob", "carol")
MINTS = 12
UNITS = ((10**12, 2),)
COIN_MIN = 1000


@dataclass
class Village:
    """Three wallets' keys, and everything that they do, written down for one of them."""

    town: Town
    rng: random.Random
    purses: dict[str, Purse]
    hidden: list[int] = field(default_factory=lambda: list(range(64)))
    """Indices of the outputs of class 0."""
    history: Counter[tuple[str, int, int, str]] = field(default_factory=Counter)
    """Of Alice: (what, amount, fee, words)."""
    made: int = 0

    def mint(self) -> None:
        """Money for everybody."""
        house = self.town.house
        for number in range(1, MINTS + 1):
            name = NAMES[number % len(NAMES)]
            first = house.machine.tip.header.out_size
            before = len(self.purses[name].coins)
            house.fund(self.purses[name], number, UNITS)
            self.hidden += range(first, house.machine.tip.header.out_size)
            if name == "alice":
                self.history.update(("issued", coin.value, 0, "") for coin in self.purses[name].coins[before:])

    def prepare(self, name: str, coins: list[Coin], number: int) -> tuple[Purse, Plan]:
        """One payment; what it does is noted, for every one of them takes effect."""
        house, payer = self.town.house, self.purses[name]
        tip, entry = house.machine.tip, house.machine.tip.epochs[-1]
        payee = self.rng.choice([each for each in NAMES if each != name])
        pay = self.purses[payee].keys.address(0, self.rng.randrange(PLACES))
        fee = FEES[envelope_class(len(coins), 2, entry.suite, RING, 0, 0)]
        total = sum(coin.value for coin in coins)
        value, words = self.rng.randrange(1, total // 2), f"number {number}"
        recipient = payer.keys.recipient_hash(pay)
        record = ChangeMemo(1, tuple(coin.index for coin in coins), value, fee, recipient).encode()
        rings = self.rings(coins, house.machine.chain.log_at[tip.height].size)
        inputs = []
        for coin, indices in zip(coins, rings, strict=True):
            points = b"".join(found[:64] for _, _, found in house.machine.chain.table.members(indices))
            inputs.append((coin.ctx, coin.kind, coin.output, b"", indices, points, indices.index(coin.index)))
        if name == "alice":
            self.history["sent", value, fee, ""] += 1
        if payee == "alice":
            self.history["received", value, 0, words] += 1
        log = house.machine.chain.log_at[tip.height]
        return payer, {
            "chain_id": house.chain_id,
            "net": 1,
            "kind": 1,
            "expiry_height": tip.height + 100,
            "fee": fee,
            "burn": 0,
            "extra": b"",
            "inputs": inputs,
            "outputs": [(pay, value, words_memo(words), False), (payer.pay, total - value - fee, record, True)],
            "h_a": tip.height,
            "out_root": log.root,
            "epoch": entry.epoch,
            "suite": entry.suite,
            "epoch_key": entry.public_key,
            "portable": False,
            "note": NO_MEMO[:0],
            "random": self.rng.randbytes(64),
        }

    def rings(self, coins: list[Coin], size: int) -> list[list[int]]:
        """Disjoint ones: the coin among others of its class."""
        own = [coin.index for coin in coins]
        others = self.rng.sample(self.hidden, len(coins) * RING + len(coins))
        others = [index for index in others if index not in own and index < size]
        return [sorted([index, *others[place :: len(own)][: RING - 1]]) for place, index in enumerate(own)]

    def block(self, count: int, builders: ThreadPoolExecutor) -> None:
        """So many payments in one block, built on all cores."""
        plans: list[tuple[Purse, Plan]] = []
        for name in self.rng.sample(NAMES, len(NAMES)):
            rich = [coin for coin in self.purses[name].coins if coin.value > COIN_MIN]
            self.rng.shuffle(rich)
            until, gone = len(plans) + -(-count // len(NAMES)), set()
            while rich and len(plans) < min(until, count):
                spent = [rich.pop() for _ in range(min(len(rich), self.rng.choice((1, 1, 2))))]
                plans.append(self.prepare(name, spent, self.made + len(plans)))
                gone.update(coin.index for coin in spent)
            self.purses[name].coins = [coin for coin in self.purses[name].coins if coin.index not in gone]
        built = list(builders.map(lambda item: _built(*item), plans))
        house = self.town.house
        first = house.machine.tip.header.out_size
        result = house.block(*(each.envelope for each in built))
        assert {code_of(each.refusal) for each in result.verdicts} == {"ok"}
        self.made += len(built)
        record = BlockRecord.decode(result.record)
        self.hidden += range(first, first + len(record.outputs))
        items: list[tuple[bytes, bytes, int, bytes]]
        items = [(ctx_transfer(house.chain_id), each.data, OutputKind.TRANSFER, b"") for each in record.outputs]
        for purse in self.purses.values():
            for place, found in enumerate(purse.keys.open(items)):
                if found is not None and found.value:
                    ctx, data, kind, _ = items[place]
                    purse.coins.append(Coin(first + place, ctx, kind, data, found.value))


def _built(payer: Purse, plan: Plan) -> BuiltTransaction:
    return build_transaction(payer.keys, plan)


async def check_wallet(wallet: Wallet, village: Village) -> None:
    """To the last unit and the last line."""
    await wallet.sync()
    assert (await wallet.balance()).total == village.purses["alice"].value
    shown = Counter((each.what, each.amount, each.fee, each.words) for each in await wallet.history())
    assert shown == village.history


async def scene(count: int) -> None:
    """So many payments among three; then Alice's wallet is made again, whole and for her eyes only."""
    town = Town()
    town.house.block(town.house.epoch(length=1_000_000))
    wallets = {name: await town.wallet(name) for name in NAMES}
    village = Village(town, random.Random(count), {name: Purse(each._keys) for name, each in wallets.items()})
    for purse in village.purses.values():
        purse.keys.extend(0, PLACES)
    village.mint()
    begun = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as builders:
        while village.made < count:
            village.block(min(PER_BLOCK, count - village.made), builders)
    town.house.block()
    made_s = time.perf_counter() - begun
    await town.provider.start(town.house.machine)
    try:
        begun = time.perf_counter()
        restored = await create(town.database(), town.world(), seed_of("alice"))
        await check_wallet(restored, village)
        restored_s = time.perf_counter() - begun
        begun = time.perf_counter()
        seeing = await create(town.database(), town.world(), restored.reveal_view())
        await check_wallet(seeing, village)
        assert seeing.tier != restored.tier
        assert await seeing.history() == await restored.history()
        assert await seeing.balance() == await restored.balance()
        seen_s = time.perf_counter() - begun
    finally:
        await town.provider.stop()
    outputs = town.house.machine.tip.header.out_size
    print(
        f"{village.made} transactions, {outputs} outputs, made in {made_s:.1f} s; restored in {restored_s:.1f} s, "
        f"view-only in {seen_s:.1f} s; {sum(village.history.values())} lines of history",
        file=sys.stderr,
    )


# SPEC LEDGER-4.3.3, LEDGER-18.1
def test_a_wallet_restored_from_its_seed_shows_everything() -> None:
    asyncio.run(scene(TRANSACTIONS))


# SPEC LEDGER-4.3.3
@pytest.mark.long
def test_a_wallet_restored_among_many_transactions_shows_everything() -> None:
    asyncio.run(scene(TRANSACTIONS_LONG))
