"""The bodies of public operations (LEDGER sections 9.1, 9.3, 9.7, 9.8, 9.10); those of escrows stand in `escrow.py`.

`signed_part(frame)` is what a body's signature covers: all frame bytes before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from specie.ledger.errors import NonCanonical
from specie.ledger.messages.binary import Reader, put_sized8, put_sized16, put_u8, put_u16, put_u32, put_u64
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.outputs import OUTPUT_COUNTS, Output, read_outputs

SIGNATURE_BYTES = 64
_ISSUER_BYTES = 16 + SIGNATURE_BYTES
_COSIGNATURE_BYTES = 1 + SIGNATURE_BYTES
ZERO_SIGNATURE = bytes(SIGNATURE_BYTES)
SOURCE_BYTES_MAX = 64
EPOCH_KEY_BYTES = {0x01: 32, 0x02: 1216}
"""HPKE suites of epoch keys, and the length of a public key: X25519; ML-KEM-768 with X25519."""


def _body_reader(data: bytes) -> Reader:
    # SPEC LEDGER-9.5.4
    return Reader(data, NonCanonical, "9.5.4")


def _system_id(reader: Reader, *, empty: bool = False) -> str:
    """A system id of 1 to 64 printable ASCII characters."""
    data = reader.sized8()
    if len(data) > SOURCE_BYTES_MAX or (not data and not empty):
        reader.fail(f"a system id has 1 to {SOURCE_BYTES_MAX} bytes")
    return reader.ascii(data)


@dataclass(frozen=True, slots=True)
class LeafProof:
    """That a leaf stands in a log of quota control: its place, its body, its path (ISSUANCE sections 12.2 and 15.1)."""

    size: int
    """Leaves of the checkpoint that the path leads to."""
    position: int
    """From 0."""
    body: bytes
    path: tuple[bytes, ...]

    @classmethod
    def decode(cls, data: bytes) -> LeafProof:
        """Raises NonCanonical."""
        reader = _body_reader(data)
        size, position, body = reader.u64(), reader.u64(), reader.sized16()
        proof = cls(size, position, body, reader.many(reader.u8(), 32))
        reader.done()
        return proof

    def encode(self) -> bytes:
        head = put_u64(self.size) + put_u64(self.position) + put_sized16(self.body)
        return head + put_u8(len(self.path)) + b"".join(self.path)


@dataclass(frozen=True, slots=True)
class Mint:
    """Type 16: all units under one control bit become private outputs."""

    bit: bytes = field(repr=False)
    """The control bit object, as issued."""
    owner: bytes
    """SHA-256 of the 102 bytes of the owner's address."""
    denominations: tuple[tuple[int, int], ...]
    """(value in minor units, count), in the order of the request."""
    log_proof: bytes = field(repr=False)
    """A `LeafProof`, or empty."""
    value: int
    """V: the public total, minor units."""
    outputs: tuple[Output, ...] = field(repr=False)
    kernel: bytes
    """E = sum of C - V*H."""
    range_proof: bytes = field(repr=False)
    kernel_proof: bytes
    """sig_E, 64 bytes: the maker knows e with E = e*G."""
    issuer_kid: bytes
    issuer_signature: bytes

    @classmethod
    def decode(cls, body: bytes) -> Mint:
        """Raises NonCanonical."""
        reader = _body_reader(body)
        bit, owner = reader.sized16(), reader.take(32)
        packed = Reader(b"".join(reader.many(reader.u16(), 12)))
        denominations = []
        while packed.left:
            denominations.append((packed.u64(), packed.u32()))
        log_proof, value, count = reader.sized16(), reader.u64(), reader.u8()
        if count not in OUTPUT_COUNTS:
            reader.fail("a mint has 2, 4, 8 or 16 outputs")
        outputs, kernel, range_proof = read_outputs(reader, count), reader.take(32), reader.sized16()
        kernel_proof, issuer_kid, signature = reader.take(64), reader.take(16), reader.take(SIGNATURE_BYTES)
        reader.done()
        if log_proof:
            LeafProof.decode(log_proof)
        return cls(
            bit, owner, tuple(denominations), log_proof, value, outputs, kernel, range_proof, kernel_proof,
            issuer_kid, signature,
        )  # fmt: skip

    def encode(self) -> bytes:
        outputs = put_u8(len(self.outputs)) + b"".join(output.data for output in self.outputs)
        proofs = self.kernel + put_sized16(self.range_proof) + self.kernel_proof
        return self.head() + outputs + proofs + self.issuer_kid + self.issuer_signature

    def head(self) -> bytes:
        """The body up to and including V."""
        return mint_head(self.bit, self.owner, self.denominations, self.log_proof, self.value)

    def core(self, frame: Frame) -> bytes:
        """What sig_E covers: the frame bytes before it."""
        return frame.data[: -_ISSUER_BYTES - SIGNATURE_BYTES]

    def unproven(self, frame: Frame) -> bytes:
        """What the range proof is bound to: the frame bytes up to and without bp_len."""
        return frame.data[: -_ISSUER_BYTES - SIGNATURE_BYTES - 2 - len(self.range_proof)]

    def signed_part(self, frame: Frame) -> bytes:
        return frame.data[:-SIGNATURE_BYTES]


def mint_head(
    bit: bytes, owner: bytes, denominations: tuple[tuple[int, int], ...], log_proof: bytes, value: int
) -> bytes:
    """The body of a mint up to and including V, for makers."""
    packed = b"".join(put_u64(worth) + put_u32(count) for worth, count in denominations)
    units = put_u16(len(denominations)) + packed
    return put_sized16(bit) + owner + units + put_sized16(log_proof) + put_u64(value)


@dataclass(frozen=True, slots=True)
class MintCancel:
    """Type 17: a control bit is given up for ever."""

    bit: bytes = field(repr=False)
    cancel: bytes = field(repr=False)
    """The `dc-cancel` object."""

    @classmethod
    def decode(cls, body: bytes) -> MintCancel:
        """Raises NonCanonical."""
        reader = _body_reader(body)
        cancel = cls(reader.sized16(), reader.sized16())
        reader.done()
        return cancel

    def encode(self) -> bytes:
        return put_sized16(self.bit) + put_sized16(self.cancel)


@dataclass(frozen=True, slots=True)
class WithdrawPaid:
    """Type 18: a bank took the value of a withdrawal over."""

    withdraw_ref: bytes
    bank_id: str
    token: bytes
    """H_32("wd/acct"; account, salt): hides the account."""
    outcome: int
    """1 credited to a bank account, 2 redeemed."""
    evidence: bytes
    """SHA-256 of the bank's booking intent, or of the redemption request."""
    kid: bytes
    signature: bytes

    @classmethod
    def decode(cls, body: bytes) -> WithdrawPaid:
        """Raises NonCanonical."""
        reader = _body_reader(body)
        ref, bank_id, token, outcome = reader.take(32), _system_id(reader), reader.take(32), reader.u8()
        if outcome not in (1, 2):
            reader.fail("unknown outcome of a withdrawal")
        paid = cls(ref, bank_id, token, outcome, reader.take(32), reader.take(16), reader.take(SIGNATURE_BYTES))
        reader.done()
        return paid

    def encode(self) -> bytes:
        head = self.withdraw_ref + put_sized8(self.bank_id.encode()) + self.token
        return head + put_u8(self.outcome) + self.evidence + self.kid + self.signature

    def signed_part(self, frame: Frame) -> bytes:
        return frame.data[:-SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class WithdrawRefund:
    """Type 19: a withdrawal goes back into the output that its payer prepared."""

    withdraw_ref: bytes
    cause: int
    """1 the bank refuses, 2 time-out."""
    bank_id: str
    """Empty with cause 2; token, kid and signature are zero then."""
    token: bytes
    kid: bytes
    signature: bytes

    @classmethod
    def decode(cls, body: bytes) -> WithdrawRefund:
        """Raises NonCanonical."""
        reader = _body_reader(body)
        ref, cause = reader.take(32), reader.u8()
        if cause not in (1, 2):
            reader.fail("unknown cause of a refund")
        refund = cls(
            ref, cause, _system_id(reader, empty=cause == 2), reader.take(32), reader.take(16), reader.take(64)
        )
        reader.done()
        if cause == 2 and (refund.bank_id or any(refund.token + refund.kid + refund.signature)):
            reader.fail("a refund after a time-out names nobody")
        return refund

    def encode(self) -> bytes:
        bank = put_sized8(self.bank_id.encode())
        return self.withdraw_ref + put_u8(self.cause) + bank + self.token + self.kid + self.signature

    def signed_part(self, frame: Frame) -> bytes:
        return frame.data[:-SIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Type 48: the head of another room's log."""

    topic: int
    source: str
    """A system id of 1 to 64 ASCII characters."""
    sequence: int
    size: int
    """Entries of the log."""
    root: bytes
    kid: bytes
    signature: bytes

    @classmethod
    def decode(cls, body: bytes) -> Anchor:
        """Raises NonCanonical."""
        reader = _body_reader(body)
        topic, source, sequence, size = reader.u16(), _system_id(reader), reader.u64(), reader.u64()
        anchor = cls(topic, source, sequence, size, reader.take(32), reader.take(16), reader.take(SIGNATURE_BYTES))
        reader.done()
        return anchor

    def encode(self) -> bytes:
        head = put_u16(self.topic) + put_sized8(self.source.encode()) + put_u64(self.sequence)
        return head + put_u64(self.size) + self.root + self.kid + self.signature

    def signed_part(self, frame: Frame) -> bytes:
        return frame.data[:-SIGNATURE_BYTES]


Cosignatures = tuple[tuple[int, bytes], ...]
"""(index of the key or enclave, signature), ascending by index."""


def _read_cosignatures(reader: Reader) -> Cosignatures:
    pairs = tuple((data[0], data[1:]) for data in reader.many(reader.u8(), _COSIGNATURE_BYTES))
    reader.done()
    if any(one[0] >= other[0] for one, other in pairwise(pairs)):
        reader.fail("signatures do not ascend by their index")
    return pairs


def _put_cosignatures(pairs: Cosignatures) -> bytes:
    return put_u8(len(pairs)) + b"".join(put_u8(index) + signature for index, signature in pairs)


def _cosigned_part(frame: Frame, pairs: Cosignatures) -> bytes:
    return frame.data[: len(frame.data) - 1 - len(pairs) * _COSIGNATURE_BYTES]


@dataclass(frozen=True, slots=True)
class ParameterChange:
    """Type 64: governance sets parameters."""

    version: int
    previous: bytes
    """op_id of the last change; zero bytes for the first."""
    effective_height: int
    changes: bytes
    """Deterministic CBOR {id => value} (LEDGER section 23.2)."""
    signatures: Cosignatures

    @classmethod
    def decode(cls, body: bytes) -> ParameterChange:
        """Raises NonCanonical."""
        reader = _body_reader(body)
        head = reader.u32(), reader.take(32), reader.u64(), reader.sized16()
        return cls(*head, _read_cosignatures(reader))

    def encode(self) -> bytes:
        head = put_u32(self.version) + self.previous + put_u64(self.effective_height)
        return head + put_sized16(self.changes) + _put_cosignatures(self.signatures)

    def signed_part(self, frame: Frame) -> bytes:
        return _cosigned_part(frame, self.signatures)


@dataclass(frozen=True, slots=True)
class EpochKeyOp:
    """Type 80: the key that envelopes of an epoch are sealed to."""

    epoch: int
    suite: int
    public_key: bytes
    ratchet_commit: bytes
    """32 zero bytes in Stage 1."""
    start: int
    end: int
    """First and last height of the epoch."""
    signatures: Cosignatures

    @classmethod
    def decode(cls, body: bytes) -> EpochKeyOp:
        """Raises NonCanonical."""
        reader = _body_reader(body)
        head = reader.u32(), reader.u8(), reader.sized16(), reader.take(32), reader.u64(), reader.u64()
        if EPOCH_KEY_BYTES.get(head[1]) != len(head[2]):
            reader.fail("unknown suite, or a key of another length")
        return cls(*head, _read_cosignatures(reader))

    def encode(self) -> bytes:
        head = put_u32(self.epoch) + put_u8(self.suite) + put_sized16(self.public_key) + self.ratchet_commit
        return head + put_u64(self.start) + put_u64(self.end) + _put_cosignatures(self.signatures)

    def signed_part(self, frame: Frame) -> bytes:
        return _cosigned_part(frame, self.signatures)
