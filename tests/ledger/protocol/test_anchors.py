"""Anchors (LEDGER section 9.7), and the frame rules that every operation passes (section 9.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specie.ledger import errors
from specie.ledger.messages.authority import Role
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.state import AnchorState, Domain, anchor_ident
from specie.ledger.protocol.anchors import is_known
from tests.ledger import makers
from tests.ledger.book import Book

GENESIS = makers.genesis()
CHAIN = GENESIS.chain_id
ROOT, OTHER = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def book() -> Book:
    """A chain with one anchor of quota control's log."""
    found = Book(GENESIS)
    found.send(makers.anchor(CHAIN, 1, 10, ROOT))
    found.next()
    return found


def test_an_anchor_is_remembered(book: Book) -> None:
    book.send(makers.anchor(CHAIN, 2, 11, OTHER))
    found = AnchorState.decode(book.get(Domain.ANCHOR, anchor_ident(5, makers.QC)) or b"")
    assert found == AnchorState(2, 11, OTHER, 2)


# SPEC LEDGER-9.7.1, LEDGER-15.28
def test_only_the_key_of_topic_and_source_anchors(book: Book) -> None:
    for options in (
        {"topic": 0}, {"topic": 13}, {"topic": 0x7FFF}, {"topic": 4}, {"source": "qc-02"}, {"signer": "kms:audit"},
        {"signer": "qc:bit"}, {"signer": "unknown"},
    ):  # fmt: skip
        with pytest.raises(errors.AnchorKey) as caught:
            book.send(makers.anchor(CHAIN, 2, 11, **options))
        assert caught.value.rule == "A-1"


def test_known_topics() -> None:
    known = [topic for topic in (0, 1, 11, 12, 13, 0x7FFF, 0x8000, 0x8001, 0xFFFF) if is_known(topic)]
    assert known == [1, 11, 12, 0x8000, 0x8001, 0xFFFF]


# SPEC LEDGER-9.7.2
def test_the_signature_must_hold(book: Book) -> None:
    good = makers.anchor(CHAIN, 2, 11)
    with pytest.raises(errors.AnchorKey) as caught:
        book.send(Frame.of(OpType.ANCHOR, CHAIN, 999, good.body))
    assert caught.value.rule == "A-2"


# SPEC LEDGER-9.7.3, LEDGER-15.28
@pytest.mark.parametrize("sequence", [0, 1, 3])
def test_anchors_follow_each_other(book: Book, sequence: int) -> None:
    with pytest.raises(errors.AnchorSequence) as caught:
        book.send(makers.anchor(CHAIN, sequence, 12, OTHER))
    assert caught.value.rule == "A-3"


def test_the_first_anchor_is_number_one() -> None:
    with pytest.raises(errors.AnchorSequence) as caught:
        Book(GENESIS).send(makers.anchor(CHAIN, 2, 12))
    assert caught.value.rule == "A-3"


# SPEC LEDGER-9.7.4, LEDGER-15.28
def test_a_log_only_grows(book: Book) -> None:
    for size, root in ((9, ROOT), (9, OTHER), (10, OTHER)):
        with pytest.raises(errors.AnchorSequence) as caught:
            book.send(makers.anchor(CHAIN, 2, size, root))
        assert caught.value.rule == "A-4"
    book.send(makers.anchor(CHAIN, 2, 10, ROOT))


# SPEC LEDGER-9.7.4
def test_an_audit_head_may_move_without_growing() -> None:
    book = Book(GENESIS)
    for sequence, root in ((1, ROOT), (2, OTHER)):
        book.send(makers.anchor(CHAIN, sequence, 10, root, topic=3, source=makers.KMS, signer="kms:audit"))
        book.next()
    with pytest.raises(errors.AnchorSequence):
        book.send(makers.anchor(CHAIN, 3, 9, ROOT, topic=3, source=makers.KMS, signer="kms:audit"))


# SPEC LEDGER-9.7.5
def test_a_block_holds_one_anchor_of_a_log(book: Book) -> None:
    book.send(makers.anchor(CHAIN, 2, 11, ROOT))
    with pytest.raises(errors.AnchorSequence) as caught:
        book.send(makers.anchor(CHAIN, 3, 12, ROOT))
    assert caught.value.rule == "A-5"
    book.send(makers.anchor(CHAIN, 1, 1, ROOT, topic=3, source=makers.KMS, signer="kms:audit"))
    book.next()
    book.send(makers.anchor(CHAIN, 3, 12, ROOT))


def test_an_ended_key_still_vouches_until_verify_until(book: Book) -> None:
    entry = makers.entry("qc:log", Role.ANCHOR, makers.QC, topic=5)
    book.time_ms = 1000 * entry.verify_until
    book.send(makers.anchor(CHAIN, 2, 11))
    book.next(after_ms=1)
    with pytest.raises(errors.AnchorKey):
        book.send(makers.anchor(CHAIN, 3, 12))


# SPEC LEDGER-9.5.1
def test_an_operation_of_another_chain_is_refused(book: Book) -> None:
    with pytest.raises(errors.WrongChain) as caught:
        book.send(makers.anchor(bytes(32), 2, 11))
    assert caught.value.rule == "9.5.1"


# SPEC LEDGER-9.5.2, LEDGER-15.26
@pytest.mark.parametrize(("ahead", "is_taken"), [(0, False), (1, True), (20160, True), (20161, False)])
def test_the_expiry_lies_ahead_but_not_too_far(book: Book, ahead: int, is_taken: bool) -> None:
    body = replace(makers.Anchor.decode(makers.anchor(CHAIN, 2, 11).body))
    frame = makers.signed_frame(OpType.ANCHOR, CHAIN, body, "qc:log", expiry=book.height + ahead)
    if is_taken:
        book.send(frame)
        return
    with pytest.raises(errors.Expired) as caught:
        book.send(frame)
    assert caught.value.rule == "9.5.2"


# SPEC LEDGER-9.5.6
def test_the_same_operation_again_is_a_duplicate_even_after_its_expiry(book: Book) -> None:
    frame = book.send(makers.anchor(CHAIN, 2, 11))
    book.next(5000)
    with pytest.raises(errors.TxDuplicate):
        book.send(frame)


# SPEC LEDGER-9.5.4
@pytest.mark.parametrize("kind", sorted({*OpType} - {OpType.MINT} - set(range(81, 85))))
def test_a_body_that_does_not_parse_is_not_canonical(book: Book, kind: OpType) -> None:
    with pytest.raises(errors.NonCanonical):
        book.send(Frame.of(kind, CHAIN, 1000, b"\x01"))


# SPEC LEDGER-20.1.2
@pytest.mark.parametrize("kind", range(81, 85))
def test_operations_of_a_group_of_enclaves_are_not_available(book: Book, kind: int) -> None:
    with pytest.raises(errors.NotAvailable):
        book.send(Frame.of(OpType(kind), CHAIN, 1000, b""))
