"""The benches of the ledger: the form of what they print, their bars, and their sums over a small chain."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from specie.app.bench import BENCHES, SUITES, merge, scripts_of

MUST = {
    "ledger_core": (
        *("clsag_x_batch_us_per_input", "clsag_x_single_us", "bp_plus_batch_us_2out", "sign_ms_2in2out"),
        *("scan_outputs_per_s", "clsag16_sign", "bpp_2_prove", "bpp_2_single_verify", "hpke_x25519_open"),
        *("hpke_hybrid_open", "tx_2in_2out_verify", "tx_1in_2out_verify", "wallet_send_2in_2out", "mint_verify"),
        "escrow_claim_verify",
    ),
    "ledger_verdicts": (
        *("verify_tx_per_s_2in2out", "verify_tx_per_s_1in2out", "ledger_bytes_2in2out", "record_bytes_2in_2out"),
        *("proofs_segment_bytes", "txpublic_bytes_2in_2out", "envelope_bytes", "sigma_bytes", "output_proof_bytes"),
        *("range_proof_bytes_2", "range_proof_bytes_4", "range_proof_bytes_16", "key_image_proof_bytes"),
        *("compact_bytes_per_output", "receipt_bytes"),
    ),
    "ledger_node": (
        *("embedded_tx_per_s", "embedded_singles_tx_per_s", "submit_to_final_ms_p50", "submit_to_final_ms_p95"),
        *("node_throughput_2in", "node_throughput_1in", "submit_to_final_p50", "submit_to_final_p99"),
    ),
}
FORM = {"value", "unit", "bar", "ok", "compared_with"}


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a script of the folder as the command does, on a machine that the bars are for."""
    monkeypatch.syspath_prepend(str(BENCHES))
    import harness
    import ledger_stock

    monkeypatch.setattr(harness, "simd", lambda: "avx2")
    monkeypatch.setattr(ledger_stock, "simd", lambda: "avx2")

    def load(name: str) -> ModuleType:
        return __import__(name)

    return load


def check(results: dict[str, Any], script: str) -> None:
    """Every figure that must be there is, in the form of all benches."""
    assert set(MUST[script]) <= results.keys()
    for key, result in results.items():
        assert result.keys() == FORM, key
        # SPEC LEDGER-22.1
        assert result["compared_with"], key
        assert isinstance(result["value"], int | float), key
        assert result["value"] > 0, key
        assert result["ok"] or result["bar"] is not None, key


def test_the_suite_names_all_scripts() -> None:
    scripts = {path.stem for path in BENCHES.glob("ledger_*.py")} - {"ledger_stock"}
    assert set(scripts_of("ledger")) == set(SUITES["ledger"]) == scripts == set(MUST)


# SPEC LEDGER-22.3
def test_a_missed_bar_ends_with_a_status(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    harness, stock = bench("harness"), bench("ledger_stock")
    good, missed = stock.at_most(3, "us", 3, "itself"), stock.at_most(3.01, "us", 3, "itself")
    slow, fast = stock.at_least(6.9, "1/s", 7, "itself"), stock.at_least(7, "1/s", 7, "itself")
    assert [each.ok for each in (good, missed, slow, fast)] == [True, False, False, True]
    assert (stock.size_of(630, 630, "x").ok, stock.size_of(629, 630, "x").ok) == (True, False)
    assert stock.size_of(629, 630, "x", exactly=False).ok
    before = harness.machine()
    assert harness.report("ledger_core", {"a": good}, before) == 0
    assert harness.report("ledger_core", {"a": good, "b": missed}, before) == 1
    text = capsys.readouterr().out.partition("\n}\n")[0] + "}"
    document = json.loads(text)
    assert document.keys() == {"bench", "commit", "machine", "results"}
    assert {"cores", "simd", "processor", "rustc"} <= document["machine"].keys()
    whole = merge("ledger", [document, document | {"bench": "ledger_node", "results": {"c": asdict(missed)}}])
    assert whole["results"].keys() == {"a", "c"}


# SPEC LEDGER-22.3
def test_other_processors_have_no_bars(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = bench("ledger_stock")
    monkeypatch.setattr(stock, "simd", lambda: "serial")
    slow = stock.at_most(9_999, "us", 3, "itself")
    assert (slow.bar, slow.ok) == (None, True)
    assert stock.at_least(1, "1/s", 3, "itself").bar is None
    assert stock.size_of(629, 630, "x").bar == 630


# SPEC LEDGER-22.2
def test_curve_figures_are_the_best_of_ten_runs_of_processor_time(bench: Any) -> None:
    runs: list[int] = []
    taken = bench("ledger_stock").cpu_us(lambda: runs.append(sum(range(1000))), 2, times=1)
    assert len(runs) == 11
    assert 0 < taken < 10_000


# SPEC LEDGER-22.1
def test_verdicts_and_bytes_of_a_small_chain(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script = bench("ledger_verdicts")
    monkeypatch.setattr(script, "BLOCK", 4)
    monkeypatch.setattr(script, "BATCH", 2)
    house, till = script.stocked(13)
    two, one = till.build(5, 2), till.build(1, 1)
    found = script.rates("2in2out", house, two[:4], 1, 1) | script.rates("1in2out", house, one, 1, 1)
    found |= script.sizes(house, till, two) | script.proof_sizes()
    check({key: asdict(result) for key, result in found.items()}, "ledger_verdicts")
    assert all(result.ok for result in found.values())
    assert (found["ledger_bytes_2in2out"].value, found["proofs_segment_bytes"].value) == (630, 716)


# SPEC LEDGER-22.1, LEDGER-22.2
def test_figures_of_the_node(bench: Any) -> None:
    script = bench("ledger_node")
    times = [number / 1000 for number in range(1, 101)]
    pairs = (1_500.0, 1_200.0), (1_000.0, 1_500.0), (2_100.0, 900.0)
    found = script.results(*pairs, (times, 750.0), times)
    check({key: asdict(result) for key, result in found.items()}, "ledger_node")
    assert all("cores" in found[key].compared_with for key in ("embedded_tx_per_s", "node_throughput_1in"))
    assert all(result.ok for result in found.values())
    slow = script.results((600.0, 1.0), *pairs[1:], ([2.0] * 100, 300.0), times)
    assert not (slow["embedded_tx_per_s"].ok or slow["submit_to_final_ms_p95"].ok)


@pytest.mark.long
def test_the_core_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCHES / "ledger_core.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    document = json.loads(done.stdout)
    check(document["results"], "ledger_core")
    assert done.returncode == int(not all(result["ok"] for result in document["results"].values()))
