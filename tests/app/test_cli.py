"""The command line: what is typed wrong, what is shown where, and what the shell is told."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from litestar import get, post
from litestar.params import JSONBody

from specie.app.cli import app
from specie.app.cli.flags import hoist
from specie.app.cli.terminal import Terminal
from specie.app.http.server import HttpServer
from specie.kernel.errors import Overloaded, Refused
from tests.app.serving import Deployment, application, run

PORT = "issuance.quota_control.listen_port"


class Said:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Said]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line in a home of its own."""
    for name in [name for name in os.environ if name.startswith(("SPECIE_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def call(*line: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            app(list(line))
        out, err = capsys.readouterr()
        code = left.value.code
        return Said(code if isinstance(code, int) else 0, out, err)

    return call


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
def test_what_is_typed_wrong_is_answered_on_standard_error(
    cli: Cli, line: list[str], code: int, said: str
) -> None:
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
    assert asked.stdout.split() == ["currency.code", "currency.digits"]


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


class Short(Refused):
    """A refusal of a service."""

    code = "issuance.quota_exceeded"
    status = 409


@get("/v1/quotas")
async def quotas() -> dict[str, str]:
    return {"left": "10.00"}


@post("/v1/issues", status_code=200)
async def issues(data: JSONBody[dict[str, str]]) -> dict[str, str]:
    if data["amount"] == "20000":
        raise Short(asked="20 000.00 XTS", available="10 000.00 XTS", bucket="Harbour Bank")
    if data["amount"] == "1":
        raise Overloaded
    raise ZeroDivisionError


@pytest.fixture
def service(tmp_path: Path) -> Any:
    """A service in a process of its own loop, for commands that have theirs."""
    import threading

    import uvloop

    ready, stop = threading.Event(), threading.Event()
    address: list[str] = []

    async def work() -> None:
        import asyncio

        server = HttpServer(application([quotas, issues]), host="127.0.0.1", port=0)
        await server.start()
        address.append(server.url)
        ready.set()
        await asyncio.to_thread(stop.wait)
        await server.stop()

    thread = threading.Thread(target=lambda: uvloop.run(work()))
    thread.start()
    assert ready.wait(10)
    yield address[0]
    stop.set()
    thread.join(10)


def test_api_shows_the_body_and_notes_the_status(cli: Cli, service: str) -> None:
    heard = cli("--url", service, "api", "GET", "/v1/quotas")
    assert heard.code == 0
    assert heard.json == {"left": "10.00"}
    assert heard.err == "200 application/json\n"
    assert cli("--url", service, "api", "GET", "/v1/quotas", "-q").err == ""


@pytest.mark.parametrize(
    ("amount", "code", "said"),
    [
        ("20000", 3, "You asked for 20 000.00 XTS. Harbour Bank has 10 000.00 XTS left."),
        ("1", 7, "Money: nothing moved."),
        ("7", 8, "Money: not known yet. Run the same command again with the same key"),
    ],
)
def test_api_tells_what_a_service_refused(cli: Cli, service: str, amount: str, code: int, said: str) -> None:
    heard = cli("--url", service, "api", "POST", "/v1/issues", "-d", json.dumps({"amount": amount}))
    assert heard.code == code
    assert said in heard.err
    assert "Idempotency-Key: " in heard.err
    assert not heard.out


def test_a_remote_refusal_shows_its_trace(cli: Cli, service: str) -> None:
    heard = cli("--url", service, "api", "POST", "/v1/issues", "-d", '{"amount": "20000"}')
    first, *_, last = heard.err.splitlines()[1:]
    assert first.endswith("issuance.quota_exceeded")
    assert last.startswith("  More:  specie explain issuance.quota_exceeded          trace ")


def test_status_asks_every_service(cli: Cli, service: str) -> None:
    for name, url in (("quota_control", service), ("central_management", service)):
        cli("config", "set", f"issuance.{name}.url", url)
    cli("config", "set", "issuance.issuance_system.url", "http://127.0.0.1:1")
    heard = cli("status", "--json")
    assert heard.code == 7
    assert {row["part"]: row["state"] for row in heard.json} == {
        "central-management": "ok",
        "quota-control": "ok",
        "issuance": "down",
    }


def test_a_bug_leaves_a_file_and_exit_code_1(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_serving_without_the_composition_says_so(cli: Cli) -> None:
    from importlib.util import find_spec

    if find_spec("specie.app.build") is None:
        assert cli("serve", "quota-control").code == 4
    else:
        assert run is not None
