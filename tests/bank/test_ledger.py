"""The bank on a real chain: money comes in, goes out, is burned for an account, and no crash changes that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bank.house import open_store
from ledger.institution.realm import BANK, Realm, Ring
from specie.app.bank import LedgerChain, WalletTreasury
from specie.bank import errors
from specie.bank.engine.bank import BankEngine, Surroundings
from specie.bank.messages.holds import BurnState, OutState
from specie.ledger.messages.state import Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.wallet.wallet import Wallet
from tests.issuance.house import CURRENCY


class Crash(BaseException):
    """The process ends here."""


class Steps:
    """Counts the steps of a bank towards its store and its neighbours, and ends it after one of them."""

    def __init__(self, last: int) -> None:
        self.left = last

    def wrap(self, target: Any, *names: str) -> Any:
        steps = self

        class Watched:
            def __getattr__(self, name: str) -> Any:
                found = getattr(target, name)
                if name not in names:
                    return found

                async def call(*arguments: Any, **named: Any) -> Any:
                    answer = await found(*arguments, **named)
                    steps.left -= 1
                    if steps.left == 0:
                        raise Crash
                    return answer

                return call

        return Watched()


class Harbour:
    """One chain, one issuance, one bank with a reserve on the chain."""

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        self.database = open_store(realm.clock)
        self.reserve: Wallet = None  # type: ignore[assignment]

    async def found(self, *names: str) -> BankEngine:
        self.reserve = await self.realm.town.wallet("reserve")
        self.bank = self.open()
        await self.bank.accounts.open_currency(CURRENCY)
        for name in names:
            await self.bank.accounts.open(name, CURRENCY, name)
        return self.bank

    def open(self, crash_after: int = 0) -> BankEngine:
        """As a program that has just started has it."""
        keys, steps = self.realm.ring.store, Steps(crash_after)
        treasury: Any = WalletTreasury(self.reserve)
        chain: Any = LedgerChain(self.realm.genesis, self.realm.town.engine)
        database: Any = self.database
        if crash_after:
            treasury = steps.wrap(treasury, "send", "fate", "price")
            chain = steps.wrap(chain, "withdrawal", "submit", "height")
            database = steps.wrap(database, "write")
        around = Surroundings(
            treasuries={CURRENCY: treasury}, chain=chain, withdrawal_key=keys.uri("withdrawal")
        )  # fmt: skip
        register = self.realm.ring.uri(self.realm.ring.kids[BANK, "bank:reg"])
        parts = (BANK, database, keys, register, self.realm.clock, self.realm.town.randomness)
        self.bank = BankEngine.of(*parts, around=around)
        return self.bank

    async def balance(self, name: str) -> int:
        return (await self.bank.account(name)).balance

    async def check(self) -> None:
        report = await self.bank.verify()
        assert report.agrees, report.faults
        assert await self.bank.arrivals.reserve_gap(CURRENCY) == 0

    async def fund(self, name: str, amount: int) -> Wallet:
        """Somebody with outputs pays into an account."""
        payer = await self.realm.wallet(name + "-payer")
        await self.realm.issue(payer)
        await self.pay_in(payer, name, amount)
        return payer

    async def pay_in(self, payer: Wallet, name: str, amount: int) -> None:
        address = await self.bank.arrivals.address(name)
        await payer.sync()
        from specie.ledger.messages.address import Address

        payment = await payer.pay(Address.decode(address), amount, merge=True)
        assert payment.state == "final"
        await self.bank.arrivals.scan()


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Ring:
    return Ring(tmp_path_factory.mktemp("keys"))


def in_harbour(test: Callable[[Harbour], Coroutine[Any, Any, None]]) -> Callable[[Ring], None]:
    def run(ring: Ring) -> None:
        async def work() -> None:
            async with Realm(ring, test.__qualname__) as realm:
                harbour = Harbour(realm)
                await test(harbour)
                await harbour.check()

        asyncio.run(work())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


# SPEC BANK-3.2, BANK-3.7, BANK-5.1, BANK-12.6
@in_harbour
async def test_outputs_are_booked_once_by_their_subaddress(harbour: Harbour) -> None:
    await harbour.found("alice", "bob")
    payer = await harbour.fund("alice", 5_000)
    assert await harbour.balance("alice") == 5_000
    harbour.open()
    assert await harbour.bank.settle() == 0
    assert await harbour.balance("alice") == 5_000
    _, stranger = await harbour.reserve.receive("nobody")
    await payer.sync()
    await payer.pay(stranger, 70, merge=True)
    await harbour.bank.arrivals.scan()
    assert await harbour.balance("case:xts") == 70
    assert await harbour.balance("reserve:xts") == 5_070
    assert await harbour.bank.arrivals.address("alice") != await harbour.bank.arrivals.address("bob")


# SPEC BANK-3.4, BANK-3.7, BANK-4.6, BANK-5.3, BANK-12.5
@in_harbour
async def test_an_account_pays_out_to_a_wallet(harbour: Harbour) -> None:
    bank = await harbour.found("alice")
    await harbour.fund("alice", 5_000)
    bob = await harbour.realm.wallet("bob")
    out = await bank.pay_out("p1", "alice", bob.address().data, 2_000)
    assert out.state == OutState.DONE
    await bob.sync()
    assert (await bob.balance()).total == 2_000
    assert await harbour.balance("alice") == 3_000 - out.fee
    assert await harbour.balance("transit:xts") == 0
    assert await bank.pay_out("p1", "alice", bob.address().data, 2_000) == out
    with pytest.raises(errors.RefReused):
        await bank.pay_out("p1", "alice", bob.address().data, 2_001)
    with pytest.raises(errors.BankUnavailable):
        await bank.pay_out("p2", "alice", bob.address().data, 4_000)
    with pytest.raises(errors.Malformed):
        await bank.pay_out("p3", "alice", b"nowhere", 10)
    with pytest.raises(errors.AccountUnknown):
        await bank.pay_out("p4", "nobody", bob.address().data, 10)


# SPEC BANK-4.2, BANK-4.3, BANK-4.4, BANK-4.6
@in_harbour
async def test_a_pay_out_survives_a_crash_at_any_step(harbour: Harbour) -> None:
    await harbour.found("alice")
    await harbour.fund("alice", 10_000)
    bob = await harbour.realm.wallet("bob")
    stopped, step, paid = True, 0, 0
    while stopped:
        step += 1
        stopped = False
        before = await harbour.balance("alice")
        try:
            await harbour.open(step).pay_out(f"p{step}", "alice", bob.address().data, 100)
        except (Crash, asyncio.CancelledError):
            stopped = True
        harbour.reserve = await harbour.realm.town.again(harbour.reserve)
        bank = harbour.open()
        assert await bank.settle() == 0
        out = await bank.pay_out(f"p{step}", "alice", bob.address().data, 100)
        assert out.state == OutState.DONE
        assert await harbour.balance("alice") == before - 100 - out.fee
        paid += 100
        await bob.sync()
        assert (await bob.balance()).total == paid
    assert step > 4


async def burn(wallet: Wallet, account: str, amount: int) -> tuple[bytes, bytes]:
    """Salt and reference."""
    await wallet.sync()
    payment, token = await wallet.withdraw(amount, BANK, account, merge=True)
    assert payment.state == "final"
    return token.salt, token.ref


async def on_chain(harbour: Harbour, reference: bytes) -> tuple[int, int]:
    entry = await harbour.realm.town.engine.state_entry(Domain.WITHDRAWAL, reference)
    state = WithdrawalState.decode(bytes.fromhex(entry.value or ""))
    return state.status, state.outcome


# SPEC BANK-3.3, BANK-4.3, BANK-4.4, BANK-12.4
# SPEC LEDGER-9.3.7
@in_harbour
async def test_a_burn_credits_its_account_once_whatever_crashes(harbour: Harbour) -> None:
    await harbour.found("alice", "bob")
    payer = await harbour.realm.wallet("payer")
    await harbour.realm.issue(payer)
    stopped, step, credited = True, 0, 0
    while stopped:
        step += 1
        stopped = False
        salt, reference = await burn(payer, "alice", 100)
        try:
            await harbour.open(step).claim("alice", salt)
        except (Crash, asyncio.CancelledError):
            stopped = True
        paid = await on_chain(harbour, reference) == (WithdrawalStatus.PAID, 1)
        # nobody is credited before PAID is final
        assert paid or await harbour.balance("alice") == credited
        bank = harbour.open()
        assert await bank.settle() == 0
        row = await bank.claim("alice", salt)
        assert row.state == BurnState.DONE and row.amount == 100
        credited += 100
        assert await harbour.balance("alice") == credited
        assert await on_chain(harbour, reference) == (WithdrawalStatus.PAID, 1)
        other = await bank.claim("bob", salt)
        assert other.state == BurnState.CLAIMED and await harbour.balance("bob") == 0
        harbour.database.write_now(lambda tx: tx.run("DELETE FROM burn WHERE account = 'bob'"))
    assert step > 6
    assert (await harbour.bank.pool(CURRENCY)).issued == credited


# SPEC BANK-3.3
@in_harbour
async def test_a_burn_that_came_back_or_was_redeemed_credits_nobody(harbour: Harbour) -> None:
    bank = await harbour.found("alice")
    payer = await harbour.realm.wallet("payer")
    await harbour.realm.issue(payer)
    await payer.sync()
    _, token = await payer.withdraw(100, BANK, "alice", merge=True)
    await harbour.realm.institution().refuse(token.token)
    row = await bank.claim("alice", token.salt)
    assert row.state == BurnState.REFUNDED and await harbour.balance("alice") == 0
    with pytest.raises(errors.Malformed):
        await bank.claim("alice", b"short")
