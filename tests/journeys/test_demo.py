"""`specie demo --play`: what a newcomer sees first, and a smoke test of everything at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from specie.app.demo import proving
from specie.app.demo.running import ACTS
from tests.app.deployments import Deployment


@pytest.fixture
def home(tmp_path: Path) -> Deployment:
    return Deployment.make(tmp_path, "ledger")


def test_the_story_as_json_lines(home: Deployment) -> None:
    heard = home.specie("demo", "--play", "--json")
    assert heard.code == 0, heard.out + heard.err
    *steps, last = heard.lines
    assert [step["step"] for step in steps] == [step for step, _, _ in ACTS[:-1]]
    assert all(step["ok"] for step in steps)
    assert last["books"]["balanced"] is True
    terms = last["books"]["terms"]["XTS"]
    assert (terms["issued"], terms["redeemed"], terms["H"], terms["U"]) == ("5000.00", "100.00", "4900.00", "0.00")
    told = {step["step"]: step for step in steps}
    assert told["found"]["separation_of_duties"] is False
    refused = told["refuse"]
    assert (refused["code"], refused["bucket"], refused["remaining"]) == (
        "issuance.quota_exceeded",
        "daily",
        "10000.00",
    )
    six = [told[name] for name in ("request", "validate", "credential", "present", "control_bit", "units")]
    assert [step["typ"] for step in six] == ["dc-req", "dc-appr", "dc-cred", "dc-pres", "dc-bit", "dc-unit"]
    assert [step["signer"] for step in six] == ["is-1", "mina", "cm-1", "is-1", "qc-1", "is-1"]
    assert all(step["signature_verifies"] and len(step["hash"]) == 64 for step in six)
    assert told["units"]["units"] == 60
    assert told["verify"]["verified"]["unit"] == 60
    assert told["mint"]["enclave"] == "simulated"
    assert told["pay"]["payee_hidden"] is told["pay"]["amount_hidden"] is True
    assert told["proof"]["verified"] is True
    assert told["redeem_twice"]["code"] == "ledger.withdraw_state"
    assert told["blocks"]["equations_hold"] is True
    assert last["books"]["ledger"]["app_hash"] == told["blocks"]["app_hash"]


def test_the_story_for_people(home: Deployment) -> None:
    heard = home.specie("demo", "--play", "--seed", "7")
    assert heard.code == 0, heard.out + heard.err
    for words in (
        "separation of duties is OFF",
        "Omar asks for 20 000.00 XTS ─ refused: rule 'daily' leaves 10 000.00 XTS (issuance.quota_exceeded)",
        "60 units, 5 000.00 XTS",
        "outstanding 5 000.00 XTS → 4 900.00 XTS",
        "Alice pays Bob 250.00 XTS",
        "no sender, no receiver, no amount",
        "issued 5 000.00 − redeemed 100.00 = ledger 4 900.00",
        "books balance",
    ):
        assert words in heard.out
    assert heard.out.count("✔") == 12
    assert "\x1b" not in heard.out


def test_a_check_that_fails_ends_it(home: Deployment, tmp_path: Path) -> None:
    """A second story over the same data finds the day's quota half used: its figures are no longer those it shows."""
    folder = tmp_path / "data" / "stage"
    assert home.specie("demo", "--play", "--data-dir", str(folder), "-q").code == 0
    again = home.specie("demo", "--play", "--data-dir", str(folder), "--json")
    assert again.code == 0, again.out
    third = home.specie("demo", "--play", "--data-dir", str(folder), "--json")
    assert third.code == 9
    *_, failed, last = third.lines
    assert failed["ok"] is False
    assert "issuance.quota_exceeded" in failed["error"]
    assert last == {"books": {"balanced": False}}


def test_reset_leaves_alone_what_it_did_not_make(home: Deployment, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter").write_text("dear")
    heard = home.specie("demo", "--play", "--reset", "--data-dir", str(mine), "--json")
    assert (heard.code, heard.json["code"]) == (2, "request.usage")
    assert (mine / "letter").read_text() == "dear"


def test_it_stays_until_it_is_told_to_stop(home: Deployment) -> None:
    command = [sys.executable, "-c", "from specie.app.cli import main; main()", "demo", "--port", "0", "--json"]
    with subprocess.Popen(command, env=home.environ, cwd=home.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += process.stdout.readline()
        try:
            url = json.loads(text)["url"]
            assert home.typed("--url", url, "wallet", "new", "alice", "--json").code == 0
            heard = home.typed("--url", url, "issue", "request", "5", "--owner", "alice", "--json")
            assert heard.json["state"] == "released"
            balance = home.typed("--url", url, "wallet", "balance", "--wallet", "alice", "--json")
            assert balance.json["total"]["value"] == "5.00"
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


def test_the_verifier_stands_where_the_demo_looks() -> None:
    assert proving.VERIFIER.is_file()
