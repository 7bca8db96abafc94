"""Replay seeds: python -m tests.simulation_ledger --seed N [--seeds K]. Exit 1 if a story fails."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter

from tests.simulation_ledger.story import tell


def main() -> int:
    parser = argparse.ArgumentParser("tests.simulation_ledger", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=int(os.environ.get("SPECIE_SIM_SEEDS", "1")), help="how many")
    parser.add_argument("--trace", action="store_true", help="print the trace even if all is well")
    options = parser.parse_args()
    begun, failed, total = time.perf_counter(), 0, Counter[str]()
    for seed in range(options.seed, options.seed + options.seeds):
        outcome = tell(seed)
        total.update(outcome.figures)
        if outcome.faults or options.trace:
            print("\n".join(outcome.trace if options.seeds == 1 else outcome.trace[-40:]))
        if outcome.faults:
            failed += 1
            print(f"seed {seed} failed:")
            print("\n".join(f"  {fault}" for fault in outcome.faults[:20]))
            print(f"  replay: {outcome.replay}")
    took = time.perf_counter() - begun
    print(f"{options.seeds} seeds, {failed} failed, {took:.1f} s, {options.seeds / took:.1f} seeds/s")
    print(", ".join(f"{name} {number}" for name, number in total.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
