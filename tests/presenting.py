"""Presentations made beforehand, with the keys of a founded deployment: what quota control is shown in step 5."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from specie.app.config.model import Config
from specie.app.founding import KEYS_FILE, POLICY_FILE, pinned_roots
from specie.app.keyfolders import system_store
from specie.crypto import cose
from specie.issuance.messages.claims import Claims, payload_of
from specie.issuance.messages.objects import Credential, Presentation, Request
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.keyset import public_key, read_manifest
from specie.issuance.protocol.policy import policy_hash
from specie.issuance.protocol.units import unit_roots
from specie.kernel.clock import SystemClock, SystemRandomness
from specie.kernel.ids import uuid7
from tests.services import CM, IS, QC, ROLES

FOUR_UNITS = ((10_000, 1), (2_000, 2), (1_000, 1))
AT_ONCE = 500


class Presenter:
    """Makes presentations as the three systems would, without asking them."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock, self.randomness = SystemClock(), SystemRandomness()
        manifest = (config.data_dir / KEYS_FILE).read_bytes()
        self.keys = read_manifest(manifest, pinned_roots(config), config.environment, None)
        self.policy_hash = policy_hash((config.data_dir / POLICY_FILE).read_bytes())
        self.ids = {role: config.system(role).id for role in ROLES}
        self.stores = {role: system_store(config, role) for role in (CM, IS)}

    async def sign(self, home: str, role: str, items: Sequence[tuple[Claims, Body]]) -> list[bytes]:
        """Objects signed with a system's key."""
        entry = self.keys.signer(role, self.ids[home], self.now_s())
        typ: str = items[0][1].typ  # type: ignore[attr-defined]
        payloads = [payload_of(claims, body) for claims, body in items]
        store = self.stores[home]
        jobs: Any = [
            ("cose", cose.to_be_signed(typ, entry.kid, payload), claims.cti)
            for payload, (claims, _) in zip(payloads, items, strict=True)
        ]
        signatures = await store.sign_many(store.uri(entry.kid.hex()), jobs)
        return [
            cose.assemble_sign1(typ, entry.kid, payload, signature)
            for payload, signature in zip(payloads, signatures, strict=True)
        ]

    def new_cti(self) -> bytes:
        return uuid7(self.clock.now_us(), self.randomness)

    async def make(self, count: int, *, amount: int = 15_000) -> list[bytes]:
        """So many presentations of one amount; 150.00 is four units."""
        made: list[bytes] = []
        while len(made) < count:
            made += await self._some(min(AT_ONCE, count - len(made)), amount)
        return made

    def now_s(self) -> int:
        return self.clock.now_us() // 1_000_000

    async def requests(self, count: int, *, amount: int = 15_000) -> list[bytes]:
        """So many `dc-req` of one amount."""
        claims = [
            Claims(self.ids[IS], self.now_s(), self.new_cti(), self.ids[CM], self.now_s() + 900) for _ in range(count)
        ]
        return await self.sign(IS, "is:req", [(each, request_of(amount)) for each in claims])

    async def present(self, sealed: Sequence[bytes]) -> list[bytes]:
        """`dc-pres` of sealed credentials."""
        claims = [Claims(self.ids[IS], self.now_s(), self.new_cti(), self.ids[QC]) for _ in sealed]
        shown = [Presentation(each, sha256(each).digest()) for each in sealed]
        return await self.sign(IS, "is:req", list(zip(claims, shown, strict=True)))

    async def _some(self, count: int, amount: int) -> list[bytes]:
        now_s, request = self.now_s(), request_of(amount)
        asked = await self.requests(count, amount=amount)
        ctis = [self.new_cti() for _ in asked]
        bodies = [
            Credential(data, sha256(data).digest(), self.ids[IS], "XTS", amount, 0, 1, self.policy_hash, (), root)
            for data, (root, _) in zip(asked, unit_roots([(cti, request) for cti in ctis]), strict=True)
        ]
        claims = [Claims(self.ids[CM], now_s, cti, self.ids[QC], now_s + 600, now_s) for cti in ctis]
        credentials = await self.sign(CM, "cm:cred", list(zip(claims, bodies, strict=True)))
        recipient = public_key(self.keys.signer("qc:kem", self.ids[QC], now_s))
        items = [(data, recipient, cti) for data, cti in zip(credentials, ctis, strict=True)]
        return await self.present(cose.seal_many(items, self.randomness))


def request_of(amount: int) -> Request:
    """150.00 is four units, any other amount one."""
    return Request("XTS", amount, 0, b"\x07" * 16, "retail", FOUR_UNITS if amount == 15_000 else ((amount, 1),))
