"""Not the other side's fault: try the same bytes again."""

from __future__ import annotations

from specie.kernel.errors import Unavailable


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
