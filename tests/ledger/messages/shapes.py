"""Any value of each message, for property tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from specie.ledger.messages.address import Address, Network
from specie.ledger.messages.authority import BIP340, ED25519, AuthorityEntry, AuthorityStatus, Role
from specie.ledger.messages.bodies import (
    Anchor,
    EpochKeyOp,
    LeafProof,
    Mint,
    MintCancel,
    ParameterChange,
    WithdrawPaid,
    WithdrawRefund,
)
from specie.ledger.messages.bulk import (
    Bundle,
    CompactBlock,
    CompactBlocks,
    CompactGroup,
    LoggedOutput,
    OutputPage,
    RingAnswer,
    RingMember,
)
from specie.ledger.messages.frames import Frame, OpType
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import OUTPUT_COUNTS, Output, Stub
from specie.ledger.messages.parameters import AdmittedEnclave, Enclaves, Parameter
from specie.ledger.messages.proofs import OutputPlace, PaymentProof, ReceiveProof, ReserveItem, ReserveProof
from specie.ledger.messages.receipts import Finality, Receipt, SparseProof, StateReceipt
from specie.ledger.messages.record import (
    BlockRecord,
    BlockTotals,
    ProofsSegment,
    PublicOutput,
    RangeProofEntry,
    RecordedOperation,
)
from specie.ledger.messages.state import (
    AnchorState,
    Counters,
    EnclaveState,
    EpochState,
    MintState,
    ParametersState,
    WithdrawalState,
)
from specie.ledger.messages.transaction import TransactionType, TxPublic, WithdrawTail

u8, u16, u32, u64 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64))
u128 = st.integers(0, 2**128 - 1)


def octets(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


b16, b32, b64 = octets(16), octets(32), octets(64)
blob = st.binary(max_size=90)
# of 267 bytes most tell nothing: some are drawn, and the rest follows from them
outputs = octets(9).map(lambda seed: Output((seed * 30)[:267]))
stubs = octets(9).map(lambda seed: Stub((seed * 26)[:227]))
names = st.text("abc:._-01", min_size=1, max_size=12)


def tuples(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=most).map(tuple)


def ascending(items: st.SearchStrategy[Any], key: Callable[[Any], Any] = lambda each: each, most: int = 3) -> Any:
    found = st.lists(items, max_size=most, unique_by=key)
    return found.map(lambda each: tuple(sorted(each, key=key)))


def exactly(items: st.SearchStrategy[Any], counts: tuple[int, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.sampled_from(counts).flatmap(lambda n: st.lists(items, min_size=n, max_size=n).map(tuple))


paths = tuples(b32)
cosignatures = ascending(st.tuples(u8, b64), key=lambda pair: pair[0])
addresses = st.builds(Address, st.sampled_from(Network), b32, b32, b32)
few_outputs = exactly(outputs, OUTPUT_COUNTS[:2])

leaf_proofs = st.builds(LeafProof, u64, u64, blob, paths)
mints = st.builds(
    Mint, blob, b32, tuples(st.tuples(u64, u32)), st.just(b"") | leaf_proofs.map(LeafProof.encode), u64, few_outputs,
    b32, blob, b64, b16, b64,
)  # fmt: skip
paid = st.builds(WithdrawPaid, b32, names, b32, st.sampled_from([1, 2]), b32, b16, b64)
refunds = st.builds(WithdrawRefund, b32, st.just(1), names, b32, b16, b64) | st.builds(
    WithdrawRefund, b32, st.just(2), st.just(""), st.just(bytes(32)), st.just(bytes(16)), st.just(bytes(64))
)
anchors = st.builds(Anchor, u16, names, u64, u64, b32, b16, b64)
changes = st.builds(ParameterChange, u32, b32, u64, blob, cosignatures)
epoch_keys = st.builds(EpochKeyOp, u32, st.just(1), b32, b32, u64, u64, cosignatures)
frames = st.builds(Frame.of, st.sampled_from(OpType), b32, u64, blob)

inputs = st.integers(1, 3).flatmap(lambda n: st.tuples(*[exactly(b32, (n,))] * 2))


@st.composite
def transactions(draw: st.DrawFn) -> TxPublic:
    kind = draw(st.sampled_from(TransactionType))
    extra = {
        TransactionType.TRANSFER: st.just(b""),
        TransactionType.WITHDRAW: st.builds(lambda ref, stub: ref + stub.data, b32, stubs),
        TransactionType.FUND: blob,
    }
    images, pseudo = draw(inputs)
    return TxPublic(
        kind, draw(u64), draw(u64), draw(u64), draw(extra[kind]), images, pseudo, draw(few_outputs), draw(blob)
    )  # fmt: skip


tails = st.builds(WithdrawTail, u64, b32, stubs)
totals = st.builds(BlockTotals, *[u64] * 6)
public_outputs = st.builds(PublicOutput, st.sampled_from([3, 4, 5]), st.just(1), b32, outputs) | st.builds(
    PublicOutput, st.just(6), st.sampled_from([0, 1]), b32, outputs
)
operations = st.builds(RecordedOperation, st.sampled_from([2, 3, 16, 41, 80]), blob)
records = st.builds(
    BlockRecord, u64, ascending(b32), tuples(operations), ascending(b32), b32,
    ascending(outputs, key=lambda each: each.R), tuples(public_outputs), totals,
)  # fmt: skip
positions = st.sampled_from(OUTPUT_COUNTS[:2]).flatmap(
    lambda n: st.lists(u32, min_size=n, max_size=n, unique=True).map(lambda each: tuple(sorted(each)))
)
proof_entries = st.builds(RangeProofEntry, positions, b64, blob)
segments = st.builds(ProofsSegment, u64, ascending(proof_entries, key=lambda each: each.positions[0]))
headers = st.builds(
    Header, b32, u64, u64, b32, b32, b32, u64, b32, b32, b32, b32, totals, u32, b32, st.integers(1, 2**32 - 1), u32
)
finalities = st.builds(Finality.embedded, u8, b64) | blob.map(lambda data: Finality(2, evidence=data))


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    header = draw(headers)
    position = draw(st.integers(0, header.tx_count - 1))
    return Receipt(header, draw(finalities), draw(b32), position, header.tx_count, draw(paths))


@st.composite
def sparse_proofs(draw: st.DrawFn, kinds: tuple[int, ...] = (0, 1, 2)) -> SparseProof:
    kind = draw(st.sampled_from(kinds))
    siblings = draw(tuples(st.just(bytes(32)) | b32, 19))
    other = (draw(b32), draw(b32)) if kind == 2 else (b"", b"")
    return SparseProof(kind, len(siblings), siblings, *other)


state_receipts = st.builds(StateReceipt, headers, finalities, u8, blob, blob, sparse_proofs((1,))) | st.builds(
    StateReceipt, headers, finalities, u8, blob, st.just(b""), sparse_proofs((0, 2))
)


@st.composite
def authorities(draw: st.DrawFn) -> AuthorityEntry:
    role = draw(st.sampled_from(Role))
    status = draw(st.sampled_from(AuthorityStatus))
    return AuthorityEntry(
        draw(b16), role, draw(names), draw(b32), draw(u64), draw(u64), draw(u64),
        draw(u16) if role == Role.ANCHOR else 0,
        BIP340 if role == Role.BANK_CHANNEL else ED25519,
        status, draw(u64) if status == AuthorityStatus.REVOKED else 0,
    )  # fmt: skip


mint_states = st.builds(MintState, st.sampled_from([1, 2]), b16, b16, u64, u64, b32)
withdrawal_states = st.builds(WithdrawalState, st.just(1), st.just(0), u64, u64, stubs) | st.builds(
    WithdrawalState, st.sampled_from([2, 3]), st.sampled_from([1, 2]), u64, u64, stubs
)
anchor_states = st.builds(AnchorState, u64, u64, b32, u64)
parameter_states = st.builds(ParametersState, u32, b32)
epoch_states = st.builds(EpochState, u8, b32, b32, u64, u64, u8)
counters = st.builds(Counters, *[u128] * 9)
enclave_states = st.builds(EnclaveState, b32, b32, b32, st.sampled_from([1, 2]))


@st.composite
def enclave_lists(draw: st.DrawFn) -> Enclaves:
    allowed = draw(st.lists(b32, min_size=1, max_size=2, unique=True).map(tuple))
    keys = draw(st.lists(b32, max_size=2, unique=True))
    admitted = [AdmittedEnclave(at, key, draw(st.sampled_from(allowed)), draw(b32)) for at, key in enumerate(keys)]
    return Enclaves(allowed, tuple(admitted))


settings = st.fixed_dictionaries(
    {Parameter.FEE_ADDRESS: octets(96)},
    optional={
        Parameter.RING_SIZE: st.sampled_from([16, 32, 64]),
        Parameter.FEE_MIN: exactly(st.integers(0, 2**62 - 1), (4,)),
        Parameter.STRICT_PROOFS: st.booleans(),
        Parameter.REGULATED: st.none(),
    },
)
geneses = st.builds(
    Genesis, st.text("ABCXYZ09", min_size=3, max_size=12), st.integers(0, 18), st.booleans(), st.integers(0, 2**48 - 1),
    st.just("embedded"), exactly(b32, (1,)), ascending(b32).filter(bool), settings.map(lambda found: {
        int(ident): value for ident, value in found.items()
    }), ascending(authorities(), key=lambda each: each.kid), b32, enclave_lists(),
)  # fmt: skip

logged = st.builds(LoggedOutput, st.sampled_from([0, 1]), u64, outputs)
groups = st.builds(
    CompactGroup, st.integers(1, 6), st.sampled_from([0, 1]), b32, tuples(octets(35)).map(b"".join)
)  # fmt: skip
compacts = st.builds(CompactBlocks, u64, tuples(st.builds(CompactBlock, u64, u64, u64, tuples(groups))))
pages = st.builds(OutputPage, u64, tuples(logged))
bundles = st.builds(Bundle, tuples(blob).filter(bool))
members = st.builds(RingMember, u64, logged, b32, paths)
rings = st.builds(RingAnswer, u64, u64, b32, tuples(members, 2))

places = st.builds(OutputPlace, u64, logged, paths)
payments = st.builds(PaymentProof, headers, finalities, places, b32, b16, u64, addresses)
receives = st.builds(ReceiveProof, headers, finalities, places, b32, u64, addresses, b32, b64, blob)
reserve_items = st.builds(ReserveItem, places, b32, b64, sparse_proofs())
reserves = st.builds(
    ReserveProof, headers, finalities, blob, u128, ascending(reserve_items, key=lambda each: each.place.index, most=2),
    b32,
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A message, and any value of it."""

    kind: Any
    values: st.SearchStrategy[Any]

    def decode(self, data: bytes) -> Any:
        return self.kind.decode(data)

    @staticmethod
    def encode(value: Any) -> bytes:
        return value.data if isinstance(value, Address) else value.encode()


SHAPES = [
    Shape(*pair)
    for pair in (
        (Address, addresses), (Anchor, anchors), (AnchorState, anchor_states), (AuthorityEntry, authorities()),
        (BlockRecord, records), (Bundle, bundles), (CompactBlocks, compacts), (Counters, counters),
        (EnclaveState, enclave_states), (EpochKeyOp, epoch_keys), (EpochState, epoch_states), (Finality, finalities),
        (Frame, frames), (Genesis, geneses), (Header, headers), (LeafProof, leaf_proofs), (Mint, mints),
        (MintCancel, st.builds(MintCancel, blob, blob)), (MintState, mint_states), (OutputPage, pages),
        (ParameterChange, changes), (ParametersState, parameter_states), (PaymentProof, payments),
        (ProofsSegment, segments), (Receipt, receipts()), (ReceiveProof, receives), (ReserveProof, reserves),
        (RingAnswer, rings), (SparseProof, sparse_proofs()), (StateReceipt, state_receipts),
        (TxPublic, transactions()), (WithdrawPaid, paid), (WithdrawRefund, refunds), (WithdrawTail, tails),
        (WithdrawalState, withdrawal_states),
    )
]  # fmt: skip
