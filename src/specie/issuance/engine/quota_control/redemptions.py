"""What quota control checks of a redemption before its transaction: owner, units, officers, proofs (section 14)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from specie.crypto import cose
from specie.issuance.api import Parcel
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.quota_control.redeeming import RedeemItem, Share
from specie.issuance.engine.rulebook import OFFICER_ALGORITHMS
from specie.issuance.errors import (
    AlgorithmNotAllowed,
    ApprovalsInsufficient,
    BadSignature,
    ChannelMismatch,
    Denial,
    NotOwner,
    Schema,
    UnitInvalid,
    WrongAudience,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Approval, ControlBit, Decision, RedemptionRequest, Unit
from specie.issuance.messages.policy import Policy
from specie.issuance.protocol.envelope import open_many, open_one, read_unverified
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.protocol.quorum import check_persons, is_signed
from specie.issuance.protocol.units import check_unit
from specie.issuance.store import quota_control as store
from specie.issuance.store.journal import objects_by_cti
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused

if TYPE_CHECKING:
    from specie.issuance.engine.quota_control.system import QuotaControlEngine

DESTROYING_PERSONS = 2


async def redeem(engine: QuotaControlEngine, parcel: Parcel, peer: str | None) -> bytes:
    """Check the parcel, then count it. Raises the refusal of the first check that fails."""
    desk = engine.desk
    rules = await desk.current()
    keys, policy = desk.key_set(rules), desk.policy_book(rules).newest.policy
    now_s = desk.now_s()

    def work() -> RedeemItem:
        return read_parcel(engine, parcel, keys, policy, now_s, peer)

    try:
        if (known := await known_answer(engine, parcel, peer)) is not None:
            return known
        decided = await engine.writer.submit(await desk.offload(work))
    except Denial as refusal:
        # SPEC ISSUANCE-14.13 (evidence for the asker; nothing is stored, since the same bytes may come again)
        await desk.with_evidence("qc:bit", [(refusal, request_hash(parcel))])
        raise
    assert isinstance(decided, Outcome)
    (answer,) = await engine.finish([decided])
    if isinstance(answer, Exception):
        raise answer
    return answer[0]


# SPEC ISSUANCE-14.15
async def known_answer(engine: QuotaControlEngine, parcel: Parcel, peer: str | None) -> bytes | None:
    """The receipt of these very bytes, which were judged before: what has expired since does not matter."""
    request = read_unverified(parcel.request, RedemptionRequest)

    def read(tx: Transaction) -> Outcome | None:
        row = store.redemption(tx, request.claims.iss, request.claims.cti)
        if row is None or row.hash != request.hash or peer not in (None, row.issuer, row.iss):
            return None
        return Outcome(objects_by_cti(tx, [row.receipt])[row.receipt], replayed=True)

    outcome = await engine.desk.database.read(read)
    if outcome is None:
        return None
    (answer,) = await engine.finish([outcome])
    if isinstance(answer, Exception):
        raise answer
    return answer[0]


def read_parcel(
    engine: QuotaControlEngine,
    parcel: Parcel,
    keys: KeySet,
    policy: Policy,
    now_s: int,
    peer: str | None,
) -> RedeemItem:
    """The parcel as an item to decide. Raises Schema, UnitInvalid, NotOwner, BadSignature, ApprovalsInsufficient."""
    request = read_unverified(parcel.request, RedemptionRequest)
    body = request.body
    if (body.units is None) == (body.reference is None):
        raise Schema("exactly one of units and reference")
    # SPEC ISSUANCE-14.13
    issuer = request.claims.aud
    if issuer is None or body.currency not in policy.currencies:
        raise Schema("a redemption names the issuance system whose stock is relieved, and a known currency")
    # SPEC ISSUANCE-9.4.2
    if policy.currencies[body.currency].quota_control != engine.desk.me:
        raise WrongAudience("redemptions go to the quota control that keeps the root bucket")
    check_destruction(parcel, request, keys, now_s)
    if body.units is not None:
        if peer is not None and peer != issuer:
            raise ChannelMismatch("units are redeemed through the system that issued them")
        check_owner_signature(parcel, request)
        shares = check_units(parcel, request, keys, policy, now_s, engine.desk.me)
        return RedeemItem(request, issuer, tuple(shares), engine.central_management)
    return read_reference(engine, parcel, request, keys, policy, now_s)


def read_reference(
    engine: QuotaControlEngine,
    parcel: Parcel,
    request: Signed[RedemptionRequest],
    keys: KeySet,
    policy: Policy,
    now_s: int,
) -> RedeemItem:
    """The amount form: account money, or a burn on the ledger. SPEC ISSUANCE-14.9, ISSUANCE-14.11, ISSUANCE-14.12."""
    body, rule = request.body, policy.currencies[request.body.currency]
    if request.claims.exp is not None:
        raise Schema("a redemption by reference has no exp")
    opened = open_one(parcel.request, RedemptionRequest, keys, lambda kid: keys.verifiable(kid, ("bank:reg",), now_s))
    bank = keys.entries[opened.kid].holder
    if bank != opened.claims.iss or body.reference is None:
        raise BadSignature("the request names another bank than the owner of its key")
    share = (Share(body.reference, body.amount, bytes(16)),)
    issuer = request.claims.aud or ""
    if parcel.proof:
        registry = engine.registries.get(rule.token_registry)
        if registry is None:
            raise UnitInvalid("this currency has no ledger to prove a burn on")
        try:
            registry.check_burn(parcel.proof, parcel.request)
        except Refused as error:
            raise UnitInvalid(error.detail) from error
        return RedeemItem(opened, issuer, share, engine.central_management)
    if bank not in rule.banks:
        raise UnitInvalid(f"{bank} keeps no accounts in this currency")
    return RedeemItem(opened, issuer, share, engine.central_management, bank)


# SPEC ISSUANCE-14.6
def check_destruction(parcel: Parcel, request: Signed[RedemptionRequest], keys: KeySet, now_s: int) -> None:
    """Without a beneficiary value is destroyed, which takes two officers. Raises ApprovalsInsufficient and theirs."""
    if request.body.beneficiary:
        return
    approvals = [read_unverified(data, Approval) for data in parcel.approvals]
    for approval in approvals:
        body = approval.body
        if body.request_hash != request.hash or body.decision != Decision.APPROVE:
            raise ApprovalsInsufficient("an approval is of something else")
        if approval.claims.exp is None or approval.claims.exp <= now_s or approval.alg not in OFFICER_ALGORITHMS:
            raise ApprovalsInsufficient("an approval has expired")
    check_persons(approvals, DESTROYING_PERSONS, keys, now_s)


# SPEC ISSUANCE-14.1
def check_owner_signature(parcel: Parcel, request: Signed[RedemptionRequest]) -> None:
    """The request is signed by the key whose thumbprint the units name. Raises NotOwner, AlgorithmNotAllowed,
    BadSignature."""
    try:
        key = cose.parse_key(parcel.owner_key)
    except Refused as error:
        raise NotOwner("the owner's key does not parse") from error
    if cose.key_id_of(parcel.owner_key) != request.kid:
        raise NotOwner("the request is signed by another key than the one shown")
    # SPEC ISSUANCE-3.3.3
    if request.alg != cose.EDDSA:
        raise AlgorithmNotAllowed("owners sign with Ed25519")
    if not is_signed(key.public, request.alg, request.tbs, request.signature):
        raise BadSignature("the owner's signature does not verify")


# SPEC ISSUANCE-14.2, ISSUANCE-13.2.12
def check_units(
    parcel: Parcel, request: Signed[RedemptionRequest], keys: KeySet, policy: Policy, now_s: int, me: str
) -> list[Share]:
    """Every unit: issuer's signature, bit's signature, path, owner, serial as asked. Raises UnitInvalid, NotOwner."""
    body = request.body
    if policy.currencies[body.currency].token_registry != OFFLINE:
        raise UnitInvalid("units of a ledger are evidence; the value is redeemed by a burn")
    if body.units is None or len(parcel.units) != len(body.units):
        raise Schema("as many units as serials")
    opened = open_many(parcel.units, Unit, keys, lambda kid: keys.verifiable(kid, ("is:unit",), now_s))
    bits = open_bits(opened, keys, now_s)
    shares = []
    for serial, unit in zip(body.units, opened, strict=True):
        if isinstance(unit, Denial):
            raise UnitInvalid(f"a unit does not verify: {unit.chapter}")
        if unit.claims.cti != serial or unit.body.currency != body.currency:
            raise UnitInvalid("a unit is not the one that the request names")
        bit = bits[unit.body.control_bit]
        check_unit(unit, bit)
        if unit.claims.iss != request.claims.aud or keys.entries[unit.kid].holder != unit.claims.iss:
            raise UnitInvalid("a unit is by another issuer")
        if unit.body.owner != request.kid:
            raise NotOwner("a unit belongs to another owner")
        if unit.body.not_after is not None and unit.body.not_after < now_s:
            raise UnitInvalid("a unit is no longer valid")
        shard = bit.body.amount if bit.claims.iss != me else None
        shares.append(Share(serial, unit.body.value, bit.body.credential_cti, shard))
    return shares


def open_bits(opened: Sequence[Signed[Unit] | Denial], keys: KeySet, now_s: int) -> dict[bytes, Signed[ControlBit]]:
    """Each control bit that the units embed, verified once. Raises UnitInvalid."""
    found: dict[bytes, Signed[ControlBit]] = {}
    wanted = sorted({unit.body.control_bit for unit in opened if isinstance(unit, Signed)})
    answers = open_many(wanted, ControlBit, keys, lambda kid: keys.verifiable(kid, ("qc:bit",), now_s))
    for data, bit in zip(wanted, answers, strict=True):
        if isinstance(bit, Denial):
            raise UnitInvalid(f"the control bit of a unit does not verify: {bit.chapter}")
        if keys.entries[bit.kid].holder != bit.claims.iss:
            raise UnitInvalid("the control bit names another system than the owner of its key")
        found[data] = bit
    return found


def request_hash(parcel: Parcel) -> bytes:
    """SHA-256 of the dc-redreq: what officers approve for a destruction."""
    return sha256(parcel.request).digest()
