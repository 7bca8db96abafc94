"""Operations and blocks of the ledger: the signer reads the head, and hashes under the chapter's tags."""

from __future__ import annotations

import asyncio
from hashlib import sha512
from pathlib import Path

import pytest

from kms.places import make_store
from specie.crypto import ed25519
from specie.kernel.clock import SystemRandomness
from specie.kms.api import PayloadKind
from specie.kms.errors import PolicyDenied

CHAIN = bytes(range(32))


def head(kind: int, body: bytes = b"") -> bytes:
    return b"PLP1\x01\x00" + bytes([kind, 0]) + CHAIN + bytes(8) + len(body).to_bytes(4, "little") + body


def framed(tag: bytes, *items: bytes) -> bytes:
    text = b"PL1" + bytes([len(tag)]) + tag
    return sha512(text + b"".join(len(item).to_bytes(4, "little") + item for item in items)).digest()


def test_an_operation_is_signed_over_its_tagged_hash(tmp_path: Path) -> None:
    store = make_store(tmp_path / "keys")
    store.create("mint", "ed25519", ["op:16"])
    uri = store.uri("mint")
    payload = head(16, b"what comes before the signature")
    signature = asyncio.run(store.sign(uri, "ledger-op", payload, bytes(16)))
    public = asyncio.run(store.public_key(uri)).bytes
    assert ed25519.is_signature(public, framed(b"op/sig", payload), signature)
    assert not ed25519.is_signature(public, payload, signature)


def test_a_block_is_signed_over_chain_height_and_app_hash(tmp_path: Path) -> None:
    store = make_store(tmp_path / "keys")
    store.create("validator", "ed25519", ["block"])
    uri = store.uri("validator")
    height, app_hash = (7).to_bytes(8, "little"), SystemRandomness().bytes(32)
    signature = asyncio.run(store.sign(uri, "block", CHAIN + height + app_hash, bytes(16)))
    public = asyncio.run(store.public_key(uri)).bytes
    assert ed25519.is_signature(public, framed(b"block", CHAIN, height, app_hash), signature)


# SPEC KMS-6.11
@pytest.mark.parametrize(
    ("allowed", "kind", "payload"),
    [
        ("op:16", "ledger-op", head(18)),
        ("op:16", "ledger-op", head(16)[:-1]),
        ("op:16", "ledger-op", b"PLP2" + head(16)[4:]),
        ("op:16", "ledger-op", head(16)[:7] + b"\x01" + head(16)[8:]),
        ("op:16", "block", bytes(72)),
        ("block", "block", bytes(71)),
        ("block", "ledger-op", head(16)),
        ("raw", "ledger-op", head(16)),
        ("raw", "block", bytes(72)),
    ],
)
def test_other_payloads_are_refused(tmp_path: Path, allowed: str, kind: PayloadKind, payload: bytes) -> None:
    store = make_store(tmp_path / "keys")
    store.create("key", "ed25519", [allowed])
    with pytest.raises(PolicyDenied):
        asyncio.run(store.sign(store.uri("key"), kind, payload, bytes(16)))
