"""The command line: what is typed wrong, what is shown where, and what the shell is told."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from specie.app.cli import app
from specie.app.cli.flags import hoist
from specie.app.cli.terminal import Terminal
from tests.app.conftest import Cli
from tests.app.serving import Deployment

PORT = "issuance.quota_control.listen_port"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["vrsion"], 2, "Did you mean 'version'?"),
        (["config", "explian"], 2, "Did you mean 'explain'?"),
        (["config", "get", "curency.code"], 2, "did you mean currency.code?"),
        (["config", "explain"], 2, "Missing argument"),
        (["config", "set", PORT, "many"], 2, "integer"),
        (["config", "set", "issuance.quota_control.passphrase", "x"], 2, "from kms://"),
        (["--config", "missing.toml", "config", "show"], 2, "missing.toml"),
        (["--nonsense"], 2, "No such option"),
        (["version", "extra"], 2, "unexpected extra argument"),
        (["explain", "quota_exceded"], 4, "specie explain issuance.quota_exceeded"),
        (["serve", "bnak"], 2, "central-management, quota-control, issuance"),
        (["serve", "bank"], 2, "comes with a later release"),
        (["serve", "quota-contrl"], 2, "specie serve quota-control"),
        (["api", "FETCH", "/livez"], 2, "a method and a path"),
        (["api", "GET", "livez"], 2, "a method and a path"),
        (["api", "POST", "/x", "-d", "@missing.json"], 2, "missing.json"),
        (["api", "GET", "/livez", "--system", "bank"], 2, "none of the systems"),
        (["--url", "http://127.0.0.1:1", "api", "GET", "/livez"], 7, "Money: nothing moved."),
        (["status"], 7, ""),
    ],
)
def test_what_is_typed_wrong_is_answered_on_standard_error(cli: Cli, line: list[str], code: int, said: str) -> None:
    heard = cli(*line)
    assert heard.code == code
    assert said in heard.err
    assert not heard.out or line == ["status"]


def test_a_refusal_has_the_form_that_people_know(cli: Cli) -> None:
    heard = cli("config", "get", "curency.code")
    assert heard.err.splitlines() == [
        "✘ There is no such setting" + " " * 50 + "config.unknown_key",
        "  curency.code is not a setting; did you mean currency.code?",
        "  Try:   specie config explain currency.code          or   specie config show",
        "  More:  specie explain config.unknown_key",
    ]


@pytest.mark.parametrize("line", [["--json", "vrsion"], ["config", "get", "curency.code", "--json"]])
def test_with_json_a_refusal_is_a_problem_on_standard_output(cli: Cli, line: list[str]) -> None:
    heard = cli(*line)
    assert heard.code == 2
    assert heard.json["type"].startswith("urn:specie:error:")
    assert heard.json["funds"] == "unmoved"
    assert not heard.err


def test_flags_may_stand_anywhere(cli: Cli) -> None:
    assert cli("version", "--json").json == cli("--json", "version").json
    assert hoist(["api", "--json", "GET", "--url", "u", "-d", "x", "--", "--json"]) == [
        *("--json", "--url", "u", "api", "GET", "-d", "x", "--", "--json")
    ]
    assert hoist(["a", "--timeout=3", "--url"]) == ["--timeout=3", "--url", "a"]


def test_help_shows_the_commands(cli: Cli) -> None:
    for line in ([], ["--help"]):
        heard = cli(*line)
        assert heard.code == 0
        assert "specie issue request 5000" in heard.out
        for name in ("serve", "doctor", "config", "explain"):
            assert name in heard.out


def test_config_says_where_a_value_came_from(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("config", "get", PORT).out == "8792\n"
    assert cli("config", "set", PORT, "9000").code == 0
    facts = cli("config", "explain", PORT, "--json").json
    assert facts["value"] == 9000
    assert facts["default"] == 8792
    assert facts["from"].endswith(".config/specie/specie.toml")
    assert facts["about"].startswith("Port that it listens on")
    monkeypatch.setenv("SPECIE_ISSUANCE__QUOTA_CONTROL__LISTEN_PORT", "9001")
    assert "environment (SPECIE_ISSUANCE" in cli("config", "explain", PORT).out
    assert "that value is in force" in cli("config", "set", PORT, "9002").err
    assert cli("config", "show", "--json").json[PORT] == 9001


def test_config_set_can_be_tried_first(cli: Cli, tmp_path: Path) -> None:
    assert "would set" in cli("config", "set", PORT, "9000", "--dry-run").out
    assert not (tmp_path / ".config").exists()


def test_config_lists_and_checks_its_files(cli: Cli) -> None:
    rows = cli("config", "path", "--json").json
    assert [row["there"] for row in rows] == ["no", "no", "no"]
    assert cli("config", "validate", "--json").json == {"valid": True, "files": []}


def test_explain_tells_codes_in_full(cli: Cli) -> None:
    heard = cli("explain", "issuance.quota_exceeded")
    assert "The issuing quota is used up." in heard.out
    assert "Money: nothing moved." in heard.out
    assert cli("explain", "issuance.quota_exceeded", "--json").json["retry"] == "new_amount"


def test_doctor_finds_what_is_wrong_and_how_to_fix_it(cli: Cli, tmp_path: Path) -> None:
    data = tmp_path / ".local" / "share" / "specie"
    deployment = Deployment.make(tmp_path / "made")
    keys = data / "quota-control" / "keys"
    keys.mkdir(parents=True)
    data.chmod(0o755)
    (keys / "bit.key").write_text("x")
    (keys / "bit.key").chmod(0o644)
    for name, path in (
        ("certificate", deployment.caller.certificate),
        ("private_key", deployment.caller.private_key),
    ):
        assert cli("config", "set", f"issuance.quota_control.{name}", str(path)).code == 0
    cli("config", "set", "issuance.issuance_system.id", "cm-1")
    heard = cli("doctor", "--json")
    assert heard.code == 9
    checks = {check["name"]: check for check in heard.json["checks"]}
    assert len(checks) >= 12
    wrong = {name for name, check in checks.items() if check["state"] == "fail"}
    assert wrong >= {"data directory", "quota-control keys", "quota-control certificate", "separation"}
    assert checks["quota-control keys"]["fix"] == f"chmod 600 {keys / 'bit.key'}"
    assert checks["quota-control certificate"]["detail"] == "it names is-1, not qc-1"
    assert all(check["fix"] for check in checks.values() if check["state"] != "ok")


def test_doctor_is_content_with_an_empty_home(cli: Cli) -> None:
    """Extension and ports are this machine's; everything else is the empty home's."""
    checks = cli("doctor", "--json").json["checks"]
    wrong = [check["name"] for check in checks if check["state"] == "fail"]
    assert not [name for name in wrong if name != "extension" and not name.endswith(" port")], wrong
    assert "checks: " in cli("doctor").out.splitlines()[-1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_scripts(cli: Cli, shell: str) -> None:
    assert "_SPECIE_COMPLETE" in cli("completion", "show", shell).out
    assert cli("completion", "show", "csh").code == 2


def run_specie(*line: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", "from specie.app.cli import main; main()", *line],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(root / "src"), **environ},
        capture_output=True,
        text=True,
        cwd=home,
        check=False,
    )


def test_the_shell_completes_commands_and_keys(tmp_path: Path) -> None:
    asked = run_specie(
        home=tmp_path, _SPECIE_COMPLETE="complete_bash", COMP_WORDS="specie config get curr", COMP_CWORD="3"
    )
    assert asked.stdout.split() == ["currency.code", "currency.digits", "currency.registry"]


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    """`specie --help` in under 0.4 s: none of these is needed for it."""
    heavy = ("litestar", "uvicorn", "pydantic", "cryptography", "httpx", "sqlite3", "alembic", "structlog")
    code = (
        "import sys\nfrom specie.app.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == "[]"


def test_a_bug_leaves_a_file_and_exit_code_1(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Terminal, *_: Any) -> None:
        raise ZeroDivisionError("postgresql://a:hunter2@b")

    monkeypatch.setattr(Terminal, "show", broken)
    heard = cli("version")
    assert heard.code == 1
    assert "This is a mistake in specie, not yours" in heard.err
    (file,) = (tmp_path / ".local" / "state" / "specie").glob("crash-*.txt")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "ZeroDivisionError" in file.read_text()
    assert "hunter2" not in file.read_text() + heard.err


def terminal(**flags: Any) -> Terminal:
    from specie.app.cli.flags import Flags

    return Terminal(Flags(**flags), {})


def test_questions_are_asked_only_where_somebody_can_answer(capsys: pytest.CaptureFixture[str]) -> None:
    from specie.app.cli.errors import Usage

    terminal(yes=True).confirm("Really?")
    with pytest.raises(Usage, match="--yes"):
        terminal(no_input=True).confirm("Really?")
    assert capsys.readouterr().err == ""


def test_progress_and_results_in_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = terminal(jsonl=True)
    lines.event("step", "step 1 of 6", number=1)
    lines.show({"id": "x"})
    heard = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert heard == [{"type": "step", "number": 1}, {"type": "result", "data": {"id": "x"}}]


def test_tables_and_plain_values(capsys: pytest.CaptureFixture[str]) -> None:
    plain = terminal()
    plain.table([{"a": 1, "long_name": "x"}, {"a": 22}], ("a", "long_name"))
    plain.show({"ok": True, "none": None, "list": [1]})
    assert capsys.readouterr().out.splitlines() == [
        *("A   LONG NAME", "1   x", "22", "ok    yes", "none  –", "list  [1]")
    ]


def test_every_command_says_what_it_does() -> None:
    root = typer.main.get_command(app)
    commands: Mapping[str, Any] = root.commands  # type: ignore[attr-defined]
    for name, command in commands.items():
        assert command.help, name
        for below, inner in command.commands.items():
            assert inner.help, f"{name} {below}"


def test_the_glossary_reads_tables_and_paragraphs(tmp_path: Path) -> None:
    from specie.app.cli.explain import glossary

    page = tmp_path / "glossary.md"
    page.write_text(
        "# Words\n\n| word | meaning |\n|---|---|\n| quota | what may be issued |\n\n"
        "**Credential.** A grant.\n\n- **control bit**: one grant, counted\n"
    )
    words = glossary(page)
    assert words["quota"] == "what may be issued"
    assert words["credential"] == "A grant."
    assert words["control bit"] == "one grant, counted"
