"""Block record, proofs segment, header, roots and receipts. Spec: LEDGER 8.2 to 8.6, 13."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from oracle.issuance import merkle
from oracle.ledger import outputs as out
from oracle.ledger.hashes import h32, h64, sha, u8, u16, u32, u64
from oracle.ledger.reader import Reader, need

ZERO = bytes(32)
HEADER = 378
TOTALS = ("fee_total", "mint_total", "burn_total", "refund_total", "escrow_in", "escrow_out")


class PublicOutput(NamedTuple):
    """An output that the ledger made."""

    kind: int
    class_: int
    ctx: bytes
    output: bytes


class Carried(NamedTuple):
    """A frame, or the tail of a transaction of type 2 or 3."""

    type: int
    data: bytes


@dataclass
class Record:
    height: int
    leaves: list[bytes] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    ps_sum: bytes = ZERO
    outputs: list[bytes] = field(default_factory=list)
    public: list[PublicOutput] = field(default_factory=list)
    totals: tuple[int, ...] = (0, 0, 0, 0, 0, 0)

    def encode(self) -> bytes:
        data = b"PLR1" + u16(1) + u64(self.height) + u32(len(self.leaves)) + b"".join(self.leaves)
        data += u32(len(self.carried))
        data += b"".join(u8(item.type) + u32(len(item.data)) + item.data for item in self.carried)
        data += u32(len(self.images)) + b"".join(self.images) + self.ps_sum
        data += u32(len(self.outputs)) + b"".join(self.outputs) + u16(len(self.public))
        data += b"".join(u8(made.kind) + u8(made.class_) + made.ctx + made.output for made in self.public)
        return data + b"".join(map(u64, self.totals))

    @classmethod
    def decode(cls, data: bytes) -> Record:
        at = Reader(data)
        need(at.take(6) == b"PLR1\x01\x00", "not a record")
        height = at.number(8)
        leaves = at.many(at.number(4), 32)
        carried = [Carried(at.number(1), at.take(at.number(4))) for _ in range(at.number(4))]
        images = at.many(at.number(4), 32)
        ps_sum = at.take(32)
        outs = at.many(at.number(4), out.OUTPUT)
        public = [PublicOutput(at.number(1), at.number(1), at.take(32), at.take(267)) for _ in range(at.number(2))]
        totals = tuple(at.number(8) for _ in TOTALS)
        at.done()
        for ascending in (leaves, images, [output[64:96] for output in outs]):
            need(all(a < b for a, b in pairwise(ascending)), "not ascending")
        need([item.type for item in carried] == sorted(item.type for item in carried), "not in ledger order")
        return cls(height, leaves, carried, images, ps_sum, outs, public, totals)

    @property
    def frames(self) -> list[bytes]:
        return [item.data for item in self.carried if item.type > 3]

    def tx_root(self) -> bytes:
        return merkle.root([merkle.leaf_hash(leaf) for leaf in self.leaves + list(map(op_id, self.frames))])

    def log_entries(self) -> list[tuple[int, int, bytes]]:
        """(class, height, output) in the order of global indices. Spec: LEDGER 8.2."""
        entries = [(0, self.height, output) for output in self.outputs]
        for frame in self.frames:
            if frame[6] == 16:
                entries += [(0, self.height, output) for output in Mint.of(frame).outputs]
        return entries + [(made.class_, self.height, made.output) for made in self.public]


def op_id(frame: bytes) -> bytes:
    return h32("op/id", frame)


def frame(type_: int, chain_id: bytes, expiry_height: int, body: bytes) -> bytes:
    head = b"PLP1" + u16(1) + u8(type_) + u8(0) + chain_id + u64(expiry_height)
    return head + u32(len(body)) + body


def frame_body(data: bytes) -> bytes:
    need(data[:6] == b"PLP1\x01\x00" and data[7:8] == b"\x00", "not a frame")
    need(int.from_bytes(data[48:52], "little") == len(data) - 52, "body_len")
    return data[52:]


@dataclass
class Mint:
    """What the block equation needs of a frame of type 16, and what sig_E covers."""

    value: int
    outputs: list[bytes]
    kernel: bytes
    core: bytes
    sig: bytes

    @classmethod
    def of(cls, data: bytes) -> Mint:
        body = frame_body(data)
        at = Reader(body)
        at.take(at.number(2))
        at.take(32)
        at.take(12 * at.number(2))
        at.take(at.number(2))
        value, n_out = at.number(8), at.number(1)
        need(n_out in (2, 4, 8, 16), "n_out")
        made, kernel = at.many(n_out, out.OUTPUT), at.take(32)
        at.take(at.number(2))
        core, sig = data[: 52 + at.at], at.take(64)
        at.take(80)
        at.done()
        return cls(value, made, kernel, core, sig)


def leaf_data(entry: tuple[int, int, bytes]) -> bytes:
    """The leaf of the output log: class u8 | height u64 | output 267."""
    class_, height, output = entry
    return u8(class_) + u64(height) + output


def log_leaves(entries: Sequence[tuple[int, int, bytes]]) -> list[bytes]:
    return [merkle.leaf_hash(leaf_data(entry)) for entry in entries]


@dataclass
class Header:
    chain_id: bytes
    height: int
    time_ms: int
    prev_app_hash: bytes
    tx_root: bytes
    out_root: bytes
    out_size: int
    ki_root: bytes
    state_root: bytes
    record_hash: bytes
    proofs_hash: bytes
    totals: tuple[int, ...]
    epoch: int
    ratchet_commit: bytes
    tx_count: int
    params_version: int

    def encode(self) -> bytes:
        data = b"PLH1" + u16(1) + self.chain_id + u64(self.height) + u64(self.time_ms) + self.prev_app_hash
        data += self.tx_root + self.out_root + u64(self.out_size) + self.ki_root + self.state_root
        data += self.record_hash + self.proofs_hash + b"".join(map(u64, self.totals))
        return data + u32(self.epoch) + self.ratchet_commit + u32(self.tx_count) + u32(self.params_version)

    @classmethod
    def decode(cls, data: bytes) -> Header:
        at = Reader(data)
        need(at.take(6) == b"PLH1\x01\x00", "not a header")
        first = (at.take(32), at.number(8), at.number(8), at.take(32), at.take(32), at.take(32), at.number(8))
        roots = at.many(4, 32)
        totals = tuple(at.number(8) for _ in TOTALS)
        header = cls(*first, *roots, totals, at.number(4), at.take(32), at.number(4), at.number(4))
        at.done()
        return header

    @property
    def app_hash(self) -> bytes:
        return sha(self.encode())


@dataclass
class Proof:
    """A range proof of the proofs segment: the places of its outputs in the record's list."""

    positions: list[int]
    bp_ctx: bytes
    proof: bytes


def segment(height: int, proofs: Sequence[Proof]) -> bytes:
    data = b"PLT1" + u64(height) + u32(len(proofs))
    for item in sorted(proofs, key=lambda proof: proof.positions[0]):
        data += u8(len(item.positions)) + b"".join(map(u32, item.positions))
        data += item.bp_ctx + u16(len(item.proof)) + item.proof
    return data


def read_segment(data: bytes) -> tuple[int, list[Proof]]:
    at = Reader(data)
    need(at.take(4) == b"PLT1", "not a proofs segment")
    height, found = at.number(8), []
    for _ in range(at.number(4)):
        positions = [at.number(4) for _ in range(at.number(1))]
        found.append(Proof(positions, at.take(64), at.take(at.number(2))))
        need(all(a < b for a, b in pairwise(positions)), "positions ascend")
    at.done()
    return height, found


# -- finality and receipts ------------------------------------------------------------------------------------


def block_message(header: Header) -> bytes:
    """What the validator of the provider `embedded` signs. Spec: LEDGER-16.2.5."""
    return h64("block", header.chain_id, u64(header.height), header.app_hash)


def finality(signature: bytes, key_index: int = 0) -> bytes:
    return u8(1) + u8(key_index) + signature


def receipt(header: Header, final: bytes, leaves: Sequence[bytes], position: int) -> bytes:
    """PLQ1. leaves: tx_leafs and op_ids of the block."""
    path = merkle.inclusion_proof([merkle.leaf_hash(leaf) for leaf in leaves], position)
    data = b"PLQ1" + header.encode() + final + leaves[position] + u32(position) + u32(len(leaves))
    return data + u8(len(path)) + b"".join(path)


def state_receipt(header: Header, final: bytes, domain: int, ident: bytes, value: bytes, proof: bytes) -> bytes:
    """PLQ2."""
    head = b"PLQ2" + header.encode() + final + u8(domain) + u8(len(ident)) + ident
    return head + u16(len(value)) + value + proof
