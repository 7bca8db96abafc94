"""Systems that sign what they must not: the auditor has only their words, and the words do not agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from specie.app.config.model import Config
from specie.app.founding import ROOTS
from specie.app.keyfolders import People
from specie.issuance.engine.central_management.batch import Needs
from specie.issuance.engine.central_management.requests import fix_credential
from specie.issuance.engine.desk import assemble
from specie.issuance.engine.issuance_system.asking import create
from specie.issuance.engine.quota_control.chores import refixed, sign_leftovers
from specie.issuance.messages.claims import Claims, Signed
from specie.issuance.messages.objects import ControlBit, Credential, Redemption, Request
from specie.issuance.messages.policy import Policy
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.units import serials_root
from specie.issuance.store.buckets import pack_ids
from specie.issuance.store.journal import refix_object
from specie.issuance.wallet.officer import sign_policy
from specie.kernel.clock import SystemClock, SystemRandomness
from tests.app.auditing import Audited, Forge, audited, config_in, found_in
from tests.app.serving import run


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("founded") / "data"
    asyncio.run(found_in(folder))
    return folder


@pytest.fixture
def config(tmp_path: Path, founded: Path) -> Config:
    return config_in(tmp_path / "data", founded)


class Careless(Forge):
    """The same at central management, whose items say what they need."""

    def needs(self, rules: Any, now_us: int) -> Needs:
        return Needs()


async def make_request(world: Audited, amount: int) -> Signed[Request]:
    """A signed request that stands in the issuance system's log."""
    from specie.issuance.api import Order

    owner = await (await world.alice()).kid()
    order = Order("XTS", amount, 0, owner, ((amount, 1),), "retail", "operator-1")
    (row,) = await create(world.issuance, [order], [sha256(str(amount).encode()).digest()[:16]])
    return read_unverified(row.request, Request)


async def make_credential(world: Audited, request: Signed[Request]) -> Signed[Credential]:
    """Central management signs without a look at policy, officers or quota."""

    def forge(batch: Any, desk: Any) -> Any:
        row = fix_credential(batch, desk, request, pack_ids([]), (), request.kid)
        batch.new_credentials.clear()  # its own books never hear of it
        return row

    row = await world.cm.writer.submit(Careless(forge))
    signatures = await world.cm.desk.sign_rows([row])
    await world.cm.desk.database.write(
        lambda tx: tx.run("UPDATE object SET signature = ? WHERE cti = ?", (signatures[row.cti], row.cti))
    )
    return read_unverified(assemble(row, signatures[row.cti]), Credential)


async def make_bit(world: Audited, credential: Signed[Credential], **changes: Any) -> None:
    """Quota control signs a bit for it, without a look at anything."""
    request, body = read_unverified(credential.body.request, Request), credential.body

    def forge(batch: Any, desk: Any) -> None:
        journal = batch.journal
        bit = ControlBit(
            credential.claims.cti,
            credential.hash,
            body.currency,
            body.amount,
            body.model,
            sha256(request.body.owner).digest(),
            body.unit_root,
            1,
            journal.next_seq(),
        )
        claims = Claims(iss=desk.me, aud=body.issuer, iat=journal.now_s, exp=journal.now_s + 600, cti=desk.new_cti())
        row = desk.fix(journal, "qc:bit", desk.key_set(batch.rules), claims, replace(bit, **changes))
        journal.append("use", row.hash, sha256(credential.tbs).digest())

    await world.qc.writer.submit(Forge(forge))
    await sign_leftovers(world.qc)


async def conspire(config: Config, plot: Callable[[Audited], Any]) -> list[dict[str, Any]]:
    """An honest start, then a plot: what was found."""
    async with audited(config) as world:
        await world.issue()
        await world.settle()
        await world.audit()
        assert await world.findings() == []
        await plot(world)
        await world.audit()
        return await world.findings()


def codes(found: Sequence[dict[str, Any]]) -> set[str]:
    return {row["code"] for row in found}


def test_an_issue_without_its_officers_is_found(config: Config) -> None:
    """SPEC ISSUANCE-1.4.1, ISSUANCE-20.7, ISSUANCE-11.6"""

    async def plot(world: Audited) -> None:
        await make_bit(world, await make_credential(world, await make_request(world, 400_000)))

    assert codes(run(conspire(config, plot))) == {"APPROVALS_MISSING"}


def test_an_issue_above_every_cap_is_found(config: Config) -> None:
    """SPEC ISSUANCE-1.4.4, ISSUANCE-20.8"""

    async def plot(world: Audited) -> None:
        for amount in range(99_000, 99_010):
            await make_bit(world, await make_credential(world, await make_request(world, amount)))

    found = run(conspire(config, plot))
    assert codes(found) == {"CAP_EXCEEDED"}
    assert len(found) == 1


def test_a_request_above_the_most_is_found(config: Config) -> None:
    """SPEC ISSUANCE-1.4.1, ISSUANCE-6.2.13"""

    async def plot(world: Audited) -> None:
        await make_bit(world, await make_credential(world, await make_request(world, 6_000_000)))

    found = run(conspire(config, plot))
    assert codes(found) == {"RULES_BROKEN"}
    assert "AMOUNT_ABOVE_MAX" in found[0]["detail"]


def test_one_request_with_two_credentials_is_found(config: Config) -> None:
    """SPEC ISSUANCE-15.6.1, ISSUANCE-6.5.20, ISSUANCE-20.3"""

    async def plot(world: Audited) -> None:
        request = await make_request(world, 500)
        for _ in range(2):
            await make_bit(world, await make_credential(world, request))

    assert codes(run(conspire(config, plot))) == {"REQUEST_USED_TWICE"}


def test_one_credential_with_two_bits_is_found(config: Config) -> None:
    """SPEC ISSUANCE-4.3.3, ISSUANCE-5.4.3"""

    async def plot(world: Audited) -> None:
        credential = await make_credential(world, await make_request(world, 500))
        for _ in range(2):
            await make_bit(world, credential)

    assert codes(run(conspire(config, plot))) == {"CREDENTIAL_USED_TWICE"}


@pytest.mark.parametrize(
    "changes",
    [{"amount": 501}, {"owner_hash": bytes(32)}, {"unit_count": 2}, {"unit_root": bytes(32)}, {"sequence": 1}],
)
def test_a_bit_that_says_more_than_its_credential_is_found(config: Config, changes: dict[str, Any]) -> None:
    """SPEC ISSUANCE-20.4, ISSUANCE-4.5.1, ISSUANCE-4.7.1"""

    async def plot(world: Audited) -> None:
        await make_bit(world, await make_credential(world, await make_request(world, 500)), **changes)

    assert codes(run(conspire(config, plot))) == {"BIT_MISMATCH"}


def test_units_redeemed_twice_are_found(config: Config) -> None:
    """SPEC ISSUANCE-14.3, ISSUANCE-14.7 (quota control signs a second receipt for units that came back)."""

    async def plot(world: Audited) -> None:
        view = await world.issue()
        await world.redeem(view, 1)
        with_request = await world.qc.desk.database.read(
            lambda tx: tx.one("SELECT body FROM outbox WHERE topic = 'redeem:cm-1'")
        )
        assert with_request is not None
        from specie.issuance.messages.objects import RedemptionRequest
        from specie.kernel import codec

        value: Any = codec.decode(with_request[0], bytes_max=65_536)
        request = read_unverified(value[1], RedemptionRequest)

        def forge(batch: Any, desk: Any) -> None:
            journal, asked = batch.journal, request.body
            body = Redemption(serials_root(asked.units or ()), "XTS", asked.amount, journal.next_seq())
            claims = Claims(iss=desk.me, aud=request.claims.iss, iat=journal.now_s, cti=desk.new_cti())
            row = desk.fix(journal, "qc:bit", desk.key_set(batch.rules), claims, body)
            journal.append("redeem", row.hash, request.hash, request.kid)
            message = codec.encode([row.cti, request.data, value[2]])
            journal.send_later("redeem:cm-1", row.cti, message)

        await world.qc.writer.submit(Forge(forge))
        await sign_leftovers(world.qc)

    assert codes(run(conspire(config, plot))) == {"REDEEMED_TWICE", "REDEEMED_BEYOND_ISSUE"}


def test_two_systems_with_two_policies_are_found(config: Config) -> None:
    """SPEC ISSUANCE-1.3.1, ISSUANCE-5.1.3 (officers sign two versions 2, and each system gets its own)."""

    async def plot(world: Audited) -> None:
        people = People(config, SystemClock(), SystemRandomness())
        hands = [people.hand(name) for name in ("mina", "omar")]
        assert len(ROOTS) == 3
        for engine, changed in ((world.cm, 1), (world.qc, 0)):
            book = (await engine.desk.refresh()).book
            assert book is not None
            newest = book.newest
            policy: Policy = replace(newest.policy, version=2, previous=newest.hash, disclose_available=changed)
            await engine.rules.apply_policy(await sign_policy(policy, hands))

    assert codes(run(conspire(config, plot))) == {"POLICY_FORKED"}


def test_bytes_that_were_fixed_anew_speak_for_the_first_leaf(config: Config) -> None:
    """SPEC ISSUANCE-12.1.5 (no plot at all; the key stopped between decision and signature, twice)."""

    async def plot(world: Audited) -> None:
        credential = await make_credential(world, await make_request(world, 500))
        body = credential.body
        request = read_unverified(body.request, Request)

        def decide(batch: Any, desk: Any) -> None:
            journal, keys = batch.journal, desk.key_set(batch.rules)
            owner, seq = sha256(request.body.owner).digest(), journal.next_seq()
            bit = ControlBit(credential.claims.cti, credential.hash, "XTS", 500, 0, owner, body.unit_root, 1, seq)
            claims = Claims(iss=desk.me, aud="is-1", iat=journal.now_s, exp=journal.now_s + 60, cti=desk.new_cti())
            row = desk.fix(journal, "qc:bit", keys, claims, bit)
            journal.append("use", row.hash, sha256(credential.tbs).digest())
            for _ in range(2):
                batch.settle()
                new = refixed(desk, batch, row)
                assert refix_object(batch.tx, row, new)
                batch.journal.append("refixed", new.hash, row.hash)
                row = new

        await world.qc.writer.submit(Forge(decide))
        await sign_leftovers(world.qc)
        await world.audit()
        assert (await world.supply())["currencies"]["XTS"]["issued"] == "155.00"
        status = await world.status()
        assert status["logs"]["qc-1"]["waiting_for_objects"] == 0

    assert run(conspire(config, plot)) == []
