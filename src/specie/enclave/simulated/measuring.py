"""The measurement of a simulated enclave: a hash of the installed code, or of a release by name."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

_SUFFIXES = frozenset((".py", ".so", ".pyd", ".toml", ".sql"))


def measure_package(folder: Path) -> bytes:
    """SHA-256 over the code below a folder: of each file its path, its length and its bytes, in the order of the paths.

    Every edit gives another measurement, and what was sealed before then does not open any more.
    """
    summary = sha256(b"specie/simulated-enclave/package/1")
    files = [path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file()]
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in files):
        data = path.read_bytes()
        for part in (name.encode(), data):
            summary.update(len(part).to_bytes(8, "little"))
            summary.update(part)
    return summary.digest()


def measure_release(version: str) -> bytes:
    """A measurement that stays the same while code is edited: what `specie up` and the demo run with."""
    return sha256(b"specie/simulated-enclave/release/1" + version.encode()).digest()
