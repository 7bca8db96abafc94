"""Hold code and tests to the specification: citations are true, and each MUST has code and a test.

A clause is a list item `- **CHAPTER-1.2.3** text` of docs/spec/<chapter>.md, or a table row whose first cell
is the id. A citation is `SPEC CHAPTER-1.2.3` in a source file, several ids separated by commas. Text after a
colon is a quote and must occur in the clause, where `...` stands for words left out:

    # SPEC CHAPTER-1.2.3, CHAPTER-1.2.4
    # SPEC CHAPTER-1.2.3: An object MUST be ...

tools/spec.toml says which sections are built, which of them need no citation in code, and which clauses are
exempt and why.

    check_spec.py [--root DIR] [--missing | --table]      exit status 1 if anything is wrong
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

CODE = ("src", "rust", "deploy", "web", "tools/specie_verify.py", "tools/ledger_verify.py")
TESTS = ("tests", "benches", "rust/core/tests", "rust/core/benches", "rust/core/fuzz")
SUFFIXES = {".py", ".pyi", ".rs", ".sql", ".ts", ".svelte", ".html", ".yaml", ".toml", ".sh"}
SKIPPED_FOLDERS = {"target", "node_modules", "__pycache__"}

NUMBER = r"\d+(?:\.\d+)*"
COMMENT = re.compile(r"^\s*(?:#|//[/!]?|--|\*)\s?")


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule of a chapter."""

    id: str
    text: str
    is_must: bool


@dataclass(frozen=True, slots=True)
class Citation:
    """One place that names clauses."""

    ids: tuple[str, ...]
    quote: str
    where: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class Chapter:
    """What spec.toml says about one chapter. Section numbers cover all that stands below them."""

    name: str
    sections: tuple[str, ...]
    tests_only: tuple[str, ...] = ()
    exempt: dict[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return self.name.upper()

    def is_in(self, clause_id: str, sections: Iterable[str]) -> bool:
        number = clause_id.removeprefix(f"{self.prefix}-")
        return any(number == section or number.startswith(f"{section}.") for section in sections)


def load_config(path: Path) -> list[Chapter]:
    tables = tomllib.loads(path.read_text())
    return [
        Chapter(name, tuple(table["sections"]), tuple(table.get("tests_only", ())), table.get("exempt", {}))
        for name, table in tables.items()
    ]


def normalise(text: str) -> str:
    """Words alone: markup and line breaks do not count."""
    return " ".join(text.replace("*", "").replace("`", "").replace("|", " ").split())


def parse_clauses(chapter: Chapter, text: str) -> dict[str, Clause]:
    """The clauses of a chapter by id. Raises ValueError if an id stands there twice."""
    item = re.compile(rf"^- \*\*({chapter.prefix}-{NUMBER})\*\*(.*)$")
    row = re.compile(rf"^\| ({chapter.prefix}-{NUMBER}) \|(.*)$")
    lines: dict[str, list[str]] = {}
    rows: set[str] = set()
    current: list[str] | None = None
    for line in text.splitlines():
        if found := item.match(line) or row.match(line):
            if found[1] in lines:
                raise ValueError(f"clause {found[1]} stands twice in the chapter {chapter.name}")
            current = lines[found[1]] = [found[2]]
            if line.startswith("|"):
                rows.add(found[1])
                current = None
        elif current is not None and line.startswith("  "):
            current.append(line)
        else:
            current = None
    texts = {clause_id: normalise(" ".join(parts)) for clause_id, parts in lines.items()}
    # A row of a table of bars is a demand, though it is not a sentence.
    return {key: Clause(key, words, key in rows or "MUST" in words) for key, words in texts.items()}


def source_files(root: Path, folders: Iterable[str]) -> Iterator[Path]:
    for folder in folders:
        start = root / folder
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            inside = path.relative_to(root)
            if path.suffix in SUFFIXES and path.is_file() and SKIPPED_FOLDERS.isdisjoint(inside.parts):
                yield path


def read_quote(lines: list[str], index: int, first: str) -> str:
    """A quote goes on over the following comment lines until a sentence or an omission ends it."""
    quote = first
    for line in lines[index + 1 :]:
        if quote.endswith((".", "…")) or not COMMENT.match(line) or "SPEC " in line:
            break
        quote += " " + COMMENT.sub("", line).strip()
    return quote


def find_citations(root: Path, chapter: Chapter, path: Path, is_test: bool) -> Iterator[Citation]:
    one = rf"{chapter.prefix}-{NUMBER}"
    pattern = re.compile(rf"\bSPEC ({one}(?:,\s*{one})*)(?::\s+(.*))?")
    lines = path.read_text(errors="replace").splitlines()
    for index, line in enumerate(lines):
        for found in pattern.finditer(line):
            first = (found[2] or "").removesuffix('"""').strip()
            quote = read_quote(lines, index, first) if first else ""
            ids = tuple(re.split(r",\s*", found[1]))
            yield Citation(ids, quote, f"{path.relative_to(root)}:{index + 1}", is_test)


def all_citations(root: Path, chapter: Chapter) -> list[Citation]:
    tests = list(source_files(root, TESTS))
    code = [path for path in source_files(root, CODE) if path not in set(tests)]
    return [
        citation
        for files, is_test in ((code, False), (tests, True))
        for path in files
        for citation in find_citations(root, chapter, path, is_test)
    ]


def is_quoted(quote: str, text: str) -> bool:
    """Whether the parts of the quote occur in the text in their order."""
    start = 0
    for part in re.split(r"\.\.\.|…", normalise(quote)):
        at = text.find(part.strip(), start)
        if at < 0:
            return False
        start = at + len(part.strip())
    return True


def false_citations(clauses: dict[str, Clause], citations: Iterable[Citation]) -> Iterator[str]:
    for citation in citations:
        known = [clauses[key] for key in citation.ids if key in clauses]
        for key in citation.ids:
            if key not in clauses:
                yield f"{citation.where}: there is no clause {key}"
        if citation.quote and known and not any(is_quoted(citation.quote, clause.text) for clause in known):
            yield f"{citation.where}: {known[0].id} does not say: {citation.quote}"


def uncited_musts(
    chapter: Chapter, clauses: dict[str, Clause], code: dict[str, list[str]], tests: dict[str, list[str]]
) -> Iterator[str]:
    for key, clause in clauses.items():
        if not clause.is_must or not chapter.is_in(key, chapter.sections):
            continue
        needs_code = not chapter.is_in(key, chapter.tests_only)
        lacks = ["code"] if needs_code and key not in code else []
        lacks += ["tests"] if key not in tests else []
        if key in chapter.exempt:
            if not lacks:
                yield f"{key} is exempt in tools/spec.toml, but code and tests cite it: drop the exemption"
        elif lacks:
            yield f"{key} is not cited in {' or '.join(lacks)}: {clause.text}"
    for key, reason in chapter.exempt.items():
        if key not in clauses or not reason.strip():
            yield f"tools/spec.toml exempts {key}, which is no clause or has no reason"


def places(citations: Iterable[Citation], is_test: bool) -> dict[str, list[str]]:
    """Clause id -> where it is cited, of code or of tests."""
    by_id: dict[str, list[str]] = defaultdict(list)
    for citation in citations:
        for key in citation.ids:
            if citation.is_test == is_test:
                by_id[key].append(citation.where)
    return dict(by_id)


def number_of(clause_id: str) -> list[int]:
    return [int(part) for part in clause_id.rpartition("-")[2].split(".")]


def print_table(clauses: dict[str, Clause], code: dict[str, list[str]], tests: dict[str, list[str]]) -> None:
    print("| clause | code | tests |\n|---|---|---|")
    for key in sorted(clauses, key=number_of):
        print(f"| {key} | {'<br>'.join(code.get(key, []))} | {'<br>'.join(tests.get(key, []))} |")


def check_chapter(root: Path, chapter: Chapter, mode: str) -> int:
    """Print what is wrong (or the table, or what is missing). Answers the number of faults."""
    clauses = parse_clauses(chapter, (root / "docs" / "spec" / f"{chapter.name}.md").read_text())
    citations = all_citations(root, chapter)
    code, tests = places(citations, is_test=False), places(citations, is_test=True)
    if mode == "table":
        print_table(clauses, code, tests)
        return 0
    untrue = [] if mode == "missing" else list(false_citations(clauses, citations))
    missing = list(uncited_musts(chapter, clauses, code, tests))
    for fault in (*untrue, *missing):
        print(fault)
    count = f"{len(clauses)} clauses, {len(citations)} citations, {len(chapter.exempt)} exempt"
    print(f"{chapter.name}: {count}; {len(untrue)} untrue, {len(missing)} missing")
    return len(untrue) + len(missing)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Check the citations of the specification.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--table", action="store_true", help="print where each clause is kept and tried")
    modes.add_argument("--missing", action="store_true", help="print only what is not cited")
    options = parser.parse_args(arguments)
    mode = "table" if options.table else "missing" if options.missing else "all"
    chapters = load_config(options.root / "tools" / "spec.toml")
    return 1 if sum(check_chapter(options.root, chapter, mode) for chapter in chapters) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
