"""`specie wallet backup | export | lock | unlock`: secrets leave the wallet here alone, and only when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specie.crypto.secret import Secret
from specie.ledger.cli.desk import Desk, Wrong, at_work, read_secret, write_file
from specie.ledger.cli.place import Terminal
from specie.ledger.wallet.seeds import view_text
from specie.ledger.wallet.wallet import DETECT_WARNING

Which = Annotated[str | None, typer.Option("--wallet", help="Which wallet; the only one, or that of --as.")]
PASSPHRASE_LETTERS_MIN = 8

backup = typer.Typer(
    help="Backups of a wallet's seed.\n\n"
    "Examples: specie wallet backup create --to seed.txt · specie wallet backup create --yes",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@backup.callback()
def _backup() -> None:
    """A group, even while it has one command."""


@backup.command("create")
def create(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option(help="Write it to this new file (mode 0600) instead of the screen.")
    ] = None,
    which: Which = None,
) -> None:
    """The seed as text. Whoever has it has the money: keep it on paper, out of sight.

    Examples: specie wallet backup create · specie wallet backup create --to seed.txt --yes
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        place = f"into {to}" if to else "on the screen"
        terminal.confirm(f"Show the seed {place}? Whoever reads it can spend everything.")
        seed = await wallet.reveal_seed()
        if to is not None:
            write_file(to, seed.text.encode() + b"\n")
            terminal.show({"file": str(to), "birthday": seed.birthday}, f"✔ the seed is in {to}")
            return
        terminal.show({"seed": seed.text, "birthday": seed.birthday}, seed.text)

    at_work(terminal, work)


def export(
    context: typer.Context,
    detect: Annotated[bool, typer.Option("--detect", help="The detection key for a scan service instead.")] = False,
    to: Annotated[
        Path | None, typer.Option(help="Write it to this new file (mode 0600) instead of the screen.")
    ] = None,
    which: Which = None,
) -> None:
    """The view key as text: sees every payment in and out, spends nothing. It cannot be taken back.

    Examples: specie wallet export --to view.txt · specie wallet export --detect --yes
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        # SPEC LEDGER-11.4.7
        warning = DETECT_WARNING if detect else "Its holder sees all your payments, past and future, for ever."
        terminal.confirm(f"Hand out the {'detection' if detect else 'view'} key? {warning}")
        text = wallet.reveal_detect().reveal().hex() if detect else view_text(wallet.reveal_view())
        if to is not None:
            write_file(to, text.encode() + b"\n")
            terminal.show({"file": str(to)}, f"✔ the key is in {to}")
            return
        terminal.show({"detect" if detect else "view": text}, text)

    at_work(terminal, work)


def lock(
    context: typer.Context,
    passphrase: Annotated[Path | None, typer.Option(help="File with the passphrase; asked for if left out.")] = None,
    which: Which = None,
) -> None:
    """Put the spend key under a passphrase: the wallet still sees, but does not pay.

    Examples: specie wallet lock · specie wallet lock --passphrase pass.txt
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        said = read_secret(terminal, "Passphrase:", passphrase)
        if len(said) < PASSPHRASE_LETTERS_MIN:
            raise Wrong(f"a passphrase has at least {PASSPHRASE_LETTERS_MIN} characters")
        await wallet.lock(Secret(said.encode()))
        terminal.show({"locked": True}, "✔ locked: it sees, but does not spend")

    at_work(terminal, work)


def unlock(
    context: typer.Context,
    passphrase: Annotated[Path | None, typer.Option(help="File with the passphrase; asked for if left out.")] = None,
    which: Which = None,
) -> None:
    """Take the lock off again.

    Examples: specie wallet unlock · specie wallet unlock --passphrase pass.txt
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        wallet = await desk.wallet(which)
        await wallet.unlock(Secret(read_secret(terminal, "Passphrase:", passphrase).encode()))
        terminal.show({"locked": False}, "✔ unlocked")

    at_work(terminal, work)
