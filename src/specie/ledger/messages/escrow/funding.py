"""OPEN and TOPUP: the operations that stand inside a transaction of type 3 (LEDGER section 9.6)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from specie.ledger.errors import NonCanonical
from specie.ledger.messages.escrow.channel import ChannelBody
from specie.ledger.messages.escrow.layout import ADDRESS_BYTES, SIGNATURE_BYTES, Cursor
from specie.ledger.messages.escrow.types import EscrowType

_TOPUP = Struct(">32sQQ64s")


@dataclass(frozen=True, slots=True)
class Open:
    """Opens an escrow with the money that the transaction burns."""

    body: ChannelBody
    grant: bytes
    """sigma_0 of the bank."""
    acceptance: bytes
    """sigma_V of the vendor."""
    pay_client: bytes
    """K_s | K_v | K_d of a fresh subaddress."""
    pay_vendor: bytes

    @property
    def cid(self) -> bytes:
        return self.body.cid

    @classmethod
    def read(cls, cursor: Cursor) -> Open:
        body = ChannelBody.decode(cursor.take(cursor.number(2)))
        grant, acceptance = cursor.take(SIGNATURE_BYTES), cursor.take(SIGNATURE_BYTES)
        return cls(body, grant, acceptance, cursor.take(ADDRESS_BYTES), cursor.take(ADDRESS_BYTES))

    def encode(self) -> bytes:
        body = self.body.encode()
        head = EscrowType.OPEN.to_bytes(1, "big") + len(body).to_bytes(2, "big") + body
        return head + self.grant + self.acceptance + self.pay_client + self.pay_vendor


@dataclass(frozen=True, slots=True)
class TopUp:
    """Adds the money that the transaction burns to an open escrow, and may move its end to a later time."""

    cid: bytes
    amount: int
    """dF"""
    expires_ms: int
    """T_exp'"""
    signature: bytes
    """sig_W under K_s of pay_C."""

    @classmethod
    def read(cls, cursor: Cursor) -> TopUp:
        return cls(*cursor.unpack(_TOPUP))

    def encode(self) -> bytes:
        head = EscrowType.TOPUP.to_bytes(1, "big")
        return head + _TOPUP.pack(self.cid, self.amount, self.expires_ms, self.signature)

    def signed_items(self, chain_id: bytes) -> list[bytes]:
        """The items of c = H_s("esc/topup"; A, K_s, …) after K_s: integers little-endian, whatever the body has."""
        return [chain_id, self.cid, self.amount.to_bytes(8, "little"), self.expires_ms.to_bytes(8, "little")]


def decode_funding(operation: bytes) -> Open | TopUp:
    """The operation of a type 3 transaction. Raises NonCanonical."""
    cursor = Cursor(operation)
    number = cursor.number(1)
    if number == EscrowType.OPEN:
        funding: Open | TopUp = Open.read(cursor)
    elif number == EscrowType.TOPUP:
        funding = TopUp.read(cursor)
    else:
        raise NonCanonical(f"{number} funds no escrow")
    cursor.done()
    return funding
