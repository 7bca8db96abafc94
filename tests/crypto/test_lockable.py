"""Locks, secrets and chains of the core against textbook secp256k1."""

from __future__ import annotations

from random import Random

import pytest

from specie.crypto import lockable
from specie.crypto.errors import OutOfTree, WrongLength
from tests.oracle import secp256k1 as curve


def scalar(k: int) -> bytes:
    return k.to_bytes(32, "big")


@pytest.mark.parametrize("seed", range(12))
def test_locks_agree_with_the_textbook(seed: int) -> None:
    """P1: a lock that is accepted gives a signature for whoever knows t; AT-01 to AT-04."""
    random = Random(seed)
    x, _ = curve.even(random.randrange(1, curve.Q))
    t, point = curve.even(random.randrange(1, curve.Q))
    message, public = random.randbytes(32), curve.public_key(x)
    nonce, k, _ = curve.presign(x, message, point, random.randbytes(32))
    lock = [public, message, curve.x32(point), nonce, scalar(k)]
    assert lockable.verify_lock(*lock) and curve.is_lock(public, message, curve.x32(point), nonce, k)
    signature = curve.adapt(message, point, nonce, k, t)
    assert curve.is_signature(public, message, signature)
    assert not curve.is_signature(public, message, nonce + scalar(k))
    for field in range(5):
        spoiled = list(lock)
        place = random.randrange(256)
        spoiled[field] = (int.from_bytes(lock[field], "big") ^ 1 << place).to_bytes(32, "big")
        agreed = curve.is_lock(spoiled[0], spoiled[1], spoiled[2], spoiled[3], int.from_bytes(spoiled[4], "big"))
        assert lockable.verify_lock(*spoiled) == agreed is False


def test_a_lock_without_a_point_is_a_signature() -> None:
    x, _ = curve.even(77)
    signature = curve.sign_open(x, b"m" * 32)
    public = curve.public_key(x)
    assert curve.is_signature(public, b"m" * 32, signature)
    assert lockable.verify_lock(public, b"m" * 32, lockable.NO_POINT, signature[:32], signature[32:])


def test_hostile_locks() -> None:
    x, _ = curve.even(5)
    public, point = curve.public_key(x), curve.x32(curve.even(7)[1])
    nonce, k, _ = curve.presign(x, bytes(32), curve.lift(point))
    assert lockable.verify_lock(public, bytes(32), point, nonce, scalar(k))
    assert not lockable.verify_lock(public, bytes(32), point, nonce, scalar(curve.Q))
    assert not lockable.verify_lock(public, bytes(32), point, nonce, scalar(0))
    assert not lockable.verify_lock(public, bytes(32), scalar(curve.P), nonce, scalar(k))
    assert not lockable.verify_lock(public, bytes(32), point, bytes(32), scalar(k))
    assert not lockable.verify_lock(public, b"", point, nonce, scalar(k))
    if k + curve.Q < 2**256:
        assert not lockable.verify_lock(public, bytes(32), point, nonce, scalar(k + curve.Q))


def test_openings() -> None:
    for k in (1, 2, 3, 12345, curve.Q - 1):
        point = curve.multiply(k)
        assert point is not None
        assert lockable.is_opening(scalar(k), curve.x32(point)) == (point[1] % 2 == 0)
        assert lockable.is_opening(scalar(curve.Q - k), curve.x32(point)) == (point[1] % 2 == 1)
    assert not lockable.is_opening(scalar(0), bytes(32))
    assert not lockable.is_opening(scalar(curve.Q + 1), curve.x32(curve.G))
    assert not lockable.is_opening(b"\1", curve.x32(curve.G))


def test_points() -> None:
    assert lockable.is_point(curve.x32(curve.G))
    for x in (scalar(curve.P), scalar(curve.P - 1), b"\xff" * 32, bytes(32), b"", curve.x32(curve.G) + b"\0"):
        assert not lockable.is_point(x)


@pytest.mark.parametrize("kind", ["w", "v"])
def test_chains(kind: str) -> None:
    cid, seed = bytes(range(32)), b"s" * 32
    values = curve.chain(kind, cid, 3, 2, seed, 20)
    for index in (1, 7, 20):
        for steps in (0, 1, index):
            walked = lockable.walk_chain(kind, cid, 3, 2, index, values[index], steps)
            assert walked == values[index - steps]
    assert lockable.walk_chain(kind, cid, 3, 1, 20, values[20], 20) != values[0]
    with pytest.raises(OutOfTree):
        lockable.walk_chain(kind, cid, 3, 2, 3, values[3], 4)
    with pytest.raises(WrongLength):
        lockable.walk_chain(kind, cid, 3, 2, 3, values[3][:31], 3)


def test_hashes() -> None:
    assert lockable.tagged_hash("CMS/cid", b"demo") == curve.th("CMS/cid", b"demo")
    assert lockable.wide_scalar("demo/x", b"client") == scalar(curve.ws("demo/x", b"client"))
    witness = b"w" * 32
    assert lockable.witness_point(b"c" * 32, 1, 0, 9, witness) == curve.x32(
        curve.secret_of(b"c" * 32, 1, 0, 9, witness)[1]
    )
