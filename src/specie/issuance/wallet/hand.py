"""One person's signature: a key, its holder, and the objects that are made with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specie.crypto import cose
from specie.issuance.messages.claims import Claims, payload_of
from specie.issuance.messages.wire import Body
from specie.kernel.clock import Clock, Randomness
from specie.kernel.ids import uuid7
from specie.kms.api import Keys, KeyUri

SECOND_US = 1_000_000
APPROVAL_S = 3600


@dataclass(frozen=True, slots=True)
class Hand:
    """Who signs with which key."""

    holder: str
    keys: Keys
    uri: KeyUri
    clock: Clock
    randomness: Randomness

    def new_cti(self) -> bytes:
        return uuid7(self.clock.now_us(), self.randomness)

    def now_s(self) -> int:
        return self.clock.now_us() // SECOND_US

    async def cose_key(self) -> bytes:
        """The public key as a COSE_Key."""
        public = await self.keys.public_key(self.uri)
        return cose.cose_key(public.bytes, public.algorithm)

    async def kid(self) -> bytes:
        return cose.key_id_of(await self.cose_key())

    async def algorithm(self) -> int:
        return cose.ES256 if (await self.keys.public_key(self.uri)).algorithm == "es256" else cose.EDDSA

    async def sign(
        self, body: Body, *, aud: str | None = None, exp: int | None = None, cti: bytes | None = None
    ) -> bytes:
        """A COSE_Sign1 of a body by this hand."""
        claims = Claims(iss=self.holder, aud=aud, exp=exp, iat=self.now_s(), cti=cti or self.new_cti())
        return await self.sign_payload(body.typ, payload_of(claims, body), claims.cti)  # type: ignore[attr-defined]

    async def sign_payload(self, typ: str, payload: bytes, cti: bytes) -> bytes:
        """A COSE_Sign1 over payload bytes that are fixed already."""
        kid, alg = await self.kid(), await self.algorithm()
        signature = await self.keys.sign(self.uri, "cose", cose.to_be_signed(typ, kid, payload, alg), cti)
        return cose.assemble_sign1(typ, kid, payload, bytes(signature), alg)


# SPEC ISSUANCE-3.5.1, ISSUANCE-3.5.2
async def sign_together(body: Body, holder: str, hands: Sequence[Hand]) -> bytes:
    """A COSE_Sign of a body by several hands, each with its own kid."""
    first = hands[0]
    claims = Claims(iss=holder, iat=first.now_s(), cti=first.new_cti())
    return await add_signatures(body.typ, payload_of(claims, body), [], hands)  # type: ignore[attr-defined]


async def add_signatures(
    typ: str, payload: bytes, earlier: Sequence[tuple[bytes, int, bytes]], hands: Sequence[Hand]
) -> bytes:
    """The COSE_Sign with these signatures beside the earlier ones; a hand that signed before signs once."""
    signatures = {kid: (kid, alg, signature) for kid, alg, signature in earlier}
    for hand in hands:
        kid, alg = await hand.kid(), await hand.algorithm()
        tbs = cose.to_be_signed_by_many(typ, kid, payload, alg)
        signatures[kid] = (kid, alg, bytes(await hand.keys.sign(hand.uri, "cose", tbs, hand.new_cti())))
    return cose.assemble_sign(typ, payload, list(signatures.values()))
