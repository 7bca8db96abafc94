"""Keys change while money is on its way: rotation, revocation, enrolment, and manifests that are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from specie.crypto import cose
from specie.issuance import errors
from specie.issuance.api import Bit, Granted
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import ControlBit, Enrolment
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.wallet.founding import next_manifest
from specie.issuance.wallet.officer import approve, sign_manifest
from specie.issuance.wallet.owner import verify_unit
from tests.issuance.away import SwitchedKeys
from tests.issuance.forge import (
    all_figures,
    asynchronous,
    change_keys,
    draft_presentation,
    draft_request,
    evidence_of,
    figures,
    log_size,
    now_s,
    rows,
    sha,
)
from tests.issuance.house import CM, CURRENCY, IS, QC, House
from tests.issuance.rotation import DAY_S, admit, enrol, entry_of, hand_of, revoke_key, rotate, spare_key

STOCK = f"stock:{CURRENCY}"


async def ask(house: House, data: bytes | None = None) -> Any:
    data = data or await draft_request(house).finish(house)
    (answer,) = await house.central_management.submit_requests([data], peer=IS)
    return answer


async def use(house: House, data: bytes) -> Any:
    (answer,) = await house.quota_control.control_bits([data], peer=IS)
    return answer


# SPEC ISSUANCE-12.1.1, ISSUANCE-12.1.2, ISSUANCE-12.1.3, ISSUANCE-21.11
@pytest.mark.parametrize(
    ("holder", "role"), [(CM, "cm:cred"), (QC, "qc:bit"), (IS, "is:req"), (IS, "is:unit")], ids=lambda value: value
)
@asynchronous
async def test_a_rotation_fails_no_issue(house: House, holder: str, role: str) -> None:
    """Issues before, at and after the change of keys; what the old key signed still verifies."""
    await house.found()
    (before,) = await house.issuance.issue([house.order()])
    fresh = await rotate(house, holder, role, 3600)
    (between,) = await house.issuance.issue([house.order()])
    house.clock.advance(seconds=3600)
    (after,) = await house.issuance.issue([house.order()])
    await house.settle()
    keys = house.desks[IS].cached.keys  # type: ignore[union-attr]
    kids = []
    for view in (before, between, after):
        assert (await house.issuance.show(view.id)).state == "released"  # type: ignore[union-attr]
        units = await house.issuance.units(view.id)  # type: ignore[union-attr]
        kids.append([verify_unit(unit, keys, now_s(house)).kid for unit in units])  # type: ignore[arg-type]
    assert (await all_figures(house))[0][STOCK] == (0, 45_000)
    old = house.ring.kids[holder, role]
    assert fresh != old
    if role == "is:unit":
        assert kids == [[old] * 4, [old] * 4, [fresh] * 4]
    assert {row[0] for row in await rows(house, QC, "SELECT state FROM cred_use")} == {3}


# SPEC ISSUANCE-20.19, ISSUANCE-12.1.2
@pytest.mark.parametrize(
    ("holder", "role"), [(CM, "cm:cred"), (QC, "qc:bit"), (IS, "is:req"), (IS, "is:unit")], ids=lambda value: value
)
@asynchronous
async def test_a_key_rotates_between_any_two_steps(house: House, holder: str, role: str) -> None:
    """The credential is out and quota control is away; the key changes; the issue goes on and is reported."""
    await house.found()
    keys = SwitchedKeys(house.desks[QC].keys)
    house.desks[QC].keys, keys.away = keys, True  # type: ignore[assignment]
    await rotate(house, holder, role, 60)
    (view,) = await house.issuance.issue([house.order()])
    assert view.state == "credentialed"  # type: ignore[union-attr]
    house.clock.advance(seconds=60)
    keys.away = False
    await house.settle()
    assert (await house.issuance.show(view.id)).state == "released"  # type: ignore[union-attr]
    assert await rows(house, QC, "SELECT state FROM cred_use") == [(3,)]
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 15_000)] * 2


# SPEC ISSUANCE-6.6.9, ISSUANCE-12.1.2
@asynchronous
async def test_a_mint_note_outlives_its_key(house: House) -> None:
    """The note was signed, quota control was away, the key stopped signing: MINTED all the same."""
    await house.found()
    await rotate(house, IS, "is:unit", 60)
    (view,) = await house.issuance.issue([house.order()])
    assert view.state == "released"  # type: ignore[union-attr]
    house.clock.advance(seconds=61)
    await house.settle()
    assert await rows(house, QC, "SELECT state FROM cred_use") == [(3,)]


# SPEC ISSUANCE-12.1.5, ISSUANCE-6.3.4
@asynchronous
async def test_a_bit_that_waits_while_its_key_stops(house: House) -> None:
    """Fixed anew under the key in force: new cti and times, one count, one leaf that names old and new hash."""
    await house.found()
    fresh = await rotate(house, QC, "qc:bit", 60)
    keys = SwitchedKeys(house.desks[QC].keys)
    house.desks[QC].keys, keys.away = keys, True  # type: ignore[assignment]
    granted = await ask(house)
    data = await draft_presentation(house, granted.sealed).finish(house)
    assert isinstance(await use(house, data), errors.KmsUnavailable)
    (old,) = await rows(house, QC, "SELECT cti, hash, kid FROM object")
    house.clock.advance(seconds=61)
    keys.away = False
    await house.settle()
    answer = await use(house, data)
    assert isinstance(answer, Bit)
    bit = read_unverified(answer.bit, ControlBit)
    assert bit.kid == fresh != old[2]
    assert bit.claims.cti != old[0]
    assert (bit.claims.iat, bit.claims.exp) == (now_s(house), now_s(house) + 1200)
    from specie.issuance.protocol.journal import Leaf

    leaves = [Leaf.decode(each) for each in await house.quota_control.log.leaves(1, 100)]
    (refixed,) = [leaf for leaf in leaves if leaf.event == "refixed"]
    assert (refixed.object_hash, refixed.previous) == (sha(bit.tbs), old[1])
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 15_000)] * 2


# SPEC ISSUANCE-12.1.5, ISSUANCE-10.1.5
@asynchronous
async def test_words_of_central_management_that_wait_while_its_key_stops(house: House) -> None:
    """A credential and a denial: both are fixed anew, and the same requests are answered with them."""
    await house.found()
    await rotate(house, CM, "cm:cred", 60)
    keys = SwitchedKeys(house.desks[CM].keys)
    house.desks[CM].keys, keys.away = keys, True  # type: ignore[assignment]
    good = await draft_request(house).finish(house)
    bad = await draft_request(house, house.order(900_001, operator="olga")).finish(house)
    for data in (good, bad):
        assert isinstance(await ask(house, data), errors.KmsUnavailable)
    house.clock.advance(seconds=61)
    keys.away = False
    await house.settle()
    granted, denied = await ask(house, good), await ask(house, bad)
    assert isinstance(granted, Granted)
    assert isinstance(denied, errors.AmountAboveMax)
    assert evidence_of(house, denied, CM).body.object_hash == sha(bad)
    data = await draft_presentation(house, granted.sealed).finish(house)
    assert isinstance(await use(house, data), Bit)
    await house.settle()
    assert [held[STOCK] for held in await all_figures(house)] == [(0, 15_000)] * 2


# SPEC ISSUANCE-12.1.5, ISSUANCE-14.5
@pytest.mark.parametrize("what", ["tombstone", "redemption"])
@asynchronous
async def test_other_words_of_quota_control_that_wait(house: House, what: str) -> None:
    """The same call again gets the answer, under the new key, and is reported once."""
    from specie.issuance.api import Parcel
    from specie.issuance.wallet.owner import redemption_request

    await house.found()
    (view,) = await house.issuance.issue([house.order()])
    await house.settle()
    owner = house.hand("alice", "owner")
    units = tuple(await house.issuance.units(view.id))  # type: ignore[union-attr]
    parcel = Parcel(await redemption_request(owner, units, "account 7"), await owner.cose_key(), units)
    await rotate(house, QC, "qc:bit", 60)
    keys = SwitchedKeys(house.desks[QC].keys)
    house.desks[QC].keys, keys.away = keys, True  # type: ignore[assignment]
    if what == "redemption":
        with pytest.raises(errors.KmsUnavailable):
            await house.quota_control.redeem(parcel)
    else:
        (answer,) = await house.quota_control.tombstones([(b"\x05" * 16, bytes(32))], peer=CM)
        assert isinstance(answer, errors.KmsUnavailable)
    house.clock.advance(seconds=61)
    keys.away = False
    await house.settle()
    if what == "redemption":
        first = await house.quota_control.redeem(parcel)
        assert await house.quota_control.redeem(parcel) == first
        assert await house.issuance.redeem(replace(parcel, units=())) == first
        await house.settle()
        assert all(STOCK not in held for held in await all_figures(house))
    else:
        size = await log_size(house, QC)
        closed = [(await house.quota_control.tombstones([(b"\x05" * 16, bytes(32))]))[0] for _ in range(2)]
        assert closed[0].answer == closed[1].answer  # type: ignore[union-attr]
        assert await log_size(house, QC) == size


# SPEC ISSUANCE-12.1.4
@asynchronous
async def test_a_key_at_the_end_of_its_life_signs_no_more(house: House) -> None:
    """Without a successor: KEY_NOT_ACTIVE, nothing reserved, nothing counted."""
    await house.found()
    house.clock.advance(seconds=90 * DAY_S - 1)
    for engine in (house.central_management, house.quota_control):
        await engine.rules.confirm_keys(1)
    granted = await ask(house)
    assert isinstance(granted, Granted)
    house.clock.advance(seconds=1)
    assert isinstance(await ask(house), errors.KeyNotActive)
    presentation = await draft_presentation(house, granted.sealed).finish(house)
    assert isinstance(await use(house, presentation), errors.KeyNotActive)
    assert await all_figures(house) == ({**(await figures(house, CM))}, {})


# SPEC ISSUANCE-20.19, ISSUANCE-12.2.1
@asynchronous
async def test_a_stolen_key_of_central_management(house: House) -> None:
    """Revoked during the flow: KEY_REVOKED at step 5, and the quota comes back after expiry."""
    await house.found()
    await rotate(house, CM, "cm:cred", 60)
    (view,) = await house.issuance.issue([house.order(daily := 15_000)])
    held = await ask(house)
    await revoke_key(house, CM, "cm:cred", 1)
    data = await draft_presentation(house, held.sealed).finish(house)
    assert isinstance(await use(house, data), errors.KeyRevoked)
    house.clock.advance(seconds=700)
    await house.settle()
    assert (await figures(house, CM))[STOCK] == (0, daily)
    assert view.state == "released"  # type: ignore[union-attr]


# SPEC ISSUANCE-12.2.1, ISSUANCE-20.2
@asynchronous
async def test_a_stolen_request_key_buys_nothing_more(house: House) -> None:
    """A request that the stolen key signed, in a credential that is out already, is refused at Q10."""
    await house.found()
    held = await ask(house)
    await rotate(house, IS, "is:req", 60)
    await revoke_key(house, IS, "is:req", 1)
    assert isinstance(await ask(house), errors.KeyRevoked)
    house.clock.advance(seconds=61)
    fresh = next(
        entry
        for entry in house.desks[QC].cached.keys.of_role("is:req")  # type: ignore[union-attr]
        if entry.holder == IS and entry.status != 3
    )
    draft = draft_presentation(house, held.sealed)
    draft.kid = fresh.kid
    assert isinstance(await use(house, await draft.finish(house)), errors.CredentialRequestMismatch)


# SPEC ISSUANCE-2.2.1
@asynchronous
async def test_a_key_enters_by_enrolment_and_two_officers(house: House) -> None:
    """Not enrolled, admitted by one, admitted in another's name: central management refuses the manifest."""
    await house.found()
    key = spare_key(house, IS, "is:req")
    at_s = now_s(house) + DAY_S

    async def announce(holder: str = IS) -> None:
        def stop(entry: KeyEntry) -> KeyEntry:
            mine = (entry.role, entry.holder) == ("is:req", holder)
            return replace(entry, signing_until=at_s) if mine else entry

        await change_keys(house, stop, (entry_of(house, holder, "is:req", key, at_s),))

    with pytest.raises(errors.ManifestRefused, match="never enrolled"):
        await announce()
    enrolment = await enrol(house, IS, "is:req", key)
    await admit(house, enrolment, ("mina",))
    with pytest.raises(errors.ManifestRefused, match="1 of 2"):
        await announce()
    with pytest.raises(errors.ApprovalDuplicate):
        await admit(house, enrolment, ("mina",))
    await admit(house, enrolment, ("omar",))
    with pytest.raises(errors.ManifestRefused, match="never enrolled"):
        await announce("is:bank-02")
    await announce()


# SPEC ISSUANCE-2.2.1
@asynchronous
async def test_enrolments_that_prove_nothing(house: House) -> None:
    await house.found()
    key, other = spare_key(house, IS, "is:req"), spare_key(house, IS, "is:req")
    hand = hand_of(house, IS, key)
    for body, expected in (
        (Enrolment(other, "is:req", IS), errors.BadSignature),
        (Enrolment(key, "is:req", "is:bank-02"), errors.Schema),
        (Enrolment(key, "emperor", IS), errors.Schema),
        (Enrolment(key, "qc:kem", IS), errors.Schema),
        (Enrolment(key, "is:req", IS, bytes(32)), errors.Schema),
    ):
        with pytest.raises(expected):
            await house.central_management.enrol(await hand.sign(body))
    data = await hand.sign(Enrolment(key, "is:req", IS))
    with pytest.raises(errors.BadSignature):
        await house.central_management.enrol(data[:-1] + bytes([data[-1] ^ 1]))
    assert await house.central_management.enrol(data) == sha(data)
    size = await log_size(house, CM)
    assert await house.central_management.enrol(data) == sha(data)
    assert await log_size(house, CM) == size


def change_one(which: str, **changes: Any) -> Any:
    def change(entry: KeyEntry) -> KeyEntry:
        return replace(entry, **changes) if entry.role == which else entry

    return change


# SPEC ISSUANCE-2.1.1, ISSUANCE-2.1.2, ISSUANCE-2.1.3, ISSUANCE-2.1.5, ISSUANCE-3.4.1
@pytest.mark.parametrize(
    ("manifest", "entries", "signers"),
    [
        ({"version": 3}, None, 2),
        ({"version": 1}, None, 2),
        ({"previous": bytes(32)}, None, 2),
        ({"environment": "live"}, None, 2),
        ({}, None, 1),
        ({"threshold": 4}, None, 2),
        ({}, change_one("is:req", holder="is:bank-02"), 2),
        ({}, change_one("qc:bit", role="cm:cred"), 2),
        ({}, change_one("qc:bit", verify_until=1_790_000_001), 2),
        ({}, change_one("qc:bit", nbf=1_789_999_999), 2),
        ({}, change_one("qc:bit", role="emperor"), 2),
        ({}, change_one("qc:bit", kid=bytes(16)), 2),
        ({}, change_one("qc:bit", cose_key=cose.cose_key(bytes(32), "ed25519")), 2),
    ],
    ids=lambda value: "change" if callable(value) else str(value),
)
@asynchronous
async def test_manifests_that_are_refused(house: House, manifest: Any, entries: Any, signers: int) -> None:
    """Out of the chain, of another environment, by too few roots, or with a key that changed: at every system."""
    await house.found()
    keys = house.desks[QC].cached.keys  # type: ignore[union-attr]
    changed = tuple((entries or (lambda entry: entry))(each) for each in keys.manifest.entries)  # type: ignore[union-attr]
    fresh = replace(next_manifest(keys.manifest, keys.hash, changed), **manifest)  # type: ignore[union-attr]
    data = await sign_manifest(fresh, house.roots()[:signers])
    for engine in (house.central_management, house.quota_control, house.issuance):
        with pytest.raises(errors.ManifestRefused):
            await engine.rules.apply_keys(data)


# SPEC ISSUANCE-2.1.1
@asynchronous
async def test_a_key_does_not_disappear_and_a_revocation_stays(house: House) -> None:
    await house.found()
    await revoke_key(house, IS, "is:req", 5)
    keys = house.desks[QC].cached.keys  # type: ignore[union-attr]
    entries = keys.manifest.entries  # type: ignore[union-attr]
    back = tuple(replace(each, status=1, compromised_from=None) if each.status == 3 else each for each in entries)
    for changed in (entries[1:], back, (*entries, entries[0])):
        fresh = next_manifest(keys.manifest, keys.hash, changed)  # type: ignore[union-attr]
        with pytest.raises(errors.ManifestRefused):
            await house.quota_control.rules.apply_keys(await sign_manifest(fresh, house.roots()[:2]))


# SPEC ISSUANCE-12.1.1, ISSUANCE-12.1.3
@pytest.mark.parametrize(
    ("notice_s", "overlap_s", "good"), [(DAY_S, 0, True), (DAY_S - 1, 0, False), (DAY_S, 1, False)]
)
@asynchronous
async def test_a_new_key_is_announced_a_day_before(house: House, notice_s: int, overlap_s: int, good: bool) -> None:
    """Outside dev; and at no moment do two keys of one role sign."""
    from specie.issuance.protocol.keyset import read_manifest, root_keys
    from specie.issuance.wallet.founding import first_manifest

    now = now_s(house)
    first = first_manifest("live", house.ring.holdings(), now, 2)
    roots = root_keys([cose.parse_key(house.ring.cose_keys[f"root-{n}", "root"]).public for n in range(3)])
    current = read_manifest(await sign_manifest(first, house.roots()[:2]), roots, "live", None)
    at_s = now + notice_s
    key = spare_key(house, QC, "qc:bit")
    entries = tuple(
        replace(each, signing_until=at_s + overlap_s) if (each.role, each.holder) == ("qc:bit", QC) else each
        for each in first.entries
    )
    fresh = next_manifest(first, current.hash, (*entries, entry_of(house, QC, "qc:bit", key, at_s)))
    data = await sign_manifest(fresh, house.roots()[:2])
    if good:
        assert read_manifest(data, roots, "live", current).version == 2
        return
    with pytest.raises(errors.ManifestRefused):
        read_manifest(data, roots, "live", current)


# SPEC ISSUANCE-2.1.3
@asynchronous
async def test_whoever_was_away_fetches_what_he_missed(house: House) -> None:
    """Two manifests while quota control was away: taken one after the other, and then it is fresh."""
    from specie.issuance.engine.quota_control import chores

    await house.found()
    data = [await change_keys_at_central_management(house, verify_s=number) for number in (1, 2)]
    with pytest.raises(errors.ManifestRefused):
        await house.quota_control.rules.apply_keys(data[1])
    await chores.follow(house.quota_control, house.central_management)
    assert house.desks[QC].cached.keys.version == 3  # type: ignore[union-attr]
    assert await house.quota_control.rules.keys_since(1) == data


async def change_keys_at_central_management(house: House, verify_s: int) -> bytes:
    keys = house.desks[CM].cached.keys  # type: ignore[union-attr]
    entries = tuple(replace(each, verify_until=each.verify_until + verify_s) for each in keys.manifest.entries)  # type: ignore[union-attr]
    data = await sign_manifest(next_manifest(keys.manifest, keys.hash, entries), house.roots()[:2])  # type: ignore[union-attr]
    await house.central_management.rules.apply_keys(data)
    return data


# SPEC ISSUANCE-6.5.11, ISSUANCE-20.19
@asynchronous
async def test_an_officers_key_is_revoked_before_step_5(house: House) -> None:
    """Central management counted the word; quota control does not any more, and the quota comes back."""
    await house.found()
    request = await draft_request(house, house.order(200_000, operator="olga")).finish(house)
    await ask(house, request)
    await house.central_management.approve(await approve(house.hand("mina"), request, 1))
    held = await ask(house, request)
    await revoke_key(house, "mina", "officer", 1)
    data = await draft_presentation(house, held.sealed).finish(house)
    assert isinstance(await use(house, data), errors.KeyRevoked)
    house.clock.advance(seconds=700)
    await house.settle()
    assert STOCK not in await figures(house, CM)
