"""What is wrong with a mint, a cancel, or an answer to a withdrawal."""

from __future__ import annotations

from specie.ledger.errors.rejected import Rejected


class MintObject(Rejected):
    """The mint, its control bit or its log proof is not what it should be."""

    code, status, number = "ledger.mint_object", 400, 32


class MintKey(Rejected):
    """No key of this id, role, system and time is in the authority table."""

    code, status, number = "ledger.mint_key", 401, 33


class MintSignature(Rejected):
    """The signature of the control bit or of the issuance system does not verify."""

    code, status, number = "ledger.mint_signature", 401, 34


class MintCurrency(Rejected):
    """The control bit speaks of another currency than the chain's."""

    code, status, number = "ledger.mint_currency", 422, 35


class MintModel(Rejected):
    """The control bit is of the account model; accounts are posted at a bank."""

    code, status, number = "ledger.mint_model", 422, 36


class MintKeyRevoked(Rejected):
    """The control bit's key is revoked, and nothing proves that the bit was logged before."""

    code, status, number = "ledger.mint_key_revoked", 409, 37
    retry = "with a log proof, else cancel and a new request"


class ControlBitUsed(Rejected):
    """The control bit, its credential or its unit root was used by an earlier mint."""

    code, status, number = "ledger.control_bit_used", 409, 38


class ControlBitCancelled(Rejected):
    """The unit root was given up by a cancel."""

    code, status, number = "ledger.control_bit_cancelled", 409, 39


class MintSum(Rejected):
    """Amount, V, the sum of the units' values or their number do not agree."""

    code, status, number = "ledger.mint_sum", 422, 40


class MintOwner(Rejected):
    """The owner is not the one that the control bit names by its hash."""

    code, status, number = "ledger.mint_owner", 422, 41


class MintUnitRoot(Rejected):
    """The units do not have the root that the control bit names."""

    code, status, number = "ledger.mint_unit_root", 422, 42


class MintKernel(Rejected):
    """The kernel is not the sum of the commitments less V, or its proof does not verify."""

    code, status, number = "ledger.mint_kernel", 422, 43


class CancelRefused(Rejected):
    """The control bit cannot be cancelled by this object."""

    code, status, number = "ledger.cancel_refused", 409, 44


class WithdrawState(Rejected):
    """The withdrawal is not pending."""

    code, status, number = "ledger.withdraw_state", 409, 48


class WithdrawBank(Rejected):
    """Bank and token do not give this withdraw_ref, or the signature is not this bank's."""

    code, status, number = "ledger.withdraw_bank", 403, 49


class WithdrawTooEarly(Rejected):
    """The time in which the bank may answer has not passed."""

    code, status, number, retry = "ledger.withdraw_too_early", 425, 50, "after"
