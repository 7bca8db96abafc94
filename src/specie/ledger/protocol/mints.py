"""Mints (type 16): rules M-1 to M-15 in their order (LEDGER section 9.1)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from specie.crypto import ed25519, ring, transactions, units
from specie.crypto.errors import UnitsOutOfRange
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import UNITS_MAX, ControlBit
from specie.ledger.errors import (
    ControlBitCancelled,
    ControlBitUsed,
    MintKernel,
    MintKey,
    MintObject,
    MintOwner,
    MintSignature,
    MintSum,
    MintUnitRoot,
    NonCanonical,
    OutputKeyReused,
    OutputOrder,
    PointInvalid,
    RangeProof,
    Rejected,
)
from specie.ledger.messages.binary import is_ascending
from specie.ledger.messages.bodies import Mint
from specie.ledger.messages.frames import Frame, op_signature_input
from specie.ledger.messages.outputs import HIDDEN, OutputKind, ctx_mint
from specie.ledger.messages.state import Domain, MintState, MintStatus, Role, UsedKind, used_ident
from specie.ledger.messages.transaction import bp_ctx
from specie.ledger.protocol.authority import find_valid_key
from specie.ledger.protocol.bits import check_bit, check_logged, read_bit
from specie.ledger.protocol.state import State

_NO_SALT = bytes(32)


def read_mint(frame: Frame) -> Mint:
    """M-1, as far as the body goes. Raises MintObject."""
    try:
        return Mint.decode(frame.body)
    # SPEC LEDGER-9.1.1
    except NonCanonical as error:
        raise MintObject(f"the body of the mint does not parse: {error.detail}", rule="M-1") from error


# SPEC ISSUANCE-13.2.1, ISSUANCE-13.2.5, ISSUANCE-13.2.6
def apply_mint(state: State, frame: Frame, proven: bool) -> None:
    """Turn all units under one control bit into outputs.

    proven: M-14 and M-15 passed before. Raises, in this order: MintObject, MintKey, MintSignature, MintCurrency,
    MintModel, MintKeyRevoked, ControlBitUsed, ControlBitCancelled, MintSum, MintOwner, MintUnitRoot, MintKey,
    MintSignature, PointInvalid, OutputKeyReused, OutputOrder, MintKernel, RangeProof.
    Spec: LEDGER-9.1.1 to LEDGER-9.1.16.
    """
    mint = read_mint(frame)
    bit = read_bit(mint.bit)
    entry = check_bit(state, bit)
    check_logged(state, bit, entry, mint.log_proof)
    check_unused(state, bit)
    _check_units(state, mint, bit)
    _check_issuer(state, mint, bit, frame)
    _check_outputs(state, mint)
    if not proven:
        fault = prove_mints([(frame, mint)])[0]
        if fault is not None:
            raise fault
    _register(state, mint, bit, frame)


# SPEC LEDGER-9.1.7
def check_unused(state: State, bit: Signed[ControlBit]) -> None:
    """M-7. Raises ControlBitUsed, ControlBitCancelled."""
    roots = [bit.body.unit_root]
    for kind, ident in ((UsedKind.CONTROL_BIT, bit.claims.cti), (UsedKind.CREDENTIAL, bit.body.credential_cti)):
        known = state.get(Domain.USED_ID, used_ident(kind, ident))
        if known is not None:
            roots.append(known)
    for root in roots:
        found = state.get(Domain.MINT, root)
        if found is None:
            continue
        if MintState.decode(found).status == MintStatus.CANCELLED:
            raise ControlBitCancelled("the control bit was given up", rule="M-7")
        raise ControlBitUsed("the control bit was used before", rule="M-7")


def _check_units(state: State, mint: Mint, bit: Signed[ControlBit]) -> None:
    # SPEC LEDGER-9.1.8
    total = sum(value * count for value, count in mint.denominations)
    if not bit.body.amount == mint.value == total:
        raise MintSum("amount, V and the sum of the units differ", rule="M-8")
    # SPEC LEDGER-9.1.9
    count = sum(each for _, each in mint.denominations)
    if count != bit.body.unit_count or count > UNITS_MAX or any(each == 0 for _, each in mint.denominations):
        raise MintSum("the number of units is not the control bit's", rule="M-9")
    # SPEC LEDGER-9.1.10
    if sha256(mint.owner).digest() != bit.body.owner_hash:
        raise MintOwner("the owner is not the control bit's", rule="M-10")
    # SPEC LEDGER-9.1.11
    try:
        root, _ = units.root(bit.body.credential_cti, bit.body.currency, mint.owner, mint.denominations)
    except UnitsOutOfRange as error:
        raise MintUnitRoot(f"the units cannot be built: {error.detail}", rule="M-11") from error
    if root != bit.body.unit_root:
        raise MintUnitRoot("the units do not have the control bit's root", rule="M-11")


# SPEC LEDGER-9.1.12
def _check_issuer(state: State, mint: Mint, bit: Signed[ControlBit], frame: Frame) -> None:
    entry = find_valid_key(state, mint.issuer_kid, Role.ISSUANCE, bit.claims.aud or "")
    if entry is None:
        raise MintKey("the issuer's key is not one of the system that the control bit names", rule="M-12")
    message = op_signature_input(mint.signed_part(frame))
    if not ed25519.is_signature(entry.key, message, mint.issuer_signature):
        raise MintSignature("the issuer's signature does not verify", rule="M-12")


# SPEC LEDGER-9.1.13
def _check_outputs(state: State, mint: Mint) -> None:
    points = b"".join(output.points for output in mint.outputs) + mint.kernel
    if any(ring.points_check(points)):
        raise PointInvalid("a point of the mint does not decode or is the identity", rule="M-13")
    keys = [key for output in mint.outputs for key in (output.R, output.P)]
    if len(set(keys)) != len(keys) or any(state.is_point_used(key) for key in keys):
        raise OutputKeyReused("an output key of the mint was used before", rule="M-13")
    if not is_ascending(tuple(output.R for output in mint.outputs)):
        raise OutputOrder("the outputs of the mint do not ascend by R", rule="M-13")


# SPEC LEDGER-9.1.14, LEDGER-9.1.15
def prove_mints(items: Sequence[tuple[Frame, Mint]]) -> list[Rejected | None]:
    """M-14 and M-15 of many mints at once: expensive, and the same whatever the ledger holds."""
    kernels, proofs = [], []
    for frame, mint in items:
        outputs = b"".join(output.data for output in mint.outputs)
        kernels.append((outputs, mint.value, mint.kernel, mint.kernel_proof, mint.core(frame)))
        commitments = b"".join(output.C for output in mint.outputs)
        proofs.append((commitments, mint.range_proof, bp_ctx(frame.chain_id, _NO_SALT, mint.unproven(frame))))
    faults: list[Rejected | None] = []
    for kernel, is_proven in zip(
        transactions.verify_kernels(kernels), transactions.verify_range_proofs(proofs), strict=True
    ):  # fmt: skip
        if kernel:
            faults.append(MintKernel("the kernel of the mint does not hold", rule="M-14"))
        else:
            faults.append(None if is_proven else RangeProof("the range proof does not verify", rule="M-15"))
    return faults


def _register(state: State, mint: Mint, bit: Signed[ControlBit], frame: Frame) -> None:
    register_root(state, bit, frame, MintStatus.MINTED)
    ctx = ctx_mint(frame.chain_id, bit.body.unit_root)
    for output in mint.outputs:
        state.add_output(OutputKind.MINT, HIDDEN, ctx, output.data)
    state.add_kernel(mint.kernel)
    state.totals.mint += mint.value


def register_root(state: State, bit: Signed[ControlBit], frame: Frame, status: MintStatus) -> None:
    """Enter unit root, control bit and credential, each for ever."""
    root, ids = bit.body.unit_root, (bit.claims.cti, bit.body.credential_cti)
    entry = MintState(status, *ids, bit.body.amount, state.height, frame.op_id)
    state.put(Domain.MINT, root, entry.encode())
    for kind, ident in zip((UsedKind.CONTROL_BIT, UsedKind.CREDENTIAL), ids, strict=True):
        state.put(Domain.USED_ID, used_ident(kind, ident), root)
