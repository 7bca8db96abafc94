"""What is wrong with an envelope, with the transaction inside it, or with the frame of a public operation."""

from __future__ import annotations

from specie.ledger.errors.rejected import Rejected


class EnvelopeMalformed(Rejected):
    """The bytes are not an envelope: magic, length class, suite or key id."""

    code, status, number = "ledger.envelope_malformed", 400, 1


class EpochUnknown(Rejected):
    """The envelope is sealed to an epoch that is not live at this height."""

    code, status, number, retry = "ledger.epoch_unknown", 409, 2, "new envelope under the current key"


class EnvelopeUnopenable(Rejected):
    """The envelope does not open under the key of its epoch."""

    code, status, number = "ledger.envelope_unopenable", 400, 3


class NonCanonical(Rejected):
    """The bytes are not the one canonical encoding of what they should be."""

    code, status, number = "ledger.non_canonical", 400, 4


class Shape(Rejected):
    """Version, type, number of inputs or number of outputs is out of range."""

    code, status, number = "ledger.shape", 422, 5


class BurnRule(Rejected):
    """The burned amount does not fit the type, or an amount is above 2^62 - 1."""

    code, status, number = "ledger.burn_rule", 422, 6


class Expired(Rejected):
    """The height is not below expiry_height, or expiry_height lies too far ahead."""

    code, status, number, retry = "ledger.expired", 422, 7, "new transaction"


class FeeTooLow(Rejected):
    """The fee is below the minimum of the envelope's size class."""

    code, status, number, retry = "ledger.fee_too_low", 422, 8, "new transaction"


class KeyImageOrder(Rejected):
    """The key images do not ascend strictly."""

    code, status, number = "ledger.key_image_order", 400, 9


class OutputOrder(Rejected):
    """The outputs do not ascend strictly by R."""

    code, status, number = "ledger.output_order", 400, 10


class KeyImageSpent(Rejected):
    """The output behind this key image was already spent."""

    code, status, number = "ledger.key_image_spent", 409, 11


class WithdrawRefUsed(Rejected):
    """This withdraw_ref names an earlier withdrawal."""

    code, status, number, retry = "ledger.withdraw_ref_used", 409, 12, "new reference"


class PointInvalid(Rejected):
    """A point does not decode or is the identity."""

    code, status, number = "ledger.point_invalid", 400, 13


class ScalarInvalid(Rejected):
    """A scalar is not canonical."""

    code, status, number = "ledger.scalar_invalid", 400, 14


class OutputKeyReused(Rejected):
    """An R or a P is already on the ledger, reserved, in this block or twice here."""

    code, status, number, retry = "ledger.output_key_reused", 409, 15, "re-sign with a fresh n"


class RingInvalid(Rejected):
    """A ring has the wrong size, or members out of order, out of range or too young."""

    code, status, number, retry = "ledger.ring_invalid", 422, 17, "same members"


class RingClass(Rejected):
    """A ring mixes outputs of public openings with hidden ones."""

    code, status, number = "ledger.ring_class", 422, 18


class AnchorInvalid(Rejected):
    """The anchor height is not within the window."""

    code, status, number, retry = "ledger.anchor_invalid", 422, 19, "new anchor"


class Balance(Rejected):
    """Inputs and outputs do not balance."""

    code, status, number = "ledger.balance", 422, 20


class RingGlue(Rejected):
    """The transmitted c_1 is not the recomputed one."""

    code, status, number = "ledger.ring_glue", 422, 21


class RingSignature(Rejected):
    """A ring signature does not verify."""

    code, status, number = "ledger.ring_signature", 422, 22


class RangeProof(Rejected):
    """A range proof does not verify."""

    code, status, number = "ledger.range_proof", 422, 23


class TxDuplicate(Rejected):
    """The same transaction or operation has already taken effect; there is nothing left to do."""

    code, status, number, retry = "ledger.tx_duplicate", 200, 24, "not needed"


class WrongChain(Rejected):
    """The operation is made for another chain."""

    code, status, number = "ledger.wrong_chain", 422, 25


class TooLarge(Rejected):
    """More bytes than an envelope or a frame may have."""

    code, status, number = "ledger.too_large", 413, 26
