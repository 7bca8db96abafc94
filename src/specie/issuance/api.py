"""What the three systems ask of each other and of the rooms to their left.

Each protocol is implemented by an engine (in process) and by an HTTP client; `peer` is the caller's system id in
process and is left out by clients, whose certificate speaks for them. Batch calls answer item by item: a refused item
is an exception in its place, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from specie.issuance.messages.parcel import Parcel
from specie.kernel.errors import Refused, Unavailable

__all__ = [
    "Anchor",
    "Bit",
    "BucketFigures",
    "CentralManagement",
    "Closed",
    "Delivered",
    "Granted",
    "Held",
    "IssuanceSystem",
    "IssueView",
    "Log",
    "MintNote",
    "Order",
    "Parcel",
    "Pending",
    "QuotaControl",
    "Quotas",
    "Refusal",
    "Registration",
    "Registry",
    "Report",
    "Rules",
    "Solvency",
    "Traced",
    "Verdict",
]

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


@runtime_checkable
class Log(Protocol):
    """Read access to one system's log."""

    async def size(self) -> int: ...

    async def leaves(self, first: int, count: int) -> Sequence[bytes]: ...

    async def checkpoint(self) -> bytes: ...

    async def inclusion(self, sequence: int, size: int) -> Sequence[bytes]: ...

    async def consistency(self, old: int, new: int) -> Sequence[bytes]: ...

    async def objects(self, first: int, count: int) -> Sequence[tuple[int, bytes, bytes]]: ...


@runtime_checkable
class Rules(Protocol):
    """How policy, keys, pauses and reserves reach a system: as signed objects, from anyone."""

    async def apply_policy(self, data: bytes) -> int: ...

    async def apply_keys(self, data: bytes) -> int: ...

    async def confirm_keys(self, version: int) -> bool: ...

    async def apply_pause(self, datas: Sequence[bytes]) -> None: ...

    async def apply_reserve(self, data: bytes) -> None: ...

    async def apply_clock(self, datas: Sequence[bytes]) -> None: ...

    async def keys_since(self, version: int) -> Sequence[bytes]: ...

    async def policies_since(self, version: int) -> Sequence[bytes]: ...


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


@runtime_checkable
class CentralManagement(Protocol):
    """Central management, as the others see it."""

    @property
    def log(self) -> Log: ...

    @property
    def rules(self) -> Rules: ...

    async def submit_requests(
        self, requests: Sequence[bytes], *, peer: str | None = None
    ) -> Sequence[Granted | Pending | Refusal]: ...

    async def request_answer(self, cti: bytes, *, peer: str | None = None) -> Granted | Pending: ...

    async def approve(self, approval: bytes) -> str: ...

    async def report(self, reports: Sequence[Report], *, peer: str | None = None) -> None: ...

    async def revoke(self, data: bytes) -> None: ...

    async def quotas(self) -> Quotas: ...

    async def held_credentials(self, after: int, *, peer: str | None = None) -> Sequence[Held]: ...

    async def waiting(self) -> Sequence[bytes]: ...

    async def enrol(self, data: bytes) -> bytes: ...

    async def trace(self, ident: bytes, *, peer: str | None = None) -> Sequence[Traced]: ...

    async def plan(self, order: Order, issuer: str) -> Sequence[Verdict]: ...

    async def deliver(self, role: str, holder: str, agreement: bytes, *, peer: str | None = None) -> Delivered: ...

    async def acknowledge(self, receipt: bytes, *, peer: str | None = None) -> None: ...


@runtime_checkable
class QuotaControl(Protocol):
    """Quota control, as the others see it."""

    @property
    def log(self) -> Log: ...

    @property
    def rules(self) -> Rules: ...

    async def control_bits(
        self, presentations: Sequence[bytes], *, peer: str | None = None
    ) -> Sequence[Bit | Refusal]: ...

    async def tombstones(
        self, items: Sequence[tuple[bytes, bytes]], *, peer: str | None = None
    ) -> Sequence[Closed | Refusal]: ...

    async def revoke(self, data: bytes, *, peer: str | None = None) -> Closed: ...

    async def minted(self, notes: Sequence[MintNote], *, peer: str | None = None) -> Sequence[Refusal | None]: ...

    async def cancel(self, cancel: bytes, receipt: bytes, *, peer: str | None = None) -> None: ...

    async def redeem(self, parcel: Parcel, *, peer: str | None = None) -> bytes: ...

    async def lend(self, currency: str, amount: int, *, peer: str | None = None) -> bytes: ...

    async def return_lease(self, data: bytes) -> None: ...

    async def quotas(self) -> Quotas: ...

    async def supply(self) -> bytes: ...

    async def solvency(self) -> Sequence[Solvency]: ...

    async def trace(self, ident: bytes, *, peer: str | None = None) -> Sequence[Traced]: ...


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


@runtime_checkable
class IssuanceSystem(Protocol):
    """An issuance system, as its operators and the owners see it."""

    @property
    def log(self) -> Log: ...

    @property
    def rules(self) -> Rules: ...

    async def issue(self, orders: Sequence[Order], *, keys: Sequence[bytes] = ()) -> Sequence[IssueView | Refusal]: ...

    async def show(self, ident: bytes) -> IssueView: ...

    async def execute(self, ident: bytes) -> IssueView: ...

    async def trace(self, ident: bytes, *, peer: str | None = None) -> Sequence[Traced]: ...

    async def newest(self, limit: int = 50) -> Sequence[IssueView]: ...

    async def units(self, ident: bytes) -> Sequence[bytes]: ...

    async def unit(self, serial: bytes) -> tuple[bytes, str]: ...

    async def redeem(self, parcel: Parcel) -> bytes: ...

    async def freeze(self, datas: Sequence[bytes]) -> None: ...

    async def revocation_filter(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Registration:
    """One issue on its way into a registry (ISSUANCE-13.4.3): the credential cti is its id."""

    credential_cti: bytes
    bit: bytes
    order: bytes
    """dc-acct in the account model; the units' list, CBOR, in the token model."""
    unit_root: bytes
    currency: str
    amount: int
    address: bytes = b""


# SPEC ISSUANCE-13.4.1
@runtime_checkable
class Registry(Protocol):
    """What issuance needs of the room that takes the issued value in; the ledger and the bank implement it."""

    async def register(self, registration: Registration) -> bytes:
        """Take the value in, once per credential cti; the receipt."""

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        """Enter the unit root as cancelled, unless it is registered; the receipt."""

    async def receipt(self, unit_root: bytes) -> bytes | None:
        """The receipt of what happened to this root, if anything did."""

    # SPEC ISSUANCE-13.4.4
    def check_receipt(self, receipt: bytes, unit_root: bytes, credential_cti: bytes, *, cancelled: bool) -> None:
        """Pure, over the bytes: does the receipt prove it? Raises Refused."""

    def check_burn(self, proof: bytes, request: bytes) -> None:
        """Pure, over the bytes: was this value destroyed for exactly this dc-redreq? Raises Refused."""

    async def supply(self, currency: str) -> int:
        """The registry's own figure in I6, in minor units."""


# SPEC ISSUANCE-13.4.5
@runtime_checkable
class Anchor(Protocol):
    """Where checkpoints are anchored: an operation of the ledger."""

    async def anchor(self, topic: int, source: str, size: int, root: bytes, signature: bytes) -> None:
        """Anchor size and root of a log; the same once more changes nothing."""
