"""Secrets leave the wallet only when asked for, and a locked wallet sees without spending."""

from __future__ import annotations

import pytest

from ledger.wallet.town import Drawer, Town, in_town, seed_of
from specie.crypto.errors import OpenFailed
from specie.crypto.secret import Secret
from specie.kernel.clock import SeededRandomness
from specie.kms.api import KeyUri
from specie.ledger.errors import AddressInvalid, Unknown, ViewOnly
from specie.ledger.messages.bech32m import bech32m_encode
from specie.ledger.wallet.errors import KeyTextInvalid, WalletExists, WalletLocked, WalletUnknown
from specie.ledger.wallet.seeds import SEED_PREFIX, SPEND, Seed, Vault, parse_view, view_text
from specie.ledger.wallet.store import holding
from specie.ledger.wallet.wallet import create, open_wallet


def test_a_seed_survives_paper() -> None:
    seed = Seed(Secret(bytes(range(32))), 120_442)
    text = seed.text
    assert text.startswith("specie-seed1")
    assert len(text) <= 90  # within the distance guarantee of bech32m
    for said in (text, text.upper(), f"  {text[:30]} {text[30:]}\n"):
        found = Seed.parse(said)
        assert (found.secret.reveal(), found.birthday) == (bytes(range(32)), 120_442)
    bare = Seed.parse(bech32m_encode(SEED_PREFIX, bytes(range(32))))
    assert bare.birthday == 0


@pytest.mark.parametrize("spoil", [0, 15, 40, -1])
def test_a_mistyped_seed_is_refused_without_repeating_it(spoil: int) -> None:
    letters = list(Seed(Secret(bytes(range(32)))).text)
    letters[spoil] = "q" if letters[spoil] != "q" else "p"
    with pytest.raises(KeyTextInvalid) as refusal:
        Seed.parse("".join(letters))
    assert "".join(letters) not in str(refusal.value)
    with pytest.raises(KeyTextInvalid):
        parse_view(Seed(Secret(bytes(32))).text)
    with pytest.raises(KeyTextInvalid):
        Seed.parse(bech32m_encode(SEED_PREFIX, bytes(31)))
    with pytest.raises(KeyTextInvalid):
        parse_view(bech32m_encode("specie-view", bytes(95)))


def test_secrets_print_as_nothing() -> None:
    seed = Seed(Secret(bytes(range(32))))
    assert bytes(range(32)).hex() not in repr(seed)
    assert "***" in repr(seed)


@in_town
async def test_nothing_secret_lies_open_in_the_database(town: Town) -> None:
    alice = await town.rich("alice")
    holder = await alice.database.read(holding.read_holder)
    assert holder is not None
    assert holder.spend_sealed is not None
    seed, view = seed_of("alice").secret.reveal(), alice.reveal_view().reveal()
    for sealed in (holder.spend_sealed, holder.view_sealed):
        assert seed not in sealed
        assert view[:32] not in sealed
    other = Vault(Drawer(), KeyUri.kms("local", "wallet"), SeededRandomness(1))  # type: ignore[arg-type]
    with pytest.raises(OpenFailed):
        await other.open(holder.spend_sealed, SPEND, bytes(32))  # another chain


# SPEC LEDGER-15.31
@in_town
async def test_an_open_wallet_keeps_no_secret_in_python(town: Town) -> None:
    alice = await town.again(await town.rich("alice"))
    secrets = (seed_of("alice").secret.reveal(), alice.reveal_view().reveal(), alice.reveal_detect().reveal())
    seen: set[int] = set()

    def search(value: object) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        assert not isinstance(value, Secret)
        if isinstance(value, bytes | bytearray):
            assert not any(secret in value for secret in secrets)
        elif isinstance(value, dict):
            for each in value.values():
                search(each)
        elif isinstance(value, list | tuple | set):
            for each in value:
                search(each)
        elif type(value).__module__.startswith("specie.ledger.wallet"):
            for name in [*getattr(value, "__dict__", {}), *getattr(value, "__slots__", ())]:
                search(getattr(value, name, None))

    search(alice)
    assert len(seen) > 20


# SPEC LEDGER-14.1
@in_town
async def test_a_view_only_wallet_sees_and_never_spends(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    seeing = await create(town.database(), town.world(), parse_view(view_text(alice.reveal_view())))
    await seeing.sync()
    assert (await seeing.balance()).total == 2500
    assert seeing.address(2, 5) == alice.address(2, 5)
    with pytest.raises(ViewOnly):
        await seeing.pay(bob.address(), 5)
    with pytest.raises(ViewOnly):
        await seeing.reveal_seed()
    assert not any(each.image for each in await seeing.outputs())


@in_town
async def test_a_locked_wallet_sees_and_its_passphrase_spends(town: Town) -> None:
    alice, bob = await town.rich("alice"), await town.wallet("bob")
    await alice.lock(Secret(b"correct horse"))
    locked = await town.again(alice)
    assert (await locked.standing()).locked
    assert (await locked.balance()).total == 2500
    with pytest.raises(WalletLocked):
        await locked.pay(bob.address(), 5)
    with pytest.raises(WalletLocked):
        await locked.reveal_seed()
    with pytest.raises(WalletLocked):
        await open_wallet(alice.database, town.world(), Secret(b"wrong"))
    opened = await open_wallet(alice.database, town.world(), Secret(b"correct horse"))
    assert (await opened.pay(bob.address(), 5)).state == "final"
    with pytest.raises(WalletLocked):
        await locked.unlock(Secret(b"wrong"))
    await locked.unlock(Secret(b"correct horse"))
    again = await town.again(alice)
    assert not (await again.standing()).locked
    assert (await again.reveal_seed()).text == seed_of("alice").text


@in_town
async def test_one_database_holds_one_wallet(town: Town) -> None:
    alice = await town.wallet("alice")
    with pytest.raises(WalletExists):
        await create(alice.database, town.world(), seed_of("bob"))
    with pytest.raises(WalletUnknown):
        await open_wallet(town.database(), town.world())


# SPEC LEDGER-3.2
@in_town
async def test_addresses_are_checked(town: Town) -> None:
    alice = await town.wallet("alice")
    good = alice.address()
    assert alice.parse_address(good.text) == good
    text = list(good.text)
    text[30] = "q" if text[30] != "q" else "p"
    with pytest.raises(AddressInvalid):
        alice.parse_address("".join(text))
    for at in range(3):
        keys = [good.spend, good.view, good.detect]
        for bad in (bytes(32), b"\xff" * 32):
            keys[at] = bad
            with pytest.raises(AddressInvalid):
                alice.parse_address(type(good)(good.net, *keys).text)


@in_town
async def test_each_counterparty_gets_a_fresh_address(town: Town) -> None:
    alice = await town.wallet("alice")
    first, one = await alice.receive("bob")
    second, other = await alice.receive("carol")
    assert (first.place, second.place) == (1, 2)
    assert one != other != alice.address()
    assert one.text.startswith("specie-testl1")
    await alice.receive("savings", 49)
    with pytest.raises(Unknown):
        await alice.receive("too far", 99)
    for _ in range(200):
        last, _ = await alice.receive("nobody")
    assert last.ahead > 200
