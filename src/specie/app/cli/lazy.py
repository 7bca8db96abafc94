"""Groups of commands that are imported when they are used: ``specie --help`` stays under 0.4 s."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup
from typer.main import get_command

from specie.app.cli.errors import NotHere

if TYPE_CHECKING:
    import typer

_ROOT_ONLY = ("install_completion", "show_completion")
PACKAGES = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Command:
    """One entry at the top level."""

    name: str
    module: str
    """Imported when the command is used; holds a ``typer.Typer``."""

    attribute: str
    help: str
    panel: str

    def exists(self) -> bool:
        """Whether the module is there, found out without importing anything."""
        path = PACKAGES.joinpath(*self.module.split("."))
        return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


class Deferred(TyperGroup):
    """Stands for a command until it is used; help texts and suggestions know it by name."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._real: Any = None
        super().__init__(name=command.name, help=command.help, rich_help_panel=command.panel)

    @property
    def real(self) -> Any:
        """The command itself, imported now. Raises NotHere."""
        if self._real is None:
            module = importlib.import_module(self._command.module)
            found: typer.Typer | None = getattr(module, self._command.attribute, None)
            if found is None:
                raise NotHere(f"{self._command.name} is not part of this installation")
            self._real = get_command(found)
            self._real.name = self._command.name
            # Typer gives every app of its own the options that only the root may have.
            self._real.params = [one for one in self._real.params if one.name not in _ROOT_ONLY]
        return self._real

    @property
    def commands(self) -> Any:
        """What stands below it: for those who list everything, like the reference."""
        return getattr(self.real, "commands", {})

    @commands.setter
    def commands(self, commands: Any) -> None:
        """Typer sets an empty mapping when it makes the group; the real one has its own."""

    @property
    def params(self) -> Any:
        """Its arguments and options."""
        return self.real.params

    @params.setter
    def params(self, params: Any) -> None:
        """As with ``commands``."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Let the real command take over. Raises NotHere."""
        return self.real.make_context(info_name, args, parent=parent, **extra)


def deferred(commands: Sequence[Command]) -> dict[str, Deferred]:
    """The commands whose modules exist, in the given order."""
    return {command.name: Deferred(command) for command in commands if command.exists()}
