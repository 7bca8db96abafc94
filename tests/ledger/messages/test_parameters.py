"""Parameters: defaults, bounds, one value wrong at a time; and the genesis document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.kernel import codec
from specie.ledger.errors import NonCanonical, NotAvailable, ParamsValue, Rejected
from specie.ledger.messages.authority import AuthorityEntry, Role
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.parameters import (
    AdmittedEnclave,
    AuthorityUpdate,
    DecoyWeights,
    Enclaves,
    Parameter,
    Parameters,
    Regulated,
    decode_changes,
    encode_changes,
)

ENTRY = AuthorityEntry(b"k" * 16, Role.ANCHOR, "kms-1", b"p" * 32, 1, 2, 3, topic=3)
ENCLAVES = Enclaves((b"m" * 32,), (AdmittedEnclave(0, b"e" * 32, b"m" * 32, b"q" * 32),))
GOOD: dict[int, Any] = {
    1: 32, 2: 100, 3: 10, 4: (0, 1, 2, 2**62 - 1), 5: 0, 6: b"a" * 96, 7: 100, 8: 1, 9: True,
    10: DecoyWeights(2, (1,) * 40), 11: 3600, 12: (b"g" * 32,), 13: AuthorityUpdate(4, b"h" * 32, (ENTRY,)),
    14: 10, 15: 16, 16: 4096, 17: Regulated(5, b"s" * 16), 18: ENCLAVES,
}  # fmt: skip
BAD: dict[int, list[Any]] = {
    1: [17, 0, True, b""], 2: [0, 101], 3: [9, 10_001], 4: [[1, 2, 3], [1, 2, 3, 2**62], 4], 5: [-1, 2**62],
    6: [b"a" * 95, "a"], 7: [99, 10**6 + 1], 8: [0], 9: [1, 0], 10: [[1, [0] * 40], [0, [1] * 40], [1, [1] * 39], 1],
    11: [1, 3599, False], 12: [[], [b"g" * 31], [b"g" * 32] * 2],
    13: [[4, b"h" * 32, [b"x"]], [4, b"h" * 32], [1, 2, 3]],
    14: [9, 10**6 + 1], 15: [15, 65_536], 16: [15, 4097], 17: [[5], [5, b"s"], [5, b"s" * 16, 1]],
    18: [[[], [[0, b"e" * 32, b"m" * 32, b"q" * 32]]], [[]], [[b"m" * 32] * 2, []]],
}  # fmt: skip
GENESIS = Genesis(
    "XTS", 2, True, 1_790_000_000, "embedded", (b"v" * 32,), (b"g" * 32,), {6: b"a" * 96}, (ENTRY,), b"r" * 32, ENCLAVES
)


# SPEC LEDGER-9.8.4
@pytest.mark.parametrize("ident", GOOD)
def test_good_values_come_back(ident: int) -> None:
    change = {ident: GOOD[ident]}
    assert decode_changes(encode_changes(change)) == change


# SPEC LEDGER-9.8.4, LEDGER-15.29
@pytest.mark.parametrize(("ident", "value"), [(ident, value) for ident, values in BAD.items() for value in values])
def test_bad_values_are_refused(ident: int, value: Any) -> None:
    with pytest.raises(ParamsValue) as caught:
        decode_changes(codec.encode({ident: value}))
    assert caught.value.rule == "P-4"


@pytest.mark.parametrize("data", [b"", *map(codec.encode, ({}, [], {0: 1}, {"a": 1}))])
def test_what_is_no_change_is_refused(data: bytes) -> None:
    with pytest.raises(ParamsValue):
        decode_changes(data)


# SPEC LEDGER-20.1.2
def test_validators_do_not_change_on_a_chain_of_one_node() -> None:
    with pytest.raises(NotAvailable):
        decode_changes(codec.encode({19: [[b"v" * 32, 1]]}))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_a_change(data: bytes) -> None:
    try:
        changes = decode_changes(data)
    except Rejected:
        return
    assert encode_changes(changes) == data


def test_a_change_sets_what_it_names() -> None:
    before = GENESIS.parameters()
    after = before.apply(GOOD, 9)
    assert (after.version, after.ring_size, after.fee_min, after.governance) == (9, 32, GOOD[4], GOOD[12])
    assert (after.regulated, after.enclaves, after.withdraw_timeout_s) == (GOOD[17], ENCLAVES, 3600)
    assert before.apply({}) == before
    good = {key: GOOD[key] for key in GOOD if key != Parameter.AUTHORITY}
    assert decode_changes(codec.encode(after.to_wire())) == good
    assert after.apply({Parameter.REGULATED: None}).regulated is None


def test_defaults_of_the_chapter() -> None:
    live: dict[str, Any] = {"fee_address": b"a" * 96, "governance": (b"g" * 32,), "enclaves": Enclaves()}
    embedded = Parameters.defaults(**live, provider="embedded", dev=False)
    network = Parameters.defaults(**live, provider="cometbft", dev=True)
    assert (embedded.anchor_window, embedded.param_delay) == (1000, 3600)
    assert (network.anchor_window, network.param_delay) == (100, 0)
    assert (network.ring_size, network.min_age, network.fee_min, network.escrow_fee) == (16, 1, (1, 2, 4, 8), 1)
    assert (network.epoch_blocks, network.proof_retention_days, network.withdraw_timeout_s) == (3600, 90, 604_800)
    assert (network.escrow_ops_max, network.ops_per_block, network.strict_proofs) == (256, 512, False)


# SPEC LEDGER-9.8.2
@pytest.mark.parametrize(("keys", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 5), (9, 6)])
def test_two_thirds_of_governance_is_a_quorum(keys: int, quorum: int) -> None:
    parameters = replace(GENESIS.parameters(), governance=tuple(bytes([at]) * 32 for at in range(keys)))
    assert parameters.quorum == quorum


# SPEC LEDGER-8.6.1, LEDGER-1.1
def test_the_genesis_document_fixes_the_chain() -> None:
    assert Genesis.decode(GENESIS.encode()) == GENESIS
    assert GENESIS.time_ms == 1_790_000_000_000
    assert len(GENESIS.asset) == 4
    for other in (replace(GENESIS, dev=False), replace(GENESIS, currency="XTT"), replace(GENESIS, random=bytes(32))):
        assert other.chain_id != GENESIS.chain_id


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "xts"}, {"currency": "AB"}, {"scale": 19}, {"created": 2**48}, {"provider": "other"},
        {"validators": ()}, {"validators": (b"v" * 32, b"w" * 32)}, {"governance": ()}, {"settings": {}},
        {"settings": {6: b"a" * 96, 12: (b"g" * 32,)}}, {"settings": {6: b"a" * 96, 14: 0}, "dev": False},
        {"random": b""}, {"authorities": (ENTRY, ENTRY)}, {"governance": (b"g" * 32,) * 2},
    ],
)  # fmt: skip
def test_a_genesis_document_out_of_its_bounds_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(NonCanonical):
        Genesis.decode(replace(GENESIS, **change).encode())
