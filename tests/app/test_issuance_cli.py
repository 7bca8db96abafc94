"""Typing wrong things: every kind is refused with a code and an exit status, and no money moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.deployments import Deployment, one_process

NOBODY = "00000000000000000000000000000000"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment in one process, with one issue of 300.00 in three units of Alice, and one that waits."""
    with one_process(tmp_path_factory.mktemp("shop")) as made:
        made.write("words", b"hello\n")
        made.write("nothing", b"")
        made.write("noise", bytes(range(256)))
        issued = made.typed("issue", "request", "300", "--owner", "alice", "--denomination", "100:3", "--json")
        assert issued.code == 0, issued.err
        made.environ["ISSUED"] = issued.json["id"]
        waiting = made.typed("issue", "request", "2000", "--operator", "omar", "--json")
        assert waiting.json["state"] == "requested"
        made.environ["WAITING"] = waiting.json["id"]
        assert made.typed("issue", "show", issued.json["id"], "--units", "units").code == 0
        assert made.typed("issue", "show", waiting.json["id"], "--request", "asked.cose").code == 0
        yield made


AMOUNTS = [
    ("1.234", "amount.malformed", 2),
    ("1e3", "amount.malformed", 2),
    ("", "amount.malformed", 2),
    ("1,000", "amount.malformed", 2),
    (" 5", "amount.malformed", 2),
    ("٥", "amount.malformed", 2),
    ("0x10", "amount.malformed", 2),
    ("99999999999999999999999", "amount.malformed", 2),
    ("4611686018427387904", "amount.out_of_range", 3),
    ("46116860184273879.03", "issuance.amount_above_max", 3),
    ("60000", "issuance.amount_above_max", 3),
    ("20000", "issuance.quota_exceeded", 3),
    ("0", "issuance.schema", 2),
    ("-5", "request.usage", 2),
]


@pytest.mark.parametrize(("amount", "code", "status"), AMOUNTS)
def test_a_wrong_amount(shop: Deployment, amount: str, code: str, status: int) -> None:
    before = shop.taken()
    heard = shop.typed("issue", "request", amount, "--operator", "omar", "--json")
    assert (heard.json["code"], heard.code) == (code, status)
    assert heard.json["funds"] == "unmoved"
    assert shop.taken() == before


def test_a_refusal_names_the_rule_and_what_is_left(shop: Deployment) -> None:
    heard = shop.typed("issue", "request", "20000", "--operator", "omar")
    assert heard.code == 3
    assert "You asked for 20 000.00 XTS. daily has 7 700.00 XTS left." in heard.err
    assert "Try:   specie issue request 7700.00" in heard.err
    assert "Money: nothing moved." in heard.err
    limits = shop.typed("issue", "request", "20000", "--operator", "omar", "--json").json["limits"]
    assert limits == {"remaining": {"currency": "XTS", "value": "7700.00"}}


LINES = [
    ("issue request 5 --currency EUR", "issuance.currency_not_permitted", 6),
    ("issue request 5 --currency eur", "amount.currency_malformed", 2),
    ("issue request 5 --owner nobody", "request.person_unknown", 4),
    ("issue request 5 --owner ffzz", "request.person_unknown", 4),
    ("issue request 5 --model gold", "request.usage", 2),
    ("issue request 5 --model account --owner bank-1/a", "issuance.model_not_permitted", 6),
    ("issue request 5 --model account --owner alice", "request.usage", 2),
    ("issue request 5 --denomination 1.00:2", "issuance.denomination_sum", 3),
    ("issue request 5 --denomination 1.00", "request.usage", 2),
    ("issue request 5 --denomination 1.00:0", "request.usage", 2),
    ("issue request 5 --operator Omar", "request.usage", 2),
    ("issue request", "request.usage", 2),
    ("issue request 5 --colour red", "request.usage", 2),
    ("issue show zz", "request.usage", 2),
    (f"issue show {NOBODY}", "issuance.unknown_request", 4),
    (f"issue approve {NOBODY} --as mina", "issuance.unknown_request", 4),
    (f"issue cancel {NOBODY} --as mina", "issuance.unknown_request", 4),
    (f"issue execute {NOBODY}", "issuance.unknown_request", 4),
    (f"issue watch {NOBODY}", "issuance.unknown_request", 4),
    ("issue approve WAITING", "request.usage", 2),
    ("issue approve WAITING --as zed", "request.person_unknown", 4),
    ("issue approve WAITING --as alice", "kms.policy_denied", 6),
    ("issue approve WAITING --as omar", "issuance.approver_conflict", 6),
    ("issue approve ISSUED --as mina", "issuance.wrong_state", 5),
    ("issue reject WAITING --as mina", "request.usage", 2),
    ("issue cancel ISSUED --as mina", "issuance.wrong_state", 5),
    ("issue approve words --as mina", "issuance.malformed", 2),
    ("issue approve nothing --as mina", "issuance.malformed", 2),
    ("issue approve noise --as mina", "issuance.malformed", 2),
    ("issue approve . --as mina", "request.usage", 2),
    ("issue approve /no/such/file --as mina", "request.usage", 2),
    ("issue redeem --as alice --to x", "request.usage", 2),
    ("issue redeem words --as alice --to x", "issuance.malformed", 2),
    ("issue redeem missing --as alice --to x", "request.usage", 2),
    ("issue redeem asked.cose --as alice --to x", "issuance.wrong_type", 2),
    ("issue redeem --issue ISSUED --as zed --to x", "request.person_unknown", 4),
    ("issue redeem --issue ISSUED --as bob --to x", "issuance.wrong_state", 5),
    ("issue redeem --issue ISSUED --amount 3 --as alice --to x", "issuance.wrong_state", 5),
    ("issue redeem --issue ISSUED --amount 1.2.3 --as alice --to x", "amount.malformed", 2),
    ("issue redeem --issue ISSUED --as alice", "request.usage", 2),
    ("issue redeem --issue ISSUED --as alice --destroy", "request.usage", 2),
    ("issue redeem --issue ISSUED --as alice --destroy --officer mina --officer mina --yes", "issuance.approval", 5),
    ("issuance init --yes", "system.already_founded", 5),
    ("issuance init --currency x --yes", "amount.currency_malformed", 2),
    (f"issuance trace {NOBODY}", "issuance.unknown_request", 4),
    ("issuance trace nonsense", "request.usage", 2),
    (f"issuance keys revoke {NOBODY} --from 3 --yes", "request.usage", 2),
    ("issuance keys rotate --role officer", "request.usage", 2),
    ("issuance keys rotate --role log", "request.usage", 2),
    ("issuance keys enrol --role qc:nothing", "request.usage", 2),
    ("issuance keys deliver --role qc:bit", "issuance.channel_mismatch", 6),
    ("issuance policy propose", "request.usage", 2),
    ("issuance policy propose --limit weekly=5", "request.usage", 2),
    ("issuance policy propose --limit daily=x", "amount.malformed", 2),
    ("issuance policy propose --raise daily", "request.usage", 2),
    ("issuance policy propose --lower daily=0", "issuance.policy_refused", 3),
    ("issuance policy diff words", "codec.malformed", 2),
    ("issuance policy sign noise --as mina", "codec.malformed", 2),
    ("issuance policy apply missing", "request.usage", 2),
    ("issuance officer approve words --as mina", "issuance.malformed", 2),
    ("issuance officer approve asked.cose", "request.usage", 2),
    ("issuance pause everything --as mina --reason x", "request.usage", 2),
    ("issuance pause platform --as alice --reason x", "kms.policy_denied", 6),
    ("issuance resume platform --officer mina --officer mina --pause 00 --reason x", "request.usage", 2),
    ("issuance supply verify words", "issuance.malformed", 2),
    ("quota show --at moon", "request.usage", 2),
    ("quota set daily 1.234", "amount.malformed", 2),
    ("--url nonsense issue list", "request.usage", 2),
    ("--url http://127.0.0.1:1 issue request 5", "system.unreachable", 7),
]


@pytest.mark.parametrize(("line", "code", "status"), LINES)
def test_a_wrong_line(shop: Deployment, line: str, code: str, status: int) -> None:
    before = shop.taken()
    words = [shop.environ.get(word, word) for word in line.split()]
    heard = shop.typed(*words, "--json")
    assert heard.json["code"].startswith(code), heard.out
    assert heard.code == status
    assert shop.taken() == before


def test_a_unit_that_was_tampered_with(shop: Deployment) -> None:
    unit = sorted((shop.folder / "units").iterdir())[0]
    data = bytearray(unit.read_bytes())
    data[-1] ^= 1
    shop.write("forged.unit", bytes(data))
    before = shop.taken()
    heard = shop.typed("issue", "redeem", "forged.unit", "--as", "bob", "--to", "x", "--json")
    assert heard.code in (3, 6, 9), heard.out
    assert shop.taken() == before


def test_a_question_without_a_person_is_a_usage_error(tmp_path: Path) -> None:
    alone = Deployment.make(tmp_path)
    heard = alone.typed("issuance", "init", "--json")
    assert (heard.code, heard.json["code"]) == (2, "request.usage")
    assert not (tmp_path / "data" / "keys-1.cose").exists()


def test_a_place_that_was_never_founded(tmp_path: Path) -> None:
    alone = Deployment.make(tmp_path)
    for line in (("issue", "request", "5"), ("quota", "show"), ("supply", "show"), ("issuance", "trace", NOBODY)):
        heard = alone.typed(*line, "--json")
        assert (heard.code, heard.json["code"]) == (4, "system.not_founded")
    assert alone.typed("issuance", "audit", "reconcile", "--json").json["code"] == "system.not_here"


def test_the_exit_status_is_the_process_own(shop: Deployment) -> None:
    """What `typed` finds out in this process holds for the shell, too."""
    assert shop.specie("issue", "request", "1.234").code == 2
    assert shop.specie("issue", "show", NOBODY).code == 4
    refused = shop.specie("issue", "request", "20000", "--operator", "omar")
    assert refused.code == 3
    assert not refused.out
    assert "issuance.quota_exceeded" in refused.err


def test_a_key_that_is_used_again_is_the_same_issue(shop: Deployment) -> None:
    line = ("issue", "request", "7", "--owner", "bob", "--idempotency-key", "key-1", "--json")
    first, second = shop.typed(*line), shop.typed(*line)
    assert first.json["id"] == second.json["id"]
    assert (first.json["replayed"], second.json["replayed"]) == (False, True)
    other = shop.typed("issue", "request", "8", "--owner", "bob", "--idempotency-key", "key-1", "--json")
    assert (other.code, other.json["code"]) == (5, "request.key_reused")


def test_a_dry_run_changes_nothing(shop: Deployment) -> None:
    before = shop.typed("quota", "show", "--json").json["buckets"]
    heard = shop.typed("issue", "request", "20000", "--operator", "omar", "--dry-run", "--json")
    assert (heard.code, heard.json["would_be"]) == (3, "issuance.quota_exceeded")
    planned = shop.typed("issuance", "quota", "plan", "100", "--json")
    assert (planned.code, planned.json["would_be"]) == (0, "accepted")
    assert [check["check"] for check in planned.json["checks"]][:5] == ["C11", "C12", "C13", "C14", "C15"]
    assert shop.typed("quota", "show", "--json").json["buckets"] == before


def test_and_the_books_balance_after_all_that(shop: Deployment) -> None:
    heard = shop.typed("audit", "--json")
    assert heard.code == 0
    assert heard.json["balanced"] is True
    assert heard.json["terms"]["XTS"]["redeemed"] == "0.00"
