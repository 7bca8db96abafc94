"""What the rules say against a request: pauses, permissions, amounts, reserve, quota."""

from __future__ import annotations

from specie.issuance.errors.denial import Denial


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
