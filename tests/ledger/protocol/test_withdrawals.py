"""Withdrawals and their answers (LEDGER section 9.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specie.crypto import ring
from specie.ledger import errors
from specie.ledger.messages.binary import put_u8
from specie.ledger.messages.outputs import OutputKind, Stub, ctx_refund, mask_refund
from specie.ledger.messages.state import AuthorityStatus, Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.transaction import WithdrawTail
from specie.ledger.messages.withdrawals import account_token, withdraw_reference
from specie.ledger.protocol.withdrawals import open_withdrawal
from tests.ledger import makers
from tests.ledger.book import Book, as_state

GENESIS = makers.genesis()
CHAIN = GENESIS.chain_id
TOKEN = account_token("acct-1", bytes(32))
REF = withdraw_reference(makers.BANK, TOKEN)
STUB = Stub(b"".join(ring.pl1_point("gen/P", [put_u8(number)]) for number in range(2)).ljust(227, b"\x07"))
TIMEOUT_MS = 604_800_000


@pytest.fixture
def book() -> Book:
    """A chain on which one withdrawal waits."""
    found = Book(GENESIS)
    open_withdrawal(as_state(found), WithdrawTail(700, REF, STUB))
    assert found.totals.burn == 700
    found.next()
    return found


def state_of(book: Book) -> WithdrawalState:
    return WithdrawalState.decode(book.get(Domain.WITHDRAWAL, REF) or b"")


# SPEC LEDGER-9.3.1, LEDGER-9.3.6
def test_a_withdrawal_is_new_and_reserves_its_refund(book: Book) -> None:
    assert state_of(book) == WithdrawalState(WithdrawalStatus.PENDING, 0, 700, GENESIS.time_ms, STUB)
    assert book.is_point_used(STUB.P) and book.is_point_used(STUB.R)
    with pytest.raises(errors.WithdrawRefUsed) as caught:
        open_withdrawal(as_state(book), WithdrawTail(1, REF, STUB))
    assert caught.value.rule == "V-19"


@pytest.mark.parametrize("outcome", [1, 2])
def test_a_bank_takes_the_value_over_once(book: Book, outcome: int) -> None:
    book.send(makers.paid(CHAIN, REF, TOKEN, outcome=outcome))
    assert (state_of(book).status, state_of(book).outcome) == (WithdrawalStatus.PAID, outcome)
    assert (book.totals.paid_account, book.totals.paid_redeemed) == ((700, 0) if outcome == 1 else (0, 700))
    # SPEC LEDGER-9.3.2, LEDGER-15.17
    for frame in (makers.paid(CHAIN, REF, TOKEN, outcome=3 - outcome), makers.refund(CHAIN, REF, TOKEN)):
        with pytest.raises(errors.WithdrawState) as caught:
            book.send(frame)
        assert caught.value.rule == "WD-2"


def test_a_refund_is_the_output_that_the_payer_prepared(book: Book) -> None:
    book.send(makers.refund(CHAIN, REF, TOKEN))
    assert (state_of(book).status, state_of(book).outcome) == (WithdrawalStatus.REFUNDED, 1)
    commitment = ring.commit(700, mask_refund(CHAIN, REF))
    assert book.outputs == [(OutputKind.REFUND, 1, ctx_refund(CHAIN, REF), STUB.output(commitment, 700).data)]
    assert book.totals.refund == 700
    # SPEC LEDGER-9.3.2, LEDGER-15.17
    for frame in (makers.paid(CHAIN, REF, TOKEN), makers.refund(CHAIN, REF, cause=2)):
        with pytest.raises(errors.WithdrawState):
            book.send(frame)


def test_an_unknown_withdrawal_has_no_answer(book: Book) -> None:
    other = withdraw_reference(makers.BANK, bytes(32))
    with pytest.raises(errors.WithdrawState) as caught:
        book.send(makers.paid(CHAIN, other, bytes(32)))
    assert caught.value.rule == "WD-2"


# SPEC LEDGER-9.3.3, LEDGER-9.3.4
def test_only_the_bank_of_the_withdrawal_answers(book: Book) -> None:
    for make in (makers.paid, makers.refund):
        for token, options, rule in (
            (bytes(32), {}, "WD-3"),
            (TOKEN, {"bank": "bank:two", "signer": "bank-02"}, "WD-3"),
            (TOKEN, {"signer": "bank-02"}, "WD-4"),
            (TOKEN, {"signer": "is:unit"}, "WD-4"),
            (TOKEN, {"signer": "unknown"}, "WD-4"),
        ):
            with pytest.raises(errors.WithdrawBank) as caught:
                book.send(make(CHAIN, REF, token, **options))
            assert caught.value.rule == rule
        good = make(CHAIN, REF, TOKEN)
        with pytest.raises(errors.WithdrawBank, match="signature"):
            book.send(replace(good, data=good.data[:-1] + b"\0", body=good.body[:-1] + b"\0"))


# SPEC LEDGER-9.9.1
@pytest.mark.parametrize(
    "change", [{"status": AuthorityStatus.REVOKED}, {"nbf": makers.START_S + 9}, {"verify_until": makers.START_S - 1}]
)
def test_the_banks_key_must_be_in_force(book: Book, change: dict[str, int]) -> None:
    entry = makers.entry("bank", 3, makers.BANK, **change)
    book.put(Domain.AUTHORITY, entry.kid, entry.encode())
    book.before = dict(book.entries)
    with pytest.raises(errors.WithdrawBank) as caught:
        book.send(makers.paid(CHAIN, REF, TOKEN))
    assert caught.value.rule == "WD-4"


# SPEC LEDGER-9.3.5
def test_after_the_time_out_anybody_may_refund(book: Book) -> None:
    frame = makers.refund(CHAIN, REF, cause=2)
    book.time_ms = GENESIS.time_ms + TIMEOUT_MS - 1
    with pytest.raises(errors.WithdrawTooEarly) as caught:
        book.send(frame)
    assert caught.value.rule == "WD-5"
    book.time_ms += 1
    book.send(frame)
    assert state_of(book).outcome == 2


# SPEC LEDGER-9.3.5
def test_without_a_time_out_only_the_bank_refunds(book: Book) -> None:
    book.parameters = replace(book.parameters, withdraw_timeout_s=0)
    book.time_ms += 10 * TIMEOUT_MS
    with pytest.raises(errors.WithdrawTooEarly):
        book.send(makers.refund(CHAIN, REF, cause=2))
