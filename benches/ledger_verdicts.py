"""Whole transactions from the envelope to the verdict on all cores, as the node judges them, and what a block holds.

Throughput is wall time. Two micro-batches of 64 are in work at once, as the embedded provider has it; every rule of
LEDGER section 7 is judged against the state of a chain, nothing is cached.
"""

# SPEC LEDGER-22.1, LEDGER-22.2
from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from harness import Result, figure, main
from ledger_stock import RING, Till, at_least, size_of, stocked

from ledger.engine.house import House
from specie.crypto import ring
from specie.crypto.transactions import (
    SUITE_HYBRID,
    SUITE_X25519,
    BuiltTransaction,
    EpochKey,
    build_transaction,
    range_proof_bytes,
)
from specie.crypto.trees import SparseTree
from specie.ledger.api import BlockResult
from specie.ledger.engine import facts
from specie.ledger.messages.bulk import CompactBlocks
from specie.ledger.messages.receipts import image_key, value_hash
from specie.ledger.messages.record import BlockRecord

BATCH = 64
BLOCK = 256
CHECKERS = 2
ROUNDS = 12
GIANT = 30
"""The exponent of 2 next above 10^9."""


async def measure(quick: bool) -> dict[str, Result]:
    rounds = 10 if quick else ROUNDS
    house, till = stocked(2 * (BLOCK + 1) + 2 * BATCH + 8)
    two, one = till.build(BLOCK + 1, 2), till.build(2 * BATCH, 1)
    found = {
        **rates("2in2out", house, two[:BLOCK], rounds, 1_600),
        **rates("1in2out", house, one, rounds, 2_400),
    }
    return found | sizes(house, till, two) | proof_sizes()


# -- verdicts


def rates(name: str, house: House, built: list[BuiltTransaction], rounds: int, bar: float) -> dict[str, Result]:
    """Transactions a second: two micro-batches at once, one at a time, and each transaction for itself."""
    frames = [each.envelope for each in built]
    batches = [frames[first : first + BATCH] for first in range(0, len(frames), BATCH)]
    with ThreadPoolExecutor(CHECKERS) as threads:
        begun = time.process_time()
        together = max(per_s(house, batches, threads) for _ in range(rounds))
        cpu_us = (time.process_time() - begun) / rounds / len(frames) * 1e6
    alone = max(per_s(house, batches, None) for _ in range(rounds))
    single = max(per_s(house, [[each] for each in frames[:16]], None) for _ in range(rounds))
    text = f"all {os.cpu_count()} cores, {CHECKERS} batches of {BATCH} at once, best of {rounds}"
    beside = f"one batch at a time {alone:.0f}/s, singly {single:.0f}/s, same run"
    compared = f"{text}, {cpu_us:.0f} us of processor time each; {beside}"
    return {f"verify_tx_per_s_{name}": at_least(together, "1/s", bar, compared)}


def per_s(house: House, batches: list[list[bytes]], threads: ThreadPoolExecutor | None) -> float:
    """One pass over all batches. Raises RuntimeError where a transaction is refused."""
    begun = time.perf_counter()
    check = house.machine.check
    answers = list(threads.map(check, batches)) if threads else [check(batch) for batch in batches]
    taken = time.perf_counter() - begun
    if any(verdict.refusal is not None for answer in answers for verdict in answer):
        raise RuntimeError("a transaction of the bench was refused")
    return sum(len(batch) for batch in batches) / taken


# -- bytes


def sizes(house: House, till: Till, built: list[BuiltTransaction]) -> dict[str, Result]:
    """Bytes of a block of one transaction, and of one of 256: their difference is what each transaction adds."""
    small, large = house.block(built[0].envelope), house.block(*(each.envelope for each in built[1:]))
    for result in (small, large):
        if any(verdict.refusal is not None for verdict in result.verdicts):
            raise RuntimeError("a transaction of the bench was refused")
    record = (len(large.record) - len(small.record)) / (BLOCK - 1)
    proofs = (len(large.proofs) - len(small.proofs)) / (BLOCK - 1)
    public, envelope = built[0].tx_public, built[0].envelope
    hybrid = hybrid_bytes(till)
    each = f"blocks of {BLOCK} and of 1, the difference for each; TxPublic {len(public)} B"
    held = len(BlockRecord.decode(large.record).tx_leaves)
    return {
        "ledger_bytes_2in2out": size_of(record, 630, f"{each}; {held} in the record of {len(large.record)} B"),
        "record_bytes_2in_2out": size_of(record, 630, each),
        "proofs_segment_bytes": size_of(proofs, 716, f"{each}; {len(large.proofs)} B in all"),
        "txpublic_bytes_2in_2out": size_of(len(public), 1334, f"a transaction; its envelope {len(envelope)} B"),
        "envelope_bytes": size_of(len(envelope), 8192, f"suite {SUITE_X25519}; suite {SUITE_HYBRID} {hybrid} B"),
        **compact_sizes(house, large),
        "receipt_bytes": size_of(receipt_bytes(house, large), 750, f"block of {BLOCK} transactions", exactly=False),
    }


def hybrid_bytes(till: Till) -> int:
    """A 2-in 2-out envelope under the hybrid suite."""
    key = EpochKey.generate(SUITE_HYBRID, os.urandom(64))
    plan = till.plans(1, 2, suite=SUITE_HYBRID, epoch_key=key.public())[0]
    return len(build_transaction(till.owner.keys, plan).envelope)


def compact_sizes(house: House, large: BlockResult) -> dict[str, Result]:
    """What a phone loads of the large block, without what stands once for each group and block."""
    read = partial(facts.compact, chain_id=house.chain_id, first=large.height, count=1)
    data = house.database.read_now(read)
    (block,) = CompactBlocks.decode(data).blocks
    once = 16 + 26 + 38 * len(block.groups)
    text = (
        f"{block.count} outputs of {len(block.groups)} groups in {len(data)} B; + 38 B a group, 26 B a block, 16 B once"
    )
    return {"compact_bytes_per_output": size_of((len(data) - once) / block.count, 35, text)}


def receipt_bytes(house: House, large: BlockResult) -> int:
    """The longest receipt of the block."""
    leaves = list(large.positions)
    return max(len(house.database.read_now(lambda tx, leaf=leaf: facts.receipt(tx, leaf))) for leaf in leaves)


def proof_sizes() -> dict[str, Result]:
    """Signatures and proofs whose size follows from the numbers of what they are about."""
    found = {
        "sigma_bytes": size_of(ring.sigma_bytes(RING), 1600, f"a ring of {RING}; of 32 {ring.sigma_bytes(32)} B"),
        "output_proof_bytes": size_of(
            32 * GIANT,
            960,
            f"the longest path of 10^9 outputs, {GIANT} hashes; of 2^20 outputs {32 * 20} B",
            exactly=False,
        ),
    }
    for outputs, size in ((2, 641), (4, 705), (16, 833)):
        length, before = range_proof_bytes(outputs), range_proof_bytes(max(2, outputs // 2))
        compared = f"{outputs} outputs in one proof; {max(2, outputs // 2)} outputs {before} B"
        found[f"range_proof_bytes_{outputs}"] = size_of(length, size, compared)
    return found | key_image_proofs()


def key_image_proofs() -> dict[str, Result]:
    """The mean over a tree of 2^15 images; each doubling adds one sibling, so 10^9 add what lies between."""
    exponent, tree, samples = 15, SparseTree(), 512
    keys = [image_key(number.to_bytes(32, "little")) for number in range(1 << exponent)]
    tree.update([(key, value_hash(bytes(8))) for key in keys])
    mean = sum(len(tree.prove(key)) for key in keys[:samples]) / samples
    absent = [image_key(b"\xff" + number.to_bytes(31, "little")) for number in range(samples)]
    mean_absent = sum(len(tree.prove(key)) for key in absent) / samples
    more = (GIANT - exponent - 0.1) * (32 + 1 / 8)
    return {
        "key_image_proof_bytes": size_of(
            max(mean, mean_absent) + more,
            1_200,
            f"mean at 10^9, from {mean:.0f} B present and {mean_absent:.0f} B absent at 2^{exponent}, same run",
            exactly=False,
        ),
        "key_image_proof_bytes_32k": figure(mean, "B", f"mean of {samples}, present; absent {mean_absent:.0f} B"),
    }


if __name__ == "__main__":
    main("ledger_verdicts", measure)
