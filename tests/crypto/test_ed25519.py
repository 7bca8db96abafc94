"""Ed25519 under the strict rule: published cases, edge cases, and that a batch answers as its items alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from published import wycheproof
from specie.crypto import ed25519
from specie.crypto.errors import SignatureInvalid, WeakKey, WrongLength
from specie.kernel.clock import SeededRandomness

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19

SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def test_wycheproof() -> None:
    """All 151 cases hold under the strict rule."""
    cases = wycheproof("ed25519_test.json")
    assert len(cases) == 151
    for group, case in cases:
        public = bytes.fromhex(group["publicKey"]["pk"])
        message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
        assert ed25519.is_signature(public, message, signature) == (case["result"] == "valid"), case


def test_wycheproof_in_one_batch() -> None:
    cases = wycheproof("ed25519_test.json")
    answers = ed25519.verify_many(
        [bytes.fromhex(group["publicKey"]["pk"]) for group, _ in cases],
        [bytes.fromhex(case["msg"]) for _, case in cases],
        [bytes.fromhex(case["sig"]) for _, case in cases],
    )
    assert answers == [case["result"] == "valid" for _, case in cases]


# SPEC ISSUANCE-3.4.1
@pytest.mark.parametrize("encoded", SMALL_ORDER)
@pytest.mark.parametrize("sign_bit", [0, 0x80])
def test_keys_of_small_order_are_refused(encoded: str, sign_bit: int) -> None:
    public = bytearray.fromhex(encoded)
    public[31] |= sign_bit
    with pytest.raises(WeakKey):
        ed25519.check_public(bytes(public))


# SPEC ISSUANCE-3.4.1
@pytest.mark.parametrize("y", range(PRIME, 2**255))
def test_every_key_that_is_not_canonical_is_refused(y: int) -> None:
    for sign_bit in (0, 1 << 255):
        with pytest.raises(WeakKey):
            ed25519.check_public((y | sign_bit).to_bytes(32, "little"))


def test_a_key_of_another_length_is_refused() -> None:
    for size in (0, 31, 33):
        with pytest.raises(WeakKey):
            ed25519.check_public(bytes(size))


# SPEC ISSUANCE-3.4.2
def test_s_beyond_the_order_is_refused() -> None:
    key = ed25519.generate_key(SeededRandomness(1))
    signature = key.sign(b"m")
    s = int.from_bytes(signature[32:], "little")
    ed25519.verify(key.public(), b"m", signature)
    for more in (s + ORDER, s + 2 * ORDER, s + 8 * ORDER):
        with pytest.raises(SignatureInvalid):
            ed25519.verify(key.public(), b"m", signature[:32] + more.to_bytes(32, "little"))


# SPEC ISSUANCE-3.4.2
def test_a_point_r_of_small_order_is_refused() -> None:
    """R = identity and S = k·a would satisfy the equation; R of small order is refused all the same."""
    public = ed25519.generate_key(SeededRandomness(2)).public()
    for encoded in SMALL_ORDER:
        with pytest.raises(SignatureInvalid):
            ed25519.verify(public, b"m", bytes.fromhex(encoded) + bytes(32))


# SPEC ISSUANCE-3.4.4
@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 4)), max_size=12))
def test_a_batch_answers_as_its_items_alone(items: list[tuple[bytes, int]]) -> None:
    key, other = ed25519.generate_key(SeededRandomness(3)), ed25519.generate_key(SeededRandomness(4))
    rows = []
    for message, fault in items:
        public, signature = key.public(), key.sign(message)
        if fault == 1:
            signature = signature[:5] + bytes([signature[5] ^ 1]) + signature[6:]
        elif fault == 2:
            public = other.public()
        elif fault == 3:
            signature = signature[:63]
        elif fault == 4:
            public = bytes(32)
        rows.append((public, message, signature))
    publics, messages, signatures = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    answers = ed25519.verify_many(publics, messages, signatures)
    assert answers == [ed25519.is_signature(*row) for row in rows] == [fault == 0 for _, fault in items]


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(WrongLength):
        ed25519.verify_many([bytes(32)], [b"", b""], [bytes(64)])


def test_sign_many_is_sign() -> None:
    key = ed25519.generate_key(SeededRandomness(5))
    messages = [bytes([i]) * i for i in range(50)]
    assert key.sign_many(messages) == [key.sign(message) for message in messages]


def test_a_seed_has_32_bytes() -> None:
    with pytest.raises(WrongLength):
        ed25519.SigningKey.from_seed(bytes(31))
