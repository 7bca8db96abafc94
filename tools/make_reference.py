"""Write docs/reference from the code, so that it cannot tell another story: errors, commands, settings, HTTP.

make_reference.py            write the pages
make_reference.py --check    exit status 1 if a page is not what the code says
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by `make docs` from the code; do not edit. -->\n"
CommandPath = tuple[str, ...]
EXIT_STATUS = """Results go to stdout, everything else to stderr. Exit status: 0 done, 1 bug, 2 usage,
3 refused by a rule, 4 not found, 5 conflict or already done, 6 not allowed, 7 unreachable and money unmoved,
8 in doubt (run again with the same key), 9 verification failed, 10 you said no, 130 interrupted."""
PRECEDENCE = """Lowest to highest: defaults, `/etc/specie/specie.toml`, the user's `specie.toml`,
`./specie.toml`, `SPECIE_*` variables, flags. `specie config explain KEY` says where a value comes from."""
KINDS = """A *refusal* is the caller's fault and has a stable code. 503 is *unavailable*: try again. Anything
else is a bug of ours: status 500 with an id and no detail. `type` of a problem is `urn:specie:error:` and the
code."""
METHODS = ("get", "post", "put", "patch", "delete")


def refusals() -> list[type[Exception]]:
    """Every refusal, in the order of the modules; each module is imported to know them.

    A class without a code of its own is a special case of its parent and answers with the parent's.
    """
    package = importlib.import_module("specie")
    for found in pkgutil.walk_packages(package.__path__, "specie."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    errors = importlib.import_module("specie.kernel.errors")
    kinds = {kind for root in (errors.Refused, errors.Unavailable) for kind in classes_below(root)}
    own = {kind for kind in kinds if "code" in vars(kind) or not code_of(kind)}
    return sorted(own | {errors.Unavailable}, key=position)


def classes_below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("specie."):
            yield child
        yield from classes_below(child)


def first_paragraph(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split())


def cell(text: str) -> str:
    """Text that does not break a table row."""
    return " ".join(text.split()).replace("|", "\\|")


def errors_page() -> str:
    """Every code, room by room, in the order of its errors.py: the order in which checks name them."""
    rooms: dict[str, list[type[Exception]]] = {}
    for kind in refusals():
        rooms.setdefault(code_of(kind).partition(".")[0], []).append(kind)
    lines = [NOTE, "# Errors", "", KINDS]
    for room in sorted(rooms):
        lines += ["", f"## {room}", "", "| code | HTTP | meaning |", "|---|---|---|"]
        for kind in rooms[room]:
            meaning = cell(first_paragraph(kind.__doc__))
            lines.append(f"| `{code_of(kind)}` | {getattr(kind, 'status', '')} | {meaning} |")
    return "\n".join(lines) + "\n"


def code_of(kind: type[Exception]) -> str:
    return str(getattr(kind, "code", ""))


def position(kind: type[Exception]) -> tuple[str, int]:
    """Where a class stands in its module."""
    return kind.__module__, list(vars(sys.modules[kind.__module__])).index(kind.__name__)


def commands(command: Any, path: CommandPath) -> Iterator[tuple[CommandPath, Any]]:
    """A command of typer (which keeps its own copy of click) and all below it; hidden ones are left out."""
    yield path, command
    for name, child in sorted(getattr(command, "commands", {}).items()):
        if not child.hidden:
            yield from commands(child, (*path, name))


def parameter_line(parameter: Any) -> str:
    help_text = cell(getattr(parameter, "help", None) or "")
    if parameter.param_type_name == "argument":
        return f"- `{(parameter.name or '').upper()}` {help_text}".rstrip()
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    return f"- `{names}` {help_text}".rstrip()


def cli_page() -> str:
    """Every command with its arguments and options."""
    cli = importlib.import_module("specie.app.cli")
    root = typer.main.get_command(cli.app)
    lines = [NOTE, "# Command line", "", EXIT_STATUS]
    for path, command in commands(root, ("specie",)):
        lines += ["", f"## `{' '.join(path)}`", ""]
        lines += [line.rstrip() for line in (command.help or "").replace("\b", "").strip().splitlines()]
        shown = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
        if shown:
            lines += ["", *[parameter_line(one) for one in shown]]
    return "\n".join(lines) + "\n"


def settings(model: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str, str]]:
    """(name, type, default, meaning) of each setting of a pydantic model; nested ones have dotted names."""
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from settings(field.annotation, (*path, name))
            continue
        default = "" if field.is_required() else json.dumps(field.get_default(), default=str)
        kind = getattr(field.annotation, "__name__", str(field.annotation))
        yield ".".join((*path, name)), kind, default, field.description or ""


def config_page() -> str:
    """Every setting with its environment variable."""
    config = importlib.import_module("specie.app.config")
    lines = [NOTE, "# Settings", "", PRECEDENCE, ""]
    lines += ["| setting | variable | type | default | meaning |", "|---|---|---|---|---|"]
    for name, kind, default, meaning in settings(config.Config):
        variable = "SPECIE_" + name.upper().replace(".", "__")
        shown = f"`{cell(default)}`" if default else "required"
        lines.append(f"| `{name}` | `{variable}` | {cell(kind)} | {shown} | {cell(meaning)} |")
    return "\n".join(lines) + "\n"


def openapi_documents() -> Mapping[str, dict[str, Any]]:
    """System name -> its OpenAPI 3.1 document, as the service itself serves it."""
    reference = importlib.import_module("specie.app.reference")
    documents: Mapping[str, dict[str, Any]] = reference.openapi_documents()
    return documents


def http_page() -> str:
    """Every route of every system."""
    lines = [NOTE, "# HTTP", "", "The whole of each interface is in `openapi-*.json` beside this page."]
    for system, document in sorted(openapi_documents().items()):
        lines += ["", f"## {system}", "", "| call | what |", "|---|---|"]
        for path, item in sorted(document["paths"].items()):
            for method in METHODS:
                if operation := item.get(method):
                    what = operation.get("description") or operation.get("summary") or ""
                    lines.append(f"| `{method.upper()} {path}` | {cell(first_paragraph(what))} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """File name -> text of every page of the reference."""
    makers: dict[str, Callable[[], str]] = {
        "errors.md": errors_page,
        "cli.md": cli_page,
        "config.md": config_page,
        "http.md": http_page,
    }
    texts = {name: make() for name, make in makers.items()}
    for system, document in openapi_documents().items():
        texts[f"openapi-{system}.json"] = json.dumps(document, indent=1, sort_keys=True) + "\n"
    return texts


def main(arguments: list[str]) -> int:
    texts = pages()
    present = {path.name for path in REFERENCE.glob("*") if path.suffix in {".md", ".json"}}
    differs = [name for name, text in texts.items() if name not in present or read(name) != text]
    if "--check" in arguments:
        for name in differs:
            print(f"docs/reference/{name} is not what the code says: run `make docs`")
        return 1 if differs else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name in differs:
        (REFERENCE / name).write_text(texts[name])
        print(f"wrote docs/reference/{name}")
    print(f"{len(texts)} pages, {len(differs)} changed")
    return 0


def read(name: str) -> str:
    return (REFERENCE / name).read_text()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
