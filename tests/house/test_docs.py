"""The documents say what the code does, every name is documented, and the front page starts people."""

import importlib
import re

import pytest
import typer

from house.source import ROOT, python_files
from tools import make_reference

DECISIONS = ROOT / "docs" / "decisions"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return make_reference.pages()


def test_the_reference_is_what_make_docs_writes(pages: dict[str, str]) -> None:
    folder = ROOT / "docs" / "reference"
    there = {name: (folder / name).read_text() for name in pages if (folder / name).is_file()}
    stale = [name for name, text in pages.items() if there.get(name) != text]
    assert not stale, f"run `make docs`: {stale}"


def test_every_route_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "http.md").read_text()
    documents = make_reference.openapi_documents()
    assert documents
    paths = {path for document in documents.values() for path in document["paths"]}
    absent = sorted(path for path in paths if f" {path}`" not in text)
    assert not absent, absent


def test_every_command_is_documented_and_says_what_it_does() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()
    root = typer.main.get_command(importlib.import_module("specie.app.cli").app)
    found = list(make_reference.commands(root, ("specie",)))
    assert len(found) > 20
    absent = [" ".join(path) for path, _ in found if f"## `{' '.join(path)}`\n" not in text]
    mute = [" ".join(path) for path, command in found if not (command.help or "").strip()]
    assert not absent, absent
    assert not mute, mute


def test_the_front_page_begins_with_the_two_words() -> None:
    """Whoever has a fresh clone needs just these: they come before any other command."""
    blocks = re.findall(r"```(?:\w+)?\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks, "README.md shows no command"
    words = [line.split("#")[0].strip() for line in blocks[0].splitlines() if line.strip()]
    assert words[:2] == ["make demo", "make test"]


def test_links_between_documents_hold() -> None:
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("README.md")]
    broken = []
    for path in texts:
        if path.is_relative_to(ROOT / "docs" / "spec"):
            continue
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
            is_outside = "://" in target or target.startswith("mailto:")
            if not is_outside and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert not broken, broken


def test_decisions_are_numbered_once_and_have_one_form() -> None:
    records = sorted(path for path in DECISIONS.glob("*.md") if path.name[:4].isdigit())
    numbers = [path.name[:4] for path in records]
    assert numbers
    assert len(numbers) == len(set(numbers)), numbers
    for path in records:
        headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path.name
        assert len(path.read_text().splitlines()) <= 70, f"{path.name}: a decision is one page"


def test_every_module_says_what_it_is() -> None:
    mute = [
        str(path.relative_to(ROOT))
        for path in python_files("src")
        if path.name != "__init__.py" and not path.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert not mute, mute
