"""Payment, receive and reserve proofs, checked in plain Python against a chain that the reader trusts.

Each `verify_` answers the proof, or raises ProofInvalid, NonCanonical, or AddressInvalid for bytes that are no address.
A payment proof shows what was paid to whom, not by whom; whoever read a reserve proof recognises the later spends.
Spec: LEDGER section 13.
"""

from __future__ import annotations

from specie.ledger.errors import PointInvalid, ProofInvalid, ScalarInvalid
from specie.ledger.messages.address import Address
from specie.ledger.messages.binary import put_u64
from specie.ledger.messages.hashing import framed_hash, hash8
from specie.ledger.messages.header import Header
from specie.ledger.messages.outputs import HIDDEN, Output, ctx_mint, ctx_transfer
from specie.ledger.messages.proofs import OutputPlace, PaymentProof, ReceiveProof, ReserveProof
from specie.ledger.messages.receipts import image_key
from specie.ledger.protocol.light import Trusted, verify_finality, verify_output
from specie.ledger.protocol.light_group import (
    add,
    base,
    commit,
    decode_element,
    decode_scalar,
    encode_point,
    hash_number,
    hash_point,
    is_dleq,
    is_same,
    multiply,
    multiply_base,
    total,
)
from specie.ledger.protocol.light_trees import verify_sparse


# SPEC LEDGER-13.2
def verify_payment(trusted: Trusted, data: bytes, mint_id: bytes | None = None) -> PaymentProof:
    """The sender's proof: R, P and C of an output on the ledger come out of (n, address, value).

    mint_id: where the output is one of this mint's instead of a transaction's.
    """
    proof = PaymentProof.decode(data)
    output = _verify_place(trusted, proof.header, proof.place)
    _verify_named(trusted, proof.place, proof.ctx, proof.address, mint_id)
    address, value = proof.address, put_u64(proof.value)
    try:
        keys = [decode_element(key) for key in (address.spend, address.view, address.detect)]
    except PointInvalid as error:
        raise ProofInvalid("a key of the address is no point") from error
    r = hash_number("eph", proof.anchor, proof.ctx, value, address.spend, address.view, address.detect)
    if encode_point(multiply(r, keys[0])) != output.R:
        raise ProofInvalid("the output was not made by this anchor for this address and amount")
    shared = encode_point(multiply(r, keys[1]))
    _verify_opening(output, shared, proof.ctx, address.spend, proof.value)
    verify_finality(trusted, proof.header, proof.finality)
    return proof


# SPEC LEDGER-13.2, LEDGER-13.5
def verify_receive(trusted: Trusted, data: bytes, challenge: bytes, mint_id: bytes | None = None) -> ReceiveProof:
    """The recipient's proof: the shared secret S_v of an output, and that it is the one of this address.

    challenge: what this reader asked to be bound in; mint_id as in `verify_payment`.
    """
    proof = ReceiveProof.decode(data)
    _verify_challenge(proof.challenge, challenge)
    output = _verify_place(trusted, proof.header, proof.place)
    _verify_named(trusted, proof.place, proof.ctx, proof.address, mint_id)
    _verify_opening(output, proof.shared, proof.ctx, proof.address.spend, proof.value)
    bases, images = (proof.address.spend, output.R), (proof.address.view, proof.shared)
    if not is_dleq(proof.context, bases, images, proof.dleq):
        raise ProofInvalid("the shared secret is not the one of this address")
    verify_finality(trusted, proof.header, proof.finality)
    return proof


# SPEC LEDGER-13.2, LEDGER-13.5
def verify_reserve(trusted: Trusted, data: bytes, challenge: bytes) -> ReserveProof:
    """That the holder of these outputs could spend them all at this height, and that they add up to `total`."""
    proof = ReserveProof.decode(data)
    _verify_challenge(proof.challenge, challenge)
    verify_finality(trusted, proof.header, proof.finality)
    commitments = []
    try:
        generator = encode_point(base())
        for item in proof.items:
            output = _verify_place(trusted, proof.header, item.place)
            images = encode_point(hash_point("ki", output.P))
            if not is_dleq(proof.context, (generator, images), (output.P, item.image), item.dleq):
                raise ProofInvalid("a key image does not belong to its output")
            verify_sparse(proof.header.ki_root, image_key(item.image), None, item.absence)
            commitments.append(decode_element(output.C))
        opened = commit(proof.total, decode_scalar(proof.mask_sum))
    except (PointInvalid, ScalarInvalid) as error:
        raise ProofInvalid("a point or a scalar of the proof does not decode") from error
    if not is_same(total(commitments), opened):
        raise ProofInvalid("the outputs do not add up to the total")
    return proof


def _verify_challenge(found: bytes, expected: bytes) -> None:
    if not expected or found != expected:
        raise ProofInvalid("the proof answers another reader's challenge, or nobody's")


def _verify_place(trusted: Trusted, header: Header, place: OutputPlace) -> Output:
    logged = place.logged
    if header.chain_id != trusted.chain_id:
        raise ProofInvalid("the proof is of another chain")
    verify_output(header, place.index, logged.class_, logged.height, logged.output.data, place.path)
    return logged.output


def _verify_named(trusted: Trusted, place: OutputPlace, ctx: bytes, address: Address, mint_id: bytes | None) -> None:
    """The recipient finds an output only under its true context, so no other one proves anything."""
    expected = ctx_transfer(trusted.chain_id) if mint_id is None else ctx_mint(trusted.chain_id, mint_id)
    if place.logged.class_ != HIDDEN or ctx != expected:
        raise ProofInvalid("not an output of a transaction, or of the mint that was named")
    if address.net != trusted.net:
        raise ProofInvalid("the address belongs to another network than the chain")


def _verify_opening(output: Output, shared: bytes, ctx: bytes, spend: bytes, value: int) -> None:
    """P, C and the written amount follow from the shared secret."""
    q = framed_hash("q", shared, output.R, ctx)
    try:
        key = add(multiply_base(hash_number("otk", q)), decode_element(spend))
    except PointInvalid as error:
        raise ProofInvalid("the key of the address is no point") from error
    written = int.from_bytes(output.ea, "little") ^ int.from_bytes(hash8("amt", q, output.P), "little")
    mask = hash_number("mask", q, put_u64(value), spend)
    if encode_point(key) != output.P or written != value or encode_point(commit(value, mask)) != output.C:
        raise ProofInvalid("key and amount of the output do not follow from what is revealed")
