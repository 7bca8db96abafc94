"""A running node before which every bad input is brought: it must be refused, by its rule, and nothing may change.

The node is the real engine with its embedded provider; everything goes in by `submit_envelope` and
`submit_operation`. One court serves all tests of a process: they take coins that no other test has, and refuse or add,
never take away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ledger import makers
from ledger.adversary.workshop import Coin, Forgery, Made, Place, Spent, Wish, Workshop, open_coin
from ledger.engine.house import Coin as HouseCoin
from ledger.engine.house import HeldKeys, House, Purse, code_of, memory, purse
from ledger.engine.node import START_US, keystore
from ledger.escrow.makers import Key
from oracle.ledger.clsag import Member
from oracle.ledger.outputs import Fields, Keys, ctx_mint, ctx_transfer
from oracle.ledger.ristretto import L
from oracle.ledger.transaction import open_envelope
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.errors import Refused, Unavailable
from specie.ledger.api import SUBMITTER
from specie.ledger.engine.embedded import EmbeddedSettings
from specie.ledger.engine.ledger import LedgerEngine, Node
from specie.ledger.messages.outputs import OutputKind
from specie.ledger.messages.views import Submitted
from specie.ledger.protocol.order import is_envelope, submission_id
from specie.ledger.store import reading

T = TypeVar("T")
Refusal = tuple[str, str | None]
"""(code without the room, rule)"""
UNITS = ((1000, 2), (500, 1))


class Court:
    """The node, its time, and an owner of coins."""

    def __init__(self, settings: dict[int, Any] | None = None, randomness: Any = None, **provider: Any) -> None:
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        store, uri, genesis = keystore(Path(self.folder.name))
        bank = makers.channel_entry(Key.of("bank").public)
        keys = tuple(sorted([*genesis.authorities, bank], key=lambda each: each.kid))
        self.genesis = replace(genesis, authorities=keys, settings=dict(genesis.settings) | (settings or {}))
        self.clock = ManualClock(START_US + 1_000_000)
        self.epoch_keys, self.database = HeldKeys(), memory()
        self.engine: LedgerEngine = self.run(
            LedgerEngine.open(
                self.genesis.encode(),
                self.database,
                store,
                uri,
                self.epoch_keys,
                self.clock,
                randomness or SeededRandomness(3),
                node=Node(settings=EmbeddedSettings(threads=False, **provider)),
                monotonic=lambda: self.clock.now_us() / 1_000_000,
            )
        )
        self.house = House.__new__(House)
        self.house.genesis, self.house.chain_id = self.genesis, self.genesis.chain_id
        self.house.database, self.house.keys = self.database, self.epoch_keys
        self.house.random, self.house.machine = SeededRandomness(11), self.engine.machine
        self.owner, self.keys = purse("alice"), Keys(sha256(b"pursealice").digest())
        self.mints = 0
        self.coins: list[Coin] = []
        self.accepts(self.house.epoch(length=100_000))
        self.turn()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @property
    def machine(self) -> Any:
        return self.engine.machine

    @property
    def chain_id(self) -> bytes:
        return self.genesis.chain_id

    @property
    def height(self) -> int:
        height: int = self.machine.tip.height
        return height

    # -- going on

    def turn(self, ms: int = 200) -> None:
        """Judge all that waits and make a block."""
        self._judge_waiting()
        self.clock.advance(ms * 1000)
        self.run(self.engine.provider.make_block())

    def _judge_waiting(self) -> None:
        provider = self.engine.provider
        while len(provider.intake):
            self.run(provider.check(provider.intake.take_now()))

    def submit(self, data: bytes, source: str = "") -> Submitted:
        """Hand it in. Raises its refusal if the door knows it already."""

        async def work() -> Submitted:
            SUBMITTER.set(source)
            door = self.engine.submit_envelope if is_envelope(data) else self.engine.submit_operation
            return await door(data)

        return self.run(work())

    def accepts(self, *items: bytes) -> list[Submitted]:
        """All of them take effect in the next block."""
        for data in items:
            self.submit(data)
        self.turn()
        answers = [self.run(self.engine.submission(submission_id(data))) for data in items]
        assert {answer.state for answer in answers} == {"final"}, answers
        return answers

    # -- judging

    def judge(self, *items: bytes, source: str = "") -> list[Refusal]:
        """What the node says of each, in one micro-batch after another; ("verified", None) is for what waits."""
        early: dict[bytes, Refusal] = {}
        for data in items:
            try:
                self.submit(data, source)
            except (Refused, Unavailable) as refusal:
                early[submission_id(data)] = named(refusal)
        self._judge_waiting()
        return [early.get(submission_id(data)) or self.answer(data) for data in items]

    def judge_at_door(self, data: bytes) -> Refusal:
        """What the door says at once."""
        try:
            self.submit(data)
        except (Refused, Unavailable) as refusal:
            return named(refusal)
        return named(None)

    def answer(self, data: bytes) -> Refusal:
        """What is known of bytes that were handed in."""
        found = self.run(self.engine.submission(submission_id(data)))
        return (found.code.removeprefix("ledger."), found.rule) if found.code else (found.state, None)

    def refuses(self, data: bytes, code: str, rule: str | None) -> None:
        """Refused at the door, in a block of another proposer, with a warm and a cold cache; nothing changes."""
        self.refuses_all([data], {(code, rule)})

    def refuses_all(self, items: Sequence[bytes], allowed: set[Refusal]) -> list[Refusal]:
        """The same for many at once; every refusal is one of these."""
        assert len(set(items)) == len(items)
        before, state = self.state(), self.empty_block()
        said = self.judge(*items)
        assert set(said) <= allowed, [(at, each) for at, each in enumerate(said) if each not in allowed][:9]
        # SPEC LEDGER-7.24
        for forget in (False, True):
            if forget:
                self.machine.forget()
            assert self.in_block(*items) == (said, state)
        self.machine.forget()
        assert self.state() == before
        return said

    def in_block(self, *items: bytes) -> tuple[list[Refusal], bytes]:
        """What the next block says of these frames, and its app_hash; nothing is committed."""
        tip = self.machine.tip
        result = self.machine.finalize(items, tip.height + 1, tip.time_ms + 200)
        return [named(each.refusal) for each in result.verdicts], result.app_hash

    def empty_block(self) -> bytes:
        """app_hash of the next block if nothing is in it."""
        return self.in_block()[1]

    def state(self) -> tuple[Any, ...]:
        """Tip, supply, key images, state, log, and what waits."""
        tip = self.machine.tip
        pool = len(self.machine.pool)
        return tip.app_hash, tip.counters, tip.header.data, tip.images.root(), tip.state.root(), pool

    # -- coins

    def mint(self, units: tuple[tuple[int, int], ...] = UNITS) -> list[Coin]:
        """Two new coins, by the way that all money comes in."""
        self.mints += 1
        first = self.machine.tip.header.out_size
        self.accepts(self.house.mint(self.owner, self.mints, units))
        ctx = ctx_mint(self.chain_id, self.house.unit_root(self.owner, self.mints, units))
        coins = [open_coin(self.keys, index, data, ctx) for index, _, data in self.members(first)]
        return [coin for coin in coins if coin is not None]

    def take(self, count: int = 1) -> list[Coin]:
        """Coins that no other test has; they have the age that rings need."""
        while len(self.coins) < count:
            self.coins += self.mint()
            self.turn()
        taken, self.coins = self.coins[:count], self.coins[count:]
        return taken

    def take_worth(self, value: int) -> Coin:
        """One of at least this value."""
        while not (found := [coin for coin in self.coins if coin.value >= value]):
            self.coins += self.mint()
            self.turn()
        self.coins.remove(found[0])
        return found[0]

    def members(self, first: int = 0) -> list[tuple[int, int, bytes]]:
        """(index, class, output) of the log."""
        rows = self.database.read_now(lambda tx: reading.outputs(tx, first, 1 << 30))
        return [(row[0], row[1], row[3]) for row in rows]

    def workshop(self, h_a: int | None = None) -> Workshop:
        """A workshop for the chain as it stands."""
        at = self.height if h_a is None else h_a
        log = self.machine.chain.log_at[at]
        place = Place(self.chain_id, 1, self.public_key, at, log.root)
        return Workshop(self.keys, place, self.members()[: log.size], self.height + 5000)

    def forge(self, count: int = 1, wish: Wish | None = None) -> Forgery:
        """A transaction of new coins, neither proven nor signed."""
        coins = self.take(count)
        return self.workshop().forge(coins, wish)

    def built(self, wish: Wish | None = None) -> Forgery:
        """The same, made and proven by the core, taken apart again: its one input can be signed anew."""
        wish = wish or Wish(portable=True)
        (coin,) = self.take(1)
        rest = coin.value - wish.fee - wish.burn
        pay = self.owner.keys.address(0, 1)
        made = self.house.spend(
            self.as_purse(coin), self.as_purse(coin).coins, [(pay, rest // 3)], kind=wish.type, fee=wish.fee,
            burn=wish.burn, extra=wish.extra, portable=wish.portable, expiry=self.height + 5000,
        )  # fmt: skip
        opened = open_envelope(self.chain_id, self.secret(), self.public_key, made.envelope)
        shop = self.workshop()
        rows = {index: Fields.of(data) for index, _, data in shop.members}
        ring = [Member(index, rows[index].P, rows[index].C) for index in opened.private.rings[0]]
        found = [self._open_any(data) for data in opened.public.outputs]
        outputs = [Made(coin.data, coin.value, coin.mask) for coin in found]
        spent = Spent(coin, ring, sum(each.mask for each in outputs) % L)
        return Forgery(shop.place, opened.public, opened.private, [spent], outputs, coin.image)

    def _open_any(self, data: bytes) -> Coin:
        found = [open_coin(self.keys, 0, data, self.transfer_ctx, at) for at in ((0, 0), (0, 1))]
        return next(each for each in found if each is not None)

    @property
    def public_key(self) -> bytes:
        return self.epoch_keys.keys[1].public()

    def secret(self) -> bytes:
        """The private key of epoch 1, out of its wrapped form."""
        wrapped = self.epoch_keys.keys[1].wrap(bytes(32), bytes(32))
        return ChaCha20Poly1305(bytes(32)).decrypt(wrapped[:12], wrapped[12:], b"PL1/wrap\x01")

    def as_purse(self, *coins: Coin, ctx: bytes | None = None) -> Purse:
        """The same coins for the core's builder."""
        found = []
        for coin in coins:
            kind, context = OutputKind.MINT, ctx
            if context is None:
                context = next(each for each in self._mint_contexts() if open_coin(self.keys, 0, coin.data, each))
            found.append(HouseCoin(coin.index, context, kind, coin.data, coin.value))
        return Purse(self.owner.keys, found)

    def _mint_contexts(self) -> list[bytes]:
        numbers = range(1, self.mints + 1)
        return [ctx_mint(self.chain_id, self.house.unit_root(self.owner, number, UNITS)) for number in numbers]

    @property
    def transfer_ctx(self) -> bytes:
        return ctx_transfer(self.chain_id)


def named(refusal: Exception | None) -> Refusal:
    """Code and rule."""
    return code_of(refusal), getattr(refusal, "rule", None)


@cache
def court() -> Court:
    """The one of this process."""
    return Court()


@cache
def good() -> Forgery:
    """A transaction without a fault, in portable mode so that it can be taken apart; it is never handed in."""
    return court().forge(1, Wish(portable=True)).prove().sign()


@cache
def bound() -> Forgery:
    """The same in bound mode, with two inputs."""
    return court().forge(2).prove().sign()
