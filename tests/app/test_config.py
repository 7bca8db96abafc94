"""Settings: layers, where values came from, typing errors, secrets, and changing one line."""

import tomllib
from pathlib import Path

import pytest

from specie.app.config import Config, Loaded, Places, load
from specie.app.config.edit import changed, set_value
from specie.app.config.errors import FileUnreadable, NotEditable, SecretInFile, UnknownKey, ValueInvalid
from specie.app.config.model import SYSTEMS, all_keys, field_at
from specie.app.config.secrets import passphrase_of

PORT = "issuance.quota_control.listen_port"
PORT_VARIABLE = "SPECIE_ISSUANCE__QUOTA_CONTROL__LISTEN_PORT"
SECRET = "issuance.quota_control.passphrase"
SECRET_VARIABLE = "SPECIE_ISSUANCE__QUOTA_CONTROL__PASSPHRASE"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("etc", "user/profiles", "here"):
        (tmp_path / name).mkdir(parents=True)
    return Places(tmp_path / "etc" / "specie.toml", tmp_path / "user", tmp_path / "here")


def port_file(path: Path, port: int) -> Path:
    path.write_text(f"[issuance.quota_control]\nlisten_port = {port}\n")
    return path


def test_defaults_need_nothing(places: Places) -> None:
    loaded = load(environ={}, places=places)
    assert loaded.config.environment == "dev"
    assert (loaded.config.currency.code, loaded.config.currency.digits) == ("XTS", 2)
    assert loaded.origin(PORT) == "default"
    assert loaded.value(PORT) == 8792


def test_each_layer_beats_the_one_before(places: Places) -> None:
    """Defaults < system < user < profile < here < environment < flags."""

    def seen(**options: object) -> tuple[object, str]:
        loaded = load(places=places, **({"environ": {}} | options))  # type: ignore[arg-type]
        return loaded.value(PORT), loaded.origin(PORT)

    assert seen() == (8792, "default")
    assert seen(environ={}) == (8792, "default")
    system = port_file(places.system_file, 1)
    assert seen() == (1, str(system))
    user = port_file(places.user_file, 2)
    assert seen() == (2, str(user))
    profile = port_file(places.user_dir / "profiles" / "pilot.toml", 3)
    assert seen() == (2, str(user))
    assert seen(profile="pilot") == (3, str(profile))
    here = port_file(places.working_dir / "specie.toml", 4)
    assert seen(profile="pilot") == (4, str(here))
    other = port_file(places.working_dir / "other.toml", 5)
    assert seen(config_file=other) == (5, str(other))
    environ = {PORT_VARIABLE: "6"}
    assert seen(environ=environ) == (6, f"environment ({PORT_VARIABLE})")
    assert seen(environ=environ, flags={PORT: 7}) == (7, "flags")


def test_layers_meet_key_by_key(places: Places) -> None:
    places.system_file.write_text('[issuance.quota_control]\nid = "qc-eu"\nlisten_port = 1\n')
    port_file(places.user_file, 2)
    system = load(environ={}, places=places).config.system("quota-control")
    assert (system.id, system.listen_port) == ("qc-eu", 2)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("curency = 1", "currency"),
        ("[curency]\ncode = 'XTS'", "currency"),
        ("[currency]\ncod = 'XTS'", "currency.code"),
        ("[issuance.quota_controll]\nid = 'x'", "issuance.quota_control"),
        ("listen_port = 1", PORT.rpartition(".")[2]),
        ("[issuance.quota_control]\nlisten_prot = 1", PORT),
    ],
)
def test_unknown_keys_are_errors_with_a_suggestion(places: Places, text: str, near: str) -> None:
    places.user_file.write_text(text)
    with pytest.raises(UnknownKey, match="did you mean") as caught:
        load(environ={}, places=places)
    assert near in str(caught.value.facts["near"])
    assert str(places.user_file) in caught.value.detail


def test_unknown_variables_are_errors_too(places: Places) -> None:
    with pytest.raises(UnknownKey, match=r"SPECIE_LOG_LEVLE.*did you mean log_level\?"):
        load(environ={"SPECIE_LOG_LEVLE": "debug"}, places=places)


def test_variables_of_others_are_left_alone(places: Places) -> None:
    environ = {
        "SPECIE_URL": "http://x",
        "SPECIE_PROFILE": "x",
        "SPECIE_SERVICE_HOST": "10.0.0.1",  # Kubernetes, for a service called specie
        "SPECIE_PORT_8787_TCP_ADDR": "10.0.0.1",
        "SPECIE_GATEWAY_SERVICE_PORT_HTTP": "80",
        "PATH": "/bin",
    }
    assert load(environ=environ, places=places).config == Config()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (PORT, "70000", "less than or equal"),
        (PORT, "many", "integer"),
        ("environment", "prod", "'dev', 'pilot' or 'live'"),
        ("currency.code", "xts", "pattern"),
        ("issuance.root_keys", "abcd", "32 bytes"),
        ("issuance.central_management.id", "CM 1", "pattern"),
    ],
)
def test_wrong_values_name_key_and_source(places: Places, key: str, value: str, said: str) -> None:
    variable = "SPECIE_" + key.upper().replace(".", "__")
    with pytest.raises(ValueInvalid, match=said) as caught:
        load(environ={variable: value}, places=places)
    assert caught.value.facts["key"] == key
    assert variable in caught.value.detail


def test_a_section_is_no_value(places: Places) -> None:
    places.user_file.write_text("currency = 5")
    with pytest.raises(ValueInvalid, match="section"):
        load(environ={}, places=places)


def test_files_that_cannot_be_used(places: Places) -> None:
    with pytest.raises(FileUnreadable, match=r"missing\.toml"):
        load(environ={}, config_file=places.working_dir / "missing.toml", places=places)
    with pytest.raises(FileUnreadable, match=r"nobody\.toml"):
        load(environ={}, profile="nobody", places=places)
    places.user_file.write_text("a = [")
    with pytest.raises(FileUnreadable, match="not TOML"):
        load(environ={}, places=places)


def test_secrets_stand_in_no_file(places: Places) -> None:
    places.user_file.write_text('[issuance.quota_control]\npassphrase = "hunter2"\n')
    with pytest.raises(SecretInFile) as caught:
        load(environ={}, places=places)
    assert "hunter2" not in str(caught.value)
    places.user_file.write_text('[issuance.quota_control]\npassphrase = "kms://live/qc"\n')
    secret = load(environ={}, places=places).config.system("quota-control").passphrase
    assert secret is not None
    assert secret.get_secret_value() == "kms://live/qc"


def test_secrets_come_from_environment_and_files_and_are_never_shown(places: Places, tmp_path: Path) -> None:
    # SPEC ISSUANCE-2.3.3
    loaded = load(environ={SECRET_VARIABLE: "hunter2", "SPECIE_DATA_DIR": str(tmp_path)}, places=places)
    assert loaded.value(SECRET) == "***"
    assert "hunter2" not in repr(loaded.config)
    assert passphrase_of(loaded.config.system("quota-control")).reveal() == b"hunter2"

    file = tmp_path / "secret"
    file.write_text("hunter3\n")
    file.chmod(0o600)
    system = load(environ={SECRET_VARIABLE + "_FILE": str(file)}, places=places).config.system("quota-control")
    assert passphrase_of(system).reveal() == b"hunter3"
    file.chmod(0o640)
    with pytest.raises(FileUnreadable, match="chmod 600"):
        passphrase_of(system)
    file.unlink()
    with pytest.raises(FileUnreadable):
        passphrase_of(system)


def test_any_variable_may_name_a_file_instead(places: Places, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://qc:hunter2@db/qc\n")
    file.chmod(0o600)
    environ = {"SPECIE_ISSUANCE__QUOTA_CONTROL__DATABASE_FILE": str(file)}
    system = load(environ=environ, places=places).config.system("quota-control")
    assert system.database == "postgresql://qc:hunter2@db/qc"
    file.chmod(0o644)
    with pytest.raises(FileUnreadable, match="chmod 600"):
        load(environ=environ, places=places)


def test_a_password_in_a_url_is_not_shown(places: Places) -> None:
    environ = {"SPECIE_ISSUANCE__QUOTA_CONTROL__DATABASE": "postgresql://qc:hunter2@db/qc"}
    loaded = load(environ=environ, places=places)
    assert loaded.config.system("quota-control").database == "postgresql://qc:hunter2@db/qc"
    assert loaded.value("issuance.quota_control.database") == "postgresql://qc:***@db/qc"


def test_every_setting_has_a_line_about_itself() -> None:
    for key in all_keys():
        field = field_at(key)
        assert field is not None
        assert field.description
        assert field.description.endswith("."), key
    assert field_at("issuance") is None
    assert field_at("issuance.nothing.x") is None


def test_systems_have_all_they_need_apart_from_each_other(places: Places, tmp_path: Path) -> None:
    # SPEC ISSUANCE-1.2.1
    config = load(environ={"SPECIE_DATA_DIR": str(tmp_path / "data")}, places=places).config
    systems = [config.system(role) for role in SYSTEMS]
    for name in ("id", "url", "database", "keys_dir", "passphrase_file", "listen_port"):
        assert len({str(getattr(system, name)) for system in systems}) == 3, name
    assert systems[0].url == "https://localhost:8791"
    assert systems[0].tls is not None
    assert systems[0].tls.ca == tmp_path / "data" / "ca" / "ca.pem"


def test_root_keys_are_bytes(places: Places) -> None:
    keys = ["aa" * 32, "bb" * 32]
    for text in (",".join(keys), f'["{keys[0]}", "{keys[1]}"]'):
        config = load(environ={"SPECIE_ISSUANCE__ROOT_KEYS": text}, places=places).config
        assert config.root_keys == (b"\xaa" * 32, b"\xbb" * 32)


FILE = """# the pilot
log_level = "info"   # for now

[currency]
code = "XTS"  # testing # twice

[issuance.quota_control]
# the counter
listen_port = 8792
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("log_level", "debug", 'log_level = "info"   # for now', 'log_level = "debug"   # for now'),
        ("currency.code", "EUR#", 'code = "XTS"  # testing # twice', 'code = "EUR#"  # testing # twice'),
        ("issuance.quota_control.listen_port", 1, "listen_port = 8792", "listen_port = 1"),
        ("currency.digits", 3, "# testing # twice\n", "# testing # twice\ndigits = 3\n"),
        ("environment", "live", "# for now\n", '# for now\nenvironment = "live"\n'),
    ],
)
def test_changing_one_value_keeps_every_other_line(key: str, value: object, old: str, new: str) -> None:
    assert changed(FILE, key, value) == FILE.replace(old, new)


def test_a_new_section_goes_to_the_end() -> None:
    assert changed(FILE, "gateway.listen_port", 80) == FILE + "\n[gateway]\nlisten_port = 80\n"
    assert changed("", "gateway.listen_port", 80) == "[gateway]\nlisten_port = 80\n"


def test_what_cannot_be_changed_line_by_line_is_left_alone() -> None:
    with pytest.raises(NotEditable):
        changed("issuance = { quota_control = { listen_port = 1 } }\n", PORT, 2)
    with pytest.raises(NotEditable):
        changed('[issuance]\nroot_keys = [\n  "aa",\n]\n', "issuance.root_keys", ["bb"])


def test_set_writes_a_private_file_that_reads_back(places: Places) -> None:
    assert set_value(places.user_file, PORT, "9000") == 9000
    assert set_value(places.user_file, "issuance.root_keys", "aa" * 32) == ["aa" * 32]
    assert places.user_file.stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(places.user_file.read_text())["issuance"]["root_keys"] == ["aa" * 32]
    loaded: Loaded = load(environ={}, places=places)
    assert (loaded.value(PORT), loaded.origin(PORT)) == (9000, str(places.user_file))


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [(SECRET, "x", SecretInFile), ("curency.code", "x", UnknownKey), (PORT, "x", ValueInvalid)],
)
def test_set_writes_nothing_that_is_wrong(places: Places, key: str, value: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        set_value(places.user_file, key, value)
    assert not places.user_file.exists()
