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
from hashlib import sha256, sha512

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from harness import Result, figure, main
from ledger_stock import COIN, RING, Till, at_least, at_most, cpu_us, stocked

from ledger.engine.house import EPOCH_SUITE, House, purse
from specie.crypto import bip340, ring
from specie.crypto import hpke as own_hpke
from specie.crypto.transactions import (
    SUITE_HYBRID,
    SUITE_X25519,
    EpochKey,
    build_mint,
    build_transaction,
    open_envelopes,
    verify_range_proofs,
)
from specie.kernel.clock import SystemRandomness
from specie.ledger.messages.decoy_law import START_LAW
from specie.ledger.messages.escrow import Claim
from specie.ledger.messages.state import Domain
from specie.ledger.wallet.decoys import Chooser, Extent, Log
from tests.crypto.ring_cases import minus, scalar
from tests.ledger.escrow.makers import START_MS, Channel

BATCH = 64
SCANNED = 4_096
SEALED_BYTES = 4_600
TIMES = 15


async def measure(quick: bool) -> dict[str, Result]:
    times = 10 if quick else TIMES
    bases = plain_us()
    house, till = stocked(3 * BATCH + 24)
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
    members, indices = ring.RingMembers(points), list(range(7, 7 + size))
    found: list[ring.Claim] = []
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
    single = batch_us(given[:1], times)
    by_equations = cpu_us(lambda: ring.clsag_verify(given[0]), 1, times)
    batch = batch_us(given[:BATCH], times)
    message, k_ring, _, indices, members, pseudo, _, _ = given[0]
    secrets = scalar(("x", 0)), minus(scalar(("b", 0)), scalar(("b'", 0))), os.urandom(64)
    sign = cpu_us(lambda: ring.clsag_sign(message, k_ring, 0, indices, members, pseudo, 0, *secrets), 1, times)
    beside = f"classic c_1 form {classic:.0f} us, OpenSSL ed25519 verify {bases['ed25519']:.1f} us, same run"
    alone = f"single {single:.0f} us, {beside}"
    found = {
        "clsag_x_batch_us_per_input": at_most(batch, "us", 320, f"one batch of {BATCH}; {alone}"),
        "clsag_x_single_us": at_most(
            single, "us", 400, f"a batch of one, members cached; batch of {BATCH} {batch:.0f} us; {beside}"
        ),
        "clsag_x16_batch64_input": at_most(batch, "us", 320, alone),
        "clsag16_verify_single": at_most(single, "us", 400, beside),
        "clsag16_classic_verify": figure(classic, "us", f"members cached; CLSAG-X single {single:.0f} us, same run"),
        "clsag_x_equations_us": figure(by_equations, "us", f"the equations one by one; as one sum {single:.0f} us"),
        "clsag16_sign": at_most(sign, "us", 1_550, f"verify of the same ring {single:.0f} us, same run"),
        "commit_us": figure(
            bases["base"], "us", f"b G + v H, encoded; OpenSSL x25519 {bases['x25519']:.1f} us, same run"
        ),
        "ristretto_map_us": figure(
            bases["map"], "us", f"64 bytes to a point, encoded; a commitment {bases['base']:.1f} us"
        ),
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
    start, pay = bytes(100) + (3).to_bytes(8, "little"), purse("payee").pay
    prove = cpu_us(
        lambda: build_mint(start, house.chain_id, bytes(32), pay, [1, 2], os.urandom(64)), 1, times
    )  # fmt: skip
    made = cpu_us(lambda: [ring.make_output(pay, bytes(32), 5, bytes(16), bytes(128)) for _ in range(2)], 1, times)
    text = f"a mint's proof with its kernel, {made:.0f} us for its 2 outputs subtracted; verify {single:.0f} us"
    return found | {"bpp_2_prove": at_most(prove - made, "us", 7_600, text)}


# -- envelopes and whole transactions


def hpke_x25519_us(times: int) -> tuple[float, float]:
    """4.6 KB: (ours with the epoch's header and info, `cryptography` in one shot). What ours opens does not parse."""
    key, chain_id = EpochKey.generate(EPOCH_SUITE, os.urandom(64)), bytes(32)
    head = b"PLX1" + bytes((EPOCH_SUITE,)) + (1).to_bytes(4, "little") + sha256(key.public()).digest()[:8]
    info = b"PL1/env" + chain_id + (1).to_bytes(4, "little")
    share, context = own_hpke.setup_sender(key.public(), info, SystemRandomness())
    items = [(key, 1, head + share + context.seal(head, b"\xff" * SEALED_BYTES))]
    if open_envelopes(chain_id, items, RING) != ["V-3"]:
        raise RuntimeError("junk under the epoch's key should open, and not parse")
    ours = cpu_us(lambda: [open_envelopes(chain_id, items, RING) for _ in range(10)], 10, times)
    return ours, openssl_open_us(hpke.KEM.X25519, X25519PrivateKey.generate(), times)


def openssl_open_us(kem: hpke.KEM, secret: X25519PrivateKey | hpke.MLKEM768X25519PrivateKey, times: int) -> float:
    """The same size by `cryptography`, with HKDF-SHA256 and ChaCha20-Poly1305, in one shot."""
    suite = hpke.Suite(kem, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    data = suite.encrypt(bytes(SEALED_BYTES), secret.public_key())
    return cpu_us(lambda: [suite.decrypt(data, secret) for _ in range(10)], 10, times)


def open_us(house: House, till: Till, suite: int, times: int) -> float:
    """One envelope of 8 KiB: HPKE, parsing, and the decoding of all its points."""
    key = EpochKey.generate(suite, os.urandom(64))
    plan = till.plans(1, 2, suite=suite, epoch_key=key.public())[0]
    items = [(key, till.ground.epoch, build_transaction(till.owner.keys, plan).envelope)]
    if isinstance(open_envelopes(house.chain_id, items, RING)[0], str):
        raise RuntimeError("an envelope of the bench does not open")
    return cpu_us(lambda: open_envelopes(house.chain_id, items, RING), 1, times)


def envelopes(house: House, till: Till, times: int) -> dict[str, Result]:
    """Opening, and whole transactions from the envelope to the verdict in a batch of 64."""
    x25519, openssl = hpke_x25519_us(times)
    opened, opened_hybrid = (open_us(house, till, suite, times) for suite in (SUITE_X25519, SUITE_HYBRID))
    secret = hpke.MLKEM768X25519PrivateKey(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())
    openssl_hybrid = openssl_open_us(hpke.KEM.MLKEM768_X25519, secret, times)
    hybrid = x25519 + opened_hybrid - opened
    found = {
        "hpke_x25519_open": at_most(x25519, "us", 40, f"4.6 KB; OpenSSL {openssl:.1f} us, same run"),
        "hpke_hybrid_open": at_most(
            hybrid,
            "us",
            60,
            f"X25519 and the difference of two whole openings, 8 KiB; OpenSSL {openssl_hybrid:.1f} us, same run",
        ),
        "envelope_open_us": figure(opened, "us", f"8 KiB, 2-in 2-out, parsed, points decoded; HPKE {x25519:.1f} us"),
        "envelope_open_hybrid_us": figure(opened_hybrid, "us", f"the same; under X25519 {opened:.0f} us, same run"),
    }
    return found | {
        "tx_2in_2out_verify": verified(house, till, 2, 1_000),
        "tx_1in_2out_verify": verified(house, till, 1, 700),
    }


def verified(house: House, till: Till, inputs: int, bar: float) -> Result:
    """One transaction of a batch of 64: all rules of section 7 against the state of the chain."""
    batch, check = [each.envelope for each in till.build(BATCH, inputs)], house.machine.check
    if any(verdict.refusal is not None for verdict in check(batch)):
        raise RuntimeError("a transaction of the bench was refused")
    taken = cpu_us(lambda: check(batch), BATCH, 10)
    alone = cpu_us(lambda: check(batch[:1]), 1, 10)
    return at_most(taken, "us", bar, f"envelope to verdict, batch of {BATCH}, one core; alone {alone:.0f} us, same run")


# -- wallets


def wallets(till: Till, bases: dict[str, float], times: int) -> dict[str, Result]:
    """Signing, sending, scanning."""
    keys = till.owner.keys
    plan = till.plans(1, 2)[0]
    sign = cpu_us(lambda: build_transaction(keys, plan), 1, times)
    chooser = Chooser(log_of(till), START_LAW, RING, 1, SystemRandomness())
    real = len(till.ground.outputs) - 1
    choose = cpu_us(lambda: [chooser.ring(real, 0, ()) for _ in range(2)], 1, times)
    points = b"".join(ring.pl1_point("gen/R", [number.to_bytes(4, "little")]) + b"\0\0\0" for number in range(SCANNED))
    groups = [(bytes(32), points)]
    scan = cpu_us(lambda: keys.detect(groups), SCANNED, 10)
    base = f"one core, constant time; a commitment {bases['base']:.1f} us"
    text = f"{base}, OpenSSL x25519 {bases['x25519']:.1f} us, same run"
    return {
        "sign_ms_2in2out": figure(sign / 1e3, "ms", f"plan to envelope, one core; decoys {choose / 1e3:.2f} ms"),
        "wallet_send_2in_2out": at_most(
            (sign + choose) / 1e3, "ms", 15, f"decoys to envelope, of it decoys {choose / 1e3:.2f} ms, one core"
        ),
        "scan_outputs_per_s": at_least(1e6 / scan, "1/s", 40_000, text),
        "wallet_scan_outputs": at_least(1e6 / scan, "1/s", 40_000, text),
    }


def log_of(till: Till) -> Log:
    """A log of an hour's blocks that hold the stock."""
    size, per_block = len(till.ground.outputs), 16
    blocks = [
        Extent(height, 200 * height, first, min(per_block, size - first), 0)
        for height, first in enumerate(range(0, size, per_block))
    ]
    return Log(blocks, blocks[-1].height, blocks[-1].time_ms + 3_600_000)


# -- public operations


def public_operations(house: House, bases: dict[str, float], times: int) -> dict[str, Result]:
    """A mint of four units alone, and the claim of one lane, each with all of its rules."""
    frame = house.mint(purse("payee"), 1_000_000, ((1_000, 2), (500, 1), (250, 1)))
    check = house.machine.check
    if check([frame])[0].refusal is not None:
        raise RuntimeError("the mint of the bench was refused")
    mint = cpu_us(lambda: check([frame]), 1, times)
    channel = Channel.of()
    books = channel.opened()
    claim = channel.claiming(channel.claim(0, 1, 400))
    body, place = claim.encode(), (Domain.ESCROW, channel.cid)
    opened = books.entries[place]

    def apply() -> None:
        for _ in range(10):
            books.entries[place] = opened
            books.send(claim.number, body, START_MS + 60_000)

    claimed = cpu_us(apply, 10, times)
    one = cpu_us(lambda: [is_one_good(channel, claim) for _ in range(10)], 10, times)
    return {
        "mint_verify": at_most(
            mint / 1e3, "ms", 1.5, f"4 units, 2 outputs, alone; OpenSSL ed25519 verify {bases['ed25519']:.1f} us"
        ),
        "escrow_claim_verify": at_most(
            claimed / 1e3, "ms", 0.2, f"1 lane, 2 signatures; one BIP-340 verify {one:.1f} us, same run"
        ),
    }


def is_one_good(channel: Channel, claim: Claim) -> bool:
    return bip340.verify_many([channel.vendor.public], [claim.digest], [claim.signature])[0]


if __name__ == "__main__":
    main("ledger_core", measure)
