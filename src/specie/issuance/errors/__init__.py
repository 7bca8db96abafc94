"""What issuance refuses. The reasons are the codes of ISSUANCE section 7 in lower case; codes are never reused.

A refusal here is also evidence: the engine that refuses signs a `dc-deny` and hangs it on the exception as `evidence`.
"""

# SPEC ISSUANCE-7.5
from __future__ import annotations

from functools import cache

from specie.issuance.errors.credentials import (
    ApprovalDuplicate,
    ApprovalExpired,
    ApprovalRejected,
    ApprovalsInsufficient,
    ApproverConflict,
    CredentialExpired,
    CredentialNotYetValid,
    CredentialRequestMismatch,
    CredentialRevoked,
    UnsealFailed,
)
from specie.issuance.errors.decisions import (
    AmountAboveMax,
    AmountBelowMin,
    AmountZero,
    CurrencyNotPermitted,
    CurrencySuspended,
    DenominationNotPermitted,
    DenominationSum,
    FrequencyExceeded,
    IssuerSuspended,
    ModelNotPermitted,
    OwnerNotPermitted,
    Paused,
    PurposeNotPermitted,
    QuotaExceeded,
    QuotaExceededRealTime,
    ReserveInsufficient,
    ReserveStale,
    TooManyUnits,
)
from specie.issuance.errors.denial import (
    Denial,
)
from specie.issuance.errors.objects import (
    AlgorithmNotAllowed,
    BadSignature,
    ChannelMismatch,
    CredentialConflict,
    IdempotencyMismatch,
    InProgress,
    IssuerMismatch,
    KeyNotActive,
    KeyRevoked,
    KeyRole,
    LifetimeTooLong,
    Malformed,
    NonCanonical,
    NotYetValid,
    PresenterMismatch,
    RequestExpired,
    Schema,
    TooLarge,
    UnknownKey,
    WrongAudience,
    WrongType,
)
from specie.issuance.errors.unavailable import (
    DatabaseUnavailable,
    KeysetStale,
    KmsUnavailable,
    Overloaded,
    PolicyStale,
    RestoreDetected,
)
from specie.issuance.errors.units import (
    AlreadyMinted,
    AlreadyRedeemed,
    BitExpired,
    BitMismatch,
    BitNotMine,
    LeaseRefused,
    ManifestRefused,
    NotCancellable,
    NotOwner,
    PolicyRefused,
    ReceiptInvalid,
    ReserveRefused,
    UnitInvalid,
    UnitRevoked,
    UnknownRequest,
    UnknownSerial,
)
from specie.kernel.errors import Unavailable

ALARMS = frozenset({"CREDENTIAL_CONFLICT", "UNSEAL_FAILED", "CREDENTIAL_REQUEST_MISMATCH", "IDEMPOTENCY_MISMATCH"})

__all__ = [
    "ALARMS",
    "AlgorithmNotAllowed",
    "AlreadyMinted",
    "AlreadyRedeemed",
    "AmountAboveMax",
    "AmountBelowMin",
    "AmountZero",
    "ApprovalDuplicate",
    "ApprovalExpired",
    "ApprovalRejected",
    "ApprovalsInsufficient",
    "ApproverConflict",
    "BadSignature",
    "BitExpired",
    "BitMismatch",
    "BitNotMine",
    "ChannelMismatch",
    "CredentialConflict",
    "CredentialExpired",
    "CredentialNotYetValid",
    "CredentialRequestMismatch",
    "CredentialRevoked",
    "CurrencyNotPermitted",
    "CurrencySuspended",
    "DatabaseUnavailable",
    "Denial",
    "DenominationNotPermitted",
    "DenominationSum",
    "FrequencyExceeded",
    "IdempotencyMismatch",
    "InProgress",
    "IssuerMismatch",
    "IssuerSuspended",
    "KeyNotActive",
    "KeyRevoked",
    "KeyRole",
    "KeysetStale",
    "KmsUnavailable",
    "LeaseRefused",
    "LifetimeTooLong",
    "Malformed",
    "ManifestRefused",
    "ModelNotPermitted",
    "NonCanonical",
    "NotCancellable",
    "NotOwner",
    "NotYetValid",
    "Overloaded",
    "OwnerNotPermitted",
    "Paused",
    "PolicyRefused",
    "PolicyStale",
    "PresenterMismatch",
    "PurposeNotPermitted",
    "QuotaExceeded",
    "QuotaExceededRealTime",
    "ReceiptInvalid",
    "RequestExpired",
    "ReserveInsufficient",
    "ReserveRefused",
    "ReserveStale",
    "RestoreDetected",
    "Schema",
    "TooLarge",
    "TooManyUnits",
    "UnitInvalid",
    "UnitRevoked",
    "UnknownKey",
    "UnknownRequest",
    "UnknownSerial",
    "UnsealFailed",
    "WrongAudience",
    "WrongType",
    "refusal_class",
    "unavailable_class",
]


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
