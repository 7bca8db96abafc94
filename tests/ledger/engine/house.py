"""A whole chain for tests: real keys, a real store, the state machine, and wallets that mint and pay."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from specie.crypto.ring import WalletKeys
from specie.crypto.transactions import BuiltTransaction, EpochKey, Plan, build_mint, build_transaction, mint_size
from specie.kernel.clock import ManualClock, SeededRandomness
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import create_schema
from specie.ledger import store as store_package
from specie.ledger.api import BlockResult
from specie.ledger.engine.founding import found
from specie.ledger.engine.machine import Machine
from specie.ledger.messages.address import Address, Network
from specie.ledger.messages.bodies import Mint, mint_head
from specie.ledger.messages.frames import OpType, frame_head
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import block_signature_input
from specie.ledger.messages.outputs import OutputKind, ctx_mint, ctx_transfer
from specie.ledger.messages.receipts import Finality
from specie.ledger.store import reading
from tests.ledger import makers

MIGRATIONS = Path(store_package.__file__).parent / "migrations"
STEP_MS = 200
RING = 16
EPOCH_SUITE = 1


class HeldKeys:
    """Epoch keys in memory; an `EpochKeys`."""

    def __init__(self) -> None:
        self.keys: dict[int, EpochKey] = {}
        self.erased: list[int] = []

    def make(self, epoch: int) -> EpochKey:
        """A new key, always the same one for a number."""
        seed = sha256(b"epoch" + epoch.to_bytes(4, "little")).digest()
        self.keys[epoch] = EpochKey.generate(EPOCH_SUITE, seed * 2)
        return self.keys[epoch]

    def key(self, epoch: int) -> EpochKey | None:
        return self.keys.get(epoch)

    def erase_through(self, epoch: int) -> None:
        for each in [number for number in self.keys if number <= epoch]:
            self.keys.pop(each).erase()
            self.erased.append(each)


@dataclass(slots=True)
class Coin:
    """An output of a wallet."""

    index: int
    ctx: bytes
    kind: int
    output: bytes
    value: int
    mask: bytes = b""


@dataclass(slots=True)
class Purse:
    """A wallet: keys, and what it found."""

    keys: WalletKeys
    coins: list[Coin] = field(default_factory=list)

    @property
    def pay(self) -> bytes:
        return self.keys.address(0, 0)

    @property
    def owner(self) -> bytes:
        pay = self.pay
        return Address(Network.DEV, pay[:32], pay[32:64], pay[64:]).owner

    @property
    def value(self) -> int:
        return sum(coin.value for coin in self.coins)


def purse(name: str) -> Purse:
    """A wallet of its own seed."""
    keys = WalletKeys.from_seed(sha256(b"purse" + name.encode()).digest())
    keys.extend(0, 4)
    return Purse(keys)


def memory() -> Database:
    """An empty database in memory, on the calling thread."""
    database = open_database("sqlite://:memory:", ManualClock(), inline=True)
    create_schema(database, MIGRATIONS)
    return database


class House:
    """One chain under test; blocks are made by hand."""

    def __init__(
        self,
        genesis: Genesis | None = None,
        database: Database | None = None,
        keys: HeldKeys | None = None,
    ) -> None:
        self.genesis = genesis or makers.genesis()
        self.chain_id = self.genesis.chain_id
        self.database = database or memory()
        self.keys = keys or HeldKeys()
        self.random = SeededRandomness(7)
        if self.database.read_now(reading.last_block) is None:
            founding = found(self.genesis)
            finality = self.sign(0, founding.app_hash)
            self.database.write_now(lambda tx: founding.write(tx, finality))
        self.machine = Machine(self.genesis, self.database, self.keys, self.random)

    @property
    def height(self) -> int:
        return self.machine.tip.height

    def again(self) -> House:
        """The same database, opened by a node that has just started."""
        return House(self.genesis, self.database, self.keys)

    def sign(self, height: int, app_hash: bytes) -> bytes:
        message = block_signature_input(self.chain_id, height, app_hash)
        return Finality.embedded(0, makers.key("validator").sign(message)).encode()

    # -- blocks

    def finalize(self, *frames: bytes, step_ms: int = STEP_MS) -> BlockResult:
        """Execute the next block."""
        tip = self.machine.tip
        return self.machine.finalize(frames, tip.height + 1, tip.time_ms + step_ms)

    def block(self, *frames: bytes, step_ms: int = STEP_MS) -> BlockResult:
        """Execute and commit the next block."""
        result = self.finalize(*frames, step_ms=step_ms)
        self.machine.seal(self.sign(result.height, result.app_hash))
        self.machine.commit()
        return result

    def codes(self, *frames: bytes, step_ms: int = STEP_MS) -> list[str]:
        """Commit a block; the code of each frame."""
        return [code_of(each.refusal) for each in self.block(*frames, step_ms=step_ms).verdicts]

    def blocks(self, count: int) -> None:
        """Empty blocks."""
        for _ in range(count):
            self.block()

    # -- epochs and money

    def epoch(self, epoch: int = 1, start: int | None = None, length: int = 3600, **options: Any) -> bytes:
        """The EPOCH_KEY frame of an epoch."""
        first = self.height + 2 if start is None else start
        key = self.keys.make(epoch)
        public = options.pop("public_key", key.public())
        return makers.epoch_key(
            self.chain_id,
            epoch,
            first,
            first + length - 1,
            public_key=public,
            expiry=self.height + 100,
            **options,
        ).data

    def mint(self, purse: Purse, number: int = 1, units: tuple[tuple[int, int], ...] = ((1000, 2), (500, 1))) -> bytes:
        """A mint of a control bit for a wallet."""
        bit, _, body = makers.control_bit(number, denominations=units, owner=purse.owner)
        total = sum(value * count for value, count in units)
        head = mint_head(bit, purse.owner, units, b"", total)
        size = len(head) + mint_size(2) + 80
        expiry = self.height + 1000
        start = frame_head(OpType.MINT, self.chain_id, expiry, size) + head
        values = [total - total // 3, total // 3]
        random = sha256(b"mint" + start).digest() * 2
        tail = build_mint(start, self.chain_id, body.unit_root, purse.pay, values, random)
        found = Mint.decode(head + tail + makers.kid("is:unit") + bytes(64))
        return makers.signed_frame(OpType.MINT, self.chain_id, found, "is:unit", expiry).data

    def unit_root(self, purse: Purse, number: int, units: tuple[tuple[int, int], ...] = ((1000, 2), (500, 1))) -> bytes:
        """The mint_id of that mint."""
        return makers.control_bit(number, denominations=units, owner=purse.owner)[2].unit_root

    def collect(self, purse: Purse, kind: int, ctx: bytes, first: int = 0) -> list[Coin]:
        """Outputs from an index on that belong to a wallet."""
        rows = self.database.read_now(lambda tx: reading.outputs(tx, first, 1 << 30))
        found = purse.keys.open([(ctx, data, kind, b"") for _, _, _, data in rows])
        coins = [
            Coin(index, ctx, kind, data, owned.value)
            for (index, _, _, data), owned in zip(rows, found, strict=True)
            if owned is not None and owned.status == "ours" and owned.value
        ]
        purse.coins += coins
        return coins

    def fund(self, purse: Purse, number: int = 1, units: tuple[tuple[int, int], ...] = ((1000, 2), (500, 1))) -> None:
        """Mint for a wallet and let it find its outputs."""
        first = self.machine.tip.header.out_size
        result = self.block(self.mint(purse, number, units))
        assert code_of(result.verdicts[0].refusal) == "ok", result.verdicts[0].refusal
        self.collect(purse, OutputKind.MINT, ctx_mint(self.chain_id, self.unit_root(purse, number, units)), first)

    def open(self, *purses: Purse) -> None:
        """An epoch key in block 1, then money for each wallet."""
        self.block(self.epoch())
        for number, each in enumerate(purses, 1):
            self.fund(each, number)

    # -- transactions

    def spend(
        self, purse: Purse, coins: list[Coin], payments: list[tuple[bytes, int]], **options: Any
    ) -> BuiltTransaction:
        """A transaction of these coins. options: kind, burn, extra, fee, expiry, anchor, epoch, salt_seed, and
        `ring_seed`."""
        tip = self.machine.tip
        anchor = options.get("anchor", tip.height)
        log = self.machine.chain.log_at[anchor]
        fee, burn = options.get("fee", 1), options.get("burn", 0)
        change = sum(coin.value for coin in coins) - fee - burn - sum(value for _, value in payments)
        epoch = options.get("epoch", max(tip.rules.live, default=1))
        entry = next((each for each in tip.epochs if each.epoch == epoch), None)
        assert entry is not None
        inputs = []
        for coin in coins:
            indices = self.ring(coin, log.size, options.get("ring_seed", 0), options.get("ring_size", RING))
            members = self.machine.chain.table.members(indices)
            joined = b"".join(points[:64] for _, _, points in members)
            inputs.append((coin.ctx, coin.kind, coin.output, coin.mask, indices, joined, indices.index(coin.index)))
        outputs = [*((pay, value, b"", False) for pay, value in payments), (purse.pay, change, b"", True)]
        outputs += [(purse.pay, 0, b"", True)] * (next(n for n in (2, 4, 8, 16) if n >= len(outputs)) - len(outputs))
        plan: Plan = {
            "chain_id": self.chain_id,
            "net": 1,
            "kind": options.get("kind", 1),
            "expiry_height": options.get("expiry", tip.height + 100),
            "fee": fee,
            "burn": burn,
            "extra": options.get("extra", b""),
            "inputs": inputs,
            "outputs": outputs,
            "h_a": anchor,
            "out_root": log.root,
            "epoch": epoch,
            "suite": entry.suite,
            "epoch_key": entry.public_key,
            "portable": options.get("portable", False),
            "note": b"",
            "random": self.random.bytes(64),
        }
        return build_transaction(purse.keys, plan)

    def ring(self, coin: Coin, size: int, seed: int, count: int) -> list[int]:
        """The coin among others of its class."""
        classes = self.machine.chain.classes
        own = classes[coin.index]
        others = [index for index in range(size) if classes[index] == own and index != coin.index]
        order = sorted(others, key=lambda index: sha256(b"%d/%d/%d" % (seed, coin.index, index)).digest())
        return sorted([coin.index, *order[: count - 1]])

    def find_change(self, purse: Purse, first: int) -> list[Coin]:
        """Outputs of transactions from an index on."""
        return self.collect(purse, OutputKind.TRANSFER, ctx_transfer(self.chain_id), first)


def code_of(refusal: Exception | None) -> str:
    """`ok`, or the code without the room."""
    return "ok" if refusal is None else str(getattr(refusal, "code", refusal)).removeprefix("ledger.")
