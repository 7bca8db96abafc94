"""What the commands of this room refuse by themselves."""

from __future__ import annotations

from specie.kernel.errors import Refused


class ProofFailed(Refused):
    """A signature, a proof or a sum does not hold."""

    code = "issuance.proof_failed"
    status = 422


class WrongState(Refused):
    """The issue has gone too far, or not far enough, for this."""

    code = "issuance.wrong_state"
    status = 409
