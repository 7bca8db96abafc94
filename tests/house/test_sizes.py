"""Files under 400 lines, functions under 60: a file that grows becomes a folder of its name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from house.source import name_of, parse, python_files, rust_files

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

WHOLE_IN_ONE_FILE = {
    "tools/specie_verify.py": "ISSUANCE-16.4.1: the stand-alone verifier is a single file",
    "tools/ledger_verify.py": "LEDGER-13.2: the stand-alone verifier is a single file",
}

RUST_FUNCTION = re.compile(r"^(\s*)(?:pub(?:\([a-z]+\))? )?(?:const |async |unsafe )*fn (\w+)")


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines) of each function; its decorators and docstring count too."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def rust_functions(text: str) -> Iterator[tuple[str, int]]:
    """(name, lines) of each function: rustfmt puts its last brace under the first letter of the signature."""
    lines = text.partition("#[cfg(test)]\nmod ")[0].splitlines()
    for start, line in enumerate(lines):
        if found := RUST_FUNCTION.match(line):
            last = re.compile(rf"{found[1]}(}}|\S.*;|\S.*{{.*}})$")
            ends = (end for end in range(start, len(lines)) if last.match(lines[end]))
            yield found[2], next(ends, len(lines)) - start + 1


def test_files_are_short() -> None:
    long = [
        f"{name_of(path)}: {count} lines"
        for path in [*python_files("src", "tools"), *rust_files()]
        if (count := len(path.read_text().splitlines())) > FILE_LINES_MAX and name_of(path) not in WHOLE_IN_ONE_FILE
    ]
    assert not long, "\n".join(long)


def test_python_functions_are_short() -> None:
    long = [
        f"{name_of(path)}: {name}, {count} lines"
        for path in python_files("src", "tools")
        for name, count in python_functions(path)
        if count > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_rust_functions_are_short() -> None:
    long = [
        f"{name_of(path)}: {name}, {count} lines"
        for path in rust_files()
        for name, count in rust_functions(path.read_text())
        if count > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_rust_functions_are_measured_to_their_brace() -> None:
    body = "".join(f"        let x{i} = {i};\n" for i in range(70))
    text = f"impl A {{\n    pub fn long(\n        a: u8,\n    ) {{\n{body}    }}\n\n    fn short() {{}}\n}}\n"
    assert list(rust_functions(text)) == [("long", 74), ("short", 1)]
