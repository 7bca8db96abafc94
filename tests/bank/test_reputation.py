"""Reputation: a value that its chain of signed events gives, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from bank.house import Town, in_town
from specie.bank import errors
from specie.bank.engine.bank import Surroundings
from specie.bank.messages.reputation import CaseRecord, Event, Reason, event_id, subject_of
from specie.bank.protocol.reputation import check_standing, value_of
from specie.crypto import bip340

SECRET = bytes(31) + b"\x07"


async def sign(event: bytes) -> bytes:
    return bip340.sign(SECRET, event_id(event), bytes(32))


def adjusted(delta: int, why: str = "a talk with the party", **changes: object) -> CaseRecord:
    values: dict[str, object] = {"account": "alice", "reason": Reason.ADJUSTED, "delta": delta, "why": why}
    values |= {"first": "mina", "second": "omar"} | changes
    return CaseRecord(**values)  # type: ignore[arg-type]


async def trusted(town: Town) -> None:
    town.parts = {"around": Surroundings(sign_event=sign)}
    town.open()
    await town.found("alice", "bob")


# SPEC BANK-8.1
@in_town
async def test_a_grant_needs_more_than_fifty_of_both(town: Town) -> None:
    await trusted(town)
    rate = town.bank.reputations
    await rate.check_grant("alice", "bob")
    await rate.case(adjusted(-9))
    await rate.check_grant("alice", "bob")
    await rate.case(adjusted(-1))
    assert await rate.value("alice") == 50
    for pair in (("alice", "bob"), ("bob", "alice")):
        with pytest.raises(errors.ReputationLow):
            await rate.check_grant(*pair)
    check_standing(51, 51)


# SPEC BANK-8.2, BANK-8.5
@in_town
async def test_the_value_follows_from_the_chain_alone(town: Town) -> None:
    await trusted(town)
    rate = town.bank.reputations
    for number, delta in enumerate((40, 10, -40, -40, -40, 5)):
        await rate.case(adjusted(delta, f"case {number}"))
    shown = await rate.view("alice", "alice")
    assert [each.event.after for each in shown.events] == [100, 100, 60, 20, 0, 5]
    assert shown.value == value_of(each.event.encode() for each in shown.events) == 5
    public = bip340.derive_public(SECRET)
    assert all(bip340.is_signature(public, each.event.id, each.signature) for each in shown.events)
    assert Event.decode(shown.events[0].event.encode()) == shown.events[0].event
    assert shown.events[0].event.subject == subject_of("alice")
    assert (await rate.view("alice", "bob", partner=True)).events == ()
    with pytest.raises(errors.NotPermitted):
        await rate.view("alice", "bob")
    with pytest.raises(errors.PartyUnknown):
        await rate.value("nobody")
    with pytest.raises(errors.EvidenceInvalid):
        value_of([each.event.encode() for each in shown.events[1:]])


# SPEC BANK-8.3
@in_town
async def test_a_fact_counts_once_and_needs_evidence(town: Town) -> None:
    await trusted(town)
    rate = town.bank.reputations
    spent_twice = adjusted(-40, reason=Reason.DOUBLE_SPEND, proof=b"proof of guilt")
    await rate.case(spent_twice)
    with pytest.raises(errors.EvidenceUsed):
        await rate.case(adjusted(-40, "in other words", reason=Reason.DOUBLE_SPEND, proof=b"proof of guilt"))
    for wrong in (
        adjusted(-41),
        adjusted(0),
        adjusted(-1, ""),
        adjusted(-40, reason=Reason.DOUBLE_SPEND),
        adjusted(-10, reason=Reason.SILENT),
    ):
        with pytest.raises(errors.EvidenceInvalid):
            await rate.case(wrong)
    with pytest.raises(errors.NotPermitted):
        await rate.case(adjusted(-1, second="mina"))
    assert await rate.value("alice") == 20


# SPEC BANK-8.4
@in_town
async def test_an_appeal_is_a_new_event(town: Town) -> None:
    await trusted(town)
    rate = town.bank.reputations
    await rate.case(adjusted(30, "good years"))
    event = await rate.case(adjusted(-40))
    with pytest.raises(errors.NotPermitted):
        await rate.appeal("alice", event.id, "mina", "mina")
    undone = await rate.appeal("alice", event.id, "mina", "omar")
    assert (undone.reason, undone.delta, undone.after) == (Reason.APPEAL, 40, 90)
    for ident, refusal in ((event.id, errors.EvidenceUsed), (undone.id, errors.EvidenceInvalid)):
        with pytest.raises(refusal):
            await rate.appeal("alice", ident, "mina", "omar")
    assert len((await rate.view("alice", "", staff=True)).events) == 3


# SPEC BANK-8.2
def test_an_edited_event_is_found() -> None:
    async def work() -> None:
        town = Town()
        await trusted(town)
        await town.bank.reputations.case(adjusted(-9))
        await town.bank.reputations.case(adjusted(-1))
        await town.check()
        town.database.write_now(lambda tx: tx.run("DELETE FROM event WHERE seq = 1"))
        assert not (await town.bank.verify()).agrees

    asyncio.run(work())
