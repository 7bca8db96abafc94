"""What each of the six steps leaves in the stores, and when: order, transactions, states (sections 4, 6, 8, 10, 13)."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from issuance.forge import asynchronous, draft_request, figures, log_size, now_s, rows
from issuance.house import CM, CURRENCY, IS, QC, House
from issuance.registry import BANK, CHAIN, BankBooks, LedgerBooks
from specie.crypto import cose
from specie.issuance import errors
from specie.issuance.api import Bit, Granted
from specie.issuance.engine.central_management.requests import RequestItem
from specie.issuance.engine.issuance_system.asking import create, present_objects
from specie.issuance.messages.objects import ControlBit, Credential, Presentation, Request, Unit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.keyset import SKEW_S
from specie.issuance.protocol.units import unit_root
from specie.issuance.store.central_management import CredentialState, RequestState
from specie.issuance.store.issuance_system import IssueState, UnitState
from specie.issuance.store.quota_control import UseState
from specie.issuance.wallet import owner

ROOT = Path(__file__).parents[2]


async def credential_of(house: House) -> tuple[Granted, bytes]:
    """A granted credential and the request behind it."""
    request = await draft_request(house).finish(house)
    (answer,) = await house.central_management.submit_requests([request], peer=IS)
    assert isinstance(answer, Granted)
    return answer, request


async def opened(house: House, granted: Granted) -> bytes:
    """The inner credential, as quota control sees it."""
    (found,) = house.quota_control.opener.unseal([granted.sealed])
    assert found is not None
    return found


# SPEC ISSUANCE-3.6.2, ISSUANCE-4.3.2, ISSUANCE-6.3.1, ISSUANCE-3.7.3
@asynchronous
async def test_a_credential_is_signed_first_and_sealed_second(house: House) -> None:
    await house.found()
    granted, request = await credential_of(house)
    data = await opened(house, granted)
    credential = read_unverified(data, Credential)
    claims = credential.claims
    assert sha256(data).digest() == granted.hash and claims.aud == QC
    assert all(type(value) is int for value in (claims.iat, claims.nbf, claims.exp)) and claims.iat == now_s(house)
    assert claims.exp == claims.iat + 600 and claims.nbf == claims.iat
    assert credential.body.unit_root == unit_root(claims.cti, read_unverified(request, Request).body)[0]
    # the signature covers the recipient: the same words for another quota control do not verify
    kept = await rows(house, CM, "SELECT payload FROM object WHERE typ = 'dc-cred'")
    assert kept == [(cose.parse_sign1_many([data])[0].payload,)]


# SPEC ISSUANCE-6.0.3, ISSUANCE-6.2.18, ISSUANCE-4.1.2, ISSUANCE-10.1.1
@asynchronous
async def test_step_2_is_one_transaction(house: House) -> None:
    await house.found()
    before = await figures(house, CM), await log_size(house, CM)
    request = await draft_request(house).finish(house)
    broken = house.central_management.writer
    item: Any = RequestItem(read_unverified(request, Request))

    class Fails(RuntimeError):
        """What goes wrong after everything was decided."""

    class Stumbling(RequestItem):
        def decide(self, batch: Any, desk: Any) -> Any:
            super().decide(batch, desk)
            raise Fails

    with pytest.raises(Fails):
        await broken.submit(Stumbling(item.request))
    assert (await figures(house, CM), await log_size(house, CM)) == before
    assert await rows(house, CM, "SELECT cti FROM request") == []
    (granted,) = await house.central_management.submit_requests([request], peer=IS)
    assert isinstance(granted, Granted)
    other = draft_request(house)
    other.claims[7] = read_unverified(request, Request).claims.cti
    other.body[6] = "another purpose"
    (refusal,) = await house.central_management.submit_requests([await other.finish(house)], peer=IS)
    assert isinstance(refusal, errors.IdempotencyMismatch)


# SPEC ISSUANCE-6.0.2
@asynchronous
async def test_before_the_signature_holds_an_answer_tells_nothing_of_the_store(house: House) -> None:
    await house.found()
    _, known = await credential_of(house)
    fresh = await draft_request(house).finish(house)
    spoilt = [data[:-1] + bytes([data[-1] ^ 1]) for data in (known, fresh)]
    answers = await house.central_management.submit_requests(spoilt, peer=IS)
    assert [(type(each), str(each)) for each in answers] == [(errors.BadSignature, str(answers[1]))] * 2


# SPEC ISSUANCE-6.1.1, ISSUANCE-6.3.3, ISSUANCE-6.4.1
@asynchronous
async def test_a_request_is_stored_before_it_is_sent_and_its_credential_is_its_senders(house: House) -> None:
    await house.found()
    (row,) = await create(house.issuance, [house.order()], [bytes(16)])
    assert await rows(house, IS, "SELECT request, state FROM issue") == [(row.request, int(IssueState.NEW))]
    assert await rows(house, CM, "SELECT cti FROM request") == []
    (granted,) = await house.central_management.submit_requests([row.request], peer=IS)
    assert isinstance(granted, Granted)
    assert isinstance(await house.central_management.request_answer(row.cti, peer=IS), Granted)
    with pytest.raises(errors.UnknownRequest):
        await house.central_management.request_answer(row.cti, peer="is:bank-02")
    (shown,) = await present_objects(house.issuance, [granted])
    presentation = read_unverified(shown, Presentation)
    assert presentation.body.sealed == granted.sealed and presentation.claims.iss == IS


# SPEC ISSUANCE-6.5.17, ISSUANCE-9.2.6, ISSUANCE-4.5.2, ISSUANCE-13.1.1
@asynchronous
async def test_step_5_writes_everything_at_once(house: House) -> None:
    await house.found()
    granted, request = await credential_of(house)
    (shown,) = await present_objects(house.issuance, [granted])
    size = await log_size(house, QC)
    (bit,) = await house.quota_control.control_bits([shown], peer=IS)
    assert isinstance(bit, Bit)
    word = read_unverified(bit.bit, ControlBit)
    assert word.claims.exp == word.claims.iat + 1200 and word.body.sequence == size + 1
    use = await rows(house, QC, "SELECT cid, state, bit, seq, req FROM cred_use")
    assert use == [(granted.cti, int(UseState.USED), word.claims.cti, size + 1, sha256(request).digest())]
    assert await rows(house, QC, "SELECT topic, key FROM outbox") == [(f"use:{CM}", word.claims.cti)]
    entries = await rows(house, QC, "SELECT SUM(d_used) FROM entry JOIN bucket ON bucket.id = bucket WHERE kind = 0")
    assert entries == [(2 * 15_000,)]
    assert await rows(house, QC, "SELECT kind, amount FROM counted") == [("use", 15_000)]


# SPEC ISSUANCE-6.6.7, ISSUANCE-6.6.8, ISSUANCE-13.1.2, ISSUANCE-13.2.2, ISSUANCE-13.2.10
@asynchronous
async def test_units_of_a_ledger_are_released_after_they_are_registered(
    connected: tuple[House, BankBooks, LedgerBooks],
) -> None:
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    address = bytes(range(102))
    order = house.order(owner=sha256(address).digest(), address=address)
    (view,) = await house.issuance.issue([order])
    assert getattr(view, "state", view) == "released"
    units = [read_unverified(data, Unit) for data in await house.issuance.units(view.id)]  # type: ignore[union-attr]
    assert sum(unit.body.value for unit in units) == 15_000
    root = read_unverified(units[0].body.control_bit, ControlBit).body.unit_root
    assert await ledger.receipt(root) is not None
    with pytest.raises(errors.Schema):
        raise_if_refused((await house.issuance.issue([replace(order, address=address[1:])]))[0])


def raise_if_refused(answer: object) -> None:
    if isinstance(answer, Exception):
        raise answer


# SPEC ISSUANCE-14.4, ISSUANCE-10.1.8
@asynchronous
async def test_redeemed_units_are_marked_and_the_answer_stays(house: House) -> None:
    await house.found()
    (view,) = await house.issuance.issue([house.order()])
    units = await house.issuance.units(view.id)  # type: ignore[union-attr]
    parcel = await owner.redeem(house.hand("alice", "owner"), units[:1], "account")
    receipt = await house.issuance.redeem(parcel)
    states = await rows(house, IS, "SELECT state FROM unit ORDER BY place")
    assert [state for (state,) in states] == [int(UnitState.REDEEMED)] + [int(UnitState.ACTIVE)] * 3
    house.clock.advance(seconds=400 * 24 * 3600)
    assert await house.issuance.redeem(parcel) == receipt
    assert len(await rows(house, QC, "SELECT cti FROM redemption")) == 1


# SPEC ISSUANCE-8.2, ISSUANCE-8.5
def test_states_move_only_by_guarded_updates() -> None:
    """Every UPDATE of a state in the stores names the state it comes from, or is called with rows read under lock."""
    stores = ROOT / "src" / "specie" / "issuance" / "store"
    found = []
    for path in stores.glob("*.py"):
        text = re.sub(r'"\n\s+"', "", path.read_text())
        for statement in re.findall(r'"(UPDATE \w+ SET state = \?[^"]*)"', text):
            found.append((path.name, "AND state = " in statement))
    assert len(found) >= 5 and all(guarded for _, guarded in found)
    assert {state.name for state in UseState} == {"USED", "MINTED", "CANCELLED", "TOMBSTONED", "REVOKED", "HELD"}
    assert [state.name for state in CredentialState] == ["OPEN", "CONSUMED", "RELEASED"]
    assert RequestState.CREDENTIALED < RequestState.CONSUMED < RequestState.RELEASED


# SPEC ISSUANCE-7.5
def test_no_code_of_the_chapter_has_disappeared() -> None:
    text = (ROOT / "docs" / "spec" / "issuance.md").read_text()
    table = text[text.index("| code | HTTP | step | retry |") : text.index("In the row of section 14")]
    codes = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b|\bMALFORMED\b|\bSCHEMA\b|\bPAUSED\b|\bOVERLOADED\b", table))
    known = {getattr(each, "chapter", "") for each in vars(errors).values() if isinstance(each, type)}
    # two are no refusals: 202 is an answer, and a bug has no class of its own
    assert codes - known == {"PENDING_APPROVAL"}


# SPEC ISSUANCE-13.4.1
def test_issuance_leans_on_no_room_to_its_left() -> None:
    sources = (ROOT / "src" / "specie" / "issuance").rglob("*.py")
    others = re.compile(r"specie\.(ledger|bank|ecash|micropay|app)\b")
    wrong = [path.name for path in sources if others.search(path.read_text())]
    assert wrong == []


# SPEC ISSUANCE-3.4.3
def test_all_systems_verify_with_the_core() -> None:
    """One function over the core judges Ed25519; no other library is asked."""
    sources = list((ROOT / "src" / "specie" / "issuance").rglob("*.py"))
    assert not [path.name for path in sources if "cryptography" in path.read_text()]
    assert SKEW_S == 30 and CURRENCY == "XTS"
