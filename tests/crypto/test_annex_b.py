"""The vectors of annex B of the issuance chapter, byte for byte from their seeds."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from crypto.issue import NAMES, Issue, build_issue, seed
from specie.crypto import cose, ed25519, merkle, units
from specie.kernel import codec

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "issuance" / "vectors.json").read_text())

SHA256 = {
    "request": "9fb5d71f673123e7ba6b908191a9dad8d15482d06d789c440ec37633b0a133a3",
    "credential": "e21e7e796c35fa54891815ea4fdb1a2de2846f4580eef4de88ad1a16349e6f2e",
    "control_bit": "c301d4db86abae27a8daa02ba226f9cbec34abc9301a40f3ded291add256469a",
}


@pytest.fixture(scope="module")
def issue() -> Issue:
    return build_issue()


# SPEC ISSUANCE-2.4.1, ISSUANCE-21.1
@pytest.mark.parametrize("name", NAMES)
def test_keys(name: str) -> None:
    vector = VECTORS["keys"][name]
    public = ed25519.SigningKey.from_seed(seed(name)).public()
    assert seed(name).hex() == vector["seed"]
    assert public.hex() == vector["pub"]
    assert cose.key_id(public).hex() == vector["kid"]
    assert cose.key_id_of(cose.cose_key(public)).hex() == vector["kid"]


# SPEC ISSUANCE-21.1
@pytest.mark.parametrize("name", sorted(SHA256))
def test_objects(issue: Issue, name: str) -> None:
    made = getattr(issue, name)
    assert made.hex() == VECTORS[name]
    assert sha256(made).hexdigest() == SHA256[name]


# SPEC ISSUANCE-21.1, ISSUANCE-4.7.1
def test_units(issue: Issue) -> None:
    assert issue.unit_root.hex() == VECTORS["unit_root"]
    assert [unit.hex() for unit in issue.units] == VECTORS["units"]
    assert len(issue.units[0]) == 547


def test_every_object_verifies(issue: Issue) -> None:
    publics = {bytes.fromhex(key["kid"]): bytes.fromhex(key["pub"]) for key in VECTORS["keys"].values()}
    for data in (issue.request, issue.credential, issue.control_bit, *issue.units):
        parsed = cose.parse_sign1(data)
        ed25519.verify(publics[parsed.kid], parsed.tbs, parsed.signature)


def test_every_unit_stands_under_the_root(issue: Issue) -> None:
    for index, data in enumerate(issue.units):
        claims = codec.decode(cose.parse_sign1(data).payload, bytes_max=4096)
        assert isinstance(claims, dict)
        body = claims[-70000]
        leaf = units.leaf_hash(claims[7], body[1], body[2], body[3], body[5])
        merkle.verify_inclusion(leaf, index, 4, body[6], issue.unit_root)
