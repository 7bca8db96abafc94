"""`specie supply` and `specie issuance supply`: how much there is, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from specie.issuance.cli.bundles import check_supply, open_bundle, read_records, supply_records, to_lines
from specie.issuance.cli.errors import ProofFailed
from specie.issuance.cli.office import Office, at_work
from specie.issuance.cli.place import QUOTA_CONTROL, Terminal
from specie.issuance.cli.reading import file_of, write_file
from specie.issuance.errors import Denial
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Supply
from specie.issuance.protocol.envelope import open_one

supply = typer.Typer(
    help="How much there is, with proof.\n\nExamples: specie supply show · specie supply prove --out supply.jsonl",
    no_args_is_help=True,
    rich_markup_mode=None,
)
operators_supply = typer.Typer(
    help="Supply proofs.\n\n"
    "Examples: specie issuance supply prove --out supply.jsonl · specie issuance supply verify supply.jsonl",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Out = Annotated[Path, typer.Option(help="File for the bundle.")]
BundleFile = Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, as `prove` writes it.")]


async def statement_of(office: Office) -> Signed[Supply]:
    """The newest signed statement, its signature verified. Raises ProofFailed."""
    keys = await office.read_keys()
    data = await office.quota_control.supply()
    try:
        return open_one(data, Supply, keys, lambda kid: keys.entry(kid, ("qc:bit",)))
    except Denial as refusal:
        raise ProofFailed(f"the supply statement does not verify: {refusal}") from refusal


def figures_of(office: Office, statement: Signed[Supply]) -> dict[str, Any]:
    """Per currency and issuer: issued, redeemed, outstanding."""
    currencies: dict[str, Any] = {}
    for code, (issued, redeemed, issuers) in statement.body.totals.items():
        currencies[code] = row_of(office, code, issued, redeemed) | {
            "issuers": {name: row_of(office, code, *pair) for name, pair in issuers.items()}
        }
    return {
        "system": statement.claims.iss,
        "at": statement.claims.iat,
        "log_size": statement.body.log_size,
        "log_root": statement.body.log_root.hex(),
        "sum_root": statement.body.sum_root.hex(),
        "key": statement.kid.hex(),
        "currencies": currencies,
    }


def row_of(office: Office, code: str, issued: int, redeemed: int) -> dict[str, str]:
    """Amounts as people write them."""
    shown = {"issued": issued, "redeemed": redeemed, "outstanding": issued - redeemed}
    return {name: office.plain(minor, code) for name, minor in shown.items()}


def in_words(office: Office, statement: Signed[Supply]) -> str:
    """The statement for people."""
    lines = []
    for code, (issued, redeemed, _) in statement.body.totals.items():
        said = f"{office.words(issued, code)} − {office.words(redeemed, code)}"
        lines.append(f"{code}: issued − redeemed = {said} = {office.words(issued - redeemed, code)} outstanding")
    lines = lines or ["nothing was issued yet"]
    size, root = statement.body.log_size, statement.body.log_root.hex()[:16]
    return "\n".join([*lines, f"signed by {statement.claims.iss} over {size} leaves of its log, root {root}"])


@supply.command("show")
def show(context: typer.Context) -> None:
    """What quota control states and signs: issued, redeemed, outstanding, per currency and issuer.

    Examples: specie supply show · specie supply show --json
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        await office.read_policy(QUOTA_CONTROL)
        statement = await statement_of(office)
        terminal.show(figures_of(office, statement), in_words(office, statement))

    at_work(terminal, work)


def prove_supply(terminal: Terminal, out: Path) -> None:
    """The newest statement with all that it is recomputed from, as a bundle."""

    async def work(office: Office) -> None:
        await office.read_policy(QUOTA_CONTROL)
        system = office.place.system_id(QUOTA_CONTROL)
        records = supply_records(read_records((await office.place.bundle(supply=True)).encode()), system)
        found = open_bundle(records, office.place.roots(), office.place.environment)
        statement = check_supply(found)
        write_file(out, to_lines(records).encode())
        value = figures_of(office, statement) | {"file": str(out), "records": len(records)}
        said = f"{in_words(office, statement)}\n✔ recomputed from the log; {len(records)} records in {out}"
        terminal.show(value, said)

    at_work(terminal, work)


@supply.command("prove")
def prove(context: typer.Context, out: Out = Path("supply.jsonl")) -> None:
    """Write a bundle from which anyone can recompute the supply.

    Examples: specie supply prove --out supply.jsonl · specie issuance supply verify supply.jsonl
    """
    prove_supply(context.obj, out)


@operators_supply.command("prove")
def prove_again(context: typer.Context, out: Out = Path("supply.jsonl")) -> None:
    """Write a bundle from which anyone can recompute the supply (from the stores of this installation).

    Examples: specie issuance supply prove · specie issuance supply prove --out today.jsonl --json
    """
    prove_supply(context.obj, out)


@operators_supply.command("verify")
def verify(context: typer.Context, file: BundleFile) -> None:
    """Recompute a supply statement from its bundle, off line; exit code 9 if it does not hold.

    Examples: specie issuance supply verify supply.jsonl
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> None:
        records = read_records(file_of(file))
        found = open_bundle(records, office.place.roots(), office.place.environment)
        statement = check_supply(found)
        totals = {code: {"issued": row[0], "redeemed": row[1]} for code, row in statement.body.totals.items()}
        value = {"verified": True, "system": statement.claims.iss, "log_size": statement.body.log_size}
        said = ", ".join(f"{code} {row['issued']} − {row['redeemed']} minor units" for code, row in totals.items())
        terminal.show(
            value | {"minor_units": totals},
            f"✔ the statement of {statement.claims.iss} over {statement.body.log_size} leaves holds:"
            f" {said or 'nothing'}",
        )

    at_work(terminal, work)
