"""The six steps as people and systems take them: once behind one door, once as three services under mutual TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from specie.app.founding import KEYS_FILE, default_terms, pinned_roots
from specie.app.http.client import RemoteRefused
from specie.app.http.wire import Reply
from specie.issuance.client import IssuanceSystemClient
from specie.issuance.client.wire import decode
from specie.issuance.messages.objects import Deny, Redemption
from specie.issuance.protocol.envelope import open_one
from specie.issuance.protocol.keyset import KeySet, read_manifest
from specie.issuance.wallet import officer, owner
from specie.issuance.wallet.owner import verify_unit
from specie.kernel.clock import SystemClock
from tests.services import CM, IS, Deployment, issue_body, make_deployment, owner_of, run

JSON = "application/json"
TOGETHER, APART = "one door", "three services"


@pytest.fixture(scope="module", params=[TOGETHER, APART])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A sandbox with its usual terms: 10,000.00 a day, officers from 1,000.00."""
    folder = tmp_path_factory.mktemp("deployment")
    found = run(make_deployment(folder, terms=default_terms, together=request.param == TOGETHER))
    with found.services as services:
        services.start()
        yield found


def keys_of(deployment: Deployment) -> KeySet:
    config = deployment.config
    return read_manifest((config.data_dir / KEYS_FILE).read_bytes(), pinned_roots(config), "dev", None)


async def order(deployment: Deployment, key: str, value: str = "150.00", **changes: Any) -> Reply:
    """POST /v1/issues. Raises RemoteRefused."""
    body = json.dumps(issue_body(await owner_of(deployment), value, **changes)).encode()
    caller = deployment.caller(IS)
    return await caller.call("POST", "/v1/issues", body, JSON, (("idempotency-key", key),))  # type: ignore[return-value]


async def until(deployment: Deployment, ident: str, state: str) -> dict[str, Any]:
    """Ask for an issue until it is in this state; the timeout of the test ends it otherwise."""
    caller = deployment.caller(IS)
    while True:
        shown: dict[str, Any] = json.loads((await caller.call("GET", f"/v1/issues/{ident}")).body)
        if shown["state"] == state:
            return shown


def client_of(deployment: Deployment) -> IssuanceSystemClient:
    return IssuanceSystemClient(deployment.caller(IS), lambda code: 2)


# SPEC ISSUANCE-21.8, ISSUANCE-10.1.2, ISSUANCE-10.1.3, ISSUANCE-10.1.7, ISSUANCE-10.1.9
def test_an_issue_is_released_and_its_replay_is_the_same(deployment: Deployment) -> None:
    async def work() -> None:
        first = await order(deployment, "release")
        shown = json.loads(first.body)
        assert (first.status, shown["state"], shown["units"]) == (200, "released", 4)
        again = await order(deployment, "release")
        assert (again.status, again.replayed) == (200, True)
        assert json.loads(again.body) == shown
        with pytest.raises(RemoteRefused) as other:
            await order(deployment, "release", "160.00")
        assert (other.value.code, other.value.status) == ("request.key_reused", 422)
        units = await client_of(deployment).units(bytes.fromhex(shown["id"]))
        verified = [verify_unit(unit, keys_of(deployment), SystemClock().now_us() // 1_000_000) for unit in units]
        assert sorted(unit.body.value for unit in verified) == [1_000, 2_000, 2_000, 10_000]

    run(work())


# SPEC ISSUANCE-6.2.17, ISSUANCE-11.1
def test_officers_are_waited_for(deployment: Deployment) -> None:
    async def work() -> None:
        waiting = await order(deployment, "two officers", "5500.00", operator="paul")
        shown = json.loads(waiting.body)
        assert (waiting.status, shown["state"]) == (202, "requested")
        central_management = deployment.caller(CM)
        (request,) = decode((await central_management.call("GET", "/v1/requests")).body)
        said = []
        for name in ("mina", "omar"):
            approval = await officer.approve(deployment.people.hand(name), request, 2)
            said.append(decode((await central_management.call("POST", "/v1/approvals", approval)).body))
        assert said == ["pending", "credentialed"]
        assert (await until(deployment, shown["id"], "released"))["units"] == 1

    run(work())


# SPEC ISSUANCE-7.1, ISSUANCE-7.2, ISSUANCE-6.2.16
def test_a_denial_names_the_bucket_and_brings_evidence(deployment: Deployment) -> None:
    async def work() -> None:
        with pytest.raises(RemoteRefused) as denied:
            await order(deployment, "too much", "10000.01", operator="paul")
        error = denied.value
        assert (error.code, error.status, error.facts["bucket"]) == ("issuance.quota_exceeded", 409, "daily")
        keys = keys_of(deployment)
        said = open_one(error.evidence, Deny, keys, lambda kid: keys.entry(kid, ("cm:cred",)))
        assert (said.body.code, said.body.bucket) == ("QUOTA_EXCEEDED", "daily")
        assert said.body.available is not None and said.body.available <= 1_000_000
        with pytest.raises(RemoteRefused) as again:
            await order(deployment, "too much", "10000.01", operator="paul")
        assert (again.value.code, again.value.evidence) == (error.code, error.evidence)

    run(work())


# SPEC ISSUANCE-14.2, ISSUANCE-14.15
def test_units_are_redeemed_once(deployment: Deployment) -> None:
    async def work() -> None:
        system, keys, alice = client_of(deployment), keys_of(deployment), deployment.people.hand("alice")
        ident = json.loads((await order(deployment, "redeem")).body)["id"]
        units = await system.units(bytes.fromhex(ident))
        parcel = await owner.redeem(alice, units[:2], "bank-1/alice")
        receipt = await system.redeem(parcel)
        said = open_one(receipt, Redemption, keys, lambda kid: keys.entry(kid, ("qc:bit",)))
        assert said.body.amount == 12_000
        assert await system.redeem(parcel) == receipt
        with pytest.raises(RemoteRefused) as twice:
            await system.redeem(await owner.redeem(alice, units[1:2], "bank-1/alice"))
        assert twice.value.code == "issuance.already_redeemed"
        serial = json.loads((await deployment.caller(IS).call("GET", f"/v1/issues/{ident}/units?view=json")).body)
        states = [(await system.unit(bytes.fromhex(unit["claims"]["cti"])))[1] for unit in serial]
        assert states == ["redeemed", "redeemed", "active", "active"]

    run(work())


# SPEC ISSUANCE-16.2.1
def test_the_batch_form_of_issues_answers_each_in_its_place(deployment: Deployment) -> None:
    async def work() -> None:
        mine = issue_body(await owner_of(deployment))
        broken = mine | {"denominations": [{"value": "10.00", "count": 1}]}
        body = json.dumps([mine, broken, mine]).encode()
        reply = await deployment.caller(IS).call("POST", "/v1/issues", body, JSON, (("idempotency-key", "batch"),))
        answers = json.loads(reply.body)
        assert [answer["state"] for answer in answers] == ["released", "denied", "released"]
        assert answers[1]["code"] == "issuance.denomination_sum"
        assert answers[0]["id"] != answers[2]["id"]

    run(work())


# SPEC ISSUANCE-15.3.2, ISSUANCE-15.6.1
def test_the_books_balance_afterwards(deployment: Deployment) -> None:
    async def work() -> None:
        await order(deployment, "last")
        report = await deployment.audit()
        assert report["balanced"], report["differences"]
        assert report["terms"]["XTS"]["issued"] != "0.00"

    run(work())


# SPEC ISSUANCE-1.2.4
def test_one_process_says_that_separation_is_off(deployment: Deployment) -> None:
    said = "separation of duties is OFF"
    logs = [service.log() for service in deployment.services.by_role.values()]
    assert [said in log for log in logs] == [deployment.is_together] * len(logs)
