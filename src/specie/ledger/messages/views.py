"""What the ledger's API shows as JSON (LEDGER §21): msgspec structs, members in the order of the chapter.

Bytes are lower-case hexadecimal, times RFC 3339 in UTC, heights and indices integers, amounts decimal strings with the
currency's digits. Whatever must be checked is bytes (headers, receipts, proofs); the rest is for people and programs
that trust the node.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct, field

from specie.kernel.amount import format_minor, parse_minor
from specie.ledger.messages.header import Header
from specie.ledger.messages.record import BlockRecord

SubmissionState = Literal["received", "verified", "final", "refused", "expired"]


class AmountView(Struct, frozen=True):
    """An amount: `{"currency": "XTS", "value": "12.50"}`."""

    currency: str
    value: str

    @classmethod
    def of(cls, minor: int, currency: str, scale: int) -> AmountView:
        """So many minor units of a currency with `scale` digits; sums may be above the largest single amount."""
        return cls(currency, format_minor(minor, scale))

    def minor(self, scale: int) -> int:
        """The minor units. Raises AmountMalformed, AmountOutOfRange."""
        return parse_minor(self.value, scale)


class Submitted(Struct, frozen=True, kw_only=True):
    """Where a submission stands: `received`, `verified`, then one of `final`, `refused`, `expired`."""

    id: str
    """SHA-256 of the envelope or frame."""

    state: SubmissionState
    height: int | None = None
    """When final."""

    leaf: str | None = None
    """tx_leaf or op_id, when final."""

    position: int | None = None
    """Under tx_root."""

    code: str | None = None
    """`ledger.key_image_spent`, when refused."""

    rule: str | None = None
    """`V-9`"""


class Repeated(Submitted, frozen=True, kw_only=True):
    """A `Submitted` whose bytes had come before; the doors mark it `Idempotent-Replay: true` (LEDGER-21.1.1)."""


class SubmittedItems(Struct, frozen=True):
    """The answer to a bundle: one per envelope, in its order."""

    items: list[Submitted]


class ReceiptView(Struct, frozen=True):
    """The bytes of a receipt `PLQ1`."""

    receipt: str


class Status(Struct, frozen=True, kw_only=True):
    """The chain and this node of it."""

    chain_id: str
    currency: str
    scale: int
    dev: bool
    """True on a chain whose enclaves are simulated: its money is play money (LEDGER-1.1)."""

    provider: Literal["embedded", "cometbft"]
    height: int
    time: str
    app_hash: str
    out_size: int
    real_outputs: list[int]
    """Per class, start outputs not counted."""

    epoch: int
    params_version: int
    ring_size: int
    validators: int
    validators_up: int
    block_interval_ms: float
    mempool: int
    enclave: Literal["simulated", "gramine"]
    separation_of_duties: bool


class HeaderView(Struct, frozen=True, kw_only=True):
    """A header, and the bytes to check it by."""

    height: int
    time: str
    app_hash: str
    header: str
    """378 bytes."""

    finality: str
    tx_count: int
    out_size: int
    fee_total: AmountView
    mint_total: AmountView
    burn_total: AmountView
    refund_total: AmountView
    escrow_in: AmountView
    escrow_out: AmountView


def header_view(data: bytes, finality: bytes, currency: str, scale: int) -> HeaderView:
    """The view of a header of 378 bytes. Raises NonCanonical."""
    header = Header.decode(data)
    totals = header.totals
    return HeaderView(
        height=header.height,
        time=time_text(header.time_ms),
        app_hash=header.app_hash.hex(),
        header=data.hex(),
        finality=finality.hex(),
        tx_count=header.tx_count,
        out_size=header.out_size,
        fee_total=AmountView.of(totals.fee, currency, scale),
        mint_total=AmountView.of(totals.mint, currency, scale),
        burn_total=AmountView.of(totals.burn, currency, scale),
        refund_total=AmountView.of(totals.refund, currency, scale),
        escrow_in=AmountView.of(totals.escrow_in, currency, scale),
        escrow_out=AmountView.of(totals.escrow_out, currency, scale),
    )


class HeaderItems(Struct, frozen=True):
    """Headers, ascending."""

    items: list[HeaderView]


class EpochKeyView(Struct, frozen=True, kw_only=True):
    """The key that envelopes of an epoch are sealed to."""

    epoch: int
    suite: int
    key_id: str
    pk: str
    start: int
    end: int
    operation: str
    """The EPOCH_KEY frame, with the signatures of the enclaves."""

    receipt: str
    """`PLQ1` of that frame, so that a client can check it before it seals anything (LEDGER-12.1.1)."""


class Params(Struct, frozen=True, kw_only=True):
    """A version of the parameters."""

    version: int
    effective_height: int
    values: dict[str, Any]
    """By the names of §23.2; bytes as hexadecimal."""

    operation: str | None = None
    receipt: str | None = None


class DecoyLaw(Struct, frozen=True, kw_only=True):
    """How ages of decoys are drawn (§10)."""

    version: int
    weights: list[int]
    """40 buckets: bucket k holds the ages from 2^(26k/40) to 2^(26(k+1)/40) seconds."""

    rate_7d: str
    """Outputs per second over the last seven days, a decimal."""

    from_height: int


class Supply(Struct, frozen=True, kw_only=True):
    """The money of this ledger at a height (§9.4)."""

    height: int
    minted: AmountView
    redeemed: AmountView
    to_accounts: AmountView
    hidden: AmountView
    escrow_pool: AmountView
    pending: AmountView
    fees: AmountView
    proof: str
    """State receipt `PLQ2` of the counters."""


class StateEntry(Struct, frozen=True, kw_only=True):
    """An entry of the state tree, or the proof that there is none."""

    height: int
    present: bool
    value: str | None
    view: dict[str, Any] | None
    proof: str
    """Sparse Merkle proof to the state_root of that height."""

    receipt: str | None = None
    """State receipt `PLQ2`: the same with header and finality."""


class OutputProof(Struct, frozen=True, kw_only=True):
    """An output stands under the out_root of a height."""

    height: int
    leaf: str
    """The leaf data: class u8, height u64, output 267."""

    index: int
    size: int
    path: list[str]


class OutputView(Struct, frozen=True, kw_only=True):
    """One output of the log."""

    index: int
    class_: int = field(name="class")
    height: int
    output: str
    proof: OutputProof


class ConsistencyProof(Struct, frozen=True, kw_only=True):
    """The output log of one height is a beginning of that of a later one."""

    from_: int = field(name="from")
    to: int
    path: list[str]


class KeyImageProof(Struct, frozen=True, kw_only=True):
    """A key image is, or is not, under the ki_root of a height."""

    height: int
    present: bool
    proof: str
    spent_height: int | None = None
    """The value under the key image, when present: without it the proof cannot be checked."""


class ProofQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment, receive or reserve proof in JSON, and what its verifier knows beside it."""

    proof: str
    challenge: str = ""
    """Of receive and reserve proofs: what the verifier gave the prover."""

    mint_id: str | None = None
    """Of an output that a mint made."""


class Verified(Struct, frozen=True, kw_only=True):
    """What a node thinks of a proof; convenience only."""

    ok: bool
    reason: str | None = None


class TaggedBytes(Struct, frozen=True, kw_only=True):
    """A frame, or the tail of an envelope of type 2 or 3."""

    type: int
    data: str


class LedgerOutput(Struct, frozen=True, kw_only=True):
    """An output made by the ledger: start, fee, payout or refund."""

    kind: int
    class_: int = field(name="class")
    ctx: str
    output: str


class BlockView(Struct, frozen=True, kw_only=True):
    """A block record for people."""

    height: int
    leaves: list[str]
    operations: list[TaggedBytes]
    key_images: list[str]
    pseudo_sum: str
    outputs: list[str]
    public_outputs: list[LedgerOutput]
    fee_total: AmountView
    mint_total: AmountView
    burn_total: AmountView
    refund_total: AmountView
    escrow_in: AmountView
    escrow_out: AmountView


def block_view(data: bytes, currency: str, scale: int) -> BlockView:
    """The view of a block record. Raises NonCanonical."""
    record = BlockRecord.decode(data)
    totals = record.totals
    return BlockView(
        height=record.height,
        leaves=[leaf.hex() for leaf in record.tx_leaves],
        operations=[TaggedBytes(type=each.type, data=each.data.hex()) for each in record.operations],
        key_images=[image.hex() for image in record.key_images],
        pseudo_sum=record.ps_sum.hex(),
        outputs=[each.data.hex() for each in record.outputs],
        public_outputs=[
            LedgerOutput(kind=each.kind, class_=each.class_, ctx=each.ctx.hex(), output=each.output.data.hex())
            for each in record.public_outputs
        ],
        fee_total=AmountView.of(totals.fee, currency, scale),
        mint_total=AmountView.of(totals.mint, currency, scale),
        burn_total=AmountView.of(totals.burn, currency, scale),
        refund_total=AmountView.of(totals.refund, currency, scale),
        escrow_in=AmountView.of(totals.escrow_in, currency, scale),
        escrow_out=AmountView.of(totals.escrow_out, currency, scale),
    )


class Nonce(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends to open a session with a trusted node."""

    nonce: str
    """32 bytes."""


class Session(Struct, frozen=True, kw_only=True):
    """A session of a trusted node. The quote binds key and nonce (LEDGER-11.4.6)."""

    session: str
    public_key: str
    """X25519, 32 bytes; lives as long as the session."""

    quote: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something new on the chain; its id is the height."""

    height: int
    kind: Literal["header", "params", "epoch"]
    data: HeaderView | Params | EpochKeyView


def time_text(time_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-20T12:00:00.000Z`."""
    # from seconds and milliseconds apart: a float of milliseconds would round
    seconds, rest = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"


def time_of(text: str) -> int:
    """The milliseconds of `time_text`. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
