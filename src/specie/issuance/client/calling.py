"""What a client needs of HTTP; the app brings it (mutual TLS, keep-alive, problems turned back into refusals)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from specie.issuance.client.wire import CBOR, COSE, LEAVES_BYTES_MAX, decode, encode


class Reply(Protocol):
    """An answer below 400."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class Caller(Protocol):
    """Raises the other system's refusal, or Unavailable where it does not answer."""

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        media_type: str = COSE,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Reply: ...


@dataclass(frozen=True, slots=True)
class LogClient:
    """`api.Log` of another system."""

    caller: Caller

    async def size(self) -> int:
        return int(await self._get("size"))

    async def leaves(self, first: int, count: int) -> list[bytes]:
        return list(await self._get(f"leaves?first={first}&count={count}"))

    async def checkpoint(self) -> bytes:
        return (await self.caller.call("GET", "/v1/log/checkpoint")).body

    async def inclusion(self, sequence: int, size: int) -> list[bytes]:
        return list(await self._get(f"inclusion?sequence={sequence}&size={size}"))

    async def consistency(self, old: int, new: int) -> list[bytes]:
        return list(await self._get(f"consistency?old={old}&new={new}"))

    async def objects(self, first: int, count: int) -> list[tuple[int, bytes, bytes]]:
        reply = await self.caller.call("GET", f"/v1/log/objects?first={first}&count={count}")
        return [(row[0], row[1], row[2]) for row in decode(reply.body)]

    async def _get(self, what: str) -> Any:
        return decode((await self.caller.call("GET", f"/v1/log/{what}")).body, LEAVES_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class RulesClient:
    """`api.Rules` of another system."""

    caller: Caller

    async def apply_policy(self, data: bytes) -> int:
        return int(decode((await self.caller.call("PUT", "/v1/policy", data)).body))

    async def apply_keys(self, data: bytes) -> int:
        return int(decode((await self.caller.call("PUT", "/v1/keys", data)).body))

    async def confirm_keys(self, version: int) -> bool:
        """Only a system itself confirms its manifest; seen from outside there is nothing to do."""
        return False

    async def apply_pause(self, datas: Sequence[bytes]) -> None:
        await self.caller.call("POST", "/v1/pause", encode(list(datas)), CBOR)

    async def apply_reserve(self, data: bytes) -> None:
        await self.caller.call("POST", "/v1/reserves", data)

    async def apply_clock(self, datas: Sequence[bytes]) -> None:
        await self.caller.call("POST", "/v1/clock", encode(list(datas)), CBOR)

    async def keys_since(self, version: int) -> list[bytes]:
        return list(decode((await self.caller.call("GET", f"/v1/keys?since={version}")).body))

    async def policies_since(self, version: int) -> list[bytes]:
        return list(decode((await self.caller.call("GET", f"/v1/policy?since={version}")).body))


async def get_json(caller: Caller, path: str) -> Any:
    """A JSON answer, as plain values."""
    import json

    return json.loads((await caller.call("GET", path)).body)
