"""Escrows out of a wallet: funded from its outputs, locked while they are open, paid back to a fresh subaddress."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from ledger import makers
from ledger.wallet.town import WAIT_S, Town, seed_of
from specie.ledger.messages.frames import OpType, frame_of
from specie.ledger.messages.parameters import Parameter
from specie.ledger.wallet.wallet import create
from tests.ledger.escrow.makers import START_MS, Channel, Key


def town_with_bank() -> Town:
    """A chain whose bank grants channels."""
    settings = dict(makers.genesis().settings) | {Parameter.OPS_PER_BLOCK: 16}
    entries = [*makers.authorities(), makers.channel_entry(Key.of("bank").public)]
    shift = START_MS // 1000 - makers.START_S
    entries = [replace(each, nbf=each.nbf + min(0, shift)) for each in entries]
    authorities = tuple(sorted(entries, key=lambda each: each.kid))
    town = Town(settings=settings, authorities=authorities, created=START_MS // 1000)
    town.clock.set(START_MS * 1000)
    return town


# SPEC LEDGER-4.5.1, LEDGER-9.6.12
def test_an_escrow_is_locked_money_until_it_is_paid_out() -> None:
    async def work() -> None:
        async with town_with_bank() as town:
            alice, shop = await town.rich("alice", (20_000, 4)), await town.wallet("shop")
            house = town.house
            demo = Channel.of("demo", ledger_id=house.chain_id, asset=house.genesis.asset)
            mine, home = await alice.escrows.payout_address(demo.cid)
            assert (await alice.escrows.payout_address(demo.cid))[1] == home
            _, till = await shop.escrows.payout_address(demo.cid)
            assert await alice.escrows.is_own(home)
            assert not await alice.escrows.is_own(till)
            opening = demo.opening(pay_client=home, pay_vendor=till).encode()
            paid = await alice.fund(demo.burn, opening, demo.cid)
            assert paid.state == "final"
            await alice.sync()
            balance = await alice.balance()
            assert (balance.locked, balance.total) == (demo.burn, 80_000 - paid.fee)
            assert paid.fee == 2  # the envelope's class and ESCROW_FEE

            body = demo.cooperate(5_000).encode()
            frame = frame_of(OpType.COOP, house.chain_id, house.height + 50, body)
            answer = await town.engine.submit_operation(frame, WAIT_S)
            assert answer.state == "final"
            await alice.sync()
            await shop.sync()
            after = await alice.balance()
            assert (after.locked, after.total) == (0, 80_000 - paid.fee - 5_000)
            assert (await shop.balance()).total == 5_000
            assert [each.what for each in await shop.history()] == ["payout"]
            back = [each for each in await alice.history() if each.what == "payout"]
            assert {each.place for each in back} == {mine.place}
            for key in (seed_of("alice"), alice.reveal_view()):
                other = await create(town.database(), town.world(), key)
                await other.sync()
                assert await other.balance() == after
                assert await other.history() == await alice.history()

            spent = await shop.pay(alice.address(), 4_000)
            assert spent.state == "final"

    asyncio.run(work())


def test_a_top_up_is_signed_by_the_payout_address() -> None:
    async def work() -> None:
        async with town_with_bank() as town:
            alice = await town.rich("alice", (20_000, 4))
            house = town.house
            demo = Channel.of("demo", ledger_id=house.chain_id, asset=house.genesis.asset)
            mine, home = await alice.escrows.payout_address(demo.cid)
            await alice.fund(demo.burn, demo.opening(pay_client=home).encode(), demo.cid)
            await alice.sync()
            unsigned = demo.top_up(500)
            signature = alice.escrows.sign_topup(mine, unsigned.signed_items(house.chain_id))
            operation = replace(unsigned, signature=signature).encode()
            topped = await alice.fund(500, operation, demo.cid)
            assert topped.state == "final"
            await alice.sync()
            assert (await alice.balance()).locked == demo.burn + 500

    asyncio.run(work())
