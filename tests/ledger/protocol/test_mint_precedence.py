"""A mint with many faults is refused by the first of its rules: the order of LEDGER section 9.1 is a contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from specie.ledger import errors
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.outputs import Output
from specie.ledger.messages.state import Domain, MintState, MintStatus
from tests.ledger import makers
from tests.ledger.book import Book

GENESIS = makers.genesis()
CHAIN = GENESIS.chain_id


@dataclass
class Draft:
    """A mint before it is made; every part can be spoiled."""

    bit: dict[str, Any] = field(default_factory=dict)
    wraps: list[Callable[[bytes], bytes]] = field(default_factory=list)
    """What is done to the finished control bit."""
    mint: dict[str, Any] = field(default_factory=dict)
    spoils: list[Callable[[Mint], Mint]] = field(default_factory=list)
    """What is done to the body before the issuer signs."""
    ends: list[Callable[[bytes], bytes]] = field(default_factory=list)
    """What is done to the finished body."""
    book: Book = field(default_factory=lambda: Book(GENESIS))

    def frame(self) -> Frame:
        bit = makers.control_bit(**self.bit)[0]
        for wrap in self.wraps:
            bit = wrap(bit)
        made = makers.mint(CHAIN, bit=bit, spoil=self._spoil, **self.mint)
        body = made.body
        for end in self.ends:
            body = end(body)
        return Frame.of(OpType.MINT, CHAIN, 1000, body)

    def _spoil(self, mint: Mint) -> Mint:
        for spoil in self.spoils:
            mint = spoil(mint)
        return mint


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def use_root(draft: Draft) -> None:
    body = makers.control_bit()[2]
    entry = MintState(MintStatus.MINTED, bytes(16), bytes(16), 1, 1, bytes(32))
    draft.book.put(Domain.MINT, body.unit_root, entry.encode())


def use_points(draft: Draft) -> None:
    for output in Mint.decode(draft.frame().body).outputs:
        draft.book.used |= {output.R, output.P}


def without_point(mint: Mint) -> Mint:
    """C of the first output is no point; its R and P stay."""
    first = mint.outputs[0]
    return replace(mint, outputs=(Output(first.P + b"\xff" * 32 + first.data[64:]), *mint.outputs[1:]))


FAULTS: list[tuple[str, type[errors.Rejected], Callable[[Draft], Any]]] = [
    ("M-1", errors.MintObject, lambda draft: draft.ends.append(lambda body: body + b"\0")),
    ("M-2", errors.MintObject, lambda draft: draft.wraps.append(lambda bit: bit + b"\0")),
    ("M-3", errors.MintKey, lambda draft: draft.bit.update(signer="unknown")),
    ("M-4", errors.MintSignature, lambda draft: draft.wraps.insert(0, flipped)),
    ("M-5", errors.MintCurrency, lambda draft: draft.bit.update(currency="XTT")),
    ("M-5", errors.MintModel, lambda draft: draft.bit.update(model=1)),
    ("M-6", errors.MintObject, lambda draft: draft.mint.update(log_proof=makers.log_of(NO_FAULT)[0].encode())),
    ("M-7", errors.ControlBitUsed, use_root),
    ("M-8", errors.MintSum, lambda draft: draft.mint.update(value=2499)),
    ("M-9", errors.MintSum, lambda draft: draft.bit.update(unit_count=4)),
    ("M-10", errors.MintOwner, lambda draft: draft.bit.update(owner_hash=bytes(32))),
    ("M-11", errors.MintUnitRoot, lambda draft: draft.spoils.append(lambda mint: replace(mint, denominations=TURNED))),
    ("M-12", errors.MintKey, lambda draft: draft.mint.update(issuer="unknown")),
    ("M-12", errors.MintSignature, lambda draft: draft.ends.insert(0, flipped)),
    ("M-13", errors.PointInvalid, lambda draft: draft.spoils.insert(0, without_point)),
    ("M-13", errors.OutputKeyReused, use_points),
    (
        "M-13",
        errors.OutputOrder,
        lambda draft: draft.spoils.append(lambda mint: replace(mint, outputs=mint.outputs[::-1])),
    ),
    ("M-14", errors.MintKernel, lambda draft: draft.spoils.append(lambda mint: replace(mint, kernel_proof=bytes(64)))),
]
TURNED = makers.DENOMINATIONS[::-1]
NO_FAULT = makers.control_bit()[0]


def test_without_a_fault_it_is_taken() -> None:
    draft = Draft()
    draft.book.send(draft.frame())


# SPEC LEDGER-18.1
@pytest.mark.parametrize("first", range(len(FAULTS)), ids=lambda at: f"{FAULTS[at][0]}-{FAULTS[at][1].__name__}")
def test_the_first_fault_is_named(first: int) -> None:
    """Put in this fault and every later one: the refusal must name this one."""
    draft = Draft()
    for _, _, spoil in reversed(FAULTS[first:]):
        spoil(draft)
    if any(rule == "M-13" and kind is errors.OutputKeyReused for rule, kind, _ in FAULTS[first:]):
        use_points_of(draft)
    with pytest.raises(FAULTS[first][1]) as caught:
        draft.book.send(draft.frame())
    assert caught.value.rule == FAULTS[first][0]


def use_points_of(draft: Draft) -> None:
    """The outputs follow from the head, so their keys are known once every fault is in."""
    ends, draft.ends = draft.ends, []
    use_points(draft)
    draft.ends = ends
