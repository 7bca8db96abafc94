"""What is published beside decisions: solvency, anchors, drafts of policies, views (5.1.4, 15.2.3, 15.5, 3.8)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from issuance.house import CURRENCY, QC, KeyRing, make_house, terms
from specie.crypto import merkle
from specie.issuance.engine.anchoring import TOPICS, Anchoring
from specie.issuance.errors import PolicyRefused, ReserveInsufficient
from specie.issuance.messages.policy import ReserveRule
from specie.issuance.messages.view import view
from specie.issuance.protocol.policy import check_contents
from specie.issuance.wallet import officer
from specie.issuance.wallet.drafting import lower_cap, next_policy, raise_cap, set_cap
from specie.issuance.wallet.founding import first_policy
from specie.issuance.wallet.officer import sign_policy
from specie.kernel.clock import SeededRandomness

NOW_S = 1_790_000_000


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("publishing") / "keys")


# SPEC ISSUANCE-5.1.4
def test_caps_are_raised_lowered_and_set_each_by_itself() -> None:
    policy = first_policy("dev", terms(), NOW_S)
    caps = {limit.name: limit.cap for limit in policy.limits}
    after = {
        "raise": raise_cap(policy, "daily", 5),
        "lower": lower_cap(policy, "daily", 5),
        "set": set_cap(policy, "daily", 7),
    }
    found = {name: {limit.name: limit.cap for limit in each.limits} for name, each in after.items()}
    assert found["raise"] == caps | {"daily": caps["daily"] + 5}
    assert found["lower"] == caps | {"daily": caps["daily"] - 5}
    assert found["set"] == caps | {"daily": 7}
    assert lower_cap(policy, "daily", 10**15).limits[1].cap == 0
    for draft in after.values():
        check_contents(draft)
    for wrong in (lambda: raise_cap(policy, "weekly", 1), lambda: lower_cap(policy, "daily", -1)):
        with pytest.raises(PolicyRefused):
            wrong()


# SPEC ISSUANCE-5.3.2, ISSUANCE-5.1.4
def test_a_lowered_cap_denies_and_breaks_nothing(ring: KeyRing) -> None:
    async def work() -> None:
        house = make_house(ring, randomness=SeededRandomness(601))
        await house.found()
        await house.issuance.issue([house.order()])
        data = (await house.quota_control.rules.policies_since(0))[0]
        current = (await house.quota_control.desk.current()).book.newest.policy  # type: ignore[union-attr]
        draft = set_cap(next_policy(data, current, NOW_S), "total-supply", 1_000)
        signed = await sign_policy(draft, [house.hand("mina"), house.hand("omar")])
        for engine in (house.central_management, house.quota_control, house.issuance):
            assert await engine.rules.apply_policy(signed) == 2
        (refusal,) = await house.issuance.issue([house.order()])
        assert getattr(refusal, "code", "") == "issuance.quota_exceeded"
        figures = {bucket.key: bucket for bucket in (await house.central_management.quotas()).buckets}
        stock = figures[f"stock:{CURRENCY}"]
        assert (stock.used + stock.reserved, stock.available) == (15_000, -14_000)

    asyncio.run(work())


# SPEC ISSUANCE-15.5.1, ISSUANCE-5.6.2
def test_solvency_is_one_line_per_currency(ring: KeyRing) -> None:
    async def work() -> None:
        alarms: list[str] = []
        house = make_house(ring, randomness=SeededRandomness(602))
        policy = first_policy("dev", terms(), NOW_S)
        rule = replace(policy.currencies[CURRENCY], reserve=ReserveRule(("custodian-1",), 1, (1, 1), 10_800))
        await house.found(replace(policy, currencies={CURRENCY: rule}))
        house.quota_control.desk.observer.alarm = lambda code, detail: alarms.append(code)  # type: ignore[method-assign]
        (line,) = await house.quota_control.solvency()
        assert not line.solvent and line.attested == 0
        attested = await officer.attest(house.hand("custodian-1", "custodian"), CURRENCY, 20_000, NOW_S)
        for engine in (house.central_management, house.quota_control):
            await engine.rules.apply_reserve(attested)
        await house.issuance.issue([house.order()])
        (line,) = await house.quota_control.solvency()
        assert (line.outstanding, line.attested, line.as_of) == (15_000, 20_000, NOW_S)
        assert line.ratio == (1, 1) and line.solvent
        (refusal,) = await house.issuance.issue([house.order()])
        assert getattr(refusal, "code", "") == ReserveInsufficient.code
        less = await officer.attest(house.hand("custodian-1", "custodian"), CURRENCY, 10_000, NOW_S + 1)
        await house.quota_control.rules.apply_reserve(less)
        (line,) = await house.quota_control.solvency()
        assert not line.solvent and alarms == ["RESERVE_INSUFFICIENT"]

    asyncio.run(work())


class Ledger:
    """A place that keeps anchors in order and takes none twice, as the ledger's operation does."""

    def __init__(self) -> None:
        self.anchors: list[tuple[int, str, int, bytes]] = []

    async def anchor(self, topic: int, source: str, size: int, root: bytes, signature: bytes) -> None:
        if (topic, source, size, root) not in self.anchors:
            self.anchors.append((topic, source, size, root))


# SPEC ISSUANCE-15.2.3, ISSUANCE-13.4.5
def test_checkpoints_are_anchored_once_an_hour(ring: KeyRing) -> None:
    async def work() -> None:
        ledger = Ledger()
        house = make_house(ring, randomness=SeededRandomness(603))
        await house.found()
        anchoring = Anchoring(house.quota_control.desk, ledger, TOPICS["quota_control"])
        assert await anchoring.step() is None
        await house.issuance.issue([house.order()])
        await house.quota_control.log.make_checkpoint(force=True)
        size = await anchoring.step()
        hashes = [merkle.leaf_hash(body) for body in await house.quota_control.log.leaves(1, 1000)]
        assert ledger.anchors == [(5, QC, size, merkle.root(hashes[:size]))]
        await house.issuance.issue([house.order()])
        await house.quota_control.log.make_checkpoint(force=True)
        assert await anchoring.step() is None
        house.clock.advance(seconds=3600)
        assert await anchoring.step() == await house.quota_control.log.size()
        assert len(ledger.anchors) == 2

    asyncio.run(work())


# SPEC ISSUANCE-3.8.1
def test_every_object_has_a_view_for_people(ring: KeyRing) -> None:
    async def work() -> None:
        house = make_house(ring, randomness=SeededRandomness(604))
        await house.found()
        (issue,) = await house.issuance.issue([house.order()])
        await house.settle()
        shown = [
            *(await house.issuance.units(issue.id)),  # type: ignore[union-attr]
            *(await house.quota_control.rules.policies_since(0)),
            *(await house.quota_control.rules.keys_since(0)),
            await house.quota_control.supply(),
        ]
        found = [view(data) for data in shown]
        assert {each["typ"] for each in found} == {"dc-unit", "dc-policy", "dc-keys", "dc-supply"}
        assert found[0]["body"]["value"] == 10_000 and found[0]["claims"]["iss"] == house.issuance.desk.me

    asyncio.run(work())
