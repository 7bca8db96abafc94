"""One command at work: opens the wallet that is meant, closes it again, speaks of money in the chain's digits."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from specie.crypto.secret import Secret
from specie.kernel.amount import format_minor, parse_minor
from specie.kernel.db import Database, open_database
from specie.kernel.db.migrate import run_migrations
from specie.kernel.errors import Unavailable
from specie.ledger.api import Ledger
from specie.ledger.cli.place import LedgerPlace, Terminal
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.views import time_text
from specie.ledger.wallet.chain import Chain
from specie.ledger.wallet.errors import WalletUnknown
from specie.ledger.wallet.store import MIGRATIONS
from specie.ledger.wallet.wallet import Surroundings, Wallet, open_wallet, wallet_file

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"
DEFAULT_NAME = "main"


class Wrong(typer.BadParameter):
    """A usage error; the frame answers with exit code 2."""


@dataclass
class Desk:
    """What a command works with."""

    terminal: Terminal
    place: LedgerPlace
    databases: list[Database] = field(default_factory=list)

    @property
    def ledger(self) -> Ledger:
        return self.place.ledger()

    async def chain(self) -> Chain:
        """The chain as its genesis document names it; only what is proven under it is shown as checked."""
        return Chain(self.ledger, Genesis.decode(await self.ledger.genesis()))

    async def surroundings(self) -> Surroundings:
        return await self.place.surroundings()

    # -- wallets

    def names(self) -> list[str]:
        """The wallets of this profile."""
        folder = self.place.wallets()
        return sorted(path.stem for path in folder.glob("*.sqlite3")) if folder.is_dir() else []

    def name_of(self, said: str | None) -> str:
        """The wallet that is meant: as said, else --as, else the only one there is."""
        name = said or self.terminal.flags.person
        if name is not None:
            return name
        known = self.names()
        return known[0] if len(known) == 1 else DEFAULT_NAME

    async def database(self, name: str, world: Surroundings, *, new: bool = False) -> Database:
        """The database of a wallet, with its tables. Raises WalletUnknown."""
        path = wallet_file(self.place.wallets(), name)
        if not new and not path.is_file():
            known = ", ".join(self.names()) or "none"
            raise WalletUnknown(f"there is no wallet {name} here; known are: {known}", name=name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        url = f"sqlite:///{path}"
        await asyncio.to_thread(run_migrations, url, MIGRATIONS)
        database = open_database(url, world.clock, inline=True)
        self.databases.append(database)
        return database

    async def wallet(self, said: str | None, passphrase: Secret | None = None) -> Wallet:
        """Open a wallet. Raises WalletUnknown, WalletLocked, NetworkMismatch."""
        world = await self.surroundings()
        return await open_wallet(await self.database(self.name_of(said), world), world, passphrase)

    def new_key(self) -> str:
        """A fresh idempotency key."""
        return self.place.new_id().hex()

    async def up_to_date(self, wallet: Wallet) -> bool:
        """Read the ledger to its tip; False, and a word about it, where no node answers."""
        try:
            await wallet.sync(self.progress)
        except Unavailable as error:
            self.terminal.warn(f"The ledger does not answer ({error.code}): this is what was known before.")
            return False
        return True

    def progress(self, height: int, tip: int, found: int) -> None:
        said = f"read block {height} of {tip}, {found} outputs found"
        self.terminal.event("scan", said, height=height, tip=tip, found=found)

    async def close(self) -> None:
        for database in self.databases:
            await database.close()
        await self.place.close()


def at_work(terminal: Terminal, work: Callable[[Desk], Awaitable[None]]) -> None:
    """Run a command's work, and close what it opened whatever happens."""

    async def run() -> None:
        desk = Desk(terminal, terminal.ledger_place())
        try:
            await work(desk)
        finally:
            await desk.close()

    terminal.run(run())


# -- money and time in words


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts in the digits of one chain."""

    currency: str
    digits: int

    def parse(self, text: str) -> int:
        """Minor units of a decimal. Raises AmountMalformed, AmountOutOfRange."""
        return parse_minor(text, self.digits)

    def plain(self, minor: int) -> dict[str, str]:
        """For programs."""
        return {"currency": self.currency, "value": format_minor(minor, self.digits)}

    def words(self, minor: int) -> str:
        """For people."""
        return f"{format_minor(minor, self.digits)} {self.currency}"


def money_of(wallet: Wallet) -> Money:
    return Money(wallet.chain.genesis.currency, wallet.chain.genesis.scale)


def when(time_ms: int) -> str:
    """A block's time for people: to the second."""
    return time_text(time_ms)[:19].replace("T", " ")


# -- files and secrets from the person


def read_file(path: Path, bytes_max: int) -> bytes:
    """The bytes of a file; hexadecimal text is read as what it stands for."""
    try:
        with path.open("rb") as file:
            data = file.read(2 * bytes_max + 2)
    except OSError as error:
        raise Wrong(f"{path} cannot be read ({error.strerror})") from error
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        return data


def write_file(path: Path, data: bytes) -> None:
    """A new file for its owner alone; nothing is overwritten."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(data)
    except FileExistsError as error:
        raise Wrong(f"{path} is there already") from error
    except OSError as error:
        raise Wrong(f"{path} cannot be written ({error.strerror})") from error


def read_secret(terminal: Terminal, question: str, path: Path | None) -> str:
    """A secret from a file, from a pipe, or typed unseen; never from the command line, which others can read."""
    if path is not None:
        return read_file(path, 4096).decode("utf-8", "replace").strip()
    if not sys.stdin.isatty():
        found = sys.stdin.readline().strip()
        if found:
            return found
    if terminal.flags.no_input or not sys.stdin.isatty():
        raise Wrong(f"this asks: {question} Give it in a file, or on standard input.")
    said: Any = typer.prompt(question, hide_input=True, err=True)
    return str(said).strip()


def bytes_of(text: str, size: int, what: str) -> bytes:
    """An id in hexadecimal."""
    try:
        value = bytes.fromhex(text.strip())
    except ValueError:
        value = b""
    if len(value) != size:
        raise Wrong(f"{text!r} is no {what}: {size} bytes in hexadecimal")
    return value
