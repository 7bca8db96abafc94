"""Typing commands of this room at a ledger that runs in another thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from typer.main import get_command

from ledger.wallet.town import Town
from specie.app.cli.exits import exit_of
from specie.app.cli.flags import Flags, hoist
from specie.app.cli.terminal import Terminal
from specie.app.errors_catalogue import Catalogue
from specie.kernel.errors import Refused, Unavailable
from specie.ledger.cli import ledger, wallet
from specie.ledger.wallet.wallet import Surroundings

GROUPS = {"wallet": wallet, "ledger": ledger}


class Across:
    """A ledger whose event loop is another thread's."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found: Callable[..., Coroutine[Any, Any, Any]] = getattr(self._target, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(found(*arguments, **named), self._loop))

        return call


@dataclass
class Place:
    """A `LedgerPlace` over a town."""

    town: Town
    reached: Any
    folder: Path

    def ledger(self) -> Any:
        return self.reached

    def wallets(self) -> Path:
        return self.folder / "wallets"

    async def surroundings(self) -> Surroundings:
        return self.town.world(self.reached)

    def new_id(self) -> bytes:
        return self.town.randomness.bytes(16)

    async def close(self) -> None:
        """Nothing is held open."""


class Hearing(Terminal):
    """A terminal that remembers what it shows."""

    def __init__(self, flags: Flags, place: Place) -> None:
        super().__init__(flags, {})
        self.place = place
        self.value: Any = None
        self.text = ""
        self.asked: list[str] = []
        self.notes: list[str] = []

    def ledger_place(self) -> Place:
        return self.place

    def show(self, value: Any, text: str | None = None) -> None:
        self.value, self.text = json.loads(json.dumps(value, default=str)), text or ""

    def table(self, rows: Any, columns: Any) -> None:
        self.show(
            [dict(row) for row in rows], "\n".join(" ".join(str(row.get(c, "")) for c in columns) for row in rows)
        )

    def confirm(self, question: str) -> None:
        self.asked.append(question)
        super().confirm(question)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.notes.append(text)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)


class Street:
    """A town in a thread of its own, and a person who types."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.town: Town = Town()
        self.do(self.town.__aenter__())
        self.place = Place(self.town, Across(self.town.engine, self.loop), folder)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the town's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        self.do(self.town.__aexit__(None, None, None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def type(self, *line: str, **flags: Any) -> tuple[int, Hearing]:
        """Type `specie …`; the exit code, and what was heard."""
        self.town.clock.advance(seconds=1)
        given = Flags(yes=flags.pop("yes", True), **flags)
        words = hoist(line)
        terminal = Hearing(replace(given, json="--json" in words), self.place)
        words = [word for word in words if word not in ("--json", "--yes")]
        try:
            code = get_command(GROUPS[words[0]]).main(
                args=words[1:], prog_name=f"specie {words[0]}", standalone_mode=False, obj=terminal
            )
        except (Refused, Unavailable) as error:
            terminal.value = error
            return int(exit_of(error, Catalogue.load())), terminal
        return int(code or 0), terminal

    def said(self, *line: str, **flags: Any) -> Any:
        """The answer of a command that must succeed, as programs read it."""
        code, terminal = self.type(*line, **flags)
        assert code == 0, terminal.value
        return terminal.value

    def mint(self, name: str) -> bytes:
        """25.00 for a wallet of this folder."""

        async def work() -> bytes:
            from ledger.wallet.town import seed_of
            from specie.crypto.ring import WalletKeys

            found = await self.town.wallet(name)
            assert found._keys.address(0, 0) == WalletKeys.from_seed(seed_of(name).secret.reveal()).address(0, 0)
            return await self.town.mint(found)

        return bytes(self.do(work()))
