"""The institution's operator: tokens in, quota back, or the value back to its owner."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from ledger.cli.quarter import Quarter
from ledger.institution.realm import BANK, Ring
from specie.issuance.wallet.officer import pause, resume
from specie.ledger.cli.desk import Wrong
from specie.ledger.errors import Unknown, WithdrawState


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory, realm_ring: Ring) -> Iterator[Quarter]:
    folder = tmp_path_factory.mktemp("quarter")
    folder.chmod(0o700)
    found = Quarter(folder, realm_ring, "redemptions")

    async def rich() -> Any:
        wallet = await found.realm.wallet("alice")
        await found.realm.issue(wallet)
        return wallet

    found.alice = found.do(rich())  # type: ignore[attr-defined]
    yield found
    found.close()


def burned(quarter: Quarter, value: int = 400) -> str:
    """The token of a fresh withdrawal."""
    alice: Any = quarter.alice  # type: ignore[attr-defined]

    async def burn() -> str:
        await alice.sync()
        _, token = await alice.withdraw(value, BANK, "acct", merge=True)
        return str(token.token.hex())

    return str(quarter.do(burn()))


# SPEC ISSUANCE-14.9, LEDGER-9.3.7
def test_a_token_becomes_quota(quarter: Quarter) -> None:
    token = burned(quarter)
    stock = quarter.do(quarter.realm.stock())
    assert "would redeem" in quarter.type("ledger", "redemption", "claim", token, "--to", "bob", dry_run=True)[1].text
    done = quarter.said("ledger", "redemption", "claim", token, "--to", "bob")
    assert (done["state"], done["beneficiary"], done["amount"]["value"]) == ("done", "bob", "4.00")
    assert quarter.do(quarter.realm.stock()) == stock - 400
    code, heard = quarter.type("ledger", "redemption", "claim", token, "--to", "carol")
    assert (code, heard.value) == (0, done)
    assert "bob" in heard.notes[-1]
    assert quarter.said("ledger", "redemption", "show", done["ref"][:12]) == done
    assert done in quarter.said("ledger", "redemption", "list", "--json")
    code, heard = quarter.type("ledger", "redemption", "refuse", token)
    assert (code, type(heard.value)) == (5, WithdrawState)
    _, heard = quarter.type("ledger", "redemption", "list")
    assert "4.00 XTS" in heard.text


def test_a_token_goes_back(quarter: Quarter) -> None:
    token = burned(quarter, 100)
    stock = quarter.do(quarter.realm.stock())
    _, heard = quarter.type("ledger", "redemption", "refuse", token, no_input=True, yes=False)
    assert isinstance(heard.value, Exception)
    assert quarter.type("ledger", "redemption", "refuse", token, dry_run=True)[0] == 0
    back = quarter.said("ledger", "redemption", "refuse", token)
    assert back["state"] == "refunded"
    assert quarter.said("ledger", "redemption", "refuse", token) == back
    assert quarter.do(quarter.realm.stock()) == stock


def test_what_is_open_is_settled_later(quarter: Quarter) -> None:
    """No burn yet; then quota control is paused: exit code 3 says that a rule holds it up."""
    early = quarter.said("ledger", "redemption", "claim", "11" * 32, "--to", "bob")
    assert (early["state"], early["amount"]) == ("claimed", None)
    token = burned(quarter, 200)

    house, scope = quarter.realm.house, "direction:redeem"

    async def stop() -> bytes:
        word = await pause(house.hand("mina"), scope, "drill")
        await house.quota_control.rules.apply_pause([word])
        return word

    async def go_on(word: bytes) -> None:
        lifts = [sha256(word).digest()]
        words = [await resume(house.hand(person), scope, "over", lifts) for person in ("mina", "omar")]
        await house.quota_control.rules.apply_pause(words)

    word = quarter.do(stop())
    code, heard = quarter.type("ledger", "redemption", "claim", token, "--to", "bob")
    assert (code, heard.value["state"]) == (3, "paid")
    assert "paused" in heard.value["detail"]
    ref = heard.value["ref"]
    assert quarter.said("ledger", "redemption", "settle") == {"settled": 0, "open": 2}
    assert quarter.type("ledger", "redemption", "settle", ref)[0] == 3
    quarter.do(go_on(word))
    assert quarter.said("ledger", "redemption", "settle") == {"settled": 1, "open": 1}
    assert quarter.said("ledger", "redemption", "settle", ref)["state"] == "done"


def test_what_is_no_token_or_reference(quarter: Quarter) -> None:
    for words in (("claim", "zz", "--to", "bob"), ("claim", "11" * 32, "--to", " "), ("show", "xyz"), ("show", "")):
        with pytest.raises(Wrong):
            quarter.type("ledger", "redemption", *words)
    code, heard = quarter.type("ledger", "redemption", "show", "00" * 32)
    assert (code, type(heard.value)) == (4, Unknown)
    code, heard = quarter.type("ledger", "redemption", "refuse", "22" * 32)
    assert (code, type(heard.value)) == (5, WithdrawState)
