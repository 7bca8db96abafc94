"""The specification check must be able to fail: each of its rules on a small tree that breaks it."""

from pathlib import Path

import pytest

from tools.check_spec import main

CHAPTER = """# Demo

- **DEMO-1.1** A note MUST carry its number,
  and `kind` MUST NOT be absent.
- **DEMO-1.2** A note SHOULD be short.

Prose after a clause belongs to no clause: a note MUST rhyme.

- **DEMO-2.1** A torn note MUST be refused.
- **DEMO-3.1** A note MUST fly.

| clause | bar |
|---|---|
| DEMO-2.2 | notes per second >= 10 |
"""

CONFIG = """
[demo]
sections = ["1", "2"]
tests_only = ["2"]
"""

CODE = "# SPEC DEMO-1.1\n"
TESTS = "# SPEC DEMO-1.1, DEMO-2.1\n# SPEC DEMO-2.2: notes per second\n"


def make_tree(root: Path, *, code: str = CODE, tests: str = TESTS, config: str = CONFIG) -> Path:
    texts = {
        "docs/spec/demo.md": CHAPTER,
        "tools/spec.toml": config,
        "src/note.py": code,
        "tests/test_note.py": tests,
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def run(root: Path, *options: str) -> int:
    return main(["--root", str(root), *options])


def test_a_cited_tree_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path)) == 0
    assert capsys.readouterr().out == "demo: 5 clauses, 3 citations, 0 exempt; 0 untrue, 0 missing\n"


def test_a_clause_that_does_not_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path, code=CODE + "// SPEC DEMO-1.9\n")) == 1
    assert "src/note.py:2: there is no clause DEMO-1.9" in capsys.readouterr().out


@pytest.mark.parametrize(
    "quote",
    [
        "A note MUST carry its number, and kind MUST NOT be absent.",
        "A note MUST carry ...",
        "A note ... and `kind` MUST NOT ...",
        "A note MUST carry\n# its number, and kind MUST NOT be absent.\n# This comment is ours.",
    ],
)
def test_a_true_quote(tmp_path: Path, quote: str) -> None:
    assert run(make_tree(tmp_path, code=f"# SPEC DEMO-1.1: {quote}\n")) == 0


@pytest.mark.parametrize(
    "quote",
    [
        "A note MAY carry its number.",
        "its number, ... A note MUST carry",
        "a note MUST rhyme.",
        "A note MUST carry\n# its colour.",
    ],
)
def test_a_changed_quote(tmp_path: Path, quote: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path, code=f"# SPEC DEMO-1.1: {quote}\n")) == 1
    assert "src/note.py:1: DEMO-1.1 does not say:" in capsys.readouterr().out


def test_a_must_without_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path, code="")) == 1
    assert "DEMO-1.1 is not cited in code: A note MUST carry" in capsys.readouterr().out


def test_a_must_without_code_and_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path, code="", tests="# SPEC DEMO-2.1, DEMO-2.2\n")) == 1
    assert "DEMO-1.1 is not cited in code or tests" in capsys.readouterr().out


def test_a_trial_needs_a_test_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path, tests="# SPEC DEMO-1.1, DEMO-2.2\n"), "--missing") == 1
    out = capsys.readouterr().out
    assert "DEMO-2.1 is not cited in tests: A torn note" in out
    assert "in code" not in out


def test_a_bar_of_a_table_is_a_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path, tests="# SPEC DEMO-1.1, DEMO-2.1\n")) == 1
    assert "DEMO-2.2 is not cited in tests" in capsys.readouterr().out


def test_benches_count_as_tests(tmp_path: Path) -> None:
    root = make_tree(tmp_path, tests="# SPEC DEMO-1.1, DEMO-2.1\n")
    (root / "benches").mkdir()
    (root / "benches" / "notes.py").write_text("# SPEC DEMO-2.2\n")
    assert run(root) == 0


def test_a_mention_is_no_citation(tmp_path: Path) -> None:
    assert run(make_tree(tmp_path, code='"""Canonical bytes: DEMO-1.1."""\n')) == 1


def test_an_exemption_with_its_reason(tmp_path: Path) -> None:
    config = CONFIG + '[demo.exempt]\n"DEMO-1.1" = "a later version"\n'
    assert run(make_tree(tmp_path, code="", config=config)) == 0


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ('"DEMO-1.1" = "a later version"', "drop the exemption"),
        ('"DEMO-9.9" = "a later version"', "is no clause or has no reason"),
        ('"DEMO-3.1" = " "', "is no clause or has no reason"),
    ],
)
def test_a_wrong_exemption(tmp_path: Path, entry: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path, config=f"{CONFIG}[demo.exempt]\n{entry}\n")) == 1
    assert says in capsys.readouterr().out


def test_an_id_that_stands_twice(tmp_path: Path) -> None:
    root = make_tree(tmp_path)
    (root / "docs/spec/demo.md").write_text(CHAPTER + "- **DEMO-1.1** Again.\n")
    with pytest.raises(ValueError, match=r"DEMO-1\.1 stands twice"):
        run(root)


def test_the_table_names_the_places(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(make_tree(tmp_path), "--table") == 0
    assert "| DEMO-1.1 | src/note.py:1 | tests/test_note.py:1 |" in capsys.readouterr().out
