"""The threats of sections 20 and 1.4, one test per clause that can be shown in one process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from specie.crypto import merkle
from specie.crypto.x25519 import X25519Secret
from specie.issuance import errors
from specie.issuance.api import Bit, Granted, Parcel
from specie.issuance.engine.intake import Intake
from specie.issuance.engine.logbook import stored_chain_ok
from specie.issuance.messages.objects import ControlBit, Request, Unit
from specie.issuance.messages.policy import Kind, Limit, ReserveRule
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.journal import Leaf
from specie.issuance.protocol.units import plan_units
from specie.issuance.store.buckets import entry_sums
from specie.issuance.wallet.officer import approve, attest
from specie.issuance.wallet.owner import redemption_request, verify_unit
from specie.kernel.amount import AMOUNT_MAX
from tests.issuance.forge import (
    NO_SIGNATURE,
    OTHER,
    Draft,
    all_figures,
    asynchronous,
    change_policy,
    change_policy_at,
    currency_rule,
    draft_presentation,
    draft_request,
    figures,
    issuer_rule,
    log_size,
    now_s,
    rows,
    sha,
)
from tests.issuance.house import CM, CURRENCY, IS, QC, House, make_house
from tests.issuance.rotation import revoke_key, rotate
from tests.issuance.test_refusals_presentation import Case, draft_credential

STOCK = f"stock:{CURRENCY}"


async def ask(house: House, draft: Draft | None = None, peer: str | None = IS) -> Any:
    data = await (draft or draft_request(house)).finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=peer)
    return answer


async def use(house: House, granted: Any, peer: str | None = IS, **changes: Any) -> Any:
    data = await draft_presentation(house, granted.sealed, **changes).finish(house)
    (answer,) = await house.quota_control.control_bits([data], peer=peer)
    return answer


async def issued(house: House) -> list[bytes]:
    await house.found()
    (view,) = await house.issuance.issue([house.order()])
    await house.settle()
    return list(await house.issuance.units(view.id))  # type: ignore[union-attr]


def forged(house: House, **spoilt: Any) -> Case:
    """A credential by the key of central management itself."""
    request = draft_request(house)
    case = Case(house, request, draft_credential(house, request), draft_presentation(house, b""))
    for name, value in spoilt.items():
        setattr(case, name, value)
    return case


# SPEC ISSUANCE-20.1
@asynchronous
async def test_a_forged_request(house: House) -> None:
    await house.found()
    draft = draft_request(house)
    draft.signature = NO_SIGNATURE
    assert isinstance(await ask(house, draft), errors.BadSignature)
    assert await all_figures(house) == ({}, {})


# SPEC ISSUANCE-20.2, ISSUANCE-1.4.3
@asynchronous
async def test_a_stolen_request_key_is_bounded(house: House) -> None:
    """It can ask for anything: quota, approvals and owners bound what comes of it."""
    await house.found()
    assert isinstance(await ask(house, draft_request(house, house.order(200_000))), errors.ApproverConflict)
    await change_policy(house, limits=(Limit("daily", Kind.WINDOW, 30_000, CURRENCY, "*", window="day"),))
    for _ in range(2):
        assert isinstance(await ask(house), Granted)
    assert isinstance(await ask(house), errors.QuotaExceeded)
    await change_policy(house, issuers=issuer_rule(house, owners=(house.ring.kids["alice", "owner"],)))
    thief = draft_request(house, house.order(owner=b"thief"))
    assert isinstance(await ask(house, thief), errors.OwnerNotPermitted)


# SPEC ISSUANCE-20.3
@asynchronous
async def test_replays_have_no_second_effect(house: House) -> None:
    await house.found()
    draft = draft_request(house)
    granted = await ask(house, draft)
    assert (await ask(house, draft)).sealed == granted.sealed
    bit = await use(house, granted)
    again = await use(house, granted)
    assert (again.bit, again.replayed) == (bit.bit, True)
    assert (await all_figures(house))[1][STOCK] == (0, 15_000)


# SPEC ISSUANCE-20.4
@pytest.mark.parametrize(("key", "value"), [(2, 15_001), (4, b"thief"), (5, [[15_000, 1]])])
@asynchronous
async def test_alterations_at_each_hop(house: House, key: int, value: Any) -> None:
    """Amount, owner, denominations: in the request, in the credential, in the unit."""
    await house.found()
    draft = draft_request(house)
    honest = read_unverified(await draft.finish(house), Request)
    draft.body[key], draft.signature = value, honest.signature
    assert isinstance(await ask(house, draft), errors.BadSignature)
    case = forged(house)
    good = await case.request.finish(house)
    altered = replace(case.request, body={**case.request.body, key: value}, signature=honest.signature)
    case.spoilt = {1: await altered.finish(house), 2: sha(good)}
    assert isinstance(await case.send(), errors.CredentialRequestMismatch)
    (view,) = await house.issuance.issue([house.order()])
    unit = read_unverified((await house.issuance.units(view.id))[0], Unit)  # type: ignore[union-attr]
    body = unit.body.to_wire() | {2: {2: value, 4: 10_000, 5: 10_000}[key], 3: value if key == 4 else unit.body.owner}
    if key == 5:
        body[5] = 1
    claims = {1: IS, 6: unit.claims.iat, 7: unit.claims.cti}
    fake = await Draft("dc-unit", unit.kid, claims, body).finish(house)
    with pytest.raises(errors.UnitInvalid):
        verify_unit(fake, house.desks[IS].cached.keys, now_s(house))  # type: ignore[union-attr, arg-type]


# SPEC ISSUANCE-20.5
@asynchronous
async def test_a_credential_presented_by_another(house: House) -> None:
    await house.found()
    granted = await ask(house)
    assert isinstance(await use(house, granted, peer=OTHER, issuer=OTHER), errors.PresenterMismatch)
    assert isinstance(await use(house, granted, peer=OTHER), errors.ChannelMismatch)
    assert (await all_figures(house))[1] == {}


# SPEC ISSUANCE-20.6
@asynchronous
async def test_a_credential_for_another_quota_control_or_currency(house: House) -> None:
    await house.found()
    case = forged(house)
    case.credential.claims[3] = "qc-2"
    assert isinstance(await case.send(), errors.WrongAudience)
    case = forged(house, recipient=X25519Secret.from_bytes(b"\x22" * 32).public())
    assert isinstance(await case.send(), errors.UnsealFailed)
    case = forged(house, spoilt={4: "XDC"})
    assert isinstance(await case.send(), errors.CredentialRequestMismatch)


# SPEC ISSUANCE-20.7, ISSUANCE-11.6
@asynchronous
async def test_invented_approvals(house: House) -> None:
    """None; of another request; with a signature that is not the officer's; counted twice."""
    await house.found()

    async def invent(*words: bytes) -> Any:
        request = draft_request(house, house.order(600_000, operator="olga"))
        case = Case(house, request, draft_credential(house, request), draft_presentation(house, b""))

        async def make(data: bytes, word: bytes) -> bytes:
            return word or await approve(house.hand("mina"), data, 2)

        case.approvals = [lambda data, word=word: make(data, word) for word in words]  # type: ignore[misc]
        return await case.send()

    other = await approve(house.hand("omar"), b"another request", 2)
    for words, expected in (
        ((), errors.ApprovalsInsufficient),
        ((b"",), errors.ApprovalsInsufficient),
        ((b"", other), errors.ApprovalsInsufficient),
        ((b"", b""), errors.ApprovalDuplicate),
    ):
        assert type(await invent(*words)) is expected
    assert (await all_figures(house))[1] == {}


# SPEC ISSUANCE-20.8, ISSUANCE-1.4.1, ISSUANCE-1.4.4
@asynchronous
async def test_central_management_raises_caps(house: House) -> None:
    """A forged credential beyond quota control's caps, and a policy of its own: neither has an effect there."""
    await house.found(stock_cap=10_000)
    with pytest.raises(errors.PolicyRefused):
        newest = house.desks[QC].cached.book.newest  # type: ignore[union-attr]
        policy = replace(newest.policy, version=2, previous=newest.hash, limits=())
        from specie.issuance.wallet.officer import sign_policy

        await house.quota_control.rules.apply_policy(await sign_policy(policy, [house.hand("root-0", "root")]))
    assert isinstance(await forged(house).send(), errors.QuotaExceededRealTime)


# SPEC ISSUANCE-20.9, ISSUANCE-1.4.2, ISSUANCE-1.4.5, ISSUANCE-15.3.1
@asynchronous
async def test_a_bit_without_a_credential(house: House) -> None:
    """Quota control counts what central management never made: its report is refused with an alarm, and the leaf that
    it names stands in no log of central management."""
    await house.found()
    heard: list[str] = []
    house.desks[CM].observer.alarm = lambda code, detail: heard.append(code)  # type: ignore[method-assign]
    answer = await forged(house).send()
    assert isinstance(answer, Bit)
    with pytest.raises(errors.CredentialConflict):
        await house.settle()
    assert "CREDENTIAL_CONFLICT" in heard
    uses = [Leaf.decode(each) for each in await house.quota_control.log.leaves(1, 100)]
    named = {leaf.previous for leaf in uses if leaf.event == "use"}
    made = {Leaf.decode(each).object_hash for each in await house.central_management.log.leaves(1, 100)}
    assert named
    assert not named & made


# SPEC ISSUANCE-20.10
@asynchronous
async def test_an_extra_unit(house: House) -> None:
    """One more than the bit's count, at any index, does not verify."""
    units = await issued(house)
    last = read_unverified(units[-1], Unit)
    bit = read_unverified(last.body.control_bit, ControlBit)
    request = replace(
        read_unverified((await rows(house, IS, "SELECT request FROM issue"))[0][0], Request).body,
        denominations=((10_000, 1), (2_000, 2), (1_000, 2)),
    )
    extra = plan_units(IS, bit.body.credential_cti, request, bit.data, now_s(house))[-1]
    for index in (extra.body.index, 3, 0):
        body = replace(extra.body, index=index).to_wire()
        claims = {1: IS, 6: now_s(house), 7: extra.serial}
        data = await Draft("dc-unit", last.kid, claims, body).finish(house)
        with pytest.raises(errors.UnitInvalid):
            verify_unit(data, house.desks[IS].cached.keys, now_s(house))  # type: ignore[union-attr, arg-type]


# SPEC ISSUANCE-20.11
@asynchronous
async def test_minting_twice(house: House) -> None:
    """Chores and calls at once: each unit exists once."""
    from specie.issuance.engine.issuance_system.chores import take_up

    await house.found()
    await asyncio.gather(house.issuance.issue([house.order()]), take_up(house.issuance, 0), take_up(house.issuance, 0))
    await house.settle()
    assert await rows(house, IS, "SELECT COUNT(*), SUM(value) FROM unit") == [(4, 15_000)]


# SPEC ISSUANCE-20.12, ISSUANCE-5.5.3
@asynchronous
async def test_the_clock_is_set_back(house: House) -> None:
    """Quota of a past window is not free again, and what has expired stays so."""
    await house.found(daily_cap=15_000)
    old, second = draft_request(house), draft_request(house)
    held = await ask(house, draft_request(house))
    house.clock.advance(seconds=86_400)
    await house.settle()
    assert isinstance(await ask(house), Granted)
    house.clock.advance(seconds=-86_400)
    assert isinstance(await ask(house, old), errors.RequestExpired)
    assert isinstance(await use(house, held), errors.CredentialExpired)
    second.claims |= {4: now_s(house) + 86_400 + 300, 6: now_s(house) + 86_400}
    assert isinstance(await ask(house, second), errors.QuotaExceeded)


# SPEC ISSUANCE-20.13, ISSUANCE-5.3.3
@asynchronous
async def test_across_midnight(house: House) -> None:
    """A window opens anew at midnight; a rate bucket bounds both sides of it."""
    await house.found(daily_cap=15_000)
    rate = Limit("speed", Kind.RATE, 20_000, CURRENCY, refill_per_s=1)
    await change_policy(house, limits=(*house.desks[QC].cached.book.newest.policy.limits, rate))  # type: ignore[union-attr]
    midnight = (now_s(house) // 86_400 + 1) * 86_400
    house.clock.set((midnight - 1) * 1_000_000)
    await house.central_management.rules.confirm_keys(1)
    assert isinstance(await ask(house), Granted)
    assert (await ask(house)).bucket == "daily"
    house.clock.set(midnight * 1_000_000)
    assert (await ask(house)).bucket == "speed"
    house.clock.advance(seconds=10_000)
    assert isinstance(await ask(house), Granted)


# SPEC ISSUANCE-20.14
@asynchronous
async def test_the_last_unit_of_quota_is_granted_once(house: House) -> None:
    await house.found(stock_cap=15_000)
    datas = [await draft_request(house).finish(house) for _ in range(20)]
    answers = await asyncio.gather(*(house.central_management.submit_requests([data]) for data in datas))
    granted = [answer for (answer,) in answers if isinstance(answer, Granted)]
    assert len(granted) == 1
    assert {type(answer) for (answer,) in answers} == {Granted, errors.QuotaExceeded}
    await use(house, granted[0])
    assert [held[STOCK][0] + held[STOCK][1] for held in await all_figures(house)] == [15_000, 15_000]


EDITS = {
    "a leaf": "UPDATE log SET body = X'00' WHERE seq = 3",
    "a hash": "UPDATE log SET leaf = X'00' WHERE seq = 3",
    "the head": "UPDATE head SET hash = X'00'",
    "a leaf fewer": "DELETE FROM log WHERE seq = (SELECT MAX(seq) FROM log)",
}


# SPEC ISSUANCE-20.16, ISSUANCE-20.17, ISSUANCE-1.4.6, ISSUANCE-15.1.1
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("system", [CM, QC, IS])
@asynchronous
async def test_an_edited_log(house: House, system: str, edit: str) -> None:
    """The tables refuse it; where they were made to allow it, the chain tells."""
    from specie.kernel.db import ConstraintViolation

    await issued(house)
    database = house.databases[system]
    assert await database.read(stored_chain_ok) is None
    if "head" not in edit:
        with pytest.raises(ConstraintViolation):
            await database.write(lambda tx: tx.run(EDITS[edit]))
    triggers = await database.read(
        lambda tx: tx.all("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'log'")
    )
    assert triggers

    def force(tx: Any) -> None:
        for (name,) in triggers:
            tx.run(f"DROP TRIGGER {name}")
        assert tx.run(EDITS[edit]) == 1

    await database.write(force)
    try:
        fault = await database.read(stored_chain_ok)
    except Exception as error:  # a body that is no leaf at all
        fault = str(error)
    assert fault


# SPEC ISSUANCE-20.16, ISSUANCE-5.4.2
@asynchronous
async def test_an_edited_bucket(house: House) -> None:
    """used is the sum of its journal: a row that was edited is not."""
    await issued(house)
    database = house.databases[QC]
    await database.write(lambda tx: tx.run("UPDATE bucket SET used = used - 5000 WHERE key = ?", (STOCK,)))
    sums = await database.read(entry_sums)
    assert sums[STOCK] == (15_000, 0)
    assert (await figures(house, QC))[STOCK] == (0, 10_000)


# SPEC ISSUANCE-20.17, ISSUANCE-20.18, ISSUANCE-17.3, ISSUANCE-15.2.2
@asynchronous
async def test_a_truncated_log_and_a_restored_backup(house: House) -> None:
    """What a witness has seen is not in this log: it does not start. And the proofs of the whole log hold."""
    await issued(house)
    log = house.quota_control.log
    witnessed = await log.make_checkpoint(force=True) or await log.checkpoint()
    await log.check_witnessed(witnessed)
    size = await log.size()
    hashes = [merkle.leaf_hash(body) for body in await log.leaves(1, size)]
    root = merkle.root(hashes)
    for sequence in range(1, size + 1):
        path = list(await log.inclusion(sequence, size))
        assert merkle.is_included(hashes[sequence - 1], sequence - 1, size, path, root)
    restored = make_house(house.ring, clock=house.clock, randomness=house.randomness)
    await restored.found()
    with pytest.raises(errors.RestoreDetected):
        await restored.quota_control.log.check_witnessed(witnessed)


# SPEC ISSUANCE-20.19
@asynchronous
async def test_keys_change_during_the_flow(house: House) -> None:
    """Expired, revoked, rotated: the stated codes, and the quota comes back."""
    await house.found()
    await rotate(house, CM, "cm:cred", 60)
    rotated, stolen = await ask(house), await ask(house)
    house.clock.advance(seconds=61)
    assert isinstance(await use(house, rotated), Bit)
    await revoke_key(house, CM, "cm:cred", 1)
    assert isinstance(await use(house, stolen), errors.KeyRevoked)
    house.clock.advance(seconds=700)
    await house.settle()
    assert (await figures(house, CM))[STOCK] == (0, 15_000)


# SPEC ISSUANCE-20.20
@asynchronous
async def test_a_policy_lowered_during_the_flow(house: House) -> None:
    await house.found()
    granted = await ask(house)
    await change_policy(house, limits=(Limit("total", Kind.STOCK, 14_999, CURRENCY),))
    assert isinstance(await use(house, granted), errors.QuotaExceededRealTime)


# SPEC ISSUANCE-20.21, ISSUANCE-3.7.1
@asynchronous
async def test_the_edge_of_integers(house: House) -> None:
    """2^62-1 goes through once where the policy allows it; one more, and sums that overflow, do not."""
    await house.found(
        stock_cap=AMOUNT_MAX, daily_cap=AMOUNT_MAX, request_max=AMOUNT_MAX, one_officer_max=AMOUNT_MAX - 1,
        automatic_max=AMOUNT_MAX - 2,
    )  # fmt: skip
    from specie.issuance.messages.policy import Tier

    await change_policy(house, tiers={CURRENCY: (Tier(AMOUNT_MAX, 0, ()),)})
    for amount in (AMOUNT_MAX + 1, 2**63, 2**64 - 1):
        draft = draft_request(house)
        draft.body |= {2: amount, 5: [[AMOUNT_MAX, 1]]}
        assert isinstance(await ask(house, draft), errors.AmountAboveMax)
    draft = draft_request(house)
    draft.body |= {2: 1, 5: [[AMOUNT_MAX, 2**32 - 1]] * 1000}
    assert isinstance(await ask(house, draft), errors.DenominationSum)
    whole = draft_request(house, house.order(AMOUNT_MAX))
    granted = await ask(house, whole)
    assert isinstance(await use(house, granted), Bit)
    assert (await figures(house, QC))[STOCK] == (0, AMOUNT_MAX)
    assert isinstance(await ask(house, draft_request(house, house.order(1))), errors.QuotaExceeded)


BOMBS = {
    "deep arrays": b"\x81" * 16_000 + b"\x00",
    "deep tags": b"\xd2" * 16_000 + b"\x00",
    "a long array": b"\xd2\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    "a long string": b"\xd2\x84\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "endless": b"\xd2\x9f" + b"\x00" * 16_000,
}


# SPEC ISSUANCE-20.22, ISSUANCE-3.3.5
@pytest.mark.parametrize("bomb", BOMBS)
@asynchronous
async def test_bombs(house: House, bomb: str) -> None:
    await house.found()
    for call in (house.central_management.submit_requests, house.quota_control.control_bits):
        (answer,) = await call([BOMBS[bomb]])
        assert isinstance(answer, errors.Malformed | errors.NonCanonical)
    draft = draft_request(house)
    deep: Any = 0
    for _ in range(6):
        deep = {0: deep}
    draft.body[99] = deep
    assert isinstance(await ask(house, draft), errors.Schema)
    inner = (b"\xa1\x00" * 9) + b"\x00"
    data = b"\xd2\x84\x43\xa1\x00\x00\xa0" + bytes([0x58, len(inner)]) + inner + b"\x58\x40" + bytes(64)
    (answer,) = await house.central_management.submit_requests([data])
    assert isinstance(answer, errors.Malformed | errors.NonCanonical)


# SPEC ISSUANCE-20.23, ISSUANCE-3.3.6
@asynchronous
async def test_twins_of_one_object(house: House) -> None:
    """The same words in another encoding are refused, so one id has one hash."""
    await house.found()
    data = await draft_request(house).finish(house)
    assert isinstance((await house.central_management.submit_requests([data]))[0], Granted)
    size = await log_size(house, CM)
    twins = [b"\xd8\x12" + data[1:], data + b"\x00", b"\xd2\x98\x04" + data[2:], data[:2] + b"\x59\x00" + data[3:]]
    for twin in twins:
        (answer,) = await house.central_management.submit_requests([twin])
        assert isinstance(answer, errors.NonCanonical | errors.Malformed)
    assert await log_size(house, CM) == size


# SPEC ISSUANCE-20.24, ISSUANCE-7.4
@asynchronous
async def test_a_flood_before_the_signature(house: House) -> None:
    """A thousand forgeries leave no leaf, no row and no object behind."""
    await house.found()
    draft = draft_request(house)
    draft.signature = NO_SIGNATURE
    flood = []
    for number in range(1000):
        draft.claims[7] = number.to_bytes(16, "big")
        flood.append(await draft.finish(house))
    sizes = [await log_size(house, system) for system in (CM, QC)]
    assert {type(each) for each in await house.central_management.submit_requests(flood)} == {errors.BadSignature}
    assert {type(each) for each in await house.quota_control.control_bits(flood)} == {errors.WrongType}
    assert [await log_size(house, system) for system in (CM, QC)] == sizes
    for system, tables in ((CM, ("request", "object", "outbox", "bucket")), (QC, ("cred_use", "object", "outbox"))):
        for table in tables:
            assert await rows(house, system, f"SELECT COUNT(*) FROM {table}") == [(0,)]


# SPEC ISSUANCE-20.25, ISSUANCE-9.2.1
@asynchronous
async def test_one_issuer_does_not_starve_another() -> None:
    """A thousand calls wait, then another issuer's one: it is in the very next batch."""
    batches: list[list[str]] = []

    async def work(items: Any) -> list[str]:
        batches.append(list(items))
        return list(items)

    intake: Intake[str, str] = Intake(work, batch_max=8, in_flight_max=1)
    greedy = asyncio.create_task(intake.submit_many(["greedy"] * 1000, "greedy"))
    await asyncio.sleep(0)
    modest = asyncio.create_task(intake.submit_many(["modest"], "modest"))
    await asyncio.gather(greedy, modest)
    assert "modest" in batches[0] + batches[1]


# SPEC ISSUANCE-20.26
@asynchronous
async def test_an_officer_does_not_approve_his_own_request(house: House) -> None:
    await house.found()
    draft = draft_request(house, house.order(200_000, operator="mina"))
    await ask(house, draft)
    word = await approve(house.hand("mina"), await draft.finish(house), 1)
    with pytest.raises(errors.ApproverConflict):
        await house.central_management.approve(word)


# SPEC ISSUANCE-20.27, ISSUANCE-5.6.3
@asynchronous
async def test_a_stale_reserve(house: House) -> None:
    """At 60 s issuing goes on, at 61 it stops: at both systems."""
    await house.found()
    await change_policy(house, currencies=currency_rule(house, reserve=ReserveRule(("custodian-1",), 1, (1, 1), 60)))
    word = await attest(house.hand("custodian-1", "custodian"), CURRENCY, 10**9, now_s(house))
    for engine in (house.central_management, house.quota_control):
        await engine.rules.apply_reserve(word)
    house.clock.advance(seconds=60)
    first, second = await ask(house), await ask(house)
    assert isinstance(await use(house, first), Bit)
    house.clock.advance(seconds=1)
    assert isinstance(await ask(house), errors.ReserveStale)
    assert isinstance(await use(house, second), errors.ReserveStale)


# SPEC ISSUANCE-20.28
@pytest.mark.parametrize(("ahead_s", "good"), [(30, True), (31, False)])
@asynchronous
async def test_clock_skew(house: House, ahead_s: int, good: bool) -> None:
    """Requests and credentials: thirty seconds ahead pass, one more is refused."""
    await house.found()
    draft = draft_request(house)
    draft.claims[6] = now_s(house) + ahead_s
    assert isinstance(await ask(house, draft), Granted if good else errors.NotYetValid)
    case = forged(house)
    case.credential.claims |= {5: now_s(house) + ahead_s, 6: now_s(house) + ahead_s}
    assert isinstance(await case.send(), Bit if good else errors.CredentialNotYetValid)


# SPEC ISSUANCE-1.4.1
@asynchronous
async def test_central_management_alone(house: House) -> None:
    """With its key: nothing beyond the caps, and nothing without the officers' words."""
    await house.found(stock_cap=20_000)
    assert isinstance(await forged(house).send(), Bit)
    assert isinstance(await forged(house).send(), errors.QuotaExceededRealTime)
    request = draft_request(house, house.order(200_000, operator="olga"))
    case = Case(house, request, draft_credential(house, request), draft_presentation(house, b""))
    assert isinstance(await case.send(), errors.ApprovalsInsufficient)
    request = draft_request(house)
    request.signature = NO_SIGNATURE
    case = Case(house, request, draft_credential(house, request), draft_presentation(house, b""))
    assert isinstance(await case.send(), errors.CredentialRequestMismatch)


# SPEC ISSUANCE-1.4.3
@asynchronous
async def test_an_issuance_system_alone(house: House) -> None:
    """Units that it makes without a bit are not redeemed, whatever it signs."""
    units = await issued(house)
    unit = read_unverified(units[0], Unit)
    claims = {1: IS, 6: unit.claims.iat, 7: unit.claims.cti}
    fake = await Draft("dc-unit", unit.kid, claims, unit.body.to_wire() | {2: 900_000}).finish(house)
    owner = house.hand("alice", "owner")
    data = await redemption_request(owner, [fake], "account 7")
    with pytest.raises(errors.UnitInvalid):
        await house.quota_control.redeem(Parcel(data, await owner.cose_key(), (fake,)))
    assert (await figures(house, QC))[STOCK] == (0, 15_000)


# SPEC ISSUANCE-1.4.2
@asynchronous
async def test_quota_control_alone(house: House) -> None:
    """A bit of its own answers no credential that an issuance system has pending: nothing is minted."""
    await issued(house)
    key = house.ring.kids[QC, "qc:bit"]
    body = {1: bytes(16), 2: bytes(32), 3: CURRENCY, 4: 5, 5: 0, 6: bytes(32), 7: bytes(32), 8: 1, 9: 1}
    claims = {1: QC, 3: IS, 4: now_s(house) + 600, 6: now_s(house), 7: house.desks[QC].new_cti()}
    bit = await Draft("dc-bit", key, claims, body).finish(house)
    from specie.issuance.engine.issuance_system.minting import check_bit
    from specie.issuance.store import issuance_system as store

    ident = (await rows(house, IS, "SELECT id FROM issue"))[0][0]
    row = await house.databases[IS].read(lambda tx: store.issue(tx, ident))
    with pytest.raises(errors.BitNotMine):
        check_bit(read_unverified(bit, ControlBit), row, IS, now_s(house))  # type: ignore[arg-type]


# SPEC ISSUANCE-1.3.2, ISSUANCE-1.3.3
@asynchronous
async def test_a_looser_quota_control_does_not_help(house: House) -> None:
    await house.found(stock_cap=10_000)
    await change_policy_at(house, [house.quota_control], limits=())
    assert isinstance(await ask(house), errors.QuotaExceeded)
