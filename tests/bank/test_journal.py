"""The journal: what is posted, posted once, and found when somebody edits it."""

from __future__ import annotations

import asyncio

import pytest

from bank.house import CURRENCY, Town, in_town
from specie.bank import errors
from specie.bank.messages.accounts import AccountState
from specie.bank.messages.postings import Kind, Order, Posting, credit, debit


# SPEC BANK-2.1, BANK-2.4, BANK-2.5, BANK-1.5
@in_town
async def test_money_moves_between_accounts(town: Town) -> None:
    await town.found("alice", "bob")
    await town.rich("alice", 1_000)
    receipt = await town.bank.transfer("rent", "alice", "bob", 300)
    assert (await town.balance("alice"), await town.balance("bob")) == (700, 300)
    assert await town.bank.transfer("rent", "alice", "bob", 300) == receipt
    assert await town.balance("bob") == 300
    with pytest.raises(errors.BalanceLow):
        await town.bank.transfer("more", "alice", "bob", 701)


# SPEC BANK-2.3, BANK-3.8
@in_town
async def test_a_reference_is_used_once_by_its_owner_and_by_nobody_else(town: Town) -> None:
    await town.found("alice", "bob")
    await town.rich("alice", 1_000)
    await town.rich("bob", 1_000)
    await town.bank.transfer("k", "alice", "bob", 10)
    with pytest.raises(errors.RefReused):
        await town.bank.transfer("k", "alice", "bob", 11)
    await town.bank.transfer("k", "bob", "alice", 11)


# SPEC BANK-2.3, BANK-2.6
@in_town
async def test_a_thousand_callers_with_one_reference_post_once(town: Town) -> None:
    await town.found("alice", "bob")
    await town.rich("alice", 1_000)
    receipts = await asyncio.gather(*(town.bank.transfer("k", "alice", "bob", 10) for _ in range(1_000)))
    assert len(set(receipts)) == 1
    assert await town.balance("bob") == 10


# SPEC BANK-2.4
@in_town
async def test_two_debits_race_for_one_balance(town: Town) -> None:
    await town.found("alice", "bob")
    await town.rich("alice", 100)
    racing = (town.bank.transfer(str(n), "alice", "bob", 100) for n in range(2))
    answers = await asyncio.gather(*racing, return_exceptions=True)
    assert sorted(isinstance(answer, errors.BalanceLow) for answer in answers) == [False, True]


# SPEC BANK-3.1
@in_town
async def test_a_kind_has_its_legs(town: Town) -> None:
    await town.found("alice", "bob")
    await town.rich("alice", 100)
    wrong = Order(Kind.TRANSFER, b"r", (debit("alice", 5), credit("coins:xts", 5)))
    with pytest.raises(errors.Malformed):
        await town.bank.orders.post(wrong)
    uneven = Order(Kind.TRANSFER, b"r", (debit("alice", 5), credit("bob", 4)))
    with pytest.raises(errors.Malformed):
        await town.bank.orders.post(uneven)
    with pytest.raises(errors.AmountZero):
        await town.bank.transfer("z", "alice", "bob", 0)


# SPEC BANK-2.2
@in_town
async def test_the_journal_takes_no_edits(town: Town) -> None:
    await town.found("alice")
    await town.rich("alice", 100)
    for table in ("posting", "leg", "deed", "root"):
        if table == "root":
            continue
        with pytest.raises(Exception, match="append-only"):
            town.database.write_now(lambda tx, name=table: tx.run(f"DELETE FROM {name}"))


EDITS = {
    "balance": "UPDATE account SET balance = balance + 1 WHERE id = 'alice'",
    "owner": "UPDATE account SET owner = 'mallory' WHERE id = 'alice'",
    "state": "UPDATE account SET state = 1 WHERE id = 'bob'",
    "tier": "UPDATE account SET tier = 3, tier_until = 9999999999 WHERE id = 'bob'",
    "line": "UPDATE leg SET amount = amount + 1 WHERE account = 'bob'",
    "running": "UPDATE leg SET after = after + 1 WHERE account = 'bob'",
    "line gone": "DELETE FROM leg WHERE account = 'bob'",
    "kind": "UPDATE posting SET kind = 'fee' WHERE seq = 2",
    "time": "UPDATE posting SET at_s = at_s + 1 WHERE seq = 2",
    "hash": "UPDATE posting SET hash = X'00' WHERE seq = 1",
    "leaf": "UPDATE posting SET leaf = X'00' WHERE seq = 1",
    "posting gone": "DELETE FROM posting WHERE seq = 3",
    "first gone": "DELETE FROM posting WHERE seq = 1",
    "deed gone": "DELETE FROM deed WHERE account = 'bob'",
    "head": "UPDATE head SET seq = seq - 1",
    "hold": "UPDATE hold SET amount = amount - 1",
    "used": "UPDATE used SET amount = 0",
    "new account": "INSERT INTO account SELECT 'eve', currency, type, owner, 0, 0, 0, 0, wallet_key, 0, 0, 0, 0"
    " FROM account WHERE id = 'bob'",
}


# SPEC BANK-2.5, BANK-12.1, BANK-12.2, BANK-12.7
@pytest.mark.parametrize("edit", EDITS)
def test_reconciliation_finds_every_edited_row(edit: str) -> None:
    async def work() -> None:
        town = Town()
        await town.found("alice", "bob")
        await town.rich("alice", 1_000)
        await town.bank.transfer("k", "alice", "bob", 300)
        await town.bank.transfer("l", "bob", "alice", 30)
        await town.bank.hold(b"h", "alice", 50, town.clock.now_us() // 1_000_000 + 100)
        await town.check()
        for table in ("posting", "leg", "deed"):
            for verb in ("update", "delete"):
                name = f"{table}_no_{verb}"
                town.database.write_now(lambda tx, trigger=name: tx.run(f"DROP TRIGGER {trigger}"))
        town.database.write_now(lambda tx: tx.run(EDITS[edit]))
        report = await town.bank.verify()
        assert not report.agrees
        with pytest.raises(errors.BankUnavailable):
            await town.bank.transfer("m", "alice", "bob", 1)

    asyncio.run(work())


# SPEC BANK-2.7
@in_town
async def test_a_batch_writes_a_hot_account_once(town: Town) -> None:
    await town.found(*(f"c{n}" for n in range(20)))
    for n in range(20):
        await town.rich(f"c{n}", 100)
        await town.bank.licence(b"l", f"c{n}", 1, 2**40, coins_blocked=False)
    orders = [Order(Kind.COIN_WITHDRAW, bytes([n]), (debit(f"c{n}", 7), credit("coins:xts", 7))) for n in range(20)]
    answers = await town.bank.post_many(orders, room="ecash")
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert await town.balance("coins:xts") == 140


# SPEC BANK-2.2, BANK-3.6
@in_town
async def test_a_posting_is_reversed_unless_another_room_holds_its_other_leg(town: Town) -> None:
    await town.found("alice", "bob")
    await town.rich("alice", 100)
    receipt = await town.bank.transfer("k", "alice", "bob", 40)
    back = await town.bank.orders.reverse(receipt.posting)
    assert (await town.balance("alice"), await town.balance("bob")) == (100, 0)
    for never in (1, back.posting):
        with pytest.raises(errors.NotPermitted):
            await town.bank.orders.reverse(never)


@in_town
async def test_a_posting_comes_back_from_its_bytes(town: Town) -> None:
    await town.found("alice", "bob")
    posting = Posting(1, 2, Kind.TRANSFER, b"r", bytes(32), (debit("alice", 3), credit("bob", 3)), bytes(32))
    assert Posting.decode(posting.encode()) == posting
    with pytest.raises(errors.Malformed):
        Posting.decode(posting.encode() + b"\0")


# SPEC BANK-1.1, BANK-1.2, BANK-1.3, BANK-1.4
@in_town
async def test_accounts_are_opened_frozen_and_closed(town: Town) -> None:
    bank = await town.found("alice", "bob")
    with pytest.raises(errors.AccountExists):
        await bank.accounts.open("alice", CURRENCY, "mallory")
    with pytest.raises(errors.Malformed):
        await bank.accounts.open("reserve:xts", CURRENCY, "mallory")
    await town.rich("alice", 100)
    await bank.accounts.freeze("alice", "asked by a court", "mina")
    await town.rich("alice", 1)
    with pytest.raises(errors.AccountFrozen):
        await bank.transfer("k", "alice", "bob", 1)
    with pytest.raises(errors.NotPermitted):
        await bank.accounts.unfreeze("alice", "done", "mina", "mina")
    view = await bank.accounts.unfreeze("alice", "done", "mina", "omar")
    assert view.state == AccountState.OPEN
    with pytest.raises(errors.AccountNotEmpty):
        await bank.accounts.close("alice", "leaves", "mina")
    await bank.transfer("k", "alice", "bob", 101)
    await bank.accounts.close("alice", "leaves", "mina")
    with pytest.raises(errors.AccountClosed):
        await bank.transfer("back", "bob", "alice", 1)
    with pytest.raises(errors.AccountUnknown):
        await bank.account("nobody")
