"""What a verifier must reject, rows B-26 to B-28: escrows, anchors, changes of parameters (LEDGER-15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from ledger import makers
from ledger.adversary.channels import BOND, CAPACITY, channel, funding, open_channel, operation
from ledger.adversary.court import Court, court
from ledger.adversary.encodings import bad_scalars
from ledger.adversary.workshop import Wish
from ledger.escrow.makers import Channel
from oracle.ledger.transaction import FUND
from specie.ledger.messages.authority import AuthorityEntry, AuthorityStatus, Role
from specie.ledger.messages.frames import OpType
from specie.ledger.messages.parameters import Parameter, encode_changes
from specie.ledger.messages.state import Domain

BURN = ("burn_rule", "V-20")


# -- B-26 -----------------------------------------------------------------------------------------------------


def funded(data: bytes, burn: int = CAPACITY + BOND, here: Court | None = None) -> bytes:
    """A type 3 transaction of a new coin: signed by nobody, good as far as V-13."""
    here = here or court()
    wish = Wish(type=FUND, fee=2, burn=burn, extra=data, values=(1, 2))
    return here.forge(1, wish).pretend().seal()


# SPEC LEDGER-15.27, LEDGER-7.5
@pytest.mark.parametrize("burn", [1, 2**62 - 1, 2**62, 2**64 - 1])
def test_b_26_a_burn_in_a_transfer(burn: int) -> None:
    here = court()
    here.refuses(here.forge(1, Wish(burn=burn)).pretend().seal(), *BURN)


# SPEC LEDGER-15.27, LEDGER-7.5, LEDGER-9.6.6
@pytest.mark.parametrize(
    ("burn", "refusal"),
    [
        (0, BURN),
        (2**62, BURN),
        (CAPACITY + BOND - 1, ("escrow_refused", "K-14")),
        (CAPACITY + BOND + 1, ("escrow_refused", "K-14")),
        (CAPACITY, ("escrow_refused", "K-14")),
    ],
)
def test_b_26_a_burn_that_is_not_the_funding(burn: int, refusal: tuple[str, str]) -> None:
    court().refuses(funded(channel(court(), f"burn {burn}").opening().encode(), burn), *refusal)


@cache
def standing() -> Channel:
    """An escrow that stays open."""
    return open_channel(court(), "standing")


# SPEC LEDGER-15.27, LEDGER-9.6.3
def test_b_26_a_known_escrow_or_channel_key() -> None:
    here, known = court(), standing()
    exists = ("escrow_exists", "K-04")
    here.refuses(funded(known.opening().encode()), *exists)
    rival = channel(here, "rival", client_key=known.body.client_key)
    assert rival.cid != known.cid
    here.refuses(funded(rival.opening().encode()), *exists)
    # twice in one block: one opens
    twice = channel(here, "twice")
    coins = [here.take_worth(twice.burn + 3) for _ in range(2)]
    both = [funding(here, coin, twice.opening().encode(), twice.burn) for coin in coins]
    said, _ = here.in_block(*both)
    assert sorted(said) == sorted([("ok", None), exists])
    here.machine.forget()


def _without_anchor(here: Court) -> bytes:
    made = channel(here, "anchors")
    lanes = tuple(replace(lane, tick_anchor=bytes(32)) for lane in made.body.anchors)
    return replace(made, body=replace(made.body, anchors=lanes)).opening().encode()


def of(**changes: Any) -> Callable[[Court], bytes]:
    """OPEN of a channel that is another one in these fields, agreed by all."""
    return lambda here: channel(here, "/".join(changes), **changes).opening().encode()


def signed(**changes: Any) -> Callable[[Court], bytes]:
    """OPEN of a good channel with another signature."""
    return lambda here: channel(here, "/".join(changes)).opening(**changes).encode()


OPENINGS: list[tuple[str, str, str, Callable[[Court], bytes]]] = [
    ("bytes", "escrow_refused", "K-01", lambda here: b"\x20\0"),
    ("operation", "escrow_refused", "K-01", lambda here: b"\x22" + bytes(100)),
    ("tail", "escrow_refused", "K-01", lambda here: channel(here, "tail").opening().encode() + b"\0"),
    ("suite 1", "escrow_refused", "K-02", of(suite=1)),
    ("chain", "escrow_refused", "K-03", of(ledger_id=bytes(32))),
    ("asset", "escrow_refused", "K-03", of(asset=bytes(4))),
    ("grant", "escrow_signature", "K-05", signed(grant=bytes(64))),
    ("acceptance", "escrow_signature", "K-05", signed(acceptance=bytes(64))),
    ("capacity", "escrow_refused", "K-06", of(capacity=0)),
    ("limit", "escrow_refused", "K-07", of(index_max=1)),
    ("bond", "escrow_refused", "K-08", of(bond=199)),
    ("end", "escrow_refused", "K-09", of(expires_ms=1)),
    ("dispute", "escrow_refused", "K-10", of(dispute_s=1)),
    ("anchors", "escrow_refused", "K-11", _without_anchor),
    ("client key", "escrow_refused", "K-12", of(client_key=b"\xff" * 32)),
]


# SPEC LEDGER-15.27, LEDGER-9.6.1, LEDGER-9.6.2, LEDGER-9.6.4, LEDGER-9.6.5
@pytest.mark.parametrize(("code", "rule", "make"), [row[1:] for row in OPENINGS], ids=[row[0] for row in OPENINGS])
def test_b_26_openings_with_a_fault(code: str, rule: str, make: Callable[[Court], bytes]) -> None:
    court().refuses(funded(make(court())), code, rule)


# SPEC LEDGER-15.27, LEDGER-9.6.5
def test_b_26_a_grant_that_has_lapsed() -> None:
    """A grant lives for a time; by the clock of the ledger that time is over."""
    here = court()
    data = funded(channel(here, "lapsed").opening().encode())
    assert here.in_block(data)[0] == [("balance", "V-15")]
    later_ms = here.machine.tip.time_ms + 100 * 86_400_000
    refusal = here.machine.finalize([data], here.height + 1, later_ms).verdicts[0].refusal
    assert (refusal.code, refusal.rule) == ("ledger.escrow_refused", "K-13")
    here.machine.forget()


# SPEC LEDGER-15.27, LEDGER-15.5, LEDGER-9.6.8, LEDGER-9.6.6
def test_b_26_top_ups_with_a_fault() -> None:
    """Of nothing, for another amount, to an earlier end, signed by another; s + l is another signature, and none."""
    here, known = court(), standing()
    good = known.top_up(100)
    here.refuses(funded(known.top_up(100).encode(), 101), "escrow_refused", "K-14")
    here.refuses(funded(replace(good, cid=bytes(32)).encode(), 100), "escrow_state", "K-15")
    earlier = known.top_up(100, known.body.expires_ms - 1)
    here.refuses(funded(earlier.encode(), 100), "escrow_state", "K-15")
    for signature in [bytes(64), *(good.signature[:32] + word for word in bad_scalars(good.signature[32:]))]:
        here.refuses(funded(replace(good, signature=signature).encode(), 100), "escrow_signature", "K-16")
    here.refuses(funded(replace(good, expires_ms=good.expires_ms + 1).encode(), 100), "escrow_signature", "K-16")
    assert here.judge(funded(good.encode(), 100)) == [("balance", "V-15")]


# SPEC LEDGER-15.27, LEDGER-9.6.13
def test_b_26_payouts_above_the_funding() -> None:
    """Claims and shares of more than the capacity, by both parties together."""
    here, known = court(), standing()
    before = here.machine.tip.counters
    frame = operation(here, OpType.COOP, known.cooperate(CAPACITY + 1).encode())
    here.refuses(frame, "escrow_claim", "K-29")
    frame = operation(here, OpType.SETTLE, known.settle(known.claim(0, 3, CAPACITY + 1)).encode())
    here.refuses(frame, "escrow_claim", "K-28")
    # signed by both parties, a sum may be anything: it is the ledger that says no
    every = known.cooperate(2**64 - 1)
    here.refuses(operation(here, OpType.COOP, every.encode()), "escrow_claim", "K-29")
    assert here.machine.tip.counters == before


# SPEC LEDGER-15.27, LEDGER-9.6.13
def test_b_26_lanes_that_are_good_alone_and_too_much_together() -> None:
    """No sum over lanes is refused; what is paid ends at the capacity, and the bond stays where it is."""
    here = court()
    made = open_channel(here, "too much")
    before = here.machine.tip.counters.escrow_out
    both = made.settle(made.claim(0, 8, 700), made.claim(1, 8, 700))
    here.accepts(operation(here, OpType.SETTLE, both.encode()))
    assert here.machine.tip.counters.escrow_out - before == CAPACITY
    more = made.settle(made.claim(0, 9, 800), made.claim(1, 9, 800))
    here.refuses(operation(here, OpType.SETTLE, more.encode()), "escrow_ops", "K-39")
    here.accepts(operation(here, OpType.COOP, made.cooperate(CAPACITY).encode()))
    assert here.machine.tip.counters.escrow_out - before == CAPACITY + BOND


# SPEC LEDGER-15.27, LEDGER-9.6.9, LEDGER-9.6.13
def test_b_26_operations_after_the_end() -> None:
    here = court()
    made = open_channel(here, "closed")
    before = here.machine.tip.counters
    here.accepts(operation(here, OpType.COOP, made.cooperate(400).encode()))
    after = here.machine.tip.counters
    assert after.escrow_out - before.escrow_out == CAPACITY + BOND
    again = made.settle(made.claim(0, 3, 300))
    bodies = {
        OpType.SETTLE: again.encode(),
        OpType.CLAIM: made.claiming(made.claim(0, 3, 300)).encode(),
        OpType.CLOSE_REQ: made.close().encode(),
        OpType.COOP: made.cooperate(500).encode(),
        OpType.LOCK_CLAIM: made.lock_claim(0, made.lock(0, 3, 50)).encode(),
        OpType.FINALIZE: made.finalize().encode(),
    }
    frames = [operation(here, kind, body) for kind, body in bodies.items()]
    here.refuses_all(frames, {("escrow_state", "K-22")})
    here.refuses(funded(made.top_up(100).encode(), 100), "escrow_state", "K-15")
    here.refuses(funded(made.opening().encode()), "escrow_exists", "K-04")
    unknown = channel(here, "nobody's")
    here.refuses(operation(here, OpType.FINALIZE, unknown.finalize().encode()), "escrow_unknown", "K-21")
    here.refuses(operation(here, OpType.FINALIZE, bytes(33)), "non_canonical", "K-20")


# SPEC LEDGER-15.27, LEDGER-9.6.9
def test_b_26_two_ends_in_one_block() -> None:
    here = court()
    made = open_channel(here, "two ends")
    frames = [operation(here, OpType.COOP, made.cooperate(total).encode()) for total in (100, 900)]
    said, _ = here.in_block(*frames)
    assert sorted(said) == sorted([("ok", None), ("escrow_state", "K-22")])
    here.machine.forget()


# -- B-27 -----------------------------------------------------------------------------------------------------


SEQUENCE = ("anchor_sequence", "A-3")
SIZE = ("anchor_sequence", "A-4")
KEY = ("anchor_key", "A-1")


@cache
def anchored() -> Court:
    """A chain with two anchors of quota control, and two of the key management's head."""
    here = Court()
    for sequence in (1, 2):
        here.accepts(makers.anchor(here.chain_id, sequence, 10 * sequence, bytes([sequence]) * 32).data)
        head = makers.anchor(
            here.chain_id, sequence, 7, bytes([sequence]) * 32, topic=3, source=makers.KMS, signer="kms:audit"
        )
        here.accepts(head.data)
    return here


def _anchor(sequence: int, size: int, root: bytes = b"\2" * 32, **options: Any) -> bytes:
    return makers.anchor(anchored().chain_id, sequence, size, root, **options).data


# SPEC LEDGER-15.28, LEDGER-9.7.3
@pytest.mark.parametrize("sequence", [0, 1, 2, 4, 2**64 - 1])
def test_b_27_a_sequence_skipped_or_repeated(sequence: int) -> None:
    anchored().refuses(_anchor(sequence, 30), *SEQUENCE)


# SPEC LEDGER-15.28, LEDGER-9.7.4
def test_b_27_a_log_that_shrinks_or_becomes_another() -> None:
    here = anchored()
    here.refuses_all([_anchor(3, 19), _anchor(3, 0), _anchor(3, 20, b"\3" * 32)], {SIZE})
    # the head of the key management has one size for many roots
    assert here.judge(_anchor(3, 7, b"\3" * 32, topic=3, source=makers.KMS, signer="kms:audit")) == [("verified", None)]
    here.turn()


# SPEC LEDGER-15.28, LEDGER-9.7.1, LEDGER-9.7.2
def test_b_27_keys_of_another_topic_source_or_role() -> None:
    here = anchored()
    frames = [
        _anchor(3, 30, signer="kms:audit"),
        _anchor(3, 30, topic=4),
        _anchor(3, 30, topic=3),
        _anchor(3, 30, topic=0),
        _anchor(3, 30, topic=0x7FFF),
        _anchor(3, 30, source="qc2"),
        _anchor(3, 30, signer="qc:bit"),
        _anchor(3, 30, signer="nobody"),
    ]
    here.refuses_all(frames, {KEY})
    good = _anchor(3, 30)
    here.refuses(good[:-1] + bytes([good[-1] ^ 1]), "anchor_key", "A-2")


# SPEC LEDGER-15.28, LEDGER-9.7.5
def test_b_27_two_anchors_of_one_log_in_a_block() -> None:
    here = anchored()
    # inside a block frames of one type ascend by op_id: both orders occur among a few roots
    first = _anchor(3, 30, b"\3" * 32)
    said = set()
    for number in range(4, 20):
        verdicts, _ = here.in_block(first, _anchor(4, 40, bytes([number]) * 32))
        assert verdicts[0] == ("ok", None)
        said.add(verdicts[1])
    assert said == {("anchor_sequence", "A-5"), SEQUENCE}
    both = _anchor(3, 30, b"\3" * 32), _anchor(3, 31, b"\5" * 32)
    assert sorted(here.in_block(*both)[0]) == sorted([("ok", None), SEQUENCE])
    here.machine.forget()


# -- B-28 -----------------------------------------------------------------------------------------------------


VERSION = ("params_version", "P-1")
QUORUM = ("params_quorum", "P-2")
EARLY = ("params_value", "P-3")
VALUE = ("params_value", "P-4")
FEES: dict[int, Any] = {Parameter.FEE_MIN: (1, 2, 4, 8)}


@cache
def governed() -> Court:
    """A chain with a delay of ten blocks and one change of parameters."""
    here = Court({Parameter.PARAM_DELAY: 10})
    here.accepts(change(here, FEES, version=1, previous=bytes(32)))
    return here


def change(here: Court, changes: dict[int, Any] | bytes, **options: Any) -> bytes:
    """The next change; options say what is wrong with it."""
    entry = here.machine.chain.entry(Domain.PARAMETERS, b"")
    version = options.pop("version", None) or int.from_bytes(entry[:4], "little") + 1
    previous = options.pop("previous", None) or entry[4:36]
    effective = options.pop("effective", here.height + 12)
    return makers.change(here.chain_id, version, effective, changes, previous=previous, **options).data


# SPEC LEDGER-15.29, LEDGER-9.8.1
def test_b_28_versions_skipped_or_repeated() -> None:
    here = governed()
    frames = [change(here, FEES, version=version) for version in (1, 3, 2**32 - 1)]
    frames.append(change(here, FEES, previous=b"\1" * 32))
    here.refuses_all(frames, {VERSION})


# SPEC LEDGER-15.29, LEDGER-9.8.2
def test_b_28_too_few_keys_or_wrong_ones() -> None:
    here = governed()
    good = change(here, FEES)
    frames = [change(here, FEES, signers=signers) for signers in ((), (0,), (2,))]
    frames.append(good[:-1] + bytes([good[-1] ^ 1]))
    last = len(good) - 65
    frames.append(good[:last] + b"\x07" + good[last + 1 :])
    here.refuses_all(frames, {QUORUM})
    # the same key twice, or the keys in another order, is no list of different keys
    first = len(good) - 130
    twice = good[: first + 65] + good[first : first + 65]
    turned = good[:first] + good[first + 65 :] + good[first : first + 65]
    assert {code for code, _ in here.judge(twice, turned)} == {"non_canonical"}


# SPEC LEDGER-15.29, LEDGER-9.8.3
def test_b_28_too_early() -> None:
    here = governed()
    heights = (0, here.height, here.height + 1, here.height + 10)
    here.refuses_all([change(here, FEES, effective=height) for height in heights], {EARLY})
    assert here.judge(change(here, FEES, effective=here.height + 11)) == [("verified", None)]
    here.turn()
    # not before the last change, which has not taken effect yet
    here.refuses(change(here, FEES, effective=here.height + 10), *EARLY)


BAD_VALUES: list[dict[int, Any]] = [
    {Parameter.RING_SIZE: 8},
    {Parameter.RING_SIZE: 17},
    {Parameter.MIN_AGE: 0},
    {Parameter.MIN_AGE: 101},
    {Parameter.ANCHOR_WINDOW: 9},
    {Parameter.ANCHOR_WINDOW: 10_001},
    {Parameter.FEE_MIN: (1, 2, 3)},
    {Parameter.FEE_MIN: (1, 2, 4, 2**62)},
    {Parameter.ESCROW_FEE: 2**62},
    {Parameter.FEE_ADDRESS: bytes(95)},
    {Parameter.EPOCH_BLOCKS: 99},
    {Parameter.PROOF_RETENTION: 0},
    {Parameter.WITHDRAW_TIMEOUT: 3599},
    {Parameter.PARAM_DELAY: 9},
    {Parameter.ESCROW_OPS_MAX: 15},
    {Parameter.OPS_PER_BLOCK: 4097},
    {Parameter.GOVERNANCE: ()},
    {Parameter.GOVERNANCE: (bytes(32),)},
    {99: 1},
]


# SPEC LEDGER-15.29, LEDGER-9.8.4
@pytest.mark.parametrize("changes", BAD_VALUES, ids=lambda changes: f"{next(iter(changes))}")
def test_b_28_values_out_of_bounds(changes: dict[int, Any]) -> None:
    here = governed()
    here.refuses(change(here, raw(changes)), *VALUE)


def raw(changes: dict[int, Any]) -> bytes:
    """The bytes of a change whose values are not looked at."""
    plain = {int(name): list(value) if isinstance(value, tuple) else value for name, value in changes.items()}
    return encode_changes(plain)


# SPEC LEDGER-15.29, LEDGER-9.8.4, LEDGER-9.9.1
def test_b_28_keys_that_verify_nothing() -> None:
    here = governed()
    entry: AuthorityEntry = next(each for each in here.genesis.authorities if each.role == Role.BANK_WITHDRAWAL)
    here.refuses(change(here, makers.set_keys(replace(entry, key=bytes(32)))), *VALUE)
    here.refuses(
        change(here, makers.set_keys(replace(entry, status=AuthorityStatus.REVOKED, key=b"\xff" * 32))), *VALUE
    )
