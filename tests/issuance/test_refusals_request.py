"""Every refusal of step 2, through the call that an issuance system makes, and the order in which they are found."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Granted, Pending
from specie.issuance.messages.policy import Kind, Limit, ReserveRule, Tier
from specie.issuance.protocol.journal import Leaf
from specie.issuance.wallet.officer import attest, pause
from tests.issuance.forge import (
    NO_SIGNATURE,
    Draft,
    all_figures,
    asynchronous,
    change_policy,
    currency_rule,
    draft_request,
    evidence_of,
    issuer_rule,
    log_size,
    now_s,
    rows,
    with_troubled_keys,
)
from tests.issuance.house import CM, CURRENCY, IS, House

AMOUNT = 5_000


@dataclass
class Case:
    """A request on its way, and the world that it meets."""

    house: House
    draft: Draft
    peer: str | None = IS
    rule: dict[str, Any] = field(default_factory=dict)
    issuer: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    attested: int | None = None
    before: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    """What happened while all was still well."""

    async def send(self) -> Any:
        """Let the world be as told, then send."""
        for happening in self.before:
            await happening()
        await change_policy(
            self.house,
            currencies=currency_rule(self.house, **self.rule),
            issuers=issuer_rule(self.house, **self.issuer),
            **self.policy,
        )
        if self.attested is not None:
            word = await attest(self.house.hand("custodian-1", "custodian"), CURRENCY, self.attested, now_s(self.house))
            await self.house.central_management.rules.apply_reserve(word)
        for scope in self.scopes:
            stop = await pause(self.house.hand("mina"), scope, "drill")
            await self.house.central_management.rules.apply_pause([stop])
        data = await self.draft.finish(self.house)
        before = await self.state()
        (answer,) = await self.house.central_management.submit_requests([data], peer=self.peer)
        self.grew = await log_size(self.house, CM) - before[1]
        self.unmoved = (await all_figures(self.house)) == before[0]
        self.data = data
        return answer

    async def state(self) -> tuple[Any, int]:
        return await all_figures(self.house), await log_size(self.house, CM)


def kid(holder: str, role: str) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.draft.kid, case.draft.signature = case.house.ring.kids[holder, role], NO_SIGNATURE

    return spoil


def wrapped(change: Callable[[bytes], bytes]) -> Callable[[Case], None]:
    return lambda case: case.draft.wraps.append(change)


def claim(key: int, value: Any) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.draft.claims[key] = value(now_s(case.house)) if callable(value) else value

    return spoil


def body(key: int, value: Any) -> Callable[[Case], None]:
    return lambda case: case.draft.body.__setitem__(key, value)


def unknown_key(case: Case) -> None:
    case.draft.kid, case.draft.signature = b"\x07" * 16, NO_SIGNATURE


def unsigned(case: Case) -> None:
    case.draft.signature = NO_SIGNATURE


def wrong_algorithm(case: Case) -> None:
    case.draft.alg, case.draft.signature = -7, NO_SIGNATURE


def wrong_type(case: Case) -> None:
    case.draft.typ = "dc-pres"


def other_peer(case: Case) -> None:
    case.peer = "is:bank-03"


def long_life(case: Case) -> None:
    case.draft.claims |= {6: now_s(case.house) - 10, 4: now_s(case.house) + 891}


def used_id(case: Case) -> None:
    first = draft_request(case.house)
    first.claims[7] = case.draft.claims[7]

    async def happening() -> None:
        (answer,) = await case.house.central_management.submit_requests([await first.finish(case.house)])
        assert isinstance(answer, Granted)

    case.before.append(happening)


def scope(name: str) -> Callable[[Case], None]:
    return lambda case: case.scopes.append(name)


def rule(**changes: Any) -> Callable[[Case], None]:
    return lambda case: case.rule.update(changes)


def issuer(**changes: Any) -> Callable[[Case], None]:
    return lambda case: case.issuer.update(changes)


def limits(*added: Limit) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        now = case.policy.get("limits", ())
        case.policy["limits"] = (*now, *added)

    return spoil


def reserve(attested: int | None) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.rule["reserve"] = ReserveRule(("custodian-1",), 1, (1, 1), 10_800)
        case.attested = attested

    return spoil


def officers_needed(case: Case) -> None:
    case.policy["tiers"] = {CURRENCY: (Tier(900_000, 1, ()),)}


FREQUENCY = Limit("requests-per-day", Kind.COUNT, 0, CURRENCY, "*", window="day")
NO_MORE = Limit("total-supply", Kind.STOCK, 0, CURRENCY)

# one entry per code of ISSUANCE-6.2.1 to 6.2.17, in the order of the clauses; an earlier fault overrides a later one
FAULTS: list[tuple[type[errors.Denial], Callable[[Case], None]]] = [
    (errors.TooLarge, wrapped(lambda data: data + bytes(16_384))),
    (errors.Malformed, wrapped(lambda data: b"\xff" + data)),
    (errors.NonCanonical, wrapped(lambda data: b"\xd8\x12" + data[1:])),
    (errors.WrongType, wrong_type),
    (errors.AlgorithmNotAllowed, wrong_algorithm),
    (errors.UnknownKey, unknown_key),
    (errors.KeyRole, kid(IS, "is:unit")),
    (errors.KeyNotActive, kid("is:late", "is:req")),
    (errors.KeyRevoked, kid("is:gone", "is:req")),
    (errors.BadSignature, unsigned),
    (errors.Schema, body(99, 1)),
    (errors.IssuerMismatch, claim(1, "is:bank-02")),
    (errors.ChannelMismatch, other_peer),
    (errors.WrongAudience, claim(3, "cm-2")),
    (errors.NotYetValid, claim(6, lambda now: now + 31)),
    (errors.RequestExpired, claim(4, lambda now: now)),
    (errors.LifetimeTooLong, long_life),
    (errors.IdempotencyMismatch, used_id),
    (errors.Paused, scope("direction:issue")),
    (errors.CurrencySuspended, scope(f"currency:{CURRENCY}")),
    (errors.IssuerSuspended, scope(f"issuer:{IS}")),
    (errors.CurrencyNotPermitted, issuer(currencies=())),
    (errors.ModelNotPermitted, issuer(models=(1,))),
    (errors.PurposeNotPermitted, issuer(purposes=("salaries",))),
    (errors.OwnerNotPermitted, issuer(owners=(b"nobody",))),
    (errors.AmountZero, body(2, 0)),
    (errors.AmountBelowMin, rule(least=AMOUNT + 1)),
    (errors.AmountAboveMax, rule(most=AMOUNT - 1)),
    (errors.DenominationNotPermitted, rule(denominations=(7,))),
    (errors.DenominationSum, body(5, [[1, AMOUNT + 1]])),
    (errors.TooManyUnits, body(5, [[1, AMOUNT]])),
    (errors.ReserveStale, reserve(None)),
    (errors.ReserveInsufficient, reserve(AMOUNT - 1)),
    (errors.FrequencyExceeded, limits(FREQUENCY)),
    (errors.QuotaExceeded, limits(NO_MORE)),
    (errors.ApproverConflict, officers_needed),
]
COUNTED_ONLY = 17
"""The first so many (C1 to C9) are answered and counted, and leave nothing behind."""


async def make_case(house: House, first: int, last: int = len(FAULTS)) -> Case:
    await house.found(edit=with_troubled_keys)
    case = Case(house, draft_request(house, house.order(AMOUNT)))
    for _, spoil in reversed(FAULTS[first:last]):
        spoil(case)
    if case.rule.get("least", 0) > case.rule.get("most", 900_000):
        case.rule["most"] = case.rule["least"]
    return case


# SPEC ISSUANCE-6.0.1, ISSUANCE-6.2.1, ISSUANCE-6.2.2, ISSUANCE-6.2.3, ISSUANCE-6.2.4, ISSUANCE-6.2.5, ISSUANCE-6.2.6
# SPEC ISSUANCE-6.2.7, ISSUANCE-6.2.8, ISSUANCE-6.2.9, ISSUANCE-6.2.10, ISSUANCE-6.2.11, ISSUANCE-6.2.12
# SPEC ISSUANCE-6.2.13, ISSUANCE-6.2.14, ISSUANCE-6.2.15, ISSUANCE-6.2.16, ISSUANCE-6.2.17, ISSUANCE-7.6, ISSUANCE-21.2
@pytest.mark.parametrize("first", range(len(FAULTS)), ids=lambda i: FAULTS[i][0].chapter)
@asynchronous
async def test_the_first_fault_is_named(house: House, first: int) -> None:
    """Put in this fault and every later one: the refusal must name this one, and no figure moves."""
    case = await make_case(house, first)
    answer = await case.send()
    assert type(answer) is FAULTS[first][0], answer
    assert case.unmoved


# SPEC ISSUANCE-7.1, ISSUANCE-7.3, ISSUANCE-7.4, ISSUANCE-10.1.5, ISSUANCE-20.24
@pytest.mark.parametrize("only", range(len(FAULTS)), ids=lambda i: FAULTS[i][0].chapter)
@asynchronous
async def test_a_fault_alone_is_evidence(house: House, only: int) -> None:
    """A signed dc-deny over the exact bytes; stored, logged and replayed from C11 on, and only counted before."""
    case = await make_case(house, only, only + 1)
    answer = await case.send()
    assert type(answer) is FAULTS[only][0], answer
    said = evidence_of(house, answer, CM)
    assert said.body.object_hash == sha256(case.data).digest()
    assert case.unmoved
    if only < COUNTED_ONLY:
        assert case.grew == 0
        return
    assert case.grew == 1
    if type(answer) is errors.IdempotencyMismatch:
        return  # the id belongs to the first request, whose answer stays
    denied = await rows(house, CM, "SELECT state, hash FROM request WHERE denial IS NOT NULL")
    assert denied == [(1, sha256(case.data).digest())]
    size = await log_size(house, CM)
    (again,) = await house.central_management.submit_requests([case.data], peer=IS)
    assert (type(again), again.evidence, again.detail) == (type(answer), answer.evidence, answer.detail)
    assert (again.bucket, again.available, again.not_before_s) == (
        answer.bucket,
        answer.available,
        answer.not_before_s,
    )
    assert await log_size(house, CM) == size


# SPEC ISSUANCE-6.2.17, ISSUANCE-11.4
@asynchronous
async def test_pending_approval_is_no_refusal(house: House) -> None:
    """Nothing is wrong but that officers must agree: 202, the quota is held, the same bytes are told the same."""
    await house.found()
    data = await draft_request(house, house.order(200_000, operator="olga")).finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    assert isinstance(answer, Pending)
    assert answer.until_s == now_s(house) + 3600
    held, _ = await all_figures(house)
    assert held[f"stock:{CURRENCY}"] == (200_000, 0)
    (again,) = await house.central_management.submit_requests([data], peer=IS)
    assert isinstance(again, Pending)
    assert (await all_figures(house))[0] == held


# SPEC ISSUANCE-7.1, ISSUANCE-7.2
@pytest.mark.parametrize("disclosed", [0, 1])
@asynchronous
async def test_what_is_left_is_told_where_the_policy_says_so(house: House, disclosed: int) -> None:
    await house.found(daily_cap=12_000)
    await change_policy(house, disclose_available=disclosed)
    (answer,) = await house.central_management.submit_requests([await draft_request(house).finish(house)])
    assert isinstance(answer, errors.QuotaExceeded)
    said = evidence_of(house, answer, CM).body
    assert (said.bucket, said.available) == ("daily", 12_000 if disclosed else None)
    assert said.not_before is not None
    assert said.not_before % 86_400 == 0
    assert answer.retry_after_s == said.not_before - now_s(house)
    assert answer.available == said.available


# SPEC ISSUANCE-6.2.15
@asynchronous
async def test_a_frequency_cap_says_when_to_come_again(house: House) -> None:
    await house.found()
    await change_policy(house, limits=(replace(FREQUENCY, cap=1),))
    for expected in (Granted, errors.FrequencyExceeded):
        (answer,) = await house.central_management.submit_requests([await draft_request(house).finish(house)])
        assert type(answer) is expected
    assert answer.status == 429
    assert 0 < answer.retry_after_s <= 86_400


# SPEC ISSUANCE-4.1.1, ISSUANCE-6.2.6
@pytest.mark.parametrize("missing", [3, 4])
@asynchronous
async def test_a_request_without_addressee_or_end_is_no_request(house: House, missing: int) -> None:
    """SCHEMA, also where a later check would refuse it."""
    await house.found()
    draft = draft_request(house)
    del draft.claims[missing]
    draft.claims[1] = "is:bank-02"
    (answer,) = await house.central_management.submit_requests([await draft.finish(house)], peer=IS)
    assert isinstance(answer, errors.Schema)


# SPEC ISSUANCE-10.5.1
@asynchronous
async def test_a_denied_request_comes_again_under_a_new_id(house: House) -> None:
    await house.found(daily_cap=12_000)
    first = draft_request(house)
    (denied,) = await house.central_management.submit_requests([await first.finish(house)])
    second = draft_request(house, house.order(denied.available, supersedes=first.claims[7]))
    (granted,) = await house.central_management.submit_requests([await second.finish(house)])
    assert isinstance(granted, Granted)
    assert granted.amount == 12_000


# SPEC ISSUANCE-7.3, ISSUANCE-15.1.2
@asynchronous
async def test_a_mismatch_is_logged_beside_the_first_answer(house: House) -> None:
    """The second request of one id is denied with evidence; the first one's answer stays what it was."""
    await house.found()
    first = draft_request(house)
    (granted,) = await house.central_management.submit_requests([await first.finish(house)])
    first.body[6] = "salaries"
    (answer,) = await house.central_management.submit_requests([await first.finish(house)])
    assert isinstance(answer, errors.IdempotencyMismatch)
    leaves = [Leaf.decode(each).event for each in await house.central_management.log.leaves(1, 100)]
    assert leaves[-2:] == ["credential", "mismatch"]
    assert (await house.central_management.request_answer(first.claims[7])).cti == granted.cti
