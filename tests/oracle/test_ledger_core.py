"""The Rust core and the oracle, each judging what the other made. Spec: LEDGER sections 2 to 6, 8.1, 9.1."""

from __future__ import annotations

import hashlib
import random
from functools import cache
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.issuance import curve, merkle
from oracle.ledger import (
    blocks,
    bulletproofs_plus,
    clsag,
    equation,
    outputs,
    proofs,
    ristretto,
    sparse,
    transaction,
    world,
)
from oracle.ledger.hashes import VALUE_BASE, commit, h32, h64, h_point, h_scalar, hn, sha, u8, u64
from oracle.ledger.outputs import Fields
from oracle.ledger.ristretto import L, encode, scalar_bytes
from published import published_json
from specie.crypto import ed25519
from specie.crypto.core import _core
from specie.ledger.messages import outputs as output_messages
from specie.ledger.protocol import light_group

CHAIN = b"\xc1" * 32
SEED, OTHER_SEED = b"s" * 32, b"t" * 32
CTX = outputs.ctx_transfer(CHAIN)
EPOCH_SECRET = b"\x11" * 32
EPOCH_PUBLIC = X25519PrivateKey.from_private_bytes(EPOCH_SECRET).public_key().public_bytes_raw()
TAGS = st.sampled_from(["ki", "gen/value", "clsag/T", "memo/own", "a" * 255])
ITEMS = st.lists(st.binary(max_size=70), max_size=5)


@cache
def keys() -> outputs.Keys:
    return outputs.Keys(SEED)


def wallet() -> _core.WalletKeys:
    found = _core.WalletKeys.from_seed(SEED)
    found.extend(0, 4)
    found.extend(2, 2)
    return found


# -- hashes, points, equations --------------------------------------------------------------------------------


# SPEC LEDGER-2.3
@given(TAGS, ITEMS)
def test_hashes(tag: str, items: list[bytes]) -> None:
    assert _core.pl1_hash(tag, items) == hn(tag, *items)
    assert _core.pl1_scalar(tag, items) == scalar_bytes(h_scalar(tag, *items))
    assert _core.pl1_point(tag, items) == encode(h_point(tag, *items))


@given(st.binary(min_size=64, max_size=64))
def test_the_map(wide: bytes) -> None:
    assert _core.ristretto_map(wide) == encode(ristretto.from_uniform(wide))


# SPEC LEDGER-15.2, LEDGER-15.3
@given(st.binary(min_size=32, max_size=32))
def test_encodings_of_points(data: bytes) -> None:
    made = encode(h_point("ki", data))
    bad = [bytes.fromhex(text) for text in published_json("ledger/ristretto255/rfc9496.json")["A2_bad_encodings"]]
    flipped = [bytes([data[0] & 254]) + data[1:31] + bytes([data[31] & 127]), made[:31] + bytes([made[31] ^ 1])]
    candidates = [data, made, bytes(32), *flipped, *bad]

    def said(point: bytes) -> int:
        try:
            ristretto.decode(point)
        except ristretto.BadEncoding:
            return 1
        return 2 if point == bytes(32) else 0

    assert list(_core.points_check(b"".join(candidates))) == [said(point) for point in candidates]


# SPEC LEDGER-15.5
def test_encodings_of_scalars() -> None:
    numbers = [0, 1, L - 1, L, L + 1, 2**252, 2**255 - 1, 2**256 - 1]
    data = b"".join(number.to_bytes(32, "little") for number in numbers)
    assert list(_core.scalars_check(data)) == [int(number >= L) for number in numbers]


@given(st.integers(0, 2**64 - 1), st.integers(0, L - 1))
def test_commitments(value: int, mask: int) -> None:
    assert _core.commit(value, scalar_bytes(mask)) == encode(commit(value, mask))


# SPEC LEDGER-8.4.1
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, L - 1), max_size=4), st.integers(0, 2**127), st.integers(0, 2**127), st.booleans())
def test_group_equations(masks: list[int], left_value: int, right_value: int, spoilt: bool) -> None:
    """left + v H + sum(y) G = right + w H, balanced by one more point on the left."""
    right = [h_point("gen/P", u64(at)) for at in range(2)]
    missing = ristretto.total([*right, ristretto.multiply(right_value - left_value, VALUE_BASE)])
    missing = ristretto.subtract(missing, ristretto.base(sum(masks) + spoilt))
    args = (encode(missing), b"".join(map(encode, right)), left_value, right_value, b"".join(map(scalar_bytes, masks)))
    assert _core.group_equation(*args) is not spoilt


def test_sums_of_points() -> None:
    points = [h_point("gen/P", u64(at)) for at in range(5)]
    assert _core.sum_points(b"".join(map(encode, points))) == encode(ristretto.total(points))
    assert _core.sum_points(b"") == bytes(32)


# -- outputs --------------------------------------------------------------------------------------------------


def test_addresses() -> None:
    for account, index in [(0, 0), (0, 3), (2, 1), (2**32 - 1, 2**32 - 1)]:
        assert wallet().address(account, index) == keys().address(account, index).pay
    assert wallet().export_detect() == scalar_bytes(keys().k_d)
    assert wallet().export_view() == scalar_bytes(keys().k_v) + encode(keys().spend) + keys().s_b
    tx_id = b"\x07" * 32
    assert wallet().disclosure(tx_id) == h32("disc", keys().s_x, tx_id)
    address = keys().address(0, 1).data(1)
    assert wallet().recipient_hash(address) == hn("memo/rcpt", keys().s_b, address)[:30]


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**64 - 1), st.binary(min_size=16, max_size=16), st.binary(min_size=128, max_size=128), st.booleans()
)
def test_an_output_of_the_oracle_is_opened_by_the_core(value: int, n: bytes, memo: bytes, own: bool) -> None:
    output, _ = outputs.send(keys().address(2, 1), CTX, value, n, memo, keys().s_b if own else None)
    (found,) = wallet().open([(CTX, output.data, 1, b"")])
    assert found is not None
    assert (found.status, found.account, found.index, found.value) == ("ours", 2, 1, value)
    assert (found.anchor, found.memo, found.memo_own) == (n, memo, own)
    seen = outputs.scan(keys(), [(2, 1)], output, CTX)
    assert seen is not None and seen.key_image == found.key_image
    assert wallet().detect([(CTX, output.R + output.vt)]) == [[0]]
    assert _core.payment_matches(output.data, CTX, n, keys().address(2, 1).pay, value)
    assert not _core.payment_matches(output.data, CTX, n, keys().address(2, 1).pay, value ^ 1)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**64 - 1), st.binary(min_size=16, max_size=16), st.binary(min_size=128, max_size=128), st.booleans()
)
def test_an_output_of_the_core_is_the_oracles(value: int, n: bytes, memo: bytes, own: bool) -> None:
    data, mask = _core.make_output(wallet().address(0, 3), CTX, value, n, memo, keys().s_b if own else b"")
    expected, expected_mask = outputs.send(keys().address(0, 3), CTX, value, n, memo, keys().s_b if own else None)
    assert (data, mask) == (expected.data, scalar_bytes(expected_mask))


# SPEC LEDGER-4.3.1, LEDGER-4.3.2, LEDGER-15.14, LEDGER-15.15
def test_bad_outputs_are_called_alike() -> None:
    output, _ = outputs.send(keys().address(0, 0), CTX, 7, b"n" * 16)
    other, _ = outputs.send(keys().address(0, 0), CTX, 7, b"m" * 16)
    spoilt = [output._replace(ea=bytes(8)), output._replace(C=other.C), output._replace(an=bytes(16)), other]
    found = wallet().open([(CTX, each.data, 1, b"") for each in spoilt])
    for mine, each in zip(found, spoilt, strict=True):
        seen = outputs.scan(keys(), [(0, 0)], each, CTX)
        assert mine is not None and seen is not None
        assert mine.status == seen.status
        # the core shows no amount that the commitment does not carry
        assert mine.value == (0 if seen.status == "mismatch" else seen.value)
    assert [each.status for each in found if each] == ["mismatch", "mismatch", "hostile", "ours"]
    assert _core.WalletKeys.from_seed(OTHER_SEED).open([(CTX, output.data, 1, b"")]) == [None]


def test_public_outputs() -> None:
    cid, ref, prev = b"\x0c" * 32, b"\x0d" * 32, b"\x0e" * 32
    address = keys().address(0, 2)
    fee_ctx, payout_ctx, refund_ctx = (
        outputs.ctx_fee(CHAIN, 9),
        outputs.ctx_payout(CHAIN, cid, 3, 1),
        outputs.ctx_refund(CHAIN, ref),
    )
    masks = [outputs.mask_fee(prev, 9), outputs.mask_payout(CHAIN, cid, 3, 1), outputs.mask_refund(CHAIN, ref)]
    anchors = [
        outputs.public_anchor(prev, 9, outputs.FEE, CHAIN, 0, 0, 0),
        outputs.public_anchor(prev, 9, outputs.PAYOUT, cid, 3, 1, 2),
    ]
    items = [
        (address.pay, ctx, n, 1000 + at, scalar_bytes(masks[at]))
        for at, (ctx, n) in enumerate(zip((fee_ctx, payout_ctx), anchors, strict=True))
    ]
    made = _core.public_outputs(items)
    for at, (ctx, n) in enumerate(zip((fee_ctx, payout_ctx), anchors, strict=True)):
        assert made[at] == outputs.send_public(address, ctx, 1000 + at, n, masks[at]).data
    stub = wallet().refund_stub(0, 2, refund_ctx, 5000, scalar_bytes(masks[2]), b"n" * 16)
    refund = outputs.send_refund(address, refund_ctx, 5000, b"n" * 16, masks[2])
    assert stub == refund.stub
    taken = [(fee_ctx, made[0], 3), (payout_ctx, made[1], 4), (refund_ctx, refund.data, 5)]
    found = wallet().open([(*item, scalar_bytes(mask)) for item, mask in zip(taken, masks, strict=True)])
    assert [(each.status, each.value) for each in found if each] == [("ours", 1000), ("ours", 1001), ("ours", 5000)]


def test_contexts_and_masks_of_the_messages() -> None:
    cid, prev = b"\x0c" * 32, b"\x0e" * 32
    assert output_messages.ctx_transfer(CHAIN) == outputs.ctx_transfer(CHAIN)
    assert output_messages.ctx_mint(CHAIN, cid) == outputs.ctx_mint(CHAIN, cid)
    assert output_messages.ctx_fee(CHAIN, 9) == outputs.ctx_fee(CHAIN, 9)
    assert output_messages.ctx_payout(CHAIN, cid, 3, 1) == outputs.ctx_payout(CHAIN, cid, 3, 1)
    assert output_messages.ctx_refund(CHAIN, cid) == outputs.ctx_refund(CHAIN, cid)
    assert output_messages.mask_fee(prev, 9) == scalar_bytes(outputs.mask_fee(prev, 9))
    assert output_messages.mask_payout(CHAIN, cid, 3, 1) == scalar_bytes(outputs.mask_payout(CHAIN, cid, 3, 1))
    assert output_messages.mask_refund(CHAIN, cid) == scalar_bytes(outputs.mask_refund(CHAIN, cid))
    assert output_messages.mask_start(CHAIN, 1, 63) == scalar_bytes(outputs.mask_start(CHAIN, 1, 63))
    anchors = (prev, 9, 4, cid, 3, 1, 2**32 - 1)
    assert output_messages.anchor_public(*anchors) == outputs.public_anchor(*anchors)


# -- ring signatures ------------------------------------------------------------------------------------------


class Ring:
    """A ring around an output of ours."""

    def __init__(self, seed: int = 1, size: int = 16, real: int = 9) -> None:
        self.random, self.real = random.Random(seed), real
        output, mask = outputs.send(keys().address(0, 0), CTX, 50, self.random.randbytes(16))
        found = outputs.scan(keys(), [(0, 0)], output, CTX)
        assert found is not None
        self.x, mask_of_pseudo = found.x, self.number()
        self.z = (mask - mask_of_pseudo) % L
        self.members = [self.stranger(3 * j) for j in range(size)]
        self.members[real] = clsag.Member(3 * real, output.P, output.C)
        pseudo, message = encode(commit(50, mask_of_pseudo)), self.random.randbytes(64)
        self.statement = clsag.Statement(self.random.randbytes(32), message, 3, self.members, pseudo, found.key_image)

    def number(self) -> int:
        return self.random.randrange(1, L)

    def stranger(self, index: int) -> clsag.Member:
        return clsag.Member(index, encode(ristretto.base(self.number())), encode(ristretto.base(self.number())))

    def by_oracle(self) -> bytes:
        nonces = [self.number() for _ in self.members]
        return clsag.sign(self.statement, self.real, self.x, self.z, self.number(), nonces).data

    def by_core(self) -> tuple[bytes, bytes]:
        s = self.statement
        indices, points = [m.index for m in self.members], b"".join(m.P + m.C for m in self.members)
        secrets = (scalar_bytes(self.x), scalar_bytes(self.z), self.random.randbytes(64))
        return _core.clsag_sign(s.m, s.k_ring, s.input_no, indices, points, s.pseudo, self.real, *secrets)

    def core_says(self, signature: bytes, statement: clsag.Statement | None = None) -> bool:
        s = statement or self.statement
        indices, points = [m.index for m in s.ring], b"".join(m.P + m.C for m in s.ring)
        alone = _core.clsag_verify(s.m, s.k_ring, s.input_no, indices, points, s.pseudo, s.image, signature)
        item = (s.m, s.k_ring, s.input_no, indices, points, s.pseudo, s.image, signature)
        # SPEC LEDGER-5.5.3
        assert _core.clsag_verify_batch([item], bytes(32)) == [alone]
        return alone


@pytest.mark.parametrize(("size", "real"), [(16, 0), (16, 9), (16, 15), (32, 7)])
def test_each_verifies_what_the_other_signed(size: int, real: int) -> None:
    ring = Ring(size + real, size, real)
    assert ring.core_says(ring.by_oracle())
    signature, image = ring.by_core()
    assert image == ring.statement.image
    assert clsag.verify(ring.statement, clsag.Signature.of(signature, size)) == ""
    assert ring.core_says(signature)


# SPEC LEDGER-5.4.1, LEDGER-15.9
def test_both_refuse_the_same_spoilt_signatures() -> None:
    ring = Ring()
    signature = ring.by_oracle()
    for at in range(0, len(signature), 67):
        spoilt = bytearray(signature)
        spoilt[at] ^= 1 << ring.random.randrange(8)
        assert not ring.core_says(bytes(spoilt)), at
        assert clsag.verify(ring.statement, clsag.Signature.of(bytes(spoilt), 16)), at


# SPEC LEDGER-15.9, LEDGER-15.10
def test_both_refuse_the_same_other_statements() -> None:
    ring = Ring()
    signature, s = ring.by_oracle(), ring.statement
    members = list(s.ring)
    for other in (
        s._replace(k_ring=bytes(32)),
        s._replace(m=bytes(64)),
        s._replace(input_no=0),
        s._replace(ring=[members[1], members[0], *members[2:]]),
        s._replace(ring=[members[0]._replace(index=1), *members[1:]]),
        s._replace(image=members[0].P),
        s._replace(image=bytes(32)),
        s._replace(pseudo=members[9].C),
        s._replace(pseudo=members[3].C),
    ):
        assert not ring.core_says(signature, other)
        assert clsag.verify(other, clsag.Signature.of(signature, 16))


# SPEC LEDGER-15.21
def test_a_batch_names_the_bad_ones() -> None:
    rings = [Ring(seed) for seed in range(6)]
    items = []
    for at, ring in enumerate(rings):
        s, signature = ring.statement, ring.by_oracle()
        signature = (
            signature[:64] + signature[96:128] + signature[64:96] + signature[128:] if at in (1, 4) else signature
        )
        points = b"".join(m.P + m.C for m in s.ring)
        indices = [m.index for m in s.ring]
        items.append((s.m, s.k_ring, s.input_no, indices, points, s.pseudo, s.image, signature))
    assert _core.clsag_verify_batch(items, bytes(32)) == [at not in (1, 4) for at in range(6)]


# -- proofs ---------------------------------------------------------------------------------------------------


def test_schnorr_and_dleq() -> None:
    public = encode(ristretto.base(55))
    signature = proofs.schnorr_sign("esc/topup", 55, [b"one", b"two"], 77)
    assert _core.schnorr_verify("esc/topup", public, [b"one", b"two"], signature)
    assert not _core.schnorr_verify("esc/topup", public, [b"onet", b"wo"], signature)
    items = [CHAIN, b"\x0c" * 32, u64(5), u64(6)]
    spend = keys().address(0, 1).spend
    made = wallet().prove_topup(0, 1, items, b"r" * 32)
    assert proofs.schnorr_verify("esc/topup", spend, items, made)
    assert light_group.is_schnorr("esc/topup", spend, items, made)
    B2, x = h_point("ki", b"x"), 99
    proof = proofs.dleq_prove(b"context", x, ristretto.BASE, B2, 5)
    first = encode(ristretto.BASE), encode(ristretto.base(x))
    second = encode(B2), encode(ristretto.multiply(x, B2))
    assert _core.dleq_verify(b"context", *first, *second, proof)
    assert not _core.dleq_verify(b"contexu", *first, *second, proof)


def test_receive_and_reserve_proofs_of_the_core() -> None:
    address = keys().address(0, 1)
    output, mask = outputs.send(address, CTX, 66, b"n" * 16)
    context = proofs.dleq_context(u8(2), CHAIN, 7, b"challenge")
    made = wallet().prove_receive(output.data, CTX, 0, 1, context, b"r" * 32)
    assert proofs.receive_opens(output, CTX, address, made[:32], context, made[32:]) == 66
    assert light_group.is_dleq(context, (address.spend, output.R), (address.view, made[:32]), made[32:])
    another, other_mask = outputs.send(keys().address(0, 2), CTX, 4, b"m" * 16)
    items = [(CTX, each.data, 1, b"") for each in (output, another)]
    made = wallet().prove_reserve(items, context, b"r" * 32)
    assert len(made) == 2 * 96 + 32
    held = [(each, made[96 * at :][:32], made[96 * at + 32 :][:64]) for at, each in enumerate((output, another))]
    assert made[-32:] == scalar_bytes(mask + other_mask)
    assert proofs.reserve_holds(held, 70, mask + other_mask, context)
    assert not proofs.reserve_holds(held, 71, mask + other_mask, context)


# SPEC LEDGER-2.8
@pytest.mark.parametrize("order", [1, 2, 4, 8])
def test_light_clients_and_nodes_take_the_same_ed25519_signatures(order: int) -> None:
    """Keys and commitments with a part of small order, and alone such a part: the cases where rules differ."""
    torsion = NEUTRAL
    for _ in range(8 // order):
        torsion = curve.add(torsion, ORDER_8)
    chosen, taken = random.Random(order), set()
    for at in range(24):
        a, r = chosen.randrange(1, L), chosen.randrange(1, L)
        key = curve.add(times(a), torsion) if at % 3 else torsion
        commitment = curve.add(times(r), torsion) if at % 2 else times(r)
        names, message = [flat(point) for point in (key, commitment)], chosen.randbytes(8)
        c = int.from_bytes(hashlib.sha512(names[1] + names[0] + message).digest(), "little")
        s = (r + c * a * (at % 3 > 0)) % L
        for number in (s, s + L):
            signature = names[1] + number.to_bytes(32, "little")
            said = ed25519.is_signature(names[0], message, signature)
            assert light_group.is_ed25519(names[0], message, signature) is said
            taken.add(said)
    assert False in taken
    assert (True in taken) or order > 1


ORDER_8 = curve.decode_point(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
NEUTRAL = curve.NEUTRAL


def times(k: int) -> curve.Point:
    """k times the base point of Ed25519, affine."""
    found, step = NEUTRAL, curve.decode_point(bytes.fromhex("58" + "66" * 31))
    while k:
        found = curve.add(found, step) if k & 1 else found
        step, k = curve.add(step, step), k >> 1
    return found


def flat(point: curve.Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


# -- trees ----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), max_size=20), st.data()
)
def test_sparse_trees(entries: dict[bytes, bytes], data: st.DataObject) -> None:
    tree = _core.SparseTree()
    items = list(entries.items())
    cut = data.draw(st.integers(0, len(items)))
    tree.update(items[:cut])
    before = tree.clone()
    tree.update(items[cut:])
    assert tree.root() == sparse.root(entries)
    assert before.root() == sparse.root(dict(items[:cut]))
    near = [key[:at] + bytes([key[at] ^ 1]) + key[at + 1 :] for key in entries for at in (0, 31)]
    for key in [*entries, *near, bytes(32)]:
        proof = sparse.prove(entries, key)
        assert tree.prove(key) == proof
        assert tree.get(key) == entries.get(key)
        assert _core.sparse_verify(tree.root(), key, entries.get(key), proof)
        spoilt = proof[:-1] if data.draw(st.booleans()) else proof + b"\x00"
        assert not _core.sparse_verify(tree.root(), key, entries.get(key), spoilt)


# SPEC LEDGER-13.4
@settings(max_examples=300)
@given(st.binary(max_size=160), st.integers(0, 3), st.booleans())
def test_sparse_proofs_are_judged_alike(noise: bytes, kind: int, present: bool) -> None:
    chosen = random.Random(4)
    entries = {chosen.randbytes(32): chosen.randbytes(32) for _ in range(6)}
    root, key = sparse.root(entries), min(entries)
    good = sparse.prove(entries, key)
    value = entries[key] if present else None
    for proof in (noise, bytes([kind]) + noise, bytes([kind]) + good[1:] + noise, good[:-1] + noise):
        try:
            sparse.check(root, key, value, proof)
            holds = True
        except ValueError:
            holds = False
        assert _core.sparse_verify(root, key, value, proof) is holds


def test_the_output_log() -> None:
    made = world.lively()
    table = _core.OutputTable()
    table.append(made.entries[:100])
    preview = table.root_with(made.entries[100:])
    table.append(made.entries[100:])
    leaves = blocks.log_leaves(made.entries)
    assert table.size() == len(leaves)
    assert table.root() == preview == merkle.root(leaves) == made.headers[-1].out_root
    for size in (1, 2, 77, 128, 130, len(leaves)):
        assert table.root_at(size) == merkle.root(leaves[:size])
        for index in {0, size // 2, size - 1}:
            assert table.inclusion(index, size) == merkle.inclusion_proof(leaves[:size], index)
        assert table.consistency(size, len(leaves)) == merkle.consistency_proof(leaves, size)
    for index in (0, 64, 127, 130):
        class_, height, output = made.entries[index]
        fields = Fields.of(output)
        assert table.members([index]) == [(class_, height, fields.P + fields.C + encode(h_point("ki", fields.P)))]
        assert table.used(fields.P + fields.R + fields.C) == b"\x01\x01\x00"


# -- mints ----------------------------------------------------------------------------------------------------


# SPEC LEDGER-9.1.14
def test_a_mint_of_the_core_balances_in_the_oracle() -> None:
    address, mint_id = keys().address(0, 1), b"\x0f" * 32
    values = [500, 20, 3]
    body = u8(0) * 2 + bytes(32) + u8(0) * 2 + u8(0) * 2 + u64(sum(values))
    size = len(body) + _core.mint_size(4) + 80
    head = blocks.frame(16, CHAIN, 100, bytes(size))[:52] + body
    frame = head + _core.build_mint(head, CHAIN, mint_id, address.pay, values, b"r" * 64) + bytes(80)
    mint = blocks.Mint.of(frame)
    assert (mint.value, len(mint.outputs)) == (523, 4)
    assert [output[64:96] for output in mint.outputs] == sorted(output[64:96] for output in mint.outputs)
    assert proofs.schnorr_verify("mint/kernel", mint.kernel, [mint.core], mint.sig)
    ctx = outputs.ctx_mint(CHAIN, mint_id)
    found = [outputs.scan(keys(), [(0, 1)], Fields.of(output), ctx) for output in mint.outputs]
    assert sorted(each.value for each in found if each and each.status == "ours") == [0, 3, 20, 500]
    record = blocks.Record(1, carried=[blocks.Carried(16, frame)], totals=(0, 523, 0, 0, 0, 0))
    assert equation.holds(record, [])
    assert not equation.holds(blocks.Record(1, carried=record.carried, totals=(0, 524, 0, 0, 0, 0)), [])
    item = (b"".join(mint.outputs), 523, mint.kernel, mint.sig, mint.core)
    assert _core.verify_kernels([item, (item[0], 524, *item[2:]), (*item[:4], mint.core + b"x")]) == b"\x00\x01\x02"


def test_a_mint_of_the_oracle_is_taken_by_the_core() -> None:
    made = world.Chain()
    made.mint([1, 2])
    made.close()
    mint = blocks.Mint.of(blocks.Record.decode(made.records[1]).frames[0])
    assert _core.verify_kernels([(b"".join(mint.outputs), 3, mint.kernel, mint.sig, mint.core)]) == b"\x00"


# -- transactions ---------------------------------------------------------------------------------------------


class Spend:
    """A transaction of two inputs that the core builds over a table that holds our outputs."""

    def __init__(self, **changes: object) -> None:
        self.random = random.Random(12)
        self.chain = world.Chain()
        sent = [self.chain.send(keys().address(0, at), value) for at, value in ((1, 70), (3, 45))]
        self.chain.transact([*sent, *(self.chain.send(self.chain.bob.address(0, at), 0) for at in range(30))])
        self.chain.draft.pending.clear()
        self.chain.close()
        self.chain.close()
        self.id = self.chain.id
        self.key = _core.EpochKey.generate(1, b"e" * 64)
        self.ctx = outputs.ctx_transfer(self.id)
        taken = {self.chain.index_of(each.output.data) for each in sent}
        free = [at for at in range(128, 160) if at not in taken]
        rings = [
            sorted([self.chain.index_of(each.output.data), *free[15 * i : 15 * i + 15]]) for i, each in enumerate(sent)
        ]
        inputs = [
            (
                self.ctx,
                1,
                each.output.data,
                b"",
                ring,
                self.points(ring),
                ring.index(self.chain.index_of(each.output.data)),
            )
            for each, ring in zip(sent, rings, strict=True)
        ]
        self.out_root = self.chain.headers[1].out_root
        self.plan: dict[str, object] = {
            "chain_id": self.id,
            "net": 1,
            "kind": 1,
            "expiry_height": 100,
            "fee": 1,
            "burn": 0,
            "extra": b"",
            "inputs": inputs,
            "outputs": [
                (self.chain.bob.address(0, 5).pay, 100, b"", False),
                (keys().address(0, 0).pay, 14, b"own memo".ljust(128, b"\0"), True),
            ],
            "h_a": 1,
            "out_root": self.out_root,
            "epoch": 4,
            "suite": 1,
            "epoch_key": self.key.public(),
            "portable": False,
            "note": b"",
            "random": b"r" * 64,
            **changes,
        }

    def points(self, ring: list[int]) -> bytes:
        return b"".join(self.chain.entries[at][2][:64] for at in ring)

    def members(self, ring: list[int]) -> list[clsag.Member]:
        fields = [(at, Fields.of(self.chain.entries[at][2])) for at in ring]
        return [clsag.Member(at, each.P, each.C) for at, each in fields]

    def build(self) -> _core.BuiltTransaction:
        return _core.build_transaction(wallet(), self.plan)

    def opened(self) -> _core.OpenedTransaction:
        (found,) = _core.open_envelopes(self.id, [(self.key, 4, self.build().envelope)], 16)
        assert not isinstance(found, str)
        return found


def test_the_core_reads_its_own_transaction_as_the_oracle_does() -> None:
    spend = Spend()
    built, opened = spend.build(), spend.opened()
    public = transaction.TxPublic.decode(built.tx_public)
    assert public.encode() == built.tx_public == opened.tx_public
    assert len(built.tx_public) == 1334
    assert (public.fault(), public.balances()) == ("", True)
    assert public.tx_id == built.tx_id == opened.tx_id
    assert opened.env_id == built.env_id == sha(built.envelope)
    assert (opened.key_images, opened.pseudo_outputs, opened.outputs) == (public.images, public.pseudo, public.outputs)
    assert opened.static_faults() == []
    assert (opened.anchor_height, opened.ring_size) == (1, 16)
    found = [outputs.scan(spend.chain.bob, [(0, 5)], Fields.of(output), spend.ctx) for output in public.outputs]
    assert [each.value for each in found if each] == [100]
    own = [outputs.scan(keys(), [(0, 0)], Fields.of(output), spend.ctx) for output in public.outputs]
    assert [(each.value, each.memo) for each in own if each] == [(14, b"own memo".ljust(128, b"\0"))]
    for at, anchor in enumerate(built.anchors):
        pay, value = spend.plan["outputs"][at][:2]  # type: ignore[index]
        assert _core.payment_matches(public.outputs[built.order[at]], spend.ctx, anchor, pay, value)


# SPEC LEDGER-15.21
def test_the_core_takes_its_own_transaction_and_no_other_root() -> None:
    spend = Spend()
    table = _core.OutputTable()
    table.append(spend.chain.entries)
    items = [(spend.opened(), spend.out_root), (spend.opened(), bytes(32))]
    said = _core.verify_transactions(table, spend.id, items, b"r" * 32)
    assert said == ["", "V-16"]


# SPEC LEDGER-2.6, LEDGER-5.4.1, LEDGER-6.3.1
@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("note", [b"", b"for the supervisor"])
def test_a_transaction_of_the_core_opens_and_verifies_in_the_oracle(portable: bool, note: bytes) -> None:
    spend = Spend(epoch_key=EPOCH_PUBLIC, portable=portable, note=note)
    built = spend.build()
    opened = transaction.open_envelope(spend.id, EPOCH_SECRET, EPOCH_PUBLIC, built.envelope)
    assert opened.public.encode() == built.tx_public
    assert opened.leaf == built.tx_leaf
    assert opened.private.h_a == 1
    assert opened.private.flags == int(portable) | 4 * bool(note)
    members = [spend.members(ring) for ring in opened.private.rings]
    assert transaction.verify_rings(opened, spend.id, spend.out_root, members) == ["", ""]
    assert transaction.verify_rings(opened, spend.id, bytes(32), members) == ["glue", "glue"]
    assert transaction.verify_rings(opened, spend.id, spend.out_root, members[::-1]) == ["glue", "glue"]
    bound = opened.public.bp_ctx(spend.id, opened.private.salt)
    commitments = b"".join(output[32:64] for output in opened.public.outputs)
    assert _core.verify_range_proofs([(commitments, opened.public.range_proof, bound)]) == [True]
    assert _core.verify_range_proofs([(commitments, opened.public.range_proof, bound[::-1])]) == [False]
    if note:
        m = clsag.message(spend.id, built.tx_public, 1, spend.out_root)
        k_req = clsag.request_key(m, bytes(32) if portable else opened.exporter)
        assert opened.private.note(k_req, m).rstrip(b"\0") == note


def sealed(spend: Spend, public: bytes, private: bytes, seed: bytes = b"\x13" * 32) -> bytes:
    """An envelope of the oracle for the epoch key of the core."""
    key = spend.key.public()
    enc, context = transaction.seal(spend.id, 4, key, seed)
    return transaction.close(transaction.envelope_head(1, 4, key), enc, context, public, private)


# SPEC LEDGER-15.19
@pytest.mark.parametrize("portable", [False, True])
def test_only_a_portable_transaction_may_be_wrapped_again(portable: bool) -> None:
    spend = Spend(portable=portable)
    table = _core.OutputTable()
    table.append(spend.chain.entries)
    theirs = Spend(epoch_key=EPOCH_PUBLIC, portable=portable).build().envelope
    opened = transaction.open_envelope(spend.id, EPOCH_SECRET, EPOCH_PUBLIC, theirs)
    again = sealed(spend, opened.public.encode(), opened.private.encode())
    (found,) = _core.open_envelopes(spend.id, [(spend.key, 4, again)], 16)
    assert not isinstance(found, str)
    assert (found.tx_public, found.tx_leaf) == (opened.public.encode(), opened.leaf)
    assert found.rings == opened.private.rings
    said = _core.verify_transactions(table, spend.id, [(found, spend.out_root)], b"r" * 32)
    assert said == ["" if portable else "V-16"]


def test_the_core_reads_envelopes_of_the_oracle_as_strictly() -> None:
    spend = Spend()
    theirs = Spend(epoch_key=EPOCH_PUBLIC).build().envelope
    opened = transaction.open_envelope(spend.id, EPOCH_SECRET, EPOCH_PUBLIC, theirs)
    public, private = opened.public.encode(), opened.private.encode()
    long_form = private[:41] + bytes([private[41] | 128, 0]) + private[42:]
    cases = {
        "good": (sealed(spend, public, private), ""),
        "trailing byte of TxPublic": (sealed(spend, public + b"\x00", private), "V-3"),
        "trailing byte of TxPrivate": (sealed(spend, public, private + b"\x00"), "V-3"),
        "unknown flag": (sealed(spend, public, b"\x08" + private[1:]), "V-3"),
        "a long LEB128": (sealed(spend, public, long_form), "V-3"),
        "version": (sealed(spend, b"\x02" + public[1:], private), "V-4"),
        "type": (sealed(spend, public[:2] + b"\x07" + public[3:], private), "V-3"),
        "another chain": (theirs, "V-2"),
    }
    for name, (envelope, expected) in cases.items():
        (found,) = _core.open_envelopes(spend.id, [(spend.key, 4, envelope)], 16)
        said = found if isinstance(found, str) else "".join(found.static_faults())
        assert said == expected, name


# SPEC LEDGER-7.19, LEDGER-7.20, LEDGER-7.21, LEDGER-7.22
def test_a_transaction_of_the_oracle_passes_all_but_its_range_proof() -> None:
    """The oracle makes no range proofs: with a foreign one the core names V-18, and nothing before it."""
    spend = Spend()
    table = _core.OutputTable()
    table.append(spend.chain.entries)
    ctx, chosen = spend.ctx, random.Random(3)
    found = [
        outputs.scan(keys(), [(0, 1), (0, 3)], Fields.of(output), ctx) for _, _, output in spend.chain.entries[128:]
    ]
    mine = [(at + 128, each) for at, each in enumerate(found) if each]
    made = [outputs.send(spend.chain.bob.address(0, j), ctx, v, chosen.randbytes(16)) for j, v in ((0, 100), (1, 14))]
    made.sort(key=lambda each: each[0].R)
    rings = {ring[place]: (ring, place) for _, _, _, _, ring, _, place in spend.plan["inputs"]}  # type: ignore[attr-defined]
    mine.sort(key=lambda each: each[1].key_image)
    masks = [chosen.randrange(L)]
    masks.append((sum(mask for _, mask in made) - masks[0]) % L)
    pseudo = [encode(commit(each.value, mask)) for (_, each), mask in zip(mine, masks, strict=True)]
    images = [each.key_image for _, each in mine]
    public = transaction.TxPublic(1, 100, 1, 0, b"", images, pseudo, [o.data for o, _ in made], bytes(641))
    assert (public.fault(), public.balances()) == ("", True)

    def judged(public: transaction.TxPublic, spoil: int = 0) -> str:
        key = spend.key.public()
        enc, context = transaction.seal(spend.id, 4, key, b"\x14" * 32)
        m = clsag.message(spend.id, public.encode(), 1, spend.out_root)
        k_ring = clsag.request_key(m, context.export(b"PL1/ring", 32))
        signatures = []
        for number, (index, each) in enumerate(mine):
            ring, place = rings[index]
            statement = clsag.Statement(k_ring, m, number, spend.members(ring), public.pseudo[number], each.key_image)
            output = Fields.of(spend.chain.entries[index][2])
            shared = encode(ristretto.multiply(keys().k_v, ristretto.decode(output.R)))
            q = h64("q", shared, output.R, ctx)
            z = outputs.mask_of(q, each.value, keys().address(*each.index).spend) - masks[number]
            nonces = [chosen.randrange(L) for _ in ring]
            signature = clsag.sign(statement, place, each.x + spoil, z, chosen.randrange(1, L), nonces)
            signatures.append(signature.data)
        private = transaction.TxPrivate(0, bytes(32), 1, [rings[index][0] for index, _ in mine], signatures)
        envelope = transaction.close(
            transaction.envelope_head(1, 4, key), enc, context, public.encode(), private.encode()
        )
        (opened,) = _core.open_envelopes(spend.id, [(spend.key, 4, envelope)], 16)
        assert not isinstance(opened, str)
        assert opened.static_faults() == []
        return _core.verify_transactions(table, spend.id, [(opened, spend.out_root)], b"r" * 32)[0]

    assert judged(public) == "V-18"
    assert judged(public, spoil=1) in ("V-16", "V-17")
    public.fee = 2
    assert judged(public) == "V-15"


# -- range proofs ---------------------------------------------------------------------------------------------


class Proven(NamedTuple):
    """A range proof of the core: commitments in their order, proof, bp_ctx."""

    commitments: list[bytes]
    proof: bytes
    context: bytes

    @property
    def item(self) -> tuple[bytes, bytes, bytes]:
        return b"".join(self.commitments), self.proof, self.context


@cache
def proven() -> Proven:
    """Of a transaction with two outputs."""
    envelope = Spend(epoch_key=EPOCH_PUBLIC).build().envelope
    spend = Spend()
    opened = transaction.open_envelope(spend.id, EPOCH_SECRET, EPOCH_PUBLIC, envelope)
    commitments = [output[32:64] for output in opened.public.outputs]
    context = opened.public.bp_ctx(spend.id, opened.private.salt)
    return Proven(commitments, opened.public.range_proof, context)


# SPEC LEDGER-2.5, LEDGER-7.22, LEDGER-15.12
def test_a_range_proof_of_the_core_verifies_in_the_oracle() -> None:
    commitments, proof, context = proven()
    assert len(proof) == 641
    assert bulletproofs_plus.verify(commitments, proof, context)


# SPEC LEDGER-2.5, LEDGER-15.12
def test_range_proofs_are_refused_alike() -> None:
    good = proven()
    chosen = random.Random(8)
    cases = [
        good._replace(context=bytes(64)),
        good._replace(commitments=good.commitments[::-1]),
        good._replace(commitments=[good.commitments[0], encode(commit(5, 5))]),
        good._replace(proof=b"\x02" + good.proof[1:]),
        good._replace(proof=good.proof[:-64]),
        good._replace(proof=good.proof[:33] + bytes(32) + good.proof[65:]),
        good._replace(proof=good.proof[:1] + b"\xff" * 32 + good.proof[33:]),
    ]
    for at in (20, 140, 300):
        spoilt = bytearray(good.proof)
        spoilt[at] ^= 1 << chosen.randrange(8)
        cases.append(good._replace(proof=bytes(spoilt)))
    assert _core.verify_range_proofs([case.item for case in cases]) == [False] * len(cases)
    # the oracle folds for seconds where nothing is wrong with the form: a few cases are enough
    assert not any(bulletproofs_plus.verify(*case) for case in [cases[0], *cases[3:8]])


# SPEC LEDGER-15.21
@pytest.mark.parametrize("at", [0, 255, 256, 299])
def test_a_long_batch_of_range_proofs_is_judged_to_its_end(at: int) -> None:
    """A batch beyond the bound of the library below is no way around the check."""
    items = [proven().item] * 300
    items[at] = proven()._replace(context=bytes(64)).item
    assert _core.verify_range_proofs(items) == [place != at for place in range(300)]


# SPEC LEDGER-2.5, LEDGER-9.1.15
def test_the_range_proof_of_a_mint_is_bound_to_its_frame() -> None:
    body = bytes(32 + 2 * 3) + u64(523)
    size = len(body) + _core.mint_size(4) + 80
    head = blocks.frame(16, CHAIN, 100, bytes(size))[:52] + body
    frame = head + _core.build_mint(head, CHAIN, b"\x0f" * 32, keys().address(0, 1).pay, [500, 20, 3], b"r" * 64)
    commitments = [output[32:64] for output in blocks.Mint.of(frame + bytes(80)).outputs]
    start = len(frame) - 64 - 705
    context = hn("bp/ctx", CHAIN, bytes(32), frame[: start - 2])
    proof = frame[start:-64]
    assert frame[start - 2 : start] == (705).to_bytes(2, "little")
    assert _core.verify_range_proofs([(b"".join(commitments), proof, context)]) == [True]
    other = hn("bp/ctx", CHAIN, bytes(32), frame[:start])
    assert _core.verify_range_proofs([(b"".join(commitments), proof, other)]) == [False]
