"""The extension is the one of these sources; batches of hashes; refusals by name."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from specie.crypto import core
from specie.crypto.core import check_fresh, refusal_of, sha256_many
from specie.crypto.errors import StaleExtension, WrongHeader

SOURCES = [
    "Cargo.toml",
    "rust/core/Cargo.toml",
    "rust/py/Cargo.toml",
    "rust/py/build.rs",
    "rust/core/src/lib.rs",
]
BUILT_NS = 10**18


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout whose sources are older than its extension."""
    for name in [*SOURCES, "extension.so"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, ns=(BUILT_NS, BUILT_NS))
    return tmp_path


def test_this_extension_is_fresh() -> None:
    root = Path(__file__).parents[2]
    assert core.source_digest(root, core._sources(root)) == core._core.source_digest()


def test_older_sources_are_not_read(checkout: Path) -> None:
    check_fresh(checkout, checkout / "extension.so", "any digest")


def test_a_changed_source_is_stale(checkout: Path) -> None:
    built_from = core.source_digest(checkout, core._sources(checkout))
    (checkout / SOURCES[-1]).write_text("changed")
    with pytest.raises(StaleExtension, match="make setup"):
        check_fresh(checkout, checkout / "extension.so", built_from)


def test_a_touched_source_is_not_stale(checkout: Path) -> None:
    built_from = core.source_digest(checkout, core._sources(checkout))
    (checkout / SOURCES[-1]).touch()
    check_fresh(checkout, checkout / "extension.so", built_from)


def test_an_installed_package_has_no_sources(tmp_path: Path) -> None:
    check_fresh(tmp_path, tmp_path / "extension.so", "any digest")


def test_hashes_of_many_messages() -> None:
    messages = [bytes([i % 256]) * i for i in range(500)]
    assert sha256_many(messages) == [sha256(message).digest() for message in messages]
    assert sha256_many([]) == []


def test_a_status_becomes_its_refusal() -> None:
    assert isinstance(refusal_of(4, "why"), WrongHeader)
    assert refusal_of(4, "why").detail == "why"
