"""What other rooms, doors and consensus providers may ask of the ledger. Spec: LEDGER-1, 16.1, 21."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from specie.ledger.messages.views import (
    DecoyLaw,
    EpochKeyView,
    Event,
    KeyImageProof,
    OutputProof,
    OutputView,
    Params,
    Session,
    StateEntry,
    Status,
    Submitted,
    Supply,
)

__all__ = [
    "SUBMITTER",
    "BlockResult",
    "Consensus",
    "ConsensusStatus",
    "DecoyLaw",
    "EpochKeyView",
    "Event",
    "FinalBlock",
    "KeyImageProof",
    "Ledger",
    "OutputProof",
    "OutputView",
    "Params",
    "Session",
    "StateEntry",
    "StateMachine",
    "Status",
    "Submitted",
    "Supply",
    "TrustedNode",
    "Verdict",
]

SUBMITTER: ContextVar[str] = ContextVar("submitter", default="")
"""Who hands in: a session or a peer, as the door knows it; what waits is bounded for each (LEDGER-16.1.4)."""


@runtime_checkable
class Ledger(Protocol):
    """The ledger as everybody sees it: the engine in process, or the HTTP client."""

    async def submit_envelope(self, data: bytes, wait_s: float = 0) -> Submitted:
        """Hand in one envelope; with `wait_s` the answer waits so long for the end.

        The same bytes again get the same answer (LEDGER-21.1.1). Raises Overloaded, NotReady; a refusal of the
        transaction itself is raised as its own class of `errors`, in the order of LEDGER-7.
        """
        ...

    async def submit_operation(self, data: bytes, wait_s: float = 0) -> Submitted:
        """Hand in one public frame. Raises as `submit_envelope`, in the order of LEDGER-9."""
        ...

    async def submit_bundle(self, data: bytes) -> list[Submitted]:
        """Hand in the envelopes of a `PLB1`; one answer for each, a refusal stands in its place.

        Raises NonCanonical for a bundle that does not parse.
        """
        ...

    async def submission(self, ident: bytes, wait_s: float = 0) -> Submitted:
        """Where a submission stands; `ident` is the SHA-256 of its bytes. Raises Unknown."""
        ...

    async def receipt(self, leaf: bytes) -> bytes:
        """`PLQ1` of a tx_leaf or an op_id. Raises Unknown."""
        ...

    async def status(self) -> Status:
        """The chain and this node at a glance."""
        ...

    async def genesis(self) -> bytes:
        """The genesis document."""
        ...

    async def headers(self, first: int, limit: int) -> list[tuple[bytes, bytes]]:
        """(header, finality) from a height on, up to 1000 of them; fewer where the chain ends."""
        ...

    async def epoch(self, number: int | None = None) -> EpochKeyView:
        """An epoch and its key; None is the newest that is live. Raises Unknown."""
        ...

    async def parameters(self, version: int | None = None) -> Params:
        """A parameter set; None is the one in force. Raises Unknown."""
        ...

    async def decoys(self) -> DecoyLaw:
        """The decoy law and the rate of outputs of the last seven days."""
        ...

    async def supply(self, height: int | None = None) -> Supply:
        """The counters with their proof. Raises Unknown for a height outside of the last ANCHOR_WINDOW."""
        ...

    async def state_entry(self, domain: int, ident: bytes, height: int | None = None) -> StateEntry:
        """One entry of the state tree, present or absent, with its proof. Raises Unknown as `supply`."""
        ...

    async def state_receipt(self, domain: int, ident: bytes, height: int | None = None) -> bytes:
        """`PLQ2` of one entry. Raises Unknown as `supply`."""
        ...

    async def block(self, height: int) -> bytes:
        """A block record. Raises Unknown."""
        ...

    async def block_proofs(self, height: int) -> bytes:
        """A proofs segment. Raises Unknown, Pruned."""
        ...

    async def compact(self, first: int, count: int) -> bytes:
        """`PLC1` of up to 1000 blocks."""
        ...

    async def outputs(self, page: int) -> bytes:
        """`PLO1`: one page of up to 4096 outputs. Raises Unknown."""
        ...

    async def output(self, index: int) -> OutputView:
        """One output. Raises Unknown."""
        ...

    async def key_images(self, first: int, count: int) -> bytes:
        """Per block height u64, n u32, n × 32."""
        ...

    async def prove_output(self, index: int, height: int | None = None) -> OutputProof:
        """The path of an output to out_root of any height. Raises Unknown."""
        ...

    async def prove_consistency(self, first: int, last: int) -> list[bytes]:
        """That the output log of height `first` begins that of height `last`. Raises Unknown."""
        ...

    async def prove_key_image(self, image: bytes, height: int | None = None) -> KeyImageProof:
        """That a key image is spent, or not. Raises Unknown as `supply`."""
        ...

    def events(self, after: int) -> AsyncIterator[Event]:
        """Headers, parameters and epochs above a height, then each new one as it comes."""
        ...


@runtime_checkable
class TrustedNode(Protocol):
    """Ring service and scan service over sealed sessions. Spec: LEDGER-11, 21.6."""

    async def session(self, nonce: bytes) -> Session:
        """A session key and the quote that binds it to this nonce of 32 bytes."""
        ...

    async def rings(self, session: str, sealed: bytes) -> bytes:
        """Ring members with their paths. Raises Unknown for a session that is over."""
        ...

    async def scan(self, session: str, sealed: bytes) -> bytes:
        """Candidates of a detection key. Raises Unknown for a session that is over."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one frame."""

    ident: bytes
    """SHA-256 of the bytes."""

    refusal: Exception | None = None
    """None: it passed, or took effect."""

    leaf: bytes = b""
    """tx_leaf or op_id, where the bytes gave one."""

    costly: bool = False
    """It failed in V-15 to V-18: its source is verified apart for a while (LEDGER-16.1.4)."""

    @property
    def number(self) -> int:
        """The number of LEDGER-24; 0 for success."""
        return 0 if self.refusal is None else int(getattr(self.refusal, "number", 126))


@dataclass(frozen=True, slots=True)
class BlockResult:
    """A block that was executed and not yet committed."""

    height: int
    time_ms: int
    app_hash: bytes
    header: bytes
    """378 bytes."""
    record: bytes
    proofs: bytes
    verdicts: Sequence[Verdict]
    """In the order of the frames as they came."""
    positions: dict[bytes, int] = field(default_factory=dict)
    """Leaf to position under tx_root."""


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A durable block."""

    height: int
    header: bytes
    finality: bytes


@dataclass(frozen=True, slots=True)
class ConsensusStatus:
    """How a provider is doing."""

    provider: str
    height: int
    waiting: int
    """Frames that wait for verification or for a block."""
    validators: int
    validators_up: int
    block_interval_ms: float


@runtime_checkable
class StateMachine(Protocol):
    """The rules of LEDGER-7 to 9 over one store. Deterministic; time and frames come in as arguments."""

    def check(self, frames: Sequence[bytes]) -> list[Verdict]:
        """Judge a micro-batch against the last committed block; no effect."""
        ...

    def propose(self, bytes_max: int, time_ms: int) -> list[bytes]:
        """Verified frames free of conflicts, envelopes first and by leaf, of at most so many bytes."""
        ...

    def process(self, frames: Sequence[bytes], height: int, time_ms: int) -> bool:
        """Whether the block is acceptable (LEDGER-16.3.2)."""
        ...

    def finalize(self, frames: Sequence[bytes], height: int, time_ms: int) -> BlockResult:
        """Execute a block in memory. Raises NotReady where the key of a live epoch is missing, and the alarm of
        LEDGER-9.4.1 where an identity would break."""
        ...

    def commit(self) -> int:
        """Make the executed block durable, in one database transaction; the height from which blocks are kept."""
        ...


@runtime_checkable
class Consensus(Protocol):
    """What the engine asks of a provider."""

    async def start(self, machine: StateMachine) -> None:
        """Begin to make blocks."""
        ...

    async def submit(self, frame: bytes) -> Submitted:
        """Take an envelope or a public frame; answers once it is queued or known. Raises Overloaded."""
        ...

    async def wait_final(self, ident: bytes, timeout_s: float) -> Submitted:
        """The end of a submission, or its state when the time is up. Raises Unknown."""
        ...

    async def finality(self, height: int) -> bytes:
        """The bytes of LEDGER-13. Raises Unknown."""
        ...

    def blocks(self, from_height: int) -> AsyncIterator[FinalBlock]:
        """Durable blocks from a height on, then each new one as it comes."""
        ...

    async def status(self) -> ConsensusStatus:
        """How it is doing."""
        ...

    async def stop(self) -> None:
        """Finish the block in hand and stop."""
        ...
