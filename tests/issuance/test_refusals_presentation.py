"""Every refusal of step 5, through the call that an issuance system makes, and the order in which they are found.

Central management is the adversary here: what it signs and seals need not be what it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest

from specie.crypto import cose
from specie.crypto.x25519 import X25519Secret
from specie.issuance import errors
from specie.issuance.api import Bit
from specie.issuance.messages.objects import Request
from specie.issuance.messages.policy import Kind, Limit, ReserveRule, Tier
from specie.issuance.protocol.units import unit_root
from specie.issuance.wallet.officer import approve, attest, pause, revoke
from tests.issuance.forge import (
    NO_SIGNATURE,
    OTHER,
    Draft,
    all_figures,
    asynchronous,
    change_policy,
    currency_rule,
    current_policy,
    draft_presentation,
    draft_request,
    evidence_of,
    issuer_rule,
    log_size,
    now_s,
    with_troubled_keys,
)
from tests.issuance.house import CM, CURRENCY, IS, QC, House

AMOUNT = 5_000
CODES = tuple[type[errors.Denial] | type[errors.Unavailable], Callable[["Case"], None]]


@dataclass
class Case:
    """A request, the credential for it, the presentation of that, and the world that it meets."""

    house: House
    request: Draft
    credential: Draft
    presentation: Draft
    peer: str | None = IS
    recipient: bytes | None = None
    """X25519 key that it is sealed to; quota control's by default."""
    approvals: list[Callable[[bytes], Coroutine[Any, Any, bytes]]] = field(default_factory=list)
    rule: dict[str, Any] = field(default_factory=dict)
    issuer: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    attested: int | None = None
    shown: bytes | None = None
    """The request as the credential's body names it, where it differs from the one inside."""
    before: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    spoilt: dict[int, Any] = field(default_factory=dict)
    """Fields of the credential that say something else."""
    sealed_wraps: list[Callable[[bytes], bytes]] = field(default_factory=list)

    async def seal(self) -> bytes:
        """Everything of the credential, finished and sealed."""
        data = await self.request.finish(self.house)
        self.credential.body.update({1: data, 2: sha256(data).digest()})
        self.credential.body[9] = [await make(data) for make in self.approvals]
        self.credential.body.update(self.spoilt)
        self.inner = await self.credential.finish(self.house)
        key = self.recipient or cose.parse_key(self.house.ring.cose_keys[QC, "qc:kem"]).public
        sealed = cose.seal(self.inner, key, self.credential.claims[7], self.house.randomness)
        for change in self.sealed_wraps:
            sealed = change(sealed)
        return sealed

    async def send(self) -> Any:
        quota_control = self.house.quota_control
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
            await quota_control.rules.apply_reserve(word)
        for scope in self.scopes:
            await quota_control.rules.apply_pause([await pause(self.house.hand("mina"), scope, "drill")])
        sealed = await self.seal()
        self.presentation.body = {**self.presentation.body, 1: sealed, 2: sha256(sealed).digest()}
        self.data = await self.presentation.finish(self.house)
        figures, size = await all_figures(self.house), await log_size(self.house, QC)
        (answer,) = await quota_control.control_bits([self.data], peer=self.peer)
        self.grew = await log_size(self.house, QC) - size
        self.unmoved = await all_figures(self.house) == figures
        return answer


def draft_credential(house: House, request: Draft) -> Draft:
    """A credential that nothing is wrong with; the request and its hash are filled in when it is sent."""
    now, policy = now_s(house), current_policy(house)
    cti = house.desks[CM].new_cti()
    asked = Request.from_wire(request.body)
    body = {
        3: request.claims[1],
        4: asked.currency,
        5: asked.amount,
        6: asked.model,
        7: policy.version,
        8: house.desks[QC].cached.book.newest.hash,  # type: ignore[union-attr]
        9: [],
        10: unit_root(cti, asked)[0],
    }
    claims = {1: CM, 3: QC, 4: now + 600, 5: now, 6: now, 7: cti}
    return Draft("dc-cred", house.ring.kids[CM, "cm:cred"], claims, body)


def outer(change: Callable[[Draft, Case], None]) -> Callable[[Case], None]:
    return lambda case: change(case.presentation, case)


def inner(change: Callable[[Draft, Case], None]) -> Callable[[Case], None]:
    return lambda case: change(case.credential, case)


def wrapped(change: Callable[[bytes], bytes]) -> Callable[[Draft, Case], None]:
    return lambda draft, case: draft.wraps.append(change)


def kid(holder: str, role: str) -> Callable[[Draft, Case], None]:
    def spoil(draft: Draft, case: Case) -> None:
        draft.kid, draft.signature = case.house.ring.kids[holder, role], NO_SIGNATURE

    return spoil


def unknown(draft: Draft, case: Case) -> None:
    draft.kid, draft.signature = b"\x07" * 16, NO_SIGNATURE


def unsigned(draft: Draft, case: Case) -> None:
    draft.signature = NO_SIGNATURE


def typ(name: str) -> Callable[[Draft, Case], None]:
    def spoil(draft: Draft, case: Case) -> None:
        draft.typ, draft.signature = name, NO_SIGNATURE

    return spoil


def algorithm(draft: Draft, case: Case) -> None:
    draft.alg, draft.signature = -7, NO_SIGNATURE


def claim(key: int, value: Any) -> Callable[[Draft, Case], None]:
    return lambda draft, case: draft.claims.__setitem__(key, value)


def extra(draft: Draft, case: Case) -> None:
    draft.body[99] = 1


def peer(case: Case) -> None:
    case.peer = "is:bank-03"


def another_key(case: Case) -> None:
    case.recipient = X25519Secret.from_bytes(b"\x11" * 32).public()


def presented_by_another(case: Case) -> None:
    fresh = draft_presentation(case.house, b"", issuer=OTHER)
    fresh.wraps = case.presentation.wraps
    case.presentation, case.peer = fresh, OTHER


def spoilt(key: int, value: Any) -> Callable[[Case], None]:
    return lambda case: case.spoilt.__setitem__(key, value)


def rule(**changes: Any) -> Callable[[Case], None]:
    return lambda case: case.rule.update(changes)


def issuer(**changes: Any) -> Callable[[Case], None]:
    return lambda case: case.issuer.update(changes)


def officers_needed(case: Case) -> None:
    case.policy["tiers"] = {CURRENCY: (Tier(900_000, 1, ()),)}
    case.request.body.setdefault(8, "olga")


def approved_by_operator(case: Case) -> None:
    officers_needed(case)
    case.request.body[8] = "mina"
    case.approvals = [lambda data: approve(case.house.hand("mina"), data, 0)]


def approved_twice(case: Case) -> None:
    officers_needed(case)
    case.policy["tiers"] = {CURRENCY: (Tier(900_000, 2, ()),)}
    case.approvals = [
        lambda data: approve(case.house.hand("omar"), data, 0),
        lambda data: approve(case.house.hand("omar"), data, 0),
    ]


def conflict(case: Case) -> None:
    """The same credential id was used with other content."""

    async def happening() -> None:
        await used_before(case, case.credential.claims[7])

    case.before.append(happening)


def second_credential(case: Case) -> None:
    """The same request was used with another credential."""

    async def happening() -> None:
        other = draft_credential(case.house, case.request)
        case.request.signature = None
        first = Case(case.house, case.request, other, draft_presentation(case.house, b""))
        assert isinstance(await first.send(), Bit)

    case.before.append(happening)


async def used_before(case: Case, cti: bytes) -> None:
    request = draft_request(case.house, case.house.order(AMOUNT))
    credential = draft_credential(case.house, request)
    credential.claims[7] = cti
    credential.body[10] = unit_root(cti, Request.from_wire(request.body))[0]
    first = Case(case.house, request, credential, draft_presentation(case.house, b""))
    assert isinstance(await first.send(), Bit)


def tombstoned(case: Case) -> None:
    async def happening() -> None:
        cti = case.credential.claims[7]
        (closed,) = await case.house.quota_control.tombstones([(cti, bytes(32))], peer=CM)
        assert not closed.used  # type: ignore[union-attr]

    case.before.append(happening)


def revoked(case: Case) -> None:
    async def happening() -> None:
        word = await revoke(case.house.hand("omar"), case.credential.claims[7], "drill")
        assert not (await case.house.quota_control.revoke(word)).used

    case.before.append(happening)


def times(iat: int, exp: int) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        now = now_s(case.house)
        case.credential.claims |= {4: now + exp, 5: now + iat, 6: now + iat}

    return spoil


def scope(name: str) -> Callable[[Case], None]:
    return lambda case: case.scopes.append(name)


def reserve(attested: int | None) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.rule["reserve"] = ReserveRule(("custodian-1",), 1, (1, 1), 10_800)
        case.attested = attested

    return spoil


def no_room(case: Case) -> None:
    case.policy["limits"] = (Limit("total-supply", Kind.STOCK, 0, CURRENCY),)


# the order of ISSUANCE-6.5.1 to 6.5.17; an earlier fault overrides a later one
FAULTS: list[CODES] = [
    (errors.TooLarge, outer(wrapped(lambda data: data + bytes(16_384)))),
    (errors.Malformed, outer(wrapped(lambda data: b"\xff" + data))),
    (errors.NonCanonical, outer(wrapped(lambda data: b"\xd8\x12" + data[1:]))),
    (errors.WrongType, outer(typ("dc-req"))),
    (errors.AlgorithmNotAllowed, outer(algorithm)),
    (errors.UnknownKey, outer(unknown)),
    (errors.KeyRole, outer(kid(IS, "is:unit"))),
    (errors.KeyNotActive, outer(kid("is:late", "is:req"))),
    (errors.KeyRevoked, outer(kid("is:gone", "is:req"))),
    (errors.BadSignature, outer(unsigned)),
    (errors.Schema, outer(extra)),
    (errors.IssuerMismatch, outer(claim(1, "is:bank-09"))),
    (errors.ChannelMismatch, peer),
    (errors.WrongAudience, outer(claim(3, "qc-2"))),
    (errors.UnsealFailed, another_key),
    (errors.Malformed, inner(wrapped(lambda data: b"\xff" + data))),
    (errors.NonCanonical, inner(wrapped(lambda data: b"\xd8\x12" + data[1:]))),
    (errors.WrongType, inner(typ("dc-bit"))),
    (errors.AlgorithmNotAllowed, inner(algorithm)),
    (errors.UnknownKey, inner(unknown)),
    (errors.KeyRole, inner(kid(QC, "qc:bit"))),
    (errors.KeyNotActive, inner(kid("cm-late", "cm:cred"))),
    (errors.KeyRevoked, inner(kid("cm-gone", "cm:cred"))),
    (errors.BadSignature, inner(unsigned)),
    (errors.Schema, inner(extra)),
    (errors.WrongAudience, inner(claim(3, "qc-2"))),
    (errors.PresenterMismatch, presented_by_another),
    (errors.CredentialRequestMismatch, spoilt(5, AMOUNT + 1)),
    (errors.PolicyStale, spoilt(7, 77)),
    (errors.CurrencyNotPermitted, issuer(currencies=())),
    (errors.ModelNotPermitted, issuer(models=(1,))),
    (errors.PurposeNotPermitted, issuer(purposes=("salaries",))),
    (errors.OwnerNotPermitted, issuer(owners=(b"nobody",))),
    (errors.ApproverConflict, approved_by_operator),
    (errors.ApprovalDuplicate, approved_twice),
    (errors.ApprovalsInsufficient, officers_needed),
    (errors.CredentialConflict, second_credential),
    (errors.CredentialExpired, tombstoned),
    (errors.CredentialRevoked, revoked),
    (errors.CredentialNotYetValid, times(31, 600)),
    (errors.CredentialExpired, times(-2000, 0)),
    (errors.LifetimeTooLong, times(-10, 591)),
    (errors.Paused, scope("platform")),
    (errors.CurrencySuspended, scope(f"currency:{CURRENCY}")),
    (errors.IssuerSuspended, scope(f"issuer:{IS}")),
    (errors.ReserveStale, reserve(None)),
    (errors.ReserveInsufficient, reserve(AMOUNT - 1)),
    (errors.QuotaExceededRealTime, no_room),
]
Q11 = 28
"""From here on refusals are logged."""
NAMES = [f"{index}-{fault[0].chapter}" for index, fault in enumerate(FAULTS)]
ONE_STATE = {36, 37, 38}
"""What happened to the credential before: one of these at a time."""


async def make_case(house: House, faults: list[int]) -> Case:
    await house.found(edit=with_troubled_keys)
    house.clock.advance(seconds=3600)
    request = draft_request(house, house.order(AMOUNT))
    case = Case(house, request, draft_credential(house, request), draft_presentation(house, b""))
    state = next((index for index in faults if index in ONE_STATE), None)
    for index in reversed(faults):
        if index not in ONE_STATE or index == state:
            FAULTS[index][1](case)
    return case


# SPEC ISSUANCE-6.0.1, ISSUANCE-6.5.1, ISSUANCE-6.5.2, ISSUANCE-6.5.3, ISSUANCE-6.5.4, ISSUANCE-6.5.5, ISSUANCE-6.5.6
# SPEC ISSUANCE-6.5.7, ISSUANCE-6.5.8, ISSUANCE-6.5.9, ISSUANCE-6.5.10, ISSUANCE-6.5.11, ISSUANCE-6.5.12
# SPEC ISSUANCE-6.5.13, ISSUANCE-6.5.14, ISSUANCE-6.5.15, ISSUANCE-6.5.16, ISSUANCE-6.5.21, ISSUANCE-7.6, ISSUANCE-21.2
@pytest.mark.parametrize("first", range(len(FAULTS)), ids=NAMES)
@asynchronous
async def test_the_first_fault_is_named(house: House, first: int) -> None:
    """Put in this fault and every later one: the refusal must name this one, and no figure moves."""
    case = await make_case(house, list(range(first, len(FAULTS))))
    answer = await case.send()
    assert type(answer) is FAULTS[first][0], answer
    assert case.unmoved


# SPEC ISSUANCE-7.1, ISSUANCE-7.3, ISSUANCE-7.4, ISSUANCE-20.24
@pytest.mark.parametrize("only", range(len(FAULTS)), ids=NAMES)
@asynchronous
async def test_a_fault_alone_is_evidence(house: House, only: int) -> None:
    """A signed dc-deny, over the presentation before Q11 and over the credential from there on, where it is logged."""
    case = await make_case(house, [only])
    answer = await case.send()
    assert type(answer) is FAULTS[only][0], answer
    assert case.unmoved
    if isinstance(answer, errors.PolicyStale):
        assert case.grew == 0
        return
    named = case.inner if only >= Q11 else case.data
    assert evidence_of(house, answer, QC).body.object_hash == sha256(named).digest()
    assert case.grew == (1 if only >= Q11 else 0)


# SPEC ISSUANCE-6.5.12
@asynchronous
async def test_one_id_with_two_contents_is_a_conflict(house: House) -> None:
    case = await make_case(house, [])
    conflict(case)
    assert type(await case.send()) is errors.CredentialConflict


# SPEC ISSUANCE-6.5.12, ISSUANCE-6.5.19, ISSUANCE-10.1.7
@asynchronous
async def test_a_lost_answer_is_fetched_after_expiry(house: House) -> None:
    """Used and shown again: the stored bit, once in the figures, even where exp has passed."""
    case = await make_case(house, [])
    first = await case.send()
    assert isinstance(first, Bit)
    assert not first.replayed
    figures = await all_figures(house)
    house.clock.advance(seconds=3000)
    (again,) = await house.quota_control.control_bits([case.data], peer=IS)
    assert isinstance(again, Bit)
    assert (again.bit, again.replayed) == (first.bit, True)
    assert {key: value for key, value in (await all_figures(house))[1].items() if "#" not in key} == {
        key: value for key, value in figures[1].items() if "#" not in key
    }


# SPEC ISSUANCE-6.5.7, ISSUANCE-4.3.1
@pytest.mark.parametrize("missing", [3, 4, 5])
@asynchronous
async def test_a_credential_without_addressee_or_times_is_none(house: House, missing: int) -> None:
    case = await make_case(house, [])
    del case.credential.claims[missing]
    case.peer = None
    assert type(await case.send()) is errors.Schema


# SPEC ISSUANCE-7.2, ISSUANCE-20.20
@pytest.mark.parametrize("disclosed", [0, 1])
@asynchronous
async def test_what_is_left_in_real_time(house: House, disclosed: int) -> None:
    """A cap lowered during the flow is enforced at step 5, with the same bytes again once there is room."""
    case = await make_case(house, [])
    limits = current_policy(house).limits
    case.policy |= {"limits": (Limit("total-supply", Kind.STOCK, 4_000, CURRENCY),), "disclose_available": disclosed}
    answer = await case.send()
    assert isinstance(answer, errors.QuotaExceededRealTime)
    said = evidence_of(house, answer, QC).body
    assert (said.bucket, said.available) == ("total-supply", 4_000 if disclosed else None)
    await change_policy(house, limits=limits)
    (bit,) = await house.quota_control.control_bits([case.data], peer=IS)
    assert isinstance(bit, Bit)


# SPEC ISSUANCE-17.2
@pytest.mark.parametrize("fault", [14, 27, 36], ids=lambda index: FAULTS[index][0].chapter)
@asynchronous
async def test_what_nobody_should_see_raises_an_alarm(house: House, fault: int) -> None:
    case = await make_case(house, [fault])
    heard: list[str] = []
    observer = house.desks[QC].observer
    observer.alarm = lambda code, detail: heard.append(code)  # type: ignore[method-assign]
    answer = await case.send()
    assert answer.chapter in heard
