"""Rings are drawn from the law, hide what they should, and never touch what they must not."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specie.kernel.clock import SeededRandomness
from specie.ledger.errors import NotReady
from specie.ledger.messages.decoy_law import BUCKETS, EDGES_MS, START_LAW
from specie.ledger.wallet.decoys import HIDDEN, PUBLIC, Chooser, Extent, Log, below, draw_age_ms
from tools import fit_decoys

SECOND_MS = 1000


def log_of(blocks: int, hidden: int = 4, public: int = 1, step_ms: int = 60 * SECOND_MS) -> Log:
    """Block 0 with start outputs, then blocks of one size at one pace."""
    extents = [Extent(0, 0, 0, 64, 64)]
    for height in range(1, blocks + 1):
        extents.append(Extent(height, height * step_ms, extents[-1].end, hidden, public))
    return Log(extents, blocks, blocks * step_ms)


def chooser_of(log: Log, seed: int = 1, ring_size: int = 16, min_age: int = 1) -> Chooser:
    return Chooser(log, START_LAW, ring_size, min_age, SeededRandomness(seed))


def test_the_committed_law_is_the_one_of_the_simulation() -> None:
    shape, rate = fit_decoys.fit(fit_decoys.Town(fit_decoys.SEED).run())
    assert fit_decoys.weights_of(shape, rate) == list(START_LAW)
    assert len(EDGES_MS) == BUCKETS + 1
    assert all(edge**20 <= 1000**20 * 2 ** (13 * at) < (edge + 1) ** 20 for at, edge in enumerate(EDGES_MS))


# SPEC LEDGER-10.1
def test_ages_follow_the_law() -> None:
    randomness = SeededRandomness(7)
    drawn = Counter()
    for _ in range(20_000):
        age = draw_age_ms(START_LAW, randomness)
        drawn[max(0, sum(edge <= age for edge in EDGES_MS) - 1)] += 1
    for bucket, weight in enumerate(START_LAW):
        expected = weight / sum(START_LAW)
        assert abs(drawn[bucket] / 20_000 - expected) < 0.012, bucket


def test_below_is_uniform_and_bounded() -> None:
    randomness = SeededRandomness(3)
    drawn = Counter(below(7, randomness) for _ in range(14_000))
    assert set(drawn) == set(range(7))
    assert all(abs(count - 2000) < 200 for count in drawn.values())


# SPEC LEDGER-10.3, LEDGER-10.2
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((HIDDEN, PUBLIC)), st.integers(1, 20), st.sampled_from((16, 32)))
def test_a_ring_is_ascending_of_one_class_and_mature(seed: int, class_: int, min_age: int, size: int) -> None:
    log = log_of(900)
    chooser = chooser_of(log, seed, size, min_age)
    home = log.extents[850].members(class_)
    avoid = {log.extents[849].first, log.extents[10].first}
    ring = chooser.ring(home[0], class_, avoid)
    assert len(ring) == size
    assert ring == sorted(set(ring))
    assert home[0] in ring
    assert avoid.isdisjoint(ring)
    for index in ring:
        extent = log.at(index)
        assert index in extent.members(class_)
        assert log.anchor + 1 - extent.height >= min_age


def test_real_outputs_and_decoys_have_the_same_support() -> None:
    """What may be spent may be a decoy, down to the youngest block: the fault of 2021 and 2023 elsewhere."""
    log = log_of(900)
    chooser = chooser_of(log)
    newest = set(log.extents[-1].members(HIDDEN))
    drawn = {index for seed in range(300) for index in chooser_of(log, seed).ring(500, HIDDEN, ())}
    assert newest & drawn
    assert chooser.is_mature(log.anchor)


# SPEC LEDGER-8.6.2
def test_start_outputs_serve_only_while_the_class_is_young() -> None:
    young = log_of(5)
    assert any(index < 128 for index in chooser_of(young).ring(128, HIDDEN, ()))
    old = log_of(40)  # 160 hidden outputs are more than 8 x 16
    assert old.real_outputs(HIDDEN) >= 128
    for seed in range(30):
        assert all(index >= 128 for index in chooser_of(old, seed).ring(140, HIDDEN, ()))


# SPEC LEDGER-10.5, LEDGER-10.8
def test_kept_members_stay_and_a_larger_ring_only_adds() -> None:
    log = log_of(500)
    first = chooser_of(log, 1).ring(700, HIDDEN, ())
    second = chooser_of(log, 2).ring(705, HIDDEN, set(first))
    assert set(first).isdisjoint(second)
    larger = chooser_of(log, 3, 32).ring(700, HIDDEN, set(second), kept=first)
    assert set(first) <= set(larger)
    assert len(larger) == 32


def test_a_chain_with_too_few_outputs_says_so() -> None:
    log = Log([Extent(0, 0, 0, 8, 0), Extent(1, 1000, 8, 2, 0)], 1, 1000)
    with pytest.raises(NotReady):
        chooser_of(log).ring(8, HIDDEN, ())
