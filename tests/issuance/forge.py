"""Objects as an adversary makes them: any claims, any body, any header, signed by whatever key the forger holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import wraps
from hashlib import sha256
from typing import Any, ParamSpec

from specie.crypto import cose
from specie.issuance.api import Order
from specie.issuance.engine.issuance_system.asking import request_of
from specie.issuance.errors import Denial
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import Deny
from specie.issuance.messages.policy import CurrencyRule, IssuerRule, Policy
from specie.issuance.messages.wire import BODY_CLAIM
from specie.issuance.protocol.envelope import open_one
from specie.issuance.store.journal import read_head
from specie.issuance.wallet.founding import next_manifest
from specie.issuance.wallet.officer import sign_manifest, sign_policy
from specie.kernel import codec
from tests.issuance.house import CM, CURRENCY, IS, QC, TYPES, House, KeyRing

P = ParamSpec("P")
NO_SIGNATURE = bytes(64)
OTHER = "is:bank-02"
TROUBLED = (
    ("is:late", "is:req"),
    ("is:gone", "is:req"),
    ("cm-late", "cm:cred"),
    ("cm-gone", "cm:cred"),
    ("qc-gone", "qc:bit"),
)
Figures = dict[str, tuple[int, int]]


def asynchronous(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that awaits."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@dataclass
class Draft:
    """An object before it is encoded and signed; every part can be spoiled."""

    typ: str
    kid: bytes
    claims: dict[int, Any]
    body: dict[Any, Any]
    alg: int = cose.EDDSA
    signature: bytes | None = None
    """Given instead of made."""
    wraps: list[Callable[[bytes], bytes]] = field(default_factory=list)
    """What is done to the finished bytes."""

    async def finish(self, house: House) -> bytes:
        payload = codec.encode({**self.claims, BODY_CLAIM: self.body})
        signature = self.signature
        if signature is None:
            tbs = cose.to_be_signed(self.typ, self.kid, payload, self.alg)
            made = await house.ring.store.sign(house.ring.uri(self.kid), "cose", tbs, house.randomness.bytes(16))
            signature = bytes(made)
        data = cose.assemble_sign1(self.typ, self.kid, payload, signature, self.alg)
        for change in self.wraps:
            data = change(data)
        return data


def sha(data: bytes) -> bytes:
    return sha256(data).digest()


def now_s(house: House) -> int:
    return house.clock.now_us() // 1_000_000


def draft_request(house: House, order: Order | None = None, *, issuer: str = IS) -> Draft:
    """A request that nothing is wrong with."""
    now = now_s(house)
    cti = house.desks[IS].new_cti()
    body = request_of(order or house.order()).to_wire()
    claims = {1: issuer, 3: CM, 4: now + 300, 6: now, 7: cti}
    return Draft("dc-req", house.ring.kids[issuer, "is:req"], claims, body)


def draft_presentation(house: House, sealed: bytes, *, issuer: str = IS) -> Draft:
    """A presentation that nothing is wrong with."""
    claims = {1: issuer, 3: QC, 6: now_s(house), 7: house.desks[IS].new_cti()}
    body = {1: sealed, 2: sha256(sealed).digest()}
    return Draft("dc-pres", house.ring.kids[issuer, "is:req"], claims, body)


def adversary_ring(ring: KeyRing) -> KeyRing:
    """A second issuance system, a second quota control, and a key of each kind of trouble."""
    for role in ("is:req", "is:unit"):
        ring.make(OTHER, role, "ed25519", TYPES[role])
    for holder, role in TROUBLED:
        ring.make(holder, role, "ed25519", TYPES[role])
    ring.make("ledger", "owner", "ed25519", ("ledger-rcpt",))
    return ring


def with_troubled_keys(entries: tuple[KeyEntry, ...]) -> tuple[KeyEntry, ...]:
    """`late` keys do not sign yet; `gone` keys are revoked from the first log position on."""
    late = {"nbf": entries[0].nbf + 86_400, "status": 0}
    changes = {"late": late, "gone": {"status": 3, "compromised_from": 1}}
    return tuple(replace(each, **changes.get(each.holder[3:], {})) for each in entries)


async def change_policy(house: House, **changes: Any) -> Policy:
    """The next version, signed by two officers, at every system."""
    engines = (house.central_management, house.quota_control, house.issuance)
    return await change_policy_at(house, engines, **changes)


async def next_policy(house: House, **changes: Any) -> bytes:
    """The signed next version of what quota control has."""
    book = house.desks[QC].cached.book  # type: ignore[union-attr]
    newest = book.newest  # type: ignore[union-attr]
    values = {
        "version": newest.policy.version + 1,
        "previous": newest.hash,
        "effective_from": now_s(house),
    }
    policy = replace(newest.policy, **(values | changes))
    return await sign_policy(policy, [house.hand("mina"), house.hand("omar")])


async def change_policy_at(house: House, engines: Any, **changes: Any) -> Policy:
    data = await next_policy(house, **changes)
    for engine in engines:
        await engine.rules.apply_policy(data)
    return current_policy(house)


def current_policy(house: House, system: str = QC) -> Policy:
    return house.desks[system].cached.book.newest.policy  # type: ignore[union-attr]


def currency_rule(house: House, **changes: Any) -> dict[str, CurrencyRule]:
    """The currencies of the next policy, with the one currency's rule changed."""
    currencies = dict(current_policy(house).currencies)
    return currencies | {CURRENCY: replace(currencies[CURRENCY], **changes)}


def issuer_rule(house: House, issuer: str = IS, **changes: Any) -> dict[str, IssuerRule]:
    issuers = dict(current_policy(house).issuers)
    return issuers | {issuer: replace(issuers[issuer], **changes)}


async def change_keys(house: House, change: Callable[[KeyEntry], KeyEntry], added: tuple[KeyEntry, ...] = ()) -> bytes:
    """The next manifest at every system, with entries changed and added."""
    keys = house.desks[QC].cached.keys  # type: ignore[union-attr]
    entries = (*(change(each) for each in keys.manifest.entries), *added)  # type: ignore[union-attr]
    manifest = next_manifest(keys.manifest, keys.hash, entries)  # type: ignore[union-attr]
    data = await sign_manifest(manifest, house.roots()[:2])
    for engine in (house.central_management, house.quota_control, house.issuance):
        await engine.rules.apply_keys(data)
    return data


async def figures(house: House, system: str) -> Figures:
    """Every bucket that holds anything: key to (reserved, used)."""
    engine = house.central_management if system == CM else house.quota_control
    found = (await engine.quotas()).buckets
    return {each.key: (each.reserved, each.used) for each in found if (each.reserved, each.used) != (0, 0)}


async def all_figures(house: House) -> tuple[Figures, Figures]:
    return await figures(house, CM), await figures(house, QC)


async def log_size(house: House, system: str) -> int:
    return (await house.databases[system].read(read_head)).seq


async def rows(house: House, system: str, sql: str) -> list[Any]:
    return await house.databases[system].read(lambda tx: tx.all(sql))


def evidence_of(house: House, refusal: Denial, system: str) -> Signed[Deny]:
    """The signed dc-deny of a refusal, verified as anyone would."""
    role = {CM: "cm:cred", QC: "qc:bit"}[system]
    keys = house.desks[system].cached.keys  # type: ignore[union-attr]
    assert keys is not None
    item = open_one(refusal.evidence, Deny, keys, lambda kid: keys.verifiable(kid, (role,), now_s(house)))
    assert (item.claims.iss, item.body.code) == (system, refusal.chapter)
    return item
