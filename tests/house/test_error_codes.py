"""Every refusal has one code of its own, a status, a sentence, and a place in the reference."""

import re
from collections import defaultdict

import pytest

from house.source import ROOT
from specie.kernel.errors import Unavailable
from tools import make_reference
from tools.make_reference import code_of

Refusals = list[type[Exception]]

CODE = re.compile(r"[a-z]+\.[a-z0-9_]+")
REFERENCE = ROOT / "docs" / "reference" / "errors.md"


@pytest.fixture(scope="module")
def refusals() -> Refusals:
    return make_reference.refusals()


def test_there_are_refusals(refusals: Refusals) -> None:
    assert len(refusals) > 40


def test_codes_are_unique(refusals: Refusals) -> None:
    """Reasons for being unavailable may share a code: the caller does the same about all of them."""
    by_code: dict[str, set[str]] = defaultdict(set)
    for kind in (kind for kind in refusals if not issubclass(kind, Unavailable)):
        by_code[code_of(kind)].add(f"{kind.__module__}.{kind.__qualname__}")
    twice = {code: names for code, names in by_code.items() if len(names) > 1}
    assert not twice, twice


def test_codes_have_the_form_room_dot_reason(refusals: Refusals) -> None:
    wrong = {kind.__qualname__: code_of(kind) for kind in refusals if not CODE.fullmatch(code_of(kind))}
    assert not wrong, wrong


def test_refusals_have_a_status_that_says_whose_fault_it_is(refusals: Refusals) -> None:
    wrong = []
    for kind in refusals:
        status = getattr(kind, "status", None)
        # 501: what this release does not offer. 502: a refusal of another service, handed on under its own status.
        allowed = {*range(500, 600)} if issubclass(kind, Unavailable) else {*range(200, 500), 501, 502}
        if status not in allowed:
            wrong.append(f"{kind.__qualname__}: {status}")
    assert not wrong, wrong


def test_refusals_have_a_sentence(refusals: Refusals) -> None:
    mute = [kind.__qualname__ for kind in refusals if not (kind.__dict__.get("__doc__") or "").strip()]
    assert not mute, mute


def test_codes_stand_in_the_reference(refusals: Refusals) -> None:
    text = REFERENCE.read_text()
    absent = [code_of(kind) for kind in refusals if f"`{code_of(kind)}`" not in text]
    assert not absent, f"run `make docs`: {absent}"


def test_the_reference_lists_no_code_that_is_gone(refusals: Refusals) -> None:
    listed = set(re.findall(rf"^\| `({CODE.pattern})`", REFERENCE.read_text(), re.MULTILINE))
    gone = listed - {code_of(kind) for kind in refusals}
    assert not gone, f"run `make docs`: {sorted(gone)}"
