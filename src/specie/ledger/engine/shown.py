"""State entries and parameters as people read them: JSON values beside the bytes that are the proof."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Any

from specie.ledger.messages.escrow import Record
from specie.ledger.messages.parameters import Parameter, Parameters
from specie.ledger.messages.state import (
    AnchorState,
    AuthorityEntry,
    Counters,
    Domain,
    EnclaveState,
    EpochState,
    MintState,
    ParametersState,
    WithdrawalState,
)

_CODECS: dict[int, Any] = {
    Domain.MINT: MintState,
    Domain.WITHDRAWAL: WithdrawalState,
    Domain.ESCROW: Record,
    Domain.ANCHOR: AnchorState,
    Domain.PARAMETERS: ParametersState,
    Domain.AUTHORITY: AuthorityEntry,
    Domain.EPOCH: EpochState,
    Domain.COUNTERS: Counters,
    Domain.ENCLAVE: EnclaveState,
}


def entry_view(domain: int, value: bytes) -> dict[str, Any]:
    """An entry by the names of its fields; bytes as hexadecimal."""
    codec = _CODECS.get(domain)
    if codec is None:
        return {"value": value.hex()}
    shown = plain(codec.decode(value))
    return shown if isinstance(shown, dict) else {"value": shown}


def parameter_values(parameters: Parameters) -> dict[str, Any]:
    """Every parameter under its name of LEDGER section 23.2."""
    return {Parameter(ident).name: plain(value) for ident, value in parameters.to_wire().items()}


def plain(value: Any) -> Any:
    """The same in the types of JSON."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, IntEnum):
        return int(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value
