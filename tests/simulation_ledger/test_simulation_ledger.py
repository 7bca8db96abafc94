"""Stories of a ledger by seed: whoever pays twice, lies or pulls the plug, no value appears and none is lost.

`python -m tests.simulation_ledger --seed N` replays one; SPECIE_SIM_SEEDS=n runs more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from specie.ledger.engine import execute
from specie.ledger.engine.replay import Replay
from specie.ledger.errors import WithdrawState
from specie.ledger.messages.state import Domain, WithdrawalState
from specie.ledger.protocol import withdrawals
from tests.simulation_ledger.story import tell

SEEDS = 32
SEEDS_LONG = int(os.environ.get("SPECIE_SIM_SEEDS", "300"))
CHUNK = 8
VERIFIER = Path(__file__).resolve().parents[2] / "tools" / "ledger_verify.py"


def tell_all(first: int, last: int) -> None:
    """Each chunk names the seeds that failed, with the command that replays them."""
    failed = []
    for seed in range(first, last):
        outcome = tell(seed)
        if outcome.faults:
            failed.append(f"{outcome.replay}\n  " + "\n  ".join(outcome.faults[:5]))
    assert not failed, "\n".join(failed)


# SPEC LEDGER-9.4.1, LEDGER-8.4.1, LEDGER-16.1.3, LEDGER-16.2.7, LEDGER-8.7.2
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_stories(first: int) -> None:
    tell_all(first, first + CHUNK)


# SPEC LEDGER-9.4.1, LEDGER-8.4.1, LEDGER-16.1.3, LEDGER-16.2.7, LEDGER-8.7.2
@pytest.mark.long
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + SEEDS_LONG, 4 * CHUNK))
def test_many_stories(first: int) -> None:
    tell_all(first, min(first + 4 * CHUNK, SEEDS + SEEDS_LONG))


def test_a_seed_replays() -> None:
    """The same seed tells the same story, event by event."""
    assert tell(7).trace == tell(7).trace


def test_the_stories_are_rich() -> None:
    """Over some seeds everything that the stories are about has happened."""
    total: dict[str, int] = {}
    for seed in range(1000, 1006):
        for name, number in tell(seed).figures.items():
            total[name] = total.get(name, 0) + number
    wanted = ("mint", "pay", "withdrawal", "answer:", "escrow", "anchor", "cancel", "epoch", "change", "rubbish")
    poor = [name for name in (*wanted, "crashes", "ledger.key_image_spent") if not total.get(name, 0)]
    assert not poor, total


# SPEC LEDGER-13.2, LEDGER-8.4.1
@pytest.mark.parametrize("seed", [3, 5])
def test_the_stand_alone_verifier_agrees(seed: int, tmp_path: Path) -> None:
    """Blocks of a story, judged by code that shares nothing with the node; and one spoiled byte."""
    assert tell(seed, tmp_path).faults == []
    line = [sys.executable, str(VERIFIER), "blocks", str(tmp_path)]
    heard = subprocess.run(line, capture_output=True, text=True, check=False)
    assert heard.returncode == 0, heard.stdout + heard.stderr
    place = tmp_path / f"{len(list(tmp_path.glob('*.record'))) - 2}.record"
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data)
    assert subprocess.run(line, capture_output=True, check=False).returncode == 9


# -- planted faults: stories that never fail would prove nothing


def test_a_node_that_forgets_spends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule V-9 is gone: some coin moves twice."""
    real = execute.judge_cheap

    def forgetful(block: Any, candidate: Any) -> Any:
        refusal = real(block, candidate)
        return None if getattr(refusal, "code", "") == "ledger.key_image_spent" else refusal

    monkeypatch.setattr(execute, "judge_cheap", forgetful)
    assert any(tell(seed).faults for seed in range(8))


def test_a_record_that_does_not_replay_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of a total."""
    real = Replay.follow

    def follow(self: Replay, data: bytes, finality: bytes, record: bytes, proofs: bytes | None) -> None:
        spoiled = bytearray(record)
        spoiled[-1] ^= 1
        real(self, data, finality, bytes(spoiled), proofs)

    monkeypatch.setattr(Replay, "follow", follow)
    assert tell(1).faults


def test_a_node_that_forgets_refunds_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A withdrawal is answered twice: its identities hold no longer, and the node or the model says so."""
    real = withdrawals._pending

    def pending(state: Any, reference: bytes) -> Any:
        try:
            return real(state, reference)
        except WithdrawState:
            return WithdrawalState.decode(state.get(Domain.WITHDRAWAL, reference))

    monkeypatch.setattr(withdrawals, "_pending", pending)
    assert any(tell(seed).faults for seed in range(24))
