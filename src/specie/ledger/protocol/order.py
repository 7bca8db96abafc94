"""The canonical order inside a block, so that a proposer has no say in it. Spec: LEDGER-8.5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from specie.ledger.messages.bulk import BUNDLE_MAGIC, Bundle
from specie.ledger.messages.transaction import FundTail, WithdrawTail

ENVELOPE_MAGIC = b"PLX1"
TOPUP = 33


def submission_id(data: bytes) -> bytes:
    """SHA-256 of an envelope or frame: its id, and env_id of an envelope (LEDGER-6.3, 21.1.1)."""
    return sha256(data).digest()


def is_envelope(data: bytes) -> bool:
    """Whether these bytes say that they are an envelope."""
    return data[:4] == ENVELOPE_MAGIC


def open_bundles(frames: Iterable[bytes]) -> list[bytes]:
    """The frames of a block with its bundles opened. Raises NonCanonical for a bundle that does not parse."""
    opened: list[bytes] = []
    for frame in frames:
        if frame[:4] == BUNDLE_MAGIC:
            opened.extend(Bundle.decode(frame).envelopes)
        else:
            opened.append(frame)
    return opened


# SPEC LEDGER-8.5.1
def envelope_key(tx_leaf: bytes, env_id: bytes) -> bytes:
    """By this, envelopes ascend."""
    return tx_leaf + env_id


def frame_key(kind: int, op_id: bytes) -> bytes:
    """By this, frames ascend."""
    return bytes((kind,)) + op_id


def withdraw_tails(tails: Iterable[WithdrawTail]) -> list[bytes]:
    """The tails of type 2, ascending by withdraw_ref."""
    return [tail.encode() for tail in sorted(tails, key=lambda tail: tail.withdraw_ref)]


def fund_tails(tails: Iterable[tuple[bytes, FundTail]]) -> list[bytes]:
    """The tails of type 3, each with the cid of its escrow, ascending by (operation, cid, T_exp' of a TOPUP, bytes)."""
    return [tail.encode() for _, tail in sorted(tails, key=lambda each: _fund_key(*each))]


def _fund_key(cid: bytes, tail: FundTail) -> tuple[int, bytes, int, bytes]:
    """Only for operations that took effect, so that every field is there."""
    operation = tail.operation
    expiry_ms = int.from_bytes(operation[41:49], "big") if operation[0] == TOPUP else 0
    return operation[0], cid, expiry_ms, operation


def sorted_outputs(outputs: Sequence[bytes]) -> list[bytes]:
    """Outputs of transactions: strictly ascending by R over the whole block (LEDGER-8.2)."""
    return sorted(outputs, key=lambda output: output[64:96])
