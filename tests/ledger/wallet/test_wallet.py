"""Mint, scan, pay, scan, restore: what a wallet shows is what the chain holds, whoever looks with which keys."""

from __future__ import annotations

from ledger.wallet.town import Town, in_town, seed_of
from specie.ledger.wallet.wallet import create


@in_town
async def test_mint_scan_pay_scan_restore(town: Town) -> None:
    alice = await town.rich("alice")
    assert (await alice.balance()).available == 2500
    bob = await town.wallet("bob")
    issued, address = await bob.receive("alice")
    paid = await alice.pay(address, 700, words="for the bread")
    assert paid.state == "final"
    await alice.sync()
    await bob.sync()
    assert (await bob.balance()).total == 700
    (came,) = await bob.history()
    assert (came.what, came.amount, came.words, came.place) == ("received", 700, "for the bread", issued.place)
    balance = await alice.balance()
    assert balance.total == balance.available == 2500 - 700 - paid.fee
    again = await create(town.database(), town.world(), seed_of("alice"))
    await again.sync()
    assert await again.balance() == balance
    assert await again.history() == await alice.history()
    seeing = await create(town.database(), town.world(), alice.reveal_view())
    await seeing.sync()
    assert seeing.tier == "view"
    assert await seeing.balance() == balance
    assert await seeing.history() == await alice.history()
