"""Every refusal of section 14, through the calls of the issuance system and of quota control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Parcel
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import RedemptionRequest, Unit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.wallet.hand import Hand
from specie.issuance.wallet.officer import approve, freeze, pause, reject, resume
from specie.issuance.wallet.owner import redemption_request
from specie.kernel.errors import Unavailable
from tests.issuance.forge import (
    NO_SIGNATURE,
    OTHER,
    Draft,
    all_figures,
    asynchronous,
    change_policy,
    currency_rule,
    evidence_of,
    log_size,
    rows,
    sha,
)
from tests.issuance.house import CURRENCY, IS, QC, House
from tests.issuance.registry import BANK, CHAIN, BankBooks, LedgerBooks

Connected = tuple[House, BankBooks, LedgerBooks]


@dataclass
class Case:
    """An honest parcel, and what is spoilt of it."""

    house: House
    owner: Hand
    units: list[bytes]
    request: Draft
    extra: dict[str, Any] = field(default_factory=dict)

    async def parcel(self) -> Parcel:
        data = await self.request.finish(self.house)
        return replace(Parcel(data, await self.owner.cose_key(), tuple(self.units)), **self.extra)


async def make_case(house: House) -> Case:
    await house.found()
    (view,) = await house.issuance.issue([house.order()])
    await house.settle()
    units = list(await house.issuance.units(view.id))  # type: ignore[union-attr]
    owner = house.hand("alice", "owner")
    signed: Signed[RedemptionRequest] = read_unverified(
        await redemption_request(owner, units, "account 7"), RedemptionRequest
    )
    claims = {1: "alice", 3: IS, 6: signed.claims.iat, 7: owner.new_cti()}
    return Case(house, owner, units, Draft("dc-redreq", signed.kid, claims, signed.body.to_wire()))


def wrapped(change: Callable[[bytes], bytes]) -> Callable[[Case], None]:
    return lambda case: case.request.wraps.append(change)


def wrong_type(case: Case) -> None:
    case.request.typ, case.request.signature = "dc-req", NO_SIGNATURE


def body(key: int, value: Any) -> Callable[[Case], None]:
    return lambda case: case.request.body.__setitem__(key, value)


def audience(case: Case) -> None:
    case.request.claims.pop(3)


def another_owner(case: Case) -> None:
    case.owner = case.house.hand("bob", "owner")


def unsigned(case: Case) -> None:
    case.request.signature = NO_SIGNATURE


def altered_unit(case: Case) -> None:
    case.units[0] = case.units[0][:-1] + bytes([case.units[0][-1] ^ 1])


def destroy(case: Case) -> None:
    case.request.body[5] = ""


# the order of quota control's checks before its transaction
FAULTS: list[tuple[type[errors.Denial], Callable[[Case], None]]] = [
    (errors.TooLarge, wrapped(lambda data: data + bytes(16_384))),
    (errors.Malformed, wrapped(lambda data: b"\xff" + data)),
    (errors.NonCanonical, wrapped(lambda data: b"\xd8\x12" + data[1:])),
    (errors.WrongType, wrong_type),
    (errors.Schema, audience),
    (errors.ApprovalsInsufficient, destroy),
    (errors.NotOwner, another_owner),
    (errors.BadSignature, unsigned),
    (errors.UnitInvalid, altered_unit),
]


# SPEC ISSUANCE-6.0.1, ISSUANCE-14.2, ISSUANCE-7.1, ISSUANCE-7.6
@pytest.mark.parametrize("first", range(len(FAULTS)), ids=lambda i: FAULTS[i][0].chapter)
@asynchronous
async def test_the_first_fault_is_named(house: House, first: int) -> None:
    """Put in this fault and every later one: quota control names this one, with evidence, and gives nothing back."""
    case = await make_case(house)
    for _, spoil in reversed(FAULTS[first:]):
        spoil(case)
    figures, size = await all_figures(house), await log_size(house, QC)
    with pytest.raises(FAULTS[first][0]) as caught:
        await house.quota_control.redeem(await case.parcel(), peer=IS)
    assert evidence_of(house, caught.value, QC).body.code == caught.value.chapter
    assert await all_figures(house) == figures
    assert await log_size(house, QC) == size


# SPEC ISSUANCE-14.1
@asynchronous
async def test_units_come_back_through_their_issuer_only(house: House) -> None:
    case = await make_case(house)
    with pytest.raises(errors.ChannelMismatch):
        await house.quota_control.redeem(await case.parcel(), peer=OTHER)


# SPEC ISSUANCE-14.15
@asynchronous
async def test_a_serial_stands_once_in_a_request(house: House) -> None:
    case = await make_case(house)
    first = read_unverified(case.units[0], Unit)
    case.units = [case.units[0]] * 2
    case.request.body |= {2: 2 * first.body.value, 3: [first.claims.cti] * 2}
    with pytest.raises(errors.Schema):
        await house.quota_control.redeem(await case.parcel(), peer=IS)


# SPEC ISSUANCE-14.7
@asynchronous
async def test_the_values_add_up_to_the_amount(house: House) -> None:
    """The units in a request are worth what it asks for, no more and no less."""
    case = await make_case(house)
    for amount in (14_999, 15_001):
        case.request.body[2] = amount
        case.request.claims[7] = case.owner.new_cti()
        with pytest.raises(errors.UnitInvalid):
            await house.quota_control.redeem(await case.parcel(), peer=IS)
    assert (await all_figures(house))[1][f"stock:{CURRENCY}"] == (0, 15_000)


# SPEC ISSUANCE-14.3, ISSUANCE-14.5, ISSUANCE-14.15
@asynchronous
async def test_already_redeemed(house: House) -> None:
    """The same request is told the same; another one over the same serials is refused, at both doors."""
    case = await make_case(house)
    parcel = await case.parcel()
    receipt = await house.issuance.redeem(parcel)
    assert await house.issuance.redeem(parcel) == receipt
    assert await house.quota_control.redeem(parcel, peer=IS) == receipt
    await house.settle()
    figures = await all_figures(house)
    assert all(f"stock:{CURRENCY}" not in held for held in figures)
    case.request.claims[7] = case.owner.new_cti()
    for door in (house.issuance.redeem, house.quota_control.redeem):
        with pytest.raises(errors.AlreadyRedeemed):
            await door(await case.parcel())
    assert await all_figures(house) == figures


# SPEC ISSUANCE-10.1.3
@asynchronous
async def test_one_id_for_two_redemptions(house: House) -> None:
    case = await make_case(house)
    await house.issuance.redeem(await case.parcel())
    case.request.body[5] = "account 8"
    for door in (house.issuance.redeem, house.quota_control.redeem):
        with pytest.raises(errors.IdempotencyMismatch):
            await door(await case.parcel())


# SPEC ISSUANCE-14.2
@asynchronous
async def test_what_the_issuer_knows_of_its_units(house: House) -> None:
    """UNKNOWN_SERIAL, UNIT_REVOKED and WRONG_AUDIENCE come from the system that keeps the units' states."""
    case = await make_case(house)
    serial = read_unverified(case.units[0], Unit).claims.cti
    words = [await freeze(house.hand(person), serial, "theft") for person in ("mina", "omar")]
    await house.issuance.freeze(words)
    with pytest.raises(errors.UnitRevoked):
        await house.issuance.redeem(await case.parcel())
    with pytest.raises(errors.UnknownSerial):
        await house.issuance.unit(bytes(16))
    case.request.body[3] = [bytes(16)]
    with pytest.raises(errors.UnknownSerial):
        await house.issuance.redeem(await case.parcel())
    case.request.claims[3] = OTHER
    with pytest.raises(errors.WrongAudience):
        await house.issuance.redeem(await case.parcel())


# SPEC ISSUANCE-12.5.1, ISSUANCE-14.13
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("platform", errors.Paused),
        ("direction:redeem", errors.Paused),
        (f"currency:{CURRENCY}", errors.CurrencySuspended),
        (f"issuer:{IS}", errors.IssuerSuspended),
    ],
)
@asynchronous
async def test_a_pause_of_redemptions_is_later(house: House, scope: str, expected: type[errors.Denial]) -> None:
    """Refused, not stored; the same bytes are redeemed after the resume."""
    case = await make_case(house)
    stop = await pause(house.hand("mina"), scope, "drill")
    await house.quota_control.rules.apply_pause([stop])
    parcel = await case.parcel()
    with pytest.raises(expected):
        await house.issuance.redeem(parcel)
    words = [await resume(house.hand(person), scope, "over", [sha(stop)]) for person in ("mina", "omar")]
    await house.quota_control.rules.apply_pause(words)
    assert await house.issuance.redeem(parcel)


# SPEC ISSUANCE-12.5.1
@asynchronous
async def test_a_pause_of_issuing_leaves_redemptions_alone(house: House) -> None:
    case = await make_case(house)
    await house.quota_control.rules.apply_pause([await pause(house.hand("mina"), "direction:issue", "drill")])
    assert await house.issuance.redeem(await case.parcel())


# SPEC ISSUANCE-14.6
@asynchronous
async def test_destruction_takes_two_officers(house: House) -> None:
    """None, one, one twice, one that rejects, one that decided on something else, expired: all refused."""
    case = await make_case(house)
    destroy(case)
    data = (await case.parcel()).request
    mina, omar = house.hand("mina"), house.hand("omar")
    yes = await approve(mina, data, 0)
    again, late = await approve(mina, data, 0), await approve(omar, data, 0, life_s=0)
    no, other = await reject(omar, data, 0, "no"), await approve(omar, b"something else", 0)
    for approvals, expected in (
        ((), errors.ApprovalsInsufficient),
        ((yes,), errors.ApprovalsInsufficient),
        ((yes, again), errors.ApprovalDuplicate),
        ((yes, no), errors.ApprovalsInsufficient),
        ((yes, other), errors.ApprovalsInsufficient),
        ((yes, late), errors.ApprovalsInsufficient),
    ):
        parcel = Parcel(data, await case.owner.cose_key(), tuple(case.units), approvals)
        with pytest.raises(expected):
            await house.quota_control.redeem(parcel, peer=IS)
    good = Parcel(data, await case.owner.cose_key(), (), (yes, await approve(omar, data, 0)))
    receipt = await house.issuance.redeem(good)
    assert {row[0] for row in await rows(house, IS, "SELECT state FROM unit")} == {3}
    # SPEC ISSUANCE-14.15 (the lookup comes first, also when the officers' words have expired)
    house.clock.advance(seconds=7200)
    again_parcel = replace(good, units=tuple(case.units))
    assert await house.quota_control.redeem(again_parcel, peer=IS) == receipt


# SPEC ISSUANCE-13.2.12
@asynchronous
async def test_units_of_a_ledger_are_evidence_only(connected: Connected) -> None:
    house, _, _ = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    (view,) = await house.issuance.issue([house.order()])
    units = list(await house.issuance.units(view.id))  # type: ignore[union-attr]
    owner = house.hand("alice", "owner")
    data = await redemption_request(owner, units, "account 7")
    with pytest.raises(errors.UnitInvalid):
        await house.issuance.redeem(Parcel(data, await owner.cose_key()))


async def bank_request(house: House, amount: int, **changes: Any) -> Draft:
    """A dc-redreq by the bank, in the amount form."""
    bank = house.hand(BANK, "bank:reg")
    claims = {1: BANK, 3: IS, 6: bank.now_s(), 7: bank.new_cti()} | changes.pop("claims", {})
    wire = {1: CURRENCY, 2: amount, 4: changes.pop("reference", b"\x01" * 32), 5: "treasury"}
    return Draft("dc-redreq", await bank.kid(), claims, wire | changes)


async def account_issue(house: House, amount: int = 5_000) -> None:
    order = house.order(amount, model=1, owner=f"{BANK}/a-1".encode(), denominations=None)
    (view,) = await house.issuance.issue([order])
    assert view.state == "released", view  # type: ignore[union-attr]
    await house.settle()


# SPEC ISSUANCE-14.12, ISSUANCE-14.13, ISSUANCE-14.14
@asynchronous
async def test_account_money_by_amount(connected: Connected) -> None:
    """Refused: with an exp, another bank's name, more than the bank ever had, more than is out, twice."""
    house, _, _ = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    await account_issue(house)
    figures = await all_figures(house)

    async def refused(draft: Draft, expected: type[Exception]) -> None:
        with pytest.raises(expected):
            await house.quota_control.redeem(Parcel(await draft.finish(house)), peer=BANK)
        assert await all_figures(house) == figures

    await refused(await bank_request(house, 5_000, claims={4: 2_000_000_000}), errors.Schema)
    await refused(await bank_request(house, 5_000, claims={1: "bank:other"}), errors.BadSignature)
    await refused(await bank_request(house, 5_001), errors.UnitInvalid)
    unsigned_draft = await bank_request(house, 5_000)
    unsigned_draft.signature = NO_SIGNATURE
    await refused(unsigned_draft, errors.BadSignature)
    good = await bank_request(house, 5_000)
    data = await good.finish(house)
    receipt = await house.quota_control.redeem(Parcel(data), peer=BANK)
    assert await house.quota_control.redeem(Parcel(data), peer=BANK) == receipt
    await house.settle()
    assert all(f"stock:{CURRENCY}" not in held for held in await all_figures(house))
    figures = await all_figures(house)
    await refused(await bank_request(house, 5_000), errors.AlreadyRedeemed)
    await refused(await bank_request(house, 1, reference=b"\x02" * 32), errors.UnitInvalid)


# SPEC ISSUANCE-14.14
@asynchronous
async def test_a_banks_key_alone_frees_nothing(connected: Connected) -> None:
    """Units are out, but this bank never had account money: its word is not taken."""
    house, _, _ = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    await house.issuance.issue([house.order()])
    await house.settle()
    heard: list[str] = []
    house.desks[QC].observer.alarm = lambda code, detail: heard.append(code)  # type: ignore[method-assign]
    with pytest.raises(errors.UnitInvalid):
        await house.quota_control.redeem(Parcel(await (await bank_request(house, 100)).finish(house)), peer=BANK)
    assert heard == ["REDEEMED_BEYOND_ISSUE"]


# SPEC ISSUANCE-14.9, ISSUANCE-14.10, ISSUANCE-14.11
@asynchronous
async def test_a_burn_returns_quota_once(connected: Connected) -> None:
    """The proof is of exactly these bytes; one reference is redeemed once; another proof is UNIT_INVALID."""
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    await house.issuance.issue([house.order()])
    await house.settle()
    data = await (await bank_request(house, 15_000)).finish(house)
    proof = await ledger.burn(data, CURRENCY, 15_000)
    other = await (await bank_request(house, 15_000)).finish(house)
    for request, wrong in ((other, proof), (data, b"\x00"), (data, proof[:-1] + b"\x00")):
        with pytest.raises(errors.UnitInvalid):
            await house.quota_control.redeem(Parcel(request, proof=wrong), peer=BANK)
    receipt = await house.quota_control.redeem(Parcel(data, proof=proof), peer=BANK)
    await house.settle()
    assert all(f"stock:{CURRENCY}" not in held for held in await all_figures(house))
    assert await house.quota_control.redeem(Parcel(data, proof=proof), peer=BANK) == receipt
    assert await ledger.supply(CURRENCY) == 0


# SPEC ISSUANCE-14.13
@asynchronous
async def test_a_burned_sum_is_redeemed_after_the_banks_key_has_rotated(connected: Connected) -> None:
    """These bytes are the only ones that can redeem it: the key that stopped signing still verifies."""
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    await house.issuance.issue([house.order()])
    await house.settle()
    data = await (await bank_request(house, 15_000)).finish(house)
    proof = await ledger.burn(data, CURRENCY, 15_000)
    house.clock.advance(seconds=366 * 86_400)
    await house.quota_control.rules.confirm_keys(1)
    with pytest.raises((errors.Denial, Unavailable)) as caught:
        await house.quota_control.redeem(Parcel(data, proof=proof), peer=BANK)
    # nobody's keys sign after a year without rotation, but the bank's word itself holds
    assert caught.value.detail == "no key of qc for qc:bit signs at this time"


# SPEC ISSUANCE-3.3.3
@asynchronous
async def test_owners_sign_with_ed25519(house: House) -> None:
    """ES256 is for officers' tokens: a unit that names the thumbprint of such a key cannot be redeemed."""
    case = await make_case(house)
    case.request.alg, case.request.signature = -7, NO_SIGNATURE
    with pytest.raises(errors.AlgorithmNotAllowed):
        await house.quota_control.redeem(await case.parcel(), peer=IS)


# SPEC ISSUANCE-13.1.3
@asynchronous
async def test_a_bank_that_the_policy_does_not_name(connected: Connected) -> None:
    house, _, _ = connected
    await house.found(registry=CHAIN, banks=("bank:other",))
    with pytest.raises(errors.UnitInvalid):
        await house.quota_control.redeem(Parcel(await (await bank_request(house, 100)).finish(house)), peer=BANK)
    await change_policy(house, currencies=currency_rule(house, banks=("bank:other", BANK)))
    with pytest.raises(errors.UnitInvalid, match=r"less outstanding|account money"):
        await house.quota_control.redeem(Parcel(await (await bank_request(house, 100)).finish(house)), peer=BANK)
