"""Proofs that one holder shows another: of a payment, of a receipt, of a reserve (LEDGER section 13).

Each is self-contained: header and finality, the inclusion of its outputs, and what is revealed. The layouts are
    "PLV1" | kind u8 | header 378 | finality | …
    1 payment  place | ctx 32 | n 16 | value u64 | address 102
    2 receive  place | ctx 32 | value u64 | address 102 | S_v 32 | DLEQ 64 | challenge_len u8 | challenge
    3 reserve  challenge_len u8 | challenge | total u128
               | n u16 | n x (place | I 32 | DLEQ 64 | proof_len u16 | absence) | sum of masks 32
    place      index u64 | class u8 | height u64 | output 267 | n u8 | n x 32
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.address import ADDRESS_BYTES, Address
from specie.ledger.messages.binary import Reader, put_list8, put_sized8, put_sized16, put_u8, put_u16, put_u64, put_u128
from specie.ledger.messages.bulk import LoggedOutput
from specie.ledger.messages.header import Header
from specie.ledger.messages.receipts import Finality, SparseProof

PROOF_MAGIC = b"PLV1"
DLEQ_BYTES = 64
CHALLENGE_BYTES_MAX = 255


class ProofKind(IntEnum):
    """What is proved."""

    PAYMENT = 1
    RECEIVE = 2
    RESERVE = 3


# SPEC LEDGER-13.5
def proof_context(kind: ProofKind, chain_id: bytes, height: int, challenge: bytes) -> bytes:
    """What a DLEQ proof is bound to: kind u8 | chain_id | height u64 | challenge of the verifier."""
    return put_u8(kind) + chain_id + put_u64(height) + challenge


@dataclass(frozen=True, slots=True)
class OutputPlace:
    """An output and its path to out_root of the proof's header."""

    index: int
    logged: LoggedOutput
    path: tuple[bytes, ...]

    @classmethod
    def read(cls, reader: Reader) -> OutputPlace:
        """The next place."""
        return cls(reader.u64(), LoggedOutput.read(reader), reader.many(reader.u8(), 32))

    def encode(self) -> bytes:
        return put_u64(self.index) + self.logged.encode() + put_list8(self.path)


def _open(data: bytes, kind: ProofKind) -> tuple[Reader, Header, Finality]:
    reader = Reader(data)
    reader.magic(PROOF_MAGIC)
    if reader.u8() != kind:
        reader.fail("another kind of proof")
    return reader, Header.read(reader), Finality.read(reader)


def _head(kind: ProofKind, header: Header, finality: Finality) -> bytes:
    return PROOF_MAGIC + put_u8(kind) + header.data + finality.encode()


@dataclass(frozen=True, slots=True)
class PaymentProof:
    """The sender reveals n, address and value of one output. It shows what was paid to whom, not by whom."""

    header: Header
    finality: Finality
    place: OutputPlace
    ctx: bytes
    anchor: bytes
    """n, 16 bytes."""
    value: int
    address: Address

    @classmethod
    def decode(cls, data: bytes) -> PaymentProof:
        """Raises NonCanonical, AddressInvalid."""
        reader, header, finality = _open(data, ProofKind.PAYMENT)
        place, ctx, anchor, value = OutputPlace.read(reader), reader.take(32), reader.take(16), reader.u64()
        address = Address.decode(reader.take(ADDRESS_BYTES))
        reader.done()
        return cls(header, finality, place, ctx, anchor, value, address)

    def encode(self) -> bytes:
        revealed = self.ctx + self.anchor + put_u64(self.value) + self.address.data
        return _head(ProofKind.PAYMENT, self.header, self.finality) + self.place.encode() + revealed


@dataclass(frozen=True, slots=True)
class ReceiveProof:
    """The recipient reveals the shared secret of one output, and that it is one."""

    header: Header
    finality: Finality
    place: OutputPlace
    ctx: bytes
    value: int
    address: Address
    shared: bytes
    """S_v, 32 bytes."""
    dleq: bytes
    """log of K_v to K_s = log of S_v to R, 64 bytes."""
    challenge: bytes

    @classmethod
    def decode(cls, data: bytes) -> ReceiveProof:
        """Raises NonCanonical, AddressInvalid."""
        reader, header, finality = _open(data, ProofKind.RECEIVE)
        place, ctx, value = OutputPlace.read(reader), reader.take(32), reader.u64()
        address, shared = Address.decode(reader.take(ADDRESS_BYTES)), reader.take(32)
        proof = cls(header, finality, place, ctx, value, address, shared, reader.take(DLEQ_BYTES), reader.sized8())
        reader.done()
        return proof

    def encode(self) -> bytes:
        revealed = self.ctx + put_u64(self.value) + self.address.data + self.shared + self.dleq
        head = _head(ProofKind.RECEIVE, self.header, self.finality)
        return head + self.place.encode() + revealed + put_sized8(self.challenge)

    @property
    def context(self) -> bytes:
        """What its DLEQ is bound to."""
        return proof_context(ProofKind.RECEIVE, self.header.chain_id, self.header.height, self.challenge)


@dataclass(frozen=True, slots=True)
class ReserveItem:
    """One unspent output of a reserve."""

    place: OutputPlace
    image: bytes
    """Its key image."""
    dleq: bytes
    """log of P to G = log of I to H_p("ki"; P), 64 bytes."""
    absence: SparseProof
    """That the key image is not in ki_root."""

    @classmethod
    def read(cls, reader: Reader) -> ReserveItem:
        """The next item."""
        place, image, dleq = OutputPlace.read(reader), reader.take(32), reader.take(DLEQ_BYTES)
        return cls(place, image, dleq, SparseProof.decode(reader.sized16()))

    def encode(self) -> bytes:
        return self.place.encode() + self.image + self.dleq + put_sized16(self.absence.encode())


@dataclass(frozen=True, slots=True)
class ReserveProof:
    """Somebody holds at least this much, unspent at this height. Its reader recognises the later spends."""

    header: Header
    finality: Finality
    challenge: bytes
    total: int
    items: tuple[ReserveItem, ...]
    """Strictly ascending by index."""
    mask_sum: bytes
    """Opening of the sum of the commitments, 32 bytes."""

    @classmethod
    def decode(cls, data: bytes) -> ReserveProof:
        """Raises NonCanonical."""
        reader, header, finality = _open(data, ProofKind.RESERVE)
        challenge, total = reader.sized8(), reader.u128()
        items = tuple(ReserveItem.read(reader) for _ in range(reader.u16()))
        proof = cls(header, finality, challenge, total, items, reader.take(32))
        reader.done()
        if any(one.place.index >= other.place.index for one, other in pairwise(items)):
            reader.fail("the outputs of a reserve do not ascend by index")
        return proof

    def encode(self) -> bytes:
        head = _head(ProofKind.RESERVE, self.header, self.finality) + put_sized8(self.challenge)
        items = put_u16(len(self.items)) + b"".join(item.encode() for item in self.items)
        return head + put_u128(self.total) + items + self.mask_sum

    @property
    def context(self) -> bytes:
        """What its DLEQs are bound to."""
        return proof_context(ProofKind.RESERVE, self.header.chain_id, self.header.height, self.challenge)


def decode_proof(data: bytes) -> PaymentProof | ReceiveProof | ReserveProof:
    """A proof of any kind. Raises ProofInvalid for another one, NonCanonical, AddressInvalid."""
    kinds = {1: PaymentProof, 2: ReceiveProof, 3: ReserveProof}
    kind = kinds.get(data[4]) if len(data) > 4 and data[:4] == PROOF_MAGIC else None
    if kind is None:
        raise ProofInvalid("not a proof of payment, receipt or reserve")
    return kind.decode(data)  # type: ignore[no-any-return,attr-defined]
