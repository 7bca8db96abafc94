"""What issuance refuses. The reasons are the codes of ISSUANCE section 7 in lower case; codes are never reused (ISSUANCE-7.5).

A refusal here is also evidence: the engine that refuses signs a `dc-deny` and hangs it on the exception as `evidence`.
"""

# SPEC ISSUANCE-7.5
from __future__ import annotations

from functools import cache
from typing import ClassVar

from specie.kernel.errors import Refused, Unavailable

ALARMS = frozenset({"CREDENTIAL_CONFLICT", "UNSEAL_FAILED", "CREDENTIAL_REQUEST_MISMATCH", "IDEMPOTENCY_MISMATCH"})


class Denial(Refused):
    """The common shape of this room's refusals; `chapter` is the code as the signed denial spells it."""

    code: ClassVar[str] = "issuance.denied"
    status: ClassVar[int] = 422
    chapter: ClassVar[str] = "DENIED"

    evidence: bytes = b""
    """The signed `dc-deny`, set by the system that refuses."""
    bucket: str | None = None
    """Name of the bucket that is short, where the code speaks of one."""
    available: int | None = None
    """What the bucket still has, in minor units; set only where the policy discloses it (ISSUANCE-7.2)."""
    not_before_s: int | None = None
    """When it may be worth trying again, seconds since 1970."""
    retry_after_s: int | None = None
    """Answered as the Retry-After header."""


class Malformed(Denial):
    """The bytes are not one well-formed object."""

    code, status, chapter = "issuance.malformed", 400, "MALFORMED"


class NonCanonical(Denial):
    """The bytes are well formed, but not in the one canonical encoding."""

    code, status, chapter = "issuance.non_canonical", 400, "NON_CANONICAL"


class Schema(Denial):
    """A field is missing, unknown, of the wrong type or out of its range."""

    code, status, chapter = "issuance.schema", 400, "SCHEMA"


class WrongType(Denial):
    """The object is of another type than this call takes."""

    code, status, chapter = "issuance.wrong_type", 400, "WRONG_TYPE"


class TooLarge(Denial):
    """The object is longer than its limit."""

    code, status, chapter = "issuance.too_large", 413, "TOO_LARGE"


class AlgorithmNotAllowed(Denial):
    """The signature algorithm is not allowed for this type of object."""

    code, status, chapter = "issuance.alg_not_allowed", 401, "ALG_NOT_ALLOWED"


class UnknownKey(Denial):
    """The key id does not stand in the key manifest."""

    code, status, chapter = "issuance.unknown_key", 401, "UNKNOWN_KEY"


class KeyRole(Denial):
    """The key has another role than this object needs."""

    code, status, chapter = "issuance.key_role", 401, "KEY_ROLE"


class KeyNotActive(Denial):
    """The key is not in force at this time."""

    code, status, chapter = "issuance.key_not_active", 401, "KEY_NOT_ACTIVE"


class KeyRevoked(Denial):
    """The key was revoked."""

    code, status, chapter = "issuance.key_revoked", 401, "KEY_REVOKED"


class BadSignature(Denial):
    """The signature does not verify."""

    code, status, chapter = "issuance.bad_signature", 401, "BAD_SIGNATURE"


class ChannelMismatch(Denial):
    """The caller's certificate names another system than the object."""

    code, status, chapter = "issuance.channel_mismatch", 401, "CHANNEL_MISMATCH"


class IssuerMismatch(Denial):
    """The object names another issuer than the owner of its key."""

    code, status, chapter = "issuance.issuer_mismatch", 403, "ISSUER_MISMATCH"


class WrongAudience(Denial):
    """The object is addressed to another system."""

    code, status, chapter = "issuance.wrong_audience", 403, "WRONG_AUDIENCE"


class PresenterMismatch(Denial):
    """Presenter, issuer in the credential and caller are not the same system."""

    code, status, chapter = "issuance.presenter_mismatch", 403, "PRESENTER_MISMATCH"


class NotYetValid(Denial):
    """The object's time lies in the future."""

    code, status, chapter = "issuance.not_yet_valid", 422, "NOT_YET_VALID"


class RequestExpired(Denial):
    """The request has expired."""

    code, status, chapter = "issuance.request_expired", 422, "REQUEST_EXPIRED"


class LifetimeTooLong(Denial):
    """The time from iat to exp is longer than allowed."""

    code, status, chapter = "issuance.lifetime_too_long", 422, "LIFETIME_TOO_LONG"


class IdempotencyMismatch(Denial):
    """This id was used before with other content."""

    code, status, chapter = "issuance.idempotency_mismatch", 422, "IDEMPOTENCY_MISMATCH"


class InProgress(Denial):
    """The first call with this id is still running."""

    code, status, chapter = "issuance.in_progress", 409, "IN_PROGRESS"
    retry_after_s = 1


class CredentialConflict(Denial):
    """The credential's id, or its request, was used before with another credential."""

    code, status, chapter = "issuance.credential_conflict", 409, "CREDENTIAL_CONFLICT"


class Paused(Denial):
    """The platform, or this direction of it, is paused."""

    code, status, chapter = "issuance.paused", 423, "PAUSED"


class CurrencySuspended(Denial):
    """The currency is paused."""

    code, status, chapter = "issuance.currency_suspended", 423, "CURRENCY_SUSPENDED"


class IssuerSuspended(Denial):
    """The issuer is paused."""

    code, status, chapter = "issuance.issuer_suspended", 423, "ISSUER_SUSPENDED"


class CurrencyNotPermitted(Denial):
    """The issuer may not issue this currency."""

    code, status, chapter = "issuance.currency_not_permitted", 403, "CURRENCY_NOT_PERMITTED"


class ModelNotPermitted(Denial):
    """The issuer may not issue in this model."""

    code, status, chapter = "issuance.model_not_permitted", 403, "MODEL_NOT_PERMITTED"


class PurposeNotPermitted(Denial):
    """The issuer may not issue for this purpose."""

    code, status, chapter = "issuance.purpose_not_permitted", 403, "PURPOSE_NOT_PERMITTED"


class OwnerNotPermitted(Denial):
    """The issuer may not issue to this owner."""

    code, status, chapter = "issuance.owner_not_permitted", 403, "OWNER_NOT_PERMITTED"


class AmountZero(Denial):
    """The amount is zero."""

    code, status, chapter = "issuance.amount_zero", 422, "AMOUNT_ZERO"


class AmountBelowMin(Denial):
    """The amount is below the least that one request may ask for."""

    code, status, chapter = "issuance.amount_below_min", 422, "AMOUNT_BELOW_MIN"


class AmountAboveMax(Denial):
    """The amount is above the most that one request may ask for."""

    code, status, chapter = "issuance.amount_above_max", 422, "AMOUNT_ABOVE_MAX"


class DenominationNotPermitted(Denial):
    """The policy does not list this denomination."""

    code, status, chapter = "issuance.denomination_not_permitted", 422, "DENOMINATION_NOT_PERMITTED"


class DenominationSum(Denial):
    """The denominations do not add up to the amount."""

    code, status, chapter = "issuance.denomination_sum", 422, "DENOMINATION_SUM"


class TooManyUnits(Denial):
    """More than 1000 units in one request."""

    code, status, chapter = "issuance.too_many_units", 422, "TOO_MANY_UNITS"


class ReserveStale(Denial):
    """The reserve attestation is older than the policy allows."""

    code, status, chapter = "issuance.reserve_stale", 409, "RESERVE_STALE"


class ReserveInsufficient(Denial):
    """The attested reserve does not cover what would be outstanding."""

    code, status, chapter = "issuance.reserve_insufficient", 409, "RESERVE_INSUFFICIENT"


class FrequencyExceeded(Denial):
    """Too many requests in this window."""

    code, status, chapter = "issuance.frequency_exceeded", 429, "FREQUENCY_EXCEEDED"


class QuotaExceeded(Denial):
    """The quota does not allow this amount."""

    code, status, chapter = "issuance.quota_exceeded", 409, "QUOTA_EXCEEDED"


class QuotaExceededRealTime(Denial):
    """Quota control has no room for this amount now; the credential stays valid until it expires."""

    code, status, chapter = "issuance.quota_exceeded_rt", 409, "QUOTA_EXCEEDED_RT"


class ApprovalRejected(Denial):
    """An officer rejected the request."""

    code, status, chapter = "issuance.approval_rejected", 409, "APPROVAL_REJECTED"


class ApprovalExpired(Denial):
    """The officers did not decide in time."""

    code, status, chapter = "issuance.approval_expired", 409, "APPROVAL_EXPIRED"


class ApprovalsInsufficient(Denial):
    """The object does not carry the approvals that it needs."""

    code, status, chapter = "issuance.approvals_insufficient", 409, "APPROVALS_INSUFFICIENT"


class ApproverConflict(Denial):
    """The approver may not decide on this request, or the request names no operator."""

    code, status, chapter = "issuance.approver_conflict", 409, "APPROVER_CONFLICT"


class ApprovalDuplicate(Denial):
    """This person has decided already."""

    code, status, chapter = "issuance.approval_duplicate", 409, "APPROVAL_DUPLICATE"


class UnsealFailed(Denial):
    """The sealed credential does not open with this system's key."""

    code, status, chapter = "issuance.unseal_failed", 400, "UNSEAL_FAILED"


class CredentialRequestMismatch(Denial):
    """The credential does not match the request that it carries."""

    code, status, chapter = "issuance.credential_request_mismatch", 400, "CREDENTIAL_REQUEST_MISMATCH"


class CredentialNotYetValid(Denial):
    """The credential is not valid yet."""

    code, status, chapter = "issuance.credential_not_yet_valid", 425, "CREDENTIAL_NOT_YET_VALID"


class CredentialExpired(Denial):
    """The credential has expired, or was closed unused."""

    code, status, chapter = "issuance.credential_expired", 410, "CREDENTIAL_EXPIRED"


class CredentialRevoked(Denial):
    """The credential was revoked."""

    code, status, chapter = "issuance.credential_revoked", 410, "CREDENTIAL_REVOKED"


class BitNotMine(Denial):
    """The control bit answers no credential that this system has pending."""

    code, status, chapter = "issuance.bit_not_mine", 422, "BIT_NOT_MINE"


class BitMismatch(Denial):
    """The control bit speaks of another amount, currency, root or count."""

    code, status, chapter = "issuance.bit_mismatch", 422, "BIT_MISMATCH"


class BitExpired(Denial):
    """The last moment to mint under this control bit has passed."""

    code, status, chapter = "issuance.bit_expired", 410, "BIT_EXPIRED"


class AlreadyMinted(Denial):
    """The bit was minted before; the stored units are the answer."""

    code, status, chapter = "issuance.already_minted", 409, "ALREADY_MINTED"


class AlreadyRedeemed(Denial):
    """A serial or reference was redeemed before."""

    code, status, chapter = "issuance.already_redeemed", 409, "ALREADY_REDEEMED"


class UnitInvalid(Denial):
    """A unit, or the proof of a burn, does not verify."""

    code, status, chapter = "issuance.unit_invalid", 422, "UNIT_INVALID"


class UnitRevoked(Denial):
    """A unit is frozen."""

    code, status, chapter = "issuance.unit_revoked", 422, "UNIT_REVOKED"


class NotOwner(Denial):
    """The request is not signed by the owner of the units."""

    code, status, chapter = "issuance.not_owner", 403, "NOT_OWNER"


class UnknownSerial(Denial):
    """No unit with this serial is known here."""

    code, status, chapter = "issuance.unknown_serial", 404, "UNKNOWN_SERIAL"


class PolicyRefused(Denial):
    """The quota policy is not the next version, or does not carry the officers' signatures that it needs."""

    code, status, chapter = "issuance.policy_refused", 422, "POLICY_REFUSED"


class ManifestRefused(Denial):
    """The key manifest is not the next version, or does not carry the root signatures that it needs."""

    code, status, chapter = "issuance.manifest_refused", 422, "MANIFEST_REFUSED"


class ReserveRefused(Denial):
    """The reserve attestation names an unknown custodian or a time ahead."""

    code, status, chapter = "issuance.reserve_refused", 422, "RESERVE_REFUSED"


class ReceiptInvalid(Denial):
    """The registry's receipt does not prove what is claimed."""

    code, status, chapter = "issuance.receipt_invalid", 422, "RECEIPT_INVALID"


class NotCancellable(Denial):
    """The control bit was minted, or its registry is off line, so that it cannot be given back."""

    code, status, chapter = "issuance.not_cancellable", 409, "NOT_CANCELLABLE"


class UnknownRequest(Denial):
    """No request with this id is known here."""

    code, status, chapter = "issuance.unknown_request", 404, "UNKNOWN_REQUEST"


class LeaseRefused(Denial):
    """The lease is not this shard's, or asks for more than the root has."""

    code, status, chapter = "issuance.lease_refused", 409, "LEASE_REFUSED"


class PolicyStale(Unavailable):
    """The credential was made under a policy that this system does not have, or no longer accepts."""

    code = "issuance.policy_stale"
    chapter = "POLICY_STALE"


class KeysetStale(Unavailable):
    """The key manifest was not confirmed within its age."""

    code = "issuance.keyset_stale"
    chapter = "KEYSET_STALE"


class KmsUnavailable(Unavailable):
    """The keys do not answer; what was decided is stored and will be signed."""

    code = "issuance.kms_unavailable"
    chapter = "KMS_UNAVAILABLE"


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "issuance.db_unavailable"
    chapter = "DB_UNAVAILABLE"


class Overloaded(Unavailable):
    """Too many calls are waiting."""

    code = "issuance.overloaded"
    chapter = "OVERLOADED"


class RestoreDetected(Unavailable):
    """The stored log is older than what others hold of it; the system does not start (ISSUANCE-17.3)."""

    code = "issuance.restore_detected"
    chapter = "RESTORE_DETECTED"


@cache
def _by_code() -> dict[str, type[Denial] | type[Unavailable]]:
    found = [each for each in globals().values() if isinstance(each, type) and issubclass(each, Denial | Unavailable)]
    return {each.code: each for each in found}


def refusal_class(code: str) -> type[Denial]:
    """The refusal with this code; the common shape for codes of a later release."""
    found = _by_code().get(code)
    return found if found is not None and issubclass(found, Denial) else Denial


def unavailable_class(code: str) -> type[Unavailable]:
    """The unavailability with this code."""
    found = _by_code().get(code)
    return found if found is not None and issubclass(found, Unavailable) else Unavailable
