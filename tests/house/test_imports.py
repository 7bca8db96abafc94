"""The absences: rules that cannot wait, rooms that show three faces only, modules idle at import."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from house.source import PACKAGE, VISIBLE, imports_of, name_of, parse, python_files, rooms

IMPURE = {"asyncio", "anyio", "httpx", "os", "random", "secrets", "socket", "sqlite3", "subprocess", "time"}
"""What no protocol module may import: nothing in it can wait, draw randomness or tell the time."""

WORK_NAMES = {"open", "socket", "connect", "urlopen"}


def is_protocol(path: Path) -> bool:
    """protocol.py, or any file of a folder of that name."""
    return path.stem == "protocol" or "protocol" in path.relative_to(PACKAGE).parts[:-1]


def room_of(module: str) -> str | None:
    """`specie.kms.api` -> `kms`, if that is a room."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "specie" and parts[1] in rooms() else None


def module_statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """What runs at import: the module's statements and class bodies, not the bodies of functions."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.ClassDef):
            waiting = [*node.body, *waiting]
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "__name__ == '__main__'"}:
            continue
        yield node


def work_at_import(tree: ast.Module) -> Iterator[str]:
    for statement in module_statements(tree):
        for node in ast.walk(statement):
            if isinstance(node, ast.Lambda):
                break
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}:
                yield f"line {node.lineno}: reads the environment at import"
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func).rpartition(".")[2]
                if called in WORK_NAMES:
                    yield f"line {node.lineno}: calls {called}() at import"


def test_protocol_modules_are_pure() -> None:
    faults = [
        f"{name_of(path)}:{line}: imports {module}"
        for path in python_files("src")
        if is_protocol(path)
        for module, line in imports_of(path)
        if module.split(".")[0] in IMPURE
    ]
    assert not faults, "\n".join(faults)


def test_protocol_modules_do_not_wait() -> None:
    faults = [
        f"{name_of(path)}:{node.lineno}"
        for path in python_files("src")
        if is_protocol(path)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    assert not faults, "\n".join(faults)


def test_rooms_see_of_each_other_only_api_messages_and_errors() -> None:
    faults = []
    for path in python_files("src"):
        parts = path.relative_to(PACKAGE).parts
        own = parts[0]
        if len(parts) == 1 or own == "app":
            continue
        for module, line in imports_of(path):
            shown = module.split(".")[2:3]
            if room_of(module) not in {None, own} and shown and shown[0] not in VISIBLE:
                faults.append(f"{name_of(path)}:{line}: {module}")
    assert not faults, "\n".join(faults)


# SPEC LEDGER-1.4, LEDGER-1.5
def test_the_ledger_sees_of_other_rooms_what_it_may() -> None:
    """Of issuance, kms and enclave their faces; of the rooms that lean on it nothing at all."""
    seen = {
        (room_name, module.split(".")[2])
        for path in python_files("src/specie/ledger")
        for module, _ in imports_of(path)
        if module.startswith("specie.") and module.count(".") > 1 and (room_name := module.split(".")[1]) != "ledger"
    }
    other = {(room, face) for room, face in seen if room not in {"kernel", "crypto"}}
    assert {room for room, _ in other} <= {"issuance", "kms", "enclave"}
    assert {face for _, face in other} <= VISIBLE
    assert ("issuance", "messages") in other


def test_the_kernel_needs_the_standard_library_and_cbor2() -> None:
    faults = []
    for path in python_files("src/specie/kernel"):
        allowed = {"specie", "cbor2", *sys.stdlib_module_names}
        if "db" in path.parts:
            allowed |= {"psycopg", "psycopg_pool", "alembic", "sqlalchemy"}
        faults += [f"{name_of(path)}:{n}: {m}" for m, n in imports_of(path) if m.split(".")[0] not in allowed]
    assert not faults, "\n".join(faults)


def test_in_a_room_only_the_store_speaks_sql() -> None:
    """Hand-written SQL stands in store modules and in the migrations that lay the ground for them."""
    verbs = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ")
    faults = []
    for path in python_files(*[f"src/specie/{room}" for room in rooms()]):
        if path.stem == "store" or {"store", "migrations"} & set(path.parts):
            continue
        texts = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Constant)]
        said = [node for node in texts if isinstance(node.value, str) and node.value.startswith(verbs)]
        faults += [f"{name_of(path)}:{node.lineno}" for node in said]
    assert not faults, "\n".join(faults)


def test_nothing_works_at_import() -> None:
    found = [(path, fault) for path in python_files("src") for fault in work_at_import(parse(path))]
    faults = [f"{name_of(path)}: {fault}" for path, fault in found]
    assert not faults, "\n".join(faults)


def test_the_lint_sees_work_at_import() -> None:
    tree = ast.parse("import os\nA = os.environ['A']\nB = open('b')\ndef f():\n    open('c')\n")
    assert list(work_at_import(tree)) == [
        "line 2: reads the environment at import",
        "line 3: calls open() at import",
    ]
