"""Ids: 16 bytes, UUIDv7, so that rows made together lie together and an id tells when it was made."""

from specie.kernel.clock import Randomness

ID_BYTES = 16
_NOW_US_END = 1_000 << 48


def uuid7(now_us: int, randomness: Randomness) -> bytes:
    """A new id: 48 bits of milliseconds, 12 bits of the fraction of one, 62 random bits.

    Ids of different microseconds sort by time, those of one microsecond at random.

    Raises ValueError for a time before 1970 or beyond 48 bits of milliseconds.
    Source: RFC 9562 sections 5.7 and 6.2 (method 3).
    """
    if not 0 <= now_us < _NOW_US_END:
        raise ValueError("the time does not fit into a UUIDv7")
    milliseconds, us = divmod(now_us, 1_000)
    # SPEC ISSUANCE-3.7.4
    high = milliseconds << 16 | 0x7000 | us * 4096 // 1_000
    low = int.from_bytes(randomness.bytes(8), "big") & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return (high << 64 | low).to_bytes(ID_BYTES, "big")


def is_uuid7(value: bytes) -> bool:
    """Whether these bytes have the form of a UUIDv7."""
    return len(value) == ID_BYTES and value[6] >> 4 == 7 and value[8] >> 6 == 2


def uuid7_ms(value: bytes) -> int:
    """When the id says that it was made: milliseconds since 1970 UTC. A claim of its maker, not a proof."""
    return int.from_bytes(value[:6], "big")


def format_id(value: bytes) -> str:
    """The usual text form with dashes, for people and logs."""
    digits = value.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
