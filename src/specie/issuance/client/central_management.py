"""Central management over HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence

from specie.issuance.api import Delivered, Granted, Held, Order, Pending, Quotas, Refusal, Report, Traced, Verdict
from specie.issuance.client import wire
from specie.issuance.client.calling import Caller, LogClient, RulesClient, get_json
from specie.issuance.client.figures import quotas_of


class CentralManagementClient:
    """`api.CentralManagement` of another process. `peer` is left out: the client's certificate speaks."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.log = LogClient(caller)
        self.rules = RulesClient(caller)

    async def submit_requests(
        self, requests: Sequence[bytes], *, peer: str | None = None
    ) -> list[Granted | Pending | Refusal]:
        answers: list[Granted | Pending | Refusal] = []
        for start in range(0, len(requests), wire.BATCH_MAX):
            batch = wire.encode(list(requests[start : start + wire.BATCH_MAX]))
            reply = await self.caller.call("POST", "/v1/requests", batch, wire.CBOR)
            answers.extend(wire.unpack_requests(reply.body))
        return answers

    async def request_answer(self, cti: bytes, *, peer: str | None = None) -> Granted | Pending:
        reply = await self.caller.call("GET", f"/v1/requests/{cti.hex()}")
        return wire.unpack_granted(reply.body) if reply.status == 200 else wire.unpack_pending(reply.body)

    async def approve(self, approval: bytes) -> str:
        return str(wire.decode((await self.caller.call("POST", "/v1/approvals", approval)).body))

    async def report(self, reports: Sequence[Report], *, peer: str | None = None) -> None:
        await self.caller.call("POST", "/v1/reports", wire.pack_reports(reports), wire.CBOR)

    async def revoke(self, data: bytes) -> None:
        await self.caller.call("POST", "/v1/revocations", data)

    async def enrol(self, data: bytes) -> bytes:
        return bytes(wire.decode((await self.caller.call("POST", "/v1/enrolments", data)).body))

    async def waiting(self) -> list[bytes]:
        return list(wire.decode((await self.caller.call("GET", "/v1/requests")).body))

    async def trace(self, ident: bytes, *, peer: str | None = None) -> list[Traced]:
        return wire.unpack_traced((await self.caller.call("GET", f"/v1/traces/{ident.hex()}")).body)

    async def plan(self, order: Order, issuer: str) -> list[Verdict]:
        reply = await self.caller.call("POST", "/v1/plans", wire.pack_plan(order, issuer), wire.CBOR)
        return [Verdict(**each) for each in json.loads(reply.body)]

    async def deliver(self, role: str, holder: str, agreement: bytes, *, peer: str | None = None) -> Delivered:
        asked = wire.encode([role, holder, agreement])
        return Delivered(*wire.decode((await self.caller.call("POST", "/v1/deliveries", asked, wire.CBOR)).body))

    async def acknowledge(self, receipt: bytes, *, peer: str | None = None) -> None:
        await self.caller.call("POST", "/v1/deliveries/receipts", receipt)

    async def quotas(self) -> Quotas:
        return quotas_of(await get_json(self.caller, "/v1/quotas"))

    async def held_credentials(self, after: int, *, peer: str | None = None) -> list[Held]:
        reply = await self.caller.call("GET", f"/v1/credentials/held?after={after}")
        return [Held(*row) for row in wire.decode(reply.body)]
