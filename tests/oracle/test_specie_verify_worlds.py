"""specie-verify on worlds that were run wrongly, on a holder's light evidence, on single files.

Spec: ISSUANCE-16.4.1, ISSUANCE-21.12 and the clauses that the cases name.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from oracle.issuance import cose, log, note, objects, world
from oracle.issuance.vectors import public_of, seed_of
from oracle.issuance.verifier import ROOTS, Verifier, drop, of
from oracle.issuance.world import Record, World

VECTORS = Path(__file__).parents[1] / "vectors" / "issuance" / "vectors.json"

# -- faults in how a world is run ---------------------------------------------------------------------------


def test_threshold_of_root_keys_is_not_the_manifests_to_choose(verify: Verifier) -> None:
    """One stolen root key signs a chain of its own that asks for one signature."""
    made = world.lively()
    forged = objects.manifest("dev", 1, bytes(32), made.entries, [seed_of("root-3")], iat=1, cti=bytes(16), threshold=1)
    records = [{"kind": "keys", "hex": forged.hex()}, *made.records, *made.log_records()]
    assert "MANIFEST_THRESHOLD" in verify.codes("bundle", records)
    assert "MANIFEST_THRESHOLD" not in verify.codes("bundle", records, "--threshold", "1")


def test_manifest_of_another_environment(verify: Verifier) -> None:
    made = world.lively()
    first = made.manifests()[0]
    seeds = [seed_of("root-1"), seed_of("root-2")]
    second = objects.manifest("prod", 2, cose.sha256(first), made.entries, seeds, iat=1, cti=bytes(16))
    records = [{"kind": "keys", "hex": data.hex()} for data in (first, second)]
    assert "MANIFEST_ENVIRONMENT" in verify.codes("bundle", records + made.records)


# SPEC ISSUANCE-12.2.1, ISSUANCE-12.2.2
@pytest.mark.parametrize(("position", "expected"), [(99, set()), (5, {"KEY_REVOKED"})])
def test_a_revoked_key_counts_only_before_the_position(verify: Verifier, position: int, expected: set[str]) -> None:
    made = world.lively()
    at = next(i for i, e in enumerate(made.entries) if e.role == "qc:bit")
    made.entries[at] = made.entries[at]._replace(status=3, compromised_from_seq=position)
    assert verify.codes("bit", made.bundle()) == expected
    without_log = [r for r in made.bundle() if r["kind"] not in ("leaf", "checkpoint")]
    assert verify.codes("bit", without_log) == {"KEY_REVOKED"}


# SPEC ISSUANCE-20.9
def test_a_bit_without_a_credential_is_found(verify: Verifier) -> None:
    """Quota control and an issuance system make a credential of their own."""
    made = World()
    made.token_issue("is:a", [[10, 1]], b"alice")
    cred = made.credential("is:a", 70, [[70, 1]], b"alice")
    made.bodies["cm"].pop()
    made.bit(cred)
    made.bodies["cm"].pop()
    assert verify.codes("bundle", made.bundle()) == {"NOT_LOGGED"}


# SPEC ISSUANCE-5.4.3, ISSUANCE-6.5.20
def test_a_credential_used_twice_is_found(verify: Verifier) -> None:
    made = World()
    cred = made.credential("is:a", 70, [[70, 1]], b"alice")
    made.bit(cred)
    made.bit(cred)
    assert verify.codes("bundle", made.bundle()) == {"CREDENTIAL_CONFLICT"}


def test_an_unlogged_bit_inside_a_unit_is_found(verify: Verifier) -> None:
    """The record of the bit is left out, so only the unit carries it."""
    made = World()
    made.token_issue("is:a", [[10, 1]], b"alice")
    made.leaf("qc", "pause", bytes(32))
    made.bodies["qc"].pop(0)
    made.bodies["qc"][0] = log.body(1, world.T, "pause", bytes(32))
    records = [r for r in made.bundle() if r["kind"] not in ("bit", "minted")]
    assert "NOT_LOGGED" in verify.codes("bundle", records)


def test_one_unit_redeemed_twice_is_found(verify: Verifier) -> None:
    made = World()
    alice = cose.key_id(cose.okp_key(public_of("owner:alice")))
    _, units = made.token_issue("is:a", [[10, 2]], alice)
    made.redeem(units[:1], "owner:alice")
    made.redeem(units[:1], "owner:alice")
    assert verify.codes("bundle", made.bundle()) == {"ALREADY_REDEEMED"}


# SPEC ISSUANCE-14.7
def test_more_back_than_issued_is_found(verify: Verifier) -> None:
    made = World()
    made.account_issue(10)
    made.redeem_account(11, b"posting")
    made.supply()
    assert "SUPPLY_SUM" in verify.codes("supply", made.bundle())


def test_two_histories_of_one_size_are_found(verify: Verifier) -> None:
    made, other = world.lively(), world.lively()
    other.bodies["qc"][0] = log.body(1, world.T, "pause", bytes(32))
    fork = {"kind": "checkpoint", "hex": other.checkpoint("qc").hex()}
    assert "LOG_FORK" in verify.codes("log", [*made.bundle(), fork])


def test_a_checkpoint_by_another_systems_key(verify: Verifier) -> None:
    made = world.lively()
    origin = note.origin("dev", "qc")
    text = note.checkpoint_text(origin, 0, log.root([]))
    signed = text + "\n" + note.signature_line(text, origin, seed_of("log-cm"))
    record = {"kind": "checkpoint", "hex": signed.encode().hex()}
    assert verify.codes("log", [*made.bundle(), record]) == {"CHECKPOINT_UNSIGNED"}


# SPEC ISSUANCE-12.1.5
def test_a_bit_that_was_fixed_anew_counts_once(verify: Verifier) -> None:
    made = World()
    cred = made.credential("is:a", 70, [[70, 1]], b"alice")
    first = made.bit(cred)
    made.records.pop()
    parsed = objects.parse(first)
    fields = {"iss": "qc", "iat": world.T + 50, "exp": world.T + 1000, "cti": made.cti(), "seq": 1}
    second = made.put("bit", objects.control_bit(cred, seed_of("qc:bit"), **fields))
    made.leaf("qc", "refixed", cose.object_hash(second), cose.object_hash(first))
    made.supply()
    assert parsed.body[4] == 70
    assert verify.codes("bundle", made.bundle()) == set()
    made.bodies["qc"].pop(1)
    assert verify.codes("bundle", made.bundle()) != set()


# -- light evidence -----------------------------------------------------------------------------------------


WEAK = cose.okp_key((1).to_bytes(32, "little"))


def light() -> tuple[World, list[Record]]:
    """What one holder keeps: his unit and bit, proofs, a statement, checkpoints; no log."""
    made = World()
    made.token_issue("is:a", [[10, 1], [5, 2]], b"alice")
    made.token_issue("is:b", [[7, 1]], b"bob")
    made.account_issue(100)
    proofs = [made.sum_proof(0, 0, made.bodies["qc"][0]), made.inclusion("qc", 0), made.consistency("qc", 2)]
    marks = [made.checkpoint("qc", 2), made.checkpoint("qc")]
    kept = [*of(made.records, "unit")[:1], *of(made.records, "bit")[:1]]
    made.supply()
    kept += [*of(made.records, "supply"), *({"kind": "checkpoint", "hex": m.hex()} for m in marks)]
    return made, [*made.key_records(), *kept, *proofs]


def test_light_evidence_verifies(verify: Verifier) -> None:
    assert verify.codes("bundle", light()[1]) == set()
    assert verify.codes("log", light()[1]) == set()


LIGHT_FAULTS: dict[str, tuple[str, Callable[[list[Record]], object]]] = {
    "amount": ("SUPPLY_ROOT", lambda r: of(r, "sum_proof")[0].update(amount="21")),
    "path": ("SUPPLY_ROOT", lambda r: of(r, "sum_proof")[0]["path"][0].__setitem__(0, "8")),
    "tree": ("SUPPLY_ROOT", lambda r: of(r, "sum_proof")[0].update(tree="redemptions")),
    "place": ("SUPPLY_ROOT", lambda r: of(r, "sum_proof")[0].update(index=1)),
    "size": ("SUPPLY_ROOT", lambda r: of(r, "sum_proof")[0].update(size=1)),
    "place is text": ("BUNDLE_MALFORMED", lambda r: of(r, "sum_proof")[0].update(index="0")),
    "negative sum": ("BUNDLE_MALFORMED", lambda r: of(r, "sum_proof")[0].update(other=["-1", "00" * 32])),
    "inclusion path": ("PROOF_INVALID", lambda r: of(r, "inclusion")[0]["path"].__setitem__(0, "00" * 32)),
    "inclusion size": ("PROOF_INVALID", lambda r: of(r, "inclusion")[0].update(size=3)),
    "inclusion place": ("PROOF_INVALID", lambda r: of(r, "inclusion")[0].update(index=2)),
    "inclusion of text": ("BUNDLE_MALFORMED", lambda r: of(r, "inclusion")[0].update(size="5")),
    "inclusion outside": ("PROOF_INVALID", lambda r: of(r, "inclusion")[0].update(index=99)),
    "inclusion too long": ("PROOF_INVALID", lambda r: of(r, "inclusion")[0]["path"].append("00" * 32)),
    "consistency from nothing": ("PROOF_INVALID", lambda r: of(r, "consistency")[0].update({"from": 0})),
    "kind is a list": ("BUNDLE_MALFORMED", lambda r: r.append({"kind": ["bit"], "hex": ""})),
    "leaf of nobody": (
        "BUNDLE_MALFORMED",
        lambda r: r.append(of(r, "inclusion")[0] | {"kind": "leaf", "system": 7}),
    ),
    "weak owner key": ("KEY_WEAK", lambda r: r.append({"kind": "owner_key", "hex": WEAK.hex()})),
    "no inclusion": ("NOT_LOGGED", drop("inclusion")),
    "consistency": ("PROOF_INVALID", lambda r: of(r, "consistency")[0].update(path=["00" * 32])),
    "no old checkpoint": ("PROOF_INVALID", drop("checkpoint")),
}


@pytest.mark.parametrize("name", LIGHT_FAULTS)
def test_a_fault_in_light_evidence_is_named(verify: Verifier, name: str) -> None:
    expected, spoil = LIGHT_FAULTS[name]
    records = light()[1]
    spoil(records)
    assert expected in verify.codes("bundle", records)


# -- single files and usage ---------------------------------------------------------------------------------


def annex_b_keys() -> list[objects.KeyEntry]:
    roles = [("iss:bank-01", "is:req"), ("iss:bank-01", "is:unit"), ("cms", "cm:cred"), ("qcs", "qc:bit")]
    made = []
    for name, role in roles:
        key = cose.okp_key(public_of(name))
        made.append(objects.KeyEntry(cose.key_id(key), key, role, name, world.T, world.T + 9, world.T + 99))
    return made


# SPEC ISSUANCE-21.1
def test_annex_b_as_single_files(verify: Verifier) -> None:
    seeds = [seed_of("root-1"), seed_of("root-2")]
    keys = objects.manifest("dev", 1, bytes(32), annex_b_keys(), seeds, iat=1, cti=bytes(16))
    made = json.loads(VECTORS.read_text(encoding="utf-8"))
    (verify.folder / "keys").write_bytes(keys)
    (verify.folder / "unit").write_bytes(bytes.fromhex(made["units"][3]))
    (verify.folder / "bit").write_text(made["control_bit"] + "\n")
    (verify.folder / "credential").write_text(made["credential"])
    for command in ("unit", "bit", "credential"):
        done = verify(command, command, *ROOTS, "--keys", "keys")
        assert done.returncode == 0, done.stdout
    assert verify("bit", "bit", "credential", *ROOTS, "--keys", "keys").returncode == 0
    assert verify("unit", "bit", *ROOTS, "--keys", "keys").returncode == 9, "no unit in it"
    late = verify("unit", "unit", *ROOTS, "--keys", "keys", "--at", str(world.T + 100))
    assert (late.returncode, "KEY_NOT_ACTIVE" in late.stdout) == (9, True)


def test_compact_unit_needs_its_bit(verify: Verifier) -> None:
    made = World()
    cred = made.credential("is:a", 70, [[70, 1]], b"alice")
    bit = made.bit(cred)
    request = objects.parse(cred).body[1]
    (unit,) = objects.make_units(request, bit, seed_of("is:unit"), iat=world.T + 6, compact=True)
    record = {"kind": "unit", "hex": unit.hex()}
    assert verify.codes("unit", [*made.key_records(), record]) == {"BIT_MISMATCH"}
    assert verify.codes("unit", [*made.key_records(), record, {"kind": "bit", "hex": bit.hex()}]) == set()


def test_weak_key_in_a_manifest(verify: Verifier) -> None:
    made = World()
    weak = cose.okp_key((1).to_bytes(32, "little"))
    made.entries.append(world.entry("qc:bit", kid=cose.key_id(weak), cose_key=weak))
    assert "KEY_WEAK" in verify.codes("bundle", made.bundle())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bundle"],
        ["bundle", "b"],
        ["bundle", "missing", *ROOTS],
        ["hope", "b", *ROOTS],
        ["bit", "b", "--root", "00"],
        ["bit", "b", *ROOTS, "--threshold", "4"],
        ["bit", "b", *ROOTS, "--threshold", "0"],
    ],
)
def test_wrong_usage_is_2(verify: Verifier, arguments: list[str]) -> None:
    (verify.folder / "b").write_text("")
    assert verify(*arguments).returncode == 2


def test_nothing_to_verify_is_not_success(verify: Verifier) -> None:
    assert verify.codes("bundle", World().key_records()) == {"NOTHING"}
    assert "NO_KEYS" in verify.codes("bundle", [])
