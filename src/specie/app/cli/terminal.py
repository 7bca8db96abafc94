"""The person's side of a command: flags, configuration, what is shown and what is asked.

Every command gets one as ``context.obj``. Standard output carries the result and nothing else; everything
else goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from specie.app.cli.errors import Declined, Usage
from specie.app.cli.flags import Flags

if TYPE_CHECKING:
    from specie.app.chain.place import LedgerWorkplace
    from specie.app.config.layers import Loaded
    from specie.app.config.model import Config
    from specie.app.http.client import ServiceClient
    from specie.app.workplace import Workplace

T = TypeVar("T")


class Terminal:
    """What commands talk to instead of ``print`` and ``input``."""

    def __init__(self, flags: Flags, environ: Mapping[str, str]) -> None:
        self.flags = flags
        self.environ = environ

    @cached_property
    def loaded(self) -> Loaded:
        """The configuration with its history; read when first asked for. Raises as ``layers.load``."""
        from specie.app.config.layers import load

        return load(environ=self.environ, config_file=self.flags.config_file, profile=self.flags.profile)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.loaded.config

    def color(self, stream: TextIO) -> bool:
        """Whether to colour what goes to this stream."""
        return self.flags.color and "NO_COLOR" not in self.environ and stream.isatty()

    def show(self, value: Any, text: str | None = None) -> None:
        """The result: ``value`` where JSON is wanted, else ``text`` (or a plain form of the value)."""
        if self.flags.json:
            _print(json.dumps(value, ensure_ascii=False, indent=2, default=str), sys.stdout)
        elif self.flags.jsonl:
            _print(json.dumps({"type": "result", "data": value}, ensure_ascii=False, default=str), sys.stdout)
        else:
            _print(_plain(value) if text is None else text, sys.stdout)

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """The result as a table; as a list of objects where JSON is wanted."""
        if self.flags.json or self.flags.jsonl:
            self.show([dict(row) for row in rows])
            return
        cells = [[str(row.get(column, "")) for column in columns] for row in rows]
        widths = [max(len(line[at]) for line in [list(columns), *cells]) for at in range(len(columns))]
        lines = [[column.upper().replace("_", " ") for column in columns], *cells]
        text = "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )
        _print(text, sys.stdout)

    def event(self, kind: str, text: str, **fields: Any) -> None:
        """Progress: a JSON line on standard output with ``--jsonl``, else a note."""
        if self.flags.jsonl:
            _print(json.dumps({"type": kind, **fields}, ensure_ascii=False, default=str), sys.stdout)
        else:
            self.note(text)

    def note(self, text: str) -> None:
        """Something by the way, on standard error; silent with ``--quiet``."""
        if not self.flags.quiet:
            _print(text, sys.stderr)

    def warn(self, text: str) -> None:
        """Something that must be seen: on standard error, whatever the flags."""
        _print(text, sys.stderr)

    def confirm(self, question: str) -> None:
        """Go on only after a yes. Raises Usage (nobody can be asked), Declined."""
        if self.flags.yes:
            return
        if self.flags.no_input or not sys.stdin.isatty():
            raise Usage(f"this asks: {question} Answer beforehand with --yes.")
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Declined

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run asynchronous work to its end on the fast event loop; its logs go to standard error."""
        import uvloop

        from specie.app.telemetry import configure_logging

        level = ("warning", "info", "debug")[min(self.flags.verbose, 2)]
        configure_logging(level, pretty=True, stream=sys.stderr)
        return uvloop.run(work)

    def client(self, role: str, acting_as: str | None = None) -> ServiceClient:
        """A client of one of the configured systems, under the certificate of ``acting_as`` (else its own).

        Raises KeyError for a role that is no system, CertificateUnusable.
        """
        from specie.app.http.client import TIMEOUT_S, ServiceClient

        system = self.config.system(role)
        own = self.config.system(acting_as or role).tls
        tls = own if system.url.startswith("https") else None
        return ServiceClient(
            system.url,
            tls=tls,
            server_id=system.id if tls else None,
            timeout_s=self.flags.timeout_s or TIMEOUT_S,
        )

    def workplace(self) -> Workplace:
        """The systems and the key files that commands of issuance work with. Raises Usage for a bad ``--url``."""
        from specie.app.workplace import Workplace

        return Workplace(self.config, url=self.flags.url, timeout_s=self.flags.timeout_s)

    def ledger_place(self) -> LedgerWorkplace:
        """The ledger and the wallets that commands work with. Raises Usage for a bad ``--url``."""
        from specie.app.chain.place import LedgerWorkplace

        return LedgerWorkplace(self.workplace())


def _print(text: str, stream: TextIO) -> None:
    try:
        print(text, file=stream, flush=True)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:  # the reader has seen enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        width = max((len(str(key)) for key in value), default=0)
        return "\n".join(f"{str(key).ljust(width)}  {_cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(_cell(item) for item in value)
    return _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
