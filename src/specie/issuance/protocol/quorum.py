"""Who agreed: quorums count persons, never keys (ISSUANCE section 11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from specie.crypto import cose, ed25519, es256
from specie.issuance.errors import (
    ApprovalDuplicate,
    ApprovalsInsufficient,
    ApproverConflict,
    BadSignature,
    IssuerMismatch,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import Approval, ClockReset, Decision, Pause, Request
from specie.issuance.messages.policy import Tier
from specie.issuance.protocol.keyset import KeySet


def is_signed(public: bytes, alg: int, tbs: bytes, signature: bytes) -> bool:
    """Verify one signature of a person: Ed25519, or ES256 where a token makes it. Variable time."""
    if alg == cose.ES256:
        return es256.is_signature(public, tbs, signature)
    return alg == cose.EDDSA and ed25519.is_signature(public, tbs, signature)


def verified_holders(
    signers: Iterable[cose.Signer], publics: Mapping[bytes, bytes], keys: KeySet | None = None
) -> set[str]:
    """The distinct persons whose signatures verify; without a key set each key stands for itself."""
    holders = set()
    for signer in signers:
        public = publics.get(signer.kid)
        if public is not None and is_signed(public, signer.alg, signer.tbs, signer.signature):
            holders.add(keys.entries[signer.kid].holder if keys else signer.kid.hex())
    return holders


# SPEC ISSUANCE-11.1, ISSUANCE-11.2
def check_approver(entry: KeyEntry, request: Request, issuer: str, earlier: Iterable[str]) -> None:
    """May this officer decide on this request? Raises ApproverConflict, ApprovalDuplicate.

    earlier: the persons who have decided already.
    """
    if entry.holder == request.operator:
        raise ApproverConflict("the operator of a request cannot approve it")
    if issuer in (entry.employer, entry.holder):
        raise ApproverConflict("an officer of the requesting system cannot approve its request")
    if entry.holder in set(earlier):
        raise ApprovalDuplicate("this person has decided already")


def is_reached(tier: Tier, titles_by_person: Mapping[str, str | None]) -> bool:
    """Enough persons, and each title of the tier among them."""
    return len(titles_by_person) >= tier.persons and set(tier.titles) <= set(titles_by_person.values())


# SPEC ISSUANCE-6.5.11, ISSUANCE-11.4, ISSUANCE-11.6, ISSUANCE-11.9, ISSUANCE-20.7
def check_approvals(
    approvals: Sequence[Signed[Approval]],
    tier: Tier,
    request: Signed[Request],
    keys: KeySet,
    credential_iat: int,
) -> None:
    """Quota control counts again: central management cannot invent approvals.

    An approval counts if its exp is after the credential's iat. Raises ApproverConflict, ApprovalDuplicate,
    ApprovalsInsufficient.
    """
    if tier.persons and request.body.operator is None:
        raise ApproverConflict("a request of this tier must name its operator")
    titles: dict[str, str | None] = {}
    for approval in approvals:
        body = approval.body
        if body.request_hash != request.hash or body.decision != Decision.APPROVE:
            raise ApprovalsInsufficient("an approval is of another request, or none")
        if approval.claims.exp is None or approval.claims.exp <= credential_iat:
            raise ApprovalsInsufficient("an approval had expired when the credential was made")
        entry = keys.active(approval.kid, ("officer",), approval.claims.iat)
        if entry.holder != approval.claims.iss:
            raise ApprovalsInsufficient("an approval names another person than the owner of its key")
        check_approver(entry, request.body, request.claims.iss, titles)
        if not is_signed(keys.publics[approval.kid], approval.alg, approval.tbs, approval.signature):
            raise ApprovalsInsufficient("the signature of an approval does not verify")
        titles[entry.holder] = entry.title
    if not is_reached(tier, titles):
        raise ApprovalsInsufficient(f"{len(titles)} of {tier.persons} needed approvals")


def check_persons(
    objects: Sequence[Signed[Approval]] | Sequence[Signed[Pause]] | Sequence[Signed[ClockReset]],
    needed: int,
    keys: KeySet,
    now_s: int,
) -> list[str]:
    """Distinct officers behind these objects, in order. Raises UnknownKey, KeyRole, KeyNotActive, KeyRevoked,
    BadSignature, ApprovalDuplicate, ApprovalsInsufficient."""
    persons: list[str] = []
    for item in objects:
        entry = keys.active(item.kid, ("officer",), now_s)
        if not is_signed(keys.publics[item.kid], item.alg, item.tbs, item.signature):
            raise BadSignature("an officer's signature does not verify")
        if entry.holder != item.claims.iss:
            raise IssuerMismatch("the object names another person than the owner of its key")
        if entry.holder in persons:
            raise ApprovalDuplicate("one person signed twice")
        persons.append(entry.holder)
    if len(persons) < needed:
        raise ApprovalsInsufficient(f"{len(persons)} of {needed} needed officers")
    return persons
