"""The catalogue: every entry is whole, and every code of the frame has one."""

import re

import pytest

from specie.app.cli import COMMANDS
from specie.app.cli.exits import Exit, exit_of
from specie.app.errors_catalogue import Catalogue, Entry
from specie.app.http.client import InDoubt, Unreachable
from specie.kernel.errors import Refused

CATALOGUE = Catalogue.load()


@pytest.mark.parametrize("code", list(CATALOGUE))
def test_an_entry_is_whole(code: str) -> None:
    entry = CATALOGUE.entry(code)
    assert re.fullmatch(r"[a-z]+\.[a-z0-9_]+", code)
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert not entry.detail or entry.detail[-1] in ".:" or "make setup" in entry.detail
    assert entry.exit is None or entry.exit in set(Exit)
    names = {command.name for command in COMMANDS} | {"cert", "--help"}
    for step in entry.next:
        if step.startswith("specie "):
            assert step.split()[1] in names, step


FRAME = """
request.key_missing request.in_progress request.key_reused request.not_found request.method_not_allowed
request.unsupported_media_type request.too_large request.invalid auth.required auth.forbidden
system.db_unavailable system.overloaded system.unavailable system.internal system.stale_extension
codec.malformed cose.wrong_header
"""


@pytest.mark.parametrize("code", FRAME.split())
def test_the_frames_own_codes_have_entries(code: str) -> None:
    assert code in CATALOGUE


def test_the_best_sentence_wins() -> None:
    entry = Entry("a.b", "Title", "You asked for {asked} of {left}.", next=("specie issue request {left}",))
    assert entry.detail_with("said", {"asked": "5", "left": "3"}) == "You asked for 5 of 3."
    assert entry.detail_with("said", {"asked": "5"}) == "said"
    assert entry.detail_with("", {}) == ""
    assert entry.next_with({"left": "3"}) == ["specie issue request 3"]
    assert entry.next_with({}) == ["specie issue request LEFT"]
    assert Entry("a.b", "Title", "Plain.").detail_with("said", {}) == "said"
    assert Entry("a.b", "Title", "Plain.").detail_with("", {}) == "Plain."


def test_an_unknown_code_says_little() -> None:
    assert CATALOGUE.entry("no.such").title == "This was refused"
    assert CATALOGUE.entry("no.such").funds == "unmoved"


def refusal(code: str, status: int) -> Refused:
    kind = type("Made", (Refused,), {"code": code, "status": status})
    made = kind()
    assert isinstance(made, Refused)
    return made


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("issuance.quota_exceeded", 409, Exit.REFUSED),
        ("issuance.already_redeemed", 409, Exit.CONFLICT),
        ("issuance.bad_signature", 401, Exit.UNVERIFIED),
        ("issuance.key_role", 401, Exit.NOT_ALLOWED),
        ("issuance.unknown_serial", 404, Exit.NOT_FOUND),
        ("issuance.in_progress", 409, Exit.IN_DOUBT),
        ("config.unknown_key", 422, Exit.USAGE),
        ("no.such", 404, Exit.NOT_FOUND),
        ("no.such", 409, Exit.CONFLICT),
        ("no.such", 403, Exit.NOT_ALLOWED),
        ("no.such", 423, Exit.REFUSED),
    ],
)
def test_exit_codes_of_refusals(code: str, status: int, expected: Exit) -> None:
    assert exit_of(refusal(code, status), CATALOGUE) == expected


def test_exit_codes_of_what_is_unavailable() -> None:
    assert exit_of(Unreachable("x"), CATALOGUE) == Exit.UNREACHABLE
    assert exit_of(InDoubt("x"), CATALOGUE) == Exit.IN_DOUBT
