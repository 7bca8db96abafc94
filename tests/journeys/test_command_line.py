"""A working day on the command line: three processes with mutual TLS, and people who type."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.deployments import ROOT, Deployment, Said, three_processes

VERIFIER = ROOT / "tools" / "specie_verify.py"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with three_processes(tmp_path_factory.mktemp("bank")) as made:
        yield made


def done(said: Said) -> Said:
    """A command that had to work."""
    assert said.code == 0, said.out + said.err
    return said


def verify(bank: Deployment, command: str, name: str) -> subprocess.CompletedProcess[str]:
    """The stand-alone verifier, which knows the root keys and nothing else."""
    roots = (bank.folder / "data" / "root-keys").read_text().split()
    words = [word for root in roots for word in ("--root", root)]
    line = [sys.executable, str(VERIFIER), command, str(bank.folder / name), *words]
    return subprocess.run(line, capture_output=True, text=True, check=False)


# SPEC ISSUANCE-11.5
def test_money_from_request_to_receipt(bank: Deployment) -> None:
    """The six steps by hand, an officer off line, and the way back."""
    line = ("issue", "request", "5000", "--owner", "alice", "--operator", "omar", "--denomination", "100:50", "--json")
    ident = done(bank.specie(*line)).json["id"]
    done(bank.specie("issue", "show", ident, "--request", "asked.cose"))
    shown = done(bank.specie("issuance", "officer", "approve", "asked.cose", "--as", "mina", "--out", "yes.cose"))
    for words in ("5 000.00 XTS", "issuer   is-1", "(Alice)", "asked by omar", "daily 5 000.00 XTS"):
        assert words in shown.err
    assert done(bank.typed("issue", "approve", "yes.cose", "--json")).json["state"] == "credentialed"
    assert done(bank.typed("issue", "execute", ident, "--json")).json["state"] == "released"
    traced = done(bank.typed("issuance", "trace", ident, "--json")).json
    assert traced["verified"] is True
    by_type = {step["typ"]: step for step in traced["steps"]}
    assert list(by_type) == ["dc-req", "dc-appr", "dc-cred", "dc-pres", "dc-bit", "dc-unit", "dc-minted"]
    assert by_type["dc-minted"]["log"]["is-1"]["event"] == "release"
    assert set(by_type["dc-bit"]["log"]) == {"is-1", "qc-1"}
    assert set(by_type["dc-req"]["log"]) == {"is-1", "cm-1"}
    again = done(bank.typed("issuance", "trace", by_type["dc-bit"]["id"]))
    assert "50 units, 50 verify" in again.out
    redeemed = done(
        bank.specie("issue", "redeem", "--issue", ident, "--amount", "300", "--as", "alice", "--to", "cash", "--json")
    )
    assert len(redeemed.json["units"]) == 3
    done(bank.typed("issue", "show", ident, "--units", "units"))
    unit = f"units/{redeemed.json['units'][0]}.unit"
    twice = bank.specie("issue", "redeem", unit, "--as", "alice", "--to", "cash", "--json")
    assert (twice.code, twice.json["code"]) == (5, "issuance.already_redeemed")
    destroy = ("issue", "redeem", "--issue", ident, "--amount", "100", "--as", "alice", "--destroy", "--json", "--yes")
    assert done(bank.typed(*destroy, "--officer", "mina", "--officer", "ines")).json["destroyed"] is True


def test_officers_may_say_no(bank: Deployment) -> None:
    ident = done(bank.typed("issue", "request", "1500", "--operator", "omar", "--json")).json["id"]
    done(bank.typed("issue", "reject", ident, "--as", "mina", "--reason", "no mandate"))
    heard = bank.typed("issue", "execute", ident, "--json")
    assert (heard.code, heard.json["code"]) == (3, "issuance.approval_rejected")
    assert "no mandate" in heard.json["detail"]
    ident = done(bank.typed("issue", "request", "1500", "--operator", "omar", "--json")).json["id"]
    assert done(bank.typed("issue", "cancel", ident, "--as", "ines", "--json")).json["state"] == "rejected"


@pytest.mark.parametrize(
    ("role", "more"),
    [
        ("qc:bit", ()),
        ("is:unit", ("--deliver",)),
        ("cm:cred", ()),
        ("qc:kem", ()),
        ("log", ("--system", "quota-control")),
    ],
)
def test_keys_rotate_without_a_restart(bank: Deployment, role: str, more: tuple[str, ...]) -> None:
    # SPEC ISSUANCE-12.1.1, ISSUANCE-12.1.2, ISSUANCE-12.1.3, ISSUANCE-2.2.1, ISSUANCE-2.2.2
    fresh = done(bank.typed("issuance", "keys", "rotate", "--role", role, *more, "--json")).json
    assert set(fresh["systems"].values()) == {fresh["manifest"]}
    for _ in range(500):  # two seconds in a sandbox; each look takes some of them
        rows = done(bank.typed("issuance", "keys", "list", "--at", "quota-control", "--json")).json
        mine = [row for row in rows if (row["role"], row["holder"]) == (role, fresh["system"])]
        assert [row["state"] for row in mine].count("signs") == 1
        if mine[-1]["state"] == "signs":
            break
    assert mine[-1]["key"] == fresh["key"]
    assert mine[-2]["state"] == "verifies"
    issued = done(bank.typed("issue", "request", "10", "--owner", "bob", "--json")).json
    steps = done(bank.typed("issuance", "trace", issued["id"], "--json")).json["steps"]
    signed = {step["typ"]: step["key"] for step in steps}
    typ = {"qc:bit": "dc-bit", "is:unit": "dc-unit", "cm:cred": "dc-cred"}.get(role)
    assert typ is None or signed[typ] == fresh["key"]


def test_a_policy_is_proposed_signed_and_applied(bank: Deployment) -> None:
    # SPEC ISSUANCE-1.3.1, ISSUANCE-5.1.3, ISSUANCE-5.1.4
    for act, then in (("--raise", 1_050_000), ("--lower", 950_000)):
        drafted = done(bank.typed("issuance", "policy", "propose", act, "daily=500", "--dry-run", "--json")).json
        assert {"field": "limits[daily].cap", "now": 1_000_000, "then": then} in drafted["changes"]
    done(bank.typed("issuance", "policy", "propose", "--limit", "daily=12000", "--out", "next"))
    assert bank.typed("issuance", "policy", "apply", "next").code == 2
    done(bank.typed("issuance", "policy", "sign", "next", "--as", "mina", "--out", "next.1"))
    alone = bank.typed("issuance", "policy", "apply", "next.1", "--json")
    assert (alone.code, alone.json["code"]) != (0, "")
    done(bank.typed("issuance", "policy", "sign", "next.1", "--as", "omar", "--out", "next.2"))
    compared = done(bank.typed("issuance", "policy", "diff", "next.2", "--json")).json
    assert sorted(compared["signed_by"]) == ["mina", "omar"]
    assert {"field": "limits[daily].cap", "now": 1_000_000, "then": 1_200_000} in compared["changes"]
    applied = done(bank.typed("issuance", "policy", "apply", "next.2", "--json")).json
    assert set(applied["systems"].values()) == {2}
    daily = [row for row in done(bank.typed("quota", "show", "--json")).json["buckets"] if row["name"] == "daily"]
    assert daily[0]["cap"] == "12000.00"


def test_one_officer_pauses_and_two_resume(bank: Deployment) -> None:
    # SPEC ISSUANCE-11.7, ISSUANCE-12.5.1, ISSUANCE-12.5.2
    stop = ("issuance", "pause", "currency:XTS", "--as", "mina", "--reason", "drill", "--json")
    pause = done(bank.typed(*stop)).json["pause"]
    heard = bank.typed("issue", "request", "5", "--json")
    assert (heard.code, heard.json["code"]) == (3, "issuance.currency_suspended")
    go = ("issuance", "resume", "currency:XTS", "--pause", pause, "--reason", "over", "--officer", "mina")
    assert bank.typed(*go).code == 2
    done(bank.typed(*go, "--officer", "omar"))
    assert done(bank.typed("issue", "request", "5", "--json")).json["state"] == "released"


def test_others_can_check_it_all(bank: Deployment) -> None:
    # SPEC ISSUANCE-15.3.2, ISSUANCE-16.4.1
    logs = done(bank.typed("issuance", "audit", "verify", "--json")).json
    assert logs["verified"] is True
    assert [log["system"] for log in logs["logs"]] == ["cm-1", "qc-1", "is-1"]
    assert done(bank.typed("issuance", "audit", "reconcile", "--json")).json["differences"] == []
    assert done(bank.specie("audit", "--json")).json["balanced"] is True
    done(bank.typed("issuance", "audit", "export", "--out", "all.jsonl"))
    checked = verify(bank, "bundle", "all.jsonl")
    assert checked.returncode == 0, checked.stdout
    done(bank.typed("supply", "prove", "--out", "supply.jsonl"))
    assert done(bank.typed("issuance", "supply", "verify", "supply.jsonl", "--json")).json["verified"] is True
    checked = verify(bank, "supply", "supply.jsonl")
    assert checked.returncode == 0, checked.stdout
    lines = (bank.folder / "supply.jsonl").read_text().splitlines()
    first = next(line for line in lines if '"leaf"' in line)
    (bank.folder / "less.jsonl").write_text("\n".join(line for line in lines if line != first))
    heard = bank.typed("issuance", "supply", "verify", "less.jsonl", "--json")
    assert (heard.code, heard.json["code"]) == (9, "issuance.proof_failed")


def test_the_books_from_services_alone(bank: Deployment, tmp_path: Path) -> None:
    """An auditor without the stores, but with the certificates: less is proved, and it says so."""
    away = Deployment(tmp_path, bank.environ | {"SPECIE_DATA_DIR": str(tmp_path / "data")})
    (tmp_path / "data").mkdir()
    for name in ("ca", "people", "keys-1.cose", "policy-1.cose", "root-keys"):
        (tmp_path / "data" / name).symlink_to(bank.folder / "data" / name)
    for role in ("central-management", "quota-control", "issuance"):
        (tmp_path / "data" / role).mkdir()
        (tmp_path / "data" / role / "tls").symlink_to(bank.folder / "data" / role / "tls")
    heard = done(away.typed("audit", "--json")).json
    assert (heard["balanced"], heard["basis"]) == (True, "statements")


def test_a_system_that_is_away_moves_no_money(bank: Deployment) -> None:
    """Exit 7 where nothing left the house; an issue that is under way goes on when the system is back."""
    before = bank.taken()
    bank.stop("quota-control")
    waiting = bank.typed("issue", "request", "9", "--owner", "bob", "--json")
    assert (waiting.code, waiting.json["state"]) == (0, "credentialed")
    assert waiting.json["code"] == "system.unreachable"
    assert bank.typed("quota", "show", "--at", "quota-control").code == 7
    bank.stop("issuance")
    heard = bank.typed("issue", "request", "9", "--json")
    assert (heard.code, heard.json["code"]) == (7, "system.unreachable")
    bank.start("serve", "quota-control")
    bank.start("serve", "issuance")
    assert done(bank.typed("issue", "execute", waiting.json["id"], "--json")).json["state"] == "released"
    after = bank.taken()
    assert {after[key] - before[key] for key in before} == {900}
