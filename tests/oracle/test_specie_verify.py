"""specie-verify in a process of its own, on data that the oracle made. Spec: ISSUANCE-16.4.1, ISSUANCE-21.12.

Each fault is put into the records of a good world, and the verifier must name it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oracle.issuance import cose, objects, world
from oracle.issuance.vectors import public_of, seed_of
from oracle.issuance.verifier import ROOTS, Verifier, drop, of
from oracle.issuance.world import Record


def test_the_process_sees_neither_the_package_nor_the_tests(packages: Path) -> None:
    probe = "import sys; sys.path.append(sys.argv[1]); import cryptography, importlib.util as u; "
    probe += "print([n for n in ('specie', 'cbor2', 'oracle') if u.find_spec(n)])"
    command = [sys.executable, "-I", "-S", "-c", probe, str(packages)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


# SPEC ISSUANCE-16.4.1, ISSUANCE-21.12
@pytest.mark.parametrize("command", ["unit", "bit", "credential", "log", "supply", "bundle"])
def test_a_good_world_verifies(verify: Verifier, command: str) -> None:
    assert verify.codes(command, world.lively().bundle()) == set()


def test_every_kind_was_looked_at(verify: Verifier) -> None:
    path = verify.folder / "b"
    path.write_text(world.lines(world.lively().bundle()), encoding="utf-8")
    verified = json.loads(verify("bundle", "b", *ROOTS, "--json").stdout)["verified"]
    expected = {
        "acct": 1,
        "bit": 4,
        "cancel": 1,
        "checkpoint": 4,
        "cosignature": 4,
        "credential": 5,
        "keys": 2,
    }
    expected |= {"log": 2, "minted": 2, "recomputed supply": 2, "redeem": 2, "redreq": 2, "request": 5}
    assert verified == expected | {"supply": 2, "tomb": 1, "unit": 6}
    assert "ok: verified" in verify("bundle", "b", *ROOTS).stdout


# -- faults in what was made --------------------------------------------------------------------------------


def flip(record: Record, at: int = -1) -> None:
    data = bytearray.fromhex(record["hex"])
    data[at] ^= 1
    record["hex"] = data.hex()


def flipped(kind: str, at: int = -1) -> Callable[[list[Record]], object]:
    return lambda records: flip(of(records, kind)[0], at)


def leaves(records: list[Record]) -> list[Record]:
    return [record for record in of(records, "leaf") if record["system"] == "qc"]


def swap_leaves(records: list[Record]) -> None:
    one, two = leaves(records)[:2]
    one["hex"], two["hex"] = two["hex"], one["hex"]


def other_event(records: list[Record]) -> None:
    for record in leaves(records):
        del record["chain"]
    first = leaves(records)[0]
    first["hex"] = first["hex"].replace("63757365", "63757364")


def resign(kind: str, key: str, **changes: Any) -> Callable[[list[Record]], None]:
    """Sign an object of this kind again, with another key, other claims (c1, c6) or other fields (f2, f3)."""

    def spoil(records: list[Record]) -> None:
        record = of(records, kind)[0]
        message = objects.parse(bytes.fromhex(record["hex"]))
        claims = dict(message.claims)
        claims.update({int(n[1:]): v for n, v in changes.items() if n[0] == "c"})
        claims[objects.BODY] = message.body | {int(n[1:]): v for n, v in changes.items() if n[0] == "f"}
        record["hex"] = cose.sign1(message.typ, cose.encode(claims), seed_of(key)).hex()

    return spoil


FAULTS: dict[str, tuple[set[str], Callable[[list[Record]], object]]] = {
    "bit signature": ({"BAD_SIGNATURE"}, flipped("bit")),
    "unit signature": ({"BAD_SIGNATURE"}, flipped("unit")),
    "redemption signature": ({"BAD_SIGNATURE"}, flipped("redreq")),
    "statement signature": ({"BAD_SIGNATURE"}, flipped("supply")),
    "checkpoint signature": ({"BAD_SIGNATURE", "CHECKPOINT_MALFORMED"}, flipped("checkpoint", -6)),
    "checkpoint size": ({"BAD_SIGNATURE"}, flipped("checkpoint", len("specie/dev/cm\n"))),
    "first manifest": ({"MANIFEST_CHAIN"}, drop("keys")),
    "no manifest": ({"NO_KEYS"}, lambda r: [r.remove(k) for k in of(r, "keys")]),
    "root signature": ({"BAD_SIGNATURE"}, flipped("keys")),
    "cut log": ({"LOG_TRUNCATED"}, lambda r: r.remove(leaves(r)[-1])),
    "swapped leaves": ({"LOG_CHAIN"}, swap_leaves),
    "edited leaf": ({"LOG_ROOT"}, other_event),
    "chain": ({"LOG_CHAIN"}, lambda r: leaves(r)[3].update(chain="00" * 32)),
    "no checkpoints": ({"LOG_UNCHECKED"}, lambda r: [r.remove(c) for c in of(r, "checkpoint")]),
    "omitted bit": ({"BIT_MISMATCH", "SUPPLY_INCOMPLETE"}, drop("cancel")),
    "omitted redemption": ({"SUPPLY_INCOMPLETE"}, drop("redeem")),
    "altered bit": ({"BIT_MISMATCH"}, resign("bit", "qc:bit", f4=159)),
    "bit by another role": ({"KEY_ROLE"}, resign("bit", "cm:cred")),
    "bit by a stranger": ({"UNKNOWN_KEY"}, resign("bit", "stranger")),
    "bit in another's name": ({"ISSUER_MISMATCH"}, resign("bit", "qc:bit", c1="qc2")),
    "bit too early": ({"KEY_NOT_ACTIVE"}, resign("bit", "qc:bit", c6=world.T - 101)),
    "bit at signing_until": ({"KEY_NOT_ACTIVE"}, resign("bit", "qc:bit", c6=world.T + world.LIFE)),
    "bit that lives too long": ({"LIFETIME_TOO_LONG"}, resign("bit", "qc:bit", c4=world.T + 1206)),
    "bit of another credential": ({"BIT_MISMATCH"}, resign("bit", "qc:bit", f2=bytes(32))),
    "bit with another place": ({"NOT_LOGGED"}, resign("bit", "qc:bit", f9=2)),
    "unit of more value": ({"UNIT_INVALID"}, resign("unit", "is:unit", f2=101)),
    "unit of another owner": ({"UNIT_INVALID"}, resign("unit", "is:unit", f3=b"mallory")),
    "unit beyond the count": ({"UNIT_INVALID"}, resign("unit", "is:unit", f5=2**64 - 1)),
    "unit of another serial": ({"UNIT_INVALID"}, resign("unit", "is:unit", c7=bytes(16))),
    "unit without path": ({"PROOF_INVALID"}, resign("unit", "is:unit", f6=[])),
    "unit of another issuer": ({"UNIT_INVALID"}, resign("unit", "is-b:unit", c1="is:b")),
    "order to another account": ({"UNIT_INVALID"}, resign("acct", "is:unit", f3=b"bank-2/acc-7")),
    "order posted twice": ({"UNIT_INVALID"}, resign("acct", "is:unit", f5=bytes(16))),
    "credential amount": ({"CREDENTIAL_REQUEST_MISMATCH"}, resign("credential", "cm:cred", f5=999)),
    "credential root": ({"CREDENTIAL_REQUEST_MISMATCH"}, resign("credential", "cm:cred", f10=bytes(32))),
    "credential life": ({"LIFETIME_TOO_LONG"}, resign("credential", "cm:cred", c4=world.T + 86401)),
    "credential start": ({"SCHEMA"}, resign("credential", "cm:cred", c5=world.T + 1)),
    "request life": ({"LIFETIME_TOO_LONG"}, resign("request", "is:req", c4=world.T + 901)),
    "request sum": ({"DENOMINATION_SUM"}, resign("request", "is:req", f5=[[100, 1]])),
    "request bomb": ({"TOO_MANY_UNITS"}, resign("request", "is:req", f5=[[1, 1000], [1, 1000]])),
    "minted root": ({"BIT_MISMATCH"}, resign("minted", "is:unit", f2=bytes(32))),
    "receipt of more": ({"NOT_LOGGED", "SUPPLY_INCOMPLETE"}, resign("redeem", "qc:bit", f3=141)),
    "redeemer is not owner": ({"UNKNOWN_KEY"}, resign("redreq", "stranger")),
    "statement issued": ({"SUPPLY_SUM"}, resign("supply", "qc:bit", f3={"XTS": [1, 0, {"is:a": [1, 0]}]})),
    "statement does not add up": (
        {"SUPPLY_SUM"},
        resign("supply", "qc:bit", f3={"XTS": [2, 0, {"is:a": [1, 0]}]}),
    ),
    "statement sum root": ({"SUPPLY_ROOT"}, resign("supply", "qc:bit", f4=bytes(32))),
    "statement log root": ({"SUPPLY_ROOT"}, resign("supply", "qc:bit", f2=bytes(32))),
    "statement of the future": ({"LOG_TRUNCATED"}, resign("supply", "qc:bit", f1=99)),
    "unknown kind": ({"BUNDLE_MALFORMED"}, lambda r: r.append({"kind": "hope", "hex": ""})),
    "kind of another typ": (
        {"WRONG_TYPE"},
        lambda r: r.append({"kind": "tomb", "hex": of(r, "bit")[0]["hex"]}),
    ),
    "trailing byte": (
        {"MALFORMED"},
        lambda r: of(r, "minted")[0].update(hex=of(r, "minted")[0]["hex"] + "00"),
    ),
    "root not pinned": (
        {"ROOT_NOT_PINNED"},
        lambda r: r.append({"kind": "root", "hex": public_of("cms").hex()}),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(verify: Verifier, name: str) -> None:
    expected, spoil = FAULTS[name]
    records = world.lively().bundle()
    spoil(records)
    found = verify.codes("bundle", records)
    assert found, "the verifier saw nothing"
    assert expected & found, found


def test_non_canonical_twin_is_refused(verify: Verifier) -> None:
    """The same unit with a longer head of its payload. Spec: ISSUANCE-20.23."""
    records = world.lively().bundle()
    record = of(records, "unit")[0]
    assert record["hex"].count("a05901") == 1
    record["hex"] = record["hex"].replace("a05901", "a05a000001")
    assert verify.codes("unit", records) == {"NON_CANONICAL"}
