"""What a verifier must reject, rows B-05 to B-09: rings and their signatures (LEDGER-15)."""

from __future__ import annotations

from functools import cache

import pytest

from ledger.adversary.court import Court, court, good
from ledger.adversary.encodings import SCALAR_FIELDS
from ledger.adversary.workshop import RING, Forgery, Wish
from oracle.ledger import clsag, ristretto
from oracle.ledger.outputs import Fields
from oracle.ledger.transaction import leb128
from specie.ledger.messages.parameters import Parameter

RINGS = ("ring_invalid", "V-13")
BYTES = ("non_canonical", "V-3")


@cache
def grown() -> Court:
    """A chain whose outputs must be three blocks old."""
    return Court({Parameter.MIN_AGE: 3})


# SPEC LEDGER-15.6, LEDGER-7.16
def test_b_05_a_ring_of_one() -> None:
    """Sixteen times the same member, truly signed."""
    (coin,) = court().take(1)
    forgery = court().workshop().forge([coin], rings=[[coin.member] * RING]).sign()
    assert clsag.verify(forgery.statement(0), clsag.Signature.of(forgery.private.signatures[0], RING)) == ""
    court().refuses(forgery.seal(), *RINGS)


# SPEC LEDGER-15.6, LEDGER-7.16, LEDGER-7.3
@pytest.mark.parametrize("case", ["twice", "descending", "no such index", "far", "wraps", "first twice"])
def test_b_05_indices_that_no_ring_has(case: str) -> None:
    forgery = good().copy()
    ring = forgery.private.rings[0]
    size = court().machine.tip.header.out_size
    if case == "twice":
        ring[7] = ring[6]
    elif case == "first twice":
        ring[1] = ring[0]
    elif case == "descending":
        ring[3], ring[4] = ring[4], ring[3]
    elif case == "no such index":
        ring[-1] = size
    elif case == "far":
        ring[-1] = 2**64 - 1
    else:
        forgery.deltas = b"".join(map(leb128, [ring[-1], 2**64 - 1, *[1] * (RING - 2)]))
    # a sum of deltas above 2^64 has no meaning at all
    wanted = BYTES if case in ("descending", "wraps") else RINGS
    court().refuses(forgery.seal(), *wanted)


# SPEC LEDGER-15.6, LEDGER-7.16
def test_b_05_a_member_beyond_the_anchor() -> None:
    """The coin came after the anchor height; everything is signed for that anchor."""
    here = court()
    before = here.height
    (coin,) = here.mint()[:1]
    here.turn()
    late = here.workshop(before).forge([coin]).sign()
    here.refuses(late.seal(), *RINGS)
    assert here.judge(here.workshop().forge([coin]).sign().seal()) == [("range_proof", "V-18")]


# SPEC LEDGER-15.6, LEDGER-7.16, LEDGER-10.2
def test_b_05_a_member_that_is_too_young() -> None:
    here = grown()
    (coin,) = here.mint()[:1]
    for age in (1, 2, 3):
        forgery = here.workshop().forge([coin]).sign()
        if age < 3:
            here.refuses(forgery.seal(), *RINGS)
            here.turn()
        else:
            assert here.judge(forgery.seal()) == [("range_proof", "V-18")]


# SPEC LEDGER-15.7, LEDGER-5.1.1, LEDGER-7.16
@pytest.mark.parametrize("count", [32, 64])
def test_b_06_rings_of_another_allowed_size(count: int) -> None:
    """Read as what they are, and refused because the chain has another size."""
    here = court()
    (coin,) = here.take(1)
    shop = here.workshop()
    forgery = shop.forge([coin], Wish(fee=8), rings=[shop.ring(coin, count)])
    here.refuses(forgery.sign().seal(), *RINGS)


# SPEC LEDGER-15.7, LEDGER-7.3
@pytest.mark.parametrize("count", [0, 1, 2, 11, 15, 17, 31, 63, 65])
def test_b_06_rings_of_sizes_that_no_chain_has(count: int) -> None:
    here = court()
    (coin,) = here.take(1)
    shop = here.workshop()
    ring = shop.ring(coin, count) if count else []
    forgery = shop.forge([coin], Wish(fee=8), rings=[ring])
    here.refuses((forgery.pretend() if count else _hollow(forgery)).seal(), *BYTES)


def _hollow(forgery: Forgery) -> Forgery:
    forgery.inputs[0] = forgery.inputs[0]._replace(ring=[])
    forgery.private.rings = [[]]
    return forgery.pretend()


# SPEC LEDGER-15.7, LEDGER-7.3
@pytest.mark.parametrize("drop", [(0, 32), (64, 96), (64 + 32 * RING, 32), (64 + 64 * RING, 64)])
def test_b_06_lists_of_unequal_length(drop: tuple[int, int]) -> None:
    at, count = drop
    shorter, longer = good().copy(), good().copy()
    old = good().private.signatures[0]
    shorter.private.signatures = [old[:at] + old[at + count :]]
    longer.private.signatures = [old[:at] + bytes(32) + old[at:]]
    court().refuses_all([shorter.seal(), longer.seal()], {BYTES})


# SPEC LEDGER-15.8, LEDGER-7.8
def test_b_07_one_key_image_twice_in_a_transaction() -> None:
    here = court()
    (coin,) = here.take(1)
    forgery = here.workshop().forge([coin, coin]).sign()
    here.refuses(forgery.seal(), "key_image_order", "V-7")


# SPEC LEDGER-15.8, LEDGER-7.10
def test_b_07_one_key_image_twice_in_a_block_and_in_history() -> None:
    here = court()
    (coin,) = here.take(1)
    purse = here.as_purse(coin)
    one, other, third = (
        here.house.spend(purse, purse.coins, [(purse.pay, 5 + at)], ring_seed=at).envelope for at in range(3)
    )
    spent = ("key_image_spent", "V-9")
    said, _ = here.in_block(one, other)
    assert sorted(said) == sorted([("ok", None), spent])
    before = here.machine.tip.images.size()
    assert here.judge(one, other) == [("verified", None)] * 2
    here.turn()
    here.turn()
    assert sorted([here.answer(one), here.answer(other)]) == sorted([("final", None), spent])
    assert here.machine.tip.images.size() == before + 1
    here.refuses(third, *spent)


# SPEC LEDGER-15.9, LEDGER-7.20
def test_b_08_a_first_challenge_that_does_not_close_the_ring() -> None:
    old = good().private.signatures[0][:32]
    number = int.from_bytes(old, "little")
    others = [(number + 1) % ristretto.L, (number - 1) % ristretto.L, 0, 1, number ^ 1 << 200]
    items = [good().copy().put(0, 0, other.to_bytes(32, "little")).seal() for other in others]
    court().refuses_all(items, {("ring_glue", "V-16")})


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << at * 5 % 8]) + data[at + 1 :]


# SPEC LEDGER-15.9, LEDGER-5.4.1
def test_b_08_one_bit_in_each_byte_of_the_signature() -> None:
    data = good().private.signatures[0]
    items = []
    for at in range(len(data)):
        forgery = good().copy()
        forgery.private.signatures = [flipped(data, at)]
        items.append(forgery.seal())
    rules = {("point_invalid", "V-10"), ("scalar_invalid", "V-11")}
    rules |= {("ring_glue", "V-16"), ("ring_signature", "V-17")}
    said = _refused(items, rules)
    # a changed answer s closes the ring as before: only the equations tell
    low_bytes = [at + step for name, at in SCALAR_FIELDS.items() if name != "c_1" for step in range(28)]
    assert {said[at] for at in low_bytes} == {("ring_signature", "V-17")}


# SPEC LEDGER-15.9
def test_b_08_one_bit_in_each_byte_of_what_is_signed() -> None:
    """TxPublic, salt and anchor height, each as it stands in the envelope."""
    public, items = good().public.encode(), []
    for at in range(len(public)):
        forgery = good().copy()
        forgery.public = _Raw(flipped(public, at))  # type: ignore[assignment]
        items.append(forgery.seal())
    said = _refused(items, set())
    proof_and_tags = range(len(public) - 641, len(public))
    assert {said[at] for at in proof_and_tags} == {("ring_glue", "V-16")}
    outer = []
    for at in range(32):
        forgery = good().copy()
        forgery.private.salt = flipped(forgery.private.salt, at)
        outer.append(forgery.seal())
    court().refuses_all(outer, {("range_proof", "V-18")})
    heights = []
    for step in (1, 2, 3):
        forgery = good().copy()
        forgery.private.h_a -= step
        heights.append(forgery.seal())
    court().refuses_all(heights, {("ring_glue", "V-16"), RINGS, ("anchor_invalid", "V-14")})


class _Raw:
    """Bytes in the place of a TxPublic."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return self.data


def _refused(items: list[bytes], rules: set[tuple[str, str]]) -> list[tuple[str, str | None]]:
    """Refused by these rules, or by any; nothing waits and nothing changed."""
    here = court()
    before = here.state()
    said = here.judge(*items)
    assert all(rule is not None and (not rules or (code, rule) in rules) for code, rule in said), said
    assert here.state() == before
    return said


# SPEC LEDGER-15.9
def test_b_08_another_member_in_the_ring() -> None:
    """Each member but the real one, replaced by its neighbour of the same class, and all of them moved by one."""
    chain = court().machine.chain
    classes = chain.classes[: chain.log_at[good().private.h_a].size]
    old, real = good().private.rings[0], good().inputs[0].coin.index
    rings = []
    for member in old:
        others = [index for index in (member - 1, member + 1) if 0 <= index < len(classes)]
        others = [index for index in others if classes[index] == 0]
        rings += [sorted({*old, index} - {member}) for index in others if index not in old]
    rings.append([*range(RING - 1), real])
    assert len(rings) > RING / 2
    items = []
    for ring in rings:
        forgery = good().copy()
        forgery.private.rings = [ring]
        items.append(forgery.seal())
    court().refuses_all(items, {("ring_glue", "V-16")})


# SPEC LEDGER-15.10, LEDGER-5.4.1
def test_b_09_a_pseudo_output_that_is_the_real_commitment() -> None:
    """z = 0, so D is the identity and everybody sees which member is spent."""
    here = court()
    coins = here.take(2)
    forgery = here.workshop().forge(coins, Wish(pseudo_masks=(coins[0].mask,))).sign()
    assert Fields.of(coins[0].data).C in forgery.public.pseudo
    here.refuses(forgery.seal(), "point_invalid", "V-10")


# SPEC LEDGER-15.10, LEDGER-5.4.1
def test_b_09_a_pseudo_output_that_is_the_commitment_of_another_member() -> None:
    """Two coins of one value: every equation holds, and only the look at the ring's commitments tells."""
    here = court()
    first, *others = here.take(4)
    twin = next(coin for coin in others if coin.value == first.value)
    second = next(coin for coin in others if coin is not twin)
    shop = here.workshop()
    strangers = [member for member in shop.ring(first) if member.index not in (first.index, twin.index)]
    ring = sorted([first.member, twin.member, *strangers[: RING - 2]], key=lambda member: member.index)
    forgery = shop.forge([first, second], Wish(pseudo_masks=(twin.mask,)), [ring, shop.ring(second)]).sign()
    number = forgery.public.pseudo.index(Fields.of(twin.data).C)
    signature = clsag.Signature.of(forgery.private.signatures[number], RING)
    assert clsag.verify(forgery.statement(number), signature) == "pseudo"
    here.refuses(forgery.seal(), "ring_signature", "V-17")
