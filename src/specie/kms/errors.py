"""What this room refuses; codes of the KMS chapter, section 21."""

from specie.kernel.errors import Refused, Unavailable


class BadUri(Refused):
    """A key URI is not kms://CLUSTER/KEY_ID[?version=N], file:PATH or seal:LABEL."""

    code = "kms.bad_uri"
    status = 400


class NotFound(Refused):
    """There is no key of this name here."""

    code = "kms.not_found"
    status = 404


class AlreadyExists(Refused):
    """There is a key of this name already; nothing was written."""

    code = "kms.already_exists"
    status = 409


class Permissions(Refused):
    """A key file, or its folder, is open to others than its owner."""

    code = "kms.permissions"
    status = 403


class Unreadable(Refused):
    """A key file is not one, is damaged, or does not open under this passphrase."""

    code = "kms.unreadable"
    status = 422


class WrongUse(Refused):
    """This key is of another algorithm than the operation needs."""

    code = "kms.wrong_use"
    status = 422


class PolicyDenied(Refused):
    """The payload does not parse, or the key's policy does not name its kind."""

    code = "kms.policy_denied"
    status = 403


class ReqIdReused(Refused):
    """The request id was used for another payload."""

    code = "kms.req_id_reused"
    status = 422


class KmsUnavailable(Unavailable):
    """The keys cannot be reached now."""

    code = "kms.unavailable"
