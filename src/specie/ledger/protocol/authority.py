"""Taking keys from the authority table: only in their role, within their dates, and not when revoked (LEDGER 9.9)."""

from __future__ import annotations

from specie.crypto import ed25519
from specie.ledger.messages.frames import op_signature_input
from specie.ledger.messages.state import AuthorityEntry, Role
from specie.ledger.protocol.state import State


def find_key(state: State, kid: bytes, role: Role) -> AuthorityEntry | None:
    """The entry of this kid if it has this role; its dates and status are not looked at."""
    entry = state.authority(kid)
    return entry if entry is not None and entry.role == role else None


# SPEC LEDGER-9.9.1, ISSUANCE-13.2.7
def find_valid_key(state: State, kid: bytes, role: Role, system: str) -> AuthorityEntry | None:
    """The entry of this kid if it has this role, belongs to this system, is not revoked and may be believed now.

    What it signed carries no date of its own, so the block's time counts, up to `verify_until`: a key that stopped
    signing lately still vouches for what is under way.
    """
    entry = find_key(state, kid, role)
    if entry is None or entry.system != system or entry.is_revoked:
        return None
    return entry if entry.nbf * 1000 <= state.time_ms <= entry.verify_until * 1000 else None


# SPEC LEDGER-2.8
def is_operation_signed(entry: AuthorityEntry, signed_part: bytes, signature: bytes) -> bool:
    """Does the [op] signature hold under this key?"""
    return ed25519.is_signature(entry.key, op_signature_input(signed_part), signature)
