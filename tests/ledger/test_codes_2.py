"""What is remembered of a refusal, and every check of the contract, through the engine (LEDGER-18.1, 21.1.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from ledger import makers
from ledger.adversary.channels import open_channel, operation
from ledger.adversary.court import Court, court
from ledger.adversary.workshop import Wish
from ledger.escrow.makers import NO_SIGNATURE, ZERO, Channel
from ledger.test_bad_inputs_4 import withdraw
from specie.ledger import errors
from specie.ledger.engine.rows import is_remembered
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.parameters import Parameter
from specie.ledger.protocol.order import submission_id

# -- what is remembered ---------------------------------------------------------------------------------------


# SPEC LEDGER-21.1.1, LEDGER-21.1.6
def test_what_nothing_lifts_is_remembered() -> None:
    """The same bytes get the same answer, marked as a repetition, and are not judged again."""
    here = court()
    forgery = here.forge(1, Wish(burn=1)).pretend()
    data = forgery.seal()
    assert here.judge(data) == [("burn_rule", "V-20")]
    for _ in range(2):
        with pytest.raises(errors.BurnRule) as refusal:
            here.submit(data)
        assert refusal.value.repeated  # type: ignore[attr-defined]
        assert not len(here.engine.provider.intake)
        here.turn()
    assert here.answer(data) == ("burn_rule", "V-20")


# SPEC LEDGER-21.1.6
def test_what_time_lifts_is_judged_anew() -> None:
    here = Court({Parameter.WITHDRAW_TIMEOUT: 3600})
    envelope, ref, _ = withdraw("slow", here=here)
    late = makers.refund(here.chain_id, ref, cause=2).data
    assert here.judge(late) == [("withdraw_state", "WD-2")]
    here.accepts(envelope)
    again = Frame.of(OpType.WITHDRAW_REFUND, here.chain_id, 999, Frame.decode(late).body).data
    assert here.judge(again) == [("withdraw_too_early", "WD-5")]
    here.clock.advance(seconds=3 * 3600)
    here.turn(3600 * 1000)
    here.accepts(again)


# SPEC LEDGER-21.1.6
def test_only_codes_that_nothing_lifts_are_remembered() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if not isinstance(kind, type):
            continue
        lasts = issubclass(kind, errors.Rejected) and kind.retry == "never"
        assert is_remembered(kind("why")) == lasts


# -- epochs ---------------------------------------------------------------------------------------------------


# SPEC LEDGER-9.10.1, LEDGER-9.10.2
def test_epoch_keys_that_do_not_follow_or_that_nobody_signed() -> None:
    here = court()
    start = here.height + 200_000
    refused = [
        ("EK-1", here.house.epoch(2, start, signers={})),
        ("EK-1", here.house.epoch(2, start, signers={0: "validator"})),
        ("EK-1", here.house.epoch(2, start, signers={1: "enclave"})),
        ("EK-2", here.house.epoch(1, start)),
        ("EK-2", here.house.epoch(3, start)),
        ("EK-2", here.house.epoch(2, here.height)),
        ("EK-2", here.house.epoch(2, 2)),
        ("EK-2", here.house.epoch(2, start, length=10**6 + 1)),
        ("EK-2", here.house.epoch(2, start, length=0)),
        ("EK-2", here.house.epoch(2, start, ratchet_commit=b"\1" * 32)),
    ]
    for rule, frame in refused:
        here.refuses(frame, "epoch_refused", rule)
    here.epoch_keys.keys = {1: here.epoch_keys.keys[1]}


# -- the contract ---------------------------------------------------------------------------------------------


@cache
def lively() -> Channel:
    """An open escrow with state 2 of its first lane paid."""
    here = court()
    made = open_channel(here, "lively")
    here.accepts(operation(here, OpType.SETTLE, made.settle(made.claim(0, 2, 60)).encode()))
    return made


def _respond(c: Channel) -> tuple[OpType, bytes]:
    return OpType.RESPOND, c.release(0, 3).encode()


def _settle(c: Channel, **changes: object) -> tuple[OpType, bytes]:
    claim = replace(c.claim(0, 3, 90), **changes)
    return OpType.SETTLE, c.settle(claim).encode()


def _lock(c: Channel, index: int, amount: int) -> tuple[OpType, bytes]:
    return OpType.LOCK_CLAIM, c.lock_claim(1, c.lock(1, index, amount)).encode()


def _bad_lock(c: Channel) -> tuple[OpType, bytes]:
    lock = c.lock(1, 1, 50)
    return OpType.LOCK_CLAIM, c.lock_claim(1, replace(lock, scalar=bytes(31) + b"\1")).encode()


def _wrong_witness(c: Channel) -> tuple[OpType, bytes]:
    return OpType.FRAUD, replace(c.fraud_witness(1, c.bad_lock(1, 1, 50)), witness=ZERO).encode()


def _no_fraud(c: Channel) -> tuple[OpType, bytes]:
    return OpType.FRAUD, c.fraud_witness(1, c.lock(1, 1, 50)).encode()


CONTRACT: list[tuple[str, str, Callable[[Channel], tuple[OpType, bytes]]]] = [
    ("K-20", "non_canonical", lambda c: (OpType.COOP, c.cooperate(90).encode() + b"\0")),
    ("K-21", "escrow_unknown", lambda c: (OpType.FINALIZE, bytes(32))),
    ("K-22", "escrow_state", lambda c: (OpType.CLAIM, b"")),
    ("K-23", "escrow_time", lambda c: (OpType.FINALIZE, c.finalize().encode())),
    ("K-24", "escrow_claim", lambda c: _settle(c, lane=2)),
    ("K-25", "escrow_claim", lambda c: _settle(c, state=c.state(0, 3, 90, kind=1))),
    ("K-26", "escrow_claim", lambda c: _settle(c, state=c.state(0, 65, 90))),
    ("K-27", "escrow_claim", lambda c: (OpType.SETTLE, c.settle(c.claim(0, 1, 50)).encode())),
    ("K-28", "escrow_claim", lambda c: _settle(c, state=c.state(0, 3, 301))),
    ("K-29", "escrow_claim", lambda c: (OpType.COOP, c.cooperate(59).encode())),
    ("K-30", "escrow_claim", lambda c: _lock(c, 2, 101)),
    ("K-31", "escrow_state", _respond),
    (
        "K-32",
        "escrow_signature",
        lambda c: (OpType.SETTLE, replace(c.settle(c.claim(0, 3, 90)), signature=NO_SIGNATURE).encode()),
    ),
    ("K-33", "escrow_signature", lambda c: _settle(c, signature=NO_SIGNATURE)),
    ("K-34", "escrow_claim", _bad_lock),
    ("K-35", "escrow_claim", lambda c: _settle(c, ticks=2, tick=ZERO)),
    ("K-36", "escrow_claim", _wrong_witness),
    ("K-38", "escrow_claim", _no_fraud),
    ("K-39", "escrow_ops", lambda c: (OpType.SETTLE, c.settle(c.claim(0, 2, 60)).encode())),
]


# SPEC LEDGER-18.1, LEDGER-9.6.9, LEDGER-9.6.10, LEDGER-9.6.11
@pytest.mark.parametrize(("label", "code", "make"), CONTRACT, ids=[row[0] for row in CONTRACT])
def test_checks_of_the_contract(label: str, code: str, make: Callable[[Channel], tuple[OpType, bytes]]) -> None:
    here = court()
    if label == "K-22":
        made = open_channel(here, "over")
        here.accepts(operation(here, OpType.COOP, made.cooperate(5).encode()))
        here.refuses(operation(here, OpType.SETTLE, made.settle(made.claim(0, 1, 5)).encode()), code, label)
        return
    kind, body = make(lively())
    here.refuses(operation(here, kind, body), code, label)


# -- bytes that nobody meant ----------------------------------------------------------------------------------


def _frames() -> dict[str, bytes]:
    """One good frame of most types, with the name of who signs it last."""
    here, known = court(), lively()
    made = makers.anchor(here.chain_id, 1, 10)
    change = makers.change(here.chain_id, 1, here.height + 5, {Parameter.ESCROW_FEE: 3})
    return {
        "is:unit": here.house.mint(here.owner, 88_000),
        "qc:log": made.data,
        "governance-1": change.data,
        "bank": makers.paid(here.chain_id, bytes(32), bytes(32)).data,
        "cancel": Frame.of(OpType.MINT_CANCEL, here.chain_id, 900, makers.cancel(here.chain_id, 88_001).body).data,
        "settle": operation(here, OpType.SETTLE, known.settle(known.claim(0, 3, 90)).encode()),
        "fraud": operation(here, OpType.FRAUD, known.fraud_goods(0, 2, 50).encode()),
    }


# SPEC LEDGER-9.5.4, LEDGER-18.1
@pytest.mark.parametrize("name", ["is:unit", "qc:log", "governance-1", "bank", "cancel", "settle", "fraud"])
def test_no_bytes_bring_a_check_down(name: str) -> None:
    """A changed byte here and there, signed again where one key signs: a verdict, never a fault of the node."""
    here, data = court(), _frames()[name]
    step = 1 + len(data) // 150
    items = set()
    for at in range(0, len(data), step):
        for value in (data[at] ^ 1 << at % 8, 0, 255):
            changed = data[:at] + bytes([value]) + data[at + 1 :]
            if ":" in name or name == "bank":
                changed = changed[:-64] + makers.sign_op(name, changed[:-64])
            items.add(changed)
    for length in range(0, len(data) - 52, 7 * step):
        items.add(data[:48] + length.to_bytes(4, "little") + data[52 : 52 + length])
    said = here.judge(*items)
    assert not {"internal", "rejected"} & {code for code, _ in said}
    assert all(code in ("verified", "too_large") or rule for code, rule in said), said
    here.machine.pool.drop([submission_id(each) for each in items])
