"""The start law of decoys (LEDGER section 10): ages of spends in simulated retail payments, fitted by a log-gamma law.

    fit_decoys.py            print shape, rate and the 40 weights
    fit_decoys.py --check    exit status 1 unless they are those of src/specie/ledger/messages/decoy_law.py

Nobody has measured this ledger yet, so the ages come from a simulation of people: employers pay wages once a month,
households shop several times a week out of the newest or the fittest output and get change back, shops gather the
day's takings and pay suppliers. Everybody's output ages are known here, as they never are on the ledger. The seed is
fixed, so the table can be made again bit by bit; the law that reports of real wallets give replaces it (parameter
DECOY_LAW, a new version).
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import sys
from dataclasses import dataclass, field
from itertools import pairwise

SEED = 113225  # the first six digits of the source document's number
DAYS = 200
WARM_UP_DAYS = 40
HOUSEHOLDS = 300
SHOPS = 30
EMPLOYERS = 12
DAY_S = 86_400
BUCKETS = 40
OCTAVES = 26
TOTAL = 1_000_000
"""What the weights add up to, about: each bucket has at least 1."""


@dataclass
class Purse:
    """One wallet: when each of its outputs came, and what it is worth."""

    outputs: list[tuple[float, float]] = field(default_factory=list)

    def total(self) -> float:
        return sum(value for _, value in self.outputs)

    def take(self, amount: float) -> list[tuple[float, float]]:
        """The smallest output that is enough; else the largest ones together."""
        fitting = [each for each in self.outputs if each[1] >= amount]
        if fitting:
            chosen = [min(fitting, key=lambda each: each[1])]
        else:
            chosen, got = [], 0.0
            for each in sorted(self.outputs, key=lambda each: -each[1]):
                chosen.append(each)
                got += each[1]
                if got >= amount:
                    break
        for each in chosen:
            self.outputs.remove(each)
        return chosen


class Town:
    """Everybody and the queue of what they will do."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.households = [Purse() for _ in range(HOUSEHOLDS)]
        self.shops = [Purse() for _ in range(SHOPS)]
        self.employers = [Purse([(0.0, 9e9)]) for _ in range(EMPLOYERS)]
        self.habits = [self.random.lognormvariate(0.0, 0.6) for _ in range(HOUSEHOLDS)]
        self.queue: list[tuple[float, int, str, int]] = []
        self.ages: list[float] = []
        self._count = 0

    def plan(self, at_s: float, what: str, who: int) -> None:
        self._count += 1
        heapq.heappush(self.queue, (at_s, self._count, what, who))

    def pay(self, now_s: float, payer: Purse, payee: Purse, amount: float) -> None:
        """A payment that the purse can afford; the change comes back as a new output."""
        if payer.total() < amount:
            return
        inputs = payer.take(amount)
        if now_s > WARM_UP_DAYS * DAY_S:
            self.ages.extend(max(1.0, now_s - came_s) for came_s, _ in inputs)
        # the block takes a moment, and nobody spends what has not arrived
        arrives_s = now_s + self.random.uniform(0.5, 3.0)
        payee.outputs.append((arrives_s, amount))
        change = sum(value for _, value in inputs) - amount
        if change > 0:
            payer.outputs.append((arrives_s, change))

    def open_hours(self, day_s: float) -> float:
        """A moment of a day's trade: two humps, noon and evening."""
        hump = (12.5, 1.5) if self.random.random() < 0.4 else (18.0, 2.0)
        hour = min(22.0, max(7.0, self.random.gauss(*hump)))
        return day_s + hour * 3600

    def run(self) -> list[float]:
        for day in range(DAYS):
            day_s = day * DAY_S
            for who, habit in enumerate(self.habits):
                if day % 30 == who % 5:
                    self.plan(day_s + self.random.uniform(0, DAY_S / 3), "wage", who)
                visits = self.random.choices((0, 1, 2, 3, 5), (40, 28, 18, 10, 4))[0]
                at_s = self.open_hours(day_s)
                for _ in range(visits):
                    self.plan(at_s, "shop", who)
                    # errands come in runs: the next shop, the next cafe
                    at_s += self.random.lognormvariate(math.log(1200 / habit), 1.2)
            for shop in range(SHOPS):
                self.plan(day_s + 22.5 * 3600 + self.random.uniform(0, 3600), "close", shop)
        while self.queue:
            now_s, _, what, who = heapq.heappop(self.queue)
            getattr(self, f"do_{what}")(now_s, who)
        return self.ages

    def do_wage(self, now_s: float, who: int) -> None:
        wage = self.random.lognormvariate(math.log(2400), 0.3)
        self.pay(now_s, self.employers[who % EMPLOYERS], self.households[who], wage)
        if who % 4 == 0:
            # some people put money aside, in outputs that lie for long
            self.pay(now_s + 5, self.households[who], self.households[who], wage / 5)

    def do_shop(self, now_s: float, who: int) -> None:
        price = self.random.lognormvariate(math.log(14), 1.0)
        self.pay(now_s, self.households[who], self.random.choice(self.shops), price)

    def do_close(self, now_s: float, who: int) -> None:
        """The till is emptied: suppliers, rent and wages are paid out of the day's outputs, sixteen at a time."""
        shop = self.shops[who]
        for _ in range(8):
            takings = sum(value for _, value in sorted(shop.outputs, key=lambda each: -each[1])[:16])
            if len(shop.outputs) < 3 or takings <= 0:
                return
            self.pay(now_s, shop, self.random.choice(self.employers), takings * self.random.uniform(0.7, 0.98))
            now_s += self.random.uniform(20, 200)


def fit(ages: list[float]) -> tuple[float, float]:
    """Shape and rate of the gamma law of ln(age in seconds), by its first two moments, to four decimals."""
    logs = [math.log(max(age, 1.001)) for age in ages]
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum((each - mean) ** 2 for each in logs) / len(logs)
    return round(mean * mean / variance, 4), round(mean / variance, 4)


def gamma_cdf(shape: float, value: float) -> float:
    """The regularised lower incomplete gamma function, by its series."""
    if value <= 0:
        return 0.0
    term = total = 1.0 / shape
    place = shape
    while term > total * 1e-15:
        place += 1.0
        term *= value / place
        total += term
    return min(1.0, total * math.exp(-value + shape * math.log(value) - math.lgamma(shape)))


def weights_of(shape: float, rate: float) -> list[int]:
    """A weight for each bucket; what is younger than the first counts there, what is older than the last there."""
    edges = [math.log(2.0) * OCTAVES * place / BUCKETS for place in range(1, BUCKETS)]
    steps = [0.0, *(gamma_cdf(shape, rate * edge) for edge in edges), 1.0]
    return [max(1, round(TOTAL * (high - low))) for low, high in pairwise(steps)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Fit the start law of decoys.")
    parser.add_argument("--check", action="store_true", help="Compare with the committed table.")
    arguments = parser.parse_args()
    ages = Town(SEED).run()
    shape, rate = fit(ages)
    weights = weights_of(shape, rate)
    if arguments.check:
        from specie.ledger.messages.decoy_law import START_LAW

        same = list(START_LAW) == weights
        print("the committed table is this simulation's" if same else f"differs: {weights}")
        return 0 if same else 1
    print(f"{len(ages)} spends; log-gamma with shape {shape} and rate {rate}")
    print(weights)
    return 0


if __name__ == "__main__":
    sys.exit(main())
