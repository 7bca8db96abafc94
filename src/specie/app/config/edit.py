"""Changing one value in a TOML file without touching its other lines."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from specie.app.config.errors import FileUnreadable, NotEditable, SecretInFile
from specie.app.config.layers import file_layer, parse_value
from specie.app.config.model import is_secret

_TABLE = re.compile(r"\s*\[")


def set_value(path: Path, key: str, text: str) -> object:
    """Write ``key`` into the file and return the value as it now stands there.

    Raises, in this order: SecretInFile, UnknownKey, ValueInvalid, FileUnreadable, NotEditable. The file is
    replaced as a whole and only if it then reads as before but for this key.
    """
    if is_secret(key):
        raise SecretInFile(f"{key} is a secret: give it by environment, by file or as kms:// reference", key=key)
    value = parse_value(key, text)
    old = ""
    if path.exists():
        file_layer(path)
        old = path.read_text("utf-8")
    new = changed(old, key, value)
    _replace(path, new)
    return value


def changed(old: str, key: str, value: Any) -> str:
    """The text with one key changed or added. Raises NotEditable."""
    section, _, name = key.rpartition(".")
    lines = old.split("\n") if old else []
    begin, end = _section(lines, section)
    entry = f"{name} = {_literal(value)}"
    if begin is None:
        while lines and not lines[-1].strip():
            lines.pop()
        lines += ["", f"[{section}]", entry, ""] if lines else [f"[{section}]", entry, ""]
    else:
        at = _line_of(lines, name, begin, end)
        if at is None:
            while end > begin and not lines[end - 1].strip():
                end -= 1
            lines.insert(end, entry)
        else:
            lines[at] = entry + _comment(lines[at])
    new = "\n".join(lines)
    _check(old, new, key, value)
    return new if new.endswith("\n") else new + "\n"


def _section(lines: list[str], section: str) -> tuple[int | None, int]:
    """First line inside a table, and the line after its last; the file's top has no name."""
    begin = 0 if not section else None
    for number, line in enumerate(lines):
        if not _TABLE.match(line):
            continue
        if begin is not None:
            return begin, number
        if re.sub(r"\s", "", line.split("#", 1)[0]) == f"[{section}]":
            begin = number + 1
    return begin, len(lines)


def _line_of(lines: list[str], name: str, begin: int, end: int) -> int | None:
    pattern = re.compile(rf'\s*("?){re.escape(name)}\1\s*=')
    return next((number for number in range(begin, end) if pattern.match(lines[number])), None)


def _comment(line: str) -> str:
    """The comment at the end of a line, with the blanks before it."""
    for match in re.finditer(r"\s*#", line):
        try:
            tomllib.loads(line[: match.start()])
        except tomllib.TOMLDecodeError:
            continue
        return line[match.start() :]
    return ""


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    return json.dumps(str(value), ensure_ascii=False)


def _check(old: str, new: str, key: str, value: Any) -> None:
    wanted = tomllib.loads(old)
    section = wanted
    *path, last = key.split(".")
    for name in path:
        section = section.setdefault(name, {})
    section[last] = value
    try:
        got = tomllib.loads(new)
    except tomllib.TOMLDecodeError as error:
        raise NotEditable(f"{key} cannot be changed line by line; edit the file by hand", key=key) from error
    if got != wanted:
        raise NotEditable(f"{key} cannot be changed line by line; edit the file by hand", key=key)


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be written ({error.strerror})", file=str(path)) from error
