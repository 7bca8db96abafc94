"""A chain as files: what `specie ledger export` writes is what the stand-alone verifier reads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from house.source import ROOT
from ledger import makers
from ledger.cli.typing_at import Street
from specie.ledger.cli.desk import Wrong
from specie.ledger.errors import ProofInvalid, Pruned


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A chain with mints, a payment, a withdrawal and an anchor."""
    found = Street(tmp_path_factory.mktemp("street"))
    town = found.town

    async def live() -> None:
        alice, bob = await town.rich("alice"), await town.wallet("bob")
        await alice.pay(bob.address(), 300, merge=True)
        await alice.sync()
        _, token = await alice.withdraw(200, makers.BANK, "acct", merge=True)
        await town.engine.submit_operation(makers.paid(town.house.chain_id, token.ref, token.token).data, 20)
        await town.engine.submit_operation(makers.anchor(town.house.chain_id, 1, 4).data, 20)

    found.do(live())
    yield found
    found.close()


def verify(folder: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "tools" / "ledger_verify.py"), "blocks", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    return done.returncode, done.stdout + done.stderr


# SPEC LEDGER-13.2, LEDGER-8.4.1, LEDGER-9.4.2
def test_an_export_verifies_without_a_node(street: Street, tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    shown = street.said("ledger", "export", str(folder))
    tip = street.said("ledger", "status")["height"]
    assert (shown["first"], shown["height"], shown["blocks"]) == (0, tip, tip + 1)
    assert shown["proofs"] > 0
    assert not list(folder.glob("*.part"))
    code, said = verify(folder)
    assert code == 0, said
    assert f"height {tip}" in said
    # a byte of a record, and the verifier of another house says so
    record = folder / f"{tip}.record"
    record.write_bytes(record.read_bytes()[:-1] + b"\x77")
    assert verify(folder)[0] == 9


def test_an_export_goes_on(street: Street, tmp_path: Path) -> None:
    """In pieces, and after a crash between two files: nothing is written twice, nothing is missing."""
    folder = tmp_path / "chain"
    assert street.said("ledger", "export", str(folder), "--last", "2")["blocks"] == 3
    assert not (folder / "3.header").exists()
    (folder / "3.record").write_bytes(b"half")
    (folder / "4.header.part").write_bytes(b"half")
    tip = street.said("ledger", "status")["height"]
    shown = street.said("ledger", "export", str(folder))
    assert (shown["first"], shown["blocks"]) == (3, tip - 2)
    assert street.said("ledger", "export", str(folder))["blocks"] == 0
    assert verify(folder)[0] == 0


def test_a_folder_of_another_chain(street: Street, tmp_path: Path) -> None:
    (tmp_path / "genesis.cbor").write_bytes(makers.genesis(random=bytes([9]) * 32).encode())
    with pytest.raises(Wrong, match="another chain"):
        street.type("ledger", "export", str(tmp_path))
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Wrong):
        street.type("ledger", "export", str(file))


def test_a_node_that_lies_or_has_let_go(street: Street, tmp_path: Path) -> None:
    """Another record than the header's is not written; proofs that are gone are left out."""
    kept, real = street.place.reached, street.place.reached

    class Liar:
        def __init__(self, **changes: Any) -> None:
            self.changes = changes

        def __getattr__(self, name: str) -> Any:
            return self.changes.get(name) or getattr(real, name)

    async def gone(height: int) -> bytes:
        raise Pruned("let go")

    async def other(height: int) -> bytes:
        return bytes(await real.block(0))

    try:
        street.place.reached = Liar(block_proofs=gone)
        assert street.said("ledger", "export", str(tmp_path / "a"))["proofs"] == 0
        assert verify(tmp_path / "a")[0] == 0
        for changes in ({"block": other}, {"block_proofs": other}):
            street.place.reached = Liar(**changes)
            folder = tmp_path / next(iter(changes))
            code, heard = street.type("ledger", "export", str(folder))
            assert (code, type(heard.value)) == (9, ProofInvalid)
            assert not (folder / "1.header").exists()
    finally:
        street.place.reached = kept
