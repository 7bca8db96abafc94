"""X25519 against the published cases."""

import pytest

from published import wycheproof
from specie.crypto.errors import WeakKey, WrongLength
from specie.crypto.x25519 import X25519Secret, generate_secret
from specie.kernel.clock import SeededRandomness

ZERO = bytes(32)


def test_wycheproof() -> None:
    """All 518 cases: the shared secret is right, and a secret of zero is refused."""
    cases = wycheproof("x25519_test.json")
    assert len(cases) == 518
    for _, case in cases:
        secret, public = (
            X25519Secret.from_bytes(bytes.fromhex(case["private"])),
            bytes.fromhex(case["public"]),
        )
        shared = bytes.fromhex(case["shared"])
        if shared == ZERO:
            with pytest.raises(WeakKey):
                secret.exchange(public)
        else:
            assert secret.exchange(public) == shared, case


def test_both_sides_agree() -> None:
    randomness = SeededRandomness(1)
    one, two = generate_secret(randomness), generate_secret(randomness)
    assert one.exchange(two.public()) == two.exchange(one.public())


def test_lengths_are_checked() -> None:
    with pytest.raises(WrongLength):
        X25519Secret.from_bytes(bytes(31))
    with pytest.raises(WrongLength):
        X25519Secret.from_bytes(b"1" * 32).exchange(bytes(33))
