"""``specie config``: what is set, where it came from, and how to change it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from specie.app.cli.terminal import Terminal
from specie.app.config.edit import set_value
from specie.app.config.layers import Loaded, Places, check_key, shown
from specie.app.config.model import all_keys, field_at, is_secret

config = typer.Typer(
    help="Settings: what they are, where they come from.\n\n"
    "Examples: specie config explain issuance.quota_control.listen_port · specie config set log_level debug",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _complete_key(incomplete: str) -> list[str]:
    return [key for key in all_keys() if key.startswith(incomplete)]


Key = Annotated[str, typer.Argument(help="Name of a setting, with dots.", autocompletion=_complete_key)]


@config.command("show")
def show(context: typer.Context) -> None:
    """Every setting with its value and where it came from; secrets are hidden."""
    terminal: Terminal = context.obj
    loaded = terminal.loaded
    if terminal.flags.json or terminal.flags.jsonl:
        terminal.show({key: loaded.value(key) for key in all_keys()})
        return
    rows = [{"key": key, "value": _text(loaded.value(key)), "from": loaded.origin(key)} for key in all_keys()]
    terminal.table(rows, ("key", "value", "from"))


@config.command("get")
def get(context: typer.Context, key: Key) -> None:
    """The value of one setting; *** for a secret."""
    terminal: Terminal = context.obj
    value = terminal.loaded.value(key)
    terminal.show(value, _text(value))


@config.command("explain")
def explain(context: typer.Context, key: Key) -> None:
    """What a setting is for, its value, where that came from, and its default."""
    terminal: Terminal = context.obj
    check_key(key)
    facts = explained(key, terminal.loaded)
    terminal.show(facts, "\n".join(f"{name:<12} {_text(value)}" for name, value in facts.items()))


@config.command("set")
def set_(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(help="The new value; lists as JSON or with commas.")],
) -> None:
    """Write a setting into your own settings file; its other lines stay as they are."""
    terminal: Terminal = context.obj
    path = Places.usual().user_file
    if terminal.flags.dry_run:
        check_key(key)
        terminal.show({"key": key, "value": value, "file": str(path)}, f"would set {key} = {value} in {path}")
        return
    new = set_value(path, key, value)
    terminal.show({"key": key, "value": new, "file": str(path)}, f"{key} = {_text(new)}   ({path})")
    origin = terminal.loaded.origin(key)
    if origin != str(path):
        terminal.note(f"note: {origin} also sets {key}, and that value is in force")


@config.command("path")
def path(context: typer.Context) -> None:
    """The settings files that are looked for, weakest first, and whether they are there."""
    terminal: Terminal = context.obj
    rows = [{"file": str(file), "there": "yes" if there else "no"} for file, there in terminal.loaded.files]
    terminal.table(rows, ("file", "there"))


@config.command("validate")
def validate(context: typer.Context) -> None:
    """Read all settings and say whether they are right."""
    terminal: Terminal = context.obj
    files = [str(file) for file, there in terminal.loaded.files if there]
    said = f"✔ the settings are right ({', '.join(files) if files else 'no files, defaults only'})"
    terminal.show({"valid": True, "files": files}, said)


def explained(key: str, loaded: Loaded) -> dict[str, Any]:
    """All there is to say about a setting. Raises UnknownKey."""
    check_key(key)
    field = field_at(key)
    assert field is not None
    default = field.get_default(call_default_factory=True)
    return {
        "key": key,
        "value": loaded.value(key),
        "from": loaded.origin(key),
        "default": shown(key, default),
        "about": field.description or "",
        "environment": "SPECIE_" + key.upper().replace(".", "__") + ("  (or …_FILE)" if is_secret(key) else ""),
        "docs": f"docs/reference/configuration.md#{key.replace('.', '-').replace('_', '-')}",
    }


def _text(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "–"
    return str(value)
