"""Addresses: three keys of one subaddress, 102 bytes, or bech32m text (LEDGER section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from specie.ledger.errors import AddressInvalid
from specie.ledger.messages.bech32m import bech32m_decode, bech32m_encode
from specie.ledger.messages.binary import Reader, put_u8
from specie.ledger.messages.hashing import framed_hash
from specie.ledger.messages.outputs import PAY_BYTES

__all__ = ["ADDRESS_BYTES", "PAY_BYTES", "Address", "Network", "bech32m_decode", "bech32m_encode"]

ADDRESS_BYTES = 102

ADDRESS_VERSION = 1


class Network(IntEnum):
    """Whether money there is money."""

    LIVE = 0
    DEV = 1


_PREFIXES = {Network.LIVE: "speciel", Network.DEV: "specie-testl"}


# SPEC LEDGER-3.1
@dataclass(frozen=True, slots=True)
class Address:
    """Where value can be sent: K_s, K_v and K_d of one (account, index); (0, 0) looks like any other."""

    net: Network
    spend: bytes
    """K_s of the subaddress, 32 bytes."""
    view: bytes
    """K_v of the subaddress, 32 bytes."""
    detect: bytes
    """K_d of the subaddress, 32 bytes."""

    @property
    def pay(self) -> bytes:
        """K_s | K_v | K_d, 96 bytes: how escrows and the fee address name it."""
        return self.spend + self.view + self.detect

    @property
    def data(self) -> bytes:
        """The 102 bytes: version, network, keys, checksum."""
        head = put_u8(ADDRESS_VERSION) + put_u8(self.net) + self.pay
        return head + framed_hash("addr", head)[:4]

    @property
    def owner(self) -> bytes:
        """SHA-256 of the 102 bytes: how issuance names the owner of units."""
        return sha256(self.data).digest()

    @property
    def text(self) -> str:
        """bech32m."""
        return bech32m_encode(_PREFIXES[self.net], self.data)

    @classmethod
    def of_pay(cls, net: Network, pay: bytes) -> Address:
        """The address of 96 bytes. Raises AddressInvalid."""
        reader = Reader(pay, AddressInvalid)
        address = cls(net, *reader.many(3, 32))
        reader.done()
        return address

    # SPEC LEDGER-3.2
    @classmethod
    def decode(cls, data: bytes) -> Address:
        """The address of exactly these 102 bytes; whether its keys are points is for the caller to ask.

        Raises AddressInvalid.
        """
        reader = Reader(data, AddressInvalid)
        version, net = reader.u8(), reader.u8()
        keys = reader.many(3, 32)
        checksum = reader.take(4)
        reader.done()
        if version != ADDRESS_VERSION:
            reader.fail("unknown address version")
        if net not in (Network.LIVE, Network.DEV):
            reader.fail("unknown network")
        if framed_hash("addr", data[:-4])[:4] != checksum:
            reader.fail("the checksum of the address is wrong")
        return cls(Network(net), *keys)

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address of a text. Raises AddressInvalid."""
        prefix, data = bech32m_decode(text)
        address = cls.decode(data)
        if prefix != _PREFIXES[address.net]:
            raise AddressInvalid("the text names another network than the bytes")
        return address
