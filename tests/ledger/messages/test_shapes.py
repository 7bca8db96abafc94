"""Sizes, orders and limits of single messages, each fault on its own."""

from __future__ import annotations

from dataclasses import fields, replace
from hashlib import sha256, sha512

import pytest

from specie.ledger import errors
from specie.ledger.messages.binary import Reader, put_u8, put_u16, put_u64
from specie.ledger.messages.bodies import EpochKeyOp, Mint, WithdrawRefund
from specie.ledger.messages.bulk import BlockImages as Images
from specie.ledger.messages.bulk import Bundle, decode_images, encode_images
from specie.ledger.messages.frames import FRAME_BYTES_MAX, Frame, OpType, frame_head, frame_of, op_id
from specie.ledger.messages.hashing import GROUP_ORDER, framed_hash, hash8, hash16, hash32, hash_scalar
from specie.ledger.messages.header import HEADER_BYTES, Header
from specie.ledger.messages.outputs import Output, Stub, class_of
from specie.ledger.messages.proofs import decode_proof
from specie.ledger.messages.receipts import Finality, Receipt, SparseProof, StateReceipt
from specie.ledger.messages.record import BlockRecord, BlockTotals, ProofsSegment, PublicOutput, RangeProofEntry
from specie.ledger.messages.transaction import FundTail, TransactionType, TxPublic, WithdrawTail
from specie.ledger.messages.withdrawals import account_token, withdraw_reference

CHAIN = bytes(range(32))
OUTPUT = Output(bytes(range(256)) + bytes(11))
HEADER = Header(
    CHAIN, 7, 8, bytes(32), bytes(32), bytes(32), 0, bytes(32), bytes(32), bytes(32), bytes(32), BlockTotals(), 1,
    bytes(32), 2, 0,
)  # fmt: skip
TX = TxPublic(
    TransactionType.TRANSFER, 9, 1, 0, b"", (b"\x01" * 32,), (b"\x02" * 32,), (OUTPUT, OUTPUT), bytes(641)
)  # fmt: skip


# SPEC LEDGER-2.3
def test_the_hash_is_framed_by_tag_and_lengths() -> None:
    wide = sha512(b"PL1\x02wd\x01\x00\x00\x00a\x02\x00\x00\x00bc").digest()
    assert framed_hash("wd", b"a", b"bc") == wide
    assert (hash32("wd", b"a", b"bc"), hash16("wd", b"a", b"bc"), hash8("wd", b"a", b"bc")) == (
        wide[:32], wide[:16], wide[:8],
    )  # fmt: skip
    assert hash_scalar("wd", b"a", b"bc") == (int.from_bytes(wide, "little") % GROUP_ORDER).to_bytes(32, "little")
    assert framed_hash("wd", b"ab", b"c") != wide


def test_a_withdrawal_is_named_by_bank_and_token() -> None:
    token = account_token("acct-1", bytes(32))
    assert token == hash32("wd/acct", b"acct-1", bytes(32))
    assert withdraw_reference("bank:a", token) == hash32("wd", b"bank:a", token)


# SPEC LEDGER-6.1.1
def test_sizes_of_a_transaction() -> None:
    two_in = replace(TX, key_images=(b"\x01" * 32, b"\x02" * 32), pseudo_outputs=(b"\x02" * 32,) * 2)
    assert len(two_in.encode()) == 1334
    assert two_in.encode_unproven() == two_in.encode()[: -641 - 2]
    assert TX.tx_id == hash32("tx/id", TX.encode())
    assert TX.tx_leaf(CHAIN) == hash32("tx/leaf", TX.tx_id, CHAIN)


# SPEC LEDGER-7.4
def test_what_parses_but_is_out_of_range_is_a_fault_of_shape() -> None:
    for bad in (
        replace(TX, outputs=(OUTPUT,) * 3),
        replace(TX, outputs=()),
        replace(TX, key_images=(), pseudo_outputs=()),
        replace(TX, key_images=(CHAIN,) * 17, pseudo_outputs=(CHAIN,) * 17),
    ):
        with pytest.raises(errors.Shape) as caught:
            TxPublic.decode(bad.encode())
        assert caught.value.rule == "V-4"
    with pytest.raises(errors.Shape):
        TxPublic.decode(put_u16(2) + TX.encode()[2:])
    with pytest.raises(errors.NonCanonical) as unknown:
        TxPublic.decode(TX.encode()[:2] + b"\x04" + TX.encode()[3:])
    assert unknown.value.rule == "V-3"


# SPEC LEDGER-6.1.3
def test_a_transaction_has_no_unlock_time() -> None:
    """Its only height is the one after which nobody may include it; every byte belongs to a field that is known."""
    numbers = {field.name for field in fields(TxPublic) if field.type in ("int", int)}
    assert numbers == {"expiry_height", "fee", "burn"}
    head = put_u16(1) + put_u8(TX.type) + b"".join(put_u64(each) for each in (TX.expiry_height, TX.fee, TX.burn))
    lists = put_u8(len(TX.key_images)) + b"".join((*TX.key_images, *TX.pseudo_outputs))
    outputs = put_u8(len(TX.outputs)) + b"".join(output.data for output in TX.outputs)
    assert TX.encode_unproven() == head + TX.extra + lists + outputs
    with pytest.raises(errors.NonCanonical):
        TxPublic.decode(TX.encode() + put_u64(1000))


def test_tails_follow_the_type() -> None:
    stub = bytes(range(227))
    withdrawal = replace(TX, type=TransactionType.WITHDRAW, burn=5, extra=CHAIN + stub)
    assert withdrawal.tail() == WithdrawTail(5, CHAIN, Stub(stub))
    assert TxPublic.decode(withdrawal.encode()) == withdrawal
    funding = replace(TX, type=TransactionType.FUND, burn=6, extra=b"open")
    assert funding.tail() == FundTail(6, b"open") == FundTail.decode(b"\x06" + bytes(7) + b"open")
    assert TX.tail() is None


def test_an_output_and_a_stub_show_their_fields() -> None:
    parts = OUTPUT.P + OUTPUT.C + OUTPUT.R + OUTPUT.vt + OUTPUT.ea + OUTPUT.an + OUTPUT.memo
    assert parts == OUTPUT.data and [len(OUTPUT.vt), len(OUTPUT.ea), len(OUTPUT.an), len(OUTPUT.memo)] == [
        3,
        8,
        16,
        144,
    ]
    stub = Stub(bytes(range(227)))
    refund = stub.output(CHAIN, 77)
    assert (refund.P, refund.C, refund.R, refund.public_value) == (stub.P, CHAIN, stub.R, 77)
    assert refund.vt + refund.an + refund.memo == stub.data[64:]
    for kind in (Output, Stub):
        with pytest.raises(errors.NonCanonical):
            kind(bytes(9))
    # SPEC LEDGER-4.5.2
    assert [class_of(kind) for kind in range(1, 6)] == [0, 0, 1, 1, 1]


# SPEC LEDGER-9.5.3
def test_a_frame_has_at_most_65536_bytes() -> None:
    largest = frame_of(OpType.ANCHOR, CHAIN, 5, bytes(FRAME_BYTES_MAX - 52))
    assert Frame.decode(largest).op_id == op_id(largest)
    with pytest.raises(errors.TooLarge) as caught:
        Frame.decode(frame_of(OpType.ANCHOR, CHAIN, 5, bytes(FRAME_BYTES_MAX - 51)))
    assert caught.value.rule == "9.5.3"
    assert frame_head(OpType.ANCHOR, CHAIN, 5, FRAME_BYTES_MAX - 52) == largest[:52]


# SPEC LEDGER-9.5.1
@pytest.mark.parametrize("at", [0, 4, 6, 7, 48], ids=["magic", "version", "type", "flags", "length"])
def test_a_head_of_a_frame_that_is_not_ours_is_refused(at: int) -> None:
    data = bytearray(frame_of(OpType.ANCHOR, CHAIN, 5, b"body"))
    data[at] = 33
    with pytest.raises(errors.NonCanonical):
        Frame.decode(bytes(data))


# SPEC LEDGER-9.5.4
def test_bodies_with_unknown_values_are_refused() -> None:
    refund = WithdrawRefund(CHAIN, 2, "", bytes(32), bytes(16), bytes(64))
    bad = [replace(refund, cause=3), replace(refund, token=CHAIN), replace(refund, kid=b"\x01" * 16)]
    for body in (*bad, replace(refund, cause=1)):
        with pytest.raises(errors.NonCanonical):
            WithdrawRefund.decode(body.encode())
    key = EpochKeyOp(1, 1, bytes(32), bytes(32), 2, 3, ((0, bytes(64)),))
    for wrong in (replace(key, suite=3), replace(key, suite=2), replace(key, signatures=((0, bytes(64)),) * 2)):
        with pytest.raises(errors.NonCanonical):
            EpochKeyOp.decode(wrong.encode())


# SPEC LEDGER-15.16
def test_a_mint_without_outputs_is_refused() -> None:
    mint = Mint(b"bit", CHAIN, ((1, 1),), b"", 1, (OUTPUT,) * 2, CHAIN, b"", bytes(64), bytes(16), bytes(64))
    assert Mint.decode(mint.encode()) == mint
    for count in (0, 1, 3):
        with pytest.raises(errors.NonCanonical):
            Mint.decode(replace(mint, outputs=(OUTPUT,) * count).encode())
    with pytest.raises(errors.NonCanonical):
        Mint.decode(replace(mint, log_proof=b"no proof").encode())


def test_a_mint_says_what_its_signatures_cover() -> None:
    mint = Mint(b"bit", CHAIN, ((1, 1),), b"", 1, (OUTPUT,) * 2, CHAIN, b"range", b"k" * 64, b"i" * 16, b"s" * 64)
    frame = Frame.of(OpType.MINT, CHAIN, 5, mint.encode())
    assert frame.data == mint.signed_part(frame) + mint.issuer_signature
    assert mint.signed_part(frame) == mint.core(frame) + mint.kernel_proof + mint.issuer_kid
    assert mint.core(frame) == mint.unproven(frame) + put_u16(5) + b"range"


def test_a_header_has_378_bytes_and_its_hash_is_the_app_hash() -> None:
    assert len(HEADER.encode()) == HEADER_BYTES
    assert HEADER.app_hash == sha256(HEADER.data).digest()


# SPEC LEDGER-13.3
def test_a_receipt_fits_its_header() -> None:
    receipt = Receipt(HEADER, Finality.embedded(0, bytes(64)), CHAIN, 1, 2, ())
    assert Receipt.decode(receipt.encode()) == receipt
    for bad in (replace(receipt, position=2), replace(receipt, count=3)):
        with pytest.raises(errors.NonCanonical):
            Receipt.decode(bad.encode())


# SPEC LEDGER-13.4
def test_a_sparse_proof_has_one_spelling() -> None:
    full = SparseProof(1, 9, (CHAIN,) * 9)
    data = full.encode()
    assert len(data) == 3 + 2 + 9 * 32
    with pytest.raises(errors.NonCanonical, match="beyond"):
        SparseProof.decode(data[:4] + bytes([data[4] | 1]) + data[5:])
    with pytest.raises(errors.NonCanonical, match="empty sibling"):
        SparseProof.decode(data[:5] + bytes(32) + data[37:])
    with pytest.raises(errors.NonCanonical):
        SparseProof.decode(b"\x01\x01\x01" + bytes(33))
    with pytest.raises(errors.NonCanonical):
        SparseProof.decode(b"\x03\x00\x00")
    assert SparseProof.decode(b"\x01\x00\x01" + bytes(32)).depth == 256


def test_an_absent_entry_has_no_value() -> None:
    absent = StateReceipt(HEADER, Finality.embedded(0, bytes(64)), 1, CHAIN, b"", SparseProof(0, 0, ()))
    assert StateReceipt.decode(absent.encode()) == absent
    with pytest.raises(errors.NonCanonical):
        StateReceipt.decode(replace(absent, value=b"x").encode())


def test_lists_of_a_record_ascend() -> None:
    low, high = bytes(32), b"\x01" * 32
    for bad in (
        BlockRecord(1, tx_leaves=(high, low)),
        BlockRecord(1, key_images=(low, low)),
        BlockRecord(1, outputs=(OUTPUT, OUTPUT)),
        BlockRecord(1, public_outputs=(PublicOutput(3, 0, CHAIN, OUTPUT),)),
        BlockRecord(1, public_outputs=(PublicOutput(1, 1, CHAIN, OUTPUT),)),
    ):
        with pytest.raises(errors.NonCanonical):
            BlockRecord.decode(bad.encode())
    one, two = RangeProofEntry((0, 2), bytes(64), b""), RangeProofEntry((1, 3), bytes(64), b"")
    assert ProofsSegment.decode(ProofsSegment(1, (one, two)).encode()).entries == (one, two)
    for entries in ((two, one), (RangeProofEntry((2, 1), bytes(64), b""),), (RangeProofEntry((1,), bytes(64), b""),)):
        with pytest.raises(errors.NonCanonical):
            ProofsSegment.decode(ProofsSegment(1, entries).encode())


def test_an_empty_block_leaves_little() -> None:
    assert len(BlockRecord(1).encode()) == 4 + 2 + 8 + 4 + 4 + 4 + 32 + 4 + 2 + 48


def test_key_images_of_blocks_come_back() -> None:
    blocks = (Images(1, ()), Images(2, (CHAIN, OUTPUT.P)))
    assert decode_images(encode_images(blocks)) == blocks
    with pytest.raises(errors.NonCanonical):
        decode_images(encode_images(blocks)[:-1])


def test_a_bundle_has_at_most_64_envelopes() -> None:
    assert Bundle.decode(Bundle((b"e",) * 64).encode()).envelopes == (b"e",) * 64
    for count in (0, 65):
        with pytest.raises(errors.NonCanonical):
            Bundle.decode(Bundle((b"e",) * count).encode())


def test_what_is_no_proof_is_refused() -> None:
    for data in (b"", b"PLV1", b"PLV1\x04", b"PLQ1\x01"):
        with pytest.raises(errors.ProofInvalid):
            decode_proof(data)


def test_a_reader_asks_for_what_is_there() -> None:
    with pytest.raises(errors.Shape) as caught:
        Reader(b"", errors.Shape, "V-4").u64()
    assert caught.value.rule == "V-4"
    with pytest.raises(errors.NonCanonical):
        Reader(b"\xff\xff\xff\xff").many(2**32, 32)
