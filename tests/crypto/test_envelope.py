"""Envelopes: opened against a hand-made HPKE, refused when anything is changed."""

import pickle

import pytest

from crypto.envelopes import CHAIN, EPOCH, RING_SIZE, open_by_hand, plaintext_of, seal, secret_of, town
from specie.crypto.errors import OpenFailed, WrongHeader, WrongLength
from specie.crypto.transactions import EpochKey, OpenedTransaction, open_envelopes


def answer(envelope: bytes, suite: int = 1, epoch: int = EPOCH, chain: bytes = CHAIN) -> str:
    """The rule that refuses an envelope, or "opened"."""
    (found,) = open_envelopes(chain, [(town().epoch[suite], epoch, envelope)], RING_SIZE)
    return found if isinstance(found, str) else "opened"


def parts() -> tuple[bytes, bytes]:
    public, private, _ = open_by_hand(town().build([3], portable=True).envelope)
    return public, private


@pytest.mark.parametrize("suite", [1, 2])
def test_an_envelope_made_by_hand_opens(suite: int) -> None:
    """Key agreement, key schedule, header and padding by another implementation of the same text."""
    public, private = parts()
    envelope = seal(suite, plaintext_of(public, private, suite))
    assert len(envelope) == 8192
    (opened,) = open_envelopes(CHAIN, [(town().epoch[suite], EPOCH, envelope)], RING_SIZE)
    assert isinstance(opened, OpenedTransaction)
    assert (opened.tx_public, opened.flags, opened.static_faults()) == (public, 1, [])


# SPEC LEDGER-15.18
@pytest.mark.parametrize("suite", [1, 2])
def test_a_changed_envelope_does_not_open(suite: int) -> None:
    envelope = town().build([3], suite=suite).envelope
    assert answer(envelope, suite) == "opened"
    step = 8 * 61
    items = []
    for at in [*range(17 * 8), *range(17 * 8, 8 * len(envelope), step)]:
        bad = bytearray(envelope)
        bad[at // 8] ^= 1 << at % 8
        items.append((town().epoch[suite], EPOCH, bytes(bad)))
    assert set(open_envelopes(CHAIN, items, RING_SIZE)) == {"V-2"}
    for cut in (b"", envelope[:16], envelope[:17], envelope[:-1], envelope + b"\x00"):
        assert answer(cut, suite) == "V-2"
    assert answer(envelope, suite, EPOCH + 1) == "V-2"
    assert answer(envelope, suite, chain=b"D" * 32) == "V-2"
    assert answer(envelope, 3 - suite) == "V-2"


# SPEC LEDGER-6.3.1
# SPEC LEDGER-6.3.3
# SPEC LEDGER-15.20
def test_padding_and_class_are_strict() -> None:
    public, private = parts()
    good = plaintext_of(public, private)
    assert answer(seal(1, good)) == "opened"
    assert answer(seal(1, good[:-1] + b"\x01")) == "V-3"
    assert answer(seal(1, plaintext_of(public, private, size=16384))) == "V-3"
    assert answer(seal(1, plaintext_of(public, private + b"\x00"))) == "V-3"
    assert answer(seal(1, plaintext_of(public + b"\x00", private))) == "V-3"
    assert answer(seal(1, (1 << 31).to_bytes(4, "little") + good[4:])) == "V-3"
    assert answer(seal(1, b"")) == "V-3"
    for size in (3, 4, 100):
        assert answer(seal(1, good[:size])) == "V-3"


# SPEC LEDGER-6.3.2
def test_every_envelope_has_a_share_of_its_own() -> None:
    shares = {town().build([3]).envelope[17:49] for _ in range(4)}
    assert len(shares) == 4


@pytest.mark.parametrize("suite", [1, 2])
def test_wrapped_keys(suite: int) -> None:
    key = EpochKey.generate(suite, b"r" * 64)
    assert (key.suite, len(key.public())) == (suite, {1: 32, 2: 1216}[suite])
    wrapped = key.wrap(b"k" * 32, b"n" * 32)
    again = EpochKey.unwrap(suite, wrapped, b"k" * 32)
    assert (again.public(), secret_of(again)) == (key.public(), secret_of(key))
    for other in ((3 - suite, wrapped, b"k" * 32), (suite, wrapped, b"l" * 32), (suite, wrapped[:-1], b"k" * 32)):
        with pytest.raises(OpenFailed):
            EpochKey.unwrap(*other)
    for at in range(len(wrapped)):
        with pytest.raises(OpenFailed):
            EpochKey.unwrap(suite, wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :], b"k" * 32)
    for bad in ((b"k" * 31, b"n" * 32), (b"k" * 32, b"n" * 11)):
        with pytest.raises(WrongLength):
            key.wrap(*bad)


def test_keys_are_made_with_care() -> None:
    with pytest.raises(WrongHeader):
        EpochKey.generate(3, bytes(64))
    with pytest.raises(WrongLength):
        EpochKey.generate(1, bytes(63))
    key = EpochKey.generate(1, bytes(64))
    assert repr(key) == "EpochKey(***)"
    with pytest.raises(TypeError):
        pickle.dumps(key)


# SPEC LEDGER-7.25
def test_a_missing_key_is_not_the_fault_of_an_envelope() -> None:
    key = EpochKey.unwrap(1, town().epoch[1].wrap(b"k" * 32, b"n" * 12), b"k" * 32)
    public = key.public()
    key.erase()
    key.erase()
    envelope = town().build([3]).envelope
    with pytest.raises(ValueError, match="erased"):
        open_envelopes(CHAIN, [(key, EPOCH, envelope)], RING_SIZE)
    with pytest.raises(ValueError, match="erased"):
        key.wrap(b"k" * 32, b"n" * 12)
    assert key.public() == public
