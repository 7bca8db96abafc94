"""specie-verify on the parts of one issue: credentials, approvals, policies, keys, redemptions.

Spec: ISSUANCE-16.4.1, ISSUANCE-21.12 and the clauses that the cases name.
"""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from oracle.issuance import cose, objects
from oracle.issuance.vectors import public_of, seed_of
from oracle.issuance.verifier import Verifier
from oracle.issuance.world import POLICY, T, World, entry, policy

COINS = [[10, 1]]


def with_request(**changes: Any) -> tuple[World, bytes]:
    """A world and a request whose claims (c3) or fields (f5) are changed; None takes one out."""
    made = World()
    parsed = objects.parse(made.request("is:a", 10, COINS, b"alice"))
    fields = parsed.body | {int(n[1:]): v for n, v in changes.items() if n[0] == "f"}
    claims = parsed.claims | {int(n[1:]): v for n, v in changes.items() if n[0] == "c"}
    claims[objects.BODY] = {k: v for k, v in fields.items() if v is not None}
    payload = cose.encode({k: v for k, v in claims.items() if v is not None})
    made.records.clear()
    return made, cose.sign1("dc-req", payload, seed_of(changes.get("key", "is:req")))


REQUESTS: dict[str, tuple[dict[str, Any], str]] = {
    "good": ({}, ""),
    "stranger": ({"key": "stranger"}, "UNKNOWN_KEY"),
    "unit key": ({"key": "is:unit"}, "KEY_ROLE"),
    "no audience": ({"c3": None}, "SCHEMA"),
    "no exp": ({"c4": None}, "SCHEMA"),
    "token without coins": ({"f5": None}, "SCHEMA"),
    "account with coins": ({"f3": 1}, "SCHEMA"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_request_inside_a_credential(verify: Verifier, name: str) -> None:
    changes, code = REQUESTS[name]
    made, request = with_request(**changes)
    made.credential_for(request)
    expected = {code} - {""}
    if name != "no audience":
        assert verify.codes("credential", made.bundle()) == expected
    made.put("request", request)
    assert expected <= verify.codes("bundle", made.bundle())


def approvals_of(name: str, made: World, request: bytes) -> list[bytes]:
    other = made.request("is:a", 10, COINS, b"bob")
    good = made.approval(request)
    return {
        "none": [],
        "one": [good],
        "two": [good, made.approval(request, "bob")],
        "of another request": [made.approval(other)],
        "a rejection": [made.approval(request, decision=0)],
        "expired": [made.approval(request, exp=T)],
        "without exp": [made.approval(request, exp=None)],
        "one person twice": [good, made.approval(request)],
        "not an officer": [made.approval(request)[:-1] + b"\x00"],
        "not an approval": [request],
    }[name]


APPROVALS = {
    "none": "",
    "one": "",
    "two": "",
    "of another request": "APPROVALS_INSUFFICIENT",
    "a rejection": "APPROVALS_INSUFFICIENT",
    "expired": "APPROVAL_EXPIRED",
    "without exp": "APPROVAL_EXPIRED",
    "one person twice": "APPROVAL_DUPLICATE",
    "not an officer": "BAD_SIGNATURE",
    "not an approval": "WRONG_TYPE",
}


# SPEC ISSUANCE-11.1, ISSUANCE-11.4, ISSUANCE-20.7
@pytest.mark.parametrize("name", APPROVALS)
def test_approvals_inside_a_credential(verify: Verifier, name: str) -> None:
    made = World()
    request = made.request("is:a", 10, COINS, b"alice")
    made.credential_for(request, *approvals_of(name, made, request))
    assert verify.codes("credential", made.bundle()) == {APPROVALS[name]} - {""}


# SPEC ISSUANCE-11.2, ISSUANCE-20.26
def test_the_operator_may_not_approve(verify: Verifier) -> None:
    made, request = with_request(f8="ann")
    made.credential_for(request, made.approval(request))
    assert verify.codes("credential", made.bundle()) == {"APPROVER_CONFLICT"}


@pytest.mark.parametrize(("key", "code"), [("cm:cred", ""), ("qc:bit", "KEY_ROLE"), ("stranger", "UNKNOWN_KEY")])
def test_who_signs_a_credential(verify: Verifier, key: str, code: str) -> None:
    made = World()
    cred = cose.parse_sign1(made.credential("is:a", 10, COINS, b"alice"))
    records = [
        *made.key_records(),
        {"kind": "credential", "hex": cose.sign1("dc-cred", cred.payload, seed_of(key)).hex()},
    ]
    assert verify.codes("credential", records) == {code} - {""}


POLICIES = [
    ([POLICY], set()),
    ([policy("officer-ann", "officer-bob"), POLICY], set()),
    ([policy("officer-ann")], {"POLICY_STALE"}),
    ([POLICY, policy("officer-ann", "officer-ann")], {"APPROVAL_DUPLICATE"}),
    ([POLICY, policy("officer-ann", "cm:cred")], {"KEY_ROLE"}),
    ([POLICY, policy("stranger")], {"UNKNOWN_KEY"}),
    ([POLICY[:-1] + bytes([POLICY[-1] ^ 1])], {"BAD_SIGNATURE", "POLICY_STALE"}),
]


@pytest.mark.parametrize(("policies", "codes"), POLICIES)
def test_policies(verify: Verifier, policies: list[bytes], codes: set[str]) -> None:
    made = World()
    made.credential("is:a", 10, COINS, b"alice")
    records = [*made.bundle(), *({"kind": "policy", "hex": data.hex()} for data in policies)]
    assert verify.codes("bundle", records) == codes


# -- ES256 --------------------------------------------------------------------------------------------------

P256 = ec.derive_private_key(12345, ec.SECP256R1())
NUMBERS = P256.public_key().public_numbers()
P256_KEY = cose.p256_key(NUMBERS.x.to_bytes(32), NUMBERS.y.to_bytes(32))


def es256(typ: str, payload: bytes) -> bytes:
    kid = cose.key_id(P256_KEY)
    der = P256.sign(cose.to_be_signed(typ, kid, payload, cose.ES256), ec.ECDSA(SHA256()))
    r, s = utils.decode_dss_signature(der)
    return cose.assemble_sign1(typ, kid, payload, r.to_bytes(32) + s.to_bytes(32), cose.ES256)


# SPEC ISSUANCE-3.3.3
def test_es256_is_for_officers_only(verify: Verifier) -> None:
    made = World()
    for role in ("officer-ann", "cm:cred"):
        made.entries.append(entry(role, kid=cose.key_id(P256_KEY), cose_key=P256_KEY))
    request = made.request("is:a", 10, COINS, b"alice")
    token = es256("dc-appr", cose.parse_sign1(made.approval(request)).payload)
    cred = made.credential_for(request, token)
    assert verify.codes("credential", made.bundle()) == set()
    made.records[-1]["hex"] = es256("dc-cred", cose.parse_sign1(cred).payload).hex()
    assert verify.codes("credential", made.bundle()) == {"ALG_NOT_ALLOWED"}


# SPEC ISSUANCE-2.4.1
def test_a_key_under_another_id(verify: Verifier) -> None:
    made = World()
    made.credential("is:a", 10, COINS, b"alice")
    made.entries.append(entry("qc:bit", kid=bytes(16)))
    assert "KEY_ID" in verify.codes("bundle", made.bundle())


# -- what stands beside an issue ----------------------------------------------------------------------------


def redemption(name: str) -> tuple[World, list[bytes], int]:
    """Units and the amount that a redemption names."""
    made = World()
    alice = cose.key_id(cose.okp_key(public_of("owner:alice")))
    _, units = made.token_issue("is:a", [[10, 2]], alice)
    _, others = made.token_issue("is:a", [[10, 1]], b"bob")
    parsed = cose.parse_sign1(units[0])
    forged = cose.sign1("dc-unit", parsed.payload, seed_of("is:req"))
    if name == "forged unit":
        next(record for record in made.records if record["hex"] == units[0].hex())["hex"] = forged.hex()
    return made, *{
        "good": (units, 20),
        "one unit twice": ([units[0]] * 2, 20),
        "another amount": (units, 21),
        "another's unit": (others, 10),
        "forged unit": ([forged], 10),
    }[name]


REDEMPTIONS = {
    "good": "",
    "one unit twice": "SCHEMA",
    "another amount": "UNIT_INVALID",
    "another's unit": "NOT_OWNER",
    "forged unit": "KEY_ROLE",
}


# SPEC ISSUANCE-14.2, ISSUANCE-14.15
@pytest.mark.parametrize("name", REDEMPTIONS)
def test_redemption_by_units(verify: Verifier, name: str) -> None:
    made, units, amount = redemption(name)
    serials = [objects.parse(unit).claims[7] for unit in units]
    claims = objects.payload("alice", T, made.cti(), {1: "XTS", 2: amount, 3: serials, 5: "iban"}, aud="is:a")
    made.put("redreq", cose.sign1("dc-redreq", claims, seed_of("owner:alice")))
    made.supply()
    assert verify.codes("supply", made.bundle()) == {REDEMPTIONS[name]} - {""}


def test_a_unit_on_an_account_bit(verify: Verifier) -> None:
    """The account model has one leaf of the same form, which must not pass as a unit."""
    made = World()
    bit = made.account_issue(10)
    cred = next(bytes.fromhex(r["hex"]) for r in made.records if r["kind"] == "credential")
    (unit,) = objects.make_units(objects.parse(cred).body[1], bit, seed_of("is:unit"), iat=T)
    made.put("unit", unit)
    assert verify.codes("unit", made.bundle()) == {"UNIT_INVALID"}


@pytest.mark.parametrize(("field", "codes"), [(1, set()), (2, {"BIT_MISMATCH"})])
def test_used_names_the_credential_of_the_bit(verify: Verifier, field: int, codes: set[str]) -> None:
    made = World()
    bit = objects.parse(made.bit(made.credential("is:a", 10, COINS, b"alice")))
    body = {1: bit.body[1], 2: bit.body[2], 3: 1} | ({2: bytes(32)} if field == 2 else {})
    made.put("used", cose.sign1("dc-used", objects.payload("qc", T, made.cti(), body), seed_of("qc:bit")))
    assert verify.codes("bundle", made.bundle()) == codes


@pytest.mark.parametrize("claim", [3, 4])
def test_a_bit_has_aud_and_exp(verify: Verifier, claim: int) -> None:
    made = World()
    parsed = objects.parse(made.bit(made.credential("is:a", 10, COINS, b"alice")))
    claims = cose.encode({key: value for key, value in parsed.claims.items() if key != claim})
    record = {"kind": "bit", "hex": cose.sign1("dc-bit", claims, seed_of("qc:bit")).hex()}
    assert verify.codes("bit", [*made.key_records(), record]) == {"SCHEMA"}


def test_a_bit_that_names_another_place_in_the_log(verify: Verifier) -> None:
    made = World()
    made.bit(made.credential("is:a", 10, COINS, b"alice"), seq=7)
    assert verify.codes("bundle", made.bundle()) == {"NOT_LOGGED"}


# SPEC ISSUANCE-20.10
def test_a_unit_under_a_bit_that_the_issuer_made_himself(verify: Verifier) -> None:
    made = World()
    cred = made.credential("is:a", 10, COINS, b"alice")
    times = {"iat": T, "exp": T + 600}
    forged = objects.control_bit(cred, seed_of("is:unit"), iss="qc", cti=made.cti(), seq=1, **times)
    (unit,) = objects.make_units(objects.parse(cred).body[1], forged, seed_of("is:unit"), iat=T)
    records = [*made.key_records(), {"kind": "unit", "hex": unit.hex()}]
    assert verify.codes("unit", records) == {"KEY_ROLE"}
