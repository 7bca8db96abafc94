"""The Rust core, checked once at import to be the one of these sources.

The other files of this room take its functions from here and nowhere else. Inside a checkout an extension
that was built from other sources raises StaleExtension; an installed package has no sources beside it and is
trusted.
"""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from specie import _core
from specie.crypto.errors import (
    OpenFailed,
    OutOfTree,
    StaleExtension,
    UnitsOutOfRange,
    WeakKey,
    WrongHeader,
    WrongLength,
)
from specie.kernel.codec import Malformed, NonCanonical, TooLarge
from specie.kernel.errors import Refused

__all__ = ["STATUS_OK", "_core", "refusal_of", "sha256_many", "source_digest"]

STATUS_OK = 0

# The statuses of an item in a batch, in the numbers of rust/py/src/errors.rs.
_REFUSALS: dict[int, type[Refused]] = {
    1: Malformed,
    2: NonCanonical,
    3: TooLarge,
    4: WrongHeader,
    5: OpenFailed,
    6: WrongLength,
    7: WeakKey,
    8: UnitsOutOfRange,
    9: OutOfTree,
}

# What rust/py/build.rs reads.
_FOLDERS = ("rust/core/src", "rust/py/src")
_FILES = ("Cargo.toml", "rust/core/Cargo.toml", "rust/py/Cargo.toml", "rust/py/build.rs")


def refusal_of(status: int, detail: str = "") -> Refused:
    """The refusal behind the status of an item in a batch."""
    return _REFUSALS[status](detail)


def sha256_many(messages: list[bytes]) -> list[bytes]:
    """SHA-256 of each message, on all cores where that pays."""
    return _core.sha256_many(messages)


def _sources(root: Path) -> list[Path]:
    found = [root / name for name in _FILES]
    for folder in _FOLDERS:
        found.extend((root / folder).rglob("*.rs"))
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def source_digest(root: Path, sources: Iterable[Path]) -> str:
    """The digest that rust/py/build.rs makes: over name, length and content of each source."""
    digest = sha256()
    for path in sources:
        content = path.read_bytes()
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


def check_fresh(root: Path, extension: Path, built_from: str) -> None:
    """Refuse an extension that was built from other sources than those under `root`.

    Sources that are all older than the extension are not read: the import stays cheap.

    Raises StaleExtension.
    """
    if not (root / "rust/py/build.rs").is_file():
        return
    sources = _sources(root)
    built_at_ns = extension.stat().st_mtime_ns
    if all(path.stat().st_mtime_ns <= built_at_ns for path in sources):
        return
    if source_digest(root, sources) != built_from:
        raise StaleExtension


check_fresh(Path(__file__).parents[3], Path(str(_core.__file__)), _core.source_digest())
