"""Signed notes, checkpoints and cosignatures."""

from base64 import b64decode, b64encode

import pytest

from specie.crypto import ed25519, note
from specie.crypto.errors import NoteMalformed, SignatureInvalid
from specie.kernel.clock import SeededRandomness

ORIGIN = "specie/test/qc"
ROOT = bytes(range(32))
LOG = ed25519.generate_key(SeededRandomness(1))
WITNESS = ed25519.generate_key(SeededRandomness(2))


def make_note() -> note.Note:
    text = note.format_checkpoint(ORIGIN, 7, ROOT)
    return note.Note(
        text,
        (
            note.make_signature(ORIGIN, LOG.public(), LOG.sign(text.encode())),
            note.make_cosignature(
                "witness",
                WITNESS.public(),
                1_790_000_000,
                WITNESS.sign(note.to_be_cosigned(text, 1_790_000_000)),
            ),
        ),
    )


# The verifier key and the note printed in C2SP signed-note.
EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6R"
    "yyBwJnAM=\n"
)


def test_the_example_of_the_specification() -> None:
    name, key_hash, encoded = EXAMPLE_KEY.split("+")
    algorithm, public = b64decode(encoded)[0], b64decode(encoded)[1:]
    assert algorithm == note.ALGORITHM_ED25519
    assert note.key_hash(name, public).hex() == key_hash
    parsed = note.parse(EXAMPLE)
    note.verify(parsed, name, public)
    assert parsed.encode() == EXAMPLE


# SPEC ISSUANCE-15.2.1
def test_a_checkpoint_comes_back() -> None:
    parsed = note.parse(make_note().encode())
    assert parsed == make_note()
    assert note.parse_checkpoint(parsed.text) == note.Checkpoint(ORIGIN, 7, ROOT)
    note.verify(parsed, ORIGIN, LOG.public())
    assert note.verify_cosignature(parsed, "witness", WITNESS.public()) == 1_790_000_000


def test_extension_lines_are_kept() -> None:
    text = note.format_checkpoint(ORIGIN, 0, ROOT, ("one", "two"))
    assert note.parse_checkpoint(text).extensions == ("one", "two")


def test_signatures_by_others_prove_nothing() -> None:
    made = make_note()
    other = ed25519.generate_key(SeededRandomness(3))
    for verify in (note.verify, note.verify_cosignature):
        for name, public in ((ORIGIN, other.public()), ("other", LOG.public()), ("witness", LOG.public())):
            with pytest.raises(SignatureInvalid):
                verify(made, name, public)
    with pytest.raises(SignatureInvalid):
        note.verify(note.Note(made.text.replace("7", "8"), made.signatures), ORIGIN, LOG.public())
    with pytest.raises(SignatureInvalid):
        note.verify_cosignature(note.Note(made.text.replace("7", "8"), made.signatures), "witness", WITNESS.public())


DIGEST = b64encode(ROOT).decode()

BAD_TEXTS = [
    "",
    "\n",
    f"{ORIGIN}\n7\n{DIGEST}",
    f"{ORIGIN}\n7\n",
    f"\n7\n{DIGEST}\n",
    f"{ORIGIN}\n07\n{DIGEST}\n",
    f"{ORIGIN}\n-7\n{DIGEST}\n",
    f"{ORIGIN}\n\u0667\n{DIGEST}\n",
    f"{ORIGIN}\n{'9' * 5000}\n{DIGEST}\n",
    f"{ORIGIN}\n{1 << 63}\n{DIGEST}\n",
    f"{ORIGIN}\n7\n{DIGEST[:-4]}\n",
    f"{ORIGIN}\n7\n{DIGEST}=\n",
    f"{ORIGIN}\n7\n{DIGEST}\n\n",
    f"{ORIGIN}\r\n7\n{DIGEST}\n",
    f"{ORIGIN}\ud800\n7\n{DIGEST}\n",
]


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_other_texts_are_no_checkpoint(text: str) -> None:
    with pytest.raises(NoteMalformed):
        note.parse_checkpoint(text)


BLOB = b64encode(bytes(68)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "text\n",
        "text\n\n",
        f"text\n\n- name {BLOB}\n",
        f"text\n\n\u2014 name {BLOB}",
        f"text\n\n\u2014 name  {BLOB}\n",
        f"text\n\n\u2014 na+me {BLOB}\n",
        f"text\n\n\u2014 {BLOB}\n",
        "text\n\n\u2014 name AAAA\n",
        f"text\n\n\u2014 name {BLOB[:-1]}\n",
        "text\n\n" + f"\u2014 name {BLOB}\n" * 65,
        "a" * 70_000,
    ],
)
def test_other_texts_are_no_note(text: str) -> None:
    with pytest.raises(NoteMalformed):
        note.parse(text)


def test_a_line_for_a_bad_name_is_not_made() -> None:
    for name in ("", "two words", "a+b"):
        with pytest.raises(NoteMalformed):
            note.make_signature(name, LOG.public(), bytes(64))
