"""Epoch keys (type 80): rules EK-1 and EK-2, and which epochs are live (LEDGER section 9.10)."""

from __future__ import annotations

from hashlib import sha256

from specie.crypto import ed25519
from specie.ledger.errors import EpochRefused
from specie.ledger.messages.bodies import EpochKeyOp
from specie.ledger.messages.frames import Frame, op_signature_input
from specie.ledger.messages.parameters import Parameters
from specie.ledger.messages.state import Domain, EnclaveState, EnclaveStatus, EpochState, enclave_ident, epoch_ident
from specie.ledger.protocol.state import State

EPOCH_BLOCKS_END = 10**6
"""An epoch has fewer blocks than this after its first one."""
FIRST_EPOCH = 1
NO_RATCHET = bytes(32)


def apply_epoch_key(state: State, frame: Frame) -> None:
    """Publish the key of the next epoch. Raises NonCanonical, EpochRefused."""
    body = EpochKeyOp.decode(frame.body)
    _check_enclaves(state, body, frame)
    _check_succession(state, body)
    entry = EpochState(
        body.suite, sha256(body.public_key).digest(), body.ratchet_commit, body.start, body.end
    )  # fmt: skip
    state.put(Domain.EPOCH, epoch_ident(body.epoch), entry.encode())


def signatures_needed(validators: int) -> int:
    """2f + 1 of n = 3f + 1 validators; one on a chain with one validator."""
    return 2 * ((validators - 1) // 3) + 1


# SPEC LEDGER-9.10.1
def _check_enclaves(state: State, body: EpochKeyOp, frame: Frame) -> None:
    if len(body.signatures) < signatures_needed(len(state.genesis.validators)):
        raise EpochRefused("too few enclaves signed the epoch key", rule="EK-1")
    keys = []
    for index, _ in body.signatures:
        found = state.get(Domain.ENCLAVE, enclave_ident(index))
        enclave = EnclaveState.decode(found) if found is not None else None
        if enclave is None or enclave.status != EnclaveStatus.ADMITTED:
            raise EpochRefused("an enclave that is not admitted signed the epoch key", rule="EK-1")
        keys.append(enclave.key)
    message = op_signature_input(body.signed_part(frame))
    signatures = [signature for _, signature in body.signatures]
    if not all(ed25519.verify_many(keys, [message] * len(keys), signatures)):
        raise EpochRefused("a signature of the epoch key does not verify", rule="EK-1")


# SPEC LEDGER-9.10.2
def _check_succession(state: State, body: EpochKeyOp) -> None:
    if body.epoch < FIRST_EPOCH or state.get(Domain.EPOCH, epoch_ident(body.epoch)) is not None:
        raise EpochRefused("this epoch has its key", rule="EK-2")
    last = state.epoch(body.epoch - 1)
    if last is None and body.epoch != FIRST_EPOCH:
        raise EpochRefused("the epoch does not follow the last one", rule="EK-2")
    if body.start <= max(state.height, last.start if last is not None else 0):
        raise EpochRefused("the epoch begins too early", rule="EK-2")
    if not body.start <= body.end < body.start + EPOCH_BLOCKS_END:
        raise EpochRefused("the epoch ends too early or too late", rule="EK-2")
    if state.genesis.provider == "embedded" and body.ratchet_commit != NO_RATCHET:
        raise EpochRefused("a chain of one node has no ratchet", rule="EK-2")


def grace_blocks(parameters: Parameters) -> int:
    """How long envelopes of an ended epoch are taken."""
    return min(parameters.anchor_window, parameters.epoch_blocks // 2)


def last_height(epoch: EpochState, following: EpochState | None) -> int:
    """E_e: where an epoch ends, given the next one, if it is on the ledger."""
    return epoch.end if following is None else min(epoch.end, following.start - 1)


# SPEC LEDGER-9.10.4
def is_live(
    height: int, epoch: EpochState, following: EpochState | None, after: EpochState | None, parameters: Parameters
) -> bool:
    """Are envelopes under this epoch taken at this height? following, after: e+1 and e+2, as far as published."""
    end = last_height(epoch, following)
    if following is not None:
        end = min(end + grace_blocks(parameters), last_height(following, after))
    return epoch.start <= height <= end
