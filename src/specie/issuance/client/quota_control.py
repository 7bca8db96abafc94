"""Quota control over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

from specie.issuance.api import Bit, Closed, MintNote, Quotas, Refusal, Solvency, Traced
from specie.issuance.client import wire
from specie.issuance.client.calling import Caller, LogClient, RulesClient, get_json
from specie.issuance.client.figures import quotas_of
from specie.issuance.messages.parcel import Parcel, pack_parcel


class QuotaControlClient:
    """`api.QuotaControl` of another process. `peer` is left out: the client's certificate speaks."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.log = LogClient(caller)
        self.rules = RulesClient(caller)

    async def control_bits(self, presentations: Sequence[bytes], *, peer: str | None = None) -> list[Bit | Refusal]:
        answers: list[Bit | Refusal] = []
        for start in range(0, len(presentations), wire.BATCH_MAX):
            batch = wire.encode(list(presentations[start : start + wire.BATCH_MAX]))
            reply = await self.caller.call("POST", "/v1/control-bits", batch, wire.CBOR)
            answers.extend(wire.unpack_bits(reply.body))
        return answers

    async def tombstones(
        self, items: Sequence[tuple[bytes, bytes]], *, peer: str | None = None
    ) -> list[Closed | Refusal]:
        reply = await self.caller.call("POST", "/v1/tombstones", wire.pack_pairs(items), wire.CBOR)
        return wire.unpack_closed(reply.body)

    async def revoke(self, data: bytes, *, peer: str | None = None) -> Closed:
        reply = await self.caller.call("POST", "/v1/revocations", data)
        answer, used = wire.decode(reply.body)
        return Closed(answer, used)

    async def minted(self, notes: Sequence[MintNote], *, peer: str | None = None) -> list[Refusal | None]:
        reply = await self.caller.call("POST", "/v1/minted", wire.pack_notes(notes), wire.CBOR)
        return wire.unpack_outcomes(reply.body)

    async def cancel(self, cancel: bytes, receipt: bytes, *, peer: str | None = None) -> None:
        await self.caller.call("POST", "/v1/cancellations", wire.encode([cancel, receipt]), wire.CBOR)

    async def redeem(self, parcel: Parcel, *, peer: str | None = None) -> bytes:
        return (await self.caller.call("POST", "/v1/redemptions", pack_parcel(parcel), wire.CBOR)).body

    async def lend(self, currency: str, amount: int, *, peer: str | None = None) -> bytes:
        return (await self.caller.call("POST", "/v1/leases", wire.encode([currency, amount]), wire.CBOR)).body

    async def return_lease(self, data: bytes) -> None:
        await self.caller.call("POST", "/v1/returned-leases", data)

    async def trace(self, ident: bytes, *, peer: str | None = None) -> list[Traced]:
        return wire.unpack_traced((await self.caller.call("GET", f"/v1/traces/{ident.hex()}")).body)

    async def quotas(self) -> Quotas:
        return quotas_of(await get_json(self.caller, "/v1/quotas"))

    async def solvency(self) -> list[Solvency]:
        values = await get_json(self.caller, "/v1/solvency")
        return [Solvency(**{**value, "ratio": tuple(value["ratio"])}) for value in values]

    async def supply(self) -> bytes:
        return (await self.caller.call("GET", "/v1/supply")).body
