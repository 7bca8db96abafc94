"""Sending an order, and following an issue until it ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import typer

from specie.issuance.api import IssueView, Order
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import ISSUANCE, Terminal
from specie.issuance.client.figures import issue_of
from specie.issuance.errors import UnknownRequest
from specie.issuance.messages.objects import Request
from specie.issuance.protocol.envelope import read_unverified
from specie.kernel.errors import Refused

FINISHED = ("released", "denied", "abandoned")
LOOK_EVERY_S = 1
STATES = {
    "new": "on its way to central management",
    "requested": "waits for officers",
    "credentialed": "has its credential; waits for quota control",
    "bit": "counted, and its time to be made has passed: quota control is asked to cancel it",
    "minted": "made; waits for the registry",
    "released": "issued",
    "denied": "refused",
    "abandoned": "given up",
}


def wants_to_wait(context: typer.Context) -> bool:
    """--wait was said: else a request that needs officers is left to them."""
    root = context.find_root()
    source = root.get_parameter_source("wait")
    return bool(root.params.get("wait")) and source is not None and source.name == "COMMANDLINE"


def is_waiting(view: IssueView) -> bool:
    return view.state not in FINISHED


async def send(office: Office, order: Order, key: str) -> IssueView:
    """`POST /v1/issues` with a key: sent twice, it is one issue. Raises the denial, with its evidence."""
    body = json.dumps(office.issuance.order_json(order)).encode()
    headers = (("idempotency-key", key),)
    reply = await office.place.caller(ISSUANCE).call("POST", "/v1/issues", body, "application/json", headers)
    view = issue_of(json.loads(reply.body), office.digits(order.currency))
    replayed: Any = getattr(reply, "replayed", False)
    return replace(view, replayed=bool(replayed))


async def issue_id(office: Office, ident: bytes) -> bytes:
    """The id of the issue that an id belongs to: its own, or that of its request, credential, bit or unit.

    Raises UnknownRequest.
    """
    try:
        return (await office.issuance.show(ident)).id
    except Refused as refusal:
        if refusal.code != UnknownRequest.code:
            raise
        first = refusal
    for traced in await office.issuance.trace(ident):
        if traced.data:
            try:
                cti = read_unverified(traced.data, Request).claims.cti
            except Refused:
                continue
            for view in await office.issuance.newest(1000):
                if view.cti == cti:
                    return view.id
    raise first


async def follow(office: Office, terminal: Terminal, ident: bytes) -> IssueView:
    """Look until it ends, and say what changes."""
    last = ""
    while True:
        view = await office.issuance.show(ident)
        if view.state != last:
            last = view.state
            said = f"{view.id.hex()}  {view.state}: {STATES.get(view.state, '')}"
            terminal.event("state", said, id=view.id.hex(), state=view.state, code=view.code)
        if not is_waiting(view):
            return view
        await asyncio.sleep(LOOK_EVERY_S)


def in_words(office: Office, view: IssueView) -> str:
    """An issue for people."""
    mark = {"released": "✔", "denied": "✘", "abandoned": "✘"}.get(view.state, "…")
    lines = [f"{mark} {office.words(view.amount, view.currency)}  {STATES.get(view.state, view.state)}"]
    lines.append(f"  issue    {view.id.hex()}" + ("   (this call was a repeat)" if view.replayed else ""))
    lines.append(f"  request  {view.cti.hex()}")
    if view.state == "released":
        lines.append(f"  units    {view.units}     specie issue show {view.id.hex()} --units FOLDER")
    elif view.state == "requested":
        lines.append(f"  next     specie issue approve {view.id.hex()} --as OFFICER")
    if view.code:
        lines.append(f"  why      {view.code}" + (f": {view.detail}" if view.detail else ""))
    return "\n".join(lines)
