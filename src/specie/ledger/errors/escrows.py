"""What is wrong with an operation on an escrow, or with an anchor."""

from __future__ import annotations

from specie.ledger.errors.rejected import Rejected


class EscrowRefused(Rejected):
    """The operation does not parse, or its numbers or points break the rules of an escrow."""

    code, status, number, retry = "ledger.escrow_refused", 422, 16, "new operation"


class EscrowExists(Rejected):
    """The escrow's id or its channel key is already in use."""

    code, status, number = "ledger.escrow_exists", 409, 64


class EscrowUnknown(Rejected):
    """No escrow has this id."""

    code, status, number = "ledger.escrow_unknown", 404, 65


class EscrowState(Rejected):
    """The escrow's state does not allow the operation."""

    code, status, number = "ledger.escrow_state", 409, 66


class EscrowSignature(Rejected):
    """A signature of the operation does not verify, or its key is not admitted."""

    code, status, number = "ledger.escrow_signature", 401, 67


class EscrowClaim(Rejected):
    """A claim, lock or witness of the operation does not hold."""

    code, status, number, retry = "ledger.escrow_claim", 422, 68, "new claim"


class EscrowTime(Rejected):
    """The operation comes too early or too late."""

    code, status, number, retry = "ledger.escrow_time", 409, 69, "after, or never"


class EscrowOps(Rejected):
    """The operation changes nothing, or this funding has had all its operations."""

    code, status, number, retry = "ledger.escrow_ops", 429, 70, "after a top-up"


class AnchorKey(Rejected):
    """The key may not anchor this topic for this source, or its signature does not verify."""

    code, status, number = "ledger.anchor_key", 401, 80


class AnchorSequence(Rejected):
    """The anchor does not follow the last one of its topic and source."""

    code, status, number, retry = "ledger.anchor_sequence", 409, 81, "next seq"
