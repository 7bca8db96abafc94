"""`specie issue`: ask for money, approve it, make it, redeem it."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from specie.issuance.api import IssueView, Order
from specie.issuance.cli import deciding, redeeming, watching
from specie.issuance.cli.office import Office, at_work
from specie.issuance.cli.place import Terminal
from specie.issuance.cli.reading import Wrong, ident_of, order_of, write_file
from specie.issuance.cli.verdicts import show_plan
from specie.kernel.errors import Refused

issue = typer.Typer(
    help="Ask for money, approve it, make it, redeem it.\n\n"
    "Examples: specie issue request 5000 --owner alice · specie issue approve ID --as mina",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Amount = Annotated[str, typer.Argument(help="Like 5000 or 12.50.")]
Currency = Annotated[str | None, typer.Option(help="Code of the currency; that of this deployment if left out.")]
Owner = Annotated[str | None, typer.Option(help="A person's name, an owner id in hex, or BANK/ACCOUNT.")]
Purpose = Annotated[str, typer.Option(help="What it is for; the policy may allow some only.")]
ModelName = Annotated[str, typer.Option("--model", help="token or account.")]
Piles = Annotated[list[str] | None, typer.Option("--denomination", help="VALUE:COUNT, again for each value.")]
Operator = Annotated[str | None, typer.Option(help="Who asks; officers cannot approve what they asked for.")]
Ident = Annotated[str, typer.Argument(help="Id of an issue (or of its request, credential, bit, unit).")]
Named = Annotated[str, typer.Argument(metavar="ID|FILE", help="An issue's id, or a signed request or approval.")]


def operator_of(terminal: Terminal, said: str | None) -> str:
    """Who asks: as said, else --as, else the name at this computer."""
    name = said or terminal.flags.person
    if name is None:
        name = re.sub(r"[^a-z0-9:._-]", "-", getpass.getuser().lower())[:64] or "operator"
    elif not re.fullmatch(r"[a-z0-9:._-]{1,64}", name):
        raise Wrong(f"--operator {name}: 1 to 64 characters of a-z, 0-9, colon, dot, underscore, hyphen")
    return name


@issue.command("request")
def request(
    context: typer.Context,
    amount: Amount,
    currency: Currency = None,
    owner: Owner = None,
    purpose: Purpose = "retail",
    model: ModelName = "token",
    denomination: Piles = None,
    operator: Operator = None,
) -> None:
    """Ask for new money; goes through the six steps, or waits for officers.

    Examples: specie issue request 500 --owner alice · specie issue request 5000 --denomination 100.00:50 --wait
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        who = operator_of(terminal, operator)
        order = await order_of(office, amount, currency, owner, purpose, model, denomination or (), who)
        if terminal.flags.dry_run:
            await show_plan(office, terminal, order)
            return
        key = terminal.flags.idempotency_key or office.place.new_id().hex()
        terminal.note(f"key of this call: {key}")
        try:
            view = await watching.send(office, order, key)
        except Refused as refusal:
            office.enrich(refusal, order.amount, order.currency)
            raise
        if watching.is_waiting(view) and watching.wants_to_wait(context):
            view = await watching.follow(office, terminal, view.id)
        show_issue(office, terminal, view)

    at_work(terminal, work)


def show_issue(office: Office, terminal: Terminal, view: IssueView, **more: Any) -> None:
    """One issue, for people or programs."""
    terminal.show(as_json(office, view) | more, watching.in_words(office, view))


def as_json(office: Office, view: IssueView) -> dict[str, Any]:
    return {
        "id": view.id.hex(),
        "request": view.cti.hex(),
        "request_hash": view.request_hash.hex(),
        "state": view.state,
        "amount": {"currency": view.currency, "value": office.plain(view.amount, view.currency)},
        "units": view.units,
        "code": view.code,
        "detail": view.detail,
        "replayed": view.replayed,
    }


@issue.command("show")
def show(
    context: typer.Context,
    ident: Ident,
    units: Annotated[Path | None, typer.Option(help="Write the units into this folder, a file each.")] = None,
    request: Annotated[Path | None, typer.Option(help="Write the signed request to this file, for officers.")] = None,
) -> None:
    """One issue: where it stands; its units or its signed request as files, if they are wanted.

    Examples: specie issue show ID · specie issue show ID --units money/ · specie issue show ID --request ask.cose
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        await office.read_policy()
        view = await office.issuance.show(await watching.issue_id(office, ident_of(ident)))
        files = []
        if units is not None:
            from specie.issuance.messages.objects import Unit
            from specie.issuance.protocol.envelope import read_unverified

            for data in await office.issuance.units(view.id):
                path = units / f"{read_unverified(data, Unit).claims.cti.hex()}.unit"
                write_file(path, data)
                files.append(str(path))
            terminal.note(f"{len(files)} units are in {units}")
        if request is not None:
            (asked,) = [each.data for each in await office.issuance.trace(view.id) if each.event == "request"]
            write_file(request, asked)
            files.append(str(request))
        show_issue(office, terminal, view, **({"files": files} if files else {}))

    at_work(terminal, work)


@issue.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what waits for officers.")] = False,
) -> None:
    """The newest issues.

    Examples: specie issue list · specie issue list --waiting --json
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        await office.read_policy()
        views = await office.issuance.newest(limit)
        rows = [
            {
                "id": view.id.hex(),
                "state": view.state,
                "amount": office.plain(view.amount, view.currency),
                "currency": view.currency,
                "units": view.units,
                "why": view.code or "",
            }
            for view in views
            if not waiting or view.state == "requested"
        ]
        terminal.table(rows, ("id", "state", "amount", "currency", "units", "why"))

    at_work(terminal, work)


@issue.command("approve")
def approve(
    context: typer.Context,
    what: Named,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """An officer says yes to a request that waits (--as PERSON), or hands in an approval signed elsewhere (FILE).

    Examples: specie issue approve ID --as mina · specie issue approve approval.cose
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: deciding.decide(office, terminal, what, reason, yes=True))


@issue.command("reject")
def reject(
    context: typer.Context,
    what: Named,
    reason: Annotated[str, typer.Option(help="Why; it stands in the signed decision.")],
) -> None:
    """An officer says no (--as PERSON); that ends the request.

    Examples: specie issue reject ID --as mina --reason "no mandate"
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: deciding.decide(office, terminal, what, reason, yes=False))


@issue.command("cancel")
def cancel(
    context: typer.Context,
    ident: Ident,
    reason: Annotated[str, typer.Option(help="Why; it stands in the signed object.")] = "cancelled",
) -> None:
    """An officer (--as PERSON) takes back what is not made yet: rejects a request, revokes a credential.

    Examples: specie issue cancel ID --as mina --reason "asked twice"
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: deciding.cancel(office, terminal, ident, reason))


@issue.command("execute")
def execute(context: typer.Context, ident: Ident) -> None:
    """Take up again now an issue that a system's absence has left under way; nothing happens twice.

    Examples: specie issue execute ID
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        await office.read_policy()
        found = await watching.issue_id(office, ident_of(ident))
        show_issue(office, terminal, await office.issuance.execute(found))

    at_work(terminal, work)


@issue.command("watch")
def watch(context: typer.Context, ident: Ident) -> None:
    """Follow an issue until it ends; Ctrl-C stops watching, not the issue.

    Examples: specie issue watch ID · specie issue watch ID --jsonl
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        await office.read_policy()
        found = await watching.issue_id(office, ident_of(ident))
        show_issue(office, terminal, await watching.follow(office, terminal, found))

    at_work(terminal, work)


@issue.command("simulate")
def simulate(
    context: typer.Context,
    amount: Amount,
    currency: Currency = None,
    owner: Owner = None,
    purpose: Purpose = "retail",
    model: ModelName = "token",
    denomination: Piles = None,
    operator: Operator = None,
) -> None:
    """What would a request be told? Every check, nothing stored; exit code 3 if it would be refused.

    Examples: specie issue simulate 20000 · specie issue simulate 5000 --denomination 100.00:50 --json
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        who = operator_of(terminal, operator)
        order: Order = await order_of(office, amount, currency, owner, purpose, model, denomination or (), who)
        await show_plan(office, terminal, order)

    at_work(terminal, work)


@issue.command("redeem")
def redeem(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(metavar="UNITFILE...", help="Units, a file each.")] = None,
    to: Annotated[str, typer.Option(help="Where the money goes.")] = "",
    of_issue: Annotated[str | None, typer.Option("--issue", help="All units of this issue instead of files.")] = None,
    amount: Annotated[str | None, typer.Option(help="With --issue: units of this sum.")] = None,
    destroy: Annotated[bool, typer.Option("--destroy", help="No beneficiary: needs two officers.")] = False,
    officer: Annotated[list[str] | None, typer.Option(help="With --destroy: who agrees, twice.")] = None,
    receipt: Annotated[Path | None, typer.Option(help="Write the signed receipt to this file.")] = None,
) -> None:
    """Hand units back (--as the owner); the answer is a signed receipt, and the quota has room again.

    Examples: specie issue redeem --issue ID --amount 100 --as alice --to "cash desk" · specie issue redeem a.unit --as
    alice --destroy --officer mina --officer omar
    """
    terminal: Terminal = context.obj
    wish = redeeming.Wish(tuple(files or ()), to, of_issue, amount, destroy, tuple(officer or ()), receipt)
    at_work(terminal, lambda office: redeeming.redeem(office, terminal, wish))
