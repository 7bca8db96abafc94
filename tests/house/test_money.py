"""No raw integer leaves kernel/amount.py as money unnoticed, and no float touches money anywhere."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

from house.source import PACKAGE, ROOT, name_of, parse, python_files

MINOR_READERS = {
    "src/specie/kernel/amount.py": "the type itself",
    "src/specie/ledger/engine/registry.py": "what the ledger states to issuance, which counts in minor units",
}
"""Files that may read `.minor`, and why: doors where an amount becomes bytes, a column or a figure."""

FLOAT_USERS: dict[str, str] = {
    "src/specie/ledger/wallet/pausing.py": "a pause in seconds for the event loop",
}
"""Files of the money's rooms that may use floats, and why: seconds on a stopwatch, never money."""

LEDGER = ("messages", "protocol", "escrow", "store", "wallet")
EXACT = [
    "src/specie/bank",
    "src/specie/issuance",
    "src/specie/kernel",
    *(f"src/specie/ledger/{part}" for part in LEDGER),
]


def money_files() -> list[Path]:
    apart = {PACKAGE / "kernel" / "clock.py"}
    found = [path for path in python_files(*EXACT) if path not in apart and "db" not in path.parts]
    return [path for path in found if name_of(path) not in FLOAT_USERS]


def is_division(node: ast.AST) -> TypeGuard[ast.BinOp | ast.AugAssign]:
    """True division; `folder / "name"`, whose right side is text, is no arithmetic."""
    if not isinstance(node, ast.BinOp | ast.AugAssign) or not isinstance(node.op, ast.Div):
        return False
    side = node.right if isinstance(node, ast.BinOp) else node.value
    return not (isinstance(side, ast.JoinedStr) or isinstance(getattr(side, "value", None), str))


def float_faults(tree: ast.Module) -> Iterator[str]:
    """In the order of the lines."""
    for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"line {node.lineno}: float {node.value}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
            yield f"line {node.lineno}: float(...)"
        elif is_division(node):
            yield f"line {node.lineno}: division that is not //"


def minor_reads(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "minor" and isinstance(node.ctx, ast.Load):
            yield f"line {node.lineno}: reads .minor"


def test_only_the_doors_read_raw_amounts() -> None:
    faults = [
        f"{name_of(path)}: {fault}"
        for path in python_files("src")
        if name_of(path) not in MINOR_READERS
        for fault in minor_reads(parse(path))
    ]
    assert not faults, "\n".join(faults)


def test_no_float_where_money_is_counted() -> None:
    faults = [f"{name_of(path)}: {fault}" for path in money_files() for fault in float_faults(parse(path))]
    assert not faults, "\n".join(faults)


def test_every_exception_is_still_needed() -> None:
    stale = [name for name in MINOR_READERS if not list(minor_reads(parse(ROOT / name)))]
    stale += [name for name in FLOAT_USERS if not list(float_faults(parse(ROOT / name)))]
    assert not stale, stale


def test_the_lint_sees_floats_and_divisions() -> None:
    tree = ast.parse("a = 0.5\nb = float(c)\nd = e / f\ng /= 2\nh = folder / 'name'\ni = j // k")
    assert [fault.split(":")[0] for fault in float_faults(tree)] == ["line 1", "line 2", "line 3", "line 4"]


def test_the_lint_sees_raw_reads() -> None:
    assert list(minor_reads(ast.parse("amount.minor = 1\nx = amount.minor"))) == ["line 2: reads .minor"]
