"""The audit finds what was edited, cut, restored or signed alone; the verifier finds it in an export."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from specie.crypto import cose
from specie.issuance.api import IssueView
from specie.issuance.engine.audit import AuditReport, audit
from specie.issuance.engine.audit.export import Record, export, to_lines
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import ControlBit
from specie.issuance.wallet import officer, owner
from tests.issuance.forge import asynchronous
from tests.issuance.house import CM, CURRENCY, IS, QC, House
from tests.issuance.registry import BANK, CHAIN, BankBooks, LedgerBooks

VERIFIER = Path(__file__).parents[2] / "tools" / "specie_verify.py"


@dataclass
class Lively:
    """A house in which each kind of thing has happened."""

    house: House
    units: list[bytes]
    witnessed: dict[str, list[bytes]]

    async def audit(self) -> AuditReport:
        house = self.house
        return await audit(
            house.central_management, house.quota_control, [house.issuance], house.registries, witnessed=self.witnessed
        )

    def sql(self, system: str, text: str, *values: Any) -> None:
        """Edit a row as someone with write access to the file would: no trigger stops him."""
        connection = self.house.databases[system]._session._open()  # type: ignore[attr-defined]
        connection.execute("PRAGMA query_only = 0")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(text, values).rowcount > 0, "the edit changed nothing"


async def make_lively(house: House) -> Lively:
    """Issues of each tier, a rejected one, a denied one, a redemption, a frozen unit, statements, checkpoints."""
    await house.found(daily_cap=5_000_000)
    first, second = [await issue(house) for _ in range(2)]
    big = await issue(house, 800_000, operator="olga")
    no = await issue(house, 300_000, operator="olga")
    for person in ("mina", "omar"):
        word = await officer.approve(house.hand(person), await request_of(house, big), 2)
        await house.central_management.approve(word)
    word = await officer.reject(house.hand("ines"), await request_of(house, no), 1, "no")
    await house.central_management.approve(word)
    await house.issuance.issue([house.order(950_000)])
    await house.settle()
    units = list(await house.issuance.units(first.id))
    hand = house.hand("alice", "owner")
    await house.issuance.redeem(await owner.redeem(hand, units[:2], "account 7"))
    serial = owner.read_unverified(units[3], owner.Unit).claims.cti
    await house.issuance.freeze([await officer.freeze(house.hand(n), serial, "court") for n in ("mina", "omar")])
    del second
    await house.settle()
    house.clock.advance(seconds=20)
    await house.settle()
    kept = {
        system: [await engine.log.checkpoint()]
        for system, engine in ((CM, house.central_management), (QC, house.quota_control), (IS, house.issuance))
    }
    return Lively(house, units, kept)


async def issue(house: House, amount: int = 15_000, **more: Any) -> IssueView:
    (view,) = await house.issuance.issue([house.order(amount, **more)])
    assert isinstance(view, IssueView), view
    return view


async def request_of(house: House, view: IssueView) -> bytes:
    waiting = await house.central_management.waiting()
    return next(data for data in waiting if sha256(data).digest() == view.request_hash)


# SPEC ISSUANCE-15.3.2, ISSUANCE-5.4.6
@asynchronous
async def test_a_lively_house_balances(house: House) -> None:
    """Terms are decimal strings; U is what was made and not redeemed."""
    report = await (await make_lively(house)).audit()
    assert [each.to_json() for each in report.differences] == []
    said = report.to_json()
    assert said["balanced"] is True
    terms = said["terms"][CURRENCY]
    assert (terms["issued"], terms["redeemed"], terms["U"], terms["T"]) == ("8300.00", "120.00", "8180.00", "0.00")


EDITS: dict[str, tuple[str, str, set[str]]] = {
    "bucket used": (QC, "UPDATE bucket SET used = used - 100 WHERE key = 'stock:XTS'", {"I2", "I6", "I7"}),
    "bucket of a window": (QC, "UPDATE bucket SET used = 0 WHERE kind = 2", {"I2"}),
    "bucket held": (CM, "UPDATE bucket SET reserved = reserved + 1 WHERE key = 'stock:XTS'", {"I2"}),
    "bucket cap": (QC, "UPDATE bucket SET cap = cap * 2 WHERE name = 'total-supply'", {"ROW"}),
    "entry": (QC, "UPDATE entry SET d_used = d_used + 1 WHERE seq = (SELECT MIN(seq) FROM entry)", {"I2"}),
    "entry gone": (CM, "DELETE FROM entry WHERE seq = (SELECT MIN(seq) FROM entry)", {"I2"}),
    "use amount": (QC, "UPDATE cred_use SET amount = amount - 1 WHERE amount = 15000", {"ROW"}),
    "use state": (QC, "UPDATE cred_use SET state = 1 WHERE amount = 15000", {"I8", "LINK"}),
    "use buckets": (QC, "UPDATE cred_use SET buckets = X'8101' WHERE amount = 15000", {"I2", "ROW"}),
    "use gone": (QC, "DELETE FROM cred_use WHERE amount = 800000", {"I8", "LINK"}),
    "redeemed value": (QC, "UPDATE redeemed SET value = value - 1", {"ROW"}),
    "redeemed serial gone": (QC, "DELETE FROM redeemed WHERE value = 10000", {"ROW"}),
    "redemption amount": (QC, "UPDATE redemption SET amount = amount + 1", {"ROW"}),
    "counted": (QC, "UPDATE counted SET amount = amount + 1 WHERE kind = 'redeem'", {"ROW"}),
    "object payload": (QC, "UPDATE object SET payload = X'A0' WHERE typ = 'dc-supply'", {"ROW"}),
    "object signature": (QC, "UPDATE object SET signature = zeroblob(64) WHERE typ = 'dc-bit'", {"SIGNATURE"}),
    "object hash": (CM, "UPDATE object SET hash = zeroblob(32) WHERE typ = 'dc-deny'", {"ROW", "I8"}),
    "request amount": (CM, "UPDATE request SET amount = 1 WHERE amount = 800000", {"ROW"}),
    "request bytes": (CM, "UPDATE request SET data = X'00' WHERE amount = 800000", {"ROW"}),
    "request state": (CM, "UPDATE request SET state = 5 WHERE state = 6", {"ROW"}),
    "credential state": (CM, "UPDATE credential SET state = 0 WHERE amount = 800000", {"ROW", "LINK"}),
    "credential exp": (CM, "UPDATE credential SET exp = exp + 9999", {"ROW"}),
    "approval person": (CM, "UPDATE approval SET person = 'eve' WHERE person = 'mina'", {"ROW"}),
    "return amount": (CM, "UPDATE returned SET amount = amount + 1", {"ROW"}),
    "outbox of uses": (QC, "UPDATE outbox SET body = zeroblob(16) WHERE id = 1", {"ROW"}),
    "policy": (QC, "UPDATE policy SET data = X'00'", {"ROW"}),
    "policy delay": (CM, "UPDATE policy SET delay_s = 5", {"ROW"}),
    "manifest": (IS, "UPDATE manifest SET data = X'00'", {"ROW"}),
    "issue amount": (IS, "UPDATE issue SET amount = amount + 1 WHERE amount = 15000", {"ROW"}),
    "issue state": (IS, "UPDATE issue SET state = 7 WHERE amount = 800000", {"ROW"}),
    "unit value": (IS, "UPDATE unit SET value = value * 2", {"ROW"}),
    "unit bytes": (IS, "UPDATE unit SET data = X'00' WHERE place = 0", {"ROW"}),
    "unit state": (IS, "UPDATE unit SET state = 0 WHERE state = 2", {"ROW"}),
    "unit gone": (IS, "DELETE FROM unit WHERE value = 800000", {"I5"}),
    "receipt": (IS, "UPDATE redemption SET receipt = X'00'", {"ROW"}),
    "freeze": (IS, "DELETE FROM unit_freeze", {"I8", "ROW"}),
    "checkpoint": (QC, "UPDATE checkpoint SET root = zeroblob(32)", {"CHECKPOINT"}),
    "supply statement": (QC, "DELETE FROM supply", {"I8"}),
    "leaf": (QC, "UPDATE log SET body = X'A0' WHERE seq = 3", {"CHAIN"}),
    "leaf's object": (IS, "UPDATE log SET object = zeroblob(32) WHERE seq = 4", {"CHAIN"}),
    "head": (CM, "UPDATE head SET hash = zeroblob(32)", {"CHAIN"}),
    "frontier": (QC, "UPDATE head SET frontier = X''", {"CHAIN"}),
}


# SPEC ISSUANCE-20.16, ISSUANCE-15.6.1, ISSUANCE-1.4.6
@pytest.mark.parametrize("name", EDITS)
@asynchronous
async def test_an_edited_row_is_found(house: House, name: str) -> None:
    """Whoever writes into one system's store changes what no signature and no leaf supports."""
    lively = await make_lively(house)
    system, text, expected = EDITS[name]
    lively.sql(system, text)
    report = await lively.audit()
    assert not report.balanced
    assert expected <= {each.id for each in report.differences}, report.differences


# SPEC ISSUANCE-20.17, ISSUANCE-20.18, ISSUANCE-17.3
@pytest.mark.parametrize("system", [CM, QC, IS])
@asynchronous
async def test_a_cut_or_restored_log_is_found(house: House, system: str) -> None:
    """An older copy is consistent in itself; what a witness keeps is no prefix of it."""
    lively = await make_lively(house)
    database: Any = house.databases[system]
    old = database._session._open().serialize()
    await issue(house)
    await house.settle()
    house.clock.advance(seconds=20)
    await house.settle()
    engines = {CM: house.central_management, QC: house.quota_control, IS: house.issuance}
    lively.witnessed[system].append(await engines[system].log.checkpoint())  # type: ignore[attr-defined]
    assert (await lively.audit()).balanced
    database._session._open().deserialize(old)
    found = {each.id for each in (await lively.audit()).differences if each.system == system}
    assert "WITNESS" in found


# SPEC ISSUANCE-20.9, ISSUANCE-1.4.5
@asynchronous
async def test_a_bit_without_a_credential_is_found(house: House) -> None:
    """Quota control, alone, signs a bit, enters it everywhere and keeps its own books in order."""
    lively = await make_lively(house)
    forged = await sign_alone(house)
    report = await lively.audit()
    said = [each for each in report.differences if "no credential leaf" in each.detail]
    assert [each.figures["amount"] for each in said] == [777]
    assert forged


async def sign_alone(house: House) -> bytes:
    """Let quota control's own code count a use for which no credential was made."""
    from specie.issuance.engine.quota_control.batch import Batch
    from specie.issuance.store import quota_control as store
    from specie.issuance.store.buckets import pack_ids

    class Alone:
        def decide(self, batch: Batch, desk: Any) -> bytes:
            journal, cid = batch.journal, desk.new_cti()
            body = ControlBit(cid, bytes(32), CURRENCY, 777, 0, sha256(b"x").digest(), bytes(32), 1, journal.next_seq())
            claims = Claims(iss=QC, aud=IS, iat=journal.now_s, exp=journal.now_s + 1200, cti=desk.new_cti())
            row = desk.fix(journal, "qc:bit", desk.key_set(batch.rules), claims, body)
            seq = journal.append("use", row.hash, bytes(32))
            ids = [found[0] for found in batch.tx.all("SELECT id FROM bucket WHERE kind IN (0, 1) ORDER BY id")]
            batch.buckets.lock([], ids, journal.now_us)
            for ident in ids:
                bucket = batch.buckets.by_id[ident]
                batch.buckets.move(bucket, seq, cid, bucket.take(777))
            batch.add_use(
                store.UseRow(cid, bytes(32), IS, CURRENCY, 777, 0, store.UseState.USED, row.cti, seq, journal.now_us,
                             None, pack_ids(ids), bytes(32), 1, b"x")
            )  # fmt: skip
            batch.counted.append(store.CountedRow(seq, "use", CURRENCY, IS, 777, row.hash))
            journal.send_later(f"use:{CM}", row.cti, row.cti)
            return row.cti

    return await house.quota_control.writer.submit(Alone())  # type: ignore[no-any-return]


# SPEC ISSUANCE-1.4.3, ISSUANCE-5.4.9
@asynchronous
async def test_units_without_a_bit_are_found(house: House) -> None:
    """The store of quota control loses a use that an issuance system was answered: success was not durable."""
    lively = await make_lively(house)
    database: Any = house.databases[QC]
    old = database._session._open().serialize()
    view = await issue(house)
    await house.settle()
    database._session._open().deserialize(old)
    lively.witnessed.clear()
    report = await lively.audit()
    assert any(each.id == "I9" and view.id.hex() in each.detail for each in report.differences)
    assert report.terms[CURRENCY]["T1"] == -15_000


# SPEC ISSUANCE-10.6.2, ISSUANCE-5.4.6
@asynchronous
async def test_registries_on_line_state_their_own_figures(connected: tuple[House, BankBooks, LedgerBooks]) -> None:
    """Bits under way are T1, registered value is the registry's, a cancelled bit is nobody's."""
    house, _, ledger = connected
    await house.found(registry=CHAIN, banks=(BANK,))
    await issue(house)
    ledger.away = True
    await issue(house)
    lively = Lively(house, [], {})
    report = await lively.audit()
    assert report.balanced, report.differences
    assert (report.terms[CURRENCY]["H"], report.terms[CURRENCY]["T1"]) == (15_000, 15_000)
    ledger.away = False
    await house.settle()
    assert (await lively.audit()).terms[CURRENCY]["H"] == 30_000
    ledger.totals[CURRENCY] += 1
    assert [each.id for each in (await lively.audit()).differences] == ["I6"]


def verify(records: list[Record], house: House, folder: Path, command: str = "bundle") -> tuple[int, set[str]]:
    """Exit status and failure codes of the verifier in a process of its own, which cannot import the package."""
    path = folder / "bundle.jsonl"
    path.write_text(to_lines(records))
    roots = [cose.parse_key(house.ring.cose_keys[f"root-{n}", "root"]).public.hex() for n in range(3)]
    words = [arg for root in roots for arg in ("--root", root)]
    run = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), command, str(path), *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert run.returncode in (0, 9), run.stderr
    said = json.loads(run.stdout)
    return run.returncode, {f"{each['code']}: {each['what']}: {each['detail']}" for each in said["failures"]}


async def exported(house: House) -> list[Record]:
    return await export(house.central_management, house.quota_control, [house.issuance])


# SPEC ISSUANCE-21.12, ISSUANCE-16.4.1
@asynchronous
async def test_the_verifier_passes_an_export(house: House, tmp_path: Path) -> None:
    await make_lively(house)
    assert verify(await exported(house), house, tmp_path) == (0, set())
    assert verify(await exported(house), house, tmp_path, "supply") == (0, set())


def without(*kinds: str) -> Callable[[list[Record]], list[Record]]:
    return lambda records: [each for each in records if each["kind"] not in kinds]


def last_leaf_of(system: str) -> Callable[[list[Record]], list[Record]]:
    def cut(records: list[Record]) -> list[Record]:
        place = max(i for i, each in enumerate(records) if each["kind"] == "leaf" and each["system"] == system)
        return records[:place] + records[place + 1 :]

    return cut


def flipped(kind: str) -> Callable[[list[Record]], list[Record]]:
    def flip(records: list[Record]) -> list[Record]:
        place = next(i for i, each in enumerate(records) if each["kind"] == kind)
        data = bytes.fromhex(records[place]["hex"])
        changed = {**records[place], "hex": (data[:-1] + bytes([data[-1] ^ 1])).hex()}
        return [*records[:place], changed, *records[place + 1 :]]

    return flip


PLANTED = {
    "truncated log": (last_leaf_of(QC), "LOG_TRUNCATED"),
    "forged unit": (flipped("unit"), "BAD_SIGNATURE"),
    "forged bit": (flipped("bit"), "BAD_SIGNATURE"),
    "forged statement": (flipped("supply"), "BAD_SIGNATURE"),
    "credential left out": (without("credential"), "NOT_LOGGED"),
    "bits left out": (without("bit", "unit"), "SUPPLY_INCOMPLETE"),
    "receipt left out": (without("redeem"), "SUPPLY_INCOMPLETE"),
}


# SPEC ISSUANCE-21.12
@pytest.mark.parametrize("name", PLANTED)
@asynchronous
async def test_the_verifier_finds_planted_faults(house: House, tmp_path: Path, name: str) -> None:
    await make_lively(house)
    spoil, code = PLANTED[name]
    status, found = verify(spoil(await exported(house)), house, tmp_path)
    assert status == 9
    assert code in {each.partition(":")[0] for each in found}, found
