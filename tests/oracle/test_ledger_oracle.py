"""The oracle of the ledger against published data, and its schemes against themselves. Spec: LEDGER sections 2 to 6."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import tarfile
from itertools import pairwise

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.issuance import merkle
from oracle.ledger import blocks, clsag, equation, hpke, merlin, outputs, proofs, ristretto, transaction, world
from oracle.ledger.blocks import Header, Record
from oracle.ledger.hashes import commit, h8, h16, h64, h_scalar, hn, u32, u64
from oracle.ledger.reader import Reader
from oracle.ledger.ristretto import L, encode
from published import published, published_json, wycheproof
from specie.kernel.errors import Refused
from specie.ledger.errors import PointInvalid
from specie.ledger.protocol import light_group, light_trees

CHAIN = b"\xc1" * 32
ALICE, BOB = outputs.Keys(b"a" * 32), outputs.Keys(b"b" * 32)
CTX = outputs.ctx_transfer(CHAIN)


# -- published vectors ----------------------------------------------------------------------------------------


def rfc9496() -> dict[str, list[str]]:
    found: dict[str, list[str]] = published_json("ledger/ristretto255/rfc9496.json")
    return found


def test_small_multiples_of_the_generator() -> None:
    point, light_point = ristretto.IDENTITY, light_group.IDENTITY
    for text in rfc9496()["A1_small_multiples"]:
        assert encode(point).hex() == light_group.encode_point(light_point).hex() == text
        assert ristretto.equal(ristretto.decode(bytes.fromhex(text)), point)
        assert light_group.is_same(light_group.decode_point(bytes.fromhex(text)), light_point)
        point = ristretto.add(point, ristretto.BASE)
        light_point = light_group.add(light_point, light_group.base())


# SPEC LEDGER-15.2
def test_bad_encodings_are_refused() -> None:
    bad = rfc9496()["A2_bad_encodings"]
    assert len(bad) == 29
    for text in bad:
        with pytest.raises(ristretto.BadEncoding):
            ristretto.decode(bytes.fromhex(text))
        with pytest.raises(PointInvalid):
            light_group.decode_point(bytes.fromhex(text))


def test_the_map_to_the_group() -> None:
    data = published_json("ledger/ristretto255/rfc9496.json")
    cases = [(case["uniform_sha512"], case["element"]) for case in data["A3_map"]]
    cases += [(text, data["A3_equivalent"]["element"]) for text in data["A3_equivalent"]["inputs"]]
    assert len(cases) == 11
    for text, element in cases:
        assert encode(ristretto.from_uniform(bytes.fromhex(text))).hex() == element
        assert light_group.encode_point(light_group.point_of_hash(bytes.fromhex(text))).hex() == element


def test_hpke_base_mode() -> None:
    cases = published_json("ledger/hpke/rfc9180_x25519_hkdfsha256.json")
    (case,) = [case for case in cases if (int(case["mode"]), int(case["aead_id"])) == (0, hpke.AEAD_ID)]
    fields = {name: bytes.fromhex(case[name]) for name in ("info", "skRm", "pkRm", "skEm", "enc")}
    enc, sender = hpke.sender(fields["pkRm"], fields["info"], fields["skEm"])
    receiver = hpke.receiver(fields["skRm"], fields["info"], fields["enc"])
    assert enc == fields["enc"]
    for sequence, row in enumerate(case["encryptions"]):
        aad, text, ciphertext = (bytes.fromhex(row[name]) for name in ("aad", "pt", "ct"))
        assert sender.seal(aad, text, sequence) == ciphertext
        assert receiver.open(aad, ciphertext, sequence) == text
    for row in case["exports"]:
        assert receiver.export(bytes.fromhex(row["exporter_context"]), int(row["L"])).hex() == row["exported_value"]


def test_transcripts_of_range_proofs() -> None:
    """The permutation against SHA3-256, the transcript against the vector that Merlin's authors publish."""
    state = bytearray(200)
    state[0], state[135] = 0x06, 0x80
    merlin.keccak(state)
    assert bytes(state[:32]) == hashlib.sha3_256(b"").digest()
    transcript = merlin.Transcript(b"test protocol")
    transcript.append(b"some label", b"some data")
    expected = "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615"
    assert transcript.challenge(b"challenge", 32).hex() == expected


def rfc6962() -> list[tuple[str, dict[str, object]]]:
    with tarfile.open(published("ledger/merkle/rfc6962_testdata.tgz")) as archive:
        names = [name for name in archive.getnames() if name.endswith(".json")]
        read = {name: archive.extractfile(name) for name in names}
        return [(name, json.loads(file.read())) for name, file in read.items() if file is not None]


# SPEC LEDGER-13.2
def test_log_proofs_good_and_corrupted() -> None:
    judged = 0
    for name, case in rfc6962():
        kind = name.split("/")[1]
        if kind not in ("inclusion", "consistency"):
            continue
        judged += 1
        steps = [base64.b64decode(step) for step in case["proof"] or []]  # type: ignore[attr-defined]
        try:
            if kind == "inclusion":
                leaf, root = (base64.b64decode(str(case[key])) for key in ("leafHash", "root"))
                index, size = int(str(case["leafIdx"])), int(str(case["treeSize"]))
                light_trees.verify_leaf(root, leaf, index, size, steps)
            else:
                old, new = (base64.b64decode(str(case[key])) for key in ("root1", "root2"))
                sizes = [int(str(case[key])) for key in ("size1", "size2")]
                light_trees.verify_consistency(old, sizes[0], new, sizes[1], steps)
            good = True
        except Refused:
            good = False
        assert good != bool(case["wantErr"]), name
    assert judged == 196


# SPEC LEDGER-2.8
def test_strict_ed25519_in_plain_python() -> None:
    for group, case in wycheproof("ed25519_test.json"):
        public, message, signature = (bytes.fromhex(x) for x in (group["publicKey"]["pk"], case["msg"], case["sig"]))
        assert light_group.is_ed25519(public, message, signature) == (case["result"] == "valid"), case["tcId"]


# -- the group ------------------------------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32))
def test_both_decoders_take_the_same_bytes(data: bytes) -> None:
    for candidate in (data, bytes([data[0] & 254]) + data[1:31] + bytes([data[31] & 127])):
        try:
            found = encode(ristretto.decode(candidate))
        except ristretto.BadEncoding:
            found = None
        try:
            light_found = light_group.encode_point(light_group.decode_point(candidate))
        except PointInvalid:
            light_found = None
        assert found == light_found
        assert found in (None, candidate)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=64, max_size=64), st.integers(0, 2**256), st.integers(0, 2**256))
def test_both_groups_agree(wide: bytes, a: int, b: int) -> None:
    point, other = ristretto.from_uniform(wide), light_group.point_of_hash(wide)
    left = ristretto.subtract(ristretto.multiply(a, point), ristretto.multiply(b, ristretto.BASE))
    right = light_group.add(
        light_group.multiply(a, other), light_group.negate(light_group.multiply(b, light_group.base()))
    )
    assert encode(left) == light_group.encode_point(right)
    assert light_group.is_same(light_group.double(other), light_group.add(other, other))


# -- outputs --------------------------------------------------------------------------------------------------


# SPEC LEDGER-4.3.1, LEDGER-4.3.2
def test_an_output_is_found_by_its_owner_alone() -> None:
    address = ALICE.address(3, 4)
    output, mask = outputs.send(address, CTX, 2**63 + 5, b"n" * 16, b"memo".ljust(128, b"\0"))
    found = outputs.scan(ALICE, [(0, 0), (3, 4)], output, CTX)
    assert found is not None
    assert (found.status, found.index, found.value, found.n) == ("ours", (3, 4), 2**63 + 5, b"n" * 16)
    assert found.memo == b"memo".ljust(128, b"\0")
    assert encode(ristretto.base(found.x)) == output.P
    assert encode(commit(found.value, mask)) == output.C
    assert outputs.scan(BOB, [(3, 4)], output, CTX) is None
    assert outputs.scan(ALICE, [(3, 4)], output, outputs.ctx_fee(CHAIN, 1)) is None


# SPEC LEDGER-15.15
def test_an_amount_that_does_not_open_the_commitment_is_no_credit() -> None:
    output, _ = outputs.send(ALICE.address(0, 0), CTX, 7, b"n" * 16)
    for spoilt in (output._replace(ea=bytes(8)), output._replace(C=output.P)):
        found = outputs.scan(ALICE, [(0, 0)], spoilt, CTX)
        assert found is not None and found.status == "mismatch"


# SPEC LEDGER-4.3.3, LEDGER-15.14
def test_an_output_that_would_link_two_addresses_is_hostile() -> None:
    """K_s of one address under the keys K_v and K_d of another: the Janus attack."""
    one, two = ALICE.address(0, 1), ALICE.address(0, 2)
    r = 12345
    R = encode(ristretto.multiply(r, ristretto.decode(one.spend)))
    q = h64("q", encode(ristretto.multiply(r, ristretto.decode(one.view))), R, CTX)
    P = encode(ristretto.add(ristretto.base(h_scalar("otk", q)), ristretto.decode(two.spend)))
    C = encode(commit(9, outputs.mask_of(q, 9, two.spend)))
    vt = hn("vt", encode(ristretto.multiply(r, ristretto.decode(one.detect))), R, CTX)[:3]
    ea = outputs.xor(u64(9), h8("amt", q, P))
    an = outputs.xor(b"n" * 16, h16("anc", q, P))
    forged = outputs.Fields(P, C, R, vt, ea, an, bytes(144))
    found = outputs.scan(ALICE, [(0, 1), (0, 2)], forged, CTX)
    assert found is not None and (found.status, found.index) == ("hostile", (0, 2))


def test_public_outputs_open_for_everybody_and_belong_to_one() -> None:
    y = outputs.mask_fee(b"\x01" * 32, 5)
    ctx = outputs.ctx_fee(CHAIN, 5)
    n = outputs.public_anchor(b"\x01" * 32, 5, outputs.FEE, CHAIN, 0, 0, 0)
    output = outputs.send_public(ALICE.address(0, 0), ctx, 33, n, y)
    found = outputs.scan(ALICE, [(0, 0)], output, ctx, outputs.FEE, y)
    assert found is not None and (found.status, found.value, found.n) == ("ours", 33, n)
    ref = b"\x02" * 32
    y, ctx = outputs.mask_refund(CHAIN, ref), outputs.ctx_refund(CHAIN, ref)
    output = outputs.send_refund(ALICE.address(0, 0), ctx, 44, b"n" * 16, y)
    found = outputs.scan(ALICE, [(0, 0)], output, ctx, outputs.REFUND, y)
    assert found is not None and (found.status, found.value, len(output.stub)) == ("ours", 44, outputs.STUB)


# -- ring signature -------------------------------------------------------------------------------------------


def signed(size: int = 4, real: int = 2) -> tuple[clsag.Statement, clsag.Signature]:
    chosen = random.Random(size * 100 + real)
    output, mask = outputs.send(ALICE.address(0, 0), CTX, 50, b"n" * 16)
    found = outputs.scan(ALICE, [(0, 0)], output, CTX)
    assert found is not None

    def stranger(index: int) -> clsag.Member:
        key, commitment = (encode(ristretto.base(chosen.randrange(1, L))) for _ in range(2))
        return clsag.Member(index, key, commitment)

    ring = [clsag.Member(5 + j, output.P, output.C) if j == real else stranger(5 + j) for j in range(size)]
    pseudo_mask = chosen.randrange(L)
    statement = clsag.Statement(b"k" * 32, b"m" * 64, 1, ring, encode(commit(50, pseudo_mask)), found.key_image)
    nonces = [chosen.randrange(L) for _ in ring]
    return statement, clsag.sign(statement, real, found.x, mask - pseudo_mask, chosen.randrange(L), nonces)


@pytest.mark.parametrize(("size", "real"), [(1, 0), (2, 1), (4, 0), (4, 2), (4, 3), (16, 9)])
def test_a_ring_signature_verifies(size: int, real: int) -> None:
    statement, signature = signed(size, real)
    assert clsag.verify(statement, signature) == ""
    assert clsag.Signature.of(signature.data, size) == signature
    assert len(signature.data) == 64 + 96 * size


# SPEC LEDGER-15.9
@pytest.mark.parametrize("at", range(0, 64 + 96 * 4, 17))
def test_a_flipped_bit_of_a_ring_signature_is_refused(at: int) -> None:
    statement, signature = signed()
    data = bytearray(signature.data)
    data[at] ^= 4
    assert clsag.verify(statement, clsag.Signature.of(bytes(data), 4))


# SPEC LEDGER-15.9, LEDGER-15.10, LEDGER-15.5
def test_another_statement_is_refused() -> None:
    statement, signature = signed()
    ring = list(statement.ring)
    for other in (
        statement._replace(k_ring=b"K" * 32),
        statement._replace(m=b"M" * 64),
        statement._replace(input_no=0),
        statement._replace(ring=[ring[1], ring[0], *ring[2:]]),
        statement._replace(ring=[ring[0]._replace(index=6), *ring[1:]]),
        statement._replace(image=ring[0].P),
    ):
        assert clsag.verify(other, signature) == "glue"
    assert clsag.verify(statement._replace(pseudo=ring[2].C), signature) == "pseudo"
    over = int.from_bytes(signature.s[0], "little") + L
    beyond = (over.to_bytes(32, "little"), *signature.s[1:])
    assert clsag.verify(statement, signature._replace(s=beyond)) == "scalars"
    for points in (bytes(32), b"\xff" * 32):
        assert clsag.verify(statement._replace(image=points), signature) == "points"
        assert clsag.verify(statement, signature._replace(D=points)) == "points"


# -- proofs ---------------------------------------------------------------------------------------------------


def test_schnorr_and_dleq_in_both_implementations() -> None:
    signature = proofs.schnorr_sign("mint/kernel", 55, [b"core"], 77)
    public = encode(ristretto.base(55))
    for tag, items, expected in (
        ("mint/kernel", [b"core"], True),
        ("mint/kernel", [b"cora"], False),
        ("x", [b"core"], False),
    ):
        assert proofs.schnorr_verify(tag, public, items, signature) is expected
        assert light_group.is_schnorr(tag, public, items, signature) is expected
    B2 = ristretto.base(9)
    proof = proofs.dleq_prove(b"context", 55, ristretto.BASE, B2, 78)
    names = (encode(ristretto.BASE), public, encode(B2), encode(ristretto.multiply(55, B2)))
    for context, image, expected in (
        (b"context", names[3], True),
        (b"Context", names[3], False),
        (b"context", public, False),
    ):
        assert proofs.dleq_verify(context, *names[:3], image, proof) is expected
        assert light_group.is_dleq(context, (names[0], names[2]), (names[1], image), proof) is expected
    late = proof[:32] + (int.from_bytes(proof[32:], "little") + L).to_bytes(32, "little")
    assert not light_group.is_dleq(b"context", (names[0], names[2]), (names[1], names[3]), late)


# -- transactions ---------------------------------------------------------------------------------------------


def spend(portable: bool = False) -> tuple[transaction.TxPublic, transaction.TxPrivate, bytes, clsag.Statement]:
    """A transaction with one input, its envelope under the key 0x11.., and what its ring states."""
    chosen = random.Random(9)
    made = [outputs.send(BOB.address(0, at), CTX, value, chosen.randbytes(16)) for at, value in enumerate((30, 19))]
    made.sort(key=lambda each: each[0].R)
    total = sum(mask for _, mask in made) % L
    statement, _ = signed(16, 9)
    pseudo = encode(commit(50, total))
    public = transaction.TxPublic(
        1, 100, 1, 0, b"", [statement.image], [pseudo], [output.data for output, _ in made], b"\x00" * 641
    )
    secret = b"\x11" * 32
    public_key = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    enc, context = transaction.seal(CHAIN, 4, public_key, b"\x12" * 32)
    m = clsag.message(CHAIN, public.encode(), 40, b"\x0a" * 32)
    exporter = bytes(32) if portable else context.export(b"PL1/ring", 32)
    output, mask = outputs.send(ALICE.address(0, 0), CTX, 50, b"n" * 16)
    found = outputs.scan(ALICE, [(0, 0)], output, CTX)
    assert found is not None
    statement = statement._replace(k_ring=clsag.request_key(m, exporter), m=m, input_no=0, pseudo=pseudo)
    nonces = [chosen.randrange(L) for _ in statement.ring]
    signature = clsag.sign(statement, 9, found.x, mask - total, chosen.randrange(L), nonces)
    ring = [member.index for member in statement.ring]
    private = transaction.TxPrivate(int(portable), b"\x05" * 32, 40, [ring], [signature.data])
    head = transaction.envelope_head(1, 4, public_key)
    return public, private, transaction.close(head, enc, context, public.encode(), private.encode()), statement


# SPEC LEDGER-6.3.1, LEDGER-6.3.3, LEDGER-6.1.1
@pytest.mark.parametrize("portable", [False, True])
def test_an_envelope_opens_and_its_ring_verifies(portable: bool) -> None:
    public, private, envelope, statement = spend(portable)
    secret = b"\x11" * 32
    public_key = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    assert len(envelope) == 8192
    opened = transaction.open_envelope(CHAIN, secret, public_key, envelope)
    assert (opened.public, opened.private, opened.epoch) == (public, private, 4)
    assert opened.public.fault() == ""
    assert opened.public.balances()
    assert transaction.verify_rings(opened, CHAIN, b"\x0a" * 32, [statement.ring]) == [""]
    # SPEC LEDGER-15.19
    assert transaction.verify_rings(opened, CHAIN, b"\x0b" * 32, [statement.ring]) == ["glue"]
    assert transaction.verify_rings(opened, b"\x0b" * 32, b"\x0a" * 32, [statement.ring]) == ["glue"]
    for spoilt in (envelope[:-1] + b"\x00", envelope[:9] + bytes(8) + envelope[17:], envelope[:-1]):
        with pytest.raises((ValueError, InvalidTag)):
            transaction.open_envelope(CHAIN, secret, public_key, spoilt)
    with pytest.raises(InvalidTag):
        transaction.open_envelope(bytes(32), secret, public_key, envelope)


# SPEC LEDGER-6.1.1, LEDGER-15.20
def test_transactions_are_parsed_strictly() -> None:
    public, private, _, _ = spend()
    data, hidden = public.encode(), private.encode()
    assert len(data) == 1334 - 64
    for spoilt in (data + b"\x00", data[:-1], b"\x02" + data[1:], data[:2] + b"\x04" + data[3:]):
        with pytest.raises(ValueError):
            transaction.TxPublic.decode(spoilt)
    long_form = hidden[:41] + bytes([hidden[41] | 128, 0]) + hidden[42:]
    for spoilt in (hidden + b"\x00", hidden[:-1], b"\x08" + hidden[1:], long_form):
        with pytest.raises(ValueError):
            transaction.TxPrivate.decode(spoilt, 1, 16)


@given(st.integers(0, 2**64 - 1))
def test_leb128_has_one_form(value: int) -> None:
    data = transaction.leb128(value)
    assert transaction.read_leb128(Reader(data)) == value
    with pytest.raises(ValueError):
        transaction.read_leb128(Reader(data[:-1] + bytes([data[-1] | 128, 0])))


# -- a whole chain --------------------------------------------------------------------------------------------


# SPEC LEDGER-8.4.1, LEDGER-9.4.1
@settings(max_examples=2, deadline=None)
@given(st.integers(0, 2**32))
def test_random_chains_balance(seed: int) -> None:
    chain = world.lively(seed)
    masks, supply, pending = equation.Masks(chain.id), equation.Supply(), dict[bytes, int]()
    for header, data in zip(chain.headers, chain.records, strict=True):
        record = Record.decode(data)
        assert record.encode() == data
        assert equation.holds(record, masks.of(record, header.prev_app_hash))
        supply.add(record)
        supply.pay(record, pending)
        assert supply.holds()
    assert supply.encode() == chain.state[9, b""]
    assert supply.outputs == chain.headers[-1].out_size
    for one, other in pairwise(chain.headers):
        old, new = one.out_size, other.out_size
        leaves = blocks.log_leaves(chain.entries)
        path = merkle.consistency_proof(leaves[:new], old)
        assert merkle.is_consistent(old, new, one.out_root, other.out_root, path)
    assert all(header.encode() == Header.decode(header.encode()).encode() for header in chain.headers)
    assert {len(header.encode()) for header in chain.headers} == {378}


def test_the_mask_of_start_outputs_counts_in_one_byte() -> None:
    """k is a number below 64 and stands in one byte, like class and kind."""
    assert outputs.mask_start(CHAIN, 1, 3) == h_scalar("gen/C", CHAIN, b"\x01", b"\x03")
    assert outputs.mask_start(CHAIN, 1, 3) != h_scalar("gen/C", CHAIN, b"\x01", u32(3))
