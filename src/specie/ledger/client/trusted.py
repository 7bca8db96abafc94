"""`api.TrustedNode` of another process: carries sealed bytes, and can read none of them."""

from __future__ import annotations

import msgspec

from specie.ledger.api import Session
from specie.ledger.client.calling import JSON, OCTETS, Caller, Door, read_json
from specie.ledger.messages.sealed import SESSION_HEADER
from specie.ledger.messages.views import Nonce


class TrustedNodeClient:
    """A trusted node behind `caller`."""

    def __init__(self, caller: Caller) -> None:
        self._door = Door(caller, "/v1/ledger/trusted")

    async def session(self, nonce: bytes) -> Session:
        body = msgspec.json.encode(Nonce(nonce.hex()))
        return read_json((await self._door.call("POST", "/sessions", body, JSON)).body, Session)

    async def rings(self, session: str, sealed: bytes) -> bytes:
        return (await self._door.call("POST", "/rings", sealed, OCTETS, ((SESSION_HEADER, session),))).body

    async def scan(self, session: str, sealed: bytes) -> bytes:
        return (await self._door.call("POST", "/scan", sealed, OCTETS, ((SESSION_HEADER, session),))).body
