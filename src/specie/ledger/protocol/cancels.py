"""Cancels of control bits (type 17): rules MC-1 to MC-3 (LEDGER section 9.1, ISSUANCE section 10.6)."""

from __future__ import annotations

from specie.crypto import ed25519
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Cancel, ControlBit
from specie.kernel.errors import Refused
from specie.ledger.errors import CancelRefused, ControlBitCancelled, ControlBitUsed
from specie.ledger.messages.bodies import MintCancel
from specie.ledger.messages.frames import Frame
from specie.ledger.messages.state import MintStatus, Role
from specie.ledger.protocol.authority import find_valid_key
from specie.ledger.protocol.bits import check_bit, read_bit, read_cancel
from specie.ledger.protocol.mints import check_unused, register_root
from specie.ledger.protocol.state import State


# SPEC ISSUANCE-13.2.9
def apply_cancel(state: State, frame: Frame) -> None:
    """Give a control bit up: its unit root can never be minted. Raises NonCanonical, CancelRefused."""
    body = MintCancel.decode(frame.body)
    # SPEC LEDGER-9.1.18
    try:
        bit = read_bit(body.bit)
        check_bit(state, bit, is_cancel=True)
    except Refused as error:
        raise CancelRefused(f"the control bit does not hold: {error.detail}", rule="MC-1") from error
    _check_cancel(state, body, bit)
    # SPEC LEDGER-9.1.20
    try:
        check_unused(state, bit)
    except (ControlBitUsed, ControlBitCancelled) as error:
        raise CancelRefused("the control bit was minted or given up before", rule="MC-3") from error
    register_root(state, bit, frame, MintStatus.CANCELLED)


# SPEC LEDGER-9.1.19
def _check_cancel(state: State, body: MintCancel, bit: Signed[ControlBit]) -> None:
    try:
        cancel: Signed[Cancel] = read_cancel(body.cancel)
    except Refused as error:
        raise CancelRefused(f"not a cancel object: {error.detail}", rule="MC-2") from error
    if (cancel.body.bit_cti, cancel.body.unit_root) != (bit.claims.cti, bit.body.unit_root):
        raise CancelRefused("the cancel names another control bit or root", rule="MC-2")
    issuer = bit.claims.aud or ""
    entry = find_valid_key(state, cancel.kid, Role.ISSUANCE, issuer)
    if entry is None or cancel.claims.iss != issuer:
        raise CancelRefused("the cancel is not by the system that the control bit names", rule="MC-2")
    if not ed25519.is_signature(entry.key, cancel.tbs, cancel.signature):
        raise CancelRefused("the signature of the cancel does not verify", rule="MC-2")
