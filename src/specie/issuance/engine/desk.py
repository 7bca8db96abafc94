"""What a system works with: its name, database, keys, clock and randomness, and the signing of what it decided.

A decision commits first and is signed afterwards; a signature is stored before it leaves the house, and whoever comes
second answers with the stored one (ISSUANCE-6.3.4). So a crash between any two of these steps loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import ParamSpec, TypeVar

from specie.crypto import cose
from specie.issuance.engine.reaching import RoomDatabase
from specie.issuance.errors import Denial, KeysetStale, KmsUnavailable, PolicyStale
from specie.issuance.messages.claims import Claims, payload_of
from specie.issuance.messages.objects import Deny
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.keyset import KeySet, has_stopped
from specie.issuance.protocol.policy import PolicyBook
from specie.issuance.store import rules as rules_store
from specie.issuance.store.journal import Journal, ObjectRow, signatures_by_cti
from specie.kernel.clock import Clock, Randomness
from specie.kernel.db import Database, Transaction
from specie.kernel.errors import Unavailable
from specie.kernel.ids import uuid7
from specie.kms.api import Keys, KeyUri

P = ParamSpec("P")
T = TypeVar("T")
SECOND_US = 1_000_000
DEFAULT_MANIFEST_AGE_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this system is, and whom it believes."""

    system: str
    environment: str
    roots: Mapping[bytes, bytes]
    """Pinned root keys, kid to public key (ISSUANCE-2.1.2)."""


class Observer:
    """What a system reports of itself; the app hangs its metrics here. This one reports nothing."""

    def request(self, step: str, code: str) -> None:
        """One call was answered with this code (`ok` for success)."""

    def step(self, step: str, seconds: float) -> None:
        """One batch of this step took this long."""

    def batch(self, size: int, seconds: float) -> None:
        """One write transaction was committed."""

    def alarm(self, code: str, detail: str) -> None:
        """Something a person must look at (ISSUANCE-17.2)."""


@dataclass(slots=True)
class Desk:
    """The working place of one system."""

    identity: Identity
    database: Database
    keys: Keys
    key_uri: Callable[[bytes], KeyUri]
    """Key id to where the private key is."""
    clock: Clock
    randomness: Randomness
    observer: Observer = field(default_factory=Observer)
    threads: bool = True
    """Run CPU work beside the event loop; off in the simulator, which wants one order of events."""
    cached: rules_store.InForce | None = None
    latest_us: int = 0
    """Time of the last leaf that this process knows of."""

    def __post_init__(self) -> None:
        if not isinstance(self.database, RoomDatabase):
            self.database = RoomDatabase(self.database)

    @property
    def me(self) -> str:
        return self.identity.system

    # SPEC ISSUANCE-5.5.3, ISSUANCE-20.12
    def now_s(self) -> int:
        """The clock, never before the last leaf, for checks before a transaction; decisions take the journal's time."""
        return max(self.clock.now_us(), self.latest_us) // SECOND_US

    def saw(self, at_us: int) -> None:
        """A leaf of this time stands in the log."""
        self.latest_us = max(self.latest_us, at_us)

    def new_cti(self) -> bytes:
        return uuid7(self.clock.now_us(), self.randomness)

    async def offload(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run CPU work without holding the event loop."""
        if self.threads:
            return await asyncio.to_thread(work, *args, **kwargs)
        return work(*args, **kwargs)

    def in_force(self, tx: Transaction, rules: int) -> rules_store.InForce:
        """Rules at this state of the head; read again when another process has changed them."""
        if self.cached is None or self.cached.rules != rules:
            self.cached = rules_store.load(tx, rules, dict(self.identity.roots), self.identity.environment)
        return self.cached

    async def current(self) -> rules_store.InForce:
        """Rules for the checks before the transaction."""
        if self.cached is None:
            await self.refresh()
        assert self.cached is not None
        return self.cached

    async def refresh(self) -> rules_store.InForce:
        """Read the rules that are stored now."""
        from specie.issuance.store.journal import read_head

        return await self.database.read(lambda tx: self.in_force(tx, read_head(tx).rules))

    def key_set(self, rules: rules_store.InForce) -> KeySet:
        """The manifest in force. Raises KeysetStale before the first one."""
        if rules.keys is None:
            raise KeysetStale("no key manifest yet")
        return rules.keys

    def policy_book(self, rules: rules_store.InForce) -> PolicyBook:
        """The accepted policies. Raises PolicyStale before the first one."""
        if rules.book is None:
            raise PolicyStale("no quota policy yet")
        return rules.book

    # SPEC ISSUANCE-2.1.4
    def check_fresh(self, rules: rules_store.InForce, now_us: int) -> None:
        """Raises KeysetStale where the manifest was not confirmed within its age."""
        book = rules.book
        ages_s = [policy.lifetimes.manifest_age_s for policy in book.binding(now_us)] if book else []
        age_s = min(ages_s, default=DEFAULT_MANIFEST_AGE_S)
        if now_us - rules.confirmed_us > age_s * SECOND_US:
            raise KeysetStale("the key manifest was not confirmed in time")

    def fix(self, journal: Journal, role: str, keys: KeySet, claims: Claims, body: Body) -> ObjectRow:
        """Fix the bytes of an object inside a transaction; it is signed after the commit."""
        entry = keys.signer(role, self.me, journal.now_s)
        payload = payload_of(claims, body)
        typ: str = body.typ  # type: ignore[attr-defined]
        digest = sha256(cose.to_be_signed(typ, entry.kid, payload)).digest()
        journal.sign_later(claims.cti, typ, entry.kid, payload, digest)
        return ObjectRow(claims.cti, typ, entry.kid, payload, digest, None)

    def deny_body(self, refusal: Denial, object_hash: bytes) -> Deny:
        """The evidence of a refusal."""
        return Deny(
            object_hash=object_hash,
            code=refusal.chapter,
            bucket=refusal.bucket,
            available=refusal.available,
            not_before=refusal.not_before_s,
        )

    async def sign_rows(self, rows: Sequence[ObjectRow]) -> dict[bytes, bytes]:
        """Signatures for fixed bytes, by cti. Raises KmsUnavailable; the bytes stay and are signed later."""
        by_kid: dict[bytes, list[ObjectRow]] = {}
        for row in rows:
            by_kid.setdefault(row.kid, []).append(row)
        answer: dict[bytes, bytes] = {}
        keys = self.key_set(await self.current())
        for kid, group in by_kid.items():
            # SPEC ISSUANCE-12.1.5
            if kid not in keys.entries or has_stopped(keys.entries[kid], self.now_s()):
                raise KmsUnavailable("the key of these bytes has stopped; they are fixed anew")
            items = [signing_job(cose.to_be_signed(row.typ, kid, row.payload)) for row in group]
            try:
                signatures = await self.keys.sign_many(self.key_uri(kid), items)  # type: ignore[arg-type]
            except Unavailable as error:
                raise KmsUnavailable(error.detail) from error
            answer.update((row.cti, bytes(each)) for row, each in zip(group, signatures, strict=True))
        return answer

    async def sign_now(self, role: str, items: Sequence[tuple[Claims, Body]]) -> list[bytes]:
        """Make and sign objects that no log of this system fixes first: requests, presentations, unstored denials."""
        if not items:
            return []
        keys = self.key_set(await self.current())
        entry = keys.signer(role, self.me, self.now_s())
        payloads = [payload_of(claims, body) for claims, body in items]
        typs: list[str] = [body.typ for _, body in items]  # type: ignore[attr-defined]
        jobs = [
            signing_job(cose.to_be_signed(typ, entry.kid, payload)) for typ, payload in zip(typs, payloads, strict=True)
        ]
        try:
            signatures = await self.keys.sign_many(self.key_uri(entry.kid), jobs)  # type: ignore[arg-type]
        except Unavailable as error:
            raise KmsUnavailable(error.detail) from error
        return [
            cose.assemble_sign1(typ, entry.kid, payload, bytes(signature))
            for typ, payload, signature in zip(typs, payloads, signatures, strict=True)
        ]

    # SPEC ISSUANCE-7.1
    async def with_evidence(self, role: str, refusals: Sequence[tuple[Denial, bytes]]) -> None:
        """Sign a `dc-deny` for refusals that are answered and counted but not stored (before C10).

        refusals: (refusal, SHA-256 of the refused bytes). A system whose keys do not answer refuses without evidence.
        """
        now_s = self.now_s()
        items: list[tuple[Claims, Body]] = [
            (Claims(iss=self.me, iat=now_s, cti=self.new_cti()), self.deny_body(refusal, digest))
            for refusal, digest in refusals
        ]
        try:
            signed = await self.sign_now(role, items)
        except (Unavailable, Denial):
            return
        for (refusal, _), evidence in zip(refusals, signed, strict=True):
            refusal.evidence = evidence


# SPEC KMS-6.12
def signing_job(tbs: bytes) -> tuple[str, bytes, bytes]:
    """What the keys are asked. The id is of the bytes: an object made again after a crash (same cti, another time) is
    another request."""
    return "cose", tbs, sha256(tbs).digest()[:16]


def assemble(row: ObjectRow, signature: bytes) -> bytes:
    """The finished object."""
    return cose.assemble_sign1(row.typ, row.kid, row.payload, signature)


# SPEC ISSUANCE-6.3.4
def keep_signatures(tx: Transaction, signed: Mapping[bytes, tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Store signatures where none is stored; answers the stored one for each cti.

    signed: cti -> (signature, hash of the bytes it signs). A row whose bytes were fixed anew meanwhile is left out.
    """
    answer: dict[bytes, bytes] = {}
    fresh = []
    for cti, kept_hash, kept in signatures_by_cti(tx, list(signed)):
        signature, digest = signed[cti]
        if kept is not None:
            answer[cti] = kept
        elif kept_hash == digest:
            fresh.append((cti, signature))
            answer[cti] = signature
    if fresh:
        tx.update_many("object", {"cti": "blob"}, {"signature": "blob"}, fresh)
    return answer
