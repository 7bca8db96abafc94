"""Words that have no place in a public project: paths and hosts of one machine, and work left for later."""

import re
import subprocess

from house.source import ROOT

BANNED = {
    r"/root/": "a path of one machine",
    r"/home/[a-z]": "a path of one machine",
    r"\bTODO\b|\bFIXME\b|\bXXX\b": "work left for later",
    r"\bNotImplementedError\b|\bunimplemented!|\btodo!\(": "work left for later",
    r"unittest\.mock|\bMagicMock\b": "a mock of our own code",
    r"index-url|find-links|\[source\.crates-io\]": "a registry of one machine",
}
PUBLISHED = ("docs/spec/", "tests/vectors/")
"""Texts that are kept as their authors published them."""

SELF = "tests/house/test_words.py"


def project_files() -> list[str]:
    """Every text file that belongs to the project: what git keeps, and what it would keep."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return sorted(set(done.stdout.splitlines()))
    apart = {".git", ".venv", "target", "__pycache__"}
    inside = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return sorted(str(path) for path in inside if apart.isdisjoint(path.parts))


def test_no_banned_words() -> None:
    faults = []
    for name in project_files():
        path = ROOT / name
        if name == SELF or name.startswith(PUBLISHED) or not path.is_file():
            continue
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, start=1):
            faults += [f"{name}:{number}: {why}" for word, why in BANNED.items() if re.search(word, line)]
    assert not faults, "\n".join(faults)


def test_tests_do_not_sleep() -> None:
    """Waiting a fixed time is slow or flaky: wait for the event instead."""
    pause = re.compile(r"\btime\.sleep\(|\basyncio\.sleep\((?!0\))|\banyio\.sleep\((?!0\))")
    faults = [
        f"{name}:{number}"
        for name in project_files()
        # the simulator's loop runs on virtual time: there a sleep takes none
        if name.startswith("tests/") and name.endswith(".py") and name != SELF
        if not name.startswith("tests/simulation/")
        for number, line in enumerate((ROOT / name).read_text().splitlines(), start=1)
        if pause.search(line)
    ]
    assert not faults, faults
