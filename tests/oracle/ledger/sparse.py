"""The compact sparse Merkle tree, by its recursive definition. Spec: LEDGER 8.1, LEDGER-13.4."""

from __future__ import annotations

from collections.abc import Mapping

from oracle.ledger.hashes import sha, u8
from oracle.ledger.reader import Reader, need

EMPTY = bytes(32)


def image_key(image: bytes) -> bytes:
    return sha(b"PL1/ki", image)


def state_key(domain: int, ident: bytes) -> bytes:
    return sha(b"PL1/st", u8(domain), ident)


def bit(key: bytes, depth: int) -> int:
    """From the most significant one."""
    return key[depth // 8] >> (7 - depth % 8) & 1


def leaf(key: bytes, value_hash: bytes) -> bytes:
    return sha(b"\x00", key, value_hash)


def root(entries: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """entries: key -> SHA-256 of the value, all with the same first `depth` bits."""
    if not entries:
        return EMPTY
    if len(entries) == 1:
        return leaf(*next(iter(entries.items())))
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
    for key, value in entries.items():
        sides[bit(key, depth)][key] = value
    return sha(b"\x01", root(sides[0], depth + 1), root(sides[1], depth + 1))


def prove(entries: Mapping[bytes, bytes], key: bytes) -> bytes:
    """kind u8 | depth u16 | bitmap | siblings from the root down | kind 2: the other leaf."""
    siblings: list[bytes] = []
    here = dict(entries)
    while len(here) > 1:
        depth = len(siblings)
        other = {k: v for k, v in here.items() if bit(k, depth) != bit(key, depth)}
        here = {k: v for k, v in here.items() if bit(k, depth) == bit(key, depth)}
        siblings.append(root(other, depth + 1))
    kind, tail = 0, b""
    if here:
        found, value = next(iter(here.items()))
        kind, tail = (1, b"") if found == key else (2, found + value)
    bitmap = bytearray((len(siblings) + 7) // 8)
    for depth, sibling in enumerate(siblings):
        if sibling != EMPTY:
            bitmap[depth // 8] |= 128 >> depth % 8
    kept = b"".join(sibling for sibling in siblings if sibling != EMPTY)
    return bytes([kind]) + len(siblings).to_bytes(2, "little") + bytes(bitmap) + kept + tail


# SPEC LEDGER-13.4
def check(expected: bytes, key: bytes, value_hash: bytes | None, proof: bytes) -> None:
    """That the value behind the key is this one, or that there is none. Raises Malformed."""
    at = Reader(proof)
    kind, depth = at.number(1), at.number(2)
    need(kind <= 2 and depth <= 256, "kind or depth")
    need((kind == 1) == (value_hash is not None), "presence")
    bitmap = at.take((depth + 7) // 8)
    bits = [bit(bitmap, d) for d in range(len(bitmap) * 8)]
    need(not any(bits[depth:]), "a bit beyond depth")
    siblings = [at.take(32) if set_ else EMPTY for set_ in bits[:depth]]
    need(all(sibling != EMPTY for sibling, set_ in zip(siblings, bits, strict=False) if set_), "an empty sibling")
    node = EMPTY
    if kind == 1 and value_hash is not None:
        node = leaf(key, value_hash)
    elif kind == 2:
        other, value = at.take(32), at.take(32)
        need(other != key, "the same key")
        need(all(bit(other, d) == bit(key, d) for d in range(depth)), "another place")
        node = leaf(other, value)
    at.done()
    for d in reversed(range(depth)):
        pair = (siblings[d], node) if bit(key, d) else (node, siblings[d])
        node = sha(b"\x01", *pair)
    need(node == expected, "another root")
