"""Ring signatures: what single verification rejects, and that a batch answers the same. Spec: LEDGER section 5, 15."""

import random
from dataclasses import replace
from typing import Any

import pytest

from crypto.ring_cases import ORDER, Signed, minus, scalar, signed
from published import published_json
from specie.crypto import ring
from specie.crypto.errors import BadPoint, BadScalar, WrongLength

ZEROS = bytes(32)
OS_BYTES = b"r" * 32


def is_accepted(case: Signed) -> bool:
    """What single verification says; the batch of one must agree."""
    alone = ring.clsag_verify(case.claim())
    assert ring.clsag_verify_batch([case.claim()], OS_BYTES) == [alone]
    return alone


# SPEC LEDGER-5.4.1
@pytest.mark.parametrize("size", [1, 2, 11, 16, 32, 64])
def test_a_signature_is_accepted(size: int) -> None:
    case = signed(1, size, size // 2)
    assert len(case.sigma) == ring.sigma_bytes(size)
    assert is_accepted(case)
    assert ring.clsag_verify_classic(case.claim())
    members = ring.RingMembers(case.members)
    assert len(members) == size
    message, k_ring, number, indices, _, pseudo, image, sigma = case.claim()
    decoded = (message, k_ring, number, indices, members, pseudo, image, sigma)
    assert ring.clsag_verify_batch([decoded], OS_BYTES) == [True]


def test_the_key_image_is_that_of_the_key_alone() -> None:
    """Several rings, one key: one key image, by which the second spend is seen."""
    images = {signed(1, size, 0).key_image for size in (2, 11, 16)}
    assert len(images) == 1
    assert images.isdisjoint({signed(1, 2, 1).key_image, signed(2, 2, 0).key_image})


# SPEC LEDGER-15.9, LEDGER-15.19
def test_a_changed_statement_is_rejected() -> None:
    case, other = signed(1), signed(2)
    for changed in (
        replace(case, message=other.message),
        replace(case, k_ring=other.k_ring),
        replace(case, input_no=4),
        replace(case, indices=other.indices),
        replace(case, members=other.members),
        replace(case, pseudo=other.pseudo),
        replace(case, key_image=other.key_image),
    ):
        assert not is_accepted(changed)


# SPEC LEDGER-15.9
def test_any_changed_byte_of_the_signature_is_rejected() -> None:
    case = signed(1, 4, 2)
    for place, byte in enumerate(case.sigma):
        assert not is_accepted(case.with_sigma(place, bytes([byte ^ 1 << (place % 8)]))), place


# SPEC LEDGER-15.2, LEDGER-15.3
def test_bad_encodings_in_every_field_are_rejected() -> None:
    texts = published_json("ledger/ristretto255/rfc9496.json")["A2_bad_encodings"]
    case = signed(1, 4, 2)
    for point in [*(bytes.fromhex(text) for text in texts), ZEROS]:
        assert not is_accepted(replace(case, key_image=point))
        assert not is_accepted(replace(case, pseudo=point))
        for place in (32, *range(64 + 4 * 32, ring.sigma_bytes(4), 32)):
            assert not is_accepted(case.with_sigma(place, point)), place
        for place in range(0, len(case.members), 32):
            members = case.members[:place] + point + case.members[place + 32 :]
            assert not is_accepted(replace(case, members=members))
            with pytest.raises(BadPoint):
                ring.RingMembers(members)


# SPEC LEDGER-15.5
def test_scalars_that_are_not_canonical_are_rejected() -> None:
    case = signed(1, 4, 2)
    for place in (0, 64, 96, 128, 160):
        number = int.from_bytes(case.sigma[place : place + 32], "little") + ORDER
        assert not is_accepted(case.with_sigma(place, number.to_bytes(32, "little")))


# SPEC LEDGER-15.6
def test_indices_ascend_strictly() -> None:
    case = signed(1, 4, 2)
    a, b, c, d = case.indices
    for indices in ((a, b, b, d), (b, a, c, d), (d, c, b, a)):
        assert not is_accepted(replace(case, indices=indices))


# SPEC LEDGER-15.7
def test_lengths_must_agree() -> None:
    case, longer = signed(1, 4, 2), signed(1, 5, 2)
    assert not is_accepted(replace(case, sigma=longer.sigma))
    assert not is_accepted(replace(case, members=longer.members))
    assert not is_accepted(replace(case, indices=longer.indices))
    for field in ("message", "k_ring", "pseudo", "key_image", "sigma", "members"):
        parts: dict[str, Any] = {field: getattr(case, field)[:-1]}
        wrong = replace(case, **parts)
        with pytest.raises(WrongLength):
            ring.clsag_verify(wrong.claim())
        with pytest.raises(WrongLength):
            ring.clsag_verify_batch([case.claim(), wrong.claim()], OS_BYTES)
    for members in (b"", case.members * 17):
        with pytest.raises(WrongLength):
            ring.RingMembers(members)
    with pytest.raises(WrongLength):
        ring.clsag_verify_batch([], b"short")


# SPEC LEDGER-15.10
def test_the_pseudo_output_is_no_commitment_of_the_ring() -> None:
    """D would be the identity and name the real member; any other member is refused as well."""
    case = signed(1, 4, 2)
    assert not is_accepted(replace(case, pseudo=case.members[96:128]))
    x, real = scalar((1, "x", 2)), case.members[160:192]
    made = ring.clsag_sign(case.message, case.k_ring, 3, list(case.indices), case.members, real, 2, x, ZEROS, bytes(64))
    assert not is_accepted(replace(case, pseudo=real, sigma=made[0]))


def test_a_signer_without_the_secrets_gets_nothing_valid() -> None:
    case = signed(1, 4, 2)
    x, z = scalar((1, "x", 2)), minus(scalar((1, "b", 2)), scalar((1, "b'")))

    def sign(real: int, x: bytes, z: bytes) -> Signed:
        parts = (case.message, case.k_ring, 3, list(case.indices), case.members, case.pseudo)
        sigma, image = ring.clsag_sign(*parts, real, x, z, bytes(64))
        return replace(case, sigma=sigma, key_image=image)

    assert is_accepted(sign(2, x, z))
    assert not is_accepted(sign(1, x, z))
    assert not is_accepted(sign(2, scalar("other"), z))
    assert not is_accepted(sign(2, x, scalar("other")))
    with pytest.raises(BadScalar):
        sign(2, b"\xff" * 32, z)
    with pytest.raises(WrongLength):
        sign(4, x, z)


# SPEC LEDGER-2.9
def test_nonces_depend_on_secret_context_and_randomness() -> None:
    """The same call twice gives the same bytes; any change gives another L in every place."""
    case = signed(1, 4, 2)
    x, z = scalar((1, "x", 2)), minus(scalar((1, "b", 2)), scalar((1, "b'")))

    def points(message: bytes, random: bytes, z: bytes = z) -> set[bytes]:
        parts = (message, case.k_ring, 3, list(case.indices), case.members, case.pseudo)
        sigma, _ = ring.clsag_sign(*parts, 2, x, z, random)
        return {sigma[at : at + 32] for at in range(64 + 4 * 32, len(sigma), 32)}

    first = points(case.message, bytes(64))
    assert points(case.message, bytes(64)) == first
    for other in (
        points(b"m" * 64, bytes(64)),
        points(case.message, b"\1" * 64),
        points(case.message, bytes(64), scalar("z")),
    ):
        assert first.isdisjoint(other)
    # Half of the randomness is for the nonce, half for the other responses.
    assert first.isdisjoint(points(case.message, b"\1" + bytes(63)))


# SPEC LEDGER-5.5.1, LEDGER-5.5.3, LEDGER-15.21
def test_a_batch_answers_as_single_verification_does() -> None:
    """Mixes of good and bad, some bad only in their equations; every answer is that of single verification."""
    good = [signed(seed, 2 + seed % 3, 1) for seed in range(8)]
    equations = [case.with_sigma(64, scalar(("s", number))) for number, case in enumerate(good)]
    glue = [case.with_sigma(0, scalar(("c", number))) for number, case in enumerate(good)]
    cases = [*good, *equations, *glue, good[0].with_sigma(32, ZEROS)]
    claims = [case.claim() for case in cases]
    expected = [ring.clsag_verify(claim) for claim in claims]
    assert expected == [True] * 8 + [False] * 17
    dice = random.Random(5)
    for _ in range(80):
        weights = dice.choice([(30, 1, 1), (1, 1, 1), (1, 0, 0), (0, 1, 0)])
        spread = [weights[0]] * 8 + [weights[1]] * 8 + [weights[2]] * 9
        picked = dice.choices(range(len(cases)), spread, k=dice.choice([1, 2, 3, 63, 64, 65, 130]))
        answers = ring.clsag_verify_batch([claims[at] for at in picked], dice.randbytes(32))
        assert answers == [expected[at] for at in picked]
    assert ring.clsag_verify_batch([], OS_BYTES) == []
