"""Epoch keys, and which epochs are live (LEDGER section 9.10)."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.ledger import errors
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.parameters import AdmittedEnclave, Enclaves
from specie.ledger.messages.state import Domain, EnclaveState, EnclaveStatus, EpochState, enclave_ident, epoch_ident
from specie.ledger.protocol.epochs import grace_blocks, is_live, last_height, signatures_needed
from tests.ledger import makers
from tests.ledger.book import Book

GENESIS = makers.genesis()
CHAIN = GENESIS.chain_id


def refused(book: Book, frame: Frame, rule: str) -> None:
    with pytest.raises(errors.EpochRefused) as caught:
        book.send(frame)
    assert caught.value.rule == rule


@pytest.fixture
def book() -> Book:
    """A chain at height 2 whose first epoch has its key."""
    found = Book(GENESIS)
    found.send(makers.epoch_key(CHAIN, 1, 2, 100))
    found.next()
    return found


def test_an_epoch_key_is_published(book: Book) -> None:
    frame = book.send(makers.epoch_key(CHAIN, 2, 90, 200))
    key_hash = sha256(EpochKeyOp.decode(frame.body).public_key).digest()
    found = EpochState.decode(book.get(Domain.EPOCH, epoch_ident(2)) or b"")
    assert found == EpochState(1, key_hash, bytes(32), 90, 200)
    assert found.key_id == key_hash[:8]


# SPEC LEDGER-9.10.1
def test_an_admitted_enclave_signs(book: Book) -> None:
    refused(book, makers.epoch_key(CHAIN, 2, 90, 200, signers={}), "EK-1")
    refused(book, makers.epoch_key(CHAIN, 2, 90, 200, signers={1: "enclave"}), "EK-1")
    refused(book, makers.epoch_key(CHAIN, 2, 90, 200, signers={0: "validator"}), "EK-1")
    refused(book, makers.epoch_key(CHAIN, 2, 90, 200, signers={0: "enclave", 1: "enclave"}), "EK-1")
    removed = EnclaveState(makers.key("enclave").public(), makers.MEASUREMENT, bytes(32), EnclaveStatus.REMOVED)
    book.put(Domain.ENCLAVE, enclave_ident(0), removed.encode())
    refused(book, makers.epoch_key(CHAIN, 2, 90, 200), "EK-1")


# SPEC LEDGER-9.10.1
def test_of_four_validators_three_enclaves_sign() -> None:
    assert [signatures_needed(count) for count in (1, 3, 4, 7, 10)] == [1, 1, 3, 5, 7]
    names = [f"enclave-{number}" for number in range(4)]
    admitted = [
        AdmittedEnclave(index, makers.key(name).public(), makers.MEASUREMENT, bytes(32))
        for index, name in enumerate(names)
    ]
    validators = tuple(makers.key(f"validator-{number}").public() for number in range(4))
    genesis = makers.genesis(
        provider="cometbft", validators=validators, enclaves=Enclaves((makers.MEASUREMENT,), tuple(admitted))
    )
    book = Book(genesis)
    signers = dict(enumerate(names))
    few = {index: signers[index] for index in (1, 3)}
    refused(book, makers.epoch_key(genesis.chain_id, 1, 2, 100, signers=few), "EK-1")
    book.send(makers.epoch_key(genesis.chain_id, 1, 2, 100, signers={**few, 2: names[2]}))


# SPEC LEDGER-9.10.2
@pytest.mark.parametrize(
    ("epoch", "start", "end"),
    [(0, 90, 200), (1, 90, 200), (3, 90, 200), (2, 2, 200), (2, 90, 89), (2, 90, 90 + 10**6), (2**32 - 1, 90, 200)],
)
def test_epochs_follow_each_other(book: Book, epoch: int, start: int, end: int) -> None:
    refused(book, makers.epoch_key(CHAIN, epoch, start, end), "EK-2")


def test_bounds_of_an_epoch(book: Book) -> None:
    book.send(makers.epoch_key(CHAIN, 2, 3, 3))
    book.next()
    book.send(makers.epoch_key(CHAIN, 3, 4, 4 + 10**6 - 1))


# SPEC LEDGER-9.10.2
def test_an_epoch_begins_after_the_last_one_began(book: Book) -> None:
    book.send(makers.epoch_key(CHAIN, 2, 90, 200))
    book.next()
    refused(book, makers.epoch_key(CHAIN, 3, 90, 300), "EK-2")
    book.send(makers.epoch_key(CHAIN, 3, 91, 300))


# SPEC LEDGER-7.26
def test_the_epoch_table_is_that_of_the_start_of_the_block() -> None:
    book = Book(GENESIS)
    book.send(makers.epoch_key(CHAIN, 1, 2, 100))
    refused(book, makers.epoch_key(CHAIN, 1, 3, 100), "EK-2")
    refused(book, makers.epoch_key(CHAIN, 2, 50, 100), "EK-2")


def test_a_chain_of_one_node_has_no_ratchet(book: Book) -> None:
    refused(book, makers.epoch_key(CHAIN, 2, 90, 200, ratchet_commit=b"\x01" * 32), "EK-2")


def epoch(start: int, end: int, **changes: Any) -> EpochState:
    return replace(EpochState(1, bytes(32), bytes(32), start, end), **changes)


PARAMETERS = replace(GENESIS.parameters(), anchor_window=10, epoch_blocks=100)


# SPEC LEDGER-9.10.4
@pytest.mark.parametrize(
    ("following", "after", "last"),
    [
        (None, None, 100),
        (epoch(101, 200), None, 110),
        (epoch(51, 200), None, 60),
        (epoch(150, 200), None, 110),
        (epoch(51, 55), None, 55),
        (epoch(51, 200), epoch(54, 300), 53),
        (epoch(51, 200), epoch(90, 300), 60),
    ],
)
def test_an_epoch_is_live_until_its_grace_has_passed(
    following: EpochState | None, after: EpochState | None, last: int
) -> None:
    live = [height for height in range(1, 300) if is_live(height, epoch(2, 100), following, after, PARAMETERS)]
    assert live == list(range(2, last + 1))


def test_grace_is_the_window_or_half_an_epoch() -> None:
    assert grace_blocks(PARAMETERS) == 10
    assert grace_blocks(replace(PARAMETERS, anchor_window=1000)) == 50
    assert last_height(epoch(2, 100), epoch(40, 50)) == 39


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 80)), min_size=3, max_size=6), st.integers(1, 400))
def test_at_most_the_newest_two_epochs_that_began_are_live(steps: list[tuple[int, int]], height: int) -> None:
    epochs, start = [], 1
    for step, length in steps:
        epochs.append(epoch(start, start + length))
        start += step
    padded = [*epochs, None, None]
    live = [at for at, each in enumerate(epochs) if is_live(height, each, padded[at + 1], padded[at + 2], PARAMETERS)]
    begun = [at for at, each in enumerate(epochs) if each.start <= height]
    assert set(live) <= set(begun[-2:])
