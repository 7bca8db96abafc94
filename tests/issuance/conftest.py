"""Keys are made once for all tests of this room; each test gets its own house."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest

from specie.kernel.clock import SeededRandomness
from tests.issuance.forge import adversary_ring
from tests.issuance.house import House, KeyRing, make_house
from tests.issuance.registry import BankBooks, LedgerBooks, connected_house


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    """Every key of the world, and some of people who should not have one."""
    folder: Path = tmp_path_factory.mktemp("keys")
    folder.chmod(0o700)
    return adversary_ring(KeyRing(folder))


@pytest.fixture
def connected(request: pytest.FixtureRequest, ring: KeyRing) -> tuple[House, BankBooks, LedgerBooks]:
    """A house with a bank and a ledger that take issues in, not founded yet."""
    return connected_house(ring, randomness=SeededRandomness(crc32(request.node.nodeid.encode())))


@pytest.fixture
def house(request: pytest.FixtureRequest, ring: KeyRing) -> House:
    """Three systems in memory, not founded yet. Seeded by the test's name: a key never signs under one id twice."""
    return make_house(ring, randomness=SeededRandomness(crc32(request.node.nodeid.encode())))
