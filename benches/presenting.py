"""Presentations made beforehand, with the keys of a founded deployment: what quota control is shown in step 5."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import harness  # noqa: F401  (finds the packages)

from specie.app.config.model import Config
from specie.app.founding import KEYS_FILE, POLICY_FILE, pinned_roots, system_store
from specie.crypto import cose
from specie.issuance.messages.claims import Claims, payload_of, read_payload
from specie.issuance.messages.objects import Credential, Presentation, Request
from specie.issuance.messages.policy import Policy
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.keyset import public_key, read_manifest
from specie.issuance.protocol.policy import policy_hash
from specie.issuance.protocol.units import unit_roots
from specie.kernel.clock import SystemClock, SystemRandomness
from specie.kernel.ids import uuid7

FOUR_UNITS = ((10_000, 1), (2_000, 2), (1_000, 1))
AT_ONCE = 500


class Presenter:
    """Makes presentations as the three systems would, without asking them."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock, self.randomness = SystemClock(), SystemRandomness()
        manifest = (config.data_dir / KEYS_FILE).read_bytes()
        self.keys = read_manifest(manifest, pinned_roots(config), config.environment, None)
        policy = (config.data_dir / POLICY_FILE).read_bytes()
        self.policy_hash = policy_hash(policy)
        read_payload(Policy, cose.parse_sign(policy, bytes_max=2**18).payload)
        self.ids = {role: config.system(role).id for role in ("central-management", "quota-control", "issuance")}
        self.stores = {role: system_store(config, role) for role in ("central-management", "issuance")}

    async def sign(self, home: str, role: str, items: Sequence[tuple[Claims, Body]]) -> list[bytes]:
        """Objects signed with a system's key."""
        entry = self.keys.signer(role, self.ids[home], self.clock.now_us() // 1_000_000)
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

    async def _some(self, count: int, amount: int) -> list[bytes]:
        now_s = self.clock.now_us() // 1_000_000
        issuer, cm, qc = self.ids["issuance"], self.ids["central-management"], self.ids["quota-control"]
        piles = FOUR_UNITS if amount == 15_000 else ((amount, 1),)
        request = Request("XTS", amount, 0, b"\x07" * 16, "retail", piles)
        asked = await self.sign(
            "issuance",
            "is:req",
            [(Claims(issuer, now_s, self.new_cti(), cm, now_s + 900), request) for _ in range(count)],
        )
        ctis = [self.new_cti() for _ in asked]
        roots = unit_roots([(cti, request) for cti in ctis])
        credentials = await self.sign(
            "central-management",
            "cm:cred",
            [
                (
                    Claims(cm, now_s, cti, qc, now_s + 600, now_s),
                    Credential(data, sha256(data).digest(), issuer, "XTS", amount, 0, 1, self.policy_hash, (), root[0]),
                )
                for data, cti, root in zip(asked, ctis, roots, strict=True)
            ],
        )
        recipient = public_key(self.keys.signer("qc:kem", qc, now_s))
        sealed = cose.seal_many(
            [(data, recipient, cti) for data, cti in zip(credentials, ctis, strict=True)], self.randomness
        )
        return await self.sign(
            "issuance",
            "is:req",
            [(Claims(issuer, now_s, self.new_cti(), qc), Presentation(each, sha256(each).digest())) for each in sealed],
        )
