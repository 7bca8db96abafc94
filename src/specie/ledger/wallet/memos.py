"""What is written into the sealed memo of an output: the sender's own record in the change, a few words to the payee.

    change memo, 128 bytes: type u8 | n_in u8 | 16 x index 40 bit | amount_out u64 | fee u64 | recipient_hash 30
    words, 128 bytes:       length u8 (0: none) | UTF-8 | zeros

Spec: LEDGER-14 (5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

MEMO_BYTES = 128
INPUTS_MAX = 16
WORDS_BYTES_MAX = MEMO_BYTES - 1
RECIPIENT_BYTES = 30
NO_MEMO = bytes(MEMO_BYTES)

_INDEX_BYTES = 5
_UNUSED = (1 << 40) - 1
_TYPES = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class ChangeMemo:
    """What a transaction spent and paid, as its own change tells it to whoever holds s_b."""

    type: int
    """Of the transaction: 1 transfer, 2 withdraw, 3 fund."""

    indices: tuple[int, ...]
    """Global indices of the outputs that were spent, 1 to 16."""

    amount_out: int
    """Minor units that left the wallet, the fee not counted."""

    fee: int
    """Minor units."""

    recipient: bytes
    """30 bytes: recipient_hash of the first payee; of type 2 and 3 the first 30 bytes of withdraw_ref or cid."""

    def encode(self) -> bytes:
        """The 128 bytes."""
        places = [*self.indices, *[_UNUSED] * (INPUTS_MAX - len(self.indices))]
        return b"".join(
            (
                bytes((self.type, len(self.indices))),
                *(place.to_bytes(_INDEX_BYTES, "little") for place in places),
                self.amount_out.to_bytes(8, "little"),
                self.fee.to_bytes(8, "little"),
                self.recipient.ljust(RECIPIENT_BYTES, b"\0"),
            )
        )

    @classmethod
    def decode(cls, memo: bytes) -> Self | None:
        """The record, or None where these bytes are no such record: padding outputs have none."""
        if len(memo) != MEMO_BYTES or memo[0] not in _TYPES or not 1 <= memo[1] <= INPUTS_MAX:
            return None
        cut = 2 + INPUTS_MAX * _INDEX_BYTES
        places = [int.from_bytes(memo[at : at + _INDEX_BYTES], "little") for at in range(2, cut, _INDEX_BYTES)]
        used, rest = places[: memo[1]], places[memo[1] :]
        if any(place == _UNUSED for place in used) or any(place != _UNUSED for place in rest):
            return None
        amount, fee = int.from_bytes(memo[cut : cut + 8], "little"), int.from_bytes(memo[cut + 8 : cut + 16], "little")
        return cls(memo[0], tuple(used), amount, fee, memo[cut + 16 :])


def words_memo(words: str) -> bytes:
    """A memo with a few words for the payee. Raises ValueError for more than 127 bytes of UTF-8."""
    data = words.encode()
    if len(data) > WORDS_BYTES_MAX:
        raise ValueError(f"a memo has at most {WORDS_BYTES_MAX} bytes")
    return bytes((len(data),)) + data.ljust(WORDS_BYTES_MAX, b"\0")


def words_of(memo: bytes) -> str:
    """The words of a memo; nothing where it holds none, for what a stranger wrote may be anything."""
    if len(memo) != MEMO_BYTES or not 1 <= memo[0] <= WORDS_BYTES_MAX or any(memo[1 + memo[0] :]):
        return ""
    try:
        words = memo[1 : 1 + memo[0]].decode()
    except UnicodeDecodeError:
        return ""
    return words if words.isprintable() else ""
