"""Addresses and their text."""

from __future__ import annotations

import pytest

from specie.ledger.errors import AddressInvalid
from specie.ledger.messages.address import Address, Network
from specie.ledger.messages.bech32m import bech32m_decode, bech32m_encode

ADDRESS = Address(Network.DEV, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


# SPEC LEDGER-3.1
def test_the_text_gives_the_address_back() -> None:
    for net, prefix in ((Network.LIVE, "speciel1"), (Network.DEV, "specie-testl1")):
        address = Address(net, ADDRESS.spend, ADDRESS.view, ADDRESS.detect)
        assert address.text.startswith(prefix)
        assert Address.parse(address.text) == Address.parse(address.text.upper()) == address
        assert len(address.data) == 102
        assert Address.of_pay(net, address.pay) == address


# SPEC LEDGER-3.2
def test_wrong_version_network_and_checksum_are_refused() -> None:
    data = ADDRESS.data
    for at in (0, 1, 50, 101):
        with pytest.raises(AddressInvalid):
            Address.decode(data[:at] + bytes([data[at] ^ 2]) + data[at + 1 :])
    with pytest.raises(AddressInvalid):
        Address.parse(bech32m_encode("speciel", data))


def test_a_changed_letter_is_refused() -> None:
    text = ADDRESS.text
    for at in range(len(text)):
        other = "q" if text[at] != "q" else "p"
        with pytest.raises(AddressInvalid):
            Address.parse(text[:at] + other + text[at + 1 :])


# From BIP-350, "Test vectors for Bech32m".
VALID = ["A1LQFN3A", "a1lqfn3a", "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", "?1v759aa"]
INVALID = ["qyrz8wqd2c9m", "1qyrz8wqd2c9m", "y1b0jsk6g", "lt1igcx5c0", "in1muywd", "mm1crxm3i", "au1s5cgom", "M1VUXWEZ"]


@pytest.mark.parametrize("text", VALID)
def test_valid_texts_of_the_standard(text: str) -> None:
    prefix, data = bech32m_decode(text)
    assert bech32m_encode(prefix, data) == text.lower()


@pytest.mark.parametrize("text", [*INVALID, "16plkw9", "1p2gdwpf", "", "a1Lqfn3a", "é1lqfn3a", "a1" + "q" * 2000])
def test_invalid_texts_of_the_standard(text: str) -> None:
    with pytest.raises(AddressInvalid):
        bech32m_decode(text)
