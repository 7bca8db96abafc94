"""The ledger under load that never gives up: people who build transactions of their own, and follow every block.

What a call does not answer is handed in again, the same bytes; what was answered final is remembered with its block.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from specie.app.chain.founding import read_genesis
from specie.crypto.transactions import BuiltTransaction
from specie.issuance.messages.objects import ControlBit
from specie.issuance.protocol.envelope import read_unverified
from specie.kernel.clock import SystemRandomness
from specie.kernel.errors import Refused, Unavailable
from specie.ledger.api import Submitted
from specie.ledger.client import LedgerClient
from specie.ledger.engine.replay import Replay
from specie.ledger.messages.address import Address, Network
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import OutputKind, ctx_mint, ctx_transfer
from specie.ledger.messages.record import BlockRecord
from specie.ledger.protocol.light import Trusted, verify_receipt
from tests.ledger.engine.house import Coin, House, Purse, purse
from tests.services import IS, VN, Deployment

FEE = 1
COINS_AN_ISSUE = 16
ISSUED = 160_000
BLOCKS_AT_ONCE = 100
WAIT_S = 5.0
ASKED_AGAIN = 24


class Moves:
    """Something moved: whoever waits to ask again asks now."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()

    def tell(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def breathe(self, limit_s: float = 0.05) -> None:
        """Until somebody hears an answer, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._moved.wait()


@dataclass(slots=True)
class Answered:
    """What a client was told."""

    height: int
    leaf: str
    position: int | None
    header: bytes = b""
    """Of its receipt, where the client could fetch it before the node was gone."""


@dataclass
class Follower:
    """An auditor who executes every block again, and builds transactions from what it knows."""

    deployment: Deployment
    people: Sequence[Purse] = field(default_factory=lambda: (purse("alice"), purse("bob")))
    headers: list[bytes] = field(default_factory=list)
    height_of: dict[bytes, int] = field(default_factory=dict)
    """By leaf: the block in which a transaction stands."""

    def __post_init__(self) -> None:
        self.genesis = read_genesis(self.deployment.config)
        self.ledger = LedgerClient(self.deployment.caller(VN, connections_max=64, timeout_s=20))
        self.replay = Replay(self.genesis)
        self.classes = bytearray([0] * 64 + [1] * 64)
        self.kept = House.__new__(House)
        self.kept.genesis, self.kept.chain_id = self.genesis, self.genesis.chain_id
        self.kept.random = SystemRandomness()  # type: ignore[assignment]

    # SPEC LEDGER-8.4.1, LEDGER-16.2.7
    async def catch_up(self) -> None:
        """Read what is new, execute it, and let the people find their outputs. Raises ProofInvalid."""
        tip = (await self.ledger.status()).height
        while len(self.headers) <= tip:
            for header, finality in await self.ledger.headers(len(self.headers), BLOCKS_AT_ONCE):
                height = len(self.headers)
                record = await self.ledger.block(height)
                self.headers.append(header)
                if height == 0:
                    self.replay.check_first(header, finality, record)
                    continue
                self.replay.follow(header, finality, record, await self.ledger.block_proofs(height))
                opened = BlockRecord.decode(record)
                self.height_of.update(dict.fromkeys(opened.tx_leaves, height))
                self._collect(header, opened)

    def _collect(self, header: bytes, record: BlockRecord) -> None:
        first, chain_id = len(self.classes), self.genesis.chain_id
        items: list[tuple[bytes, bytes, int, bytes]]
        items = [(ctx_transfer(chain_id), each.data, OutputKind.TRANSFER, b"") for each in record.outputs]
        for data in record.frames:
            frame = Frame.decode(data)
            if frame.type == OpType.MINT:
                mint = Mint.decode(frame.body)
                ctx = ctx_mint(chain_id, read_unverified(mint.bit, ControlBit).body.unit_root)
                items += [(ctx, output.data, OutputKind.MINT, b"") for output in mint.outputs]
        self.classes.extend([0] * len(items) + [each.class_ for each in record.public_outputs])
        assert len(self.classes) == Header.decode(header).out_size
        for each in self.people:
            for place, found in enumerate(each.keys.open(items)):
                if found is not None and found.status == "ours" and found.value:
                    ctx, data, kind, _ = items[place]
                    each.coins.append(Coin(first + place, ctx, kind, data, found.value))

    def build(self, payer: Purse, coin: Coin, payments: list[tuple[bytes, int]], **options: Any) -> BuiltTransaction:
        """A transaction of one coin, against the last block that was followed; options as of `House.spend`."""
        chain = SimpleNamespace(
            classes=self.classes, table=self.replay.chain.table, log_at=self.replay.chain.log_at
        )  # fmt: skip
        self.kept.machine = SimpleNamespace(tip=self.replay.tip, chain=chain)  # type: ignore[assignment]
        return self.kept.spend(payer, [coin], payments, fee=FEE, **options)

    def is_spent(self, payer: Purse, coin: Coin) -> bool:
        """By its key image, in the blocks that were followed."""
        (found,) = payer.keys.open([(coin.ctx, coin.output, coin.kind, coin.mask)])
        assert found is not None
        return self.replay.is_spent(found.key_image)


async def issue_to(deployment: Deployment, payee: Purse, key: str, moves: Moves | None = None) -> str:
    """16 units of 100.00 to a wallet's address; the id of the issue, once it is released. Never gives up."""
    pay = payee.pay
    address = Address(Network.DEV, pay[:32], pay[32:64], pay[64:])
    body = {
        "amount": {"currency": "XTS", "value": f"{ISSUED / 100:.2f}"},
        "owner": address.owner.hex(),
        "address": address.data.hex(),
        "purpose": "retail",
        "denominations": [{"value": "100.00", "count": COINS_AN_ISSUE}],
    }
    caller = deployment.caller(IS, timeout_s=10)
    headers, moves = (("idempotency-key", key),), moves or Moves()
    while True:
        with suppress(Unavailable):
            data = json.dumps(body).encode()
            shown = json.loads((await caller.call("POST", "/v1/issues", data, "application/json", headers)).body)
            while shown["state"] != "released":
                await moves.breathe()
                shown = json.loads((await caller.call("GET", f"/v1/issues/{shown['id']}")).body)
            moves.tell()
            return str(shown["id"])
        await moves.breathe()


@dataclass
class Transfers:
    """Clients that hand in envelopes, again and again until each is final or refused for good."""

    follower: Follower
    final: dict[bytes, Answered] = field(default_factory=dict)
    """By the bytes."""
    refused: dict[bytes, str] = field(default_factory=dict)
    repeats: int = 0
    moves: Moves = field(default_factory=Moves)

    async def hand_in(self, data: bytes) -> None:
        """One client with one envelope."""
        ledger = self.follower.ledger
        while True:
            try:
                answer = await ledger.submit_envelope(data, WAIT_S)
            except Unavailable:
                self.repeats += 1
                await self.moves.breathe()
                continue
            except Refused as refusal:
                self.refused[data] = refusal.code
                return
            if answer.state == "final":
                await self._remember(data, answer)
                return
            if answer.state in ("refused", "expired"):
                self.refused[data] = answer.code or answer.state
                return

    async def _remember(self, data: bytes, answer: Submitted) -> None:
        assert answer.height is not None
        assert answer.leaf is not None
        told = Answered(answer.height, answer.leaf, answer.position)
        self.final[data] = told
        self.moves.tell()
        with suppress(Unavailable):
            receipt = await self.follower.ledger.receipt(bytes.fromhex(answer.leaf))
            told.header = verify_receipt(Trusted.of(self.follower.genesis), receipt).header.data

    # SPEC LEDGER-16.1.3, LEDGER-16.2.7, LEDGER-21.1.1
    async def check_answers(self) -> None:
        """What was answered final stands where it was said, and the same bytes get the same answer.

        Blocks of all answers; bytes of the newest, and of some older ones.
        """
        follower = self.follower
        await follower.catch_up()
        for told in self.final.values():
            if told.header:
                assert follower.headers[told.height] == told.header, f"block {told.height} is another one now"
            assert follower.height_of[bytes.fromhex(told.leaf)] == told.height
        answers = list(self.final.items())
        older = random.sample(answers[:-ASKED_AGAIN], min(ASKED_AGAIN, max(0, len(answers) - ASKED_AGAIN)))
        for data, told in [*older, *answers[-ASKED_AGAIN:]]:
            again = await follower.ledger.submit_envelope(data, WAIT_S)
            assert (again.state, again.height, again.leaf, again.position) == (
                "final",
                told.height,
                told.leaf,
                told.position,
            )
