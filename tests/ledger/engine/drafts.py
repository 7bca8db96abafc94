"""Envelopes taken apart, spoiled and sealed again: a second, slow encoder of LEDGER 6.1 to 6.3 for tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

from specie.crypto import hpke
from specie.crypto.aead import ChaCha20Poly1305Aead
from specie.crypto.x25519 import X25519Secret
from specie.kernel.clock import SeededRandomness
from tests.ledger.engine.house import House

SIZES = (8192, 16384, 32768, 65536)
HEADER = 17


@dataclass(slots=True)
class Draft:
    """A transaction in parts; integers as they are, everything else as bytes."""

    version: int
    type: int
    expiry: int
    fee: int
    burn: int
    extra: bytes
    images: list[bytes]
    pseudo: list[bytes]
    outputs: list[bytes]
    proof: bytes
    flags: int
    salt: bytes
    anchor: int
    rings: list[list[int]]
    signatures: list[bytes]
    rest: bytes
    head: bytes
    public_tail: bytes = b""
    padding: bytes | None = None
    size: int | None = None
    after: list[tuple[int, bytes]] = field(default_factory=list)
    """(place, bytes) to overwrite in the sealed envelope."""

    def public(self) -> bytes:
        parts = [self.version.to_bytes(2, "little"), bytes((self.type,))]
        parts += [number.to_bytes(8, "little") for number in (self.expiry, self.fee, self.burn)]
        parts.append(len(self.extra).to_bytes(2, "little") + self.extra if self.type == 3 else self.extra)
        parts += [bytes((len(self.images),)), *self.images, *self.pseudo]
        parts += [bytes((len(self.outputs),)), *self.outputs]
        parts += [len(self.proof).to_bytes(2, "little"), self.proof, self.public_tail]
        return b"".join(parts)

    def private(self) -> bytes:
        parts = [bytes((self.flags,)), self.salt, self.anchor.to_bytes(8, "little")]
        for ring, signature in zip(self.rings, self.signatures, strict=True):
            last = 0
            for index in ring:
                parts.append(_leb(index - last if index >= last else (1 << 64) + index - last))
                last = index
            parts.append(signature)
        return b"".join(parts) + self.rest


def _leb(number: int) -> bytes:
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def _unleb(data: bytes, at: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return number, at


def secret_of(house: House, epoch: int) -> X25519Secret:
    """The private key of an epoch of suite 1, out of its wrapped form."""
    wrapped = house.keys.keys[epoch].wrap(bytes(32), bytes(32))
    secret = ChaCha20Poly1305Aead(bytes(32)).open(wrapped[:12], wrapped[12:], b"PL1/wrap\x01")
    return X25519Secret.from_bytes(secret)


def _info(house: House, epoch: int) -> bytes:
    return b"PL1/env" + house.chain_id + epoch.to_bytes(4, "little")


def take_apart(house: House, envelope: bytes, ring_size: int = 16) -> Draft:
    """The parts of an envelope. It should be in portable mode: its signature then outlives another seal."""
    head = envelope[:HEADER]
    epoch = int.from_bytes(head[5:9], "little")
    plain = hpke.setup_recipient(envelope[HEADER : HEADER + 32], secret_of(house, epoch), _info(house, epoch)).open(
        head, envelope[HEADER + 32 :]
    )
    length = int.from_bytes(plain[:4], "little")
    public, rest = plain[4 : 4 + length], plain[4 + length :]
    private = rest[4 : 4 + int.from_bytes(rest[:4], "little")]
    at = 27
    kind = public[2]
    extra = b""
    if kind == 2:
        extra, at = public[at : at + 259], at + 259
    elif kind == 3:
        size = int.from_bytes(public[at : at + 2], "little")
        extra, at = public[at + 2 : at + 2 + size], at + 2 + size
    inputs, at = public[at], at + 1
    points = [public[at + 32 * place : at + 32 * place + 32] for place in range(2 * inputs)]
    at += 64 * inputs
    count, at = public[at], at + 1
    outputs = [public[at + 267 * place : at + 267 * place + 267] for place in range(count)]
    at += 267 * count
    proof = public[at + 2 :]
    numbers = [int.from_bytes(public[place : place + 8], "little") for place in (3, 11, 19)]
    where, rings, signatures = 41, [], []
    for _ in range(inputs):
        ring, last = [], 0
        for _ in range(ring_size):
            delta, where = _unleb(private, where)
            last += delta
            ring.append(last)
        rings.append(ring)
        size = 64 + 96 * ring_size
        signatures.append(private[where : where + size])
        where += size
    return Draft(
        int.from_bytes(public[:2], "little"),
        kind,
        *numbers,
        extra,
        points[:inputs],
        points[inputs:],
        outputs,
        proof,
        private[0],
        private[1:33],
        int.from_bytes(private[33:41], "little"),
        rings,
        signatures,
        private[where:],
        head,
    )


def seal(house: House, draft: Draft) -> bytes:
    """The envelope of a draft, under a share of its own."""
    public, private = draft.public(), draft.private()
    plain = len(public).to_bytes(4, "little") + public + len(private).to_bytes(4, "little") + private
    over = HEADER + 32 + 16
    size = draft.size or next(each for each in SIZES if each >= len(plain) + over)
    missing = size - over - len(plain)
    padding = bytes(missing) if draft.padding is None else draft.padding.ljust(missing, b"\0")
    epoch = int.from_bytes(draft.head[5:9], "little")
    seed = int.from_bytes(sha256(plain + padding).digest()[:8], "big")
    recipient = secret_of(house, epoch).public()
    enc, context = hpke.setup_sender(recipient, _info(house, epoch), SeededRandomness(seed))
    envelope = bytearray(draft.head + enc + context.seal(draft.head, plain + padding))
    for place, data in draft.after:
        envelope[place : place + len(data)] = data
    return bytes(envelope)
