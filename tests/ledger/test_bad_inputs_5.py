"""What a verifier must reject, rows B-17 to B-19 and B-22 to B-25: envelopes, contexts, bytes, anchors (LEDGER-15)."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from ledger.adversary.court import Court, bound, court, good
from ledger.adversary.workshop import RING, Forgery
from ledger.service.world import World, living
from oracle.ledger.clsag import Member
from oracle.ledger.outputs import Fields
from oracle.ledger.transaction import envelope_head, info, leb128
from specie.ledger.messages.parameters import Parameter
from specie.ledger.messages.views import Repeated
from specie.ledger.protocol.order import submission_id
from tests.app.serving import ask, run

MALFORMED = ("envelope_malformed", "V-1")
UNOPENABLE = ("envelope_unopenable", "V-2")
BYTES = ("non_canonical", "V-3")
SHAPE = ("shape", "V-4")
EXPIRED = ("expired", "V-5")
ANCHOR = ("anchor_invalid", "V-14")
GLUE = ("ring_glue", "V-16")


# -- B-17 -----------------------------------------------------------------------------------------------------


# SPEC LEDGER-15.18, LEDGER-7.1, LEDGER-2.7
@pytest.mark.parametrize(
    ("at", "data", "refusal"),
    [
        (0, b"PLX2", ("non_canonical", "9.5.1")),
        (4, b"\2", MALFORMED),
        (4, b"\0", MALFORMED),
        (5, b"\0\0\0\0", ("epoch_unknown", "V-1")),
        (5, b"\2\0\0\0", ("epoch_unknown", "V-1")),
        (9, bytes(8), MALFORMED),
    ],
    ids=["magic", "suite downgrade", "suite 0", "epoch 0", "next epoch", "key of another node"],
)
def test_b_17_heads_that_name_something_else(at: int, data: bytes, refusal: tuple[str, str]) -> None:
    sealed = good().copy().seal()
    court().refuses(sealed[:at] + data + sealed[at + len(data) :], *refusal)


# SPEC LEDGER-15.18, LEDGER-7.1, LEDGER-6.3.1
def test_b_17_cut_and_lengthened() -> None:
    sealed = good().copy().seal()
    lengths = [17, 48, 49, 64, 4096, 8191, 8193, 12_000, 16_383, 32_769, 65_535]
    court().refuses_all([sealed.ljust(length, b"\0")[:length] for length in lengths], {MALFORMED})
    court().refuses_all([sealed.ljust(length, b"\0") for length in (16_384, 32_768, 65_536)], {UNOPENABLE})
    assert court().judge(sealed.ljust(65_537, b"\0")) == [("too_large", "V-1")]


# SPEC LEDGER-15.18, LEDGER-7.2
def test_b_17_sealed_for_something_else() -> None:
    """Another aad, another chain, another epoch, another share, one bit of the ciphertext."""
    here, sealed = court(), good().copy().seal()
    items = [replace(good(), info=info(bytes(32), 1)).seal(), replace(good(), info=info(here.chain_id, 2)).seal()]
    head = envelope_head(1, 1, here.public_key)
    other = replace(good(), head=head[:8] + b"\1" + head[9:]).seal()
    items.append(head + other[17:])
    items += [sealed[:17] + bytes(32) + sealed[49:], sealed[:17] + here.public_key + sealed[49:]]
    items += [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in (17, 49, 5000, 8191)]
    here.refuses_all(items, {UNOPENABLE})


# SPEC LEDGER-15.18, LEDGER-21.1.1, LEDGER-8.5.4
def test_b_17_the_same_envelope_again_has_no_second_effect() -> None:
    here = court()
    envelope = here.built().seal()
    (first,) = here.accepts(envelope)
    state = here.state()
    again = here.submit(envelope)
    assert isinstance(again, Repeated)
    assert (again.height, again.leaf, again.position) == (first.height, first.leaf, first.position)
    # in blocks of others: alone, and twice
    empty = here.empty_block()
    assert here.in_block(envelope) == ([("tx_duplicate", None)], empty)
    assert here.in_block(envelope, envelope) == ([("tx_duplicate", None)] * 2, empty)
    here.machine.forget()
    # a node that has forgotten the submission knows it from its tables
    here.engine.provider.submissions = type(here.engine.provider.submissions)()
    assert here.judge(envelope) == [("final", None)]
    assert here.state() == state


# SPEC LEDGER-15.18, LEDGER-21.1.1
def test_b_17_a_replay_over_http_is_marked(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        frame, answers = world.anchor(2), []
        for _ in range(3):
            headers = [("content-type", "application/vnd.specie.ledger+octets"), ("prefer", "wait=10")]
            answers.append(await ask(world.port, "POST", "/v1/ledger/operations", frame, headers))
        assert [each.status for each in answers] == [200] * 3
        assert [each.headers.get("idempotent-replay") for each in answers] == [None, "true", "true"]
        assert answers[0].json == answers[1].json == answers[2].json
        assert world.engine.machine.tip.header.tx_count == 1

    async def whole() -> None:
        async with living(tmp_path) as world:
            await story(world)

    run(whole())


# -- B-18 -----------------------------------------------------------------------------------------------------


# SPEC LEDGER-15.19, LEDGER-7.20
def test_b_18_a_signature_for_another_envelope() -> None:
    """Bound mode: whoever opens an envelope cannot wrap its content again."""
    here = court()
    again = replace(bound(), seed=b"another share")
    assert again.seal() != bound().seal()
    here.refuses(again.seal(), *GLUE)
    # declared portable, it is signed for the share all the same
    portable = bound().copy()
    portable.private.flags = 1
    here.refuses(portable.seal(), *GLUE)
    # and a portable one that is declared bound
    closed = good().copy()
    closed.private.flags = 0
    here.refuses(closed.seal(), *GLUE)


# SPEC LEDGER-15.19, LEDGER-7.20
@pytest.mark.parametrize("case", ["chain", "root", "height"])
def test_b_18_a_signature_for_another_place(case: str) -> None:
    """Signed for another chain, another history, another anchor height; sealed for this one."""
    here = court()
    forgery = good().copy()
    place = forgery.place
    other = {
        "chain": place._replace(chain_id=bytes(32)),
        "root": place._replace(out_root=here.machine.chain.log_at[0].root),
        "height": place,
    }[case]
    signer = replace(forgery, place=other)
    if case == "height":
        signer.private = replace(forgery.private, h_a=place.h_a - 1)
    forgery.private.signatures = [signer.signature(0)]
    here.refuses(forgery.seal(), *GLUE)


# -- B-19 -----------------------------------------------------------------------------------------------------


def _long_first(forgery: Forgery) -> bytes:
    """The first delta in one byte more than it needs."""
    ring = forgery.private.rings[0]
    first = leb128(ring[0])
    padded = first[:-1] + bytes([first[-1] | 128, 0])
    return padded + b"".join(leb128(b - a) for a, b in pairwise(ring))


# SPEC LEDGER-15.20, LEDGER-7.3, LEDGER-6.3.3
def test_b_19_bytes_that_are_not_the_one_encoding() -> None:
    here, items = court(), []
    for name in ("public_tail", "private_tail"):
        items += [replace(good(), **{name: tail}).seal() for tail in (b"\0", b"\1", bytes(40))]
    items.append(replace(good(), deltas=_long_first(good())).seal())
    items.append(replace(good(), deltas=b"\x80" * 10 + b"\0" + bytes(RING - 1)).seal())
    items.append(replace(good(), deltas=b"\xff" * 9 + b"\2" + b"\1" * (RING - 1)).seal())
    items += [replace(good(), padding=pad).seal() for pad in (b"\1", bytes(100) + b"\x80")]
    plain = 8 + len(good().public.encode()) + len(good().private_bytes()) + 65
    items.append(replace(good(), padding=bytes(8192 - plain - 1) + b"\1").seal())
    items += [replace(good(), size=size).seal() for size in (16_384, 32_768, 65_536)]
    here.refuses_all(items, {BYTES})


# SPEC LEDGER-15.20, LEDGER-7.3
def test_b_19_types_and_flags_that_nobody_knows() -> None:
    items = []
    for kind in (0, 4, 16, 255):
        forgery = good().copy()
        forgery.public.type = kind
        items.append(forgery.seal())
    for bit in range(3, 8):
        forgery = good().copy()
        forgery.private.flags |= 1 << bit
        items.append(forgery.seal())
    for kind in (2, 3):  # the extra part of another type is missing
        forgery = good().copy()
        forgery.public.type = kind
        items.append(replace(forgery, public=_Renamed(forgery.public, kind)).seal())  # type: ignore[arg-type]
    court().refuses_all(items, {BYTES})


class _Renamed:
    """The bytes of one type under the name of another."""

    def __init__(self, public: object, kind: int) -> None:
        data = replace(public, type=1).encode()  # type: ignore[type-var]
        self.data = data[:2] + bytes([kind]) + data[3:]

    def encode(self) -> bytes:
        return self.data


# SPEC LEDGER-15.20, LEDGER-7.3
@pytest.mark.parametrize("where", ["public", "private"])
def test_b_19_lengths_that_lie(where: str) -> None:
    """The inner lengths say less, more, or all that there is."""
    items = []
    for length in (0, 1, 27, 1000, 8000, 2**31, 2**32 - 1):
        forgery = good().copy()
        public, private = forgery.public.encode(), forgery.private_bytes()
        first = (length if where == "public" else len(public)).to_bytes(4, "little")
        second = (length if where == "private" else len(private)).to_bytes(4, "little")
        enc, context = forgery.share
        head = envelope_head(1, 1, court().public_key)
        items.append(head + enc + context.seal(head, (first + public + second + private).ljust(8192 - 65, b"\0")))
    court().refuses_all(items, {BYTES})


# SPEC LEDGER-15.20, LEDGER-7.4
def test_b_19_shapes_out_of_range() -> None:
    """Version, number of inputs, number of outputs: they parse, and no rule allows them."""
    items = []
    for version in (0, 2, 65535):
        forgery = good().copy()
        forgery.public.ver = version
        items.append(forgery.seal())
    for outputs in (0, 1, 3, 5, 15):
        forgery = good().copy()
        forgery.public.outputs = (forgery.public.outputs * 8)[:outputs]
        items.append(forgery.seal())
    for inputs in (0, 17):
        forgery = good().copy()
        for name in ("images", "pseudo"):
            setattr(forgery.public, name, (getattr(forgery.public, name) * 17)[:inputs])
        forgery.private.rings = (forgery.private.rings * 17)[:inputs]
        forgery.private.signatures = (forgery.private.signatures * 17)[:inputs]
        items.append(forgery.seal())
    court().refuses_all(items, {SHAPE})


# -- B-22 and B-23 --------------------------------------------------------------------------------------------


@cache
def narrow() -> Court:
    """A chain whose anchors may be ten blocks old."""
    return Court({Parameter.ANCHOR_WINDOW: 10})


# SPEC LEDGER-15.23, LEDGER-7.18
def test_b_22_anchors_outside_the_window() -> None:
    here = narrow()
    (coin,) = here.take(1)
    first = here.height
    for _ in range(11):
        here.turn()
    for h_a in (first, here.height + 1, here.height + 2, 2**64 - 1):
        forgery = here.workshop(first).forge([coin]).pretend()
        forgery.private.h_a = h_a
        here.refuses(forgery.seal(), *ANCHOR)
    oldest = here.height + 1 - 10
    assert here.judge(here.workshop(oldest).forge([coin]).sign().seal()) == [("range_proof", "V-18")]


# SPEC LEDGER-15.23, LEDGER-7.20
def test_b_22_a_root_that_is_not_on_this_chain() -> None:
    """Decoys of a fork: the members are others, and the signature is good for the root of that fork."""
    here = court()
    (coin,) = here.take(1)
    shop = here.workshop()
    shop.place = shop.place._replace(out_root=b"\x66" * 32)
    ring = [coin.member, *(Member(member.index, member.C, member.P) for member in shop.ring(coin)[:-1])]
    ring = sorted({member.index: member for member in reversed(ring)}.values(), key=lambda member: member.index)
    while len(ring) < RING:
        known = {member.index for member in ring}
        ring = sorted([*ring, next(each for each in shop.ring(coin) if each.index not in known)], key=lambda m: m.index)
    here.refuses(shop.forge([coin], rings=[ring]).sign().seal(), *GLUE)


# SPEC LEDGER-15.24, LEDGER-7.17, LEDGER-4.5.2
@pytest.mark.parametrize("public", [1, 8, 15])
def test_b_23_rings_of_both_classes(public: int) -> None:
    """A coin among outputs whose amounts everybody knows."""
    here = court()
    (coin,) = here.take(1)
    shop = here.workshop()
    shown = [(index, Fields.of(data)) for index, class_, data in shop.members if class_ == 1][:public]
    hidden = [member for member in shop.ring(coin) if member.index != coin.index][: RING - 1 - public]
    members = [coin.member, *hidden, *(Member(index, fields.P, fields.C) for index, fields in shown)]
    ring = sorted(members, key=lambda member: member.index)
    here.refuses(shop.forge([coin], rings=[ring]).sign().seal(), "ring_class", "V-22")


# -- B-24 and B-25 --------------------------------------------------------------------------------------------


# SPEC LEDGER-15.25, LEDGER-8.5.4
def test_b_24_two_signatures_for_one_transaction() -> None:
    """Both are valid; whichever comes second is a duplicate and leaves nothing behind."""
    here = court()
    first = here.built()
    one = first.seal()
    second = first.copy()
    second.private.signatures = [second.signature(0, b"other nonces")]
    other = second.seal()
    assert first.public.encode() == second.public.encode()
    assert here.judge(one, other) == [("verified", None)] * 2
    (alone, state), (both, together) = here.in_block(one), here.in_block(one, other)
    assert alone == [("ok", None)]
    assert sorted(both) == [("ok", None), ("tx_duplicate", None)]
    assert together == state
    before = here.machine.tip.counters.fees
    here.turn()
    here.turn()
    answers = [here.run(here.engine.submission(submission_id(data))) for data in (one, other)]
    assert {answer.state for answer in answers} == {"final"}
    assert {answer.leaf for answer in answers} == {first.public.leaf(first.private.salt).hex()}
    assert here.machine.tip.counters.fees == before + 1
    # with another salt it is another leaf, and a double spend
    salted = first.copy()
    salted.private.salt = bytes(32)
    here.refuses(salted.sign().seal(), "key_image_spent", "V-9")


# SPEC LEDGER-15.26, LEDGER-7.6
def test_b_25_expiry_heights() -> None:
    here = court()
    now = here.height + 1
    for expiry in (0, 1, now - 1, now, now + 20161, 2**64 - 1):
        forgery = good().copy()
        forgery.public.expiry_height = expiry
        here.refuses(forgery.seal(), *EXPIRED)
        frame = here.house.epoch(9, start=now + 50, public_key=bytes(32))
        at = 40
        frame = frame[:at] + expiry.to_bytes(8, "little") + frame[at + 8 :]
        here.refuses(frame, "expired", "9.5.2")
    for expiry in (now + 1, now + 20160):
        forgery = good().copy()
        forgery.public.expiry_height = expiry
        assert here.judge(forgery.seal()) == [GLUE]


# SPEC LEDGER-15.26, LEDGER-7.23, LEDGER-7.24
def test_b_25_a_transaction_expires_while_it_waits() -> None:
    """Verified, and too late for its block: the warm cache says what a cold one says."""
    here = court()
    purse = here.as_purse(*here.take(1))
    envelope = here.house.spend(purse, purse.coins, [(purse.pay, 5)], expiry=here.height + 2).envelope
    assert here.judge(envelope) == [("verified", None)]
    here.engine.provider.machine.pool.drop([submission_id(envelope)])
    here.turn()
    assert here.in_block(envelope)[0] == [EXPIRED]
    here.machine.forget()
    assert here.in_block(envelope)[0] == [EXPIRED]
