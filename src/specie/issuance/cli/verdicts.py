"""The dry run: what a request would be told, check by check."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from specie.issuance.api import Order, Verdict
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import ISSUANCE, Terminal
from specie.kernel.amount import AMOUNT_MAX

REFUSED = 3


# SPEC ISSUANCE-14.13
async def show_plan(office: Office, terminal: Terminal, order: Order) -> None:
    """Ask central management and show every verdict; leaves with exit code 3 if the request would be refused."""
    issuer = office.place.system_id(ISSUANCE)
    verdicts = await office.central_management.plan(order, issuer)
    first = next((verdict for verdict in verdicts if verdict.code), None)
    value: dict[str, Any] = {
        "would_be": first.code if first else "accepted",
        "amount": {"currency": order.currency, "value": office.plain(order.amount, order.currency)},
        "issuer": issuer,
        "checks": [as_json(office, verdict, order.currency) for verdict in verdicts],
    }
    said = f"{office.words(order.amount, order.currency)} asked by {issuer} would be "
    said += f"refused: {first.code} ({first.check})" if first else "accepted"
    terminal.show(value, "\n".join([*(in_words(office, verdict, order.currency) for verdict in verdicts), "", said]))
    if first is not None:
        raise typer.Exit(REFUSED)


def as_json(office: Office, verdict: Verdict, code: str) -> dict[str, Any]:
    value = {name: each for name, each in asdict(verdict).items() if each not in (None, "")}
    if verdict.available is not None and verdict.check != "C15":
        value["available"] = {"currency": code, "value": office.plain(verdict.available, code)}
    return {"ok": verdict.code is None, **value}


def in_words(office: Office, verdict: Verdict, code: str) -> str:
    left = ""
    if verdict.available is not None and verdict.available < AMOUNT_MAX // 2:
        shown = str(verdict.available) if verdict.check == "C15" else office.words(verdict.available, code)
        left = f"{shown} left"
    why = f"{verdict.code}: {verdict.detail}" if verdict.code else left
    return f" {'✘' if verdict.code else '✔'} {verdict.check}  {verdict.what:<34} {why}".rstrip()
