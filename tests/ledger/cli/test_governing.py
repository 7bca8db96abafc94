"""Governors at work: parameters, and key rotations and revocations of issuance that must reach the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.quarter import Quarter
from ledger.institution.issues import minted, row_of
from ledger.institution.realm import BANK, MINTING, Ring
from specie.crypto import cose
from specie.issuance.api import IssueView
from specie.issuance.engine.issuance_system import minting
from specie.issuance.store.issuance_system import IssueState
from specie.ledger.cli.desk import Wrong
from specie.ledger.cli.drafts import Draft
from specie.ledger.errors import MintKey, MintKeyRevoked, ParamsValue, ParamsVersion
from specie.ledger.messages.authority import AuthorityEntry, AuthorityStatus, Role
from specie.ledger.messages.evidence import RegistryReceipt
from specie.ledger.messages.state import Domain
from tests.issuance import rotation
from tests.issuance.house import IS, QC


@pytest.fixture
def quarter(tmp_path: Path, realm_ring: Ring, request: pytest.FixtureRequest) -> Iterator[Quarter]:
    tmp_path.chmod(0o700)
    found = Quarter(tmp_path, realm_ring, request.node.name)
    yield found
    found.close()


def authority(quarter: Quarter, kid: bytes) -> AuthorityEntry | None:
    """The ledger's entry of a key."""
    entry = quarter.do(quarter.realm.town.engine.state_entry(Domain.AUTHORITY, kid))
    return AuthorityEntry.decode(bytes.fromhex(entry.value)) if entry.value else None


def govern(quarter: Quarter, *words: str, **flags: Any) -> Any:
    return quarter.said("ledger", "govern", *words, **flags)


# SPEC LEDGER-9.8.1, LEDGER-9.8.2, LEDGER-9.8.5
def test_two_governors_change_a_parameter(quarter: Quarter, tmp_path: Path) -> None:
    """Drawn up, signed one after the other, handed in; the same file again is answered alike."""
    file = tmp_path / "change.json"
    made = govern(quarter, "propose", "--set", "RING_SIZE=32", "--set", "ESCROW_FEE=0.05", "-o", str(file), "--in", "3")
    assert made["says"] == ["RING_SIZE = 32", "ESCROW_FEE = 0.05 XTS"]
    assert (made["version"], made["signers"], made["signatures"]) == (1, 2, {})
    with pytest.raises(Wrong, match="0 of 2"):
        quarter.type("ledger", "govern", "submit", str(file))
    govern(quarter, "sign", str(file), person="governor-2")
    with pytest.raises(Wrong, match="none of the governance keys"):
        quarter.type("ledger", "govern", "sign", str(file), person="mallory")
    assert quarter.type("ledger", "govern", "sign", str(file), person="nobody")[0] == 4
    with pytest.raises(Wrong, match="--as"):
        quarter.type("ledger", "govern", "sign", str(file))
    signed = govern(quarter, "sign", str(file), person="governor-0")
    assert list(signed["signatures"]) == ["0", "2"]
    done = govern(quarter, "submit", str(file))
    assert done["state"] == "final"
    assert govern(quarter, "submit", str(file))["height"] == done["height"]
    assert quarter.said("ledger", "prove", "tx", done["op_id"])["height"] == done["height"]
    # the next change follows it
    later = govern(quarter, "propose", "--set", "STRICT_PROOFS=false", "--now")
    assert (later["version"], later["state"]) == (2, "final")
    assert later["effective_height"] >= done["effective_height"]


# SPEC LEDGER-9.8.4
def test_changes_that_no_chain_would_take(quarter: Quarter, tmp_path: Path) -> None:
    file = tmp_path / "change.json"
    for bad in ("RING_SIZE=17", "MIN_AGE=0", "FEE_MIN=1", "WITHDRAW_TIMEOUT=7"):
        with pytest.raises(ParamsValue):
            raise quarter.type("ledger", "govern", "propose", "--set", bad, "-o", str(file))[1].value
    for bad in ("RING=1", "RING_SIZE=x", "STRICT_PROOFS=maybe", "AUTHORITY=1", "VALIDATORS=1", "GOVERNANCE=zz"):
        with pytest.raises(Wrong):
            quarter.type("ledger", "govern", "propose", "--set", bad, "-o", str(file))
    for words in ((), ("--now", "-o", str(file)), ("--set", "MIN_AGE=2", "--set", "MIN_AGE=3", "--now")):
        with pytest.raises(Wrong):
            quarter.type("ledger", "govern", "propose", *words)
    assert not file.exists()
    assert govern(quarter, "propose", "--follow-manifest", "--now") == {"changes": []}
    assert govern(quarter, "propose", "--set", "MIN_AGE=2", "-o", str(file), dry_run=True)["version"] == 1
    assert not file.exists()


def test_a_file_that_was_changed_on_its_way(quarter: Quarter, tmp_path: Path) -> None:
    """What the governors signed counts, not what the file says; a stale one is refused by the ledger."""
    file = tmp_path / "change.json"
    govern(quarter, "propose", "--set", "MIN_AGE=2", "-o", str(file))
    for person in ("governor-0", "governor-1"):
        govern(quarter, "sign", str(file), person=person)
    good = file.read_text()
    value = json.loads(good)
    other = Draft.read(file)
    for changes in (
        {"effective_height": value["effective_height"] + 1},
        {"signatures": {"0": value["signatures"]["1"], "1": value["signatures"]["0"]}},
        {"signatures": {**value["signatures"], "7": "00" * 64}},
    ):
        file.write_text(json.dumps(value | changes))
        with pytest.raises(Wrong, match="does not verify"):
            quarter.type("ledger", "govern", "submit", str(file))
    for spoiled in ("", "[]", "{}", good.replace(value["kind"], "letter"), json.dumps(value | {"signers": 0}),
                    json.dumps(value | {"chain_id": "00"}), json.dumps(value | {"previous": None})):  # fmt: skip
        file.write_text(spoiled)
        with pytest.raises(Wrong):
            quarter.type("ledger", "govern", "submit", str(file))
    file.write_text(json.dumps(value | {"chain_id": "00" * 32}))
    assert quarter.type("ledger", "govern", "submit", str(file))[0] == 3
    govern(quarter, "propose", "--set", "MIN_AGE=3", "--now")
    file.write_text(good)
    code, heard = quarter.type("ledger", "govern", "submit", str(file))
    assert (code, type(heard.value)) == (5, ParamsVersion)
    assert other.version == 1


# SPEC ISSUANCE-12.1.1, ISSUANCE-13.2.7, LEDGER-9.9.1
@pytest.mark.parametrize("role", ["is:unit", "qc:bit"])
def test_a_rotated_key_reaches_the_ledger(quarter: Quarter, role: str) -> None:
    """Announced in the manifest, refused by the ledger until governance follows it, then good for mints."""
    realm, holder = quarter.realm, IS if role == "is:unit" else QC

    async def rotate() -> bytes:
        before = rotation.TYPES[role]
        rotation.TYPES[role] = MINTING if role == "is:unit" else before
        try:
            kid = await rotation.rotate(realm.house, holder, role)
        finally:
            rotation.TYPES[role] = before
        realm.clock.advance(seconds=rotation.DAY_S + 60)
        await realm.house.settle()
        return kid

    async def issue() -> IssueView:
        wallet = await realm.wallet("alice")
        (view,) = await realm.house.issuance.issue([await realm.order(wallet)])
        assert isinstance(view, IssueView)
        return view

    kid = quarter.do(rotate())
    view = quarter.do(issue())
    assert (view.state, view.code) == ("minted", MintKey.code)
    done = govern(quarter, "propose", "--follow-manifest", "--now")
    assert any(kid.hex() in line for line in done["says"])
    assert "following key manifest 2" in done["says"][-1]
    quarter.do(realm.house.settle())
    row = quarter.do(row_of(realm, view.id))
    signer = cose.parse_sign1(row.bit).kid if role == "qc:bit" else RegistryReceipt.decode(row.receipt).frame[-80:-64]
    assert signer == kid
    found = authority(quarter, kid)
    assert found is not None
    assert (found.system, found.status) == (holder, AuthorityStatus.ACTIVE)
    assert govern(quarter, "propose", "--follow-manifest", "--now") == {"changes": []}


# SPEC ISSUANCE-12.2.1, ISSUANCE-13.2.7, LEDGER-9.8.3, LEDGER-9.9.1
@pytest.mark.parametrize("role", ["is:unit", "qc:bit"])
def test_a_revoked_key_is_out_in_the_next_block(quarter: Quarter, role: str) -> None:
    """Its log position goes with it; the revocation goes alone, before anything else that is asked."""
    realm, holder = quarter.realm, IS if role == "is:unit" else QC
    kid = realm.ring.kids[holder, role]

    async def stolen() -> Any:
        wallet = await realm.wallet("alice")
        line, row = await minted(realm, wallet)
        await rotation.revoke_key(realm.house, holder, role, 1)
        line.broken = ""
        return row

    row = quarter.do(stolen())
    done = govern(quarter, "propose", "--follow-manifest", "--set", "MIN_AGE=2", "--now")
    assert done["effective_height"] == done["height"] + 1
    assert len([line for line in done["says"] if line.startswith("key ")]) == 1
    assert not any("MIN_AGE" in line for line in done["says"])
    # the next block takes nothing under it any more
    frame = quarter.do(old_mint(quarter, row))
    with pytest.raises(MintKey if role == "is:unit" else MintKeyRevoked):
        quarter.do(realm.town.engine.submit_operation(frame, 20))
    quarter.do(realm.anchor().anchor(5, QC, 3, bytes(32), bytes(64)))
    found = authority(quarter, kid)
    assert found is not None
    assert (found.status, found.revoked_from) == (AuthorityStatus.REVOKED, 1)
    assert quarter.do(row_of(realm, row.id)).state == IssueState.MINTED
    # what was asked beside it can be asked again now
    assert govern(quarter, "propose", "--follow-manifest", "--set", "MIN_AGE=2", "--now")["says"] == ["MIN_AGE = 2"]


async def old_mint(quarter: Quarter, row: Any) -> bytes:
    """The mint as a thief, or a late system, would hand it in: under the keys of then."""
    realm = quarter.realm
    registry = realm.registry(signs=True)
    registry.unit_key = lambda: realm.ring.uri(realm.ring.kids[IS, "is:unit"])
    return await registry._mint(await minting.registration_of(realm.house.issuance, row))


# SPEC LEDGER-9.8.3
def test_keys_of_no_manifest(quarter: Quarter) -> None:
    """A bank's key comes in by hand and goes out by hand; nobody brings a revoked key back."""
    public = quarter.realm.ring.publics["withdrawal-2"]
    kid = cose.key_id(public)
    govern(quarter, "propose", "--admit", f"bank-withdrawal:{BANK}:{public.hex()}", "--now")
    govern(quarter, "propose", "--set", "MIN_AGE=1", "--now")
    found = authority(quarter, kid)
    assert found is not None
    assert (found.role, found.system, found.status) == (Role.BANK_WITHDRAWAL, BANK, AuthorityStatus.ACTIVE)
    govern(quarter, "propose", "--revoke", kid.hex(), "--now")
    govern(quarter, "propose", "--set", "MIN_AGE=1", "--now")
    found = authority(quarter, kid)
    assert found is not None
    assert found.is_revoked
    code, heard = quarter.type(
        "ledger", "govern", "propose", "--admit", f"bank-withdrawal:{BANK}:{public.hex()}", "--now"
    )
    assert (code, type(heard.value)) == (3, ParamsValue)
    made = govern(quarter, "propose", "--admit", f"anchor:kms:one:{public.hex()}:3", "--now", dry_run=True)
    assert "of kms:one as anchor" in made["says"][0]
    for bad in ("bank:x", f"bank-withdrawal:{public.hex()}", f"anchor:x:{public.hex()}", "nobody:x:00"):
        with pytest.raises(Wrong):
            quarter.type("ledger", "govern", "propose", "--admit", bad, "--now")
    for bad in ("00" * 16, f"{kid.hex()}@x"):
        with pytest.raises(Wrong):
            quarter.type("ledger", "govern", "propose", "--revoke", bad, "--now")
