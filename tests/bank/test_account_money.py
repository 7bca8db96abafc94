"""Account money: issued under quota, posted at the bank, believed by quota control for the bank's receipt alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from bank.house import open_store
from specie.bank import errors
from specie.bank.engine.bank import BankEngine, Surroundings
from specie.bank.engine.registry import BankRegistry
from specie.bank.messages.holds import RedeemState
from specie.bank.messages.postings import Kind
from specie.issuance.api import IssueView, Registration
from specie.issuance.errors import ReceiptInvalid
from specie.issuance.messages.objects import AccountOrder, Cancel, ControlBit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.store.quota_control import UseState
from specie.kernel.clock import SeededRandomness
from specie.kernel.errors import Unavailable
from tests.issuance.house import CURRENCY, IS, QC, House, KeyRing, make_house

BANK = "bank:harbour"


class Street:
    """An issuance with a real bank."""

    def __init__(self, ring: KeyRing, seed: int) -> None:
        self.house: House = make_house(ring, randomness=SeededRandomness(seed))
        self.randomness = SeededRandomness(seed + 1)
        self.away = self.deaf = False
        self.ring = ring
        self.database = open_store(self.house.clock)
        self.open()
        self.registry = BankRegistry(BANK, self, self.keys, self.house.clock)
        self.house.registries = {BANK: self.registry}
        self.house.open()

    def open(self) -> None:
        uri = self.ring.uri(self.ring.kids[BANK, "bank:reg"])
        around = Surroundings(self.keys, redeem=self.redeem)
        parts = (BANK, self.database, self.ring.store, uri, self.house.clock, self.randomness)
        self.bank = BankEngine.of(*parts, around=around)

    def keys(self) -> KeySet | None:
        return next((desk.cached.keys for desk in self.house.desks.values() if desk.cached is not None), None)

    async def redeem(self, parcel: Any) -> bytes:
        if self.away:
            raise Unavailable("quota control is away")
        answer = await self.house.quota_control.redeem(parcel)
        if self.deaf:
            raise Unavailable("the answer was lost")
        return answer

    # -- Takings, over a line that can break

    async def register(self, registration: Registration) -> bytes:
        if self.away:
            raise Unavailable("the bank is away")
        self.last = registration
        receipt = await self.bank.money.register(registration)
        if self.deaf:
            raise Unavailable("the answer was lost")
        return receipt

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        return await self.bank.money.cancel(cancel, bit)

    async def receipt(self, unit_root: bytes) -> bytes | None:
        return await self.bank.money.receipt(unit_root)

    async def supply(self, currency: str) -> int:
        return await self.bank.money.supply(currency)

    async def found(self, *names: str) -> None:
        await self.house.found(banks=(BANK,))
        await self.bank.accounts.open_currency(CURRENCY)
        for name in names:
            await self.bank.accounts.open(name, CURRENCY, name)

    async def issue(self, account: str, amount: int = 15_000) -> Any:
        order = self.house.order(amount, model=1, owner=f"{BANK}/{account}".encode(), denominations=None)
        (view,) = await self.house.issuance.issue([order])
        return view

    async def balance(self, account: str) -> int:
        return (await self.bank.account(account)).balance

    async def stock(self) -> int:
        quotas = await self.house.quota_control.quotas()
        return max((each.used for each in quotas.buckets if each.kind == "stock"), default=0)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    folder: Path = tmp_path_factory.mktemp("keys")
    folder.chmod(0o700)
    return KeyRing(folder)


def on_street(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def run(ring: KeyRing) -> None:
        import asyncio

        async def work() -> None:
            street = Street(ring, crc32(test.__qualname__.encode()))
            await test(street)
            report = await street.bank.verify()
            assert report.agrees, report.faults

        asyncio.run(work())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


# SPEC BANK-6.1, BANK-6.2, BANK-6.5, BANK-3.1
# SPEC ISSUANCE-13.3.1, ISSUANCE-13.3.3, ISSUANCE-13.3.4, ISSUANCE-13.4.2
@on_street
async def test_an_issue_is_posted_and_quota_control_believes_the_receipt(street: Street) -> None:
    await street.found("alice")
    view = await street.issue("alice")
    assert isinstance(view, IssueView) and view.state == "released", view
    await street.house.settle()
    assert await street.balance("alice") == 15_000
    assert await street.supply(CURRENCY) == 15_000
    (row,) = await street.house.databases[QC].read(lambda tx: tx.all("SELECT state FROM cred_use"))
    assert row[0] == UseState.MINTED
    (credit,) = await street.house.databases[QC].read(lambda tx: tx.all("SELECT bank, balance FROM bank_credit"))
    assert credit == (BANK, 15_000)


# SPEC ISSUANCE-13.3.2, ISSUANCE-4.8.1
# SPEC BANK-2.3, BANK-4.2
@on_street
async def test_the_same_order_is_one_posting_and_one_receipt(street: Street) -> None:
    await street.found("alice")
    await street.issue("alice")
    first = await street.bank.money.register(street.last)
    street.open()
    assert await street.bank.money.register(street.last) == first
    assert await street.balance("alice") == 15_000


# SPEC BANK-4.3, BANK-4.4
# SPEC ISSUANCE-13.4.3
@on_street
async def test_a_lost_answer_is_asked_for_again(street: Street) -> None:
    await street.found("alice")
    street.deaf = True
    view = await street.issue("alice")
    assert view.state != "released"
    assert await street.balance("alice") == 15_000
    street.deaf = False
    street.open()
    await street.house.settle()
    assert (await street.house.issuance.show(view.id)).state == "released"
    assert await street.balance("alice") == 15_000


# SPEC BANK-6.3, BANK-6.4
# SPEC ISSUANCE-13.3.5
@on_street
async def test_a_root_is_posted_or_given_up_never_both(street: Street) -> None:
    await street.found("alice")
    street.away = True
    await street.issue("alice")
    street.away = False
    house = street.house
    rows = await house.databases[IS].read(lambda tx: tx.all("SELECT credential, bit, unit_root FROM issue"))
    (cti, bit_data, root), owner = rows[0], f"{BANK}/alice".encode()
    bit = read_unverified(bit_data, ControlBit)
    hand = house.hand(IS, "is:unit")
    cancel = await hand.sign(Cancel(bit.claims.cti, root, owner), aud=bit.claims.iss)
    elsewhere = await hand.sign(Cancel(bit.claims.cti, root, b"bank:other/alice"), aud=bit.claims.iss)
    with pytest.raises(errors.OrderMismatch):
        await street.cancel(elsewhere, bit_data)
    receipt = await street.cancel(cancel, bit_data)
    assert await street.cancel(cancel, bit_data) == receipt
    street.registry.check_receipt(receipt, root, cti, cancelled=True)
    with pytest.raises(ReceiptInvalid):
        street.registry.check_receipt(receipt, root, cti, cancelled=False)
    order = AccountOrder(CURRENCY, 15_000, owner, bit_data, cti)
    late = Registration(cti, bit_data, await hand.sign(order, aud=BANK), root, CURRENCY, 15_000)
    house.clock.advance(seconds=400 * 24)
    with pytest.raises(errors.RootCancelled):
        await street.register(late)
    assert await street.balance("alice") == 0
    posted = await street.issue("alice")
    assert posted.state == "released"
    said = await house.databases[IS].read(lambda tx: tx.all("SELECT bit, unit_root FROM issue WHERE state >= 6"))
    bit_2 = read_unverified(said[0][0], ControlBit)
    with pytest.raises(errors.RootPosted):
        await street.cancel(await hand.sign(Cancel(bit_2.claims.cti, said[0][1], owner)), said[0][0])


# SPEC BANK-6.1
@on_street
async def test_an_order_that_does_not_fit_is_refused(street: Street) -> None:
    await street.found("alice", "bob")
    street.away = True
    await street.issue("alice")
    street.away = False
    rows = await street.house.databases[IS].read(lambda tx: tx.all("SELECT credential, bit, unit_root FROM issue"))
    cti, bit, root = rows[0]
    hand, owner = street.house.hand(IS, "is:unit"), f"{BANK}/alice".encode()

    async def attempt(order: AccountOrder, by: Any = hand, **changes: Any) -> None:
        data = await by.sign(order, aud=BANK)
        await street.register(replace(Registration(cti, bit, data, root, CURRENCY, 15_000), **changes))

    good = AccountOrder(CURRENCY, 15_000, owner, bit, cti)
    for wrong in (
        replace(good, amount=15_001),
        replace(good, account=f"{BANK}/bob".encode()),
        replace(good, account=b"bank:other/alice"),
        replace(good, posting_id=bytes(16)),
        replace(good, control_bit=bytes(32)),
        replace(good, currency="ABC"),
    ):
        with pytest.raises(errors.OrderMismatch):
            await attempt(wrong)
    with pytest.raises(errors.OrderMismatch):
        await attempt(good, unit_root=bytes(32))
    with pytest.raises(errors.OrderKey):
        await attempt(good, street.house.hand(QC, "qc:bit").__class__(QC, *_of(street.house.hand(IS, "is:unit"))))
    with pytest.raises(errors.OrderSignature):
        spoiled = bytearray(await hand.sign(good, aud=BANK))
        spoiled[-1] ^= 1
        await street.register(Registration(cti, bit, bytes(spoiled), root, CURRENCY, 15_000))
    with pytest.raises(errors.Malformed):
        await attempt(good, bit=b"\xa0")
    with pytest.raises(errors.TooLarge):
        await attempt(good, bit=bytes(20_000))
    assert await street.balance("alice") == 0
    await street.bank.accounts.freeze("alice", "asked by a court", "mina")
    await attempt(good)
    assert await street.balance("alice") == 15_000


def _of(hand: Any) -> tuple[Any, ...]:
    return hand.keys, hand.uri, hand.clock, hand.randomness


# SPEC BANK-6.6, BANK-12.4, BANK-4.3, BANK-4.4
# SPEC ISSUANCE-14.12, ISSUANCE-14.14
@on_street
async def test_account_money_is_redeemed_once_whatever_gets_lost(street: Street) -> None:
    await street.found("alice")
    await street.issue("alice")
    await street.house.settle()
    assert await street.stock() == 15_000
    street.away = True
    row = await street.bank.redemptions.redeem("r1", "alice", 5_000, IS, "acct 7")
    assert row.state == RedeemState.POSTED and await street.balance("alice") == 10_000
    assert await street.stock() == 15_000
    street.away, street.deaf = False, True
    await street.bank.settle()
    street.open()
    street.deaf = False
    assert await street.bank.settle() == 0
    assert (await street.bank.redemptions.show(row.cti)).state == RedeemState.DONE
    assert await street.stock() == 10_000 and await street.supply(CURRENCY) == 10_000
    again = await street.bank.redemptions.redeem("r1", "alice", 5_000, IS, "acct 7")
    assert again.receipt and await street.balance("alice") == 10_000
    with pytest.raises(errors.RefReused):
        await street.bank.redemptions.redeem("r1", "alice", 6_000, IS, "acct 7")
    with pytest.raises(errors.BalanceLow):
        await street.bank.redemptions.redeem("r2", "alice", 10_001, IS, "acct 7")
    assert (await street.bank.pool(CURRENCY)).issued == 10_000
    assert Kind.ACCOUNT_REDEEM.value == "account_redeem"
