"""``specie audit``: the supply equation, computed anew from the data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from specie.app.cli.exits import Exit
from specie.app.cli.terminal import Terminal
from specie.app.config.model import AUDITOR
from specie.app.workplace import Workplace
from specie.kernel.errors import Refused, Unavailable

if TYPE_CHECKING:
    from specie.issuance.cli.office import Office

LOOKS, LOOK_EVERY_S = 8, 0.5

audit = typer.Typer(rich_markup_mode=None)


@audit.command("audit")
def check(context: typer.Context) -> None:
    """Check that issued − redeemed − cancelled is what is somewhere; exit code 9 if it is not.

    Reads the stores of this installation and changes nothing; where they are somewhere else, the running services are
    asked for their signed statements and logs, which proves less and says so.

    Examples: specie audit · specie audit --json
    """
    terminal: Terminal = context.obj
    report = terminal.run(look(terminal.workplace()))
    terminal.show(dict(report), in_words(report))
    if not report["balanced"]:
        raise typer.Exit(Exit.UNVERIFIED)


async def look(place: Workplace) -> Mapping[str, Any]:
    """The whole audit where the stores are here, else what the services sign."""
    try:
        if place.url is None and place.has_stores():
            return {**await place.audit(), "basis": "stores"}
        return await ask_services(place)
    finally:
        await place.close()


# SPEC ISSUANCE-15.6.1
async def ask_services(place: Workplace) -> Mapping[str, Any]:
    """Logs against checkpoints, the statement of quota control, and central management's figure beside it."""
    from specie.issuance.cli.logs import verify_logs
    from specie.issuance.cli.office import Office
    from specie.issuance.cli.supplies import statement_of

    office = Office(place)
    policy = await office.read_policy("quota-control")
    statement = await statement_of(office)
    reports = await verify_logs(office)
    differences = [
        {"id": "CHAIN", "system": report.system, "detail": fault, "figures": {}}
        for report in reports
        for fault in report.faults
    ]
    terms: dict[str, dict[str, str]] = {}
    for code in policy.currencies:
        issued, redeemed, _ = statement.body.totals.get(code, (0, 0, {}))
        terms[code] = {"issued": office.plain(issued, code), "redeemed": office.plain(redeemed, code)}
    differences += await lasting_differences(office, list(policy.currencies), statement.claims.iss)
    findings = await open_findings(place)
    return {
        "balanced": not differences and not findings,
        "terms": terms,
        "differences": [*differences, *(findings or [])],
        "auditor": None if findings is None else {"findings_open": len(findings)},
        "logs": {report.system: report.to_json() for report in reports},
        "basis": "statements",
    }


# SPEC ISSUANCE-15.6.1
async def open_findings(place: Workplace) -> list[dict[str, Any]] | None:
    """What the independent auditor found and nothing has made good, as differences; None where it does not answer."""
    try:
        # behind the one door the auditor stands under its own paths, without a role before them
        reply = await (place.door or place.own_client(AUDITOR)).get("/v1/auditor/findings")
        rows = json.loads(reply.body)
    except (Refused, Unavailable, ValueError):
        return None
    return [
        {"id": row["code"], "system": row["system"], "detail": f"{row['subject']}: {row['detail']}", "figures": {}}
        for row in rows
        if row["resolved_at"] is None
    ]


# SPEC ISSUANCE-5.4.7
async def lasting_differences(office: Office, currencies: Sequence[str], system: str) -> list[dict[str, Any]]:
    """I7 over the figures of two running systems. They are read one after the other while reports are on their way, so
    only what still differs after a few looks counts."""
    found: list[dict[str, Any]] = []
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(LOOK_EVERY_S)
        mine = {bucket.key: bucket for bucket in (await office.quota_control.quotas()).buckets}
        theirs = {bucket.key: bucket for bucket in (await office.central_management.quotas()).buckets}
        found = []
        for key in (f"stock:{code}" for code in currencies):
            qc, cm = mine.get(key), theirs.get(key)
            used, known, held = (qc.used if qc else 0), (cm.used if cm else 0), (cm.reserved if cm else 0)
            if not known <= used <= known + held:
                figures = {"central_management": known, "reserved": held, "quota_control": used}
                detail = f"{key}: the two accounts of what is out differ"
                found.append({"id": "I7", "system": system, "detail": detail, "figures": figures})
        if not found:
            break
    return found


def in_words(report: Mapping[str, Any]) -> str:
    """The equation for people."""
    from specie.app.demo.telling import equation

    lines = []
    for code, terms in report["terms"].items():
        if "U" in terms:
            lines.append(f"{code}: {equation(dict(report), code)}")
        else:
            lines.append(f"{code}: issued {terms['issued']} − redeemed {terms['redeemed']} (as quota control signs it)")
    lines += [f"✘ {each['id']:<9} {each['system']:<6} {each['detail']}" for each in report["differences"]]
    lines.append("✔ books balance" if report["balanced"] else "✘ the books do not balance")
    if report["basis"] == "statements":
        lines.append("  from signed statements and logs; the whole audit runs where the stores are")
    return "\n".join(lines)
