"""`unsafe` stands in one file of the Rust sources; every other one forbids it."""

import re
from itertools import pairwise

from house.source import ROOT, name_of, rust_files

ALLOWED = "rust/core/src/ecash/curve.rs"


def test_only_one_file_has_unsafe() -> None:
    code = re.compile(r"\bunsafe\b(?!_code)")
    found = {
        name_of(path)
        for path in rust_files()
        for line in path.read_text().splitlines()
        if code.search(line) and not line.lstrip().startswith("//")
    }
    assert found == {ALLOWED}


def test_every_other_module_forbids_it() -> None:
    """Each module at the root by an attribute there, each file of `ecash` by its own."""
    lines = (ROOT / "rust/core/src/lib.rs").read_text().splitlines()
    open_modules = [
        line
        for before, line in pairwise(lines)
        if re.match(r"(pub )?mod \w+;", line) and before != "#[forbid(unsafe_code)]"
    ]
    assert open_modules == ["pub mod ecash;"]
    files = sorted((ROOT / "rust/core/src/ecash").glob("*.rs"))
    apart = {"curve.rs", "curve_tests.rs", "mod.rs"}
    free = [path.name for path in files if "#![forbid(unsafe_code)]" not in path.read_text()]
    assert set(free) <= apart
