"""Published test vectors: kept beside the project, not in it.

They are looked for in $SPECIE_VECTORS, else in ../shared/vectors. A test that needs absent ones is skipped.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def vectors_folder() -> Path:
    """Where the published vectors are, or would be."""
    return Path(os.environ.get("SPECIE_VECTORS", ROOT.parent / "shared" / "vectors"))


def published(name: str) -> Path:
    """The path of a published file; skips the test if it is not on this machine."""
    path = vectors_folder() / name
    if not path.is_file():
        pytest.skip(f"published vectors {name} are not on this machine (set SPECIE_VECTORS)")
    return path


def published_json(name: str) -> Any:
    """The content of a published JSON file; skips the test if it is not on this machine."""
    return json.loads(published(name).read_text())


def wycheproof(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(group, case) of every case of a Wycheproof file."""
    groups = published_json(f"ledger/wycheproof/{name}")["testGroups"]
    return [(group, case) for group in groups for case in group["tests"]]
