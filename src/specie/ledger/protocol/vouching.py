"""What quota control believes of the ledger: pure checks over the bytes, under the genesis document that it pins."""

from __future__ import annotations

from hashlib import sha256

from specie.crypto import cose
from specie.issuance.messages.claims import read_payload
from specie.issuance.messages.objects import RedemptionRequest
from specie.kernel.codec import Malformed
from specie.kernel.errors import Refused
from specie.ledger.errors import ProofInvalid
from specie.ledger.messages.bodies import Mint, MintCancel, WithdrawPaid
from specie.ledger.messages.evidence import BurnProof, RegistryReceipt
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.receipts import PRESENT
from specie.ledger.messages.state import Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.protocol.bits import read_bit, read_cancel
from specie.ledger.protocol.light import Trusted, verify_operation, verify_state_receipt

OUTCOME_REDEEMED = 2


# SPEC ISSUANCE-13.2.11, ISSUANCE-13.4.4
def check_registered(
    genesis: Genesis, data: bytes, unit_root: bytes, credential_cti: bytes, *, cancelled: bool
) -> None:
    """Does a registry receipt prove that this root was minted, or cancelled? Raises NonCanonical, ProofInvalid."""
    given = RegistryReceipt.decode(data)
    frame = _final_frame(genesis, given.receipt, given.frame)
    if frame.type == OpType.MINT_CANCEL and cancelled:
        bit = MintCancel.decode(frame.body).bit
    elif frame.type == OpType.MINT and not cancelled:
        bit = Mint.decode(frame.body).bit
    else:
        raise ProofInvalid("the receipt is of another operation")
    body = read_bit(bit).body
    if (body.unit_root, body.credential_cti) != (unit_root, credential_cti):
        raise ProofInvalid("the receipt is of another issue")


# SPEC ISSUANCE-14.10, ISSUANCE-14.11
def check_burned(genesis: Genesis, data: bytes, request: bytes) -> None:
    """Was value burned, and recorded as redeemed, for exactly this dc-redreq? Raises NonCanonical, ProofInvalid."""
    proof = BurnProof.decode(data)
    iss, asked = _read_request(request)
    frame = _final_frame(genesis, proof.receipt, proof.frame)
    if frame.type != OpType.WITHDRAW_PAID:
        raise ProofInvalid("the operation is not one of type 18")
    paid = WithdrawPaid.decode(frame.body)
    if paid.outcome != OUTCOME_REDEEMED or paid.evidence != sha256(request).digest():
        raise ProofInvalid("the withdrawal was not paid for this request")
    # the request is signed by `bank:reg` of the bank that the operation names
    if paid.bank_id != iss or paid.withdraw_ref != asked.reference:
        raise ProofInvalid("the request is by another bank, or for another withdrawal")
    state = verify_state_receipt(trusted(genesis), proof.state, Domain.WITHDRAWAL, paid.withdraw_ref)
    if state.proof.kind != PRESENT:
        raise ProofInvalid("there is no such withdrawal")
    entry = WithdrawalState.decode(state.value)
    if (entry.status, entry.outcome, entry.value) != (WithdrawalStatus.PAID, OUTCOME_REDEEMED, asked.amount):
        raise ProofInvalid("the withdrawal is not paid in this sum")
    if asked.currency != genesis.currency:
        raise ProofInvalid("the ledger carries another currency")


def _final_frame(genesis: Genesis, receipt: bytes, frame: bytes) -> Frame:
    """The operation that a receipt proves."""
    opened = Frame.decode(frame)
    verify_operation(trusted(genesis), receipt, frame)
    if opened.chain_id != genesis.chain_id:
        raise ProofInvalid("the operation is of another chain")
    return opened


def trusted(genesis: Genesis) -> Trusted:
    """What the pinned genesis document makes certain."""
    return Trusted.of(genesis)


def _read_request(data: bytes) -> tuple[str, RedemptionRequest]:
    try:
        parsed = cose.parse_sign1(data)
        claims, body = read_payload(RedemptionRequest, parsed.payload)
    except (Refused, Malformed) as error:
        raise ProofInvalid("not a redemption request") from error
    return claims.iss, body


def cancelled_root(cancel: bytes) -> bytes:
    """The unit root that a dc-cancel names. Raises ProofInvalid."""
    try:
        return read_cancel(cancel).body.unit_root
    except Refused as error:
        raise ProofInvalid("not a cancellation") from error
