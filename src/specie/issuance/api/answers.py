"""What the systems answer each other, item by item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specie.kernel.errors import Refused, Unavailable

Refusal = Refused | Unavailable


@dataclass(frozen=True, slots=True)
class Granted:
    """A credential: the sealed form, and beside it what the issuance system may know of it."""

    sealed: bytes
    cti: bytes
    hash: bytes
    """SHA-256 of the inner credential."""
    amount: int
    currency: str
    exp: int
    quota_control: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """The request is reserved and waits for officers; ask again."""

    cti: bytes
    persons: int
    """How many approvals its tier needs."""
    until_s: int
    retry_after_s: int = 2


@dataclass(frozen=True, slots=True)
class Bit:
    """A signed control bit."""

    bit: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """The signed answer to a tombstone or revocation call: `dc-tomb` or `dc-used`."""

    answer: bytes
    used: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A credential that central management holds reserved, or knows to be used beyond a log position."""

    cti: bytes
    hash: bytes
    """SHA-256 of the inner credential."""
    request: bytes
    used: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What quota control tells central management through its outbox.

    kind: use (objects: the bit), redeem (dc-redeem, dc-redreq, shares), cancel (dc-cancel, the bit). Shares are a CBOR
    array of [credential cti, amount], empty for account money.
    """

    kind: str
    key: bytes
    """Unique per kind; receivers drop repeats."""
    objects: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class MintNote:
    """D9: `dc-minted`, and beside it the registry's receipt (empty off line)."""

    minted: bytes
    receipt: bytes = b""


@dataclass(frozen=True, slots=True)
class BucketFigures:
    """One bucket as shown to people, in minor units (requests for the kind count)."""

    key: str
    name: str
    kind: str
    cap: int
    reserved: int
    used: int
    available: int
    resets_at_s: int


@dataclass(frozen=True, slots=True)
class Solvency:
    """The published line of one currency (ISSUANCE-15.5.1): outstanding <= ratio * attested."""

    currency: str
    outstanding: int
    attested: int
    as_of: int
    ratio: tuple[int, int]
    solvent: bool


@dataclass(frozen=True, slots=True)
class Quotas:
    """The figures of one system."""

    system: str
    at_s: int
    policy_version: int
    buckets: tuple[BucketFigures, ...]
    reserved_expired: Mapping[str, int]
    """Currency to what is still held for credentials that have expired (ISSUANCE-10.4.5)."""


@dataclass(frozen=True, slots=True)
class Traced:
    """An object of an issue, and its leaf in this system's log; sequence 0 where the log does not name it.

    data is empty for a leaf that names no object (the leaf `mint` names the root of the units).
    """

    data: bytes
    sequence: int
    at_s: int
    event: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says of a request that was not sent."""

    check: str
    """C11 to C17."""
    what: str
    """What is looked at, in words."""
    code: str | None = None
    """The refusal; None where the check passes."""
    detail: str = ""
    bucket: str | None = None
    available: int | None = None
    """What the bucket has left, minor units (requests for a frequency cap)."""
    not_before_s: int | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """A key that central management made, sealed to the component that asked."""

    kid: bytes
    enrolment: bytes
    """Hash of its enrolment, which two officers approve."""
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator asks an issuance system to issue."""

    currency: str
    amount: int
    model: int
    owner: bytes
    denominations: tuple[tuple[int, int], ...] | None
    purpose: str
    operator: str | None = None
    supersedes: bytes | None = None
    address: bytes = b""
    """The owner's ledger address, where the registry is a ledger (ISSUANCE-13.2.2)."""


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue as its system shows it."""

    id: bytes
    cti: bytes
    state: str
    currency: str
    amount: int
    code: str | None
    detail: str | None
    units: int
    request_hash: bytes = b""
    replayed: bool = False
    """The order was known: this is what became of it."""
