"""What a verifier must reject, rows B-20 and B-21: one bad element in a batch, weights that repeat (LEDGER-15)."""

from __future__ import annotations

import random as pseudo_random
from itertools import product

import pytest

from ledger.adversary.court import Court, court
from ledger.adversary.pool import Item, claim_of, nudge, opened, pool, verify
from ledger.adversary.workshop import Forgery
from oracle.ledger.ristretto import L
from specie.crypto.ring import clsag_verify, clsag_verify_batch

MIXES = 10_000
WHOLE_MIXES = 400


# SPEC LEDGER-15.21, LEDGER-5.5.3, LEDGER-7.21
@pytest.mark.parametrize("size", [2, 3, 5, 8, 17, 64, 65])
def test_b_20_one_bad_element_anywhere(size: int) -> None:
    """Every kind of fault, at the first, a middle and the last place: it is blamed, and nothing else is."""
    goods, bads = pool()
    for bad, at in product(bads, sorted({0, size // 2, size - 1})):
        batch = [goods[number % len(goods)] for number in range(size)]
        batch[at] = bad
        assert verify(batch) == [item.label for item in batch]
        if size > 17:
            break


# SPEC LEDGER-15.21, LEDGER-5.5.3
def test_b_20_at_every_place_of_a_batch() -> None:
    goods, bads = pool()
    equations = next(bad for bad in bads if bad.label == "V-17")
    for at in range(16):
        batch = [goods[number % len(goods)] for number in range(16)]
        batch[at] = equations
        assert [place for place, label in enumerate(verify(batch)) if label] == [at]


# SPEC LEDGER-15.21, LEDGER-7.21
def test_b_20_the_engine_blames_the_same() -> None:
    """The whole way in: a micro-batch of good and bad envelopes at once."""
    here = court()
    goods = [here.built() for _ in range(3)]
    bad = [forgery.copy() for forgery in goods]
    nudge(bad[0], 5, 1)
    bad[1].public.fee += 1
    bad[2].private.salt = bytes(32)
    batch = [forgery.seal() for pair in zip(bad, goods, strict=True) for forgery in pair]
    said = here.judge(*batch)
    assert [rule for _, rule in said] == ["V-17", None, "V-15", None, "V-18", None]
    alone = []
    for data in batch:
        here.machine.forget()
        alone.append(here.in_block(data)[0][0])
    assert [rule for _, rule in alone] == [rule for _, rule in said]
    here.turn()
    assert [here.answer(data)[0] for data in batch[1::2]] == ["final"] * 3


def _mix(draw: pseudo_random.Random, goods: list[Item], bads: list[Item], most: int) -> list[Item]:
    """One to `most` items; about half of the mixes are without a fault."""
    share = draw.choice((0.0, 0.0, 0.2, 0.6))
    return [draw.choice(bads if draw.random() < share else goods) for _ in range(draw.randint(1, most))]


# SPEC LEDGER-15.21, LEDGER-5.5.3
def test_b_20_batch_and_single_verification_agree_on_random_mixes() -> None:
    goods, bads = pool()
    draw = pseudo_random.Random(20)
    alone = {id(item): clsag_verify(item.claim) for item in [*goods, *bads]}
    assert {id(item) for item in bads if item.label in ("V-16", "V-17")} <= {
        key for key, true in alone.items() if not true
    }
    for number in range(MIXES):
        batch = _mix(draw, goods, bads, 3)
        said = clsag_verify_batch([item.claim for item in batch], number.to_bytes(32, "big"))
        assert said == [alone[id(item)] for item in batch]


# SPEC LEDGER-15.21, LEDGER-5.5.3, LEDGER-7.19, LEDGER-7.22
def test_b_20_whole_transactions_agree_on_random_mixes() -> None:
    goods, bads = pool()
    draw = pseudo_random.Random(21)
    for number in range(WHOLE_MIXES):
        batch = _mix(draw, goods, bads, 6)
        assert verify(batch, number.to_bytes(32, "big")) == [item.label for item in batch]


# -- B-21 -----------------------------------------------------------------------------------------------------


def cancelling(here: Court) -> tuple[Forgery, Forgery]:
    """Two transactions over one ring whose faults take each other away if their weights are the same.

    s_j + 1 in one and s_j - 1 in the other: with equal weights both G and H_j of the equations cancel.
    """
    one = here.built()
    other = one.copy()
    nudge(one, 4, 1)
    nudge(other, 4, L - 1)
    return one, other


class Broken:
    """A generator of random numbers that gives one byte for ever."""

    def __init__(self, byte: int) -> None:
        self.byte = byte

    def bytes(self, count: int) -> bytes:
        return bytes([self.byte]) * count


FAULTY = [bytes(32), b"\xff" * 32, b"\1" * 32]


# SPEC LEDGER-15.22, LEDGER-5.5.2
@pytest.mark.parametrize("random", FAULTY, ids=["zeros", "ones", "repeated"])
def test_b_21_faults_that_cancel_under_equal_weights(random: bytes) -> None:
    """With a broken generator weights are neither zero nor equal: they depend on all that is weighed."""
    one, other = cancelling(court())
    root = one.place.out_root
    claims = [claim_of(forgery) for forgery in (one, other)]
    items = [
        Item(transaction, root, "V-17", claim) for transaction, claim in zip(opened(one, other), claims, strict=True)
    ]
    assert verify(items, random) == ["V-17", "V-17"]
    assert verify([*items, *pool()[0], *items], random) == ["V-17"] * 2 + [""] * len(pool()[0]) + ["V-17"] * 2
    assert clsag_verify_batch(claims, random) == [False, False]
    assert clsag_verify_batch(claims * 8, random) == [False] * 16


# SPEC LEDGER-15.22, LEDGER-5.5.2
@pytest.mark.parametrize("random", FAULTY, ids=["zeros", "ones", "repeated"])
def test_b_21_a_fault_in_every_equation(random: bytes) -> None:
    """A weight of zero for any equation would let one of these pass."""
    good = court().built()
    claims = []
    for j in range(16):
        forgery = good.copy()
        nudge(forgery, j, 1)
        claims.append(claim_of(forgery))
    assert [clsag_verify_batch([claim], random) for claim in claims] == [[False]] * 16
    assert clsag_verify_batch([claim_of(good), *claims], random) == [True] + [False] * 16


# SPEC LEDGER-15.22, LEDGER-5.5.2
@pytest.mark.parametrize("byte", [0, 255])
def test_b_21_a_node_whose_generator_is_broken(byte: int) -> None:
    here = Court(randomness=Broken(byte))
    one, other = cancelling(here)
    here.refuses_all([one.seal(), other.seal()], {("ring_signature", "V-17")})
    good = here.built().seal()
    here.accepts(good)


# SPEC LEDGER-15.22, LEDGER-5.5.2
def test_b_21_weights_hang_on_every_input_of_the_batch() -> None:
    """The same numbers for two batches give other weights: a fault made for one batch does not fit another."""
    one, other = cancelling(court())
    claims = [claim_of(forgery) for forgery in (one, other)]
    goods = [item.claim for item in pool()[0]]
    for number in range(64):
        random = bytes([number % 2]) * 32
        batch = [*goods[: number % 4], *claims, *goods[number % 3 :]]
        said = clsag_verify_batch(batch, random)
        assert said == [claim not in claims for claim in batch]
