"""The members of rings: from a ring service, or from whole pages; either way each is checked against out_root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.binary import Reader
from specie.ledger.messages.bulk import PAGE_OUTPUTS, LoggedOutput, RingMember
from specie.ledger.messages.header import Header
from specie.ledger.protocol.light import verify_output
from specie.ledger.wallet.chain import Chain


class RingService(Protocol):
    """A trusted node behind a sealed, attested session."""

    async def rings(self, h_a: int, indices: Sequence[int], out_root: bytes, out_size: int) -> Sequence[RingMember]:
        """The members of one ring, in the order of the indices."""
        ...


@dataclass(frozen=True, slots=True)
class Ring:
    """One ring, ready to be signed over."""

    indices: tuple[int, ...]
    """Strictly ascending."""

    members: tuple[LoggedOutput, ...]
    real: int
    """Place of the true spend among them."""

    @property
    def entries(self) -> bytes:
        """The members as leaves of the log, 276 bytes each."""
        return b"".join(each.encode() for each in self.members)

    @property
    def points(self) -> bytes:
        """P | C of each member."""
        return b"".join(each.output.P + each.output.C for each in self.members)


async def fetch_rings(
    chain: Chain, service: RingService | None, header: Header, wanted: Sequence[tuple[int, Sequence[int]]]
) -> list[Ring]:
    """The rings of (real index, members), checked against a verified header. Raises ProofInvalid, Unknown."""
    if service is not None:
        found = [await _served(service, header, indices) for _, indices in wanted]
    else:
        found = await _paged(chain, header, [indices for _, indices in wanted]) if wanted else []
    return [ring_of(real, indices, members) for (real, indices), members in zip(wanted, found, strict=True)]


def ring_of(real: int, indices: Sequence[int], members: Sequence[LoggedOutput]) -> Ring:
    """A ring of checked members, in the order of their indices."""
    return Ring(tuple(indices), tuple(members), list(indices).index(real))


def decode_entries(data: bytes) -> list[LoggedOutput]:
    """Members as `Ring.entries` keeps them."""
    reader = Reader(data)
    found = []
    while reader.left:
        found.append(LoggedOutput.read(reader))
    return found


# SPEC LEDGER-10.4, LEDGER-11.1.1
async def _served(service: RingService, header: Header, indices: Sequence[int]) -> tuple[LoggedOutput, ...]:
    """One request for all positions, the real one among them, sorted."""
    answer = await service.rings(header.height, tuple(indices), header.out_root, header.out_size)
    if [each.index for each in answer] != list(indices):
        raise ProofInvalid("the ring service answered with other positions")
    for each in answer:
        logged = each.logged
        verify_output(header, each.index, logged.class_, logged.height, logged.output.data, each.path)
    return tuple(each.logged for each in answer)


# SPEC LEDGER-10.4, LEDGER-21.4.1
async def _paged(chain: Chain, header: Header, rings: Sequence[Sequence[int]]) -> list[tuple[LoggedOutput, ...]]:
    """Every page that holds a member, the real one's among them, each time anew: what is asked for tells nothing."""
    pages: Mapping[int, list[LoggedOutput]] = {
        number: await chain.page(number, header)
        for number in sorted({index // PAGE_OUTPUTS for ring in rings for index in ring})
    }
    return [tuple(pages[index // PAGE_OUTPUTS][index % PAGE_OUTPUTS] for index in ring) for ring in rings]


def check_rings(
    rings: Sequence[Ring], reals: Sequence[bytes], classes: Sequence[int], anchor: int, min_age: int
) -> None:
    """What a node would refuse, or what would betray the spend, is found before signing. Raises ProofInvalid."""
    taken: set[int] = set()
    for ring, real, class_ in zip(rings, reals, classes, strict=True):
        if ring.members[ring.real].output.data != real:
            raise ProofInvalid("the log holds another output in the place of the wallet's")
        if any(each.class_ != class_ or anchor + 1 - each.height < min_age for each in ring.members):
            raise ProofInvalid("a ring member is of another class, or too young")
        # SPEC LEDGER-10.5
        if not taken.isdisjoint(ring.indices):
            raise ProofInvalid("two rings of one transaction overlap")
        taken |= set(ring.indices)
