"""`specie quota` and `specie issuance quota`: how much may be issued, and how much is left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from specie.issuance.api import Quotas
from specie.issuance.cli.issue import Amount, Currency, ModelName, Operator, Owner, Piles, Purpose, operator_of
from specie.issuance.cli.office import Office, at_work
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, QUOTA_CONTROL, Terminal
from specie.issuance.cli.policies import Changes, propose_changes
from specie.issuance.cli.reading import order_of
from specie.issuance.cli.verdicts import show_plan
from specie.kernel.amount import AMOUNT_MAX

quota = typer.Typer(
    help="How much may be issued, and how much is left.\n\n"
    "Examples: specie quota show · specie quota set daily 20000 --out policy-2.proposed",
    no_args_is_help=True,
    rich_markup_mode=None,
)
operators_quota = typer.Typer(
    help="Figures, and the dry run.\n\nExamples: specie issuance quota show · specie issuance quota plan 5000",
    no_args_is_help=True,
    rich_markup_mode=None,
)
FIGURES = ("cap", "reserved", "used", "available")
NO_LIMIT = "no limit"
At = Annotated[str, typer.Option("--at", help="Whose figures: central-management or quota-control.")]


def rows_of(office: Office, quotas: Quotas) -> list[dict[str, Any]]:
    """Buckets with amounts as people write them; requests are counted."""
    rows = []
    for bucket in quotas.buckets:
        code = bucket.key.split(":")[1].split("/")[0].split("#")[0]
        figures = {name: str(getattr(bucket, name)) for name in FIGURES}
        if bucket.kind != "count":
            figures = {name: office.plain(max(0, getattr(bucket, name)), code) for name in FIGURES}
            if bucket.cap == AMOUNT_MAX:
                figures |= {"cap": NO_LIMIT, "available": NO_LIMIT}
        resets = (
            datetime.fromtimestamp(bucket.resets_at_s, UTC).strftime("%Y-%m-%dT%H:%MZ") if bucket.resets_at_s else ""
        )
        rows.append(
            {"name": bucket.name, "kind": bucket.kind, "currency": code, **figures, "resets": resets, "key": bucket.key}
        )
    return rows


def show_quota(terminal: Terminal, at: str) -> None:
    """Every open bucket of one system."""
    if at not in (CENTRAL_MANAGEMENT, QUOTA_CONTROL):
        raise typer.BadParameter(f"--at {at}: central-management or quota-control")

    async def work(office: Office) -> None:
        await office.read_policy(at)
        system = office.central_management if at == CENTRAL_MANAGEMENT else office.quota_control
        quotas = await system.quotas()
        rows = rows_of(office, quotas)
        if terminal.flags.json or terminal.flags.jsonl:
            expired = {code: office.plain(minor, code) for code, minor in quotas.reserved_expired.items()}
            head = {"system": quotas.system, "at": quotas.at_s, "policy_version": quotas.policy_version}
            terminal.show({**head, "buckets": rows, "reserved_expired": expired})
            return
        terminal.note(f"{quotas.system}, policy {quotas.policy_version}")
        if not rows:
            await show_limits(office, terminal)
            return
        terminal.table(rows, ("name", "kind", "currency", "cap", "reserved", "used", "available", "resets"))

    at_work(terminal, work)


async def show_limits(office: Office, terminal: Terminal) -> None:
    """Before the first request there are no buckets yet: then the limits of the policy."""
    assert office.policy is not None
    rows = [
        {
            "name": limit.name,
            "currency": limit.currency,
            "cap": str(limit.cap) if limit.kind == 4 else office.plain(limit.cap, limit.currency),
            "window": limit.window or "",
        }
        for limit in office.policy.limits
    ]
    terminal.note("nothing was asked for yet; these are the limits of the policy")
    terminal.table(rows, ("name", "currency", "cap", "window"))


@quota.command("show")
def show(context: typer.Context, at: At = CENTRAL_MANAGEMENT) -> None:
    """Every bucket: cap, reserved, used, what is left, and when it resets.

    Examples: specie quota show · specie quota show --at quota-control --json
    """
    show_quota(context.obj, at)


@operators_quota.command("show")
def show_again(context: typer.Context, at: At = CENTRAL_MANAGEMENT) -> None:
    """Every bucket of one system: cap, reserved, used, available.

    Examples: specie issuance quota show · specie issuance quota show --at quota-control --json
    """
    show_quota(context.obj, at)


@quota.command("simulate")
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

    Examples: specie quota simulate 20000 · specie quota simulate 500 --owner bob --json
    """
    plan_order(context.obj, amount, currency, owner, purpose, model, denomination, operator)


@operators_quota.command("plan")
def plan(
    context: typer.Context,
    amount: Amount,
    currency: Currency = None,
    owner: Owner = None,
    purpose: Purpose = "retail",
    model: ModelName = "token",
    denomination: Piles = None,
    operator: Operator = None,
) -> None:
    """What would this request be told? Every check C11 to C17, nothing stored; exit code 3 if it would be refused.

    Examples: specie issuance quota plan 20000 · specie issuance quota plan 5000 --json
    """
    plan_order(context.obj, amount, currency, owner, purpose, model, denomination, operator)


def plan_order(
    terminal: Terminal,
    amount: str,
    currency: str | None,
    owner: str | None,
    purpose: str,
    model: str,
    denomination: list[str] | None,
    operator: str | None,
) -> None:
    """The dry run at central management."""

    async def work(office: Office) -> None:
        who = operator_of(terminal, operator)
        order = await order_of(office, amount, currency, owner, purpose, model, denomination or (), who)
        await show_plan(office, terminal, order)

    at_work(terminal, work)


@quota.command("set")
def set_(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a limit, as in `specie quota show`.")],
    amount: Annotated[str, typer.Argument(help="The new cap; a number of requests for a frequency cap.")],
    out: Annotated[str | None, typer.Option(help="File for the proposal; policy-N.proposed if left out.")] = None,
) -> None:
    """Propose a policy with another cap; it holds once officers have signed it and it is applied.

    Examples: specie quota set daily 20000 · specie quota set daily 20000 --out more.proposed
    """
    terminal: Terminal = context.obj
    changes = Changes(limits=(("set", name, amount),))
    at_work(terminal, lambda office: propose_changes(office, terminal, changes, out))
