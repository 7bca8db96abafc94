"""Chain parameters: ids, defaults and bounds (LEDGER section 23.2), and changes as deterministic CBOR {id => value}.

Two values have a form that the section leaves open: null is the empty array, and AUTHORITY is
[manifest version, manifest hash, [entry, …]] with the entries of section 9.9, so that a change names the manifest that
it follows. ENCLAVES is [[measurement, …], [[index, key, measurement, quote hash], …]], the whole list each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise
from typing import Any

from specie.kernel import codec
from specie.kernel.amount import AMOUNT_MAX
from specie.ledger.errors import NotAvailable, ParamsValue
from specie.ledger.messages.authority import AuthorityEntry
from specie.ledger.messages.decoy_law import BUCKETS, START_LAW, START_VERSION
from specie.ledger.messages.outputs import PAY_BYTES

CHANGES_BYTES_MAX = 65535
_RULE = "P-4"
_FEE_CLASSES = 4


class Parameter(IntEnum):
    """Ids of section 23.2."""

    RING_SIZE = 1
    MIN_AGE = 2
    ANCHOR_WINDOW = 3
    FEE_MIN = 4
    ESCROW_FEE = 5
    FEE_ADDRESS = 6
    EPOCH_BLOCKS = 7
    PROOF_RETENTION = 8
    STRICT_PROOFS = 9
    DECOY_LAW = 10
    WITHDRAW_TIMEOUT = 11
    GOVERNANCE = 12
    AUTHORITY = 13
    PARAM_DELAY = 14
    ESCROW_OPS_MAX = 15
    OPS_PER_BLOCK = 16
    REGULATED = 17
    ENCLAVES = 18
    VALIDATORS = 19


@dataclass(frozen=True, slots=True)
class DecoyWeights:
    """DECOY_LAW: how old spent outputs are, by 40 buckets."""

    version: int = START_VERSION
    weights: tuple[int, ...] = START_LAW


@dataclass(frozen=True, slots=True)
class Regulated:
    """REGULATED: transfers above the limit carry a note for this supervisor."""

    limit: int
    supervisor_kid: bytes


@dataclass(frozen=True, slots=True)
class AdmittedEnclave:
    """An enclave whose signatures count."""

    index: int
    key: bytes
    """Ed25519."""
    measurement: bytes
    quote_hash: bytes


@dataclass(frozen=True, slots=True)
class Enclaves:
    """ENCLAVES: which measurements are allowed, and which enclaves are admitted."""

    measurements: tuple[bytes, ...] = ()
    admitted: tuple[AdmittedEnclave, ...] = ()

    def to_wire(self) -> list[Any]:
        admitted = [[each.index, each.key, each.measurement, each.quote_hash] for each in self.admitted]
        return [list(self.measurements), admitted]


@dataclass(frozen=True, slots=True)
class AuthorityUpdate:
    """AUTHORITY: entries to set, by kid, and the key manifest that they follow."""

    manifest_version: int
    manifest_hash: bytes
    entries: tuple[AuthorityEntry, ...]

    def to_wire(self) -> list[Any]:
        return [self.manifest_version, self.manifest_hash, [entry.encode() for entry in self.entries]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """All parameters but the authority table, which stands in the state (domain 7). Amounts in minor units."""

    fee_address: bytes
    """K_s | K_v | K_d, 96 bytes."""
    governance: tuple[bytes, ...]
    """Ed25519 keys."""
    ring_size: int = 16
    min_age: int = 1
    anchor_window: int = 100
    fee_min: tuple[int, ...] = (1, 2, 4, 8)
    """By size class of the envelope: 8, 16, 32, 64 KiB."""
    escrow_fee: int = 1
    epoch_blocks: int = 3600
    proof_retention_days: int = 90
    strict_proofs: bool = False
    decoy_law: DecoyWeights = field(default_factory=DecoyWeights)
    withdraw_timeout_s: int = 604_800
    param_delay: int = 3600
    escrow_ops_max: int = 256
    ops_per_block: int = 512
    regulated: Regulated | None = None
    enclaves: Enclaves = field(default_factory=Enclaves)
    version: int = 0

    @classmethod
    def defaults(
        cls, *, fee_address: bytes, governance: tuple[bytes, ...], enclaves: Enclaves, provider: str, dev: bool
    ) -> Parameters:
        """The defaults of section 23.2 for a provider and kind of network."""
        window = 1000 if provider == "embedded" else 100
        delay = 0 if dev else 3600
        return cls(fee_address, governance, anchor_window=window, param_delay=delay, enclaves=enclaves)

    def apply(self, changes: Mapping[int, Any], version: int | None = None) -> Parameters:
        """The parameters after a change whose values were decoded; AUTHORITY is left to the state."""
        values = {_FIELDS[Parameter(ident)]: value for ident, value in changes.items() if ident in _FIELDS}
        return replace(self, **values, version=self.version if version is None else version)

    @property
    def quorum(self) -> int:
        """How many governance keys must sign: two thirds, rounded up."""
        return (2 * len(self.governance) + 2) // 3

    def to_wire(self) -> dict[int, Any]:
        """Every value under its id, as changes spell them."""
        return {ident: value_to_wire(getattr(self, name)) for ident, name in _FIELDS.items()}


_FIELDS: dict[int, str] = {
    Parameter.RING_SIZE: "ring_size",
    Parameter.MIN_AGE: "min_age",
    Parameter.ANCHOR_WINDOW: "anchor_window",
    Parameter.FEE_MIN: "fee_min",
    Parameter.ESCROW_FEE: "escrow_fee",
    Parameter.FEE_ADDRESS: "fee_address",
    Parameter.EPOCH_BLOCKS: "epoch_blocks",
    Parameter.PROOF_RETENTION: "proof_retention_days",
    Parameter.STRICT_PROOFS: "strict_proofs",
    Parameter.DECOY_LAW: "decoy_law",
    Parameter.WITHDRAW_TIMEOUT: "withdraw_timeout_s",
    Parameter.GOVERNANCE: "governance",
    Parameter.PARAM_DELAY: "param_delay",
    Parameter.ESCROW_OPS_MAX: "escrow_ops_max",
    Parameter.OPS_PER_BLOCK: "ops_per_block",
    Parameter.REGULATED: "regulated",
    Parameter.ENCLAVES: "enclaves",
}


def value_to_wire(value: Any) -> Any:
    """How CBOR spells a parameter's value."""
    if value is None:
        return []
    if isinstance(value, DecoyWeights):
        return [value.version, list(value.weights)]
    if isinstance(value, Regulated):
        return [value.limit, value.supervisor_kid]
    if isinstance(value, Enclaves | AuthorityUpdate):
        return value.to_wire()
    return list(value) if isinstance(value, tuple) else value


def _fault(detail: str) -> ParamsValue:
    return ParamsValue(detail, rule=_RULE)


def _uint(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise _fault(f"an integer of {least}..{most} is expected")
        return value

    return read


def _bytes(size: int) -> Callable[[Any], bytes]:
    def read(value: Any) -> bytes:
        if type(value) is not bytes or len(value) != size:
            raise _fault(f"{size} bytes are expected")
        return value

    return read


_amount = _uint(0, AMOUNT_MAX)
_hash = _bytes(32)


def _list(value: Any, least: int, most: int) -> list[Any]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise _fault(f"an array of {least}..{most} items is expected")
    return value


def _one_of(*allowed: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or value not in allowed:
            raise _fault(f"one of {allowed} is expected")
        return value

    return read


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise _fault("a bool is expected")
    return value


def _distinct(items: tuple[Any, ...], what: str) -> None:
    if len(set(items)) != len(items):
        raise _fault(f"a {what} stands twice")


def _governance(value: Any) -> tuple[bytes, ...]:
    keys = tuple(_hash(item) for item in _list(value, 1, 64))
    _distinct(keys, "governance key")
    return keys


def _fees(value: Any) -> tuple[int, ...]:
    return tuple(_amount(item) for item in _list(value, _FEE_CLASSES, _FEE_CLASSES))


def _decoys(value: Any) -> DecoyWeights:
    version, weights = _list(value, 2, 2)
    found = tuple(_uint(0, 2**32 - 1)(item) for item in _list(weights, BUCKETS, BUCKETS))
    if not any(found):
        raise _fault("a decoy law has at least one weight above zero")
    return DecoyWeights(_uint(1, 2**32 - 1)(version), found)


def _timeout(value: Any) -> int:
    return 0 if type(value) is int and value == 0 else _uint(3600, 2**32 - 1)(value)


def _delay(value: Any) -> int:
    return 0 if type(value) is int and value == 0 else _uint(10, 10**6)(value)


def _regulated(value: Any) -> Regulated | None:
    items = _list(value, 0, 2)
    if not items:
        return None
    limit, kid = _list(value, 2, 2)
    return Regulated(_amount(limit), _bytes(16)(kid))


def read_enclaves(value: Any) -> Enclaves:
    """Also field 12 of a genesis document. Raises ParamsValue."""
    measurements, admitted = _list(value, 2, 2)
    allowed = tuple(_hash(item) for item in _list(measurements, 0, 64))
    enclaves = tuple(_enclave(item) for item in _list(admitted, 0, 256))
    _distinct(allowed, "measurement")
    _distinct(tuple(each.key for each in enclaves), "key of an enclave")
    if any(one.index >= other.index for one, other in pairwise(enclaves)):
        raise _fault("enclaves do not ascend by their index")
    if any(each.measurement not in allowed for each in enclaves):
        raise _fault("an admitted enclave has a measurement that is not allowed")
    return Enclaves(allowed, enclaves)


def _enclave(value: Any) -> AdmittedEnclave:
    index, key, measurement, quote_hash = _list(value, 4, 4)
    return AdmittedEnclave(_uint(0, 255)(index), _hash(key), _hash(measurement), _hash(quote_hash))


def read_authority(value: Any) -> tuple[AuthorityEntry, ...]:
    """Entries, strictly ascending by kid; also field 10 of a genesis document. Raises ParamsValue."""
    entries = []
    for item in _list(value, 0, 512):
        if type(item) is not bytes:
            raise _fault("an entry of the authority table is a byte string")
        entries.append(AuthorityEntry.decode(item, ParamsValue, _RULE))
    if any(one.kid >= other.kid for one, other in pairwise(entries)):
        raise _fault("entries do not ascend by kid")
    return tuple(entries)


def _authority(value: Any) -> AuthorityUpdate:
    version, digest, entries = _list(value, 3, 3)
    return AuthorityUpdate(_uint(0, 2**32 - 1)(version), _hash(digest), read_authority(entries))


def _validators(value: Any) -> Any:
    # SPEC LEDGER-20.1.2
    raise NotAvailable("validators cannot be changed on a chain of one node", rule=_RULE)


_READERS: dict[int, Callable[[Any], Any]] = {
    Parameter.RING_SIZE: _one_of(16, 32, 64),
    Parameter.MIN_AGE: _uint(1, 100),
    Parameter.ANCHOR_WINDOW: _uint(10, 10_000),
    Parameter.FEE_MIN: _fees,
    Parameter.ESCROW_FEE: _amount,
    Parameter.FEE_ADDRESS: _bytes(PAY_BYTES),
    Parameter.EPOCH_BLOCKS: _uint(100, 10**6),
    Parameter.PROOF_RETENTION: _uint(1, 2**32 - 1),
    Parameter.STRICT_PROOFS: _bool,
    Parameter.DECOY_LAW: _decoys,
    Parameter.WITHDRAW_TIMEOUT: _timeout,
    Parameter.GOVERNANCE: _governance,
    Parameter.AUTHORITY: _authority,
    Parameter.PARAM_DELAY: _delay,
    Parameter.ESCROW_OPS_MAX: _uint(16, 65_535),
    Parameter.OPS_PER_BLOCK: _uint(16, 4096),
    Parameter.REGULATED: _regulated,
    Parameter.ENCLAVES: read_enclaves,
    Parameter.VALIDATORS: _validators,
}


# SPEC LEDGER-9.8.4
def read_changes(mapping: Any) -> dict[int, Any]:
    """Values of a decoded map, each checked on its own; what depends on the chain is for the rules.

    Raises ParamsValue, NotAvailable.
    """
    if not isinstance(mapping, dict) or not mapping:
        raise _fault("a map of parameters is expected")
    answer = {}
    for ident, value in mapping.items():
        if type(ident) is not int or ident not in _READERS:
            raise _fault("unknown parameter")
        answer[ident] = _READERS[ident](value)
    return answer


def decode_changes(data: bytes) -> dict[int, Any]:
    """The values of a change by id: int, bool, bytes, tuples, and the classes of this file.

    Raises ParamsValue, NotAvailable.
    """
    try:
        mapping = codec.decode(data, bytes_max=CHANGES_BYTES_MAX)
    except (codec.Malformed, codec.NonCanonical, codec.TooLarge) as error:
        raise _fault("not a map in deterministic CBOR") from error
    return read_changes(mapping)


def encode_changes(changes: Mapping[int, Any]) -> bytes:
    """The bytes of a change, from values as `decode_changes` answers them."""
    return codec.encode({int(ident): value_to_wire(value) for ident, value in changes.items()})
