"""The ledger as issuance sees it: one control bit is one mint, or one cancellation, whatever is lost on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ledger.institution.issues import Line, cancel_of, minted, registration, row_of, state_of
from ledger.institution.realm import BANK, MINTING, Realm, in_realm
from specie.crypto import cose
from specie.issuance.api import Anchor, IssueView, Registry
from specie.issuance.errors import Schema, UnitInvalid
from specie.issuance.messages.objects import ControlBit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.store.issuance_system import IssueState
from specie.kernel.errors import Unavailable
from specie.ledger.api import Submitted
from specie.ledger.engine.registry import shared_out
from specie.ledger.errors import AnchorSequence, ControlBitCancelled, ControlBitUsed, MintKey, ProofInvalid
from specie.ledger.messages.authority import AuthorityStatus
from specie.ledger.messages.evidence import RegistryReceipt
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.state import AnchorState, Domain, MintStatus, anchor_ident
from tests.issuance.house import CURRENCY, IS, QC
from tests.issuance.rotation import DAY_S


# SPEC ISSUANCE-13.4.2, ISSUANCE-13.4.5
@in_realm
async def test_the_ports_of_issuance(realm: Realm) -> None:
    assert isinstance(realm.registry(), Registry)
    assert isinstance(realm.anchor(), Anchor)


# SPEC ISSUANCE-13.2.1, ISSUANCE-13.2.4, ISSUANCE-13.2.5, ISSUANCE-13.2.10, ISSUANCE-13.2.11, ISSUANCE-13.2.13
@in_realm
async def test_an_issue_is_one_mint(realm: Realm) -> None:
    """Its root is the mint_id, its amount V; the wallet finds outputs that add up to the units; supply follows."""
    alice = await realm.wallet("alice")
    registry = realm.registry()
    assert await registry.supply(CURRENCY) == 0
    view = await realm.issue(alice)
    row = await row_of(realm, view.id)
    found = await state_of(realm, row.unit_root or b"")
    assert found is not None
    assert (found.status, found.value, found.credential_id) == (MintStatus.MINTED, 15_000, row.credential)
    assert row.receipt == await registry.receipt(row.unit_root or b"")
    registry.check_receipt(row.receipt or b"", row.unit_root or b"", row.credential or b"", cancelled=False)
    assert (await alice.check_mint(row.unit_root or b"", 15_000)).height == found.height
    assert (await alice.balance()).total == 15_000
    await alice.withdraw(1_000, BANK, "acct", merge=True)
    # minted - burned + refunded
    supply = await registry.supply(CURRENCY)
    figures = await realm.town.engine.supply()
    assert supply == 14_000 == figures.hidden.minor(2) + figures.escrow_pool.minor(2)
    assert await registry.supply("XDC") == 0
    assert await registry.receipt(bytes(32)) is None


# SPEC ISSUANCE-13.4.3, ISSUANCE-6.6.8, ISSUANCE-6.6.9
@pytest.mark.parametrize("broken", ["mute", "request", "answer"])
def test_a_registry_that_is_away(broken: str, realm_ring: Any) -> None:
    """The issue stays MINTED, and goes on when the ledger answers again: one mint, once in the wallet."""

    async def work() -> None:
        async with Realm(realm_ring, f"away/{broken}") as realm:
            alice = await realm.wallet("alice")
            line, row = await minted(realm, alice, broken)
            await realm.house.settle()
            assert (await row_of(realm, row.id)).state == row.state
            line.broken = ""
            await realm.house.settle()
            assert (await row_of(realm, row.id)).state == IssueState.RELEASED
            await alice.sync()
            assert (await alice.balance()).total == 15_000
            assert await realm.registry().supply(CURRENCY) == 15_000

    asyncio.run(work())


# SPEC ISSUANCE-13.2.7, ISSUANCE-6.6.8
@in_realm
async def test_a_registry_that_refuses(realm: Realm) -> None:
    """A unit key that governance has ended for now: the issue stays MINTED, and is minted when the key is believed."""
    alice = await realm.wallet("alice")
    (key,) = [each for each in realm.genesis.authorities if each.system == IS]
    await realm.govern(replace(key, nbf=key.nbf + 3600))
    (view,) = await realm.house.issuance.issue([await realm.order(alice)])
    assert isinstance(view, IssueView)
    assert (view.state, view.code) == ("minted", MintKey.code)
    await realm.govern(key)
    await realm.house.settle()
    assert (await row_of(realm, view.id)).state == IssueState.RELEASED


# SPEC ISSUANCE-13.2.2
@in_realm
async def test_an_order_without_address(realm: Realm) -> None:
    """Refused before quota is asked: else quota would be used for nothing."""
    alice = await realm.wallet("alice")
    address = alice.address()
    bad: list[dict[str, Any]] = [{"address": b""}, {"address": address.data[:-1] + b"\0"}, {"owner": bytes(32)}]
    for changes in bad:
        order = realm.house.order(**({"owner": address.owner, "address": address.data} | changes))
        (answer,) = await realm.house.issuance.issue([order])
        assert isinstance(answer, Schema), changes
    assert await realm.stock() == 0


# SPEC ISSUANCE-13.4.3, LEDGER-9.1.7
@in_realm
async def test_registered_twice(realm: Realm) -> None:
    """The same receipt; a root that was given up is refused; another root under the receipt too."""
    alice = await realm.wallet("alice")
    line, row = await minted(realm, alice)
    line.broken = ""
    registry = realm.registry(signs=True)
    asked = await registration(realm, row)
    first = await registry.register(asked)
    assert await registry.register(asked) == first
    assert len(line.sent) == 1
    with pytest.raises(ProofInvalid):
        await registry.register(replace(asked, credential_cti=bytes(16)))
    with pytest.raises(ProofInvalid):
        await realm.registry().register(replace(asked, unit_root=bytes(32)))
    with pytest.raises(UnitInvalid):
        await registry.register(replace(asked, unit_root=bytes(32), order=b"\x80\x01"))


# SPEC ISSUANCE-13.4.3
@in_realm
async def test_two_attempts_at_once(realm: Realm) -> None:
    """Each has its own outputs; the ledger takes one, and both answer with its receipt."""
    alice = await realm.wallet("alice")
    line, row = await minted(realm, alice)
    line.broken = ""
    asked = await registration(realm, row)
    first, second = await asyncio.gather(*(realm.registry(signs=True).register(asked) for _ in range(2)))
    assert first == second
    assert len({Frame.decode(frame).op_id for frame in line.sent}) == 2
    await alice.sync()
    assert (await alice.balance()).total == 15_000


# SPEC ISSUANCE-13.2.9, ISSUANCE-10.6.2, LEDGER-9.1.20
@in_realm
async def test_a_cancellation_and_a_mint_exclude_each_other(realm: Realm) -> None:
    alice = await realm.wallet("alice")
    line, row = await minted(realm, alice)
    line.broken = ""
    registry, root, cti = realm.registry(signs=True), row.unit_root, row.credential
    asked, cancel = await registration(realm, row), await cancel_of(realm, row)
    receipt = await registry.cancel(cancel, row.bit)
    registry.check_receipt(receipt, root, cti, cancelled=True)
    assert await registry.receipt(root) == receipt
    # the same words again, and the same meaning in fresh words
    assert await registry.cancel(cancel, row.bit) == receipt
    assert await registry.cancel(await cancel_of(realm, row), row.bit) == receipt
    for wrong in ((root, cti, False), (bytes(32), cti, True), (root, bytes(16), True)):
        with pytest.raises(ProofInvalid):
            registry.check_receipt(receipt, wrong[0], wrong[1], cancelled=wrong[2])
    with pytest.raises(ControlBitCancelled):
        await registry.register(asked)
    await realm.house.settle()
    assert (await row_of(realm, row.id)).state == IssueState.MINTED

    view = await realm.issue(alice, 10_000)
    other = await row_of(realm, view.id)
    with pytest.raises(ControlBitUsed):
        await registry.cancel(await cancel_of(realm, other), other.bit or b"")
    with pytest.raises(ProofInvalid):
        await registry.cancel(b"nothing", row.bit)
    found = await state_of(realm, other.unit_root or b"")
    assert found is not None
    assert found.status == MintStatus.MINTED


# SPEC ISSUANCE-13.2.9
@in_realm
async def test_a_cancellation_whose_answer_was_lost(realm: Realm) -> None:
    alice = await realm.wallet("alice")
    line, row = await minted(realm, alice)
    registry, cancel = realm.registry(signs=True), await cancel_of(realm, row)
    line.broken = "answer"
    with pytest.raises(Unavailable):
        await registry.cancel(cancel, row.bit)
    line.broken = ""
    receipt = await registry.cancel(await cancel_of(realm, row), row.bit)
    registry.check_receipt(receipt, row.unit_root, row.credential, cancelled=True)
    assert len(line.sent) == 1


@in_realm
async def test_a_cancellation_and_a_mint_at_once(realm: Realm) -> None:
    """One of the two takes effect; the other says so."""
    alice = await realm.wallet("alice")
    line, row = await minted(realm, alice)
    line.broken = ""
    asked, cancel = await registration(realm, row), await cancel_of(realm, row)
    registry = realm.registry(signs=True)
    done = await asyncio.gather(registry.register(asked), registry.cancel(cancel, row.bit), return_exceptions=True)
    found = await state_of(realm, row.unit_root)
    assert found is not None
    refused = done[1] if found.status == MintStatus.MINTED else done[0]
    assert isinstance(refused, ControlBitUsed | ControlBitCancelled)
    assert isinstance(done[0 if found.status == MintStatus.MINTED else 1], bytes)


# SPEC ISSUANCE-10.6.2, ISSUANCE-13.2.8
@in_realm
async def test_a_bit_that_expired_is_registered_or_cancelled(realm: Realm) -> None:
    """`exp` bounds D7 alone: units that are made are minted however late the ledger is back."""
    alice = await realm.wallet("alice")
    line, row = await minted(realm, alice)
    bit = read_unverified(row.bit, ControlBit)
    realm.clock.advance(seconds=(bit.claims.exp or 0) - bit.claims.iat + 3600)
    line.broken = ""
    # SPEC LEDGER-9.1.16
    await realm.house.settle()
    assert (await row_of(realm, row.id)).state == IssueState.RELEASED


# SPEC ISSUANCE-12.1.1, ISSUANCE-13.2.6, ISSUANCE-13.2.7, LEDGER-9.9.1
@pytest.mark.parametrize("role", ["is:unit", "qc:bit"])
def test_a_mint_under_a_rotated_key(role: str, realm_ring: Any) -> None:
    """Refused until governance names the new key (the ledger decides by its own state), then minted under it."""
    from specie.app.chain.founding import authority_of
    from tests.issuance import rotation

    async def work() -> None:
        async with Realm(realm_ring, f"rotated/{role}") as realm:
            alice = await realm.wallet("alice")
            holder = IS if role == "is:unit" else QC
            before = rotation.TYPES[role]
            rotation.TYPES[role] = MINTING if role == "is:unit" else before
            try:
                kid = await rotation.rotate(realm.house, holder, role)
            finally:
                rotation.TYPES[role] = before
            realm.clock.advance(seconds=DAY_S + 60)
            await realm.house.settle()
            (view,) = await realm.house.issuance.issue([await realm.order(alice)])
            assert isinstance(view, IssueView)
            assert (view.state, view.code) == ("minted", MintKey.code)
            cached = realm.house.desks[QC].cached
            assert cached is not None
            assert cached.keys is not None
            entries = [authority_of(each) for each in cached.keys.of_role(role) if each.holder == holder]
            assert kid in [each.kid for each in entries if each is not None]
            await realm.govern(*[each for each in entries if each is not None])
            await realm.house.settle()
            row = await row_of(realm, view.id)
            assert row.state == IssueState.RELEASED
            receipt = RegistryReceipt.decode(row.receipt or b"")
            signer = cose.parse_sign1(row.bit or b"").kid if role == "qc:bit" else receipt.frame[-80:-64]
            assert signer == kid

    asyncio.run(work())


# SPEC ISSUANCE-13.2.7, LEDGER-9.1.12
@in_realm
async def test_a_revoked_unit_key_mints_nothing(realm: Realm) -> None:
    alice = await realm.wallet("alice")
    line, row = await minted(realm, alice)
    line.broken = ""
    (key,) = [each for each in realm.genesis.authorities if each.system == IS]
    await realm.govern(replace(key, status=AuthorityStatus.REVOKED, revoked_from=1))
    with pytest.raises(MintKey):
        await realm.registry(signs=True).register(await registration(realm, row))
    assert await state_of(realm, row.unit_root) is None


@in_realm
async def test_a_node_that_shows_another_block(realm: Realm) -> None:
    alice = await realm.wallet("alice")
    view = await realm.issue(alice)
    row, engine = await row_of(realm, view.id), realm.town.engine

    class Liar:
        def __getattr__(self, name: str) -> Any:
            return getattr(engine, name)

        async def block(self, height: int) -> bytes:
            return await engine.block(0)

    with pytest.raises(ProofInvalid):
        await realm.registry(Liar()).receipt(row.unit_root or b"")  # type: ignore[arg-type]


def test_units_over_outputs() -> None:
    """Every output count that there is; the sum stays, a value is never lost."""
    for count in (1, 2, 3, 4, 7, 8, 15, 16, 17, 1000):
        values = [at + 1 for at in range(count)]
        outputs = next(number for number in (2, 4, 8, 16) if number >= min(count, 16))
        shares = shared_out(values, outputs)
        assert (len(shares), sum(shares)) == (outputs, sum(values))
        if count <= 16:
            assert shares[:count] == values


# -- anchors


async def anchored(realm: Realm) -> AnchorState | None:
    entry = await realm.town.engine.state_entry(Domain.ANCHOR, anchor_ident(5, QC))
    return None if entry.value is None else AnchorState.decode(bytes.fromhex(entry.value))


# SPEC ISSUANCE-13.4.5, ISSUANCE-15.2.3, LEDGER-9.7.1
@in_realm
async def test_anchors_in_sequence(realm: Realm) -> None:
    """Each follows the one before; the same once more changes nothing, also after a restart."""
    line = Line(realm)
    anchor = realm.anchor(line)  # type: ignore[arg-type]
    roots = [bytes([number]) * 32 for number in range(1, 4)]
    await anchor.anchor(5, QC, 3, roots[0], bytes(64))
    await anchor.anchor(5, QC, 3, roots[0], bytes(64))
    assert len(line.sent) == 1
    found = await anchored(realm)
    assert found is not None
    assert (found.sequence, found.size, found.root) == (1, 3, roots[0])
    await anchor.anchor(5, QC, 7, roots[1], bytes(64))
    # a program that has just started
    await realm.anchor(line).anchor(5, QC, 7, roots[1], bytes(64))  # type: ignore[arg-type]
    assert len(line.sent) == 2
    line.broken = "answer"
    with pytest.raises(Unavailable):
        await anchor.anchor(5, QC, 9, roots[2], bytes(64))
    line.broken = ""
    await realm.anchor(line).anchor(5, QC, 9, roots[2], bytes(64))  # type: ignore[arg-type]
    found = await anchored(realm)
    assert found is not None
    assert (found.sequence, found.size) == (3, 9)
    # a log does not shrink, nor speak twice of one size
    for size, root in ((8, roots[0]), (9, roots[0])):
        with pytest.raises(AnchorSequence):
            await anchor.anchor(5, QC, size, root, bytes(64))


@in_realm
async def test_what_waits_is_not_done(realm: Realm) -> None:
    """An operation that is not final within the time is asked for again later: mint, cancellation, anchor."""
    engine = realm.town.engine

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(engine, name)

        async def submit_operation(self, data: bytes, wait_s: float = 0) -> Submitted:
            return Submitted(id=bytes(32).hex(), state="verified")

    with pytest.raises(Unavailable):
        await realm.anchor(Slow()).anchor(5, QC, 3, bytes(32), bytes(64))  # type: ignore[arg-type]
    alice = await realm.wallet("alice")
    _, row = await minted(realm, alice)
    realm.line = engine
    registry = realm.registry(Slow(), signs=True)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await registry.register(await registration(realm, row))
    with pytest.raises(Unavailable):
        await registry.cancel(await cancel_of(realm, row), row.bit)
    assert await state_of(realm, row.unit_root) is None
