"""Whatever people do in whatever order: the books agree, nothing is created, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from bank.house import Town
from specie.bank.messages.postings import Kind
from specie.kernel.errors import Refused

NAMES = ("alice", "bob", "carol")
name, amount, ref = st.sampled_from(NAMES), st.integers(0, 400), st.integers(0, 3).map(lambda n: b"%d" % n)
STEP = st.one_of(
    st.tuples(st.just("transfer"), name, name, amount, ref),
    st.tuples(st.just("withdraw"), name, amount, ref),
    st.tuples(st.just("deposit"), name, amount, ref),
    st.tuples(st.just("hold"), name, amount, ref),
    st.tuples(st.just("capture"), amount, ref),
    st.tuples(st.just("release"), ref),
    st.tuples(st.just("freeze"), name),
    st.tuples(st.just("unfreeze"), name),
    st.tuples(st.just("reverse"), st.integers(1, 12)),
    st.tuples(st.just("wait"), st.integers(0, 200)),
    st.tuples(st.just("restart")),
)


async def do(town: Town, step: tuple) -> None:  # type: ignore[type-arg]
    what, *rest = step
    bank, now_s = town.bank, town.clock.now_us() // 1_000_000
    if what == "transfer":
        await bank.transfer(rest[3].decode(), rest[0], rest[1], rest[2])
    elif what == "withdraw":
        await bank.debit(rest[2], Kind.COIN_WITHDRAW, rest[0], rest[1], room="ecash")
    elif what == "deposit":
        await bank.credit(rest[2], Kind.COIN_DEPOSIT, [(rest[0], rest[1])], room="ecash")
    elif what == "hold":
        await bank.hold(rest[2], rest[0], rest[1], now_s + 100)
    elif what == "capture":
        await bank.capture(rest[1], Kind.COIN_WITHDRAW, rest[0], room="ecash")
    elif what == "release":
        await bank.release(rest[0])
    elif what == "freeze":
        await bank.accounts.freeze(rest[0], "asked by a court", "mina")
    elif what == "unfreeze":
        await bank.accounts.unfreeze(rest[0], "done", "mina", "omar")
    elif what == "reverse":
        await bank.orders.reverse(rest[0])
    elif what == "wait":
        town.clock.advance(seconds=rest[0])
    else:
        town.open()


# SPEC BANK-12.1, BANK-12.2, BANK-12.7, BANK-1.5
@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_the_books_agree_after_every_step(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    async def work() -> None:
        town = Town()
        await town.found(*NAMES)
        for each in NAMES:
            await town.rich(each, 500)
            await town.bank.licence(b"l", each, 1, 2**40, coins_blocked=False)
        for step in steps:
            with contextlib.suppress(Refused):
                await do(town, step)
            await town.check()
            pool = await town.bank.pool("XTS")
            assert pool.reserve == 1_500 == pool.accounts + pool.coins

    asyncio.run(work())
