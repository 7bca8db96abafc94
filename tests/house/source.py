"""What the house tests look at: the source files of the project, parsed once."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "specie"

FOUNDATIONS = {"kernel", "crypto", "enclave"}
"""Packages below the rooms; they have no messages of their own."""

VISIBLE = {"api", "messages", "errors"}
"""What a room shows to the rooms to its left."""


def python_files(*folders: str) -> list[Path]:
    """Every Python source below the given folders of the project."""
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def rust_files() -> list[Path]:
    """Every Rust source that ships, without tests, benches and fuzz targets."""
    apart = {"target", "tests", "benches", "fuzz"}
    return sorted(path for path in (ROOT / "rust").rglob("*.rs") if apart.isdisjoint(path.relative_to(ROOT).parts))


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    """How a failure names a file: its path from the project's root."""
    return str(path.relative_to(ROOT))


def module_of(path: Path) -> str:
    """`src/specie/kms/api.py` -> `specie.kms.api`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rooms() -> list[str]:
    """The rooms there are: every package of specie but the foundations and app."""
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    return sorted(packages - FOUNDATIONS - {"app"})


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """(module, line) of every import in a file, wherever it stands. `from a import b` gives `a.b`."""
    own = module_of(path).split(".")
    package = own if path.name == "__init__.py" else own[:-1]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{start}.{alias.name}", node.lineno) for alias in node.names)
