"""Every refusal of step 6, as the operator of an issuance system sees it: quota control is the adversary here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Bit, IssueView, Refusal
from specie.issuance.engine.quota_control import QuotaControlEngine
from specie.issuance.messages.objects import ControlBit
from specie.issuance.protocol.envelope import read_unverified
from tests.issuance.forge import (
    NO_SIGNATURE,
    Draft,
    all_figures,
    asynchronous,
    log_size,
    now_s,
    rows,
    with_troubled_keys,
)
from tests.issuance.house import CM, IS, House

Spoil = Callable[[Draft, House], None]


@dataclass
class LyingQuotaControl:
    """Counts as it should, and says something else. The rest of the interface is the real one's."""

    house: House
    real: QuotaControlEngine
    spoils: Sequence[Spoil] = ()
    honest: list[bytes] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def control_bits(self, presentations: Sequence[bytes], *, peer: str | None = None) -> list[Bit | Refusal]:
        answers: list[Bit | Refusal] = []
        for answer in await self.real.control_bits(presentations, peer=peer):
            if isinstance(answer, Bit):
                self.honest.append(answer.bit)
                answer = Bit(await self.lie(answer.bit))  # noqa: PLW2901
            answers.append(answer)
        return answers

    async def lie(self, data: bytes) -> bytes:
        item = read_unverified(data, ControlBit)
        claims = {1: item.claims.iss, 3: item.claims.aud, 4: item.claims.exp, 6: item.claims.iat, 7: item.claims.cti}
        draft = Draft("dc-bit", item.kid, claims, item.body.to_wire())
        for spoil in self.spoils:
            spoil(draft, self.house)
        return await draft.finish(self.house)


def wrapped(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda draft, house: draft.wraps.append(change)


def body(key: int, change: Callable[[Any], Any]) -> Spoil:
    return lambda draft, house: draft.body.__setitem__(key, change(draft.body.get(key)))


def kid(holder: str, role: str) -> Spoil:
    def spoil(draft: Draft, house: House) -> None:
        draft.kid, draft.signature = house.ring.kids[holder, role], NO_SIGNATURE

    return spoil


def unknown(draft: Draft, house: House) -> None:
    draft.kid, draft.signature = b"\x07" * 16, NO_SIGNATURE


def unsigned(draft: Draft, house: House) -> None:
    draft.signature = NO_SIGNATURE


def wrong_type(draft: Draft, house: House) -> None:
    draft.typ, draft.signature = "dc-cred", NO_SIGNATURE


def algorithm(draft: Draft, house: House) -> None:
    draft.alg, draft.signature = -7, NO_SIGNATURE


def audience(draft: Draft, house: House) -> None:
    draft.claims[3] = "is:bank-02"


def expired(draft: Draft, house: House) -> None:
    draft.claims[4] = now_s(house)


FAULTS: list[tuple[type[errors.Denial], Spoil]] = [
    (errors.TooLarge, wrapped(lambda data: data + bytes(16_384))),
    (errors.Malformed, wrapped(lambda data: b"\xff" + data)),
    (errors.NonCanonical, wrapped(lambda data: b"\xd8\x12" + data[1:])),
    (errors.WrongType, wrong_type),
    (errors.AlgorithmNotAllowed, algorithm),
    (errors.UnknownKey, unknown),
    (errors.KeyRole, kid(CM, "cm:cred")),
    (errors.KeyRevoked, kid("qc-gone", "qc:bit")),
    (errors.BadSignature, unsigned),
    (errors.Schema, body(99, lambda value: 1)),
    (errors.WrongAudience, audience),
    (errors.BitNotMine, body(1, lambda value: bytes(16))),
    (errors.BitMismatch, body(8, lambda value: value + 1)),
    (errors.BitExpired, expired),
]
MISMATCHES = {
    "currency": body(3, lambda value: "XDC"),
    "amount": body(4, lambda value: value + 1),
    "model": body(5, lambda value: 1),
    "owner": body(6, lambda value: bytes(32)),
    "root": body(7, lambda value: bytes(32)),
    "count": body(8, lambda value: value + 1),
}


async def issue_with(house: House, spoils: Sequence[Spoil]) -> tuple[IssueView, list[str], LyingQuotaControl]:
    """An issue whose control bit is spoilt: what the operator sees, and the alarms."""
    await house.found(edit=with_troubled_keys)
    house.clock.advance(seconds=3600)
    liar = LyingQuotaControl(house, house.quota_control, spoils)
    house.issuance.quota_control = liar
    heard: list[str] = []
    house.desks[IS].observer.alarm = lambda code, detail: heard.append(code)  # type: ignore[method-assign]
    (view,) = await house.issuance.issue([house.order()])
    assert isinstance(view, IssueView)
    return view, heard, liar


# SPEC ISSUANCE-6.0.1, ISSUANCE-6.6.1, ISSUANCE-6.6.2, ISSUANCE-6.6.3, ISSUANCE-6.6.4, ISSUANCE-6.6.5, ISSUANCE-7.6
@pytest.mark.parametrize("first", range(len(FAULTS)), ids=lambda i: FAULTS[i][0].chapter)
@asynchronous
async def test_the_first_fault_is_named(house: House, first: int) -> None:
    """Put in this fault and every later one: the operator is told this one, and nothing is minted."""
    view, heard, _ = await issue_with(house, [spoil for _, spoil in reversed(FAULTS[first:])])
    assert view.code == FAULTS[first][0].code
    assert await rows(house, IS, "SELECT serial FROM unit") == []
    assert FAULTS[first][0] is errors.BitExpired or heard == [FAULTS[first][0].chapter]


# SPEC ISSUANCE-6.6.4, ISSUANCE-20.4
@pytest.mark.parametrize("field", MISMATCHES)
@asynchronous
async def test_a_bit_for_other_units_is_not_minted(house: House, field: str) -> None:
    """Altered in any field; the honest bit is minted once it comes."""
    view, _, liar = await issue_with(house, [MISMATCHES[field]])
    assert (view.state, view.code) == ("credentialed", errors.BitMismatch.code)
    liar.spoils = ()
    await house.settle()
    assert (await house.issuance.show(view.id)).state == "released"
    assert len(await house.issuance.units(view.id)) == 4


# SPEC ISSUANCE-6.6.5, ISSUANCE-10.6.3
@asynchronous
async def test_an_expired_bit_is_used_for_good_off_line(house: House) -> None:
    view, _, _ = await issue_with(house, [expired])
    assert (view.state, view.code) == ("bit", errors.BitExpired.code)
    await house.settle()
    ended = await house.issuance.show(view.id)
    assert (ended.state, ended.code) == ("abandoned", errors.BitExpired.code)
    for held in await all_figures(house):
        assert held["stock:XTS"] == (0, 15_000)


# SPEC ISSUANCE-6.6.6, ISSUANCE-20.3, ISSUANCE-20.11
@asynchronous
async def test_already_minted_answers_the_stored_units(house: House) -> None:
    """The same bit minted by two hands at once: ALREADY_MINTED, and the units of the first."""
    from specie.issuance.engine.issuance_system.minting import present
    from specie.issuance.store import issuance_system as store

    view, _, liar = await issue_with(house, [expired])
    liar.spoils = ()
    await house.databases[IS].write(
        lambda tx: tx.run("UPDATE issue SET state = 2, bit = NULL, bit_cti = NULL WHERE state = 3")
    )
    row = await house.databases[IS].read(lambda tx: store.issue(tx, view.id))
    assert row is not None
    told: list[tuple[str, str]] = []
    house.desks[IS].observer.request = lambda step, code: told.append((step, code))  # type: ignore[method-assign]
    await present(house.issuance, [row])
    first, size = await house.issuance.units(view.id), await log_size(house, IS)
    await present(house.issuance, [row])
    assert told == [("mint", "ALREADY_MINTED")]
    assert await house.issuance.units(view.id) == first
    assert await log_size(house, IS) == size
    assert (await all_figures(house))[1]["stock:XTS"] == (0, 15_000)


# SPEC ISSUANCE-6.6.2, ISSUANCE-6.6.3
@asynchronous
async def test_a_bit_of_another_issue_is_not_mine(house: House) -> None:
    """Quota control answers with an older, honest bit of the same system."""
    view, _, liar = await issue_with(house, [])
    old = liar.honest[0]
    await house.settle()

    async def answer_old(data: bytes) -> bytes:
        return old

    liar.lie = answer_old  # type: ignore[method-assign]
    (second,) = await house.issuance.issue([house.order()])
    assert isinstance(second, IssueView)
    assert (second.state, second.code) == ("credentialed", errors.BitNotMine.code)
    assert len(await rows(house, IS, "SELECT serial FROM unit")) == 4
    assert view.state == "released"
