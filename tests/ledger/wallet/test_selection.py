"""Coins are chosen without joining what should stay apart."""

from __future__ import annotations

import pytest

from specie.ledger.errors import ConsentMissing, FundsInsufficient
from specie.ledger.wallet.selection import Coin, choose


def coin(index: int, value: int, tag: str = "0/1", height: int | None = None) -> Coin:
    return Coin(index, value, index if height is None else height, frozenset((tag,)))


def fee(inputs: int) -> int:
    return 1 if inputs < 4 else 2


def test_one_coin_is_better_than_two_and_the_smallest_that_fits_is_taken() -> None:
    found = choose([coin(1, 50), coin(2, 30), coin(3, 100)], 29, fee, {})
    assert [each.index for each in found.coins] == [2]
    assert found.fee == 1


# SPEC LEDGER-10.7
def test_outputs_of_different_people_are_joined_only_with_consent() -> None:
    coins = [coin(1, 50, "0/1"), coin(2, 50, "0/2")]
    with pytest.raises(ConsentMissing) as refusal:
        choose(coins, 80, fee, {})
    assert refusal.value.facts["why"] == "merge"
    assert len(choose(coins, 80, fee, {}, merge=True).coins) == 2


def test_outputs_of_one_counterparty_are_joined_freely() -> None:
    coins = [coin(1, 50), coin(2, 50), coin(3, 20, "0/9")]
    assert [each.index for each in choose(coins, 80, fee, {}).coins] == [1, 2]


def test_the_fee_of_more_inputs_counts() -> None:
    coins = [coin(at, 10) for at in range(1, 6)]
    assert len(choose(coins, 38, fee, {}).coins) == 4
    assert len(choose(coins, 39, fee, {}).coins) == 5
    with pytest.raises(FundsInsufficient):
        choose(coins, 49, fee, {})


# SPEC LEDGER-10.8
def test_coins_whose_kept_rings_overlap_are_not_spent_together() -> None:
    coins = [coin(10, 50), coin(20, 50), coin(30, 40)]
    rings = {10: (5, 10, 15), 20: (15, 18, 20)}
    assert [each.index for each in choose(coins, 80, fee, rings).coins] == [10, 30]
    with pytest.raises(FundsInsufficient):
        choose(coins[:2], 80, fee, rings)
    with pytest.raises(FundsInsufficient):
        choose(coins[:2], 80, fee, {20: (10, 20)})


def test_outputs_of_one_block_are_not_taken_together_where_others_do() -> None:
    coins = [coin(1, 50, height=7), coin(2, 49, height=7), coin(3, 48, height=9)]
    assert [each.index for each in choose(coins, 90, fee, {}).coins] == [1, 3]


def test_no_more_than_sixteen_inputs() -> None:
    with pytest.raises(FundsInsufficient):
        choose([coin(at, 1) for at in range(40)], 20, fee, {})
