"""Entries of the state tree: their ids and their values, domain by domain (LEDGER section 8.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from specie.ledger.messages.authority import AuthorityEntry, AuthorityStatus, Role
from specie.ledger.messages.binary import Reader, put_u8, put_u16, put_u32, put_u64, put_u128
from specie.ledger.messages.outputs import STUB_BYTES, Stub

__all__ = [
    "AnchorState",
    "AuthorityEntry",
    "AuthorityStatus",
    "Counters",
    "Domain",
    "EnclaveState",
    "EnclaveStatus",
    "EpochState",
    "MintState",
    "MintStatus",
    "ParametersState",
    "Role",
    "UsedKind",
    "WithdrawalState",
    "WithdrawalStatus",
    "anchor_ident",
    "enclave_ident",
    "epoch_ident",
    "used_ident",
]


class Domain(IntEnum):
    """What an entry is about."""

    MINT = 1
    USED_ID = 2
    WITHDRAWAL = 3
    ESCROW = 4
    ANCHOR = 5
    PARAMETERS = 6
    AUTHORITY = 7
    EPOCH = 8
    COUNTERS = 9
    CHANNEL_KEY = 10
    ENCLAVE = 11


class UsedKind(IntEnum):
    """Which id of a mint an entry of domain 2 marks as used."""

    CONTROL_BIT = 1
    CREDENTIAL = 2


def used_ident(kind: UsedKind, ident: bytes) -> bytes:
    """Id in domain 2; its value is the mint_id."""
    return put_u8(kind) + ident


def anchor_ident(topic: int, source: str) -> bytes:
    """Id in domain 5."""
    return put_u16(topic) + source.encode("ascii")


def epoch_ident(epoch: int) -> bytes:
    """Id in domain 8."""
    return put_u32(epoch)


def enclave_ident(index: int) -> bytes:
    """Id in domain 11."""
    return put_u8(index)


class MintStatus(IntEnum):
    """Minted or cancelled; neither ever changes."""

    MINTED = 1
    CANCELLED = 2


@dataclass(frozen=True, slots=True)
class MintState:
    """Value of domain 1."""

    status: int
    control_bit_id: bytes
    credential_id: bytes
    value: int
    """V in minor units; of a cancel, the amount given up."""
    height: int
    op_id: bytes

    @classmethod
    def decode(cls, data: bytes) -> MintState:
        """Raises NonCanonical."""
        reader = Reader(data)
        state = cls(reader.u8(), reader.take(16), reader.take(16), reader.u64(), reader.u64(), reader.take(32))
        reader.done()
        if state.status not in MintStatus.__members__.values():
            reader.fail("unknown status of a mint")
        return state

    def encode(self) -> bytes:
        ids = put_u8(self.status) + self.control_bit_id + self.credential_id
        return ids + put_u64(self.value) + put_u64(self.height) + self.op_id


class WithdrawalStatus(IntEnum):
    """PENDING, then PAID or REFUNDED for ever."""

    PENDING = 1
    PAID = 2
    REFUNDED = 3


@dataclass(frozen=True, slots=True)
class WithdrawalState:
    """Value of domain 3."""

    status: int
    outcome: int
    """0 while pending; of PAID 1 credited, 2 redeemed; of REFUNDED the cause."""
    value: int
    time_ms: int
    """Block time of the withdrawal."""
    stub: Stub = field(repr=False)

    @classmethod
    def decode(cls, data: bytes) -> WithdrawalState:
        """Raises NonCanonical."""
        reader = Reader(data)
        state = cls(reader.u8(), reader.u8(), reader.u64(), reader.u64(), Stub(reader.take(STUB_BYTES)))
        reader.done()
        outcomes = (0,) if state.status == WithdrawalStatus.PENDING else (1, 2)
        if state.status not in WithdrawalStatus.__members__.values() or state.outcome not in outcomes:
            reader.fail("unknown status or outcome of a withdrawal")
        return state

    def encode(self) -> bytes:
        head = put_u8(self.status) + put_u8(self.outcome)
        return head + put_u64(self.value) + put_u64(self.time_ms) + self.stub.data


@dataclass(frozen=True, slots=True)
class AnchorState:
    """Value of domain 5: the last anchor of a topic and source."""

    sequence: int
    size: int
    root: bytes
    height: int

    @classmethod
    def decode(cls, data: bytes) -> AnchorState:
        """Raises NonCanonical."""
        reader = Reader(data)
        state = cls(reader.u64(), reader.u64(), reader.take(32), reader.u64())
        reader.done()
        return state

    def encode(self) -> bytes:
        return put_u64(self.sequence) + put_u64(self.size) + self.root + put_u64(self.height)


@dataclass(frozen=True, slots=True)
class ParametersState:
    """Value of domain 6: the last change that was accepted, whether or not it has taken effect."""

    version: int = 0
    op_id: bytes = bytes(32)

    @classmethod
    def decode(cls, data: bytes) -> ParametersState:
        """Raises NonCanonical."""
        reader = Reader(data)
        state = cls(reader.u32(), reader.take(32))
        reader.done()
        return state

    def encode(self) -> bytes:
        return put_u32(self.version) + self.op_id


@dataclass(frozen=True, slots=True)
class EpochState:
    """Value of domain 8. Whether the epoch is live follows from heights, never from the status."""

    suite: int
    key_hash: bytes
    """SHA-256 of the public key; its first 8 bytes are the key_id of envelopes."""
    ratchet_commit: bytes
    start: int
    end: int
    """First and last height as published."""
    status: int = 1
    """1: published."""

    @property
    def key_id(self) -> bytes:
        """How envelopes name the key, 8 bytes."""
        return self.key_hash[:8]

    @classmethod
    def decode(cls, data: bytes) -> EpochState:
        """Raises NonCanonical."""
        reader = Reader(data)
        status, suite = reader.u8(), reader.u8()
        state = cls(suite, reader.take(32), reader.take(32), reader.u64(), reader.u64(), status)
        reader.done()
        return state

    def encode(self) -> bytes:
        head = put_u8(self.status) + put_u8(self.suite) + self.key_hash + self.ratchet_commit
        return head + put_u64(self.start) + put_u64(self.end)


@dataclass(frozen=True, slots=True)
class Counters:
    """Value of domain 9: sums over all blocks, in minor units; `outputs` counts outputs."""

    minted: int = 0
    burned: int = 0
    paid_account: int = 0
    paid_redeemed: int = 0
    refunded: int = 0
    escrow_in: int = 0
    escrow_out: int = 0
    fees: int = 0
    outputs: int = 0

    @property
    def pending(self) -> int:
        """Value of withdrawals not yet answered (LEDGER section 9.4)."""
        return self.burned - self.paid_account - self.paid_redeemed - self.refunded

    @property
    def escrow_pool(self) -> int:
        """Value held by escrows."""
        return self.escrow_in - self.escrow_out

    @property
    def hidden(self) -> int:
        """Value of all unspent outputs."""
        return self.minted - self.burned + self.refunded - self.escrow_in + self.escrow_out

    @classmethod
    def decode(cls, data: bytes) -> Counters:
        """Raises NonCanonical."""
        reader = Reader(data)
        counters = cls(*(reader.u128() for _ in range(9)))
        reader.done()
        return counters

    def encode(self) -> bytes:
        sums = (self.minted, self.burned, self.paid_account, self.paid_redeemed, self.refunded)
        rest = (self.escrow_in, self.escrow_out, self.fees, self.outputs)
        return b"".join(put_u128(number) for number in (*sums, *rest))


class EnclaveStatus(IntEnum):
    """Whether an enclave's signature counts."""

    ADMITTED = 1
    REMOVED = 2


@dataclass(frozen=True, slots=True)
class EnclaveState:
    """Value of domain 11."""

    key: bytes
    """Ed25519."""
    measurement: bytes
    quote_hash: bytes
    status: int = EnclaveStatus.ADMITTED

    @classmethod
    def decode(cls, data: bytes) -> EnclaveState:
        """Raises NonCanonical."""
        reader = Reader(data)
        state = cls(reader.take(32), reader.take(32), reader.take(32), reader.u8())
        reader.done()
        if state.status not in EnclaveStatus.__members__.values():
            reader.fail("unknown status of an enclave")
        return state

    def encode(self) -> bytes:
        return self.key + self.measurement + self.quote_hash + put_u8(self.status)
