"""What a light client checks without a node and without the Rust core, from bytes alone: headers, finality, receipts.

It starts from a genesis document; every other fact is taken only with a proof to a header, and a header only with its
finality. Each `verify_` raises ProofInvalid, or NonCanonical for bytes that are not the one encoding of their object.
Spec: LEDGER section 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from specie.ledger.errors import NonCanonical, ProofInvalid
from specie.ledger.messages.address import Network
from specie.ledger.messages.binary import put_u64
from specie.ledger.messages.frames import op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.hashing import hash32
from specie.ledger.messages.header import Header, block_signature_input
from specie.ledger.messages.outputs import Output
from specie.ledger.messages.receipts import (
    EMBEDDED,
    PRESENT,
    Finality,
    Receipt,
    SparseProof,
    StateReceipt,
    image_key,
    state_key,
    value_hash,
)
from specie.ledger.protocol.light_group import is_ed25519
from specie.ledger.protocol.light_trees import verify_consistency, verify_inclusion, verify_sparse


@dataclass(frozen=True, slots=True)
class Trusted:
    """What a light client holds for certain: the chain and who makes its blocks final."""

    chain_id: bytes
    validators: tuple[bytes, ...]
    """Ed25519 keys of the provider `embedded`, one of which makes a header final alone. None on other chains."""
    net: Network
    """The network of its addresses."""

    @classmethod
    def of(cls, genesis: Genesis) -> Trusted:
        """What a genesis document fixes."""
        # where many validators agree, the signature of a single one proves nothing
        alone = genesis.validators if genesis.provider == "embedded" else ()
        return cls(genesis.chain_id, alone, genesis.net)


# SPEC LEDGER-13.1, LEDGER-16.2.5
def verify_finality(trusted: Trusted, header: Header, finality: Finality) -> None:
    """Refuse a header that is not of this chain or that no validator made final.

    Finality of the provider `cometbft` is refused: its proofs are checked by Stage 2 nodes.
    """
    if header.chain_id != trusted.chain_id:
        raise ProofInvalid("the header is of another chain")
    if finality.kind != EMBEDDED:
        raise ProofInvalid("only the finality of an embedded validator is checked here")
    if finality.key_index >= len(trusted.validators):
        raise ProofInvalid("the genesis document names no such validator")
    signed = block_signature_input(header.chain_id, header.height, header.app_hash)
    if not is_ed25519(trusted.validators[finality.key_index], signed, finality.signature):
        raise ProofInvalid("the validator's signature over the header does not verify")


def verify_headers(trusted: Trusted, items: Iterable[tuple[bytes, bytes]], last: Header | None = None) -> list[Header]:
    """The headers of (header, finality) bytes, each final and each the successor of the one before.

    last: the newest header held so far; without it the chain may start anywhere, for finality stands for the past.
    """
    headers = [] if last is None else [last]
    for data, final in items:
        header = Header.decode(data)
        verify_finality(trusted, header, Finality.decode(final))
        headers.append(header)
    for before, after in pairwise(headers):
        if after.height != before.height + 1 or after.prev_app_hash != before.app_hash:
            raise ProofInvalid(f"header {after.height} does not follow header {before.height}")
        if after.time_ms <= before.time_ms or after.out_size < before.out_size:
            raise ProofInvalid(f"header {after.height} goes back in time or drops outputs")
    return headers if last is None else headers[1:]


# SPEC LEDGER-13.1, LEDGER-13.2, LEDGER-13.3
def verify_receipt(trusted: Trusted, data: bytes, leaf: bytes | None = None) -> Receipt:
    """The receipt `PLQ1` of these bytes, if what it names took effect.

    leaf: the tx_leaf or op_id that it must name.
    """
    receipt = Receipt.decode(data)
    header = receipt.header
    if receipt.count != header.tx_count or (leaf is not None and receipt.leaf != leaf):
        raise ProofInvalid("the receipt is for something else")
    verify_finality(trusted, header, receipt.finality)
    verify_inclusion(header.tx_root, receipt.leaf, receipt.position, receipt.count, receipt.path)
    return receipt


def verify_operation(trusted: Trusted, data: bytes, frame: bytes) -> Receipt:
    """The receipt of exactly this frame."""
    return verify_receipt(trusted, data, op_id(frame))


def verify_transaction(trusted: Trusted, data: bytes, tx_public: bytes, salt: bytes) -> Receipt:
    """The receipt of a transaction whose maker reveals TxPublic and salt (LEDGER section 8.3)."""
    return verify_receipt(trusted, data, hash32("tx/leaf", hash32("tx/id", tx_public), salt))


# SPEC LEDGER-13.1, LEDGER-13.2, LEDGER-13.4
def verify_state_receipt(
    trusted: Trusted, data: bytes, domain: int | None = None, ident: bytes | None = None
) -> StateReceipt:
    """The state receipt `PLQ2` of these bytes, if its entry stood so; `proof.kind` says whether it was there.

    domain, ident: the entry that it must speak of.
    """
    receipt = StateReceipt.decode(data)
    if domain not in (None, receipt.domain) or ident not in (None, receipt.ident):
        raise ProofInvalid("the receipt is for another entry")
    verify_finality(trusted, receipt.header, receipt.finality)
    present = receipt.proof.kind == PRESENT
    expected = value_hash(receipt.value) if present else None
    if not present and receipt.value:
        raise NonCanonical("an absent entry has no value")
    key = state_key(receipt.domain, receipt.ident)
    verify_sparse(receipt.header.state_root, key, expected, receipt.proof)
    return receipt


def verify_output(header: Header, index: int, class_: int, height: int, output: bytes, path: Sequence[bytes]) -> None:
    """That this output stands at the global index, made at `height`, in the log of an accepted header."""
    if height > header.height or class_ not in (0, 1):
        raise ProofInvalid("the output is younger than the header, or of no class")
    verify_inclusion(header.out_root, Output(output).leaf(class_, height), index, header.out_size, path)


def verify_growth(old: Header, new: Header, path: Sequence[bytes]) -> None:
    """That the log of outputs only grew between two accepted headers."""
    verify_consistency(old.out_root, old.out_size, new.out_root, new.out_size, path)


def verify_spent(header: Header, image: bytes, height: int, proof: bytes) -> None:
    """That the key image was recorded in the block of `height`, at or before an accepted header."""
    if height > header.height:
        raise ProofInvalid("the key image is younger than the header")
    verify_sparse(header.ki_root, image_key(image), value_hash(put_u64(height)), SparseProof.decode(proof))


def verify_unspent(header: Header, image: bytes, proof: bytes) -> None:
    """That the key image had not appeared up to an accepted header."""
    verify_sparse(header.ki_root, image_key(image), None, SparseProof.decode(proof))
