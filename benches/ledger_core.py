"""The core and the rules of the ledger on one core: rings, range proofs, envelopes, mints, claims, scanning.

LEDGER-22.2: processor time of one thread, the best of ten or more runs. The pool of the core has one thread here, so
that the time of the process is that of one core.
"""

# SPEC LEDGER-22.1, LEDGER-22.2
from __future__ import annotations

import os

# before the core is loaded: its pool reads this once
os.environ["RAYON_NUM_THREADS"] = "1"

from collections.abc import Sequence
from hashlib import sha512

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from harness import Result, figure, main
from ledger_stock import COIN, RING, Till, at_least, at_most, cpu_us, mint, stocked

from ledger import makers
from ledger.engine.house import EPOCH_SUITE, House, purse
from specie.crypto import ring
from specie.crypto.transactions import (
    SUITE_HYBRID,
    EpochKey,
    build_mint,
    build_transaction,
    mint_size,
    open_envelopes,
    verify_range_proofs,
)
from specie.kernel.clock import SystemRandomness
from specie.ledger.messages.decoy_law import START_LAW
from specie.ledger.messages.escrow import EscrowType
from specie.ledger.messages.frames import Frame, OpType, frame_head
from specie.ledger.messages.state import Domain
from specie.ledger.wallet.decoys import Chooser, Extent, Log
from tests.crypto.ring_cases import ORDER, minus, scalar
from tests.ledger.escrow.makers import START_MS, Channel

BATCH = 64
SCANNED = 4_096
TIMES = 15


async def measure(quick: bool) -> dict[str, Result]:
    times = 10 if quick else TIMES
    bases = plain_us()
    house, till = stocked(2 * BATCH + BATCH + 16 + 8)
    return {
        **rings(bases, times, large=not quick),
        **range_proofs(house, till, times),
        **envelopes(house, till, times),
        **wallets(till, bases, times),
        **public_operations(house, bases, times),
    }


def plain_us() -> dict[str, float]:
    """What single operations cost in this run: our group, and OpenSSL's curve for a common measure."""
    mask, wide = scalar("mask"), sha512(b"point").digest()
    secret, peer = X25519PrivateKey.generate(), X25519PrivateKey.generate().public_key()
    signer = Ed25519PrivateKey.generate()
    signature, public = signer.sign(wide), signer.public_key()
    many = range(50)
    return {
        "base": cpu_us(lambda: [ring.commit(0, mask) for _ in many], len(many)),
        "map": cpu_us(lambda: [ring.ristretto_map(wide) for _ in many], len(many)),
        "x25519": cpu_us(lambda: [secret.exchange(peer) for _ in many], len(many)),
        "ed25519": cpu_us(lambda: [public.verify(signature, wide) for _ in many], len(many)),
    }


# -- rings


def claims(count: int, size: int) -> list[ring.Claim]:
    """Valid signatures over one ring, each with a pseudo-output and a message of its own."""
    keys = [scalar(("x", place)) for place in range(size)]
    masks = [scalar(("b", place)) for place in range(size)]
    points = b"".join(ring.commit(0, x) + ring.commit(COIN, b) for x, b in zip(keys, masks, strict=True))
    members, indices, found = ring.RingMembers(points), list(range(7, 7 + size)), []
    for number in range(count):
        real, mask, message = number % size, scalar(("b'", number)), sha512(b"%d" % number).digest()
        pseudo, k_ring = ring.commit(COIN, mask), message[:32]
        secrets = keys[real], minus(masks[real], mask), os.urandom(64)
        sigma, image = ring.clsag_sign(message, k_ring, 0, indices, members, pseudo, real, *secrets)
        found.append((message, k_ring, 0, indices, members, pseudo, image, sigma))
    return found


def batch_us(given: Sequence[ring.Claim], times: int) -> float:
    """Microseconds for each input of one batch."""
    random = os.urandom(32)
    if not all(ring.clsag_verify_batch(given, random)):
        raise RuntimeError("a signature of the bench does not verify")
    return cpu_us(lambda: ring.clsag_verify_batch(given, random), len(given), times)


def rings(bases: dict[str, float], times: int, *, large: bool) -> dict[str, Result]:
    """CLSAG-X: single, in batches, and the classic form beside it."""
    given = claims(1024 if large else BATCH, RING)
    classic = cpu_us(lambda: ring.clsag_verify_classic(given[0]), 1, times)
    single = cpu_us(lambda: ring.clsag_verify(given[0]), 1, times)
    batch = batch_us(given[:BATCH], times)
    message, k_ring, _, indices, members, pseudo, _, _ = given[0]
    secrets = scalar(("x", 0)), minus(scalar(("b", 0)), scalar(("b'", 0))), os.urandom(64)
    sign = cpu_us(lambda: ring.clsag_sign(message, k_ring, 0, indices, members, pseudo, 0, *secrets), 1, times)
    beside = f"classic c_1 form {classic:.0f} us, OpenSSL ed25519 verify {bases['ed25519']:.1f} us, same run"
    alone = f"single {single:.0f} us, {beside}"
    found = {
        "clsag_x_batch_us_per_input": at_most(batch, "us", 320, f"one batch of {BATCH}; {alone}"),
        "clsag_x_single_us": at_most(single, "us", 400, f"members cached; batch of {BATCH} {batch:.0f} us; {beside}"),
        "clsag_x16_batch64_input": at_most(batch, "us", 320, alone),
        "clsag16_verify_single": at_most(single, "us", 400, beside),
        "clsag16_classic_verify": figure(classic, "us", f"members cached; CLSAG-X single {single:.0f} us, same run"),
        "clsag16_sign": at_most(sign, "us", 1_550, f"verify of the same ring {single:.0f} us, same run"),
        "ristretto_base_mul_us": figure(
            bases["base"], "us", f"table, encoded; OpenSSL x25519 {bases['x25519']:.1f} us, same run"
        ),
        "ristretto_map_us": figure(bases["map"], "us", f"64 bytes to a point, encoded; base {bases['base']:.1f} us"),
    }
    if large:
        more = batch_us(given, 10)
        found["clsag_x16_batch1024_input"] = at_most(more, "us", 310, f"batch of {BATCH} {batch:.0f} us, same run")
    for size, bar in ((32, 600), (64, 1_220)):
        wide = batch_us(claims(BATCH, size), 10)
        compared = f"ring of {RING} {batch:.0f} us, same run"
        found[f"clsag_x{size}_batch_input"] = at_most(wide, "us", bar, compared)
    return found


# -- range proofs

Proven = tuple[bytes, bytes, bytes]


def proven(house: House, till: Till, count: int, outputs: int) -> list[Proven]:
    """(commitments, proof, context) of transactions of one input."""
    key = house.keys.keys[till.ground.epoch]
    built = [(key, till.ground.epoch, each.envelope) for each in till.build(count, 1, outputs)]
    opened = [each for each in open_envelopes(house.chain_id, built, RING) if not isinstance(each, str)]
    return [(b"".join(out[32:64] for out in each.outputs), each.range_proof, each.bp_ctx) for each in opened]


def proof_us(items: list[Proven], times: int) -> float:
    if not all(verify_range_proofs(items)):
        raise RuntimeError("a range proof of the bench does not verify")
    return cpu_us(lambda: verify_range_proofs(items), len(items), times)


def range_proofs(house: House, till: Till, times: int) -> dict[str, Result]:
    """Bulletproofs+ alone and in batches of 64. The ledger has proofs of 2, 4, 8 and 16 outputs."""
    two = proven(house, till, 8, 2) * (BATCH // 8)
    single = proof_us(two[:1], times)
    batch = proof_us(two, times)
    compared = f"alone {single:.0f} us, same run"
    found = {
        "bp_plus_batch_us_2out": at_most(batch, "us", 320, f"one batch of {BATCH}; {compared}"),
        "bpp_2_batch64_verify": at_most(batch, "us", 320, compared),
        "bpp_2_single_verify": at_most(single, "us", 1_150, f"in a batch of {BATCH} {batch:.0f} us, same run"),
    }
    for outputs, bar in ((4, 530), (16, 1_650)):
        items = proven(house, till, 4, outputs) * (BATCH // 4)
        name = f"bpp_{outputs}_batch_verify"
        found[name] = at_most(proof_us(items, 10), "us", bar, f"2 outputs {batch:.0f} us, same run")
    start, pay = bytes(100), purse("payee").pay
    prove = cpu_us(
        lambda: build_mint(start, house.chain_id, bytes(32), pay, [1, 2], os.urandom(64)), 1, times
    )  # fmt: skip
    outputs = cpu_us(lambda: [ring.make_output(pay, bytes(32), 5, bytes(16), bytes(128)) for _ in range(2)], 1, times)
    text = f"a mint's proof with its kernel, {outputs:.0f} us for its 2 outputs subtracted; verify {single:.0f} us"
    return found | {"bpp_2_prove": at_most(prove - outputs, "us", 7_600, text)}


# -- envelopes and whole transactions


def sealed(suite: int) -> tuple[EpochKey, bytes]:
    """An epoch key, and a junk plaintext sealed to it by OpenSSL: it opens, and does not parse."""
    key = EpochKey.generate(suite, os.urandom(64))
    return key, b""


def open_us(house: House, till: Till, suite: int, times: int) -> float:
    """One envelope of 8 KiB: HPKE, parsing, and the decoding of its points."""
    key = EpochKey.generate(suite, os.urandom(64))
    plan = till.plans(1, 2, suite=suite, epoch_key=key.public())[0]
    envelope = build_transaction(till.owner.keys, plan).envelope
    items = [(key, till.ground.epoch, envelope)]
    if isinstance(open_envelopes(house.chain_id, items, RING)[0], str):
        raise RuntimeError("an envelope of the bench does not open")
    return cpu_us(lambda: open_envelopes(house.chain_id, items, RING), 1, times)


def openssl_open_us(times: int) -> float:
    """The same size by `cryptography`: X25519, HKDF-SHA256, ChaCha20-Poly1305, one shot."""
    secret = X25519PrivateKey.generate()
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    data = suite.encrypt(bytes(8192 - 48), secret.public_key())
    return cpu_us(lambda: suite.decrypt(data, secret), 1, times)
