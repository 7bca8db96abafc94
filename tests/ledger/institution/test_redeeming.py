"""Redemption at an institution: one burn is redeemed once, or given back once, whatever breaks on the way."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from msgspec import structs

from ledger import makers
from ledger.institution.realm import BANK, Realm, in_realm
from specie.crypto import cose
from specie.issuance.errors import UnitInvalid
from specie.issuance.messages.objects import Redemption, RedemptionRequest
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.wallet.officer import pause, resume
from specie.kernel.errors import Unavailable
from specie.ledger.api import Status, Submitted
from specie.ledger.errors import Expired, ProofInvalid, Unknown, WithdrawBank, WithdrawState
from specie.ledger.institution import Institution
from specie.ledger.institution.redeeming import EXPIRY_BLOCKS
from specie.ledger.messages.bodies import WithdrawPaid
from specie.ledger.messages.frames import OpType, frame_head
from specie.ledger.messages.state import Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.withdrawals import withdraw_reference
from specie.ledger.store.institution import RedemptionRow, RedemptionState
from specie.ledger.wallet.wallet import Wallet

WITHDRAWN = 400
SCOPE = "direction:redeem"


class Crash(BaseException):
    """The program ends here; nobody catches it."""


class Steps:
    """Counts what a program did; it ends after the step that it is told."""

    def __init__(self, last: int) -> None:
        self.left = last

    def done(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash

    def after(self, target: Any, *names: str) -> Any:
        """The target, whose calls of these names (all, where none is named) are steps."""
        steps = self

        class Counted:
            def __getattr__(self, name: str) -> Any:
                found = getattr(target, name)
                if names and name not in names:
                    return found

                async def call(*arguments: Any, **named: Any) -> Any:
                    answer = await found(*arguments, **named)
                    steps.done()
                    return answer

                return call

        return Counted()

    def institution(self, realm: Realm) -> Institution:
        """One that ends after so many steps: writes, calls to the ledger, calls to quota control."""
        asked = self.after(realm.house.quota_control)
        return realm.institution(
            database=self.after(realm.database, "write"),
            ledger=self.after(realm.town.engine),
            redeem_at_quota_control=asked.redeem,
        )


async def burn(wallet: Wallet, value: int = WITHDRAWN, bank: str = BANK) -> tuple[bytes, bytes]:
    """A withdrawal for the institution; token and reference."""
    await wallet.sync()
    payment, token = await wallet.withdraw(value, bank, "acct", merge=True)
    assert payment.state == "final"
    return token.token, token.ref


async def on_chain(realm: Realm, reference: bytes) -> tuple[int, int]:
    """Status and outcome of a withdrawal."""
    entry = await realm.town.engine.state_entry(Domain.WITHDRAWAL, reference)
    state = WithdrawalState.decode(bytes.fromhex(entry.value or ""))
    return state.status, state.outcome


async def redeemed_rows(realm: Realm, reference: bytes) -> int:
    """How often quota control has entered this reference."""
    database = realm.house.databases["qc"]
    rows = await database.read(lambda tx: tx.all("SELECT serial FROM redeemed WHERE serial = ?", (reference,)))
    return len(rows)


# SPEC LEDGER-9.3.7, ISSUANCE-14.3, ISSUANCE-14.11
@in_realm
async def test_a_crash_at_any_step_redeems_once(realm: Realm) -> None:
    """Stopped after each write and after each call to ledger and quota control, then started again."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    stopped, step = True, 0
    while stopped:
        step += 1
        token, reference = await burn(alice)
        before = await realm.stock()
        stopped = False
        try:
            first = Steps(step).institution(realm)
            await first.claim(token, "alice")
            await first.settle(reference)
        except Crash:
            stopped = True
        paid = await on_chain(realm, reference) == (WithdrawalStatus.PAID, 2)
        # quota never comes back before PAID is final
        assert paid or await realm.stock() == before
        again = realm.institution()
        row = await again.claim(token, "somebody else")
        assert row.beneficiary == "alice"
        assert await again.settle_all() == 0
        assert (await again.show(reference)).state == RedemptionState.DONE
        assert await on_chain(realm, reference) == (WithdrawalStatus.PAID, 2)
        assert await redeemed_rows(realm, reference) == 1
        assert await realm.stock() == before - WITHDRAWN
        with pytest.raises(WithdrawState):
            await again.refuse(token)
    assert step == 12  # 3 writes to begin with, 4 calls, PAID, 2 proofs, quota control, DONE


# SPEC LEDGER-9.3.2, LEDGER-9.3.7
@in_realm
async def test_a_crash_at_any_step_refunds_once(realm: Realm) -> None:
    """A refusal that a crash cut in two is a refusal afterwards, or nothing at all; never a redemption."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    before, fees = await realm.stock(), 0
    stopped, step = True, 0
    while stopped:
        step += 1
        token, reference = await burn(alice)
        stopped = False
        try:
            await Steps(step).institution(realm).refuse(token)
        except Crash:
            stopped = True
        again = realm.institution()
        assert await again.settle_all() == 0
        row = await again.refuse(token)
        assert row.state == RedemptionState.REFUNDED
        assert await on_chain(realm, reference) == (WithdrawalStatus.REFUNDED, 1)
        assert await redeemed_rows(realm, reference) == 0
        assert await again.settle(reference) == row
        await alice.sync()
        fees = sum(each.fee for each in await alice.history() if each.what == "withdrawn")
        assert (await alice.balance()).total == 15_000 - fees
    assert await realm.stock() == before
    assert step > 5
    assert fees > 0


# SPEC ISSUANCE-14.11, ISSUANCE-14.13
@in_realm
async def test_a_claim_before_the_burn(realm: Realm) -> None:
    """The owner may say the token first; nothing is signed until the burn is there."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    bank = realm.institution()
    token, reference = bytes(range(32)), withdraw_reference(BANK, bytes(range(32)))
    assert (await bank.claim(token, "alice")).state == RedemptionState.CLAIMED
    assert (await bank.settle(reference)).state == RedemptionState.CLAIMED
    assert await bank.settle_all() == 1
    with pytest.raises(WithdrawState):
        await bank.refuse(token)
    row = await bank.show(reference)
    assert (row.state, row.frame, row.request) == (RedemptionState.CLAIMED, None, None)
    with pytest.raises(Unknown):
        await bank.show(bytes(32))
    found, reference = await burn(alice)
    await bank.claim(found, "alice")
    done = await bank.settle(reference)
    assert done.state == RedemptionState.DONE
    request = read_unverified(done.request or b"", RedemptionRequest)
    assert (request.claims.exp, request.claims.aud, request.body.amount) == (None, "is:bank-01", WITHDRAWN)
    assert read_unverified(done.receipt or b"", Redemption).body.amount == WITHDRAWN
    assert [each.withdraw_ref for each in await bank.rows()][-1] == reference


@in_realm
async def test_a_refusal_of_nothing_is_not_kept(realm: Realm) -> None:
    """Else a burn that comes later would be redeemed for nobody."""
    bank = realm.institution()
    with pytest.raises(WithdrawState):
        await bank.refuse(bytes(32))
    assert await bank.rows() == []


# SPEC ISSUANCE-14.13: A refusal for pause, key set, policy, clock or bucket is *later*
@in_realm
async def test_quota_control_refuses_now_and_accepts_later(realm: Realm) -> None:
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    token, reference = await burn(alice)
    stock, rules, house = await realm.stock(), realm.house.quota_control.rules, realm.house
    word = await pause(house.hand("mina"), SCOPE, "drill")
    await rules.apply_pause([word])
    bank = realm.institution()
    await bank.claim(token, "alice")
    row = await bank.settle(reference)
    assert (row.state, row.receipt) == (RedemptionState.PAID, None)
    assert "paused" in row.detail
    assert await bank.settle_all() == 1
    assert await realm.stock() == stock
    lifted = sha256(word).digest()
    await rules.apply_pause([await resume(house.hand(each), SCOPE, "over", [lifted]) for each in ("mina", "omar")])
    done = await bank.settle(reference)
    assert (done.state, done.detail) == (RedemptionState.DONE, "")
    # the very bytes that the operation 18 names
    assert (done.request, done.frame) == (row.request, row.frame)
    assert await realm.stock() == stock - WITHDRAWN


@in_realm
async def test_a_token_that_is_not_the_withdrawals(realm: Realm) -> None:
    """Another token, and one that was burned for another bank: nothing is there to be redeemed."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    token, reference = await burn(alice)
    foreign, elsewhere = await burn(alice, bank="bank:one")
    bank = realm.institution()
    for wrong in (token[:-1] + bytes([token[-1] ^ 1]), foreign):
        row = await bank.claim(wrong, "mallory")
        assert row.withdraw_ref not in (reference, elsewhere)
        assert (await bank.settle(row.withdraw_ref)).state == RedemptionState.CLAIMED
        with pytest.raises(WithdrawState):
            await bank.refuse(wrong)
    assert await on_chain(realm, reference) == (WithdrawalStatus.PENDING, 0)
    assert await on_chain(realm, elsewhere) == (WithdrawalStatus.PENDING, 0)


# SPEC LEDGER-9.5.2
@in_realm
async def test_an_operation_that_expired_is_signed_again(realm: Realm) -> None:
    """The institution was closed for too long: the same request, a fresh frame."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    token, reference = await burn(alice)
    engine = realm.town.engine

    class Behind:
        """A node that says the chain is shorter than it is: what is signed then has expired."""

        def __getattr__(self, name: str) -> Any:
            return getattr(engine, name)

        async def status(self) -> Status:
            found = await engine.status()
            return structs.replace(found, height=found.height - EXPIRY_BLOCKS)

    bank = realm.institution(ledger=Behind())
    await bank.claim(token, "alice")
    with pytest.raises(Expired):
        await bank.settle(reference)
    old = await bank.show(reference)
    assert old.state == RedemptionState.ASKED
    done = await realm.institution().settle(reference)
    assert (done.state, done.request) == (RedemptionState.DONE, old.request)
    assert done.frame != old.frame


# SPEC LEDGER-13.1
@in_realm
async def test_a_node_that_lies(realm: Realm) -> None:
    """A burn that is not proven is none, and `final` without a receipt is not PAID."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    token, reference = await burn(alice)
    (_, other), engine = await burn(alice, 100), realm.town.engine

    class Liar:
        def __getattr__(self, name: str) -> Any:
            return getattr(engine, name)

        async def state_receipt(self, domain: int, ident: bytes, height: int | None = None) -> bytes:
            return await engine.state_receipt(domain, other, height)

    bank = realm.institution(ledger=Liar())
    await bank.claim(token, "alice")
    with pytest.raises(ProofInvalid):
        await bank.settle(reference)
    assert await bank.settle_all() == 1
    assert "proof_invalid" in (await bank.show(reference)).detail

    class Sloth:
        def __getattr__(self, name: str) -> Any:
            return getattr(engine, name)

        async def submit_operation(self, data: bytes, wait_s: float = 0) -> Submitted:
            return Submitted(id=bytes(32).hex(), state="final")

    with pytest.raises(Unknown):
        await realm.institution(ledger=Sloth()).settle(reference)
    row = await bank.show(reference)
    assert row.state == RedemptionState.ASKED
    assert await on_chain(realm, reference) == (WithdrawalStatus.PENDING, 0)


# SPEC LEDGER-9.3.5
@in_realm
async def test_a_withdrawal_that_timed_out(realm: Realm) -> None:
    """Somebody else's operation 19 came first: the value is back, and nothing is redeemed."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    (token, reference), (late, lost) = await burn(alice), await burn(alice, 100)
    bank = realm.institution()
    with pytest.raises(Crash):
        stopped = Steps(4).institution(realm)
        await stopped.claim(token, "alice")
        await stopped.settle(reference)
    assert (await bank.show(reference)).state == RedemptionState.ASKED
    await bank.claim(late, "alice")
    realm.sleep(604_801)
    stock = await realm.stock()
    for each in (reference, lost):
        frame = makers.refund(realm.genesis.chain_id, each, cause=2)
        assert (await realm.town.engine.submit_operation(frame.data, 20)).state == "final"
    assert await bank.settle_all() == 0
    for each in (reference, lost):
        row = await bank.show(each)
        assert row.state == RedemptionState.REFUNDED
        assert "time for an answer" in row.detail
    assert await realm.stock() == stock


@in_realm
async def test_a_payment_to_an_account_is_no_redemption(realm: Realm) -> None:
    """Outcome 1 by the same bank, elsewhere: the burn is not redeemed too, and other redemptions go on."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    (token, reference), (good, other) = await burn(alice), await burn(alice, 100)
    bank = realm.institution()
    await bank.claim(token, "alice")
    await bank.claim(good, "alice")
    assert (await realm.town.engine.submit_operation(await credited(realm, token, reference), 20)).state == "final"
    with pytest.raises(WithdrawState):
        await bank.settle(reference)
    assert await bank.settle_all() == 1
    assert (await bank.show(other)).state == RedemptionState.DONE
    row = await bank.show(reference)
    assert (row.state, row.request) == (RedemptionState.CLAIMED, None)
    assert "withdraw_state" in row.detail


async def credited(realm: Realm, token: bytes, reference: bytes) -> bytes:
    """Operation 18 with outcome 1, by the institution's own key."""
    keys = realm.ring.store
    kid = cose.key_id(realm.ring.publics["withdrawal"])
    body = WithdrawPaid(reference, BANK, token, 1, bytes(32), kid, bytes(64)).encode()
    prefix = frame_head(OpType.WITHDRAW_PAID, realm.genesis.chain_id, 1000, len(body)) + body[:-64]
    return prefix + bytes(
        await keys.sign(keys.uri("withdrawal"), "ledger-op", prefix, realm.house.randomness.bytes(16))
    )


# SPEC LEDGER-9.3.4, LEDGER-9.9.1
@in_realm
async def test_a_key_that_the_ledger_does_not_believe_yet(realm: Realm) -> None:
    """Refused until governance names the new key; then the same request is recorded under it."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    token, reference = await burn(alice)
    keys = realm.ring.store
    bank = realm.institution(withdrawal_key=keys.uri("withdrawal-2"))
    await bank.claim(token, "alice")
    with pytest.raises(WithdrawBank):
        await bank.settle(reference)
    asked = await bank.show(reference)
    assert asked.state == RedemptionState.ASKED
    (old,) = [each for each in realm.genesis.authorities if each.system == BANK]
    public = realm.ring.publics["withdrawal-2"]
    await realm.govern(replace(old, kid=cose.key_id(public), key=public))
    done = await bank.settle(reference)
    assert (done.state, done.request) == (RedemptionState.DONE, asked.request)
    assert done.frame != asked.frame


@in_realm
async def test_a_proof_for_another_request(realm: Realm) -> None:
    """One burn is for one request: the same proof under other words returns no quota."""
    alice = await realm.wallet("alice")
    await realm.issue(alice)
    token, reference = await burn(alice)
    seen: list[Any] = []

    async def kept(parcel: Any) -> bytes:
        seen.append(parcel)
        raise Unavailable("kept")

    bank = realm.institution(redeem_at_quota_control=kept)
    await bank.claim(token, "alice")
    with pytest.raises(Unavailable):
        await bank.settle(reference)
    stock = await realm.stock()
    row: RedemptionRow = await bank.show(reference)
    other = await bank._sign_request(replace(row, beneficiary="mallory"))
    with pytest.raises(UnitInvalid):
        await realm.house.quota_control.redeem(replace(seen[0], request=other))
    assert await realm.stock() == stock
