"""Key files: what they keep, and every refusal of a file that is not as it should be."""

import os
import stat
from pathlib import Path

import pytest

from kms.places import PASSPHRASE, make_store, req_id, run, to_be_signed
from specie.crypto import ed25519, es256
from specie.crypto.errors import OpenFailed
from specie.crypto.secret import Secret
from specie.kernel import codec
from specie.kernel.clock import SeededRandomness
from specie.kms.errors import AlreadyExists, BadUri, NotFound, Permissions, Unreadable, WrongUse
from specie.kms.keystore import FileKeystore
from specie.kms.messages import KeyUri, PayloadKind, PublicKey

Items = list[tuple[PayloadKind, bytes, bytes]]

SEED = b"this is a seed of thirty-two by."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(folder: Path) -> FileKeystore:
    made = make_store(folder)
    made.add("qc:bit", "ed25519", ["dc-bit", "dc-tomb"], Secret(SEED))
    return made


def test_a_key_is_there_after_a_restart(store: FileKeystore, folder: Path) -> None:
    public = ed25519.SigningKey.from_seed(SEED).public()
    for one in (store, make_store(folder)):
        assert run(one.public_key(one.uri("qc:bit"))) == PublicKey(public, "ed25519", "file", "software")
    assert store.key_ids() == ["qc:bit"]


@pytest.mark.parametrize("inline", [False, True])
def test_signatures_verify(folder: Path, inline: bool) -> None:
    store = make_store(folder, inline=inline)
    for key_id, algorithm, verify in (("a", "ed25519", ed25519.verify), ("b", "es256", es256.verify)):
        public = store.create(key_id, algorithm, ["dc-appr"])
        uri = store.uri(key_id)
        messages = [to_be_signed(store, uri, "dc-appr", codec.encode(index)) for index in range(70)]
        items: Items = [("cose", message, req_id(index)) for index, message in enumerate(messages)]
        for message, signature in zip(messages, run(store.sign_many(uri, items)), strict=True):
            verify(public.bytes, message, signature)
        assert run(store.sign(uri, "cose", messages[0], req_id(0))) == run(store.sign_many(uri, items))[0]


def test_a_file_uri_names_the_same_key(store: FileKeystore, folder: Path) -> None:
    by_path = KeyUri.file(folder / "qc:bit.key")
    assert run(store.public_key(by_path)) == run(store.public_key(store.uri("qc:bit")))


def test_sealing(store: FileKeystore) -> None:
    store.create("db", "aead", [])
    uri = store.uri("db")
    sealed = run(store.seal(uri, b"secret", b"row 1"))
    assert sealed != run(store.seal(uri, b"secret", b"row 1"))
    assert run(store.open(uri, sealed, b"row 1")) == b"secret"
    for data, aad in ((sealed, b"row 2"), (sealed[:-1], b"row 1"), (sealed[:5], b"row 1"), (b"", b"row 1")):
        with pytest.raises(OpenFailed):
            run(store.open(uri, data, aad))


def test_key_agreement(store: FileKeystore) -> None:
    public = store.create("qc:kem", "x25519", [])
    assert run(store.agreement_key(store.uri("qc:kem"))).public() == public.bytes
    with pytest.raises(WrongUse):
        run(store.agreement_key(store.uri("qc:bit")))


def test_a_key_has_one_use(store: FileKeystore) -> None:
    store.create("db", "aead", [])
    with pytest.raises(WrongUse):
        run(store.sign(store.uri("db"), "cose", b"", req_id(1)))
    with pytest.raises(WrongUse):
        run(store.seal(store.uri("qc:bit"), b"", b""))
    with pytest.raises(WrongUse):
        run(store.open(store.uri("qc:bit"), b"", b""))


# SPEC ISSUANCE-2.3.1
def test_a_file_is_private_and_shows_no_secret(store: FileKeystore, folder: Path) -> None:
    path = folder / "qc:bit.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert SEED not in path.read_bytes()
    assert PASSPHRASE not in path.read_bytes()
    assert [entry.name for entry in folder.iterdir()] == ["qc:bit.key"]


# SPEC ISSUANCE-2.3.1
def test_two_files_of_one_secret_have_nothing_in_common(folder: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        make_store(folder).add(name, "ed25519", [], Secret(SEED), SeededRandomness(seed))
    one, two = (codec.decode((folder / f"{name}.key").read_bytes(), bytes_max=9999) for name in "ab")
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert all(one[field] != two[field] for field in (7, 8, 9))


# SPEC ISSUANCE-2.3.2
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])
def test_a_file_open_to_others_is_refused(store: FileKeystore, folder: Path, mode: int) -> None:
    (folder / "qc:bit.key").chmod(mode)
    with pytest.raises(Permissions, match="0600"):
        store.check()
    with pytest.raises(Permissions):
        run(make_store(folder).public_key(store.uri("qc:bit")))


# SPEC ISSUANCE-2.3.2
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_open_to_others_is_refused(store: FileKeystore, folder: Path, mode: int) -> None:
    folder.chmod(mode)
    with pytest.raises(Permissions):
        store.check()
    with pytest.raises(Permissions):
        run(store.public_key(store.uri("qc:bit")))
    with pytest.raises(Permissions):
        store.create("another", "ed25519", [])


def test_a_tidy_store_passes_its_check(store: FileKeystore) -> None:
    store.check()


def test_a_symbolic_link_is_refused(store: FileKeystore, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.key"
    (folder / "qc:bit.key").rename(elsewhere)
    (folder / "qc:bit.key").symlink_to(elsewhere)
    with pytest.raises(Permissions):
        store.check()
    with pytest.raises(Permissions):
        run(store.public_key(store.uri("qc:bit")))


def test_what_is_no_plain_file_is_refused(store: FileKeystore, folder: Path) -> None:
    (folder / "folder.key").mkdir(mode=0o700)
    os.mkfifo(folder / "pipe.key", 0o600)
    for name in ("folder", "pipe"):
        with pytest.raises(Permissions):
            run(store.public_key(store.uri(name)))


def test_a_wrong_passphrase_is_refused(store: FileKeystore, folder: Path) -> None:
    with pytest.raises(Unreadable, match="wrong passphrase"):
        run(make_store(folder, b"another").public_key(store.uri("qc:bit")))


def test_every_changed_byte_is_refused(store: FileKeystore, folder: Path) -> None:
    path = folder / "qc:bit.key"
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(Unreadable):
            run(make_store(folder).public_key(store.uri("qc:bit")))


@pytest.mark.parametrize("data", [b"", b"not a key", b"\xa0", bytes(20_000)])
def test_another_file_is_refused(store: FileKeystore, folder: Path, data: bytes) -> None:
    (folder / "qc:bit.key").write_bytes(data)
    with pytest.raises(Unreadable):
        run(store.public_key(store.uri("qc:bit")))


def test_a_file_under_another_name_is_refused(store: FileKeystore, folder: Path) -> None:
    (folder / "qc:bit.key").rename(folder / "is:unit.key")
    with pytest.raises(Unreadable):
        run(store.public_key(store.uri("is:unit")))


def test_a_wider_policy_needs_the_passphrase(store: FileKeystore, folder: Path) -> None:
    path = folder / "qc:bit.key"
    fields = codec.decode(path.read_bytes(), bytes_max=9999)
    assert isinstance(fields, dict)
    path.write_bytes(codec.encode(fields | {4: ["dc-bit", "dc-tomb", "raw"]}))
    with pytest.raises(Unreadable):
        run(store.public_key(store.uri("qc:bit")))


def test_a_file_cannot_ask_for_all_memory(store: FileKeystore, folder: Path) -> None:
    path = folder / "qc:bit.key"
    fields = codec.decode(path.read_bytes(), bytes_max=9999)
    assert isinstance(fields, dict)
    for parameters in ([21, 8, 1], [60, 8, 1], [15, 1 << 20, 1], [15, 8, 1 << 20], [0, 8, 1]):
        path.write_bytes(codec.encode(fields | {6: parameters}))
        with pytest.raises(Unreadable, match="format"):
            run(store.public_key(store.uri("qc:bit")))


def test_a_key_is_never_replaced(store: FileKeystore, folder: Path) -> None:
    before = (folder / "qc:bit.key").read_bytes()
    with pytest.raises(AlreadyExists):
        store.create("qc:bit", "ed25519", [])
    assert (folder / "qc:bit.key").read_bytes() == before
    assert [entry.name for entry in folder.iterdir()] == ["qc:bit.key"]


@pytest.mark.parametrize(
    ("uri", "refusal"),
    [
        ("kms://local/other", NotFound),
        ("kms://0123456789abcdef/qc:bit", NotFound),
        ("kms://local/qc:bit?version=2", NotFound),
        ("file:/nowhere/at/all.key", NotFound),
        ("seal:qc:bit", BadUri),
    ],
)
def test_keys_that_are_not_here(store: FileKeystore, uri: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        run(store.public_key(KeyUri.parse(uri)))


def test_the_first_version_is_the_only_one(store: FileKeystore) -> None:
    uri = KeyUri.parse("kms://local/qc:bit?version=1")
    assert run(store.public_key(uri)) == run(store.public_key(store.uri("qc:bit")))


def test_arguments_are_checked(store: FileKeystore, folder: Path) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        store.create("a", "rsa", [])
    with pytest.raises(ValueError, match="kind"):
        store.create("a", "ed25519", ["no such kind"])
    with pytest.raises(BadUri):
        store.create("../a", "ed25519", [])
    with pytest.raises(Unreadable):
        store.add("a", "ed25519", [], Secret(b"short"))
    with pytest.raises(ValueError, match="scrypt_n"):
        FileKeystore(folder, Secret(b""), scrypt_n=3).create("a", "ed25519", [])
    assert store.key_ids() == ["qc:bit"]


def test_a_store_without_folder_is_not_found(tmp_path: Path) -> None:
    store = make_store(tmp_path / "absent")
    assert store.key_ids() == []
    with pytest.raises(NotFound):
        store.check()
    with pytest.raises(NotFound):
        run(store.public_key(store.uri("a")))
