"""Who runs a ledger: redemptions at the institution's desk, the chain as files, and keys that governors bring along."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from specie.app.founding import default_terms
from tests.app.deployments import Deployment as Shell
from tests.services import ROOT, Deployment, environment_of, make_deployment, run

MINTED_WITHIN_S = 20


class Operators:
    """A deployment with a ledger behind one door, and the shell of whoever runs it."""

    def __init__(self, deployment: Deployment, shell: Shell) -> None:
        self.deployment = deployment
        self.shell = shell

    def said(self, *line: str) -> Any:
        """A command that must work, and its JSON."""
        heard = self.shell.typed(*line, "--json", "--yes")
        assert heard.code == 0, f"{line}: {heard.out}{heard.err}"
        return heard.json

    def total(self) -> str:
        return str(self.said("wallet", "balance", "--wallet", "alice")["total"]["value"])

    def issue(self, amount: str) -> str:
        to = self.said("wallet", "receive", "issuer", "--wallet", "alice")["address"]
        return str(self.said("issue", "request", amount, "--owner", to)["id"])

    def wait_for(self, total: str, issue: str) -> None:
        until = time.monotonic() + MINTED_WITHIN_S
        while self.total() != total:
            assert time.monotonic() < until, self.said("issue", "show", issue)

    def wait_for_key(self, role: str) -> None:
        """In a sandbox a new key begins to sign two seconds after it is announced."""
        until = time.monotonic() + MINTED_WITHIN_S
        while "pending" in {each["state"] for each in self.said("issuance", "keys", "list") if each["role"] == role}:
            assert time.monotonic() < until

    def burn(self, amount: str) -> dict[str, Any]:
        bank = self.deployment.config.ledger.institution
        found: dict[str, Any] = self.said("wallet", "withdraw", bank, "desk", amount, "--wallet", "alice", "--merge")
        return found


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    folder = tmp_path_factory.mktemp("deployment")
    found = run(make_deployment(folder, terms=default_terms, together=True, registry="ledger"))
    with found.services as services:
        services.start()
        yield Operators(found, Shell(folder, environment_of(found.config)))


# SPEC ISSUANCE-14.9, ISSUANCE-14.11, LEDGER-9.3.7
def test_a_burn_is_redeemed_or_given_back(operators: Operators) -> None:
    operators.said("wallet", "new", "alice")
    operators.wait_for("150.00", operators.issue("150"))
    token = operators.burn("25")
    done = operators.said("ledger", "redemption", "claim", token["token"], "--to", "alice at the desk")
    assert (done["state"], done["amount"]["value"], done["ref"]) == ("done", "25.00", token["ref"])
    other = operators.burn("10")
    back = operators.said("ledger", "redemption", "refuse", other["token"])
    assert back["state"] == "refunded"
    assert {each["state"] for each in operators.said("ledger", "redemption", "list")} == {"done", "refunded"}
    assert operators.said("ledger", "redemption", "settle") == {"settled": 0, "open": 0}
    assert operators.shell.typed("ledger", "redemption", "refuse", token["token"], "--yes").code == 5


# SPEC LEDGER-13.2
def test_the_chain_as_files(operators: Operators, tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    shown = operators.said("ledger", "export", str(folder))
    verifier = [sys.executable, str(ROOT / "tools" / "ledger_verify.py"), "blocks", str(folder), "--json"]
    done = subprocess.run(verifier, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert shown["blocks"] == shown["height"] + 1


# SPEC ISSUANCE-12.1.1, ISSUANCE-13.2.7, LEDGER-9.9.1
@pytest.mark.parametrize("role", ["is:unit", "qc:bit"])
def test_a_rotated_key_reaches_the_ledger(operators: Operators, role: str) -> None:
    """The manifest names it first; governors bring it to the ledger; then issues are minted under it."""
    before = operators.total()
    operators.said("issuance", "keys", "rotate", "--role", role)
    followed = operators.said("ledger", "govern", "propose", "--follow-manifest", "--now")
    assert followed["state"] == "final"
    assert any(line.startswith("key ") for line in followed["says"])
    assert operators.said("ledger", "govern", "propose", "--follow-manifest", "--now") == {"changes": []}
    operators.wait_for_key(role)
    issue = operators.issue("10")
    operators.wait_for(str(Decimal(before) + 10), issue)


# SPEC LEDGER-9.8.2
def test_governors_sign_one_after_the_other(operators: Operators, tmp_path: Path) -> None:
    file = str(tmp_path / "change.json")
    operators.said("ledger", "govern", "propose", "--set", "ESCROW_FEE=0.02", "-o", file, "--in", "50")
    for person in ("governor-1", "governor-3"):
        operators.said("ledger", "govern", "sign", file, "--as", person)
    assert operators.said("ledger", "govern", "submit", file)["state"] == "final"
    assert operators.shell.typed("ledger", "govern", "sign", file, "--as", "mina", "--yes").code != 0
