"""Random blocks: the identities of LEDGER-9.4 hold after each of them, and what is stored gives the same chain."""

from __future__ import annotations

from random import Random

import pytest

from specie.ledger.messages.escrow import Record
from specie.ledger.messages.frames import OpType
from specie.ledger.messages.state import Counters, Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.protocol.supply import Held, find_fault
from specie.ledger.store import reading
from tests.ledger import makers
from tests.ledger.engine.house import House
from tests.ledger.engine.test_escrow_money import chain, channel, frame, fund
from tests.ledger.engine.test_machine import withdraw


def check(house: House) -> None:
    """Sums over all entries, from the tables, against the counters."""
    tip = house.machine.tip
    counters = tip.counters
    escrows = house.database.read_now(lambda tx: reading.entries_of(tx, Domain.ESCROW))
    withdrawals = house.database.read_now(lambda tx: reading.entries_of(tx, Domain.WITHDRAWAL))
    assert counters.escrow_pool == sum(Record.decode(value).pool for _, value in escrows)
    states = [WithdrawalState.decode(value) for _, value in withdrawals]
    assert counters.pending == sum(each.value for each in states if each.status == WithdrawalStatus.PENDING)
    paid = counters.paid_account + counters.paid_redeemed
    assert counters.minted - paid == counters.hidden + counters.escrow_pool + counters.pending
    assert counters.outputs == tip.header.out_size


# SPEC LEDGER-9.4.1, LEDGER-8.4.1, LEDGER-9.4.1
@pytest.mark.parametrize("seed", range(2))
def test_random_blocks_keep_the_supply(seed: int) -> None:
    random = Random(seed)
    house, alice, _ = chain()
    house.fund(alice, 2, ((20_000, 4),))
    house.fund(alice, 3, ((20_000, 4),))
    waiting: list[tuple[bytes, bytes]] = []
    channels, opened = 0, []
    number = 10
    for turn in range(10):
        frames = []
        if random.random() < 0.4:
            frames.append(house.mint(alice, number := number + 1))
        if alice.coins and random.random() < 0.5:
            frames.append(house.spend(alice, [alice.coins.pop()], [(alice.pay, 7)]).envelope)
        if alice.coins and random.random() < 0.5:
            envelope, ref, token = withdraw(house, alice, 100 + turn, bytes((turn,)) * 32)
            alice.coins.pop(0)
            frames.append(envelope)
            waiting.append((ref, token))
        elif waiting:
            ref, token = waiting.pop()
            how = random.choice((1, 2, 3))
            made = makers.refund(house.chain_id, ref, token) if how == 3 else makers.paid(
                house.chain_id, ref, token, outcome=how
            )  # fmt: skip
            frames.append(made.data)
        if alice.coins and random.random() < 0.4:
            demo = channel(house, f"supply-{channels}")
            channels += 1
            operation = demo.opening().encode()
            coin = max(range(len(alice.coins)), key=lambda place: alice.coins[place].value)
            if alice.coins[coin].value > demo.burn + 2:
                frames.append(fund(house, alice, coin, operation, demo.burn))
                alice.coins.pop(coin)
                opened.append(demo)
        elif opened:
            demo = opened.pop()
            kind, operation = random.choice(
                [(OpType.COOP, demo.cooperate(500)), (OpType.SETTLE, demo.settle(demo.claim(0, 2, 300)))]
            )
            frames.append(frame(house, kind, operation))
        random.shuffle(frames)
        assert set(house.codes(*frames)) <= {"ok"}
        check(house)
    again = house.again()
    assert again.machine.tip.counters == house.machine.tip.counters
    assert again.finalize().app_hash == house.finalize().app_hash


@pytest.mark.parametrize(
    ("counters", "held", "word"),
    [
        (Counters(), Held(), None),
        (Counters(minted=5, burned=6), Held(pending=6), "negative"),
        (Counters(minted=5, escrow_in=3), Held(escrows=2), "escrow pool"),
        (Counters(minted=5, burned=3), Held(pending=2), "withdrawals"),
        (Counters(minted=5, burned=3, refunded=1, paid_account=1), Held(pending=1), None),
    ],
)
def test_what_breaks_an_identity_is_named(counters: Counters, held: Held, word: str | None) -> None:
    fault = find_fault(counters, held)
    assert (fault is None) == (word is None)
    assert word is None or word in (fault or "")
