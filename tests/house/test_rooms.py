"""A room always has the same files, so that the second room needs no map."""

import tomllib
from pathlib import Path

from house.source import PACKAGE, ROOT, rooms

ALWAYS = {"messages", "errors", "api"}
"""Every room has these; the rest of the shape comes with what the room does."""

ROOMS_WITH_A_SYSTEM = {"issuance"}
"""Rooms that run as services of their own and so have the whole shape."""

WHOLE = ALWAYS | {"protocol", "store", "engine", "client", "service", "cli"}


def modules_of(room: str) -> set[str]:
    """The room's modules, each a file or a folder of that name."""
    folder = PACKAGE / room
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}


def inside_law() -> tuple[set[str], set[str]]:
    """(rooms, module names) that the import law of a room's inside speaks of."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    law = next(contract for contract in contracts if "containers" in contract)
    marks = str.maketrans("|:()", "    ")
    names = {name for line in law["layers"] for name in line.translate(marks).split()}
    return {container.rpartition(".")[2] for container in law["containers"]}, names


def test_there_are_rooms() -> None:
    assert {"kms", "issuance"} <= set(rooms())


def test_every_room_has_a_page_about_itself() -> None:
    mute = [room for room in rooms() if not (PACKAGE / room / "README.md").is_file()]
    assert not mute, mute
    long = [room for room in rooms() if len((PACKAGE / room / "README.md").read_text().splitlines()) > 80]
    assert not long, f"a room's page is one page: {long}"


def test_every_room_has_its_faces() -> None:
    missing = {room: sorted(lacks) for room in rooms() if (lacks := ALWAYS - modules_of(room))}
    assert not missing, missing


def test_rooms_with_a_system_have_the_whole_shape() -> None:
    missing = {room: sorted(lacks) for room in ROOMS_WITH_A_SYSTEM if (lacks := WHOLE - modules_of(room))}
    assert not missing, missing


def test_no_module_of_a_room_escapes_the_import_law() -> None:
    """A new kind of file must be given its layer in pyproject.toml."""
    bound, names = inside_law()
    outside = {room: sorted(extra) for room in rooms() if (extra := modules_of(room) - names)}
    assert not outside, outside
    assert set(rooms()) <= bound


def test_every_folder_of_sources_is_a_package() -> None:
    """Without `__init__.py` a folder is invisible to the import law and to the walk over refusals."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    # Alembic loads migrations by their path.
    open_ones = [path for path in folders if "migrations" not in path.parts and not (path / "__init__.py").exists()]
    assert not open_ones, sorted(str(path.relative_to(ROOT)) for path in open_ones)


def test_no_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "common", "base", "misc"}
    found = [str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*") if is_drawer(path, drawers)]
    assert not found, found


def is_drawer(path: Path, drawers: set[str]) -> bool:
    return path.stem in drawers and (path.suffix == ".py" or path.is_dir())
