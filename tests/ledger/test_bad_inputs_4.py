"""What a verifier must reject, rows B-15 and B-16: money that nobody issued, money that leaves twice (LEDGER-15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import count
from typing import Any

import pytest

from ledger import makers
from ledger.adversary.court import Court, court
from specie.ledger.messages.authority import AuthorityStatus, Role
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.outputs import Output, ctx_refund, mask_refund
from specie.ledger.messages.withdrawals import account_token, withdraw_reference

NUMBERS = count(10_000)
ZERO = ((1000, 2), (500, 1), (7, 0))
Make = Callable[[int], bytes]
DAY_MS = 86_400_000


# -- B-15 -----------------------------------------------------------------------------------------------------


def mint(number: int, here: Court | None = None, **options: Any) -> bytes:
    """A mint of the control bit of this number, by way of the maker's options."""
    here = here or court()
    bit = options.pop("bit", None)
    made = makers.control_bit(number, **bit)[0] if isinstance(bit, dict) else bit
    return makers.mint(here.chain_id, number, expiry=here.height + 900, bit=made, **options).data


def by(**options: Any) -> Make:
    return lambda number: mint(number, **options)


def changed(**fields: Any) -> Make:
    """A field of the body is another one, and the issuer signs that."""
    return lambda number: mint(number, spoil=lambda found: replace(found, **fields))


def _cut(number: int) -> bytes:
    body = Frame.decode(mint(number)).body[:-1]
    return Frame.of(OpType.MINT, court().chain_id, court().height + 900, body).data


def _no_outputs(number: int) -> bytes:
    """n_out = 0, E = the identity, V as it was: value from nothing."""
    frame = Frame.decode(mint(number))
    found = Mint.decode(frame.body)
    data = b"".join(output.data for output in found.outputs)
    body = frame.body.replace(bytes([len(found.outputs)]) + data + found.kernel, b"\0" + bytes(32))
    body = body[:-64] + bytes(64)
    again = Frame.of(OpType.MINT, court().chain_id, court().height + 900, body)
    signature = makers.sign_op("is:unit", again.data[:-64])
    return Frame.of(OpType.MINT, court().chain_id, court().height + 900, body[:-64] + signature).data


def _spoiled_bit(number: int) -> bytes:
    made = makers.control_bit(number)[0]
    return mint(number, bit=made[:-1] + bytes([made[-1] ^ 1]))


def _spoiled_issuer(number: int) -> bytes:
    data = mint(number)
    return data[:-1] + bytes([data[-1] ^ 1])


def _order(number: int) -> bytes:
    return mint(number, spoil=lambda found: replace(found, outputs=found.outputs[::-1]))


def _known_output(number: int) -> bytes:
    known = Output(court().members()[3][2])
    return mint(number, spoil=lambda found: replace(found, outputs=(known, *found.outputs[1:])))


def _kernel_of_less(number: int) -> bytes:
    """The outputs and the kernel are good for one unit of money less than V says."""
    whole = ((1000, 2), (500, 1))
    less = makers.control_bit(number, denominations=((1000, 2), (499, 1)))
    bit = makers.control_bit(number, denominations=whole)
    made = Mint.decode(makers.mint(court().chain_id, number, denominations=((1000, 2), (499, 1))).body)
    assert less[2].amount + 1 == bit[2].amount
    body = replace(made, bit=bit[0], denominations=whole, value=made.value + 1)
    return makers.signed_frame(OpType.MINT, court().chain_id, body, "is:unit", court().height + 900).data


def _hand_made(number: int) -> bytes:
    return makers.hand_made_mint(court().chain_id, number).data


MINTS: list[tuple[str, str, str, Make]] = [
    ("body cut", "mint_object", "M-1", _cut),
    ("zero outputs", "mint_object", "M-1", _no_outputs),
    ("no control bit", "mint_object", "M-2", by(bit=b"")),
    ("bit for nobody", "mint_object", "M-2", by(bit={"claims": {"aud": None}})),
    ("unknown key", "mint_key", "M-3", by(bit={"signer": "unknown"})),
    ("key of another role", "mint_key", "M-3", by(bit={"signer": "is:unit"})),
    ("key not yet in force", "mint_key", "M-3", by(bit={"claims": {"iat": makers.START_S - 1}})),
    ("bit signature", "mint_signature", "M-4", _spoiled_bit),
    ("other currency", "mint_currency", "M-5", by(bit={"currency": "XTT"})),
    ("account model", "mint_model", "M-5", by(bit={"model": 1})),
    ("needless log proof", "mint_object", "M-6", by(log_proof=makers.log_of(makers.control_bit()[0])[0].encode())),
    ("amount above", "mint_sum", "M-8", by(bit={"amount": 2501})),
    ("V below", "mint_sum", "M-8", by(value=2499)),
    ("V above", "mint_sum", "M-8", by(value=2501)),
    ("sum of units", "mint_sum", "M-8", changed(denominations=((2501, 1),))),
    ("sum that wraps", "mint_sum", "M-8", changed(denominations=((2**64 - 1, 2**32 - 1),))),
    ("number of units", "mint_sum", "M-9", changed(denominations=((1250, 2),))),
    ("count of zero", "mint_sum", "M-9", changed(denominations=ZERO)),
    ("owner", "mint_owner", "M-10", by(owner=bytes(32))),
    ("unit root", "mint_unit_root", "M-11", by(bit={"unit_root": bytes(32)})),
    ("order of units", "mint_unit_root", "M-11", changed(denominations=((500, 1), (1000, 2)))),
    ("issuer is not the aud", "mint_key", "M-12", by(bit={"claims": {"aud": "is:bank-02"}})),
    ("issuer unknown", "mint_key", "M-12", by(issuer="unknown")),
    ("issuer signature", "mint_signature", "M-12", _spoiled_issuer),
    ("output known", "output_key_reused", "M-13", _known_output),
    ("outputs not in order", "output_order", "M-13", _order),
    ("kernel for another V", "mint_kernel", "M-14", _kernel_of_less),
    ("kernel proof", "mint_kernel", "M-14", changed(kernel_proof=bytes(64))),
    ("range proof", "range_proof", "M-15", _hand_made),
]


# SPEC LEDGER-15.16
@pytest.mark.parametrize(("code", "rule", "make"), [row[1:] for row in MINTS], ids=[row[0] for row in MINTS])
def test_b_15_mints_with_a_fault(code: str, rule: str, make: Make) -> None:
    court().refuses(make(next(NUMBERS)), code, rule)


# SPEC LEDGER-15.16, LEDGER-9.1.7
def test_b_15_a_control_bit_counts_once() -> None:
    """The mint again with other outputs, another bit with the same id, another with the same credential."""
    here = court()
    number, other, third = (next(NUMBERS) for _ in range(3))
    here.accepts(mint(number))
    minted = here.machine.tip.counters.minted
    same_id = {"claims": {"cti": makers.control_bit(number)[1].cti}}
    same_credential = {"credential_cti": makers.control_bit(number)[2].credential_cti}
    for data in (
        mint(number, entropy=b"others"),
        mint(other, bit=same_id),
        mint(third, bit=same_credential),
    ):
        here.refuses(data, "control_bit_used", "M-7")
    assert here.machine.tip.counters.minted == minted


# SPEC LEDGER-15.16, LEDGER-9.1.7, LEDGER-8.5.2
def test_b_15_a_control_bit_counts_once_in_a_block() -> None:
    here = court()
    number = next(NUMBERS)
    said, _ = here.in_block(mint(number), mint(number, entropy=b"others"))
    assert sorted(said) == sorted([("ok", None), ("control_bit_used", "M-7")])
    here.machine.forget()


# SPEC LEDGER-15.16, LEDGER-9.1.7, LEDGER-9.1.20
def test_b_15_cancelled_is_cancelled_and_minted_is_minted() -> None:
    here = court()
    given_up, minted = next(NUMBERS), next(NUMBERS)
    here.accepts(_cancel(here, given_up), mint(minted))
    here.refuses(mint(given_up), "control_bit_cancelled", "M-7")
    here.refuses(_cancel(here, given_up, 40), "cancel_refused", "MC-3")
    here.refuses(_cancel(here, minted), "cancel_refused", "MC-3")


def _cancel(here: Court, number: int, later: int = 0, **options: Any) -> bytes:
    body = makers.cancel(here.chain_id, number, **options).body
    return Frame.of(OpType.MINT_CANCEL, here.chain_id, here.height + 100 + later, body).data


# SPEC LEDGER-15.16, LEDGER-9.1.18, LEDGER-9.1.19
def test_b_15_cancels_by_others() -> None:
    here = court()
    number = next(NUMBERS)
    for changes in ({"signer": "qc:bit"}, {"bit_cti": bytes(16)}, {"unit_root": bytes(32)}, {"iss": "is:bank-02"}):
        here.refuses(_cancel(here, number, **changes), "cancel_refused", "MC-2")
    body = Frame.decode(_cancel(here, number)).body
    spoiled = body[:40] + bytes([body[40] ^ 1]) + body[41:]
    frame = Frame.of(OpType.MINT_CANCEL, here.chain_id, here.height + 100, spoiled).data
    here.refuses(frame, "cancel_refused", "MC-1")


@cache
def revoked() -> Court:
    """A chain on which the key of quota control was revoked, as of the sixth leaf of its log."""
    here = Court()
    entry = next(each for each in here.genesis.authorities if each.role == Role.QUOTA_CONTROL)
    change = makers.set_keys(replace(entry, status=AuthorityStatus.REVOKED, revoked_from=6))
    here.accepts(makers.change(here.chain_id, 1, here.height + 2, change).data)
    here.turn()
    return here


# SPEC LEDGER-15.16, LEDGER-9.1.6
def test_b_15_a_revoked_key() -> None:
    """Without a proof, without an anchor, and with the proof of a leaf after the revocation."""
    here = revoked()
    proof, root = makers.log_of(makers.control_bit(1)[0])
    late, _ = makers.log_of(makers.control_bit(1)[0], position=5)
    key = ("mint_key_revoked", "M-6")
    here.refuses(mint(1, here), *key)
    here.refuses(mint(1, here, log_proof=proof.encode()), *key)
    here.accepts(makers.anchor(here.chain_id, 1, 9, root).data)
    here.refuses(mint(1, here, log_proof=late.encode(), entropy=b"late"), *key)
    wrong = replace(proof, path=proof.path[::-1])
    here.refuses(mint(1, here, log_proof=wrong.encode()), "mint_object", "M-6")
    here.refuses(mint(2, here, log_proof=proof.encode()), "mint_object", "M-6")
    # judged anew: the anchor has lifted it
    here.accepts(mint(1, here, log_proof=proof.encode()))
    # the issuance system may still give a bit up
    here.accepts(_cancel(here, 3))


# -- B-16 -----------------------------------------------------------------------------------------------------


def withdraw(name: str, value: int = 300, here: Court | None = None) -> tuple[bytes, bytes, bytes]:
    """(envelope, withdraw_ref, token) of a withdrawal to an account of this name."""
    here = here or court()
    token = account_token(name, bytes(32))
    ref = withdraw_reference(makers.BANK, token)
    ctx, mask = ctx_refund(here.chain_id, ref), mask_refund(here.chain_id, ref)
    purse = here.as_purse(*here.take(1))
    stub = purse.keys.refund_stub(0, 1, ctx, value, mask, here.house.random.bytes(16))
    made = here.house.spend(purse, purse.coins, [], kind=2, burn=value, extra=ref + stub)
    return made.envelope, ref, token


STATE = ("withdraw_state", "WD-2")
BANK = ("withdraw_bank", "WD-4")


# SPEC LEDGER-15.17, LEDGER-9.3.1, LEDGER-7.11
def test_b_16_a_reference_is_used_once() -> None:
    here = court()
    first, again, third = withdraw("once")[0], withdraw("once")[0], withdraw("once", 200)[0]
    said, _ = here.in_block(first, again)
    used = ("withdraw_ref_used", "V-19")
    assert sorted(said) == sorted([("ok", None), used])
    here.machine.forget()
    here.accepts(first)
    here.refuses_all([again, third], {used})


# SPEC LEDGER-15.17, LEDGER-9.3.2
def test_b_16_paid_once_and_never_refunded() -> None:
    here = court()
    envelope, ref, token = withdraw("paid")
    pay = makers.paid(here.chain_id, ref, token)
    here.refuses(pay.data, *STATE)
    here.accepts(envelope)
    here.accepts(makers.paid(here.chain_id, ref, token, outcome=2).data)
    pending = here.machine.tip.counters
    items = [
        pay.data,
        makers.refund(here.chain_id, ref, token).data,
        makers.refund(here.chain_id, ref, cause=2).data,
    ]
    here.refuses_all(items, {STATE})
    assert here.machine.tip.counters == pending


# SPEC LEDGER-15.17, LEDGER-9.3.2
def test_b_16_refunded_once_and_never_paid() -> None:
    here = court()
    envelope, ref, token = withdraw("refunded")
    here.accepts(envelope)
    supply = here.machine.tip.counters
    here.accepts(makers.refund(here.chain_id, ref, token).data)
    after = here.machine.tip.counters
    assert (after.refunded - supply.refunded, after.hidden - supply.hidden) == (300, 300)
    second = Frame.of(OpType.WITHDRAW_REFUND, here.chain_id, 900, makers.refund(here.chain_id, ref, token).body)
    items = [
        makers.paid(here.chain_id, ref, token).data,
        makers.refund(here.chain_id, ref, cause=2).data,
        second.data,
    ]
    here.refuses_all(items, {STATE})


# SPEC LEDGER-15.17, LEDGER-9.3.5, LEDGER-9.3.2
def test_b_16_a_time_out_and_an_answer_exclude_each_other_in_a_block() -> None:
    here = court()
    envelope, ref, token = withdraw("raced")
    here.accepts(envelope)
    answers = [makers.paid(here.chain_id, ref, token).data, makers.refund(here.chain_id, ref, token).data]
    said, _ = here.in_block(*answers)
    assert sorted(said) == sorted([("ok", None), STATE])
    here.machine.forget()
    late = makers.refund(here.chain_id, ref, cause=2).data
    here.refuses(late, "withdraw_too_early", "WD-5")
    here.accepts(answers[0])


# SPEC LEDGER-15.17, LEDGER-9.3.3, LEDGER-9.3.4
def test_b_16_only_the_named_bank_answers() -> None:
    here = court()
    envelope, ref, token = withdraw("named")
    here.accepts(envelope)
    here.refuses(makers.paid(here.chain_id, ref, bytes(32)).data, "withdraw_bank", "WD-3")
    here.refuses(
        makers.paid(here.chain_id, ref, token, bank="bank:two", signer="bank-02").data, "withdraw_bank", "WD-3"
    )
    here.refuses(makers.paid(here.chain_id, ref, token, signer="bank-02").data, *BANK)
    here.refuses(makers.refund(here.chain_id, ref, token, signer="bank-02").data, *BANK)
    spoiled = makers.paid(here.chain_id, ref, token).data
    here.refuses(spoiled[:-1] + bytes([spoiled[-1] ^ 1]), *BANK)
    here.accepts(makers.paid(here.chain_id, ref, token).data)


# SPEC LEDGER-15.17, LEDGER-9.3.6, LEDGER-7.14
def test_b_16_nobody_takes_the_keys_of_a_refund() -> None:
    here = court()
    envelope, ref, token = withdraw("reserved")
    here.accepts(envelope)
    entry = here.machine.chain.entry(3, ref)
    stub = entry[-227:]
    forgery = here.forge().pretend()
    forgery.change_output(0, P=stub[:32])
    here.refuses(forgery.seal(), "output_key_reused", "V-12")
    here.accepts(makers.refund(here.chain_id, ref, token).data)
