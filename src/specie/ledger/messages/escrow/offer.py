"""OFFER: goods for a key, signed by the vendor; the ledger reads it as evidence only (MICROPAY section 3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha3_256
from struct import Struct

from specie.crypto.tagged import tagged_hash
from specie.ledger.errors import NonCanonical

_OFFER = Struct(">BBII32s32s64s")
_MESSAGE_TYPE = 0x05

OFFER_BYTES = _OFFER.size


@dataclass(frozen=True, slots=True)
class Offer:
    """The 138 bytes before the ciphertext."""

    lane: int
    index: int
    price: int
    point: bytes
    """Y"""
    goods_hash: bytes
    """h"""
    signature: bytes

    @classmethod
    def decode(cls, data: bytes) -> Offer:
        """Raises NonCanonical."""
        if len(data) != OFFER_BYTES or data[0] != _MESSAGE_TYPE:
            raise NonCanonical("not an OFFER")
        return cls(*_OFFER.unpack(data)[1:])

    def encode(self) -> bytes:
        fields = (self.lane, self.index, self.price, self.point, self.goods_hash, self.signature)
        return _OFFER.pack(_MESSAGE_TYPE, *fields)

    def associated_data(self, cid: bytes) -> bytes:
        """What the ciphertext is bound to, and the start of what the vendor signs."""
        place = self.lane.to_bytes(1, "big") + self.index.to_bytes(4, "big") + self.price.to_bytes(4, "big")
        return cid + place + self.point + self.goods_hash

    def digest(self, cid: bytes, ciphertext: bytes) -> bytes:
        """What the vendor signs."""
        return tagged_hash("CMS/offer", self.associated_data(cid) + sha3_256(ciphertext).digest())


def goods_key(secret: bytes) -> bytes:
    """The key of the goods: K = TH("CMS/key", y)."""
    return tagged_hash("CMS/key", secret)


def goods_digest(goods: bytes) -> bytes:
    """h = TH("CMS/goods", goods)."""
    return tagged_hash("CMS/goods", goods)
