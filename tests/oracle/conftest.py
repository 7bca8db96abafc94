"""The stand-alone verifier, ready to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.issuance.verifier import Verifier, show_packages


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the verifier's process may import beside the standard library."""
    folder = tmp_path_factory.mktemp("packages")
    show_packages(folder)
    return folder


@pytest.fixture
def verify(packages: Path, tmp_path: Path) -> Verifier:
    return Verifier(packages, tmp_path)
