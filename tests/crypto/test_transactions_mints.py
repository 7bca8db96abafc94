"""Mints and range proofs."""

from __future__ import annotations

import pytest

from crypto.envelopes import CHAIN, MINT, context, town
from specie.crypto import ring
from specie.crypto.errors import BadPlan, BadPoint, Unbalanced, WrongLength
from specie.crypto.transactions import (
    KERNEL_DIFFERS,
    KERNEL_GOOD,
    KERNEL_PROOF_BAD,
    build_mint,
    mint_size,
    range_proof_bytes,
    verify_kernels,
    verify_range_proofs,
)

Proof = tuple[bytes, bytes, bytes]


def minted(values: list[int]) -> tuple[bytes, bytes]:
    """(frame up to and including V, the rest up to sig_E)."""
    head = b"frame" + sum(values).to_bytes(8, "little")
    return head, build_mint(head, CHAIN, MINT, town().keys.address(0, 1), values, town().random.randbytes(64))


def taken_apart(head: bytes, rest: bytes) -> tuple[bytes, bytes, Proof]:
    """(outputs, E, (commitments, proof, bp_ctx))."""
    count = rest[0]
    outputs, kernel = rest[1 : 1 + 267 * count], rest[1 + 267 * count :][:32]
    proof = rest[len(rest) - 64 - range_proof_bytes(count) : -64]
    before = head + rest[: len(rest) - 64 - len(proof) - 2]
    commitments = b"".join(outputs[267 * i + 32 :][:32] for i in range(count))
    return outputs, kernel, (commitments, proof, ring.pl1_hash("bp/ctx", [CHAIN, bytes(32), before]))


@pytest.mark.parametrize(("values", "count"), [([7], 2), ([7, 8], 2), ([1, 2, 3], 4), ([5] * 9, 16)])
def test_a_mint_pays_its_owner(values: list[int], count: int) -> None:
    head, rest = minted(values)
    outputs, kernel, proof = taken_apart(head, rest)
    assert (rest[0], len(rest)) == (count, mint_size(count))
    rows = [outputs[267 * i :][:267] for i in range(count)]
    assert sorted(row[64:96] for row in rows) == [row[64:96] for row in rows]
    owned = town().keys.open([(context(b"\x02", MINT), row, 2, b"") for row in rows])
    assert sorted(one.value for one in owned if one) == sorted([*values, *[0] * (count - len(values))])
    # SPEC LEDGER-9.1.14
    assert ring.group_equation(proof[0], kernel, 0, sum(values), b"")
    assert ring.schnorr_verify("mint/kernel", kernel, [head + rest[:-64]], rest[-64:])
    assert verify_kernels([(outputs, sum(values), kernel, rest[-64:], head + rest[:-64])]) == bytes([KERNEL_GOOD])
    # SPEC LEDGER-9.1.15
    assert verify_range_proofs([proof]) == [True]


# SPEC LEDGER-15.16
def test_kernels_are_judged_one_by_one() -> None:
    head, rest = minted([7, 8])
    outputs, kernel, _ = taken_apart(head, rest)
    signature, core = rest[-64:], head + rest[:-64]
    cases = [
        (KERNEL_GOOD, (outputs, 15, kernel, signature, core)),
        (KERNEL_DIFFERS, (outputs, 16, kernel, signature, core)),
        (KERNEL_DIFFERS, (outputs[:267], 15, kernel, signature, core)),
        (KERNEL_DIFFERS, (b"", 0, bytes(32), signature, core)),
        (KERNEL_DIFFERS, (outputs[:-1], 15, kernel, signature, core)),
        (KERNEL_DIFFERS, (outputs, 15, bytes(32), signature, core)),
        (KERNEL_DIFFERS, (outputs, 15, b"\xff" * 32, signature, core)),
        (KERNEL_DIFFERS, (outputs, 15, b"", signature, core)),
        (KERNEL_PROOF_BAD, (outputs, 15, kernel, signature, core + b"x")),
        (KERNEL_PROOF_BAD, (outputs, 15, kernel, signature[:-1], core)),
        (KERNEL_PROOF_BAD, (outputs, 15, kernel, signature[:32] + b"\xff" * 32, core)),
    ]
    assert list(verify_kernels([case for _, case in cases])) == [expected for expected, _ in cases]


def test_impossible_mints_are_refused() -> None:
    pay, random = town().keys.address(0, 1), bytes(64)
    for refusal, head, values in (
        (Unbalanced, bytes(8), [1]),
        (Unbalanced, b"short", [1]),
        (BadPlan, bytes(8), []),
        (BadPlan, (17).to_bytes(8, "little"), [1] * 17),
        (BadPlan, (1 << 62).to_bytes(8, "little"), [1 << 62]),
    ):
        with pytest.raises(refusal):
            build_mint(head, CHAIN, MINT, pay, values, random)
    head = (1).to_bytes(8, "little")
    with pytest.raises(BadPoint):
        build_mint(head, CHAIN, MINT, b"\xff" * 96, [1], random)
    for call in (
        lambda: build_mint(head, CHAIN, MINT, pay[:95], [1], random),
        lambda: build_mint(head, CHAIN, MINT, pay, [1], bytes(63)),
        lambda: mint_size(3),
        lambda: range_proof_bytes(1),
    ):
        with pytest.raises(WrongLength):
            call()


def moved(commitments: bytes, value: int) -> bytes:
    """The first commitment with this value added."""
    order = 2**252 + 27742317777372353535851937790883648493
    unit = ring.commit(1, bytes(32)) if value == 1 else ring.commit(order - 1 & (1 << 64) - 1, bytes(32))
    return ring.sum_points(commitments[:32] + unit) + commitments[32:]


# SPEC LEDGER-15.12
def test_bad_range_proofs_are_refused() -> None:
    points2, proof2, ctx2 = taken_apart(*minted([7, 8]))[2]
    points4, proof4, ctx4 = taken_apart(*minted([7, 8, 9]))[2]
    flipped = bytearray(proof2)
    flipped[100] ^= 1
    cases = [
        (True, (points2, proof2, ctx2)),
        (True, (points4, proof4, ctx4)),
        (False, (points2, proof2, ctx4)),
        (False, (points4, proof2, ctx2)),
        (False, (points2, proof4, ctx2)),
        (False, (points2[32:] + points2[:32], proof2, ctx2)),
        (False, (moved(points2, 1), proof2, ctx2)),
        (False, (points2[:32], proof2, ctx2)),
        (False, (b"", proof2, ctx2)),
        (False, (b"\xff" * 64, proof2, ctx2)),
        (False, (points2, b"", ctx2)),
        (False, (points2, proof2[:-1], ctx2)),
        (False, (points2, proof2 + b"\x00", ctx2)),
        (False, (points2, b"\x02" + proof2[1:], ctx2)),
        (False, (points2, bytes(flipped), ctx2)),
    ]
    assert verify_range_proofs([case for _, case in cases]) == [expected for expected, _ in cases]
    assert [verify_range_proofs([case])[0] for _, case in cases] == [expected for expected, _ in cases]
    with pytest.raises(WrongLength):
        verify_range_proofs([(points2, proof2, ctx2[:-1])])
    with pytest.raises(WrongLength):
        verify_range_proofs([(points2[:-1], proof2, ctx2)])


def test_a_value_beyond_64_bits_has_no_proof() -> None:
    """2^64 + 7 and -1 as scalars: their commitments do not pass under the proof of their low 64 bits."""
    points, proof, ctx = taken_apart(*minted([7, 8]))[2]
    huge = ring.sum_points(ring.commit((1 << 64) - 1, bytes(32)) + ring.commit(1, bytes(32)))
    beyond = ring.sum_points(points[:32] + huge) + points[32:]
    assert verify_range_proofs([(beyond, proof, ctx), (points, proof, ctx)]) == [False, True]
