"""Money that nobody sees: issued to Alice, minted, paid to Bob, proved, redeemed; behind one door, and as services."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from specie.app.chain.founding import genesis_file, read_genesis
from specie.app.chain.institution import open_institution
from specie.app.chain.place import LedgerWorkplace
from specie.app.founding import KEYS_FILE, default_terms, pinned_roots
from specie.app.workplace import Workplace
from specie.issuance.messages.objects import Redemption
from specie.issuance.protocol.envelope import open_one
from specie.issuance.protocol.keyset import read_manifest
from specie.ledger.messages.record import BlockRecord
from specie.ledger.store.institution import RedemptionState
from tests.app.deployments import Deployment as Shell
from tests.services import ROOT, TN, VN, Deployment, environment_of, make_deployment, run

TOGETHER, APART = "one door", "services"
LEDGER_VERIFY = ROOT / "tools" / "ledger_verify.py"
ISSUED, PAID, REDEEMED = 15_000, 6_000, 2_500
MINTED_WITHIN_S = 20


def minor(amount: dict[str, str]) -> int:
    """Hundredths of an amount as commands show it."""
    return int(amount["value"].replace(".", ""))


@dataclass
class Story:
    """A deployment with a ledger, a person's shell, and what the chapters so far left behind."""

    deployment: Deployment
    shell: Shell
    issue: str = ""
    payment: str = ""
    address: str = ""
    height: int = 0
    stock: int = 0
    token: str = ""

    def said(self, *line: str) -> Any:
        """A command that must work, and its JSON."""
        heard = self.shell.typed(*line, "--json", "--yes")
        assert heard.code == 0, f"{line}: {heard.out}{heard.err}"
        return heard.json

    def total(self, wallet: str) -> str:
        return str(self.said("wallet", "balance", "--wallet", wallet)["total"]["value"])

    def outstanding(self) -> int:
        """What quota control counts as out, minor units."""
        buckets = self.said("quota", "show", "--at", "quota-control")["buckets"]
        return max(int(each["used"].replace(".", "")) for each in buckets if each["kind"] == "stock")

    def workplace(self) -> LedgerWorkplace:
        config = self.deployment.config
        door = f"http://127.0.0.1:{config.gateway.listen_port}" if self.deployment.is_together else None
        return LedgerWorkplace(Workplace(config, url=door))


@pytest.fixture(scope="module", params=[TOGETHER, APART])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The usual terms of a sandbox; the chapters below are told in their order."""
    folder = tmp_path_factory.mktemp("deployment")
    together = request.param == TOGETHER
    found = run(make_deployment(folder, terms=default_terms, together=together, registry="ledger"))
    with found.services as services:
        services.start()
        yield Story(found, Shell(folder, environment_of(found.config)))


# SPEC ISSUANCE-13.2.10, ISSUANCE-13.4.2, LEDGER-9.1.17
def test_issued_to_an_address_it_is_minted(story: Story) -> None:
    for name in ("alice", "bob"):
        assert story.said("wallet", "new", name)["wallet"] == name
    to = story.said("wallet", "receive", "issuer", "--wallet", "alice")["address"]
    piles = ("--denomination", "100:1", "--denomination", "20:2", "--denomination", "10:1")
    story.issue = story.said("issue", "request", "150", "--owner", to, *piles)["id"]
    until = time.monotonic() + MINTED_WITHIN_S
    while story.total("alice") != "150.00":
        assert time.monotonic() < until, story.said("issue", "show", story.issue)
    assert story.total("bob") == "0.00"
    items = story.said("wallet", "history", "--wallet", "alice")
    assert {each["what"] for each in items} == {"issued"}
    assert sum(minor(each["amount"]) for each in items) == ISSUED
    traced = story.said("issuance", "trace", story.issue)
    assert traced["verified"] is True
    assert "dc-minted" in {step["typ"] for step in traced["steps"]}


# SPEC LEDGER-8.2.4, LEDGER-8.2.5
def test_alice_pays_bob_and_nobody_sees_it(story: Story) -> None:
    story.address = story.said("wallet", "receive", "alice", "--wallet", "bob")["address"]
    line = ("wallet", "pay", story.address, "60", "--wallet", "alice", "--words", "for the bread", "--merge")
    paid = story.said(*line, "--idempotency-key", "bread")
    assert (paid["state"], paid["funds"], paid["amount"]["value"]) == ("final", "moved", "60.00")
    story.payment, story.height = paid["id"], paid["height"]
    again = story.said(*line, "--idempotency-key", "bread")
    assert (again["id"], again["height"], again["envelope"]) == (paid["id"], paid["height"], paid["envelope"])
    fee = minor(paid["fee"])
    assert story.total("bob") == "60.00"
    assert int(story.total("alice").replace(".", "")) == ISSUED - PAID - fee
    (item,) = story.said("wallet", "history", "--wallet", "bob")
    assert (item["what"], item["amount"]["value"], item["words"]) == ("received", "60.00", "for the bread")
    sent = [each for each in story.said("wallet", "history", "--wallet", "alice") if each["what"] == "sent"]
    assert [each["amount"]["value"] for each in sent] == ["60.00"]

    async def look() -> bytes:
        place = story.workplace()
        try:
            return await place.ledger().block(story.height)
        finally:
            await place.close()

    data = run(look())
    record = BlockRecord.decode(data)
    assert len(record.tx_leaves) == 1
    assert PAID.to_bytes(8, "little") not in data
    assert b"bread" not in data


# SPEC LEDGER-10.4, LEDGER-11.4.1
def test_rings_came_over_a_sealed_session(story: Story) -> None:
    """The wallet asked the trusted node for its ring, and not the pages of the ledger."""

    async def look() -> str:
        caller = story.deployment.caller(TN)
        try:
            return (await caller.call("GET", "/metrics", media_type="")).body.decode()
        finally:
            await story.deployment.close()

    lines = [line for line in run(look()).splitlines() if line.startswith("specie_http_requests_total")]
    rings = [line for line in lines if "/ledger/trusted/rings" in line]
    assert rings, "no rings were asked for"
    assert all('status="200"' in line for line in rings)


# SPEC LEDGER-13.2, LEDGER-13.5
def test_the_payment_is_proved(story: Story, tmp_path: Path) -> None:
    proof = tmp_path / "paid.plv"
    made = story.said("wallet", "proof", "payment", story.payment[:12], "--to", str(proof), "--wallet", "alice")
    assert "not by whom" in made["warning"]
    pinned = ("--genesis", str(genesis_file(story.deployment.config)))
    seen = story.said("ledger", "verify", str(proof), *pinned)
    assert (seen["ok"], seen["kind"], seen["amount"]["value"]) == (True, "payment", "60.00")
    assert (seen["address"], seen["made_at"]) == (story.address, story.height)
    alone = [sys.executable, str(LEDGER_VERIFY), "payment", str(proof), *pinned]
    assert subprocess.run(alone, capture_output=True, check=False).returncode == 0
    spoiled = bytearray(proof.read_bytes())
    spoiled[-40] ^= 1
    proof.write_bytes(spoiled)
    refused = story.shell.typed("ledger", "verify", str(proof), *pinned, "--json")
    assert refused.code == 9
    assert subprocess.run(alone, capture_output=True, check=False).returncode == 9


# SPEC ISSUANCE-14.9, ISSUANCE-14.11, LEDGER-9.3.7
def test_bob_redeems_and_the_quota_comes_back(story: Story) -> None:
    config = story.deployment.config
    bank, before = config.ledger.institution, story.outstanding()
    line = ("wallet", "withdraw", bank, "bob at the cash desk", "25", "--wallet", "bob", "--merge")
    left = story.said(*line)
    assert (left["state"], left["amount"]["value"]) == ("final", "25.00")
    balance = story.said("wallet", "balance", "--wallet", "bob")
    assert balance["in_flight"]["value"] == "25.00"
    token = bytes.fromhex(left["token"])

    async def redeem() -> tuple[bytes, ...]:
        place = story.workplace()
        try:
            async with open_institution(place) as institution:
                row = await institution.claim(token, "bob")
                done = await institution.settle(row.withdraw_ref)
                assert done.state == RedemptionState.DONE, done.detail
                again = await institution.claim(token, "somebody else")
                assert (again.state, again.beneficiary) == (RedemptionState.DONE, "bob")
                assert await institution.settle(row.withdraw_ref) == done
                return (done.receipt or b"",)
        finally:
            await place.close()

    (receipt,) = run(redeem())
    keys = read_manifest((config.data_dir / KEYS_FILE).read_bytes(), pinned_roots(config), "dev", None)
    said = open_one(receipt, Redemption, keys, lambda kid: keys.entry(kid, ("qc:bit",)))
    assert said.body.amount == REDEEMED
    assert before - story.outstanding() == REDEEMED
    balance = story.said("wallet", "balance", "--wallet", "bob")
    assert balance["in_flight"]["value"] == "0.00"


# SPEC LEDGER-8.4.1, LEDGER-9.4.2, ISSUANCE-15.3.2
def test_the_books_balance_and_every_block_replays(story: Story) -> None:
    report = story.said("audit")
    assert report["balanced"], report["differences"]
    terms = report["terms"]["XTS"]
    assert (terms["issued"], terms["redeemed"]) == ("150.00", "25.00")
    status = story.said("ledger", "status")
    assert report["ledger"]["height"] <= status["height"]
    assert report["ledger"]["height"] >= story.height
    genesis = read_genesis(story.deployment.config)
    assert status["chain_id"] == genesis.chain_id.hex()


# SPEC LEDGER-1.2
def test_the_simulated_enclave_says_so_and_logs_tell_nothing(story: Story) -> None:
    logs = {role: service.log() for role, service in story.deployment.services.by_role.items()}
    assert all("ENCLAVE SIMULATED" in log for role, log in logs.items() if role in (VN, TN, "up"))
    told = "".join(logs.values())
    assert story.address not in told
    assert "bread" not in told
