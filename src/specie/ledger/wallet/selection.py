"""Which outputs pay: few of them, of one counterparty, none that would give the others away. Spec: LEDGER-10."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from specie.ledger.errors import ConsentMissing, FundsInsufficient
from specie.ledger.wallet.memos import INPUTS_MAX


@dataclass(frozen=True, slots=True)
class Coin:
    """An output that can be spent, as far as choosing looks at it."""

    index: int
    value: int
    height: int
    tags: frozenset[str]
    """From whom it came: one subaddress is one counterparty, and change keeps what its inputs had."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to spend."""

    coins: tuple[Coin, ...]
    fee: int

    @property
    def total(self) -> int:
        return sum(coin.value for coin in self.coins)


Fee = Callable[[int], int]
"""The minimum fee of a transaction with so many inputs."""


# SPEC LEDGER-10.7
def choose(
    coins: Sequence[Coin],
    amount: int,
    fee_of: Fee,
    rings: Mapping[int, Collection[int]],
    *,
    merge: bool = False,
) -> Choice:
    """Coins that reach amount and fee: of one counterparty where that is enough, else only with consent.

    amount: minor units that leave the wallet. rings: the kept rings, by index. merge: the holder allows that outputs
    of different counterparties are spent together. Raises, in this order: FundsInsufficient, ConsentMissing.
    """
    apart = _by_counterparty(coins)
    found = [choice for group in apart.values() if (choice := _gather(group, amount, fee_of, rings))]
    if found:
        return min(found, key=lambda choice: (len(choice.coins), choice.total))
    together = _gather(coins, amount, fee_of, rings)
    if together is None:
        held = sum(coin.value for coin in coins)
        raise FundsInsufficient(
            "the outputs that can be spent now do not reach amount and fee", held=held, asked=amount
        )
    if not merge:
        raise ConsentMissing(
            "this needs outputs from different people in one payment, which shows verification nodes that they are one"
            " wallet's",
            why="merge",
        )
    return together


def _by_counterparty(coins: Sequence[Coin]) -> dict[frozenset[str], list[Coin]]:
    groups: dict[frozenset[str], list[Coin]] = defaultdict(list)
    for coin in coins:
        groups[coin.tags].append(coin)
    return groups


# SPEC LEDGER-10.8
def _gather(coins: Sequence[Coin], amount: int, fee_of: Fee, rings: Mapping[int, Collection[int]]) -> Choice | None:
    """The smallest coin that is enough; else the largest ones, whose kept rings do not overlap."""
    enough = [coin for coin in coins if coin.value >= amount + fee_of(1)]
    if enough:
        return Choice((min(enough, key=lambda coin: (coin.value, coin.index)),), fee_of(1))
    chosen: list[Coin] = []
    for coin in _spread(coins):
        if len(chosen) == INPUTS_MAX:
            break
        if _overlaps(coin, chosen, rings):
            continue
        chosen.append(coin)
        fee = fee_of(len(chosen))
        if sum(each.value for each in chosen) >= amount + fee:
            return Choice(tuple(chosen), fee)
    return None


def _spread(coins: Sequence[Coin]) -> list[Coin]:
    """Largest first; the second output of one block comes after the first ones of all: they may have one parent."""
    seen: dict[int, int] = defaultdict(int)
    ranked = []
    for coin in sorted(coins, key=lambda coin: (-coin.value, coin.index)):
        ranked.append((seen[coin.height], -coin.value, coin.index, coin))
        seen[coin.height] += 1
    return [each[3] for each in sorted(ranked)]


def _overlaps(coin: Coin, chosen: Sequence[Coin], rings: Mapping[int, Collection[int]]) -> bool:
    mine = {coin.index, *rings.get(coin.index, ())}
    return any(not mine.isdisjoint({each.index, *rings.get(each.index, ())}) for each in chosen)
