"""Bad points and scalars, and the fields of a transaction that they can be put into."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ledger.adversary.workshop import RING, Forgery
from oracle.ledger.ristretto import L
from published import published_json

Put = Callable[[Forgery, bytes], None]
IDENTITY = bytes(32)
FIRST_S, FIRST_L, FIRST_R = 64, 64 + 32 * RING, 64 + 64 * RING


def bad_points() -> list[bytes]:
    """The 29 encodings of RFC 9496, appendix A.2: non-canonical, negative, not square, and so on."""
    found = [bytes.fromhex(text) for text in published_json("ledger/ristretto255/rfc9496.json")["A2_bad_encodings"]]
    assert len(set(found)) == 29
    return found


def bad_scalars(scalar: bytes) -> list[bytes]:
    """The same number once more, and others that are not below the order."""
    number = int.from_bytes(scalar, "little")
    return [value.to_bytes(32, "little") for value in (number + L, number + 15 * L, L, 2**255, 2**256 - 1)]


def _image(forgery: Forgery, data: bytes) -> None:
    forgery.public.images[0] = data


def _pseudo(forgery: Forgery, data: bytes) -> None:
    forgery.public.pseudo[0] = data


def _output(name: str) -> Put:
    return lambda forgery, data: forgery.change_output(0, **{name: data})


def in_signature(at: int) -> Put:
    """The word of the first signature that begins there."""
    return lambda forgery, data: forgery.put(0, at, data) and None


def in_stub(at: int) -> Put:
    """A word of the refund stub."""

    def put(forgery: Forgery, data: bytes) -> None:
        extra = forgery.public.extra
        forgery.public.extra = extra[: 32 + at] + data + extra[64 + at :]

    return put


POINT_FIELDS: dict[str, Put] = {
    "I": _image,
    "C'": _pseudo,
    "P": _output("P"),
    "C": _output("C"),
    "R": _output("R"),
    "D": in_signature(32),
    **{f"L_{j + 1}": in_signature(FIRST_L + 32 * j) for j in range(RING)},
    **{f"R_{j + 1}": in_signature(FIRST_R + 32 * j) for j in range(RING)},
}
"""Every point of a transfer."""
STUB_FIELDS: dict[str, Put] = {"stub P": in_stub(0), "stub R": in_stub(32)}
SCALAR_FIELDS: dict[str, int] = {"c_1": 0, **{f"s_{j + 1}": FIRST_S + 32 * j for j in range(RING)}}
"""Where every scalar of a signature begins."""


def spoiled(forgery: Forgery, fields: dict[str, Put], words: list[bytes]) -> Iterator[bytes]:
    """An envelope for each field and each word."""
    for put in fields.values():
        for word in words:
            copy = forgery.copy()
            put(copy, word)
            yield copy.seal()
