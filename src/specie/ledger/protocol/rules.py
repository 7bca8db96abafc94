"""The rules of an envelope in their order: V-1 to V-22. Spec: LEDGER-7.

Cheap first; a transaction is refused with the first rule that fails. Some rules can never change their answer: their
result is kept with the candidate. The others ask the state each time, at the first look as at any later one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Protocol

from specie.ledger.errors import (
    EnvelopeMalformed,
    EpochUnknown,
    Rejected,
    TooLarge,
    of_rule,
)
from specie.ledger.messages.parameters import Parameters
from specie.ledger.messages.transaction import EXPIRY_BLOCKS_MAX, TransactionType

MAGIC = b"PLX1"
HEADER_BYTES = 17
SIZE_CLASSES = (8192, 16384, 32768, 65536)
ORDER = (
    *("V-1", "V-2", "V-3", "V-4", "V-20", "V-5", "V-6", "V-7", "V-8", "V-9", "V-19", "V-10", "V-11", "V-12"),
    *("V-21", "V-14", "V-13", "V-22", "V-15", "V-16", "V-17", "V-18"),
)
"""The rules in the order in which they are judged."""
RANK = {label: place for place, label in enumerate(ORDER)}
EXPENSIVE = frozenset(("V-15", "V-16", "V-17", "V-18"))
# SPEC LEDGER-7.24
LASTING = frozenset(("V-2", "V-3", "V-4", "V-7", "V-8", "V-10", "V-11", "V-20", "V-22")) | EXPENSIVE
"""Rules whose answer no later block or parameter can change."""


class View(Protocol):
    """What the state-dependent rules ask. Parameters and epochs are those of the start of the block (LEDGER-7.26)."""

    @property
    def height(self) -> int: ...
    @property
    def parameters(self) -> Parameters: ...
    def is_live(self, epoch: int) -> bool:
        """Whether envelopes of this epoch may be taken at this height (LEDGER-9.10.4)."""
        ...

    def is_any_spent(self, images: Sequence[bytes]) -> bool:
        """Whether a key image is in the set, or earlier in this block."""
        ...

    def is_withdrawal_known(self, ref: bytes) -> bool:
        """Whether a withdraw_ref was used."""
        ...

    def is_any_point_used(self, points: Sequence[bytes]) -> bool:
        """Whether an R or P is on the ledger, reserved, or earlier in this block."""
        ...

    def check_funding(self, operation: bytes, burn: int) -> None:
        """E-1 to E-8. Raises the refusal."""
        ...

    def outputs_at(self, height: int) -> int:
        """Size of the output log after the block of this height; 0 below height 0."""
        ...


class Opened(Protocol):
    """What the core gives of an envelope that opened and parsed: `specie.crypto.transactions.OpenedTransaction`."""

    @property
    def tx_id(self) -> bytes: ...
    @property
    def tx_leaf(self) -> bytes: ...
    @property
    def type(self) -> int: ...
    @property
    def expiry_height(self) -> int: ...
    @property
    def fee(self) -> int: ...
    @property
    def burn(self) -> int: ...
    @property
    def extra(self) -> bytes: ...
    @property
    def key_images(self) -> list[bytes]: ...
    @property
    def pseudo_outputs(self) -> list[bytes]: ...
    @property
    def outputs(self) -> list[bytes]: ...
    @property
    def range_proof(self) -> bytes: ...
    @property
    def bp_ctx(self) -> bytes: ...
    @property
    def anchor_height(self) -> int: ...
    @property
    def ring_size(self) -> int: ...
    @property
    def rings(self) -> list[list[int]]: ...
    def static_faults(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class EnvelopeHead:
    """The 17 bytes before the ciphertext."""

    suite: int
    epoch: int
    key_id: bytes


# SPEC LEDGER-6.2.2
@dataclass(slots=True, eq=False)
class Candidate:
    """A transaction as far as a second look needs it: no ring, no index, no signature (LEDGER-8.2.3)."""

    env_id: bytes
    size: int
    """Bytes of its envelope."""
    epoch: int
    tx_id: bytes = field(repr=False)
    leaf: bytes
    type: int
    expiry_height: int
    fee: int
    burn: int
    extra: bytes = field(repr=False)
    key_images: list[bytes] = field(repr=False)
    pseudo_outputs: list[bytes] = field(repr=False)
    outputs: list[bytes] = field(repr=False)
    points: list[bytes] = field(repr=False)
    """R and P of the outputs, and of a refund stub."""
    range_proof: bytes = field(repr=False)
    bp_ctx: bytes = field(repr=False)
    anchor_height: int
    ring_size: int
    ring_end: int
    """One above the largest index of any ring."""
    is_ascending: bool
    """Every ring is strictly ascending."""
    fault: str
    """The first lasting rule that fails, or nothing."""
    is_proven: bool = False
    """The expensive rules were judged too."""


# SPEC LEDGER-7.1, LEDGER-6.3.1
def read_head(data: bytes) -> EnvelopeHead:
    """V-1 without the epoch table: size, magic, length class. Raises TooLarge, EnvelopeMalformed."""
    if len(data) > SIZE_CLASSES[-1]:
        raise TooLarge("an envelope has at most 65536 bytes", rule="V-1")
    if data[:4] != MAGIC or len(data) not in SIZE_CLASSES:
        raise EnvelopeMalformed("not the magic or not a length of an envelope", rule="V-1")
    return EnvelopeHead(data[4], int.from_bytes(data[5:9], "little"), data[9:HEADER_BYTES])


def key_id_of(public_key: bytes) -> bytes:
    """How envelopes name an epoch's key, 8 bytes (LEDGER-6.3)."""
    return sha256(public_key).digest()[:8]


class EpochNames(Protocol):
    """What an envelope names of its epoch's key."""

    @property
    def suite(self) -> int: ...
    @property
    def key_id(self) -> bytes: ...


# SPEC LEDGER-7.1, LEDGER-2.7
def check_head(head: EnvelopeHead, live: EpochNames | None) -> None:
    """V-1 against the live epoch of this number, if there is one. Raises EpochUnknown, EnvelopeMalformed."""
    if live is None:
        raise EpochUnknown("this epoch is not live at this height", rule="V-1")
    if (head.suite, head.key_id) != (live.suite, live.key_id):
        raise EnvelopeMalformed("suite or key id are not those of the epoch's key", rule="V-1")


def candidate_of(opened: Opened, env_id: bytes, size: int, epoch: int, classes: Sequence[int]) -> Candidate:
    """What later looks need, with the lasting rules judged as far as the rings reach.

    classes: class of every output of the log, by index.
    """
    outputs, rings, extra = opened.outputs, opened.rings, opened.extra
    points = [point for output in outputs for point in (output[64:96], output[:32])]
    if opened.type == TransactionType.WITHDRAW:
        points += (extra[64:96], extra[32:64])  # R and P of the stub behind withdraw_ref
    end = max((ring[-1] + 1 for ring in rings if ring), default=0)
    ascending = all(_is_ascending(ring) for ring in rings)
    faults = set(opened.static_faults())
    # SPEC LEDGER-7.17
    if ascending and end <= len(classes) and any(len({classes[index] for index in ring}) != 1 for ring in rings):
        faults.add("V-22")
    fault = min(faults, key=RANK.__getitem__) if faults else ""
    return Candidate(
        env_id,
        size,
        epoch,
        opened.tx_id,
        opened.tx_leaf,
        opened.type,
        opened.expiry_height,
        opened.fee,
        opened.burn,
        extra,
        opened.key_images,
        opened.pseudo_outputs,
        outputs,
        points,
        opened.range_proof,
        opened.bp_ctx,
        opened.anchor_height,
        opened.ring_size,
        end,
        ascending,
        fault,
    )


def _is_ascending(ring: Sequence[int]) -> bool:
    return all(one < other for one, other in pairwise(ring))


# SPEC LEDGER-7.23, LEDGER-7.24
def judge_cheap(view: View, candidate: Candidate) -> Exception | None:
    """The first rule that fails, as its refusal; None if all of the candidate's known rules pass.

    The same at the first look and at any later one: lasting faults stand in their places between the rules that ask
    the state. The expensive rules are judged only after this, and join the lasting faults then.
    """
    fault_rank = RANK[candidate.fault] if candidate.fault else len(ORDER)
    for rank, rule in _STATE_RULES:
        if fault_rank < rank:
            break
        refusal = rule(view, candidate)
        if refusal is not None:
            return refusal
    return refusal_of(candidate.fault) if candidate.fault else None


def refusal_of(label: str) -> Rejected:
    """The refusal of a rule, by its label."""
    refusal = of_rule(label)
    return refusal((refusal.__doc__ or "").partition("\n")[0], rule=label)


# SPEC LEDGER-7.1
def _v1(view: View, candidate: Candidate) -> Exception | None:
    if view.is_live(candidate.epoch):
        return None
    return EpochUnknown("this epoch is not live at this height", rule="V-1")


# SPEC LEDGER-7.6
def _v5(view: View, candidate: Candidate) -> Exception | None:
    height = view.height
    return None if height < candidate.expiry_height <= height + EXPIRY_BLOCKS_MAX else refusal_of("V-5")


# SPEC LEDGER-7.7
def _v6(view: View, candidate: Candidate) -> Exception | None:
    minimum = view.parameters.fee_min[SIZE_CLASSES.index(candidate.size)]
    if candidate.type == TransactionType.FUND:
        minimum += view.parameters.escrow_fee
    return None if candidate.fee >= minimum else refusal_of("V-6")


# SPEC LEDGER-7.10
def _v9(view: View, candidate: Candidate) -> Exception | None:
    return refusal_of("V-9") if view.is_any_spent(candidate.key_images) else None


# SPEC LEDGER-7.11, LEDGER-9.3.1
def _v19(view: View, candidate: Candidate) -> Exception | None:
    if candidate.type != TransactionType.WITHDRAW or not view.is_withdrawal_known(candidate.extra[:32]):
        return None
    return refusal_of("V-19")


# SPEC LEDGER-7.14, LEDGER-4.4.1
def _v12(view: View, candidate: Candidate) -> Exception | None:
    points = candidate.points
    if len(set(points)) == len(points) and not view.is_any_point_used(points):
        return None
    return refusal_of("V-12")


# SPEC LEDGER-7.15
def _v21(view: View, candidate: Candidate) -> Exception | None:
    if candidate.type != TransactionType.FUND:
        return None
    try:
        view.check_funding(candidate.extra, candidate.burn)
    except Rejected as refusal:
        return refusal
    return None


# SPEC LEDGER-7.18
def _v14(view: View, candidate: Candidate) -> Exception | None:
    return None if _is_anchored(view.parameters, view.height, candidate) else refusal_of("V-14")


# SPEC LEDGER-7.16, LEDGER-5.1.1, LEDGER-10.2
def _v13(view: View, candidate: Candidate) -> Exception | None:
    return None if _has_rings(view.parameters, candidate, view.outputs_at) else refusal_of("V-13")


def _has_rings(parameters: Parameters, candidate: Candidate, outputs_at: Callable[[int], int]) -> bool:
    # age = h_a + 1 - height of the output, and indices ascend with heights: all members are mature iff the largest
    # index lies below the size that the log had at h_a + 1 - MIN_AGE. That size is at most the one at h_a.
    mature = outputs_at(candidate.anchor_height + 1 - parameters.min_age)
    return candidate.is_ascending and candidate.ring_size == parameters.ring_size and candidate.ring_end <= mature


def _is_anchored(parameters: Parameters, height: int, candidate: Candidate) -> bool:
    return height - parameters.anchor_window <= candidate.anchor_height < height


def can_prove(parameters: Parameters, height: int, candidate: Candidate, outputs_at: Callable[[int], int]) -> bool:
    """Whether the expensive rules can be judged at all: no lasting fault, an anchor and rings that exist.

    Asks nothing that an earlier transaction of the same block could change.
    """
    anchored = _is_anchored(parameters, height, candidate)
    return not candidate.fault and anchored and _has_rings(parameters, candidate, outputs_at)


_STATE_RULES: Sequence[tuple[int, Callable[[View, Candidate], Exception | None]]] = tuple(
    (RANK[label], rule)
    for label, rule in (
        ("V-1", _v1),
        ("V-5", _v5),
        ("V-6", _v6),
        ("V-9", _v9),
        ("V-19", _v19),
        ("V-12", _v12),
        ("V-21", _v21),
        ("V-14", _v14),
        ("V-13", _v13),
    )
)
