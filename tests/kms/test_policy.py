"""What a key signs: each payload is parsed, each request id stands for one payload."""

from pathlib import Path

import pytest

from kms.places import PAYLOAD, make_store, req_id, run, to_be_signed
from specie.crypto import cose, ed25519, note
from specie.kernel import codec
from specie.kms.errors import PolicyDenied, ReqIdReused, WrongUse
from specie.kms.keystore import FileKeystore
from specie.kms.keystore.requests import RequestMemory
from specie.kms.messages import KeyUri, PayloadKind

ORIGIN = "specie/test/qc"
ROOT = bytes(32)


@pytest.fixture
def store(tmp_path: Path) -> FileKeystore:
    made = make_store(tmp_path / "keys")
    made.create("qc:bit", "ed25519", ["dc-bit", "dc-policy"])
    made.create("log:qc", "ed25519", [f"note:{ORIGIN}"])
    made.create("witness", "ed25519", [f"cosign:{ORIGIN}"])
    made.create("anything", "ed25519", ["raw"])
    made.create("officer", "es256", ["dc-appr", f"note:{ORIGIN}"])
    return made


def sign(store: FileKeystore, name: str, kind: PayloadKind, payload: bytes, number: int = 1) -> bytes:
    return run(store.sign(store.uri(name), kind, payload, req_id(number)))


def public(store: FileKeystore, name: str) -> bytes:
    return run(store.public_key(store.uri(name))).bytes


# SPEC KMS-6.11
def test_objects_of_a_named_type_are_signed(store: FileKeystore) -> None:
    uri = store.uri("qc:bit")
    kid = cose.key_id(public(store, "qc:bit"))
    one = to_be_signed(store, uri, "dc-bit")
    ed25519.verify(public(store, "qc:bit"), one, sign(store, "qc:bit", "cose", one))
    many = cose.to_be_signed_by_many("dc-policy", kid, PAYLOAD)
    ed25519.verify(public(store, "qc:bit"), many, sign(store, "qc:bit", "cose", many, 2))


def spoiled(store: FileKeystore, uri: KeyUri) -> dict[str, bytes]:
    kid = cose.key_id(run(store.public_key(uri)).bytes)
    good = to_be_signed(store, uri, "dc-bit")
    return {
        "another type": to_be_signed(store, uri, "dc-unit"),
        "longer type": to_be_signed(store, uri, "dc-bits"),
        "another key": cose.to_be_signed("dc-bit", bytes(16), PAYLOAD),
        "another algorithm": cose.to_be_signed("dc-bit", kid, PAYLOAD, cose.ES256),
        "type and domain differ": good.replace(b"dc/1/dc-bit", b"dc/1/dc-bat"),
        "header and domain differ": good.replace(b"\x66dc-bit", b"\x66dc-bat"),
        "trailing byte": good + b"\0",
        "cut short": good[:-1],
        "payload is no cbor": to_be_signed(store, uri, "dc-bit", b"\xff"),
        "payload not shortest": to_be_signed(store, uri, "dc-bit", b"\x18\x01"),
        "nothing": b"",
        "a hash": bytes(32),
        "an array": codec.encode(["Signature1", b"", b"dc/1/dc-bit", PAYLOAD]),
    }


# SPEC KMS-6.11
def test_other_payloads_are_refused(store: FileKeystore) -> None:
    for name, payload in spoiled(store, store.uri("qc:bit")).items():
        with pytest.raises(PolicyDenied):
            pytest.fail(f"{name} was signed: {sign(store, 'qc:bit', 'cose', payload).hex()}")


# SPEC KMS-6.11
@pytest.mark.parametrize("kind", ["ledger-op", "channel", "ring", "raw", "note", "other"])
def test_kinds_that_the_policy_does_not_name_are_refused(store: FileKeystore, kind: PayloadKind) -> None:
    with pytest.raises(PolicyDenied):
        sign(store, "qc:bit", kind, bytes(32))


# SPEC KMS-6.11
def test_a_checkpoint_of_the_named_log_is_signed(store: FileKeystore) -> None:
    text = note.format_checkpoint(ORIGIN, 5, ROOT)
    signature = sign(store, "log:qc", "note", text.encode())
    key = public(store, "log:qc")
    note.verify(note.Note(text, (note.make_signature(ORIGIN, key, signature),)), ORIGIN, key)
    seen = note.to_be_cosigned(text, 1_790_000_000)
    cosigned = note.make_cosignature("w", public(store, "witness"), 1_790_000_000, sign(store, "witness", "note", seen))
    signed = note.Note(text, (cosigned,))
    assert note.verify_cosignature(signed, "w", public(store, "witness")) == 1_790_000_000


# SPEC KMS-6.11
def test_other_notes_are_refused(store: FileKeystore) -> None:
    text = note.format_checkpoint(ORIGIN, 5, ROOT)
    seen = note.to_be_cosigned(text, 5)
    for name, payload in (
        ("log:qc", note.format_checkpoint("specie/test/cm", 5, ROOT).encode()),
        ("log:qc", b"any text\n"),
        ("log:qc", text.encode() + b"\xff"),
        ("log:qc", seen),
        ("witness", text.encode()),
        ("witness", seen.replace(b"time 5", b"time 05")),
        ("witness", note.to_be_cosigned(note.format_checkpoint("specie/test/cm", 5, ROOT), 5)),
    ):
        with pytest.raises(PolicyDenied):
            sign(store, name, "note", payload)
    with pytest.raises(WrongUse):
        sign(store, "officer", "note", text.encode())


def test_raw_payloads_have_32_bytes(store: FileKeystore) -> None:
    ed25519.verify(public(store, "anything"), bytes(32), sign(store, "anything", "raw", bytes(32)))
    with pytest.raises(PolicyDenied):
        sign(store, "anything", "raw", bytes(33))


# SPEC KMS-6.12
def test_a_request_id_stands_for_one_payload(store: FileKeystore) -> None:
    uri = store.uri("qc:bit")
    one, two = to_be_signed(store, uri, "dc-bit"), to_be_signed(store, uri, "dc-bit", b"\x01")
    first = sign(store, "qc:bit", "cose", one, 7)
    assert sign(store, "qc:bit", "cose", one, 7) == first
    with pytest.raises(ReqIdReused):
        sign(store, "qc:bit", "cose", two, 7)
    with pytest.raises(ReqIdReused):
        run(store.sign_many(uri, [("cose", one, req_id(8)), ("cose", two, req_id(8))]))
    assert len(run(store.sign_many(uri, [("cose", one, req_id(9)), ("cose", one, req_id(9))]))) == 2


# SPEC KMS-6.12
def test_all_or_none_of_a_batch(store: FileKeystore) -> None:
    uri = store.uri("qc:bit")
    good, bad = to_be_signed(store, uri, "dc-bit"), to_be_signed(store, uri, "dc-unit")
    with pytest.raises(PolicyDenied) as refused:
        run(store.sign_many(uri, [("cose", good, req_id(1)), ("cose", bad, req_id(2))]))
    assert refused.value.facts == {"index": 1}
    sign(store, "qc:bit", "cose", to_be_signed(store, uri, "dc-bit", b"\x05"), 1)
    assert run(store.sign_many(uri, [])) == []


def test_a_request_id_has_16_bytes(store: FileKeystore) -> None:
    payload = to_be_signed(store, store.uri("qc:bit"), "dc-bit")
    with pytest.raises(PolicyDenied):
        run(store.sign(store.uri("qc:bit"), "cose", payload, bytes(15)))


def test_the_oldest_request_ids_are_forgotten() -> None:
    memory = RequestMemory(remembered_max=3)
    for number in range(5):
        memory.admit([("raw", bytes([number]), req_id(number))])
    memory.admit([("raw", b"another", req_id(0))])
    with pytest.raises(ReqIdReused):
        memory.admit([("raw", b"another", req_id(4))])


# SPEC KMS-6.12
def test_the_kind_belongs_to_the_payload() -> None:
    memory = RequestMemory()
    memory.admit([("raw", b"x", req_id(1))])
    with pytest.raises(ReqIdReused):
        memory.admit([("note", b"x", req_id(1))])
