"""`specie ledger redemption`: what an institution's operator does with withdrawals: redeem them, or give them back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from specie.ledger.cli.desk import Desk, Money, Wrong, at_work, bytes_of, when
from specie.ledger.cli.place import Terminal
from specie.ledger.errors import Unknown
from specie.ledger.institution import Institution
from specie.ledger.messages.views import time_text
from specie.ledger.messages.withdrawals import withdraw_reference
from specie.ledger.store.institution import RedemptionRow, RedemptionState

redemption = typer.Typer(
    help="Withdrawals for this institution: redeem them, or give them back (for its operator).\n\n"
    "Examples: specie ledger redemption list · specie ledger redemption settle",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Token = Annotated[str, typer.Argument(help="The token that the owner's wallet told, 64 digits.")]
REFUSED = 3
"""Exit code where a rule holds a redemption up."""
SAID = {
    RedemptionState.CLAIMED: "claimed: the burn is not on the ledger yet",
    RedemptionState.ASKED: "asked: the answer is on its way to the ledger",
    RedemptionState.PAID: "paid: recorded on the ledger, quota control has not given the quota back yet",
    RedemptionState.DONE: "done: the quota is back; pay the beneficiary",
    RedemptionState.REFUNDED: "refunded: the value is with its owner again",
}


def row_json(row: RedemptionRow, money: Money) -> dict[str, Any]:
    """A redemption for programs."""
    return {
        "ref": row.withdraw_ref.hex(),
        "token": row.token.hex(),
        "state": row.state.name.lower(),
        "amount": money.plain(row.amount) if row.amount else None,
        "beneficiary": row.beneficiary or None,
        "made": time_text(row.made_us // 1000),
        "request": row.request.hex() if row.request else None,
        "receipt": row.receipt.hex() if row.receipt else None,
        "detail": row.detail or None,
    }


def show_row(terminal: Terminal, row: RedemptionRow, money: Money) -> None:
    """A redemption, for people and programs."""
    mark = "✔" if row.state >= RedemptionState.DONE else "…"
    lines = [f"{mark} {SAID[row.state]}", f"  reference    {row.withdraw_ref.hex()}"]
    if row.amount:
        lines.append(f"  amount       {money.words(row.amount)}")
    if row.beneficiary:
        lines.append(f"  beneficiary  {row.beneficiary}")
    if row.detail:
        lines.append(f"  note         {row.detail}")
    terminal.show(row_json(row, money), "\n".join(lines))


def money_of(bank: Institution) -> Money:
    return Money(bank.genesis.currency, bank.genesis.scale)


@redemption.command("claim")
def claim(
    context: typer.Context,
    token: Token,
    to: Annotated[str, typer.Option("--to", help="Whom the institution pays: your own reference for him.")],
) -> None:
    """Take a withdrawal in and redeem it, as far as it goes now. The same token again changes nothing.

    Examples: specie ledger redemption claim 5f…e1 --to "bob at the desk" · specie ledger redemption claim 5f…e1 --to 7
    """
    terminal: Terminal = context.obj
    data = bytes_of(token, 32, "token")
    if not to.strip():
        raise Wrong("--to names whom the institution pays")

    async def work(desk: Desk) -> None:
        async with desk.place.institution() as bank:
            if terminal.flags.dry_run:
                ref = withdraw_reference(bank.me, data)
                terminal.show({"ref": ref.hex()}, f"would redeem the withdrawal {ref.hex()}")
                return
            row = await bank.claim(data, to)
            if row.beneficiary != to:
                terminal.warn(f"This token was taken in before, for {row.beneficiary or 'nobody'}; that stays.")
            await finish(terminal, bank, row.withdraw_ref)

    at_work(terminal, work)


async def finish(terminal: Terminal, bank: Institution, ref: bytes) -> None:
    """Take one redemption as far as it goes, and show it. Raises as `Institution.settle`."""
    row = await bank.settle(ref)
    show_row(terminal, row, money_of(bank))
    if row.detail and row.state < RedemptionState.DONE:
        raise typer.Exit(REFUSED)


@redemption.command("refuse")
def refuse(context: typer.Context, token: Token) -> None:
    """Give a withdrawal back to whoever burned for it.

    Examples: specie ledger redemption refuse 5f…e1 · specie ledger redemption refuse 5f…e1 --yes
    """
    terminal: Terminal = context.obj
    data = bytes_of(token, 32, "token")

    async def work(desk: Desk) -> None:
        async with desk.place.institution() as bank:
            ref = withdraw_reference(bank.me, data)
            if terminal.flags.dry_run:
                terminal.show({"ref": ref.hex()}, f"would give the withdrawal {ref.hex()} back")
                return
            terminal.confirm(f"Give the withdrawal {ref.hex()[:16]}… back? It can never be redeemed then.")
            show_row(terminal, await bank.refuse(data), money_of(bank))

    at_work(terminal, work)


@redemption.command("settle")
def settle(
    context: typer.Context,
    ref: Annotated[str | None, typer.Argument(help="Beginning of a reference; all that are open if left out.")] = None,
) -> None:
    """Take redemptions as far as they go now. Safe to run at any time, as often as you like.

    Examples: specie ledger redemption settle · specie ledger redemption settle 5f03
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        async with desk.place.institution() as bank:
            if ref is not None:
                await finish(terminal, bank, (await row_of(bank, ref)).withdraw_ref)
                return
            waiting = [row for row in await bank.rows() if row.state < RedemptionState.DONE]
            left = await bank.settle_all()
            shown = {"settled": len(waiting) - left, "open": left}
            terminal.show(shown, f"✔ {len(waiting) - left} settled, {left} still open")

    at_work(terminal, work)


async def row_of(bank: Institution, said: str) -> RedemptionRow:
    """The one redemption whose reference begins so. Raises Wrong, Unknown."""
    if not said or any(digit not in "0123456789abcdef" for digit in said.lower()):
        raise Wrong(f"{said!r} is no beginning of a reference")
    found = [row for row in await bank.rows() if row.withdraw_ref.hex().startswith(said.lower())]
    if not found:
        raise Unknown("no redemption here has this reference")
    if len(found) > 1:
        raise Wrong(f"{said} is the beginning of {len(found)} references")
    return found[0]


@redemption.command("list")
def list_(context: typer.Context) -> None:
    """All redemptions, oldest first.

    Examples: specie ledger redemption list · specie ledger redemption list --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        async with desk.place.institution() as bank:
            money = money_of(bank)
            rows = await bank.rows()
            if terminal.flags.json or terminal.flags.jsonl:
                terminal.show([row_json(row, money) for row in rows])
                return
            lines = [
                {"ref": row.withdraw_ref.hex()[:16], "state": row.state.name.lower(), "beneficiary": row.beneficiary,
                 "amount": money.words(row.amount) if row.amount else "–", "made": when(row.made_us // 1000)}
                for row in rows
            ]  # fmt: skip
            terminal.table(lines, ("ref", "state", "amount", "beneficiary", "made"))

    at_work(terminal, work)


@redemption.command("show")
def show(context: typer.Context, ref: Annotated[str, typer.Argument(help="Beginning of a reference.")]) -> None:
    """How far a redemption has come.

    Examples: specie ledger redemption show 5f03 · specie ledger redemption show 5f03 --json
    """
    terminal: Terminal = context.obj

    async def work(desk: Desk) -> None:
        async with desk.place.institution() as bank:
            show_row(terminal, await row_of(bank, ref), money_of(bank))

    at_work(terminal, work)
