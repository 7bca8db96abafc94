"""specie-verify on logs and statements that a dishonest system made: all roots and signatures are right.

Spec: ISSUANCE-15.1, ISSUANCE-15.4, ISSUANCE-16.4.1 and the clauses that the cases name.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from oracle.issuance import cbor, cose, log, note, objects, sumtree
from oracle.issuance.vectors import seed_of
from oracle.issuance.verifier import Verifier, of
from oracle.issuance.world import T, World

COINS = [[10, 1]]


def edit(number: int, **changes: object) -> Callable[[World], object]:
    """Change fields (f1, f3) of a leaf of quota control before checkpoints are made."""

    def spoil(made: World) -> None:
        fields = cbor.decode(made.bodies["qc"][number - 1])
        fields |= {int(name[1:]): value for name, value in changes.items()}
        made.bodies["qc"][number - 1] = cbor.encode(fields)

    return spoil


def busy() -> World:
    """Leaves of quota control: 1 use, 2 minted, 3 tombstone, 4 use, 5 redeem."""
    made = World()
    made.token_issue("is:a", COINS, b"alice")
    made.tombstone(made.credential("is:b", 70, [[70, 1]], b"nobody"))
    made.account_issue(100)
    made.redeem_account(60, b"posting")
    return made


DISHONEST: dict[str, tuple[set[str], Callable[[World], object]]] = {
    "nothing": (set(), lambda made: None),
    "number left out": ({"LOG_CHAIN"}, edit(2, f1=3)),
    "time goes back": ({"LOG_CHAIN"}, edit(2, f2=T)),
    "use logged as a pause": ({"NOT_LOGGED"}, edit(1, f3="pause")),
    "use of another credential": ({"NOT_LOGGED"}, edit(1, f5=bytes(32))),
    "use after exp": ({"CREDENTIAL_EXPIRED"}, lambda made: [edit(n, f2=T + 600)(made) for n in range(1, 6)]),
    "use before nbf": ({"CREDENTIAL_EXPIRED"}, edit(1, f2=T - 31)),
    "tombstone logged as use": ({"NOT_LOGGED"}, edit(3, f3="use")),
    "tombstone not logged": ({"NOT_LOGGED"}, edit(3, f4=bytes(32))),
    "redemption not logged": ({"NOT_LOGGED"}, edit(5, f4=bytes(32))),
    "bit logged twice": ({"NOT_LOGGED"}, lambda made: made.bodies["qc"].append(again(made, 1))),
    "refix of nothing": ({"NOT_LOGGED"}, edit(1, f3="refixed", f5=bytes(32))),
    "leaf with more": ({"SCHEMA"}, edit(2, f7=1)),
}


def again(made: World, number: int) -> bytes:
    fields = cbor.decode(made.bodies["qc"][number - 1])
    return cbor.encode(fields | {1: made.seq(), 2: T + made.seq()})


@pytest.mark.parametrize("name", DISHONEST)
def test_a_dishonest_log(verify: Verifier, name: str) -> None:
    codes, spoil = DISHONEST[name]
    made = busy()
    spoil(made)
    found = verify.codes("bundle", made.bundle())
    assert codes <= found and bool(codes) == bool(found), found


# SPEC ISSUANCE-10.4.6, ISSUANCE-12.3.1
@pytest.mark.parametrize("whole", [True, False])
def test_a_tombstone_may_stand_on_a_revocation(verify: Verifier, whole: bool) -> None:
    made = World()
    made.token_issue("is:a", COINS, b"alice")
    cred = made.credential("is:b", 70, [[70, 1]], b"nobody")
    claims = objects.payload("ann", T, made.cti(), {1: objects.parse(cred).claims[7], 3: "stolen"})
    revoke = made.put("revoke", cose.sign1("dc-revoke", claims, seed_of("officer-ann")))
    made.tombstone(cred)
    made.bodies["qc"].pop()
    tomb = cose.object_hash(bytes.fromhex(of(made.records, "tomb")[0]["hex"]))
    made.leaf("qc", "revoke", tomb if whole else bytes(32), cose.sha256(revoke))
    assert verify.codes("bundle", made.bundle()) == (set() if whole else {"NOT_LOGGED"})


def test_a_checkpoint_of_another_environment(verify: Verifier) -> None:
    made = busy()
    origin = note.origin("prod", "qc")
    text = note.checkpoint_text(origin, 5, log.root(made.bodies["qc"]))
    signed = text + "\n" + note.signature_line(text, origin, seed_of("log-qc"))
    record = {"kind": "checkpoint", "hex": signed.encode().hex()}
    assert verify.codes("log", [*made.bundle(), record]) == {"CHECKPOINT_ORIGIN"}


@pytest.mark.parametrize(("position", "codes"), [(6, set()), (5, {"CHECKPOINT_UNSIGNED", "LOG_UNCHECKED"})])
def test_a_checkpoint_by_a_revoked_log_key(verify: Verifier, position: int, codes: set[str]) -> None:
    made = busy()
    at = next(i for i, e in enumerate(made.entries) if e.role == "log" and e.holder == "qc")
    made.entries[at] = made.entries[at]._replace(status=3, compromised_from_seq=position)
    assert verify.codes("log", made.bundle()) == codes


def test_an_inclusion_proof_of_a_leaf_that_names_another_place(verify: Verifier) -> None:
    made = busy()
    edit(2, f1=3)(made)
    mark = {"kind": "checkpoint", "hex": made.checkpoint("qc").hex()}
    records = [*made.key_records(), mark, made.inclusion("qc", 1)]
    assert verify.codes("log", records) == {"PROOF_INVALID"}


# -- statements ---------------------------------------------------------------------------------------------


def statement(figures: dict[str, object]) -> list[dict[str, object]]:
    made = World()
    body = {1: 1, 2: bytes(32), 3: figures, 4: bytes(32)}
    made.put("supply", cose.sign1("dc-supply", objects.payload("qc", T, made.cti(), body), seed_of("qc:bit")))
    return made.bundle()


ALONE = [
    ({"XTS": [3, 1, {"is:a": [2, 1], "is:b": [1, 0]}]}, set()),
    ({"XTS": [3, 1, {"is:a": [2, 1]}]}, {"SUPPLY_SUM"}),
    ({"XTS": [3, 3, {"is:a": [2, 3], "is:b": [1, 0]}]}, {"SUPPLY_SUM"}),
    ({"XTS": [3, 1, {"is:a": [3, 1]}], "XDC": [1, 0, {"is:a": [0, 0]}]}, {"SUPPLY_SUM"}),
]


@pytest.mark.parametrize(("figures", "codes"), ALONE)
def test_a_statement_by_itself(verify: Verifier, figures: dict[str, object], codes: set[str]) -> None:
    assert verify.codes("supply", statement(figures)) == codes


# SPEC ISSUANCE-14.7
def test_value_comes_back_only_after_it_was_issued(verify: Verifier) -> None:
    made = World()
    made.redeem_account(10, b"posting")
    made.account_issue(10)
    made.supply()
    assert verify.codes("supply", made.bundle()) == {"SUPPLY_SUM"}


def test_a_receipt_over_another_amount_than_asked(verify: Verifier) -> None:
    made = World()
    made.account_issue(100)
    made.redeem_account(60, b"posting")
    made.supply()
    record = of(made.records, "redreq")[0]
    smaller = World()
    smaller.redeem_account(59, b"posting")
    edit(2, f5=cose.sha256(bytes.fromhex(smaller.records[0]["hex"])))(made)
    record["hex"] = smaller.records[0]["hex"]
    assert "SUPPLY_SUM" in verify.codes("supply", made.bundle())


# SPEC ISSUANCE-20.9
def test_a_statement_counts_each_bit_of_its_log(verify: Verifier) -> None:
    """The log has a bit that the statement leaves out."""
    made = World()
    made.account_issue(100)
    figures, sides = dict(made.figures), (list(made.sides[0]), list(made.sides[1]))
    made.figures = {}
    made.account_issue(50)
    made.figures, made.sides = figures, sides
    made.supply()
    assert verify.codes("supply", made.bundle()) == {"SUPPLY_SUM"}


def test_a_cancellation_without_its_bit(verify: Verifier) -> None:
    made = World()
    made.cancel(made.bit(made.credential("is:a", 40, None, b"bank-1/acc-7")))
    made.supply()
    assert verify.codes("supply", made.bundle()) == set()
    edit(1, f3="pause")(made)
    assert "SUPPLY_INCOMPLETE" in verify.codes("supply", [r for r in made.bundle() if r["kind"] != "bit"])


def test_a_sum_proof_is_held_to_the_figures_and_to_the_object(verify: Verifier) -> None:
    """The tree is right and the table is not; then the leaf counts another amount than its bit."""
    made = World()
    made.account_issue(10)
    made.account_issue(20)
    proof, bodies = made.sum_proof(0, 0, made.bodies["qc"][0]), made.bodies["qc"]
    made.figures["XTS"] = [31, 0, {"is:a": [31, 0]}]
    made.supply()
    kept = [r for r in made.records if r["kind"] in ("bit", "supply")]
    assert verify.codes("supply", [*made.key_records(), *kept, proof]) == {"SUPPLY_SUM"}
    made.records, made.sides, made.figures["XTS"] = [], (made.sides[0][:0], []), [31, 0, {"is:a": [31, 0]}]
    made.sides[0].extend([sumtree.leaf(11, log.object_of(bodies[0])), sumtree.leaf(20, log.object_of(bodies[1]))])
    proof = made.sum_proof(0, 0, bodies[0])
    made.supply()
    kept = [*kept[:2], *of(made.records, "supply")]
    assert verify.codes("supply", [*made.key_records(), *kept, proof]) == {"PROOF_INVALID"}


def test_a_use_that_names_the_bit_of_another_quota_control(verify: Verifier) -> None:
    made = World()
    made.account_issue(10)
    made.supply()
    record = of(made.records, "bit")[0]
    parsed = objects.parse(bytes.fromhex(record["hex"]))
    claims = parsed.claims | {1: "qc2"}
    foreign = cose.sign1("dc-bit", cose.encode(claims), seed_of("qc:bit"))
    record["hex"] = foreign.hex()
    edit(1, f4=cose.object_hash(foreign))(made)
    assert "SUPPLY_SUM" in verify.codes("supply", made.bundle())
