"""Calls to a bank, in the types of this room; callers cannot tell it from the engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from specie.bank.errors import BankRefusal, BankUnavailable, refusal_class, unavailable_class
from specie.bank.messages import wire
from specie.bank.messages.accounts import AccountView
from specie.bank.messages.holds import Hold
from specie.bank.messages.pool import Pool
from specie.bank.messages.postings import Kind, Order, Receipt
from specie.bank.messages.wire import CBOR
from specie.issuance.api import Registration
from specie.kernel.errors import Refused, Unavailable

JSON = "application/json"


class Reply(Protocol):
    """An answer below 400."""

    @property
    def body(self) -> bytes: ...


class Caller(Protocol):
    """Raises the other side's refusal under its code, or Unavailable where it does not answer."""

    async def call(
        self, method: str, path: str, body: bytes = b"", media_type: str = CBOR, headers: Sequence[tuple[str, str]] = ()
    ) -> Reply: ...


def own_error(error: Refused | Unavailable) -> Refused | Unavailable:
    """The class of this room for an error that came over the wire."""
    if not error.code.startswith("bank.") or isinstance(error, BankRefusal | BankUnavailable):
        return error
    if isinstance(error, Refused):
        return refusal_class(error.code)(error.detail, **error.facts)
    return unavailable_class(error.code)(error.detail, error.retry_after_s)


class BankClient:
    """One bank behind a caller."""

    def __init__(self, caller: Caller, base: str = "/v1/bank") -> None:
        self._caller, self._base = caller, base

    async def _call(self, method: str, path: str, value: Any = None, headers: Sequence[tuple[str, str]] = ()) -> bytes:
        body = b"" if value is None else wire.encode(value)
        try:
            return (await self._caller.call(method, self._base + path, body, CBOR, headers)).body
        except (Refused, Unavailable) as error:
            own = own_error(error)
            if own is error:
                raise
            raise own from error

    # -- BankApi

    async def account(self, account: str) -> AccountView:
        return wire.unpack_account(await self._call("GET", f"/accounts/{account}", headers=(("accept", CBOR),)))

    async def post_many(
        self, orders: Sequence[Order], *, room: str = ""
    ) -> Sequence[Receipt | BankRefusal | BankUnavailable]:
        """room is left out: the certificate says it."""
        packed = [wire.pack_order(order) for order in orders]
        return wire.unpack_answers(await self._call("POST", "/orders", packed))

    async def hold(self, ref: bytes, account: str, amount: int, until_s: int) -> Hold:
        return wire.unpack_hold(await self._call("POST", "/holds", [ref, account, amount, until_s]))

    async def capture(self, ref: bytes, kind: Kind, amount: int, *, room: str = "") -> Receipt:
        data = await self._call("POST", f"/holds/{ref.hex()}/capture", [str(kind), amount])
        return wire.unpack_receipt(wire.decode(data, 6))

    async def release(self, ref: bytes) -> Hold:
        return wire.unpack_hold(await self._call("POST", f"/holds/{ref.hex()}/release"))

    async def licence(
        self, ref: bytes, account: str, tier: int, until_s: int, *, coins_blocked: bool
    ) -> AccountView:  # fmt: skip
        said = [ref, tier, until_s, coins_blocked]
        return wire.unpack_account(await self._call("POST", f"/accounts/{account}/licence", said))

    async def pool(self, currency: str) -> Pool:
        return wire.unpack_pool(await self._call("GET", f"/pool/{currency}"))

    # -- Takings

    async def register(self, registration: Registration) -> bytes:
        said = registration
        packed = [said.credential_cti, said.bit, said.order, said.unit_root, said.currency, said.amount]
        return await self._call("POST", "/registry/issues", packed)

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        return await self._call("POST", "/registry/cancels", [cancel, bit])

    async def receipt(self, unit_root: bytes) -> bytes | None:
        found = wire.decode(await self._call("GET", f"/registry/{unit_root.hex()}"))
        return found[0] if found else None

    async def supply(self, currency: str) -> int:
        return int(wire.decode(await self._call("GET", f"/supply/{currency}")))

    # -- for people

    async def json(self, method: str, path: str, value: Any = None, key: str = "") -> Any:
        """A call of the JSON doors. Raises the bank's refusals."""
        body = b"" if value is None else json.dumps(value).encode()
        headers = (("accept", JSON), *((("idempotency-key", key),) if key else ()))
        try:
            reply = await self._caller.call(method, self._base + path, body, JSON, headers)
        except (Refused, Unavailable) as error:
            own = own_error(error)
            if own is error:
                raise
            raise own from error
        return json.loads(reply.body)
