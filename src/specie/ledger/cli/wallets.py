"""`specie wallet`: make one, see what is in it, receive, pay. Secrets and proofs stand in the files beside this one."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from specie.ledger.cli import keeping, spending
from specie.ledger.cli.desk import DEFAULT_NAME, NAME_PATTERN, Desk, Wrong, at_work, money_of, read_secret, when
from specie.ledger.cli.place import Terminal
from specie.ledger.cli.showing import balance_text, item_json, item_row, payment_json, payment_text
from specie.ledger.cli.vouching import proof
from specie.ledger.wallet.errors import WalletExists
from specie.ledger.wallet.figures import BUCKETS
from specie.ledger.wallet.lookahead import PLACES_AHEAD
from specie.ledger.wallet.seeds import Seed, parse_view
from specie.ledger.wallet.wallet import Wallet, create, wallet_file

wallet = typer.Typer(
    help="Private money on the ledger: receive, pay, prove.\n\n"
    "Examples: specie wallet new · specie wallet pay ADDRESS 12.50",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Which = Annotated[str | None, typer.Option("--wallet", help="Which wallet; the only one, or that of --as.")]
Account = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Account inside the wallet.")]

wallet.add_typer(proof, name="proof")
wallet.add_typer(keeping.backup, name="backup")
for _name, _command in (("export", keeping.export), ("lock", keeping.lock), ("unlock", keeping.unlock)):
    wallet.command(_name)(_command)
for _name, _spend in (("pay", spending.pay), ("send", spending.send), ("withdraw", spending.withdraw)):
    wallet.command(_name)(_spend)


def new_name(desk: Desk, said: str | None) -> str:
    """The name of a wallet to be made. Raises Wrong, WalletExists."""
    name = said or desk.terminal.flags.person or DEFAULT_NAME
    if not re.fullmatch(NAME_PATTERN, name):
        raise Wrong(f"{name!r} is no name: a-z, 0-9, hyphen and underscore")
    if wallet_file(desk.place.wallets(), name).exists():
        raise WalletExists(f"there is a wallet {name} already; it stays as it is", name=name)
    return name


async def made(desk: Desk, name: str, key: Any) -> Wallet:
    """A new wallet's file; taken away again where the making fails."""
    world = await desk.surroundings()
    try:
        return await create(await desk.database(name, world, new=True), world, key)
    except BaseException:
        await desk.databases.pop().close()
        wallet_file(desk.place.wallets(), name).unlink(missing_ok=True)
        raise


@wallet.command("new")
def new(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Its name; main if left out.")] = None,
    view: Annotated[bool, typer.Option("--view", help="View-only, from a text specie-view1… (asked for).")] = False,
) -> None:
    """Make a wallet. Its seed is sealed at once and not shown: make a backup next.

    Examples: specie wallet new · specie wallet new audit --view < view.txt
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        chosen = new_name(desk, name)
        world = await desk.surroundings()
        if view:
            key: Any = parse_view(read_secret(terminal, "View key (specie-view1…):", None))
        else:
            # a birthday that nobody signed could lie in the future, and hide what comes
            key = Seed.generate(world.randomness, (await (await desk.chain()).tip()).header.height)
        opened = await made(desk, chosen, key)
        address = opened.address()
        shown = {"wallet": chosen, "tier": opened.tier, "address": address.text, "owner": address.owner.hex()}
        said = f"✔ wallet {chosen} is made ({opened.tier})\n  address  {address.text}"
        terminal.show(shown, said + ("" if view else f"\n  next     specie wallet backup create --wallet {chosen}"))

    at_work(terminal, work)


@wallet.command("restore")
def restore(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Its name; main if left out.")] = None,
    seed: Annotated[
        Path | None, typer.Option(help="File that holds the text specie-seed1…; asked for if left out.")
    ] = None,
) -> None:
    """Make a wallet again from its seed alone: balance and history are read from the ledger.

    Examples: specie wallet restore · specie wallet restore main --seed backup.txt
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        chosen = new_name(desk, name)
        key = Seed.parse(read_secret(terminal, "Seed (specie-seed1…):", seed))
        opened = await made(desk, chosen, key)
        await desk.up_to_date(opened)
        money, found = money_of(opened), await opened.balance()
        shown = {"wallet": chosen, "total": money.plain(found.total), "items": len(await opened.history())}
        terminal.show(shown, f"✔ wallet {chosen} is restored: {money.words(found.total)}")

    at_work(terminal, work)


@wallet.command("list")
def list_(context: typer.Context) -> None:
    """The wallets of this profile, as they stood when last read.

    Examples: specie wallet list · specie wallet list --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        rows = []
        for name in desk.names():
            opened = await desk.wallet(name)
            standing, found = await opened.standing(), await opened.balance()
            state = "locked" if standing.locked else standing.tier
            rows.append({"wallet": name, "keys": state, "total": money_of(opened).words(found.total),
                         "block": "–" if standing.height is None else standing.height})  # fmt: skip
        terminal.table(rows, ("wallet", "keys", "total", "block"))

    at_work(terminal, work)


@wallet.command("sync")
def sync(context: typer.Context, which: Which = None) -> None:
    """Read the ledger to its tip, and look after payments that are not settled.

    Examples: specie wallet sync · specie wallet sync --jsonl
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        opened = await desk.wallet(which)
        header = await opened.sync(desk.progress)
        found = await opened.balance()
        shown = {"height": header.height, "total": money_of(opened).plain(found.total)}
        terminal.show(shown, f"✔ read to block {header.height}: {money_of(opened).words(found.total)}")

    at_work(terminal, work)


@wallet.command("balance")
def balance(
    context: typer.Context, which: Which = None, account: Annotated[int | None, typer.Option(min=0)] = None
) -> None:
    """What is there, by buckets that add up.

    Examples: specie wallet balance · specie wallet balance --account 1 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        opened = await desk.wallet(which)
        fresh = await desk.up_to_date(opened)
        found, money, standing = await opened.balance(account), money_of(opened), await opened.standing()
        shown: dict[str, Any] = {bucket: money.plain(getattr(found, bucket)) for bucket in BUCKETS}
        shown |= {"total": money.plain(found.total), "height": standing.height, "fresh": fresh}
        terminal.show(shown, balance_text(found, money, standing))

    at_work(terminal, work)


@wallet.command("receive")
def receive(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="From whom: each gets an address of his own.")] = "",
    which: Which = None,
    account: Account = 0,
) -> None:
    """A fresh address. What comes to it is never mixed with what others paid, unless you say so.

    Examples: specie wallet receive alice · specie wallet receive "rent" --account 1
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        opened = await desk.wallet(which)
        issued, address = await opened.receive(name, account)
        if issued.ahead >= PLACES_AHEAD:
            terminal.warn(
                f"{issued.ahead} addresses wait to be paid: a restore from the seed looks {PLACES_AHEAD} ahead."
            )
        shown = {**asdict(issued), "address": address.text, "owner": address.owner.hex()}
        terminal.show(shown, address.text)

    at_work(terminal, work)


@wallet.command("contacts")
def contacts(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="A name to keep.")] = None,
    address: Annotated[str | None, typer.Argument(help="Its address.")] = None,
    which: Which = None,
) -> None:
    """Names that payments can go to: list them, or keep one.

    Examples: specie wallet contacts · specie wallet contacts alice speciel1…
    """
    terminal: Terminal = context.obj
    if (name is None) != (address is None):
        raise Wrong("a contact has a name and an address")

    async def work(desk: Desk) -> None:
        opened = await desk.wallet(which)
        if name is not None and address is not None:
            await opened.remember(name, opened.parse_address(address))
        rows = [{"name": each, "address": kept.text} for each, kept in await opened.contacts()]
        terminal.table(rows, ("name", "address"))

    at_work(terminal, work)


@wallet.command("history")
def history(
    context: typer.Context, which: Which = None, limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50
) -> None:
    """What came and what left, newest first; hostile outputs are named as such.

    Examples: specie wallet history · specie wallet history --limit 500 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        opened = await desk.wallet(which)
        await desk.up_to_date(opened)
        money = money_of(opened)
        names = {opened.recipient_hash(address): name for name, address in await opened.contacts()}
        items = (await opened.history())[:limit]
        if terminal.flags.json or terminal.flags.jsonl:
            terminal.show([item_json(each, money, names) for each in items])
            return
        terminal.table([item_row(each, money, names) for each in items], ("when", "what", "amount", "fee", "who"))

    at_work(terminal, work)


@wallet.command("show")
def show(
    context: typer.Context,
    ident: Annotated[str | None, typer.Argument(help="Beginning of a payment's id; all payments if left out.")] = None,
    which: Which = None,
) -> None:
    """A payment of this wallet: where it stands, what it cost, to whom it went.

    Examples: specie wallet show · specie wallet show 0192f3
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        opened = await desk.wallet(which)
        money = money_of(opened)
        if ident is None:
            rows = [
                {"payment": each.id.hex(), "state": each.state, "amount": money.words(each.amount),
                 "made": when(each.at_us // 1000)}
                for each in await opened.payments()
            ]  # fmt: skip
            terminal.table(rows, ("payment", "state", "amount", "made"))
            return
        if not re.fullmatch(r"[0-9a-f]{1,32}", ident):
            raise Wrong(f"{ident!r} is no id of a payment")
        payment, payees = await opened.payment(ident)
        terminal.show(payment_json(payment, payees, money), payment_text(payment, payees, money))

    at_work(terminal, work)
