"""An issuance system over HTTP, for operators and owners."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from specie.issuance.api import IssueView, Order, Refusal, Traced
from specie.issuance.client import wire
from specie.issuance.client.calling import Caller, LogClient, RulesClient, get_json
from specie.issuance.client.figures import issue_of
from specie.issuance.errors import refusal_class, unavailable_class
from specie.issuance.messages.objects import Model
from specie.issuance.messages.parcel import Parcel, pack_parcel
from specie.kernel.amount import format_minor


class IssuanceSystemClient:
    """`api.IssuanceSystem` of another process. digits: of a currency by its code."""

    def __init__(self, caller: Caller, digits: Callable[[str], int]) -> None:
        self.caller = caller
        self.digits = digits
        self.log = LogClient(caller)
        self.rules = RulesClient(caller)

    async def issue(self, orders: Sequence[Order], *, keys: Sequence[bytes] = ()) -> list[IssueView | Refusal]:
        """keys: one id per order; the first names the whole call; without one each call is a new one."""
        body = json.dumps([self.order_json(order) for order in orders]).encode()
        key = keys[0].hex() if keys else uuid4().hex
        headers = (("idempotency-key", key),)
        reply = await self.caller.call("POST", "/v1/issues", body, "application/json", headers)
        return [self._answer(value) for value in json.loads(reply.body)]

    def order_json(self, order: Order) -> dict[str, Any]:
        """The body of `POST /v1/issues` for one order. Raises CurrencyNotPermitted."""
        digits = self.digits(order.currency)
        token = order.model == Model.TOKEN
        value: dict[str, Any] = {
            "amount": {"currency": order.currency, "value": format_minor(order.amount, digits)},
            "owner": order.owner.hex() if token else order.owner.decode("ascii"),
            "purpose": order.purpose,
            "model": "token" if token else "account",
        }
        if order.denominations:
            value["denominations"] = [
                {"value": format_minor(each, digits), "count": count} for each, count in order.denominations
            ]
        if order.operator:
            value["operator"] = order.operator
        if order.supersedes:
            value["supersedes"] = order.supersedes.hex()
        if order.address:
            value["address"] = order.address.hex()
        return value

    def _answer(self, value: dict[str, Any]) -> IssueView | Refusal:
        if "status" not in value:
            return issue_of(value, self.digits(value["amount"]["currency"]))
        if value["status"] == 503:
            return unavailable_class(value["code"])(value["detail"])
        return refusal_class(value["code"])(value["detail"])

    async def show(self, ident: bytes) -> IssueView:
        value = await get_json(self.caller, f"/v1/issues/{ident.hex()}")
        return issue_of(value, self.digits(value["amount"]["currency"]))

    async def trace(self, ident: bytes, *, peer: str | None = None) -> list[Traced]:
        return wire.unpack_traced((await self.caller.call("GET", f"/v1/traces/{ident.hex()}")).body)

    async def execute(self, ident: bytes) -> IssueView:
        reply = await self.caller.call("POST", f"/v1/issues/{ident.hex()}/execute", b"", "application/json")
        value = json.loads(reply.body)
        return issue_of(value, self.digits(value["amount"]["currency"]))

    async def newest(self, limit: int = 50) -> list[IssueView]:
        values = await get_json(self.caller, f"/v1/issues?limit={limit}")
        return [issue_of(value, self.digits(value["amount"]["currency"])) for value in values]

    async def units(self, ident: bytes) -> list[bytes]:
        return list(wire.decode((await self.caller.call("GET", f"/v1/issues/{ident.hex()}/units")).body))

    async def unit(self, serial: bytes) -> tuple[bytes, str]:
        data, state = wire.decode((await self.caller.call("GET", f"/v1/units/{serial.hex()}")).body)
        return data, state

    async def redeem(self, parcel: Parcel) -> bytes:
        return (await self.caller.call("POST", "/v1/redemptions", pack_parcel(parcel), wire.CBOR)).body

    async def freeze(self, datas: Sequence[bytes]) -> None:
        await self.caller.call("POST", "/v1/freezes", wire.encode(list(datas)), wire.CBOR)

    async def revocation_filter(self) -> bytes:
        return (await self.caller.call("GET", "/v1/revoked-units")).body
