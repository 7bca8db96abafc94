"""Several quota controls of one currency behind one face: each message goes to the one that its aud names (9.4.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from specie.issuance.api import Bit, Closed, Log, MintNote, Parcel, QuotaControl, Quotas, Refusal, Rules, Solvency
from specie.issuance.errors import WrongAudience
from specie.issuance.messages.objects import Cancel, Minted, Presentation
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.envelope import read_unverified

Item = TypeVar("Item")
Answer = TypeVar("Answer")


# SPEC ISSUANCE-9.4.2
class Shards:
    """Implements `api.QuotaControl` for an issuance system. root: id of the one that keeps the root bucket."""

    def __init__(self, shards: Mapping[str, QuotaControl], root: str) -> None:
        self.shards = shards
        self.root = root

    @property
    def log(self) -> Log:
        return self.shards[self.root].log

    @property
    def rules(self) -> Rules:
        return self.shards[self.root].rules

    async def control_bits(self, presentations: Sequence[bytes], *, peer: str | None = None) -> list[Bit | Refusal]:
        async def call(shard: QuotaControl, items: list[bytes]) -> Sequence[Bit | Refusal]:
            return await shard.control_bits(items, peer=peer)

        return await self._each(presentations, lambda data: audience(data, Presentation), call)

    async def minted(self, notes: Sequence[MintNote], *, peer: str | None = None) -> list[Refusal | None]:
        async def call(shard: QuotaControl, items: list[MintNote]) -> Sequence[Refusal | None]:
            return await shard.minted(items, peer=peer)

        return await self._each(notes, lambda note: audience(note.minted, Minted), call)

    async def _each(
        self,
        items: Sequence[Item],
        place_of: Callable[[Item], str],
        call: Callable[[QuotaControl, list[Item]], Awaitable[Sequence[Answer]]],
    ) -> list[Answer]:
        """Group by shard, call each once, put the answers back in order."""
        groups: dict[str, list[int]] = {}
        for index, item in enumerate(items):
            groups.setdefault(place_of(item), []).append(index)
        found: dict[int, Answer] = {}
        for name, places in groups.items():
            answers = await call(self._shard(name), [items[index] for index in places])
            found.update(zip(places, answers, strict=True))
        return [found[index] for index in range(len(items))]

    def _shard(self, name: str) -> QuotaControl:
        shard = self.shards.get(name)
        if shard is None:
            raise WrongAudience(f"{name} is no quota control of this deployment")
        return shard

    async def tombstones(
        self, items: Sequence[tuple[bytes, bytes]], *, peer: str | None = None
    ) -> Sequence[Closed | Refusal]:
        raise WrongAudience("a credential is closed at the shard that its aud names")

    async def revoke(self, data: bytes, *, peer: str | None = None) -> Closed:
        raise WrongAudience("a credential is revoked at the shard that its aud names")

    async def cancel(self, cancel: bytes, receipt: bytes, *, peer: str | None = None) -> None:
        await self._shard(audience(cancel, Cancel)).cancel(cancel, receipt, peer=peer)

    async def redeem(self, parcel: Parcel, *, peer: str | None = None) -> bytes:
        """All redemptions go to the shard that keeps the root bucket."""
        return await self.shards[self.root].redeem(parcel, peer=peer)

    async def lend(self, currency: str, amount: int, *, peer: str | None = None) -> bytes:
        return await self.shards[self.root].lend(currency, amount, peer=peer)

    async def return_lease(self, data: bytes) -> None:
        await self.shards[self.root].return_lease(data)

    async def quotas(self) -> Quotas:
        return await self.shards[self.root].quotas()

    async def solvency(self) -> Sequence[Solvency]:
        return await self.shards[self.root].solvency()

    async def supply(self) -> bytes:
        return await self.shards[self.root].supply()


def audience(data: bytes, kind: type[Body]) -> str:
    """The system that an object is addressed to. Raises Malformed, Schema."""
    return read_unverified(data, kind).claims.aud or ""
