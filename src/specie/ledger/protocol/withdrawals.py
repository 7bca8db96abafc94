"""Answers to withdrawals (types 18 and 19): rules WD-1 to WD-6 (LEDGER section 9.3)."""

from __future__ import annotations

from dataclasses import replace

from specie.crypto import ring
from specie.ledger.errors import WithdrawBank, WithdrawRefUsed, WithdrawState, WithdrawTooEarly
from specie.ledger.messages.bodies import WithdrawPaid, WithdrawRefund
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.outputs import PUBLIC, OutputKind, ctx_refund, mask_refund
from specie.ledger.messages.state import Domain, Role, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.transaction import WithdrawTail
from specie.ledger.messages.withdrawals import withdraw_reference
from specie.ledger.protocol.authority import find_valid_key, is_operation_signed
from specie.ledger.protocol.state import State

BANK_REFUSES, TIME_OUT = 1, 2
"""Causes of a refund."""
CREDITED, REDEEMED = 1, 2
"""Outcomes of a payment."""


# SPEC LEDGER-9.3.1
def check_new(state: State, withdraw_ref: bytes) -> None:
    """WD-1, which is V-19. Raises WithdrawRefUsed."""
    if state.get(Domain.WITHDRAWAL, withdraw_ref) is not None:
        raise WithdrawRefUsed("this reference names an earlier withdrawal", rule="V-19")


def open_withdrawal(state: State, tail: WithdrawTail) -> None:
    """The effect of a transaction of type 2 on the state. Raises WithdrawRefUsed."""
    check_new(state, tail.withdraw_ref)
    pending = WithdrawalState(WithdrawalStatus.PENDING, 0, tail.value, state.time_ms, tail.stub)
    state.put(Domain.WITHDRAWAL, tail.withdraw_ref, pending.encode())
    # SPEC LEDGER-9.3.6
    state.reserve_points(tail.stub.points)
    state.totals.burn += tail.value


# SPEC LEDGER-9.3.2
def _pending(state: State, withdraw_ref: bytes) -> WithdrawalState:
    found = state.get(Domain.WITHDRAWAL, withdraw_ref)
    if found is None:
        raise WithdrawState("no withdrawal has this reference", rule="WD-2")
    withdrawal = WithdrawalState.decode(found)
    if withdrawal.status != WithdrawalStatus.PENDING:
        raise WithdrawState("the withdrawal was answered before", rule="WD-2")
    return withdrawal


def _check_bank(state: State, body: WithdrawPaid | WithdrawRefund, frame: Frame) -> None:
    # SPEC LEDGER-9.3.3
    if withdraw_reference(body.bank_id, body.token) != body.withdraw_ref:
        raise WithdrawBank("bank and token do not give this reference", rule="WD-3")
    # SPEC LEDGER-9.3.4
    entry = find_valid_key(state, body.kid, Role.BANK_WITHDRAWAL, body.bank_id)
    if entry is None:
        raise WithdrawBank("the key is not one that answers this bank's withdrawals", rule="WD-4")
    if not is_operation_signed(entry, body.signed_part(frame), body.signature):
        raise WithdrawBank("the bank's signature does not verify", rule="WD-4")


def apply_paid(state: State, frame: Frame) -> None:
    """The bank took the value over, once. Raises NonCanonical, WithdrawState, WithdrawBank."""
    body = WithdrawPaid.decode(frame.body)
    withdrawal = _pending(state, body.withdraw_ref)
    _check_bank(state, body, frame)
    paid = replace(withdrawal, status=WithdrawalStatus.PAID, outcome=body.outcome)
    state.put(Domain.WITHDRAWAL, body.withdraw_ref, paid.encode())
    if body.outcome == CREDITED:
        state.totals.paid_account += withdrawal.value
    else:
        state.totals.paid_redeemed += withdrawal.value


def apply_refund(state: State, frame: Frame) -> None:
    """The value goes back into the output that the payer prepared.

    Raises NonCanonical, WithdrawState, WithdrawBank (cause 1), WithdrawTooEarly (cause 2).
    """
    body = WithdrawRefund.decode(frame.body)
    withdrawal = _pending(state, body.withdraw_ref)
    if body.cause == BANK_REFUSES:
        _check_bank(state, body, frame)
    else:
        _check_time(state, withdrawal)
    refunded = replace(withdrawal, status=WithdrawalStatus.REFUNDED, outcome=body.cause)
    state.put(Domain.WITHDRAWAL, body.withdraw_ref, refunded.encode())
    chain_id = frame.chain_id
    commitment = ring.commit(withdrawal.value, mask_refund(chain_id, body.withdraw_ref))
    output = withdrawal.stub.output(commitment, withdrawal.value)
    state.add_output(OutputKind.REFUND, PUBLIC, ctx_refund(chain_id, body.withdraw_ref), output.data)
    state.totals.refund += withdrawal.value


# SPEC LEDGER-9.3.5
def _check_time(state: State, withdrawal: WithdrawalState) -> None:
    timeout_s = state.parameters.withdraw_timeout_s
    due_ms = withdrawal.time_ms + 1000 * timeout_s
    if timeout_s == 0:
        raise WithdrawTooEarly("withdrawals have no time-out on this chain", rule="WD-5")
    if state.time_ms < due_ms:
        raise WithdrawTooEarly("the bank still has time to answer", rule="WD-5", due_ms=due_ms)
