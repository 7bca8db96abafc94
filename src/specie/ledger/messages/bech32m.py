"""bech32m (BIP-350), without its limit of 90 characters: an address has a checksum of its own (LEDGER section 3)."""

from __future__ import annotations

from collections.abc import Iterable

from specie.ledger.errors import AddressInvalid

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CONSTANT = 0x2BC830A3
_CHECK_LETTERS = 6
_TEXT_MAX = 1023


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATORS):
            if top >> bit & 1:
                check ^= generator
    return check


def _expand(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def bech32m_encode(prefix: str, data: bytes) -> str:
    """The text of these bytes under a human-readable prefix."""
    bits = len(data) * 8
    padded = int.from_bytes(data, "big") << (-bits % 5)
    count = (bits + 4) // 5
    words = [padded >> 5 * (count - 1 - at) & 31 for at in range(count)]
    check = _polymod([*_expand(prefix), *words, *[0] * _CHECK_LETTERS]) ^ _CONSTANT
    words += [check >> 5 * (_CHECK_LETTERS - 1 - at) & 31 for at in range(_CHECK_LETTERS)]
    return prefix + "1" + "".join(_ALPHABET[word] for word in words)


def bech32m_decode(text: str) -> tuple[str, bytes]:
    """(prefix, bytes) of a text in lower or in upper case. Raises AddressInvalid."""
    if len(text) > _TEXT_MAX or not text.isascii() or text not in (text.lower(), text.upper()):
        raise AddressInvalid("not a bech32m text")
    prefix, separator, tail = text.lower().rpartition("1")
    if not separator or not prefix or len(tail) < _CHECK_LETTERS or any(letter not in _VALUES for letter in tail):
        raise AddressInvalid("not a bech32m text")
    words = [_VALUES[letter] for letter in tail]
    if _polymod([*_expand(prefix), *words]) != _CONSTANT:
        raise AddressInvalid("the checksum of the text is wrong")
    words = words[:-_CHECK_LETTERS]
    bits = len(words) * 5
    number = 0
    for word in words:
        number = number << 5 | word
    spare = bits % 8
    if spare >= 5 or number & (1 << spare) - 1:
        raise AddressInvalid("the last letter carries bits that are not zero")
    return prefix, (number >> spare).to_bytes(bits // 8, "big")
