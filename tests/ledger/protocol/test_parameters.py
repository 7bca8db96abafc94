"""Changes of parameters (LEDGER section 9.8) and what they do to the authority table (section 9.9)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from specie.kernel import codec
from specie.ledger import errors
from specie.ledger.messages.authority import BIP340, AuthorityStatus, Role
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.parameters import AdmittedEnclave, DecoyWeights, Enclaves, Parameter
from specie.ledger.messages.state import Domain, EnclaveState, EnclaveStatus, ParametersState, enclave_ident
from specie.ledger.protocol.parameters import is_liftable, merge_entry
from tests.ledger import makers
from tests.ledger.book import Book

SLOW = makers.genesis(settings={**makers.genesis().settings, Parameter.PARAM_DELAY: 10})
CHAIN = SLOW.chain_id
FEE = {Parameter.ESCROW_FEE: 5}
REVOKED = {"status": AuthorityStatus.REVOKED, "revoked_from": 3}


@pytest.fixture
def book() -> Book:
    """A chain whose changes wait ten blocks."""
    return Book(SLOW)


def refused(book: Book, frame: Frame, kind: type[errors.Rejected], rule: str) -> None:
    with pytest.raises(kind) as caught:
        book.send(frame)
    assert caught.value.rule == rule


# SPEC LEDGER-9.8.5
def test_a_change_takes_effect_at_its_height(book: Book) -> None:
    frame = book.send(makers.change(CHAIN, 1, 12, FEE))
    assert ParametersState.decode(book.get(Domain.PARAMETERS, b"") or b"") == ParametersState(1, frame.op_id)
    for _ in range(11):
        assert (book.parameters.escrow_fee, book.parameters.version) == (1, 0)
        book.next()
    assert (book.height, book.parameters.escrow_fee, book.parameters.version) == (12, 5, 1)


# SPEC LEDGER-9.8.1, LEDGER-15.29
def test_changes_follow_each_other(book: Book) -> None:
    refused(book, makers.change(CHAIN, 2, 12, FEE), errors.ParamsVersion, "P-1")
    refused(book, makers.change(CHAIN, 1, 12, FEE, previous=b"\x01" * 32), errors.ParamsVersion, "P-1")
    first = book.send(makers.change(CHAIN, 1, 12, FEE))
    refused(book, makers.change(CHAIN, 2, 12, FEE), errors.ParamsVersion, "P-1")
    refused(book, makers.change(CHAIN, 1, 13, FEE), errors.ParamsVersion, "P-1")
    book.send(makers.change(CHAIN, 2, 12, {Parameter.ESCROW_FEE: 6}, previous=first.op_id))
    book.next(11)
    assert (book.parameters.escrow_fee, book.parameters.version) == (6, 2)


# SPEC LEDGER-9.8.2, LEDGER-15.29
def test_two_thirds_of_governance_must_sign(book: Book) -> None:
    for signers in ((), (0,), (2,)):
        refused(book, makers.change(CHAIN, 1, 12, FEE, signers=signers), errors.ParamsQuorum, "P-2")
    refused(book, makers.change(CHAIN, 1, 12, FEE, signers=(0, 3)), errors.ParamsQuorum, "P-2")
    good = makers.change(CHAIN, 1, 12, FEE, signers=(0, 1, 2))
    spoiled = good.body[:-1] + bytes([good.body[-1] ^ 1])
    refused(book, Frame.of(good.type, CHAIN, 1000, spoiled), errors.ParamsQuorum, "P-2")
    book.send(good)


def test_a_key_twice_does_not_parse(book: Book) -> None:
    good = makers.change(CHAIN, 1, 12, FEE, signers=(0,))
    twice = good.body[:-66] + b"\x02" + good.body[-65:] * 2
    with pytest.raises(errors.NonCanonical):
        book.send(Frame.of(good.type, CHAIN, 1000, twice))


# SPEC LEDGER-9.8.3, LEDGER-15.29
def test_a_change_waits(book: Book) -> None:
    refused(book, makers.change(CHAIN, 1, 10, FEE), errors.ParamsValue, "P-3")
    first = book.send(makers.change(CHAIN, 1, 20, FEE))
    refused(book, makers.change(CHAIN, 2, 19, FEE, previous=first.op_id), errors.ParamsValue, "P-3")
    book.send(makers.change(CHAIN, 2, 20, FEE, previous=first.op_id))


def test_without_a_delay_a_change_waits_for_the_next_block() -> None:
    chain = Book(makers.genesis())
    ident = chain.genesis.chain_id
    refused(chain, makers.change(ident, 1, 1, FEE), errors.ParamsValue, "P-3")
    chain.send(makers.change(ident, 1, 2, FEE))
    chain.next()
    assert chain.parameters.escrow_fee == 5


# SPEC LEDGER-9.8.4, LEDGER-15.29
@pytest.mark.parametrize(
    "changes",
    [
        {Parameter.DECOY_LAW: DecoyWeights(1, (1,) * 40)},
        {Parameter.DECOY_LAW: DecoyWeights(3, (1,) * 40)},
        {Parameter.FEE_ADDRESS: bytes(96)},
        {Parameter.FEE_ADDRESS: b"\xff" * 96},
        {Parameter.GOVERNANCE: (bytes(32),)},
        {Parameter.ENCLAVES: Enclaves((bytes(32),), (AdmittedEnclave(0, bytes(32), bytes(32), bytes(32)),))},
        makers.set_keys(makers.entry("new", Role.BANK_WITHDRAWAL, "bank:new", key=bytes(32))),
        makers.set_keys(makers.entry("new", Role.BANK_CHANNEL, "bank:new", alg=BIP340, key=b"\xff" * 32)),
        codec.encode({20: 1}),
        codec.encode({1: 17}),
        b"",
    ],
)
def test_values_out_of_their_bounds_are_refused(book: Book, changes: Any) -> None:
    refused(book, makers.change(CHAIN, 1, 12, changes), errors.ParamsValue, "P-4")
    # and P-3 comes before
    refused(book, makers.change(CHAIN, 1, 2, changes), errors.ParamsValue, "P-3")


# SPEC LEDGER-5.1.1
def test_rings_never_become_smaller(book: Book) -> None:
    first = book.send(makers.change(CHAIN, 1, 12, {Parameter.RING_SIZE: 32}))
    smaller = makers.change(CHAIN, 2, 12, {Parameter.RING_SIZE: 16}, previous=first.op_id)
    refused(book, smaller, errors.ParamsValue, "P-4")
    book.send(makers.change(CHAIN, 2, 12, {Parameter.RING_SIZE: 64}, previous=first.op_id))


def test_a_live_network_keeps_its_delay() -> None:
    settings = {Parameter.FEE_ADDRESS: makers.address(b"fees").pay, Parameter.PARAM_DELAY: 10}
    live = Book(makers.genesis(dev=False, settings=settings))
    refused(
        live, makers.change(live.genesis.chain_id, 1, 12, {Parameter.PARAM_DELAY: 0}), errors.ParamsValue, "P-4"
    )  # fmt: skip
    Book(SLOW).send(makers.change(CHAIN, 1, 12, {Parameter.PARAM_DELAY: 0}))


# SPEC LEDGER-20.1.2
def test_validators_are_not_available(book: Book) -> None:
    data = codec.encode({19: [[bytes(32), 1]]})
    refused(book, makers.change(CHAIN, 1, 12, data), errors.NotAvailable, "P-4")


# SPEC LEDGER-7.26
def test_a_new_key_counts_from_its_height_on(book: Book) -> None:
    entry = makers.entry("new", Role.BANK_WITHDRAWAL, "bank:new")
    book.send(makers.change(CHAIN, 1, 12, makers.set_keys(entry)))
    book.next(10)
    assert book.authority(entry.kid) is None
    book.next()
    assert book.authority(entry.kid) == entry


def test_governance_hands_over(book: Book) -> None:
    keys = tuple(makers.key(f"governance-{number}").public() for number in (2,))
    first = book.send(makers.change(CHAIN, 1, 12, {Parameter.GOVERNANCE: keys}))
    book.next(11)
    refused(book, makers.change(CHAIN, 2, 30, FEE, previous=first.op_id), errors.ParamsQuorum, "P-2")


# SPEC LEDGER-9.8.3
def test_a_revocation_does_not_wait(book: Book) -> None:
    first = book.send(makers.change(CHAIN, 1, 40, FEE))
    entry = replace(makers.entry("bank", Role.BANK_WITHDRAWAL, makers.BANK), **REVOKED)
    frame = makers.change(CHAIN, 2, 2, makers.set_keys(entry), previous=first.op_id)
    same = makers.change(CHAIN, 2, 1, makers.set_keys(entry), previous=first.op_id)
    refused(book, same, errors.ParamsValue, "P-3")
    book.send(frame)
    book.next()
    found = book.authority(entry.kid)
    assert found == entry and found.is_revoked
    book.next(38)
    assert book.parameters.escrow_fee == 5


@pytest.mark.parametrize(
    "change", [{"key": makers.key("other").public()}, {"system": "bank:two"}, {"verify_until": 2**40}, {"status": 2}]
)
def test_whatever_else_a_change_touches_waits(book: Book, change: dict[str, Any]) -> None:
    entry = replace(makers.entry("bank", Role.BANK_WITHDRAWAL, makers.BANK), **REVOKED)
    other = replace(entry, **{"revoked_from": 0} if "status" in change else {}, **change)
    for changes in (makers.set_keys(other), {**makers.set_keys(entry), **FEE}, makers.set_keys()):
        refused(book, makers.change(CHAIN, 1, 2, changes), errors.ParamsValue, "P-3")
    unknown = replace(makers.entry("new", Role.BANK_WITHDRAWAL, "bank:new"), **REVOKED)
    refused(book, makers.change(CHAIN, 1, 2, makers.set_keys(unknown)), errors.ParamsValue, "P-3")


# SPEC LEDGER-9.9.1
def test_a_revocation_stays(book: Book) -> None:
    good = makers.entry("bank", Role.BANK_WITHDRAWAL, makers.BANK)
    revoked = replace(good, **REVOKED)
    first = book.send(makers.change(CHAIN, 1, 12, makers.set_keys(good)))
    second = book.send(makers.change(CHAIN, 2, 2, makers.set_keys(revoked), previous=first.op_id))
    book.next(11)
    assert book.authority(good.kid) == revoked, "the change that was under way does not lift it"
    for entry in (good, replace(revoked, revoked_from=4), replace(revoked, system="bank:two")):
        frame = makers.change(CHAIN, 3, 30, makers.set_keys(entry), previous=second.op_id)
        refused(book, frame, errors.ParamsValue, "P-4")
    earlier = replace(revoked, revoked_from=2)
    book.send(makers.change(CHAIN, 3, 13, makers.set_keys(earlier), previous=second.op_id))
    book.next()
    assert book.authority(good.kid) == earlier
    assert merge_entry(earlier, revoked) == earlier


def test_enclaves_are_admitted_and_removed(book: Book) -> None:
    keys = [makers.key(name).public() for name in ("enclave", "enclave-1")]
    second = AdmittedEnclave(1, keys[1], makers.MEASUREMENT, bytes(32))
    book.send(makers.change(CHAIN, 1, 12, {Parameter.ENCLAVES: Enclaves((makers.MEASUREMENT,), (second,))}))
    book.next(11)
    found = [EnclaveState.decode(book.get(Domain.ENCLAVE, enclave_ident(index)) or b"") for index in (0, 1)]
    assert [(each.key, each.status) for each in found] == [
        (keys[0], EnclaveStatus.REMOVED),
        (keys[1], EnclaveStatus.ADMITTED),
    ]


def test_x_coordinates_of_the_curve_lift() -> None:
    generator = bytes.fromhex("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    assert is_liftable(generator)
    # BIP-340, test vectors 5 and 14: not on the curve, above the field
    absent = bytes.fromhex("eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34")
    above = bytes.fromhex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30")
    assert not is_liftable(absent) and not is_liftable(above)
