"""What is wrong with approvals and credentials."""

from __future__ import annotations

from specie.issuance.errors.denial import Denial


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
