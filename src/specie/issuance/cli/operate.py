"""`specie issuance`: what operators, officers and auditors of this room do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from specie.issuance.cli import deciding, pausing, policies
from specie.issuance.cli.auditing import audit
from specie.issuance.cli.keys import keys
from specie.issuance.cli.office import Office, at_work
from specie.issuance.cli.place import Terminal
from specie.issuance.cli.quotas import operators_quota
from specie.issuance.cli.reading import Wrong, object_of, write_file
from specie.issuance.cli.supplies import operators_supply
from specie.issuance.cli.tracing import trace as trace_issue
from specie.issuance.wallet.founding import Terms
from specie.kernel.amount import check_currency_code, parse_minor

issuance = typer.Typer(
    help="Keys, policy, officers, logs (for operators).\n\n"
    "Examples: specie issuance init --yes · specie issuance trace ID",
    no_args_is_help=True,
    rich_markup_mode=None,
)
policy = typer.Typer(
    help="The quota policy.\n\n"
    "Examples: specie issuance policy propose --limit daily=20000 · specie issuance policy apply FILE",
    no_args_is_help=True,
    rich_markup_mode=None,
)
officer = typer.Typer(
    help="Officers' decisions, off line.\n\n"
    "Examples: specie issuance officer approve request.cose --as mina --out approval.cose",
    no_args_is_help=True,
    rich_markup_mode=None,
)
issuance.add_typer(policy, name="policy")
issuance.add_typer(keys, name="keys")
issuance.add_typer(operators_quota, name="quota")
issuance.add_typer(officer, name="officer")
issuance.add_typer(audit, name="audit")
issuance.add_typer(operators_supply, name="supply")
PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A proposal, or a policy with signatures.")]
ObjectFile = Annotated[Path, typer.Argument(metavar="FILE", help="A signed request, enrolment or redemption.")]
Out = Annotated[Path | None, typer.Option(help="File for the result.")]
DIGITS_MAX = 8


@issuance.command("init")
def init(
    context: typer.Context,
    currency: Annotated[str | None, typer.Option(help="Code of the currency.")] = None,
    digits: Annotated[int | None, typer.Option(min=0, max=DIGITS_MAX, help="Decimal places.")] = None,
    total: Annotated[str | None, typer.Option(help="The most that may be outstanding.")] = None,
    daily: Annotated[str | None, typer.Option(help="The most that may be issued in a day.")] = None,
    request_max: Annotated[str | None, typer.Option(help="The largest request.")] = None,
    automatic_max: Annotated[str | None, typer.Option(help="Up to this no officer is needed.")] = None,
    one_officer_max: Annotated[str | None, typer.Option(help="Up to this one officer is needed, above two.")] = None,
) -> None:
    """Found a deployment: keys of all systems and persons, certificates, the first manifest, the genesis policy.

    Examples: specie issuance init --yes · specie issuance init --currency XTS --daily 50000 --yes
    """
    terminal: Terminal = context.obj
    amounts = {
        "stock_cap": total,
        "daily_cap": daily,
        "request_max": request_max,
        "automatic_max": automatic_max,
        "one_officer_max": one_officer_max,
    }
    if currency is not None:
        check_currency_code(currency)

    def change(terms: Terms) -> Terms:
        places = terms.digits if digits is None else digits
        scaled = {name: getattr(terms, name) * 10**places // 10**terms.digits for name in amounts}
        said = {name: parse_minor(text, places) for name, text in amounts.items() if text is not None}
        return replace(terms, currency=currency or terms.currency, digits=places, **(scaled | said))

    async def work(office: Office) -> None:
        if not office.place.is_here():
            terminal.confirm("Make keys for all systems and persons, and the first policy?")
        await office.place.found(change, lambda line: terminal.event("step", f"  {line}"))
        people = office.place.people()
        terminal.show(
            {"founded": True, "people": people, "roots": [public.hex() for public in office.place.roots().values()]},
            f"✔ founded, with keys of {', '.join(people)}; next: specie up",
        )

    at_work(terminal, work)


@issuance.command("trace")
def trace(
    context: typer.Context,
    cti: Annotated[str, typer.Argument(help="Id of any object of the issue: request, credential, bit, unit, issue.")],
) -> None:
    """All objects and log positions of one issue, verified, drawn as the six steps.

    Examples: specie issuance trace ID · specie issuance trace ID --json
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: trace_issue(office, terminal, cti))


@issuance.command("pause")
def pause(
    context: typer.Context,
    scope: Annotated[str, typer.Argument(help="platform, currency:C, issuer:S, direction:issue or direction:redeem.")],
    reason: Annotated[str, typer.Option(help="Why; it stands in the signed object.")],
) -> None:
    """One officer (--as PERSON) stops a scope, at once, in all three systems.

    Examples: specie issuance pause currency:XTS --as mina --reason "incident 12"
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: pausing.pause(office, terminal, scope, reason))


@issuance.command("resume")
def resume(
    context: typer.Context,
    scope: Annotated[str, typer.Argument(help="As it was paused.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    officer: Annotated[list[str], typer.Option(help="Who agrees; two.")],
    pause: Annotated[list[str], typer.Option(help="Hash of each pause that is lifted, as `pause` said it.")],
) -> None:
    """Two officers let go exactly the pauses that they name.

    Examples: specie issuance resume currency:XTS --officer mina --officer omar --pause HASH --reason "over"
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: pausing.resume(office, terminal, scope, reason, officer, pause))


@policy.command("propose")
def propose(
    context: typer.Context,
    limit: Annotated[list[str] | None, typer.Option(help="NAME=CAP: set a cap; again for each limit.")] = None,
    raised: Annotated[list[str] | None, typer.Option("--raise", help="NAME=BY: raise a cap by so much.")] = None,
    lowered: Annotated[list[str] | None, typer.Option("--lower", help="NAME=BY: lower a cap by so much.")] = None,
    automatic_max: Annotated[str | None, typer.Option(help="Up to this no officer is needed.")] = None,
    one_officer_max: Annotated[str | None, typer.Option(help="Up to this one officer is needed.")] = None,
    request_max: Annotated[str | None, typer.Option(help="The largest request.")] = None,
    disclose: Annotated[bool | None, typer.Option("--disclose/--conceal", help="Do denials say what is left?")] = None,
    delay: Annotated[int | None, typer.Option(min=0, help="Seconds that a loosening waits from then on.")] = None,
    currency: Annotated[str | None, typer.Option(help="Which currency's amounts.")] = None,
    out: Annotated[str | None, typer.Option(help="File for the proposal.")] = None,
) -> None:
    """Write the next policy with these changes, unsigned.

    Examples: specie issuance policy propose --limit daily=20000 --out next.proposed ·
    specie issuance policy propose --raise daily=500
    """
    terminal: Terminal = context.obj
    acts = []
    for act, option, texts in (("set", "limit", limit), ("raise", "raise", raised), ("lower", "lower", lowered)):
        for text in texts or ():
            name, equals, figure = text.partition("=")
            if not equals:
                raise Wrong(f"--{option} {text}: NAME=AMOUNT is meant")
            acts.append((act, name, figure))
    changes = policies.Changes(tuple(acts), automatic_max, one_officer_max, request_max, disclose, delay, currency)
    if changes == policies.Changes(currency=currency):
        raise Wrong("nothing to change was named")
    at_work(terminal, lambda office: policies.propose_changes(office, terminal, changes, out))


@policy.command("diff")
def diff(context: typer.Context, file: PolicyFile) -> None:
    """A proposal against the policy in force: what changes, and who has signed.

    Examples: specie issuance policy diff next.proposed
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: policies.diff(office, terminal, file))


@policy.command("sign")
def sign(context: typer.Context, file: PolicyFile, out: Out = None) -> None:
    """Add an officer's signature (--as PERSON), off line.

    Examples: specie issuance policy sign next.proposed --as mina --out next.1 · specie issuance policy sign next.1 --as
    omar --out next.2
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: policies.sign(office, terminal, file, out))


@policy.command("apply")
def apply(context: typer.Context, file: PolicyFile) -> None:
    """Hand a signed policy to all three systems; each judges it for itself.

    Examples: specie issuance policy apply next.2
    """
    terminal: Terminal = context.obj
    at_work(terminal, lambda office: policies.apply(office, terminal, file))


def decide_off_line(terminal: Terminal, file: Path, out: Path | None, reason: str | None, *, yes: bool) -> None:
    """Show in words, sign, write."""

    async def work(office: Office) -> None:
        data, shown = object_of(file)
        hand = deciding.signer(office, terminal)
        subject = await deciding.subject_of(office, data, shown)
        deciding.say(terminal, subject)
        decision = await deciding.sign(hand, subject, reason, yes=yes)
        if out is not None:
            write_file(out, decision)
        value = {**subject.figures, "officer": hand.holder, "decision": "approve" if yes else "reject"}
        said = f"✔ {hand.holder} {'approved' if yes else 'rejected'} it" + (f"; signed in {out}" if out else "")
        terminal.show({**value, "approval": decision.hex()}, said if out else decision.hex())

    at_work(terminal, work)


# SPEC ISSUANCE-11.5
@officer.command("approve")
def approve(
    context: typer.Context,
    file: ObjectFile,
    out: Out = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """Say yes, off line (--as PERSON): shows amount, currency, issuer, owner and remaining quota; signs; writes.

    The signed approval goes to --out, else in hex to standard output; `specie issue approve FILE` hands it in.

    Examples: specie issuance officer approve request.cose --as mina --out approval.cose
    """
    decide_off_line(context.obj, file, out, reason, yes=True)


@officer.command("reject")
def reject(
    context: typer.Context,
    file: ObjectFile,
    reason: Annotated[str, typer.Option(help="Why; it stands in the signed decision.")],
    out: Out = None,
) -> None:
    """Say no, off line (--as PERSON): the same, and one no ends the request.

    Examples: specie issuance officer reject request.cose --as mina --reason "no mandate" --out no.cose
    """
    decide_off_line(context.obj, file, out, reason, yes=False)
