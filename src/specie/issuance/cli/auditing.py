"""`specie issuance audit`: logs and proofs, the three books against each other, and all of it for somebody else."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from specie.issuance.cli.bundles import read_records
from specie.issuance.cli.logs import verify_logs
from specie.issuance.cli.office import Office, at_work
from specie.issuance.cli.place import Terminal
from specie.issuance.cli.reading import Wrong, write_file

UNVERIFIED = 9
CSV_FIELDS = ("kind", "system", "size", "hex")

audit = typer.Typer(
    help="Logs, books, evidence.\n\n"
    "Examples: specie issuance audit verify · specie issuance audit export --out bundle.jsonl",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@audit.command("verify")
def verify(context: typer.Context) -> None:
    """Recompute each system's log and hold it to its signed checkpoint; exit code 9 if one does not hold.

    Examples: specie issuance audit verify · specie issuance audit verify --json
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> bool:
        reports = await verify_logs(office)
        lines = []
        for report in reports:
            lines.append(
                f"{'✘' if report.faults else '✔'} {report.system:<6} {report.size} leaves,"
                f" root {report.root.hex()[:16]}, checkpoint {report.checkpoint or '–'}"
            )
            lines += [f"    {fault}" for fault in report.faults]
        good = not any(report.faults for report in reports)
        terminal.show({"verified": good, "logs": [report.to_json() for report in reports]}, "\n".join(lines))
        return good

    if not at_work(terminal, work):
        raise typer.Exit(UNVERIFIED)


# SPEC ISSUANCE-15.3.2
@audit.command("reconcile")
def reconcile(context: typer.Context) -> None:
    """The three logs, I1 to I9 and the registry's figure against each other; exit code 9 and a list if they differ.

    Reads the stores of this installation, and changes nothing.

    Examples: specie issuance audit reconcile · specie issuance audit reconcile --json
    """
    terminal: Terminal = context.obj

    async def work(office: Office) -> bool:
        report = await office.place.audit()
        differences: list[dict[str, Any]] = list(report["differences"])
        lines = [f"✘ {each['id']:<9} {each['system']:<6} {each['detail']}" for each in differences]
        lines = lines or ["✔ the three books agree"]
        terminal.show({"agree": not differences, "differences": differences, "logs": report["logs"]}, "\n".join(lines))
        return bool(report["balanced"])

    if not at_work(terminal, work):
        raise typer.Exit(UNVERIFIED)


@audit.command("export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="File for the bundle.")] = Path("bundle.jsonl"),
    form: Annotated[str, typer.Option("--format", help="jsonl (for specie-verify) or csv.")] = "jsonl",
) -> None:
    """Everything that was signed or logged, as a bundle for the stand-alone verifier (docs/reference/bundle.md).

    Examples: specie issuance audit export --out bundle.jsonl · tools/specie_verify.py bundle bundle.jsonl --root HEX
    """
    terminal: Terminal = context.obj
    if form not in ("jsonl", "csv"):
        raise Wrong(f"--format {form}: jsonl or csv")

    async def work(office: Office) -> None:
        text = await office.place.bundle()
        records = read_records(text.encode())
        write_file(out, (text if form == "jsonl" else as_csv(records)).encode())
        roots = [public.hex() for public in office.place.roots().values()]
        words = " ".join(f"--root {root}" for root in roots)
        terminal.show(
            {"file": str(out), "records": len(records), "roots": roots},
            f"✔ {len(records)} records in {out}\n  tools/specie_verify.py bundle {out} {words}",
        )

    at_work(terminal, work)


def as_csv(records: list[dict[str, Any]]) -> str:
    """A row for each record."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_FIELDS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()
