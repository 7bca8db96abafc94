"""The stub of the Rust core names every function that the built extension has, and no other."""

import ast
import importlib

from house.source import PACKAGE, parse


def public_names(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def stub_names() -> set[str]:
    body = parse(PACKAGE / "_core.pyi").body
    found = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    found += [ast.unparse(node.target) for node in body if isinstance(node, ast.AnnAssign)]
    return public_names(found)


def test_the_stub_and_the_extension_agree() -> None:
    """`make check` compares the signatures too (stubtest)."""
    core = importlib.import_module("specie._core")
    assert public_names(dir(core)) == stub_names()


def test_every_function_of_the_core_says_what_it_does() -> None:
    core = importlib.import_module("specie._core")
    mute = [name for name in public_names(dir(core)) if not (getattr(core, name).__doc__ or "").strip()]
    assert not mute, mute
