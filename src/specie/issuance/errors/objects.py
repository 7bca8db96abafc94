"""What is wrong with an object itself: its bytes, key, signature, address, times, id."""

from __future__ import annotations

from specie.issuance.errors.denial import Denial


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
