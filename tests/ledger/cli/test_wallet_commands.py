"""`specie wallet` from the first line to the last: make, receive, pay, look, prove, back up, restore, lock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

from ledger.cli.typing_at import Street
from ledger.wallet.town import Line, seed_of
from specie.ledger.cli import ledger, wallet
from specie.ledger.errors import ConsentMissing, FundsInsufficient
from specie.ledger.wallet.errors import PaymentInDoubt, WalletExists, WalletLocked, WalletUnknown


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A town, with the wallet alice (25.00) and the empty wallet bob."""
    made = Street(tmp_path_factory.mktemp("profile"))
    for name in ("alice", "bob"):
        seed = made.folder / f"{name}.seed"
        seed.write_text(seed_of(name).text)
        made.said("wallet", "restore", name, "--seed", str(seed))
    made.mint("alice")
    yield made
    made.close()


def test_new_wallets_are_made_once(street: Street) -> None:
    made = street.said("wallet", "new", "carol")
    assert made["address"].startswith("specie-testl1")
    path = street.folder / "wallets" / "carol.sqlite3"
    assert path.stat().st_mode & 0o077 == 0
    code, heard = street.type("wallet", "new", "carol")
    assert (code, type(heard.value)) == (5, WalletExists)
    code, heard = street.type("wallet", "balance", "--wallet", "nobody")
    assert (code, type(heard.value)) == (4, WalletUnknown)
    assert [each["wallet"] for each in street.said("wallet", "list")] == ["alice", "bob", "carol"]


def test_pay_and_be_paid(street: Street, tmp_path: Path) -> None:
    before = street.said("wallet", "balance", "--wallet", "alice")
    assert (before["total"], before["available"]["value"]) == ({"currency": "XTS", "value": "25.00"}, "25.00")
    address = street.said("wallet", "receive", "alice", "--wallet", "bob")["address"]
    street.said("wallet", "contacts", "bob", address, "--wallet", "alice")
    paid = street.said("wallet", "pay", "bob", "4.20", "--words", "coffee", "--wallet", "alice")
    assert (paid["state"], paid["funds"], paid["amount"]["value"]) == ("final", "moved", "4.20")
    (came,) = street.said("wallet", "history", "--wallet", "bob", "--json")
    assert (came["what"], came["amount"]["value"], came["words"]) == ("received", "4.20", "coffee")
    went = street.said("wallet", "history", "--wallet", "alice", "--json")[0]
    assert (went["what"], went["recipient"]) == ("sent", "bob")
    shown = street.said("wallet", "show", paid["id"][:20], "--wallet", "alice")
    assert shown["payees"][0]["address"] == address
    total = street.said("wallet", "balance", "--wallet", "alice")["total"]["value"]
    assert total == "20.79"

    proof = tmp_path / "paid.plv"
    street.said("wallet", "proof", "payment", paid["id"], "--to", str(proof), "--wallet", "alice")
    found = street.said("ledger", "verify", str(proof))
    assert (found["ok"], found["kind"], found["amount"]["value"], found["address"]) == (
        True,
        "payment",
        "4.20",
        address,
    )
    data = bytearray(proof.read_bytes())
    data[-130] ^= 1
    proof.write_bytes(bytes(data))
    assert street.type("ledger", "verify", str(proof))[0] == 9
    shown = street.said("wallet", "proof", "payment", paid["id"], "--wallet", "alice", "--json")
    (tmp_path / "paid.json").write_text(json.dumps(shown))
    assert street.said("ledger", "verify", str(tmp_path / "paid.json"))["address"] == address
    receipt = tmp_path / "paid.plq"
    street.said("ledger", "prove", "tx", paid["leaf"], "--to", str(receipt))
    assert street.said("ledger", "verify", str(receipt))["height"] == paid["height"]
    assert street.said("ledger", "tx", paid["leaf"])["height"] == paid["height"]


def test_several_payees_and_what_it_would_cost(street: Street) -> None:
    bob = street.said("wallet", "receive", "x", "--wallet", "bob")["address"]
    carol = street.said("wallet", "receive", "x", "--wallet", "carol")["address"]
    planned = street.said("wallet", "pay", bob, "1", "--wallet", "alice", dry_run=True)
    assert planned["fee"]["value"] == "0.01"
    paid = street.said("wallet", "send", f"{bob}=1", f"{carol}=2.50", "--wallet", "alice")
    assert [each["amount"]["value"] for each in sorted(paid["payees"], key=lambda each: each["amount"]["value"])] == [
        "1.00",
        "2.50",
    ]
    assert street.said("wallet", "balance", "--wallet", "carol")["total"]["value"] == "2.50"


def test_what_is_refused_says_so_by_its_exit_code(street: Street) -> None:
    address = street.said("wallet", "receive", "y", "--wallet", "carol")["address"]
    code, heard = street.type("wallet", "pay", address, "9999", "--wallet", "alice")
    assert (code, type(heard.value)) == (3, FundsInsufficient)
    assert street.type("wallet", "pay", address, "1.234", "--wallet", "alice")[0] == 2
    code, heard = street.type("wallet", "pay", address, "5", "--wallet", "bob", no_input=True, yes=False)
    assert isinstance(heard.value, Exception)
    code, heard = street.type("wallet", "pay", address, "5", "--wallet", "bob", no_input=True)
    assert (code, type(heard.value)) == (3, ConsentMissing)


def test_doubt_is_eight_and_closed_is_seven(street: Street) -> None:
    address = street.said("wallet", "receive", "z", "--wallet", "bob")["address"]
    line = Line(street.place.reached)
    street.place.reached, kept = line, street.place.reached
    try:
        line.broken = "closed"
        code, _ = street.type("wallet", "pay", address, "1", "--wallet", "alice", idempotency_key="d1")
        assert code == 7
        line.broken = "answer"
        code, heard = street.type("wallet", "pay", address, "1", "--wallet", "alice", idempotency_key="d1")
        assert (code, type(heard.value)) == (8, PaymentInDoubt)
        assert street.said("wallet", "show", "--wallet", "alice")[0]["state"] == "doubt"
        line.broken = ""
        paid = street.said("wallet", "pay", address, "1", "--wallet", "alice", idempotency_key="d1")
        assert paid["state"] == "final"
        line.broken = "mute"
        heard_ = street.said("wallet", "balance", "--wallet", "alice")
        assert heard_["fresh"] is False
        assert heard_["total"]["value"] != "0.00"
    finally:
        street.place.reached = kept


def test_restore_from_the_seed_alone_and_from_the_view_key(street: Street, tmp_path: Path) -> None:
    seed, view = tmp_path / "seed.txt", tmp_path / "view.txt"
    street.said("wallet", "backup", "create", "--to", str(seed), "--wallet", "alice")
    assert seed.stat().st_mode & 0o077 == 0
    assert seed.read_text().startswith("specie-seed1")
    shown = street.said("wallet", "export", "--wallet", "alice")["view"]
    assert shown.startswith("specie-view1")
    view.write_text(shown)
    restored = street.said("wallet", "restore", "again", "--seed", str(seed))
    alice = street.said("wallet", "balance", "--wallet", "alice")
    assert restored["total"] == alice["total"]
    assert street.said("wallet", "balance", "--wallet", "again") == alice
    history = street.said("wallet", "history", "--wallet", "alice", "--json")
    again = street.said("wallet", "history", "--wallet", "again", "--json")
    unnamed = [{**each, "recipient": None} if "recipient" in each else each for each in history]
    assert again == unnamed
    assert street.type("wallet", "restore", "again", "--seed", str(seed))[0] == 5
    seed.write_text("specie-seed1qqqq")
    assert street.type("wallet", "restore", "more", "--seed", str(seed))[0] == 2
    assert not (street.folder / "wallets" / "more.sqlite3").exists()


def test_lock_and_unlock(street: Street, tmp_path: Path) -> None:
    words = tmp_path / "pass"
    words.write_text("correct horse")
    assert street.said("wallet", "lock", "--passphrase", str(words), "--wallet", "bob") == {"locked": True}
    address = street.said("wallet", "receive", "q", "--wallet", "carol")["address"]
    code, heard = street.type("wallet", "pay", address, "0.10", "--wallet", "bob")
    assert (code, type(heard.value)) == (6, WalletLocked)
    street.said("wallet", "unlock", "--passphrase", str(words), "--wallet", "bob")
    assert street.said("wallet", "pay", address, "0.10", "--wallet", "bob")["state"] == "final"


def test_reserve_and_receive_proofs(street: Street, tmp_path: Path) -> None:
    file = tmp_path / "reserve.plv"
    made = street.said("wallet", "proof", "reserve", "--challenge", "audit-7", "--to", str(file), "--wallet", "alice")
    assert "recognises" in made["warning"]
    assert street.said("ledger", "verify", str(file), "--challenge", "audit-7")["kind"] == "reserve"
    assert street.type("ledger", "verify", str(file), "--challenge", "audit-8")[0] == 9
    index = next(
        each["index"]
        for each in street.said("wallet", "history", "--wallet", "bob", "--json")
        if each["what"] == "received"
    )
    file = tmp_path / "receive.plv"
    street.said("wallet", "proof", "receive", str(index), "--challenge", "c", "--to", str(file), "--wallet", "bob")
    assert street.said("ledger", "verify", str(file), "--challenge", "c")["index"] == index


def test_withdraw_tells_the_token(street: Street) -> None:
    made = street.said("wallet", "withdraw", "bank:one", "acct-7", "1", "--wallet", "alice")
    assert (made["state"], len(made["token"]), len(made["salt"])) == ("final", 64, 64)
    assert street.said("ledger", "find", made["ref"])[0]["what"] == "withdrawal"
    assert street.said("wallet", "balance", "--wallet", "alice")["in_flight"]["value"] == "1.00"


def test_looking_at_the_ledger(street: Street, tmp_path: Path) -> None:
    status = street.said("ledger", "status")
    assert status["dev"] is True
    block = street.said("ledger", "block", str(status["height"]))
    assert block["height"] == status["height"]
    assert street.said("ledger", "find", "0")["height"] == 0
    assert street.type("ledger", "block", "99999999")[0] == 4
    supply = street.said("ledger", "supply")
    assert supply["balanced"] is True
    assert supply["minted"]["value"] == "25.00"
    assert len(street.said("ledger", "decoys")["weights"]) == 40
    assert street.type("ledger", "find", "00" * 32)[0] == 4
    assert street.type("ledger", "tx", "00" * 32)[0] == 4
    file = tmp_path / "frame"
    file.write_bytes(b"nothing")
    with pytest.raises(Exception, match="no envelope"):
        street.type("ledger", "send", str(file))
    from ledger import makers

    file.write_text(makers.anchor(street.town.house.chain_id, 1, 1).data.hex())
    assert street.said("ledger", "send", str(file))[0]["state"] == "final"


def test_people_read_words_and_programs_read_json(street: Street) -> None:
    _, heard = street.type("wallet", "balance", "--wallet", "alice")
    assert heard.text.startswith("Ready")
    assert "Total" in heard.text
    assert "as of block" in heard.text
    _, heard = street.type("wallet", "history", "--wallet", "bob")
    assert "received" in heard.text
    _, heard = street.type("ledger", "supply")
    assert "adds up" in heard.text
    code, heard = street.type("wallet", "export", "--detect", "--wallet", "alice")
    assert code == 0
    # SPEC LEDGER-11.4.7
    assert "for ever" in heard.asked[-1]
    assert len(heard.text) == 64


def test_every_command_shows_two_examples() -> None:
    def leaves(command: object, path: str) -> Iterator[tuple[str, object]]:
        for name, each in getattr(command, "commands", {}).items():
            yield from leaves(each, f"{path} {name}")
        if not getattr(command, "commands", None):
            yield path, command

    for name, app in (("wallet", wallet), ("ledger", ledger)):
        for path, command in leaves(get_command(app), name):
            text = str(getattr(command, "help", "") or "")
            assert text.count(f"specie {path}") >= 2, path
