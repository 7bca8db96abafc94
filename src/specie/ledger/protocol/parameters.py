"""Changes of parameters (type 64): rules P-1 to P-5 (LEDGER section 9.8).

A change whose only content is keys that become revoked takes effect in the next block; whatever loosens or widens
waits PARAM_DELAY. A revocation stays: no later change makes the key good again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from specie.crypto import ed25519, ring
from specie.ledger.errors import NotAvailable, ParamsQuorum, ParamsValue, ParamsVersion, Rejected
from specie.ledger.messages.authority import BIP340
from specie.ledger.messages.bodies import ParameterChange
from specie.ledger.messages.frames import Frame, op_signature_input
from specie.ledger.messages.parameters import AuthorityUpdate, Enclaves, Parameter, Parameters, decode_changes
from specie.ledger.messages.state import (
    AuthorityEntry,
    Domain,
    EnclaveState,
    EnclaveStatus,
    ParametersState,
    enclave_ident,
)
from specie.ledger.protocol.state import ScheduledChange, State

FIELD_PRIME = 2**256 - 2**32 - 977
"""Of secp256k1."""
NEXT_BLOCK = 1

Lookup = Callable[[bytes], AuthorityEntry | None]
Write = tuple[Domain, bytes, bytes]
"""Domain, id and value of a state entry."""


def apply_change(state: State, frame: Frame) -> None:
    """Accept a change; it takes effect at its height.

    Raises, in this order: NonCanonical, ParamsVersion, ParamsQuorum, ParamsValue, NotAvailable.
    """
    body = ParameterChange.decode(frame.body)
    _check_version(state, body)
    _check_quorum(state, body, frame)
    fault: Rejected | None = None
    changes: dict[int, Any] = {}
    try:
        changes = decode_changes(body.changes)
    except (ParamsValue, NotAvailable) as error:
        fault = error  # P-4 is named after P-3, which must know the content
    _check_height(state, body, changes)
    if fault is not None:
        raise fault
    check_values(state, changes)
    entry = ParametersState(body.version, frame.op_id)
    state.put(Domain.PARAMETERS, b"", entry.encode())
    state.schedule(ScheduledChange(body.version, frame.op_id, body.effective_height, changes))


# SPEC LEDGER-9.8.1
def _check_version(state: State, body: ParameterChange) -> None:
    found = state.get(Domain.PARAMETERS, b"")
    last = ParametersState.decode(found) if found is not None else ParametersState()
    if body.version != last.version + 1 or body.previous != last.op_id:
        raise ParamsVersion("the change does not follow the last one", rule="P-1", version=last.version)


# SPEC LEDGER-9.8.2
def _check_quorum(state: State, body: ParameterChange, frame: Frame) -> None:
    keys = state.parameters.governance
    if len(body.signatures) < state.parameters.quorum or any(index >= len(keys) for index, _ in body.signatures):
        raise ParamsQuorum("too few governance keys signed, or an unknown one", rule="P-2")
    message = op_signature_input(body.signed_part(frame))
    publics = [keys[index] for index, _ in body.signatures]
    signatures = [signature for _, signature in body.signatures]
    if not all(ed25519.verify_many(publics, [message] * len(publics), signatures)):
        raise ParamsQuorum("a signature of the change does not verify", rule="P-2")


# SPEC LEDGER-9.8.3
def _check_height(state: State, body: ParameterChange, changes: Mapping[int, Any]) -> None:
    if is_revocation(changes, state.authority):
        earliest = state.height + NEXT_BLOCK
    else:
        # a change cannot reach back into the block that carries it, even where the delay is 0
        delay = max(state.parameters.param_delay, NEXT_BLOCK)
        earliest = max(state.height + delay, state.last_effective_height)
    if body.effective_height < earliest:
        raise ParamsValue("the change takes effect too early", rule="P-3", earliest=earliest)


def is_revocation(changes: Mapping[int, Any], find: Lookup) -> bool:
    """Does the change revoke keys, and nothing else? Only status and position of known entries may differ."""
    update = changes.get(Parameter.AUTHORITY)
    if not isinstance(update, AuthorityUpdate) or len(changes) != 1 or not update.entries:
        return False
    return all(_is_revoked_only(find(entry.kid), entry) for entry in update.entries)


def _is_revoked_only(old: AuthorityEntry | None, new: AuthorityEntry) -> bool:
    if old is None or not new.is_revoked:
        return False
    return replace(new, status=old.status, revoked_from=old.revoked_from) == old


# SPEC LEDGER-9.8.4
def check_values(state: State, changes: Mapping[int, Any]) -> None:
    """P-4, as far as it depends on the chain or on what a key is. Raises ParamsValue."""
    latest = state.scheduled
    if changes.get(Parameter.RING_SIZE, latest.ring_size) < latest.ring_size:
        raise ParamsValue("rings never become smaller", rule="P-4")
    law = changes.get(Parameter.DECOY_LAW)
    if law is not None and law.version != latest.decoy_law.version + 1:
        raise ParamsValue("the decoy law does not follow the last one", rule="P-4")
    if changes.get(Parameter.PARAM_DELAY) == 0 and not state.genesis.dev:
        raise ParamsValue("a live network has a delay of parameters", rule="P-4")
    address = changes.get(Parameter.FEE_ADDRESS)
    if address is not None and not ring.address_points_ok(address):
        raise ParamsValue("a key of the fee address is not a point", rule="P-4")
    enclaves = changes.get(Parameter.ENCLAVES)
    admitted = [each.key for each in enclaves.admitted] if enclaves is not None else []
    if not all(ed25519.is_valid_public(key) for key in [*changes.get(Parameter.GOVERNANCE, ()), *admitted]):
        raise ParamsValue("a key of governance or of an enclave cannot verify anything", rule="P-4")
    update = changes.get(Parameter.AUTHORITY)
    for entry in update.entries if update is not None else ():
        check_entry(entry, state.authority(entry.kid))


def check_entry(new: AuthorityEntry, old: AuthorityEntry | None) -> None:
    """Refuse a key that cannot verify anything, and one that was revoked and should not be. Raises ParamsValue."""
    is_key = is_liftable(new.key) if new.alg == BIP340 else ed25519.is_valid_public(new.key)
    if not is_key:
        raise ParamsValue("a key of the authority table cannot verify anything", rule="P-4", kid=new.kid.hex())
    if old is not None and old.is_revoked and not _is_still_revoked(old, new):
        raise ParamsValue("a revocation stays", rule="P-4", kid=new.kid.hex())


def _is_still_revoked(old: AuthorityEntry, new: AuthorityEntry) -> bool:
    return _is_revoked_only(old, new) and new.revoked_from <= old.revoked_from


def is_liftable(public: bytes) -> bool:
    """Is it the x coordinate of a point of secp256k1 (BIP-340, lift_x)?"""
    x = int.from_bytes(public, "big")
    square = (pow(x, 3, FIELD_PRIME) + 7) % FIELD_PRIME
    return x < FIELD_PRIME and pow(square, (FIELD_PRIME - 1) // 2, FIELD_PRIME) == 1


# SPEC LEDGER-9.8.5
def take_effect(
    parameters: Parameters, find: Lookup, version: int, changes: Mapping[int, Any]
) -> tuple[Parameters, list[Write]]:
    """The parameters after a change, and the entries of keys and enclaves that it sets.

    find: the authority table before it. A key that was revoked in the meantime stays revoked.
    """
    writes: list[Write] = []
    update = changes.get(Parameter.AUTHORITY)
    for entry in update.entries if update is not None else ():
        merged = merge_entry(find(entry.kid), entry)
        writes.append((Domain.AUTHORITY, entry.kid, merged.encode()))
    if Parameter.ENCLAVES in changes:
        writes += enclave_writes(parameters.enclaves, changes[Parameter.ENCLAVES])
    return parameters.apply(changes, version), writes


def merge_entry(old: AuthorityEntry | None, new: AuthorityEntry) -> AuthorityEntry:
    """The new entry, unless the key is revoked: then the old one, or the earlier of two revocations."""
    return new if old is None or not old.is_revoked or _is_still_revoked(old, new) else old


def enclave_writes(old: Enclaves, new: Enclaves) -> list[Write]:
    """Entries of domain 11: the new list is admitted, who is no longer on it is removed."""
    kept = {each.index for each in new.admitted}
    rows = [(each, EnclaveStatus.REMOVED) for each in old.admitted if each.index not in kept]
    rows += [(each, EnclaveStatus.ADMITTED) for each in new.admitted]
    return [
        (
            Domain.ENCLAVE,
            enclave_ident(each.index),
            EnclaveState(each.key, each.measurement, each.quote_hash, status).encode(),
        )
        for each, status in rows
    ]
