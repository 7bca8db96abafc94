"""The append-only log of section 15.1: leaf bodies, chain, tree."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from . import merkle
from .cbor import encode

NO_HASH = bytes(32)
NO_KEY = bytes(16)


def body(seq: int, at: int, event: str, named: bytes, previous: bytes = NO_HASH, kid: bytes = NO_KEY) -> bytes:
    """The body of the leaf number seq (the first is 1) at unix second at; named is the object's hash.

    Spec: ISSUANCE-15.1.2.
    """
    return encode({1: seq, 2: at, 3: event, 4: named, 5: previous, 6: kid})


def object_of(data: bytes) -> bytes:
    """The object hash that a leaf body names."""
    (at,) = [place for place in range(len(data)) if data[place : place + 3] == b"\x04\x58\x20"][:1]
    return data[at + 3 : at + 35]


def chain(bodies: Iterable[bytes]) -> list[bytes]:
    """hash_i = SHA-256(0x02 || hash_(i-1) || leaf_i), beginning at 32 zero bytes."""
    hashes, last = [], NO_HASH
    for one in bodies:
        last = hashlib.sha256(b"\x02" + last + merkle.leaf_hash(one)).digest()
        hashes.append(last)
    return hashes


def root(bodies: Iterable[bytes]) -> bytes:
    return merkle.root([merkle.leaf_hash(one) for one in bodies])
