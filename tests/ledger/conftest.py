"""Keys are made once for all tests that want issuance and the ledger as one; each test gets its own chain."""

from __future__ import annotations

import pytest

from ledger.institution.realm import Ring


@pytest.fixture(scope="session")
def realm_ring(tmp_path_factory: pytest.TempPathFactory) -> Ring:
    return Ring(tmp_path_factory.mktemp("keys"))
