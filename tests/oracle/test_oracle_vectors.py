"""Annex B byte for byte from the oracle alone, and the oracle against published or recomputed facts."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from oracle.issuance import cbor, cose, curve, log, merkle, note, objects, sumtree, units, vectors
from oracle.issuance.bad_cbor import REFUSED

FILE = Path(__file__).parents[1] / "vectors" / "issuance" / "vectors.json"
ANNEX_B = {
    "request": (211, "9fb5d71f673123e7ba6b908191a9dad8d15482d06d789c440ec37633b0a133a3"),
    "credential": (504, "e21e7e796c35fa54891815ea4fdb1a2de2846f4580eef4de88ad1a16349e6f2e"),
    "control_bit": (296, "c301d4db86abae27a8daa02ba226f9cbec34abc9301a40f3ded291add256469a"),
    "unit": (547, "aa7890be0eb1ec7e9647e4c7aa84c7a86aa3ed41dc06c7df4391e7efe5fed965"),
}
UNIT_ROOT = "0f8a992741516ea8417b9f14a2e8a30760f59eb51655e0db6763b54431c87539"


# SPEC ISSUANCE-21.1
def test_generator_gives_the_published_file() -> None:
    assert vectors.text() == FILE.read_text(encoding="utf-8")


# SPEC ISSUANCE-21.1, ISSUANCE-4.7.1
def test_annex_b_lengths_and_hashes() -> None:
    made = vectors.build()
    made["unit"] = made["units"][0]
    for name, (size, digest) in ANNEX_B.items():
        data = bytes.fromhex(made[name])
        assert (len(data), cose.sha256(data).hex()) == (size, digest), name
    assert made["unit_root"] == UNIT_ROOT


def test_annex_b_objects_verify_and_belong_together() -> None:
    made = json.loads(FILE.read_text(encoding="utf-8"))
    signers = {"request": "iss:bank-01", "credential": "cms", "control_bit": "qcs"}
    for name, signer in signers.items():
        cose.verify_sign1(bytes.fromhex(made[name]), cose.okp_key(vectors.public_of(signer)))
    bit = objects.parse(bytes.fromhex(made["control_bit"]), "dc-bit")
    all_units = [objects.parse(bytes.fromhex(u), "dc-unit") for u in made["units"]]
    assert [u.body[2] for u in all_units] == [10000, 2000, 2000, 1000]
    assert all(objects.is_unit_of(u, bit) for u in all_units)
    # ISSUANCE-20.10: one value, one index, one owner more or less, and it is not a unit of this bit
    for field, value in ((2, 10001), (3, b"mallory"), (5, 1), (1, "XTS"), (6, all_units[1].body[6])):
        spoilt = all_units[0]._replace(body={**all_units[0].body, field: value})
        assert not objects.is_unit_of(spoilt, bit), field


@pytest.mark.parametrize("at", range(0, 211, 7))
def test_a_flipped_bit_of_the_request_does_not_verify(at: int) -> None:
    data = bytearray.fromhex(vectors.build()["request"])
    data[at] ^= 1
    with pytest.raises(ValueError):
        cose.verify_sign1(bytes(data), cose.okp_key(vectors.public_of("iss:bank-01")))


# -- CBOR ---------------------------------------------------------------------------------------------------


# SPEC ISSUANCE-3.3.5
@pytest.mark.parametrize("data", REFUSED)
def test_decoder_refuses(data: str) -> None:
    error = {"MALFORMED": cbor.Malformed, "NON_CANONICAL": cbor.NonCanonical}[REFUSED[data]]
    with pytest.raises(error):
        cbor.decode(bytes.fromhex(data))


def test_decoder_bounds_are_where_the_chapter_puts_them() -> None:
    assert cbor.decode(bytes.fromhex("8181818181818180")) == [[[[[[[[]]]]]]]]
    with pytest.raises(cbor.TooLarge):
        cbor.decode(bytes(16385))


VALUES = st.recursive(
    st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-30, 300) | st.binary(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_cbor_agrees_with_cbor2(value: object) -> None:
    data = cbor.encode(value)
    assert cbor2.loads(data) == value
    try:
        assert cbor.decode(data) == value
    except cbor.Malformed as error:
        assert "deep" in str(error)


# SPEC ISSUANCE-3.3.6, ISSUANCE-21.7
@given(st.binary(max_size=60))
def test_what_decodes_encodes_to_itself(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except ValueError:
        return
    assert cbor.encode(value) == data


# -- COSE ---------------------------------------------------------------------------------------------------


def test_sealing_opens_for_its_recipient_and_nobody_else() -> None:
    secret, other = b"\x11" * 32, b"\x22" * 32
    public = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    for alg in (cose.A256GCM, cose.CHACHA20):
        sealed = cose.seal(b"inner", public, bytes(16), b"\x33" * 32, bytes(12), alg)
        assert cose.open_sealed(sealed, secret) == (b"inner", bytes(16))
        with pytest.raises(cose.UnsealFailed):
            cose.open_sealed(sealed, other)
        for at in range(len(sealed)):
            with pytest.raises(ValueError):
                cose.open_sealed(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], secret)


def test_kdf_context_bytes() -> None:
    """RFC 9053 section 5.2, written out by hand."""
    assert cose.kdf_context(3, cose.encode({1: -25})).hex() == "840383f6f6f683f6f6f68219010044a1013818"


def test_signatures_of_many() -> None:
    seeds = [vectors.seed_of("root-1"), vectors.seed_of("root-2")]
    keys = {cose.key_id(k): k for k in (cose.okp_key(vectors.public_of(f"root-{i}")) for i in (1, 2))}
    data = cose.sign("dc-keys", b"payload", seeds)
    message, good = cose.verify_sign(data, keys)
    assert (message.payload, good) == (b"payload", set(keys))
    with pytest.raises(cose.BadSignature):
        cose.verify_sign(data.replace(b"payload", b"qayload"), keys)


def test_es256_of_an_officers_token() -> None:
    key = ec.derive_private_key(12345, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    cose_key = cose.p256_key(numbers.x.to_bytes(32), numbers.y.to_bytes(32))
    kid = cose.key_id(cose_key)
    der = key.sign(cose.to_be_signed("dc-appr", kid, b"p", cose.ES256), ec.ECDSA(SHA256()))
    r, s = utils.decode_dss_signature(der)
    data = cose.assemble_sign1("dc-appr", kid, b"p", r.to_bytes(32) + s.to_bytes(32), cose.ES256)
    assert cose.verify_sign1(data, cose_key).payload == b"p"
    with pytest.raises(cose.BadSignature):
        cose.verify_sign1(data[:-1] + bytes([data[-1] ^ 1]), cose_key)


SMALL_ORDER = (0, 1, curve.P - 1)


# SPEC ISSUANCE-3.4.1
def test_weak_public_keys_are_refused() -> None:
    for y in (*SMALL_ORDER, curve.P, curve.P + 1):
        with pytest.raises(ValueError):
            curve.check_public(y.to_bytes(32, "little"))
    eight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
    point = curve.decode_point(bytes.fromhex(eight))
    assert curve.is_small_order(point)
    assert curve.add(point, point) != curve.NEUTRAL
    with pytest.raises(ValueError):
        curve.check_public(bytes.fromhex(eight))
    curve.check_public(vectors.public_of("cms"))


# SPEC ISSUANCE-3.4.2
def test_unreduced_s_is_refused() -> None:
    data = bytes.fromhex(vectors.build()["request"])
    s = int.from_bytes(data[-32:], "little") + curve.L
    assert s < 2**256
    with pytest.raises(cose.BadSignature):
        cose.verify_sign1(data[:-32] + s.to_bytes(32, "little"), cose.okp_key(vectors.public_of("iss:bank-01")))


# -- trees, log, notes --------------------------------------------------------------------------------------

# The tree of RFC 6962's reference implementation: roots over these eight entries are published test data.
CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def test_merkle_roots_of_certificate_transparency() -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in CT_LEAVES]
    for n, root in CT_ROOTS.items():
        assert merkle.root(leaves[:n]).hex() == root


@pytest.mark.parametrize("n", range(1, 18))
def test_merkle_proofs_hold_at_every_size(n: int) -> None:
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(n)]
    root = merkle.root(leaves)
    for i in range(n):
        path = merkle.inclusion_proof(leaves, i)
        assert merkle.root_from_path(leaves[i], i, n, path) == root
        for wrong in ([*path, root], path[:-1]):
            if wrong != path:
                with pytest.raises(ValueError):
                    merkle.root_from_path(leaves[i], i, n, wrong)
    for m in range(1, n + 1):
        proof, old = merkle.consistency_proof(leaves, m), merkle.root(leaves[:m])
        assert merkle.is_consistent(m, n, old, root, proof)
        assert not merkle.is_consistent(m, n, bytes(32), root, proof)
        assert not merkle.is_consistent(m, n, old, root, [*proof, bytes(32)])


@pytest.mark.parametrize("n", range(1, 12))
def test_sum_tree_proofs_hold_and_bind_the_amount(n: int) -> None:
    leaves = [sumtree.leaf(10 + i, bytes([i])) for i in range(n)]
    root = sumtree.root(leaves)
    assert root[0] == sum(10 + i for i in range(n))
    for i in range(n):
        path = sumtree.proof(leaves, i)
        assert sumtree.root_from_proof(leaves[i], i, n, path) == root
        assert sumtree.root_from_proof((leaves[i][0] + 1, leaves[i][1]), i, n, path) != root
    assert sumtree.statement_root(root, sumtree.EMPTY) != sumtree.statement_root(sumtree.EMPTY, root)


def test_negative_amounts_have_no_leaf() -> None:
    with pytest.raises(OverflowError):
        sumtree.leaf(-1, b"")


def test_log_chain_and_tree_over_three_leaves() -> None:
    bodies = [log.body(i, 1000, "use", bytes([i]) * 32) for i in (1, 2, 3)]
    assert bodies[0].hex().startswith("a60101021903e803637573650458200101")
    leaves = [cose.sha256(b"\x00" + b) for b in bodies]
    one = cose.sha256(b"\x02" + bytes(32) + leaves[0])
    two = cose.sha256(b"\x02" + one + leaves[1])
    assert log.chain(bodies)[:2] == [one, two]
    pair = cose.sha256(b"\x01" + leaves[0] + leaves[1])
    assert log.root(bodies) == cose.sha256(b"\x01" + pair + leaves[2])


def test_checkpoint_note_is_signed_by_its_keys_only() -> None:
    name, seed = note.origin("dev", "qc"), vectors.seed_of("log")
    text = note.checkpoint_text(name, 7, bytes(32))
    signed = text + "\n" + note.signature_line(text, name, seed)
    signed += note.cosignature_line(text, "w1", vectors.seed_of("w"), 1_790_000_000)
    assert note.parse_checkpoint(note.parse(signed)[0]) == note.Checkpoint(name, 7, bytes(32), ())
    assert note.is_signed(signed, name, vectors.public_of("log"))
    assert note.is_signed(signed, "w1", vectors.public_of("w"))
    assert not note.is_signed(signed, name, vectors.public_of("w"))
    assert not note.is_signed(signed.replace("\n7\n", "\n8\n"), name, vectors.public_of("log"))


def test_c2sp_example_note() -> None:
    """The signed note in the documentation of golang.org/x/mod/sumdb/note (PeterNeumann)."""
    signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n\n"
        f"\u2014 PeterNeumann {signature}\n"
    )
    key = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    raw = base64.b64decode(key)
    assert note.is_signed(text, "PeterNeumann", raw[1:])
    assert not note.is_signed(text.replace("answer", "cause"), "PeterNeumann", raw[1:])


# -- units and schemas --------------------------------------------------------------------------------


def test_account_model_is_one_leaf() -> None:
    root = units.root(bytes(16), "XTS", b"bank-1/7", units.values(500, None))
    assert root == units.leaf(bytes(16), "XTS", 500, b"bank-1/7", 0)


SPOIL: list[Callable[[dict], object]] = [
    lambda body: body.pop(6),
    lambda body: body.update({10: 1}),
    lambda body: body.update({1: "xts"}),
    lambda body: body.update({2: 0}),
    lambda body: body.update({2: 2**62}),
    lambda body: body.update({3: 2}),
    lambda body: body.update({3: True}),
    lambda body: body.update({4: b""}),
    lambda body: body.update({5: []}),
    lambda body: body.update({5: [[1, 1001]]}),
    lambda body: body.update({6: "x" * 65}),
]


@pytest.mark.parametrize("spoil", SPOIL)
def test_schema_of_a_request(spoil: Callable[[dict], object]) -> None:
    body = {1: "XTS", 2: 100, 3: 0, 4: b"o", 5: [[100, 1]], 6: "p"}
    seed = vectors.seed_of("iss:bank-01")
    objects.parse(cose.sign1("dc-req", objects.payload("is", 1, bytes(16), body), seed))
    spoil(body)
    with pytest.raises(objects.SchemaError):
        objects.parse(cose.sign1("dc-req", objects.payload("is", 1, bytes(16), body), seed))
