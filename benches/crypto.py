"""The core, per object: verify, sign, seal, open; in batches of 64 on all cores, beside the same one at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from harness import Result, figure, main

from specie.crypto import cose, ed25519
from specie.crypto.ed25519 import SigningKey
from specie.crypto.x25519 import X25519Secret
from specie.kernel.clock import SystemRandomness

BATCH, BYTES = 64, 500


def per_s(work: Callable[[], object], items: int, seconds: float) -> float:
    """Items per second of work on so many items, run again and again for this long."""
    work()
    begun, rounds = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        work()
        rounds += 1
    return rounds * items / (time.perf_counter() - begun)


async def measure(quick: bool) -> dict[str, Result]:
    seconds = 0.3 if quick else 1.5
    key, secret, randomness = (
        SigningKey.from_seed(os.urandom(32)),
        X25519Secret.from_bytes(os.urandom(32)),
        SystemRandomness(),
    )
    messages = [os.urandom(BYTES) for _ in range(BATCH)]
    signatures = key.sign_many(messages)
    publics = [key.public()] * BATCH
    items = [(message, secret.public(), os.urandom(16)) for message in messages]
    sealed = cose.seal_many(items, randomness)
    one = f"one at a time, {BYTES} bytes"
    many = f"batches of {BATCH} on all cores, {BYTES} bytes"

    def both(name: str, batch: Callable[[], object], single: Callable[[], object]) -> dict[str, Result]:
        alone = per_s(single, 1, seconds)
        return {
            f"{name}_per_s": figure(per_s(batch, BATCH, seconds), "1/s", f"{many}; one at a time: {alone:.0f}/s"),
            f"{name}_single_per_s": figure(alone, "1/s", one),
        }

    return {
        **both(
            "verify",
            lambda: ed25519.verify_many(publics, messages, signatures),
            lambda: ed25519.verify_many(publics[:1], messages[:1], signatures[:1]),
        ),
        **both("sign", lambda: key.sign_many(messages), lambda: key.sign(messages[0])),
        **both("seal", lambda: cose.seal_many(items, randomness), lambda: cose.seal_many(items[:1], randomness)),
        **both(
            "open",
            lambda: cose.open_sealed_many(sealed, secret),
            lambda: cose.open_sealed_many(sealed[:1], secret),
        ),
    }


if __name__ == "__main__":
    main("crypto", measure)
