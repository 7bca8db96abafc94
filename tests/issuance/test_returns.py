"""Quota that comes back, once and into the right place: tombstones, revocations, cancellations, account money."""

from __future__ import annotations

from typing import Any

import pytest

from specie.issuance import errors
from specie.issuance.api import Bit, Closed, MintNote, Report
from specie.issuance.engine.central_management import chores as cm_chores
from specie.issuance.messages.objects import Cancel, ControlBit, Tombstone, Used
from specie.issuance.messages.policy import Kind, Limit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.wallet.officer import revoke
from specie.kernel.errors import Unavailable
from tests.issuance.forge import (
    NO_SIGNATURE,
    Draft,
    all_figures,
    asynchronous,
    change_policy,
    draft_presentation,
    draft_request,
    figures,
    log_size,
    now_s,
    rows,
    sha,
)
from tests.issuance.house import CM, CURRENCY, IS, QC, House
from tests.issuance.registry import BANK, CANCELLED, CHAIN, BankBooks, LedgerBooks

STOCK = f"stock:{CURRENCY}"
Connected = tuple[House, BankBooks, LedgerBooks]


async def ask(house: House, **changes: Any) -> Any:
    data = await draft_request(house, house.order(**changes)).finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    return answer


async def use(house: House, granted: Any) -> Any:
    data = await draft_presentation(house, granted.sealed).finish(house)
    (answer,) = await house.quota_control.control_bits([data], peer=IS)
    return answer


# SPEC ISSUANCE-10.4.1, ISSUANCE-10.4.2, ISSUANCE-10.4.5
@asynchronous
async def test_an_unused_credential_expires(house: House) -> None:
    """Held and shown apart until a minute after exp; then a dc-tomb frees it, and it can never be used."""
    await house.found()
    granted = await ask(house)
    house.clock.advance(seconds=600)
    assert (await house.central_management.quotas()).reserved_expired == {CURRENCY: 15_000}
    house.clock.advance(seconds=60)
    assert await cm_chores.close_expired(house.central_management) == 0
    assert (await figures(house, CM))[STOCK] == (15_000, 0)
    house.clock.advance(seconds=1)
    assert await cm_chores.close_expired(house.central_management) == 1
    assert STOCK not in await figures(house, CM)
    assert (await house.central_management.quotas()).reserved_expired == {}
    assert isinstance(await use(house, granted), errors.CredentialExpired)
    assert await rows(house, CM, "SELECT state FROM request") == [(7,)]


# SPEC ISSUANCE-10.4.2, ISSUANCE-5.4.3
@asynchronous
async def test_use_and_tombstone_exclude_each_other(house: House) -> None:
    """Used, unreported, expired: the tombstone call answers dc-used, and the hold becomes use."""
    await house.found()
    granted = await ask(house)
    assert isinstance(await use(house, granted), Bit)
    (closed,) = await house.quota_control.tombstones([(granted.cti, granted.hash)], peer=CM)
    assert isinstance(closed, Closed)
    assert closed.used
    assert read_unverified(closed.answer, Used).body.credential_cti == granted.cti
    house.clock.advance(seconds=700)
    await cm_chores.close_expired(house.central_management)
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 15_000)] * 2
    await house.settle()
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 15_000)] * 2


# SPEC ISSUANCE-10.4.3
@asynchronous
async def test_quota_control_is_down(house: House) -> None:
    """The hold stays: only quota control's signed word frees it."""
    await house.found()
    await ask(house)
    house.clock.advance(seconds=700)

    class Down:
        async def tombstones(self, items: Any, *, peer: Any = None) -> Any:
            raise Unavailable("quota control is down")

    house.central_management.quota_controls = {QC: Down()}  # type: ignore[dict-item]
    with pytest.raises(Unavailable):
        await cm_chores.close_expired(house.central_management)
    assert (await figures(house, CM))[STOCK] == (15_000, 0)


# SPEC ISSUANCE-10.4.4, ISSUANCE-14.8
@asynchronous
async def test_what_a_tombstone_gives_back_of_each_kind(house: House) -> None:
    """Stock, lifetime, window (the same one) and rate come back; a counted request stays counted."""
    await house.found()
    await change_policy(
        house,
        limits=(
            Limit("day", Kind.WINDOW, 20_000, CURRENCY, window="day"),
            Limit("hour", Kind.WINDOW, 20_000, CURRENCY, window="hour"),
            Limit("speed", Kind.RATE, 20_000, CURRENCY, refill_per_s=0),
            Limit("number", Kind.COUNT, 5, CURRENCY, window="day"),
        ),
    )
    await ask(house)
    house.clock.advance(seconds=3600)
    first = await ask(house, amount=5_000)
    await use(house, first)
    await house.settle()
    held = await figures(house, CM)
    hours = sorted(key for key in held if key.startswith("window:XTS:hour"))
    assert len(hours) == 1
    stored = await rows(house, CM, "SELECT name, reserved, used, level FROM bucket WHERE name != '' ORDER BY id")
    by_name = {row[0]: row[1:] for row in stored}
    assert by_name["speed"] == (0, 5_000, 15_000)
    assert by_name["number"][:2] == (0, 2)
    assert by_name["day"] == (0, 5_000, 20_000)
    assert held[hours[0]] == (0, 5_000)


# SPEC ISSUANCE-12.3.1, ISSUANCE-10.4.6
@pytest.mark.parametrize("door", ["cm", "qc"])
@asynchronous
async def test_a_revoked_credential(house: House, door: str) -> None:
    """Through either door: REVOKED, signed; the hold is free at once, or with the tombstone call."""
    await house.found()
    granted = await ask(house)
    word = await revoke(house.hand("omar"), granted.cti, "lost laptop")
    if door == "cm":
        await house.central_management.revoke(word)
    else:
        closed = await house.quota_control.revoke(word)
        assert not closed.used
        again = await house.quota_control.revoke(word)
        assert again.answer == closed.answer
    assert isinstance(await use(house, granted), errors.CredentialRevoked)
    (tomb,) = await house.quota_control.tombstones([(granted.cti, granted.hash)])
    assert isinstance(read_unverified(tomb.answer, Tombstone).body, Tombstone)  # type: ignore[union-attr]
    house.clock.advance(seconds=700)
    await house.settle()
    assert STOCK not in await figures(house, CM)
    assert await rows(house, QC, "SELECT state FROM cred_use") == [(6,)]


# SPEC ISSUANCE-12.3.1
@asynchronous
async def test_a_used_credential_cannot_be_revoked(house: House) -> None:
    await house.found()
    granted = await ask(house)
    await use(house, granted)
    closed = await house.quota_control.revoke(await revoke(house.hand("omar"), granted.cti, "too late"))
    assert closed.used
    assert read_unverified(closed.answer, Used).body.credential_cti == granted.cti
    await house.central_management.revoke(await revoke(house.hand("omar"), granted.cti, "too late"))
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 15_000)] * 2


# SPEC ISSUANCE-12.3.1
@asynchronous
async def test_who_may_close_a_credential(house: House) -> None:
    """Central management and officers; not an issuance system, not with a bad signature."""
    await house.found()
    with pytest.raises(errors.ChannelMismatch):
        await house.quota_control.tombstones([(bytes(16), bytes(32))], peer=IS)
    word = await revoke(house.hand("omar"), bytes(16), "drill")
    with pytest.raises(errors.BadSignature):
        await house.quota_control.revoke(word[:-1] + bytes([word[-1] ^ 1]))
    draft = Draft("dc-revoke", house.ring.kids[IS, "is:req"], {1: IS, 6: 1, 7: bytes(16)}, {1: bytes(16), 3: ""})
    draft.signature = NO_SIGNATURE
    with pytest.raises(errors.KeyRole):
        await house.quota_control.revoke(await draft.finish(house))
    assert await rows(house, QC, "SELECT COUNT(*) FROM cred_use") == [(0,)]


# SPEC ISSUANCE-10.4.2
@asynchronous
async def test_a_tombstone_for_another_content(house: House) -> None:
    await house.found()
    granted = await ask(house)
    await use(house, granted)
    (answer,) = await house.quota_control.tombstones([(granted.cti, bytes(31) + b"\x01")], peer=CM)
    assert isinstance(answer, errors.CredentialConflict)


async def unminted(house: House, registry: Any, **order: Any) -> Any:
    """An issue whose bit came too late to mint; the registry never heard of it."""
    from tests.issuance.test_refusals_bit import LyingQuotaControl, expired

    house.issuance.quota_control = LyingQuotaControl(house, house.quota_control, [expired])
    (view,) = await house.issuance.issue([house.order(**order)])
    assert view.state == "bit"  # type: ignore[union-attr]
    house.issuance.quota_control = house.quota_control
    # the honest bit is what is kept: its time passes
    honest = await rows(house, QC, "SELECT o.cti FROM object o WHERE typ = 'dc-bit'")
    assert len(honest) == 1
    return view


# SPEC ISSUANCE-10.6.2, ISSUANCE-13.2.9, ISSUANCE-5.4.10
@pytest.mark.parametrize("model", [0, 1])
@asynchronous
async def test_a_bit_given_up_comes_back_with_an_on_line_registry(connected: Connected, model: int) -> None:
    """The registry cancels the root, quota control gives back stock only, both accounts agree; once."""
    house, bank, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    books = bank if model else ledger
    order = {"model": 1, "owner": f"{BANK}/a-1".encode(), "denominations": None} if model else {}
    view = await unminted(house, books, **order)
    await house.settle()
    shown = await house.issuance.show(view.id)
    assert (shown.state, shown.code) == ("abandoned", "issuance.bit_expired")
    assert [state for state, _ in books.roots.values()] == [CANCELLED]
    for held in await all_figures(house):
        assert STOCK not in held
        assert held[f"lifetime:{CURRENCY}"] == (0, 15_000)
    assert await rows(house, QC, "SELECT state FROM cred_use") == [(4,)]
    size = await log_size(house, QC)
    await house.settle()
    assert await log_size(house, QC) == size


# SPEC ISSUANCE-10.6.2, ISSUANCE-9.6.1
@asynchronous
async def test_a_cancellation_whose_answer_was_lost(connected: Connected) -> None:
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    await unminted(house, ledger)
    ledger.deaf = True
    with pytest.raises(Unavailable):
        await house.settle()
    assert (await figures(house, QC))[STOCK] == (0, 15_000)
    ledger.deaf = False
    await house.settle()
    assert all(STOCK not in held for held in await all_figures(house))


async def minted_note(house: House, bit: ControlBit, cti: bytes, receipt: bytes, **changes: Any) -> bytes:
    claims = {1: IS, 3: QC, 6: now_s(house), 7: house.desks[IS].new_cti()}
    body = {1: cti, 2: bit.unit_root, 3: sha(receipt)} | changes
    return await Draft("dc-minted", house.ring.kids[IS, "is:unit"], claims, body).finish(house)


# SPEC ISSUANCE-13.2.11, ISSUANCE-13.4.4, ISSUANCE-6.6.9
@asynchronous
async def test_a_mint_note_needs_the_registrys_receipt(connected: Connected) -> None:
    """Without, with another's, with one of a cancellation, for another root, of no bit: the bit stays as it is."""
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    ledger.away = True
    (view,) = await house.issuance.issue([house.order()])
    assert view.state == "minted"  # type: ignore[union-attr]
    (data,) = (await rows(house, IS, "SELECT bit FROM issue"))[0]
    bit = read_unverified(data, ControlBit)
    wrong = await ledger.write(CANCELLED, bit.body.unit_root, bit.body.credential_cti, CURRENCY, 15_000)
    ledger.roots.clear()
    for note, receipt, expected in (
        (await minted_note(house, bit.body, bit.claims.cti, b""), b"", errors.ReceiptInvalid),
        (await minted_note(house, bit.body, bit.claims.cti, wrong), wrong, errors.ReceiptInvalid),
        (await minted_note(house, bit.body, bit.claims.cti, b"x"), wrong, errors.ReceiptInvalid),
        (await minted_note(house, bit.body, bytes(16), wrong), wrong, errors.UnknownRequest),
        (b"\xff", wrong, errors.Malformed),
    ):
        (answer,) = await house.quota_control.minted([MintNote(note, receipt)], peer=IS)
        assert type(answer) is expected
    assert await rows(house, QC, "SELECT state FROM cred_use") == [(1,)]
    ledger.away = False
    await house.settle()
    assert (await house.issuance.show(view.id)).state == "released"  # type: ignore[union-attr]
    assert await rows(house, QC, "SELECT state FROM cred_use") == [(3,)]


# SPEC ISSUANCE-6.6.10, ISSUANCE-13.4.3, ISSUANCE-9.6.1
@asynchronous
async def test_units_are_not_released_before_they_are_registered(connected: Connected) -> None:
    """The registry is away, then loses its answer: nothing is handed out, and it is registered once."""
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    ledger.deaf = True
    (view,) = await house.issuance.issue([house.order()])
    assert view.state == "minted"  # type: ignore[union-attr]
    assert list(await house.issuance.units(view.id)) == []  # type: ignore[union-attr]
    ledger.deaf = False
    await house.settle()
    assert len(await house.issuance.units(view.id)) == 4  # type: ignore[union-attr]
    assert await ledger.supply(CURRENCY) == 15_000
    assert ledger.calls.count("register") > 1


# SPEC ISSUANCE-10.6.1, ISSUANCE-10.6.2, ISSUANCE-13.2.9
@asynchronous
async def test_what_was_minted_is_not_cancelled(connected: Connected) -> None:
    """Refused by the registry, and by quota control whatever receipt is shown."""
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    await house.issuance.issue([house.order()])
    await house.settle()
    (data,) = (await rows(house, IS, "SELECT bit FROM issue"))[0]
    bit = read_unverified(data, ControlBit)
    claims = {1: IS, 3: QC, 6: now_s(house), 7: bit.body.credential_cti}
    body = Cancel(bit.claims.cti, bit.body.unit_root).to_wire()
    word = await Draft("dc-cancel", house.ring.kids[IS, "is:unit"], claims, body).finish(house)
    with pytest.raises(errors.NotCancellable):
        await ledger.cancel(word, data)
    good = (await ledger.receipt(bit.body.unit_root)) or b""
    with pytest.raises(errors.ReceiptInvalid):
        await house.quota_control.cancel(word, good, peer=IS)
    forged = await ledger.hand.sign(
        ledger.kind(CANCELLED, bit.body.unit_root, bit.body.credential_cti, CURRENCY, 15_000)
    )
    with pytest.raises(errors.NotCancellable):
        await house.quota_control.cancel(word, forged, peer=IS)
    assert (await figures(house, QC))[STOCK] == (0, 15_000)


# SPEC ISSUANCE-10.6.3
@asynchronous
async def test_off_line_units_are_not_cancelled(house: House) -> None:
    await house.found()
    await house.issuance.issue([house.order()])
    (data,) = (await rows(house, IS, "SELECT bit FROM issue"))[0]
    bit = read_unverified(data, ControlBit)
    claims = {1: IS, 3: QC, 6: now_s(house), 7: bit.body.credential_cti}
    body = Cancel(bit.claims.cti, bit.body.unit_root).to_wire()
    word = await Draft("dc-cancel", house.ring.kids[IS, "is:unit"], claims, body).finish(house)
    with pytest.raises(errors.NotCancellable):
        await house.quota_control.cancel(word, b"", peer=IS)
    with pytest.raises(errors.ChannelMismatch):
        await house.quota_control.cancel(word, b"", peer="is:bank-02")


# SPEC ISSUANCE-13.3.1, ISSUANCE-13.3.2, ISSUANCE-13.3.4, ISSUANCE-13.3.5, ISSUANCE-4.8.1, ISSUANCE-5.4.6
@asynchronous
async def test_account_money(connected: Connected) -> None:
    """Posted once, receipted by the bank that the owner names; both accounts and the bank agree."""
    house, bank, _ = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    order = house.order(5_000, model=1, owner=f"{BANK}/a-1".encode(), denominations=None)
    bank.deaf = True
    (view,) = await house.issuance.issue([order])
    bank.deaf = False
    await house.settle()
    assert (await house.issuance.show(view.id)).state == "released"  # type: ignore[union-attr]
    assert bank.accounts == {f"{BANK}/a-1".encode(): 5_000}
    assert await bank.supply(CURRENCY) == 5_000
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 5_000)] * 2
    assert await rows(house, QC, "SELECT bank, balance FROM bank_credit") == [(BANK, 5_000)]
    for owner in (b"bank:other/a-1", b"a-1", f"{BANK}/".encode(), b"\xff/a-1"):
        granted = await ask(house, amount=1, model=1, owner=owner, denominations=None)
        assert isinstance(granted, errors.OwnerNotPermitted)


# SPEC ISSUANCE-5.4.10, ISSUANCE-9.6.1
@asynchronous
async def test_reports_are_applied_once(house: House) -> None:
    """Sent and not marked: the same again changes nothing. From anyone else, or unknown: refused."""
    await house.found()
    await house.issuance.issue([house.order()])
    await house.settle()
    held, size = await all_figures(house), await log_size(house, CM)
    await house.databases[QC].write(lambda tx: tx.run("UPDATE outbox SET sent = NULL"))
    await house.settle()
    assert await all_figures(house) == held
    assert await log_size(house, CM) == size
    with pytest.raises(errors.ChannelMismatch):
        await house.central_management.report([], peer=IS)
    with pytest.raises(errors.Schema):
        await house.central_management.report([Report("gift", b"", (b"",))], peer=QC)


# SPEC ISSUANCE-5.4.10, ISSUANCE-9.2.7
@asynchronous
async def test_a_report_that_is_refused_leaves_nothing_behind(house: House) -> None:
    """Value that comes back for a credential of nobody: no figure, no leaf, no row; the same report may come again."""
    from specie.kernel import codec

    await house.found()
    (view,) = await house.issuance.issue([house.order()])
    await house.settle()
    from specie.issuance.api import Parcel
    from specie.issuance.wallet.owner import redemption_request

    owner = house.hand("alice", "owner")
    units = tuple(await house.issuance.units(view.id))  # type: ignore[union-attr]
    data = await redemption_request(owner, units, "account 7")
    receipt = await house.quota_control.redeem(Parcel(data, await owner.cose_key(), units))
    held, size = await figures(house, CM), await log_size(house, CM)
    shares = codec.encode([[b"\x09" * 16, 15_000]])
    with pytest.raises(errors.CredentialConflict):
        await house.central_management.report([Report("redeem", b"1", (receipt, data, shares))], peer=QC)
    assert await figures(house, CM) == held
    assert await log_size(house, CM) == size
    await house.settle()
    assert STOCK not in await figures(house, CM)
