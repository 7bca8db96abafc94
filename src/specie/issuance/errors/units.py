"""What is wrong with control bits, units, redemptions, and with rules that come in."""

from __future__ import annotations

from specie.issuance.errors.denial import Denial


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
