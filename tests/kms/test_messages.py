"""Key URIs and the faces of the room."""

import pytest

from specie.kms.api import Keys
from specie.kms.errors import BadUri
from specie.kms.keystore import FileKeystore
from specie.kms.messages import KeyUri


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("kms://local/qc:bit", KeyUri("kms", "qc:bit", "local")),
        ("kms://0123456789abcdef/k-1.a_b", KeyUri("kms", "k-1.a_b", "0123456789abcdef")),
        ("kms://local/qc:bit?version=12", KeyUri("kms", "qc:bit", "local", 12)),
        ("file:keys/qc bit.key", KeyUri("file", "keys/qc bit.key")),
        ("seal:cm:kem", KeyUri("seal", "cm:kem")),
    ],
)
def test_a_uri_comes_back(text: str, uri: KeyUri) -> None:
    assert KeyUri.parse(text) == uri
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "qc:bit",
        "kms:local/qc",
        "kms://local",
        "kms://local/",
        "kms://local/../etc",
        "kms://local/.hidden",
        "kms://local/a/b",
        "kms://Local/qc",
        "kms://local/QC",
        "kms://local/qc?version=0",
        "kms://local/qc?version=",
        "kms://local/qc?other=1",
        "kms://local/qc\n",
        f"kms://local/{'a' * 65}",
        "file:",
        "file:a\0b",
        "seal:",
        "seal:a/b",
        "https://local/qc",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(BadUri):
        KeyUri.parse(text)


def test_the_key_store_implements_keys() -> None:
    assert issubclass(FileKeystore, Keys)
