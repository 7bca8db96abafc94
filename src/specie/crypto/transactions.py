"""Transactions of the ledger: keys of epochs, envelopes, building, verification in batches, mints (LEDGER 2 to 9).

All work on many items is done on all cores with the interpreter lock released, and every batch answers for each
item what it alone would get.
"""

from collections.abc import Sequence
from typing import TypedDict

from specie.crypto.core import _core
from specie.crypto.trees import OutputTable

__all__ = [
    "ENVELOPE_CLASSES",
    "KERNEL_DIFFERS",
    "KERNEL_GOOD",
    "KERNEL_PROOF_BAD",
    "SUITE_HYBRID",
    "SUITE_X25519",
    "BuiltTransaction",
    "EpochKey",
    "OpenedTransaction",
    "Plan",
    "build_mint",
    "build_transaction",
    "envelope_class",
    "mint_size",
    "open_envelopes",
    "range_proof_bytes",
    "verify_kernels",
    "verify_range_proofs",
    "verify_transactions",
]

SUITE_X25519 = 1
SUITE_HYBRID = 2
"""ML-KEM-768 and X25519 together: the default for new keys."""

ENVELOPE_CLASSES = (8192, 16384, 32768, 65536)

KERNEL_GOOD, KERNEL_DIFFERS, KERNEL_PROOF_BAD = range(3)

EpochKey = _core.EpochKey
"""The private key of an epoch: `generate(suite, random 64)`, `public()`, `suite`, `erase()`, and its form under a
32-byte key: `wrap(key, random of 12 bytes or more)`, `unwrap(suite, wrapped 60, key)` (raises OpenFailed).

An erased key raises ValueError where it would be used: a missing key is never the fault of an envelope."""

OpenedTransaction = _core.OpenedTransaction
"""What an envelope held, as read-only attributes, and `static_faults()`: the rules among V-4, V-20, V-7, V-8, V-10
and V-11 that it breaks by itself, in the order in which they count.

`open_note()` gives the plaintext of a sealed note, and None before `verify_transactions` has accepted the
transaction; `erase()` wipes all that is private."""

BuiltTransaction = _core.BuiltTransaction
"""A finished transaction. `anchors` are in the order of the plan; `order[i]` is the place in TxPublic of output i."""


class Plan(TypedDict):
    """All that a transaction is made from."""

    chain_id: bytes
    net: int
    kind: int
    """1 transfer, 2 withdraw, 3 fund."""
    expiry_height: int
    fee: int
    burn: int
    extra: bytes
    """Kind 2: withdraw_ref 32 | refund stub 227; kind 3: the escrow operation; else nothing."""
    inputs: list[tuple[bytes, int, bytes, bytes, list[int], bytes, int]]
    """(ctx, kind 1..5, output 267, public mask 32 or nothing, indices, P | C of each member, place of the real one)."""
    outputs: list[tuple[bytes, int, bytes, bool]]
    """(K_s | K_v | K_d 96, value, memo 128 or nothing, own change): 2, 4, 8 or 16 of them."""
    h_a: int
    out_root: bytes
    epoch: int
    suite: int
    epoch_key: bytes
    portable: bool
    note: bytes
    """Plaintext of the sealed note, or nothing."""
    random: bytes
    """64 fresh bytes; the same plan with the same bytes gives the same transaction."""


def build_transaction(keys: _core.WalletKeys, plan: Plan) -> BuiltTransaction:
    """Build, prove, sign and seal. The look-ahead table of `keys` must reach the addresses of the inputs.

    Raises, in this order: WrongLength and BadPoint (fields of the plan), BadPlan (counts, amounts, rings, an input
    that is not ours), WrongTier, Unbalanced (inputs are not outputs + fee + burn), WrongHeader, WeakKey (suite and
    key of the epoch), TooLarge.  Spec: LEDGER 4.2, 5.3, 6.
    """
    return _core.build_transaction(keys, dict(plan))


def envelope_class(n_in: int, n_out: int, suite: int, ring_size: int, extra_len: int, note_len: int) -> int:
    """The bytes of the envelope of a transaction of this shape, so that its fee is known before it is built.

    Every index delta counts 5 bytes, so close to a border the envelope can come out one class smaller.
    extra_len and note_len: bytes of `extra` and of the plaintext of the note.
    Raises WrongLength (n_out), WrongHeader (suite), TooLarge.
    """
    return _core.envelope_class(n_in, n_out, suite, ring_size, extra_len, note_len)


# SPEC LEDGER-7.2, LEDGER-7.3
def open_envelopes(
    chain_id: bytes, items: Sequence[tuple[EpochKey, int, bytes]], ring_size: int
) -> list[OpenedTransaction | str]:
    """For each (key, epoch, envelope) the transaction, or "V-2" or "V-3" where it does not open or parse.

    The caller has judged magic, class, suite and key id (V-1). Rings are read with `ring_size`, else with another
    allowed size, so that V-13 can name a wrong one.
    """
    return _core.open_envelopes(chain_id, list(items), ring_size)


# SPEC LEDGER-5.5.3
def verify_transactions(
    table: OutputTable, chain_id: bytes, items: Sequence[tuple[OpenedTransaction, bytes]], random: bytes
) -> list[str]:
    """For each (transaction, output root at its anchor height) "", or the first broken rule of V-15 to V-18.

    The cheap rules must have passed: a transaction with static faults is answered "V-15", one with an index outside
    the table "V-17". random: 32 bytes of the operating system, fresh for each call.
    """
    return _core.verify_transactions(table, chain_id, list(items), random)


# SPEC LEDGER-7.22
def verify_range_proofs(items: Sequence[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """For each (n * 32 commitments, proof, bp_ctx 64) whether the proof holds. Raises WrongLength."""
    return _core.verify_range_proofs(list(items))


def range_proof_bytes(n_out: int) -> int:
    """The bytes of a range proof over 2, 4, 8 or 16 outputs. Raises WrongLength for other numbers."""
    return _core.range_proof_bytes(n_out)


def build_mint(head: bytes, chain_id: bytes, mint_id: bytes, pay: bytes, values: Sequence[int], random: bytes) -> bytes:
    """The part of a mint from n_out to the end of sig_E; issuer_kid and sig_issuer follow it.

    head: the frame up to and including V; pay: K_s | K_v | K_d of the owner; values: one for each output, filled up
    with zeros to 2, 4, 8 or 16; random: 64 fresh bytes. Raises WrongLength, BadPoint, BadPlan (number or size of the
    values), Unbalanced (they are not V).  Spec: LEDGER 9.1.
    """
    return _core.build_mint(head, chain_id, mint_id, pay, list(values), random)


def mint_size(n_out: int) -> int:
    """The bytes that `build_mint` gives for 2, 4, 8 or 16 outputs. Raises WrongLength for other numbers."""
    return _core.mint_size(n_out)


# SPEC LEDGER-9.1.14
def verify_kernels(items: Sequence[tuple[bytes, int, bytes, bytes, bytes]]) -> bytes:
    """For each (outputs n * 267, V, E, sig_E, frame before sig_E) KERNEL_GOOD, _DIFFERS or _PROOF_BAD."""
    return _core.verify_kernels(list(items))
