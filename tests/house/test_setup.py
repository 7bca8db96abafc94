"""`make setup` does what is needed and nothing twice; it says what a person can do when it cannot go on."""

import sys
from pathlib import Path

import pytest

from tools import setup

PYPROJECT = """
[project]
dependencies = ["a"]
[project.optional-dependencies]
postgres = []
dev = []
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small checkout with a finished environment."""
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(setup, "STAMPS", tmp_path / ".venv" / "stamps")
    monkeypatch.setattr(setup, "LOGS", tmp_path / ".venv" / "logs")
    files = {
        "pyproject.toml": PYPROJECT,
        "rust/core/src/lib.rs": "fn one() {}\n",
        "src/specie/_core.abi3.so": "built",
        ".venv/bin/python": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    setup.set_stamp("packages", setup.packages_digest())
    setup.set_stamp("core", setup.core_digest())
    return tmp_path


def titles() -> list[str]:
    return [title.split(" (")[0].split(",")[0] for title, _ in setup.pending_steps(for_tests=False)]


def test_a_finished_checkout_needs_nothing(checkout: Path) -> None:
    assert titles() == []


def test_a_new_requirement_installs_packages_and_builds(checkout: Path) -> None:
    path = checkout / "pyproject.toml"
    path.write_text(path.read_text().replace('["a"]', '["a", "b"]'))
    assert titles() == ["Python packages", "building the Rust core"]


def test_a_changed_rust_source_builds(checkout: Path) -> None:
    (checkout / "rust/core/src/lib.rs").write_text("fn two() {}\n")
    assert titles() == ["building the Rust core"]


def test_build_output_is_no_source(checkout: Path) -> None:
    (checkout / "rust/target").mkdir()
    (checkout / "rust/target/out.rs").write_text("x")
    assert titles() == []


def test_a_lost_extension_is_built_again(checkout: Path) -> None:
    (checkout / "src/specie/_core.abi3.so").unlink()
    assert titles() == ["building the Rust core"]


def test_a_lost_environment_makes_every_step_pending(checkout: Path) -> None:
    (checkout / ".venv/bin/python").unlink()
    assert titles() == ["virtual environment .venv", "Python packages", "building the Rust core"]


def test_a_failing_step_shows_the_end_of_its_output(checkout: Path) -> None:
    command = [sys.executable, "-c", "print('the last words'); raise SystemExit(3)"]
    with pytest.raises(setup.SetupFailed, match=r"(?s)the last words.*failed \(3\)"):
        setup.run_logged("trial", command)


def test_a_missing_cargo_is_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(setup.ENVIRONMENT, "PATH", str(checkout))
    with pytest.raises(setup.SetupFailed, match=r"cargo is missing. the core needs Rust \d+\.\d+ or newer"):
        setup.check_cargo()
