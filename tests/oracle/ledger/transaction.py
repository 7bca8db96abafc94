"""TxPublic, TxPrivate and the envelope. Spec: LEDGER section 6, and the stateless rules of section 7."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from oracle.ledger import clsag, hpke, ristretto
from oracle.ledger.hashes import VALUE_BASE, h32, h64, sha, u32, u64
from oracle.ledger.outputs import OUTPUT, STUB, Fields
from oracle.ledger.reader import Reader, need

TRANSFER, WITHDRAW, FUND = 1, 2, 3
COUNTS = (2, 4, 8, 16)
CLASSES = (8192, 16384, 32768, 65536)
PORTABLE, RING_PROOFS, NOTE = 1, 2, 4
AMOUNT_MAX = 2**62 - 1


@dataclass
class TxPublic:
    """What becomes ledger data."""

    type: int
    expiry_height: int
    fee: int
    burn: int
    extra: bytes
    """type 2: withdraw_ref 32 and refund stub 227; type 3: the escrow operation; else empty."""
    images: list[bytes]
    pseudo: list[bytes]
    outputs: list[bytes]
    range_proof: bytes
    ver: int = 1

    def body(self) -> bytes:
        """All up to and without bp_len: what bp_ctx binds."""
        head = self.ver.to_bytes(2, "little") + bytes([self.type])
        head += u64(self.expiry_height) + u64(self.fee) + u64(self.burn)
        if self.type == FUND:
            head += len(self.extra).to_bytes(2, "little")
        head += self.extra + bytes([len(self.images)]) + b"".join(self.images + self.pseudo)
        return head + bytes([len(self.outputs)]) + b"".join(self.outputs)

    def encode(self) -> bytes:
        return self.body() + len(self.range_proof).to_bytes(2, "little") + self.range_proof

    @classmethod
    def decode(cls, data: bytes) -> TxPublic:
        # SPEC LEDGER-6.1.1
        at = Reader(data)
        ver, type_ = at.number(2), at.number(1)
        need(ver == 1 and type_ in (TRANSFER, WITHDRAW, FUND), "V-4")
        expiry, fee, burn = at.number(8), at.number(8), at.number(8)
        extra = at.take({TRANSFER: 0, WITHDRAW: 32 + STUB}[type_]) if type_ != FUND else at.take(at.number(2))
        n_in = at.number(1)
        need(1 <= n_in <= 16, "V-4")
        images, pseudo = at.many(n_in, 32), at.many(n_in, 32)
        n_out = at.number(1)
        need(n_out in COUNTS, "V-4")
        outputs = at.many(n_out, OUTPUT)
        proof = at.take(at.number(2))
        at.done()
        return cls(type_, expiry, fee, burn, extra, images, pseudo, outputs, proof, ver)

    @property
    def tx_id(self) -> bytes:
        return h32("tx/id", self.encode())

    def leaf(self, salt: bytes) -> bytes:
        return h32("tx/leaf", self.tx_id, salt)

    def bp_ctx(self, chain_id: bytes, salt: bytes) -> bytes:
        return h64("bp/ctx", chain_id, salt, self.body())

    def fault(self) -> str:
        """The first of the static rules V-20, V-7, V-8, V-10 that fails; "" if none."""
        burnt = self.burn == 0 if self.type == TRANSFER else 1 <= self.burn <= AMOUNT_MAX
        if not burnt or self.fee > AMOUNT_MAX:
            return "V-20"
        if not all(a < b for a, b in pairwise(self.images)):
            return "V-7"
        fields = [Fields.of(output) for output in self.outputs]
        if not all(a.R < b.R for a, b in pairwise(fields)):
            return "V-8"
        points = [*self.images, *self.pseudo]
        points += [point for output in fields for point in (output.P, output.C, output.R)]
        if self.type == WITHDRAW:
            points += [self.extra[32:64], self.extra[64:96]]
        try:
            bad = any(ristretto.equal(ristretto.decode(point), ristretto.IDENTITY) for point in points)
        except ristretto.BadEncoding:
            bad = True
        return "V-10" if bad else ""

    def balances(self) -> bool:
        """Section 6.4: the sum of C' is that of C and (fee + burn) H."""
        out = [ristretto.decode(Fields.of(output).C) for output in self.outputs]
        right = ristretto.add(ristretto.total(out), ristretto.multiply(self.fee + self.burn, VALUE_BASE))
        return ristretto.equal(ristretto.total(map(ristretto.decode, self.pseudo)), right)


def leb128(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def read_leb128(at: Reader) -> int:
    value = shift = 0
    while True:
        byte = at.number(1)
        value |= (byte & 127) << shift
        need(shift < 63 or byte < 2, "longer than 64 bits")
        if byte < 128:
            need(byte or not shift, "not the shortest form")
            return value
        shift += 7


@dataclass
class TxPrivate:
    """What never becomes ledger data: per input the ring and its signature."""

    flags: int
    salt: bytes
    h_a: int
    rings: list[list[int]]
    signatures: list[bytes]
    ring_proofs: list[list[bytes]] = field(default_factory=list)
    sealed_note: bytes = b""

    def encode(self) -> bytes:
        out = bytes([self.flags]) + self.salt + u64(self.h_a)
        for ring, signature in zip(self.rings, self.signatures, strict=True):
            out += b"".join(leb128(b - a) for a, b in pairwise([0, *ring])) + signature
        if self.flags & RING_PROOFS:
            for proof in self.ring_proofs:
                out += len(proof).to_bytes(2, "little") + b"".join(proof)
        if self.flags & NOTE:
            out += len(self.sealed_note).to_bytes(2, "little") + self.sealed_note
        return out

    @classmethod
    def decode(cls, data: bytes, n_in: int, ring_size: int) -> TxPrivate:
        at = Reader(data)
        flags, salt, h_a = at.number(1), at.take(32), at.number(8)
        need(flags < 8, "unknown flags")
        rings, signatures = [], []
        for _ in range(n_in):
            ring = [0]
            for _ in range(ring_size):
                ring.append(ring[-1] + read_leb128(at))
                need(ring[-1] < 1 << 64, "an index has 64 bits")
            rings.append(ring[1:])
            signatures.append(at.take(64 + 96 * ring_size))
        proofs = [at.many(at.number(2), 32) for _ in range(n_in)] if flags & RING_PROOFS else []
        note = at.take(at.number(2)) if flags & NOTE else b""
        at.done()
        return cls(flags, salt, h_a, rings, signatures, proofs, note)

    def note(self, k_req: bytes, m: bytes) -> bytes:
        """The inner sealed part. Raises InvalidTag."""
        c1 = b"".join(signature[:32] for signature in self.signatures)
        return ChaCha20Poly1305(h32("note", k_req, c1)).decrypt(bytes(12), self.sealed_note, m)


@dataclass
class Opened:
    """An envelope that opened."""

    public: TxPublic
    private: TxPrivate
    exporter: bytes
    epoch: int

    @property
    def leaf(self) -> bytes:
        return self.public.leaf(self.private.salt)


def envelope_head(suite: int, epoch: int, public_key: bytes) -> bytes:
    return b"PLX1" + bytes([suite]) + u32(epoch) + sha(public_key)[:8]


def info(chain_id: bytes, epoch: int) -> bytes:
    return b"PL1/env" + chain_id + u32(epoch)


def seal(chain_id: bytes, epoch: int, public_key: bytes, ephemeral: bytes) -> tuple[bytes, hpke.Context]:
    """(enc, context) of a fresh share: the exporter is needed before the signature is made."""
    return hpke.sender(public_key, info(chain_id, epoch), ephemeral)


def close(head: bytes, enc: bytes, context: hpke.Context, public: bytes, private: bytes) -> bytes:
    """The envelope, padded to the smallest class that fits."""
    plain = u32(len(public)) + public + u32(len(private)) + private
    around = len(head) + len(enc) + 16
    # SPEC LEDGER-6.3.1
    size = next(size for size in CLASSES if size >= around + len(plain))
    return head + enc + context.seal(head, plain.ljust(size - around, b"\0"))


def open_envelope(chain_id: bytes, secret: bytes, public_key: bytes, data: bytes, ring_size: int = 16) -> Opened:
    """Suite 0x01. Raises Malformed, and InvalidTag where it does not open."""
    need(len(data) in CLASSES and data[:5] == b"PLX1\x01", "V-1")
    head, enc, ct = data[:17], data[17:49], data[49:]
    epoch = int.from_bytes(head[5:9], "little")
    need(head[9:] == sha(public_key)[:8], "V-1: key_id")
    context = hpke.receiver(secret, info(chain_id, epoch), enc)
    plain = Reader(context.open(head, ct))
    public_bytes = plain.take(plain.number(4))
    private_bytes = plain.take(plain.number(4))
    # SPEC LEDGER-6.3.3
    need(not any(plain.rest()), "padding")
    used = 49 + 16 + 8 + len(public_bytes) + len(private_bytes)
    # SPEC LEDGER-6.3.1
    need(len(data) == next((size for size in CLASSES if size >= used), 0), "not the smallest class")
    public = TxPublic.decode(public_bytes)
    private = TxPrivate.decode(private_bytes, len(public.images), ring_size)
    return Opened(public, private, context.export(b"PL1/ring", 32), epoch)


def verify_rings(
    opened: Opened, chain_id: bytes, out_root: bytes, members: Sequence[Sequence[clsag.Member]]
) -> list[str]:
    """For each input what section 5.4 says."""
    public, private = opened.public, opened.private
    m = clsag.message(chain_id, public.encode(), private.h_a, out_root)
    exporter = bytes(32) if private.flags & PORTABLE else opened.exporter
    k_ring = clsag.request_key(m, exporter)
    said = []
    for number, ring in enumerate(members):
        statement = clsag.Statement(k_ring, m, number, ring, public.pseudo[number], public.images[number])
        said.append(clsag.verify(statement, clsag.Signature.of(private.signatures[number], len(ring))))
    return said
