"""From layers to one configuration, remembering where each value came from.

Defaults < /etc/specie/specie.toml < the user's specie.toml < the profile < ./specie.toml (or ``--config
FILE``) < ``SPECIE_*`` in the environment (``__`` nests) < flags.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from platformdirs import user_config_path
from pydantic import SecretStr, ValidationError

from specie.app.config.errors import FileUnreadable, SecretInFile, UnknownKey, ValueInvalid
from specie.app.config.model import Config, all_keys, field_at, is_secret
from specie.app.config.secrets import read_private
from specie.app.redaction import HIDDEN, mask

SYSTEM_FILE = Path("/etc/specie/specie.toml")
FILE_NAME = "specie.toml"
PREFIX = "SPECIE_"
COMMAND_LINE = frozenset(
    f"SPECIE_{name}" for name in ("URL", "API_KEY", "PROFILE", "AS", "CONFIG", "TIMEOUT", "IDEMPOTENCY_KEY")
)
"""Names in the environment that belong to the command line, not to the configuration."""

_FROM_KUBERNETES = re.compile(r"SPECIE_([A-Z0-9_]*_)?(SERVICE_HOST|SERVICE_PORT|PORT)(_[A-Z0-9_]+)?")
"""Kubernetes puts the addresses of services into the environment of every pod."""


def _is_foreign(name: str) -> bool:
    return "__" not in name and _FROM_KUBERNETES.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Places:
    """Where files are looked for."""

    system_file: Path
    user_dir: Path
    working_dir: Path

    @classmethod
    def usual(cls) -> Places:
        """Those of this machine, user and shell."""
        return cls(SYSTEM_FILE, user_config_path("specie"), Path.cwd())

    @property
    def user_file(self) -> Path:
        """The file that ``specie config set`` writes."""
        return self.user_dir / FILE_NAME


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of values."""

    name: str
    values: dict[str, Any]
    """By dotted key."""

    sources: dict[str, str]
    """What exactly each value was read from, by key."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and its history."""

    config: Config
    layers: tuple[Layer, ...]
    """Weakest first, defaults left out."""

    files: tuple[tuple[Path, bool], ...]
    """The files looked for, and whether each is there."""

    def origin(self, key: str) -> str:
        """Where the value in force came from."""
        for layer in reversed(self.layers):
            if key in layer.values:
                return layer.sources.get(key, layer.name)
        return "default"

    def value(self, key: str) -> object:
        """The value in force, fit to be shown. Raises UnknownKey."""
        check_key(key)
        value: object = self.config
        for name in key.split("."):
            value = getattr(value, name)
        return shown(key, value)


def load(
    *,
    environ: Mapping[str, str],
    config_file: Path | None = None,
    profile: str | None = None,
    flags: Mapping[str, object] | None = None,
    places: Places | None = None,
) -> Loaded:
    """Read all layers and check the result.

    flags: values by dotted key. Raises, in this order and layer by layer: FileUnreadable, UnknownKey,
    SecretInFile; then ValueInvalid.
    """
    where = places or Places.usual()
    files = [where.system_file, where.user_file]
    if profile is not None:
        files.append(where.user_dir / "profiles" / f"{profile}.toml")
    files.append(config_file or where.working_dir / FILE_NAME)
    required = {file for file in (config_file, files[2] if profile is not None else None) if file is not None}
    found = tuple((file, file.is_file()) for file in files)
    layers = [file_layer(file) for file, there in found if there or file in required]
    layers.append(environment_layer(environ))
    layers.append(flag_layer(flags or {}))
    return Loaded(build(layers), tuple(layers), found)


def file_layer(path: Path) -> Layer:
    """The values of a TOML file. Raises FileUnreadable, UnknownKey, SecretInFile."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read ({error.strerror})", file=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"{path} is not TOML: {error}", file=str(path)) from error
    values = _flatten(table, "", str(path))
    for key, value in values.items():
        if is_secret(key) and not str(value).startswith("kms://"):
            raise SecretInFile(f"{key} stands in {path}", key=key, file=str(path))
    return Layer(str(path), values, {})


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """The values of ``SPECIE_*``; ``NAME_FILE`` reads the value of NAME from a file.

    Raises UnknownKey, FileUnreadable, ValueInvalid.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, given in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in COMMAND_LINE or _is_foreign(name):
            continue
        key = name.removeprefix(PREFIX).lower().replace("__", ".")
        if field_at(key) is None and key.endswith("_file") and field_at(key.removesuffix("_file")):
            key = key.removesuffix("_file")
            values[key] = _from_text(key, read_private(Path(given)).decode("utf-8", "replace"))
        elif field_at(key) is None:
            raise _unknown(key, f"the environment ({name})")
        else:
            values[key] = _from_text(key, given)
        sources[key] = f"environment ({name})"
    return Layer("environment", values, sources)


def flag_layer(flags: Mapping[str, object]) -> Layer:
    """Values given on the command line. Raises UnknownKey."""
    for key in flags:
        check_key(key)
    return Layer("flags", dict(flags), {})


def build(layers: list[Layer]) -> Config:
    """Merge, weakest first, and validate. Raises ValueInvalid."""
    tree: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.values.items():
            section = tree
            *path, last = key.split(".")
            for name in path:
                section = section.setdefault(name, {})
            section[last] = value
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise _invalid(error, layers) from None  # the original would show the value


def check_key(key: str) -> None:
    """Raises UnknownKey with what may have been meant."""
    if field_at(key) is None:
        raise _unknown(key, "")


def shown(key: str, value: object) -> object:
    """A value as it may be printed: secrets hidden, paths and tuples as plain JSON."""
    if value is None:
        return None
    if is_secret(key):
        return HIDDEN
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, tuple):
        return list(value)
    return mask(value) if isinstance(value, str) else value


def parse_value(key: str, text: str) -> Any:
    """Text from a person to the plain value of a TOML file. Raises UnknownKey, ValueInvalid."""
    check_key(key)
    value = _from_text(key, text)
    config = build([Layer("the value given", {key: value}, {})])
    for name in key.split("."):
        config = getattr(config, name)
    plain = shown(key, config)
    return plain if isinstance(plain, bool | int | str | list) else value


def _flatten(table: Mapping[str, Any], prefix: str, source: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    sections = {key.rsplit(".", 1)[0] for key in all_keys() if "." in key}
    sections |= {section.rsplit(".", 1)[0] for section in sections}
    for name, value in table.items():
        key = prefix + name
        if field_at(key) is not None:
            values[key] = value
        elif key in sections and isinstance(value, dict):
            values |= _flatten(value, key + ".", source)
        elif key in sections:
            raise ValueInvalid(f"{key} is a section, not a value (in {source})", key=key)
        else:
            raise _unknown(key, source)
    return values


def _unknown(key: str, source: str) -> UnknownKey:
    known = all_keys()
    sections = sorted({key.rsplit(".", 1)[0] for key in known if "." in key})
    near = difflib.get_close_matches(key, known + sections, n=1, cutoff=0.6)
    if not near:  # the right name in the wrong section
        last = key.rsplit(".", 1)[-1]
        near = [name for name in known if name.rsplit(".", 1)[-1] == last][:1]
    said = f"{key} is not a setting" + (f" (in {source})" if source else "")
    if near:
        return UnknownKey(f"{said}; did you mean {near[0]}?", key=key, near=near[0])
    return UnknownKey(said, key=key)


def _invalid(error: ValidationError, layers: list[Layer]) -> ValueInvalid:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    known = all_keys()
    key = ".".join(str(part) for part in first["loc"])
    while key and key not in known:
        key = key.rpartition(".")[0]
    sources = [layer.sources.get(key, layer.name) for layer in layers if key in layer.values]
    source = sources[-1] if sources else "defaults"
    message = str(first["msg"]).removeprefix("Value error, ")
    return ValueInvalid(f"{key or 'the configuration'}: {message} (from {source})", key=key, source=source)


def _from_text(key: str, text: str) -> Any:
    field = field_at(key)
    if field is None or get_origin(field.annotation) is not tuple:
        return text
    if not text.strip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueInvalid(f"{key}: not a JSON list", key=key) from error
