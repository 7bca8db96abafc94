"""One-time outputs, the stub of a refund, and what the kinds of output hash (LEDGER section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from specie.ledger.errors import NonCanonical
from specie.ledger.messages.binary import Reader, put_u8, put_u32, put_u64
from specie.ledger.messages.hashing import hash16, hash32, hash_scalar

OUTPUT_BYTES = 267
STUB_BYTES = 227
PAY_BYTES = 96
"""K_s | K_v | K_d of a subaddress."""
MEMO_BYTES = 144
MEMO_TEXT_BYTES = 128
OUTPUT_COUNTS = (2, 4, 8, 16)
"""How many outputs a transaction or a mint may have."""
HIDDEN, PUBLIC = 0, 1
"""Classes of outputs; a ring has one."""
ZERO_CTX = bytes(32)


class OutputKind(IntEnum):
    """Where an output comes from: the first item of its context."""

    TRANSFER = 1
    MINT = 2
    FEE = 3
    PAYOUT = 4
    REFUND = 5
    START = 6


# SPEC LEDGER-4.5.2
def class_of(kind: int) -> int:
    """0 for hidden openings, 1 for public ones. Start outputs exist in both; their class is written beside them."""
    return HIDDEN if kind in (OutputKind.TRANSFER, OutputKind.MINT) else PUBLIC


@dataclass(frozen=True, slots=True)
class Output:
    """267 bytes, P C R vt ea an memo: all outputs look alike."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != OUTPUT_BYTES:
            raise NonCanonical(f"an output has {OUTPUT_BYTES} bytes")

    @property
    def P(self) -> bytes:
        """One-time key."""
        return self.data[:32]

    @property
    def C(self) -> bytes:
        """Commitment to the amount."""
        return self.data[32:64]

    @property
    def R(self) -> bytes:
        """Ephemeral point."""
        return self.data[64:96]

    @property
    def vt(self) -> bytes:
        """View tag, 3 bytes."""
        return self.data[96:99]

    @property
    def ea(self) -> bytes:
        """The amount, 8 bytes: hidden, or in clear in class 1."""
        return self.data[99:107]

    @property
    def an(self) -> bytes:
        """The anchor n, 16 bytes: hidden, or in clear in kinds 3 and 4."""
        return self.data[107:123]

    @property
    def memo(self) -> bytes:
        """144 bytes of ciphertext, or zeros."""
        return self.data[123:]

    @property
    def public_value(self) -> int:
        """The amount of an output of class 1, in minor units."""
        return int.from_bytes(self.ea, "little")

    @property
    def points(self) -> bytes:
        """P | C | R, for whoever asks whether they are points."""
        return self.data[:96]

    def leaf(self, class_: int, height: int) -> bytes:
        """The leaf data of the output log: class | height | output (LEDGER section 8.1)."""
        return put_u8(class_) + put_u64(height) + self.data


@dataclass(frozen=True, slots=True)
class Stub:
    """An output that the payer of a withdrawal made for its own refund, without C and ea: P R vt an memo."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != STUB_BYTES:
            raise NonCanonical(f"a refund stub has {STUB_BYTES} bytes")

    @property
    def P(self) -> bytes:
        """One-time key."""
        return self.data[:32]

    @property
    def R(self) -> bytes:
        """Ephemeral point."""
        return self.data[32:64]

    @property
    def points(self) -> bytes:
        """P | R: reserved from the withdrawal on."""
        return self.data[:64]

    def output(self, commitment: bytes, value: int) -> Output:
        """The refund: C is put in, and the amount in clear."""
        return Output(self.P + commitment + self.R + self.data[64:67] + put_u64(value) + self.data[67:])


def ctx_transfer(chain_id: bytes) -> bytes:
    """Context of outputs of transactions, whatever their type."""
    return hash32("ctx", chain_id, put_u8(OutputKind.TRANSFER))


def ctx_mint(chain_id: bytes, mint_id: bytes) -> bytes:
    """Context of outputs of a mint."""
    return hash32("ctx", chain_id, put_u8(OutputKind.MINT), mint_id)


def ctx_fee(chain_id: bytes, height: int) -> bytes:
    """Context of the fee output of a block."""
    return hash32("ctx", chain_id, put_u8(OutputKind.FEE), put_u64(height))


def ctx_payout(chain_id: bytes, cid: bytes, sequence: int, party: int) -> bytes:
    """Context of a payout of an escrow; party 0 client, 1 vendor."""
    return hash32("ctx", chain_id, put_u8(OutputKind.PAYOUT), cid, put_u32(sequence), put_u8(party))


def ctx_refund(chain_id: bytes, withdraw_ref: bytes) -> bytes:
    """Context of the refund of a withdrawal."""
    return hash32("ctx", chain_id, put_u8(OutputKind.REFUND), withdraw_ref)


def mask_fee(prev_app_hash: bytes, height: int) -> bytes:
    """The public mask y of a fee output (LEDGER section 4.5)."""
    return hash_scalar("fee", prev_app_hash, put_u64(height))


def mask_payout(chain_id: bytes, cid: bytes, sequence: int, party: int) -> bytes:
    """The public mask y of a payout."""
    return hash_scalar("pub/mask", chain_id, put_u8(OutputKind.PAYOUT), cid, put_u32(sequence), put_u8(party))


def mask_refund(chain_id: bytes, withdraw_ref: bytes) -> bytes:
    """The public mask y of a refund."""
    return hash_scalar("pub/mask", chain_id, put_u8(OutputKind.REFUND), withdraw_ref)


def mask_start(chain_id: bytes, class_: int, number: int) -> bytes:
    """The public mask y of start output k of a class."""
    return hash_scalar("gen/C", chain_id, put_u8(class_), put_u8(number))


def anchor_public(
    prev_app_hash: bytes, height: int, kind: int, ident: bytes, sequence: int, party: int, counter: int
) -> bytes:
    """n of kinds 3 and 4, 16 bytes; ident: chain_id for the fee, cid for a payout."""
    items = (put_u64(height), put_u8(kind), ident, put_u32(sequence), put_u8(party), put_u32(counter))
    return hash16("pub/n", prev_app_hash, *items)


def read_outputs(reader: Reader, count: int) -> tuple[Output, ...]:
    """So many outputs."""
    return tuple(Output(data) for data in reader.many(count, OUTPUT_BYTES))
