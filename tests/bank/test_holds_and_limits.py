"""Holds, limits, licences, rooms; statements of periods that have ended."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest

from bank.house import BANK, CURRENCY, Town, in_town, keystore
from specie.bank import errors
from specie.bank.messages.holds import HoldState
from specie.bank.messages.policy import LimitPolicy, TierRule, Use
from specie.bank.messages.postings import Kind, Order, credit, debit
from specie.bank.messages.statements import StatementWord
from specie.bank.protocol.statements import rows_hash, to_csv, to_json
from specie.bank.protocol.takings import read
from specie.crypto import cose, ed25519
from specie.kernel.amount import AMOUNT_MAX

DAY = 86_400


def now(town: Town) -> int:
    return town.clock.now_us() // 1_000_000


async def licensed(town: Town, *names: str) -> None:
    await town.found(*names)
    for name in names:
        await town.rich(name, 1_000)
        await town.bank.licence(b"l", name, 1, now(town) + 900 * DAY, coins_blocked=False)


# SPEC BANK-4.1, BANK-2.4, BANK-12.2
@in_town
async def test_a_hold_reserves_and_moves_nothing(town: Town) -> None:
    await licensed(town, "alice", "bob")
    bank = town.bank
    hold = await bank.hold(b"h", "alice", 600, now(town) + 100)
    assert await bank.hold(b"h", "alice", 600, now(town) + 100) == hold
    assert await town.balance("alice") == 1_000
    with pytest.raises(errors.BalanceLow):
        await bank.transfer("k", "alice", "bob", 401)
    with pytest.raises(errors.RefReused):
        await bank.hold(b"h", "alice", 601, now(town) + 100)
    with pytest.raises(errors.Malformed):
        await bank.hold(b"long", "alice", 1, now(town) + 2 * DAY)
    with pytest.raises(errors.HoldState):
        await bank.capture(b"h", Kind.COIN_WITHDRAW, 601, room="ecash")
    receipt = await bank.capture(b"h", Kind.COIN_WITHDRAW, 500, room="ecash")
    assert await bank.capture(b"h", Kind.COIN_WITHDRAW, 500, room="ecash") == receipt
    view = await bank.account("alice")
    assert (view.balance, view.held) == (500, 0)
    with pytest.raises(errors.HoldState):
        await bank.release(b"h")
    with pytest.raises(errors.HoldUnknown):
        await bank.release(b"none")


# SPEC BANK-4.1, BANK-4.10
@in_town
async def test_a_hold_lapses_by_itself(town: Town) -> None:
    await licensed(town, "alice", "bob")
    await town.bank.hold(b"h", "alice", 600, now(town) + 100)
    town.clock.advance(seconds=100)
    with pytest.raises(errors.HoldState):
        await town.bank.capture(b"h", Kind.COIN_WITHDRAW, 600)
    await town.bank.transfer("k", "alice", "bob", 1_000)
    assert (await town.bank.orders.find_hold(b"h")).state == HoldState.LAPSED


# SPEC BANK-4.10
@in_town
async def test_capture_and_release_exclude_each_other(town: Town) -> None:
    await licensed(town, "alice")
    await town.bank.hold(b"h", "alice", 600, now(town) + 100)
    answers = await asyncio.gather(
        town.bank.capture(b"h", Kind.COIN_WITHDRAW, 600), town.bank.release(b"h"), return_exceptions=True
    )
    assert sum(isinstance(answer, errors.HoldState) for answer in answers) == 1


# SPEC BANK-1.6, BANK-1.2
@in_town
async def test_a_hold_stays_when_its_account_is_frozen(town: Town) -> None:
    await licensed(town, "alice")
    await town.bank.hold(b"h", "alice", 600, now(town) + 100)
    await town.bank.accounts.freeze("alice", "asked by a court", "mina")
    with pytest.raises(errors.AccountFrozen):
        await town.bank.hold(b"i", "alice", 1, now(town) + 100)
    await town.bank.capture(b"h", Kind.COIN_WITHDRAW, 600)
    assert await town.balance("alice") == 400


# SPEC BANK-4.9
@in_town
async def test_a_room_orders_the_kinds_of_its_own_rows(town: Town) -> None:
    await licensed(town, "alice", "bob")
    await town.bank.debit(b"w", Kind.COIN_WITHDRAW, "alice", 10, room="ecash")
    await town.bank.credit(b"d", Kind.COIN_DEPOSIT, [("bob", 7)], room="ecash")
    for room, kind in (("ecash", Kind.OUT_START), ("micropay", Kind.OUT_START), ("somebody", Kind.TRANSFER)):
        with pytest.raises(errors.NotPermitted):
            await town.bank.debit(b"x", kind, "alice", 1, room=room)
    order = Order(Kind.ACCOUNT_ISSUE, b"y", (debit("issued:xts", 9), credit("alice", 9)))
    (answer,) = await town.bank.post_many([order], room="ecash")
    assert isinstance(answer, errors.NotPermitted)
    with pytest.raises(errors.TooLarge):
        await town.bank.post_many([order] * 1_001)


def policy(version: int, *, day: int, balance_max: int = AMOUNT_MAX) -> LimitPolicy:
    uses = {use: day for use in Use}
    month = {use: 10 * day for use in Use}
    rule = TierRule(balance_max, uses, month, 3)
    small = {use: 0 if use in (Use.COINS, Use.GRANT) else day for use in Use}
    return LimitPolicy(version, {0: TierRule(balance_max, small, small, 0), 1: rule})


async def put(town: Town, rules: LimitPolicy) -> int:
    digest = await town.bank.accounts.propose_policy(rules, "mina")
    with pytest.raises(errors.NotPermitted):
        await town.bank.accounts.confirm_policy(digest, "mina")
    return await town.bank.accounts.confirm_policy(digest, "omar")


# SPEC BANK-7.1, BANK-7.2
@in_town
async def test_limits_count_by_the_utc_day(town: Town) -> None:
    await licensed(town, "alice", "bob")
    await put(town, policy(2, day=500))
    midnight = (now(town) // DAY + 1) * DAY
    town.clock.set((midnight - 1) * 1_000_000)
    await town.bank.transfer("a", "alice", "bob", 500)
    with pytest.raises(errors.LimitExceeded):
        await town.bank.transfer("b", "alice", "bob", 1)
    assert await town.bank.transfer("a", "alice", "bob", 500)
    town.clock.set(midnight * 1_000_000)
    await town.bank.transfer("b", "alice", "bob", 1)


# SPEC BANK-7.3
def test_looser_limits_wait_a_day_and_tighter_ones_do_not() -> None:
    async def work() -> None:
        town = Town(environment="live")
        await licensed(town, "alice", "bob")
        at_us = await put(town, policy(2, day=100))
        assert at_us <= town.clock.now_us()
        with pytest.raises(errors.LimitExceeded):
            await town.bank.transfer("a", "alice", "bob", 200)
        await put(town, policy(3, day=300))
        with pytest.raises(errors.LimitExceeded):
            await town.bank.transfer("a", "alice", "bob", 200)
        town.clock.advance(seconds=DAY)
        await town.bank.transfer("a", "alice", "bob", 200)
        await put(town, policy(4, day=900))
        await put(town, policy(5, day=210))
        with pytest.raises(errors.LimitExceeded):
            await town.bank.transfer("b", "alice", "bob", 11)
        await town.check()

    asyncio.run(work())


# SPEC BANK-7.4
@in_town
async def test_without_a_licence_there_are_no_coins(town: Town) -> None:
    await licensed(town, "alice", "bob")
    town.clock.advance(seconds=901 * DAY)
    assert (await town.bank.account("alice")).tier == 0
    with pytest.raises(errors.LimitExceeded):
        await town.bank.debit(b"w", Kind.COIN_WITHDRAW, "alice", 1)
    await town.bank.transfer("k", "alice", "bob", 10)
    await town.bank.licence(b"m", "alice", 1, now(town) + DAY, coins_blocked=True)
    with pytest.raises(errors.LimitExceeded):
        await town.bank.debit(b"w", Kind.COIN_WITHDRAW, "alice", 1)


# SPEC BANK-7.5
@in_town
async def test_a_credit_whose_other_leg_is_final_is_posted_and_marked(town: Town) -> None:
    await licensed(town, "alice", "bob")
    await put(town, policy(2, day=5_000, balance_max=1_200))
    with pytest.raises(errors.LimitExceeded):
        await town.bank.transfer("k", "alice", "bob", 201)
    legs = (debit("reserve:xts", 500), credit("bob", 500))
    receipt = await town.bank.orders.post(Order(Kind.LEDGER_IN, b"r", legs))
    assert receipt.over_limit and await town.balance("bob") == 1_500


# SPEC BANK-9.1, BANK-9.2, BANK-9.3, BANK-5.5
@in_town
async def test_a_statement_of_a_closed_period_is_the_same_for_ever(town: Town) -> None:
    await licensed(town, "alice", "bob")
    start = now(town)
    town.clock.advance(seconds=10)
    await town.bank.transfer("k", "alice", "bob", 300)
    await town.bank.hold(b"h", "alice", 50, now(town) + 500)
    await town.bank.transfer("l", "bob", "alice", 100)
    town.clock.advance(seconds=10)
    end = now(town)
    found, word = await town.bank.statements.statement("alice", start + 1, end)
    assert (found.opening, found.closing) == (1_000, 800)
    assert [(row.kind, row.other, row.balance) for row in found.rows] == [
        (Kind.TRANSFER, "bob", 700),
        (Kind.TRANSFER, "bob", 800),
    ]
    assert [each.amount for each in found.holds] == [50]
    signed = read(word, StatementWord)
    key = (await keystore().public_key(keystore().uri("register"))).bytes
    assert signed.kid == cose.key_id(key) and ed25519.is_signature(key, signed.tbs, signed.signature)
    assert signed.body.rows == rows_hash(found) and signed.claims.iss == BANK
    town.clock.advance(seconds=1_000)
    await town.bank.transfer("m", "alice", "bob", 1)
    town.open()
    again, word_2 = await town.bank.statements.statement("alice", start + 1, end)
    assert (again, word_2) == (found, word)
    assert to_json(again, 2, word) == to_json(found, 2, word)
    lines = list(csv.reader(io.StringIO(to_csv(found, 2).decode())))[2:-1]
    rows = json.loads(to_json(found, 2, word))["rows"]
    assert [list(row.values()) for row in rows] != [] and [line[0] for line in lines] == [r["posting"] for r in rows]
    assert [line[7] for line in lines] == [row["balance"] for row in rows] == ["7.00", "8.00"]
    with pytest.raises(errors.Malformed):
        await town.bank.statements.statement("alice", start, now(town) + 1)
    with pytest.raises(errors.AccountUnknown):
        await town.bank.statements.statement("nobody", start, end)


@in_town
async def test_the_pool_adds_up(town: Town) -> None:
    await licensed(town, "alice", "bob")
    await town.bank.debit(b"w", Kind.COIN_WITHDRAW, "alice", 300)
    pool = await town.bank.pool(CURRENCY)
    assert pool.reserve + pool.issued == pool.accounts + pool.coins + pool.transit == 2_000
    assert (pool.coins, pool.size) == (300, 3)
