"""Keys are made once for all tests of the institution; each test gets its own chain and its own systems."""

from __future__ import annotations

import pytest

from ledger.institution.realm import Ring


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Ring:
    return Ring(tmp_path_factory.mktemp("keys"))
